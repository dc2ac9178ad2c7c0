import Table from 'cli-table3';
import type { LatencySummary, RunResult } from '../analysis/result.js';
import type { Study } from '../analysis/study.js';
import { type Answer, answer } from './answer.js';
import { describeVerdict, formatCount, formatInUnit, formatSeconds, formatShare, NONE } from './format.js';

/** What the terminal can show. The default suits a pipe or a file: ASCII, no colour. */
export interface TerminalOptions {
  /** Box-drawing characters, check marks and µ. */
  readonly unicode?: boolean;
  /** ANSI colours. */
  readonly color?: boolean;
}

const RULES = { unicode: '─', ascii: '-' };

/** The answer of a comparison, then one table with a row a strategy. Ends with a line feed. */
export function renderComparison(results: readonly RunResult[], options: TerminalOptions = {}): string {
  const pen = new Pen(options);
  const table = new Table({
    ...plainStyle(pen),
    head: [
      'strategy',
      'duration',
      'errors',
      'error\nshare',
      'p50/p99 ms\nbefore',
      'p50/p99 ms\nduring',
      'p50/p99 ms\nafter',
      'lowest\navailable',
      'surge\npod-seconds',
      'API\nwrites',
      'verdict',
    ].map((content) => ({ content, vAlign: 'bottom' })) as unknown as string[],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'left'],
  });
  for (const result of results) {
    const { metrics } = result.summary;
    table.push([
      pen.bold(result.name),
      formatSeconds(metrics.rolloutDuration),
      formatCount(metrics.errors),
      formatShare(metrics.errorShare),
      latencyPair(metrics.latency.before),
      latencyPair(metrics.latency.during),
      latencyPair(metrics.latency.after),
      formatShare(metrics.lowestAvailableShare),
      formatCount(metrics.surgePodSeconds),
      formatCount(metrics.apiWrites),
      verdictCell(result, pen),
    ]);
  }
  return pen.finish([...head(results, answer(results), pen), table.toString()]);
}

/**
 * Strategies over several seeds: a table a row a measure, a column a strategy, each cell the mean with half its interval. `=` marks the
 * best and those that are not significantly worse.
 */
export function renderStudy(study: Study, options: TerminalOptions = {}): string {
  const pen = new Pen(options);
  const names = study.measures[0]?.rows.map((row) => row.name) ?? [];
  const order = [...names].sort((a, b) => (a < b ? -1 : 1));
  const table = new Table({
    ...plainStyle(pen),
    head: ['', ...order],
    colAligns: ['left', ...order.map(() => 'right' as const)],
  });
  for (const { name, unit, rows } of study.measures) {
    const cells = order.map((strategy) => {
      const row = rows.find((entry) => entry.name === strategy)!;
      const half = formatInUnit(row.high - row.estimate, unit === 'pod-seconds' ? '' : unit).trim();
      const text = `${formatInUnit(row.estimate, unit === 'pod-seconds' ? '' : unit).trim()} ${pen.plusMinus} ${half}`;
      return `${row.tied ? pen.bold(text) : text} ${row.tied ? '=' : ' '}`;
    });
    table.push([unit === 'pod-seconds' ? `${name}, ${unit}` : name, ...cells]);
  }
  const percent = Math.round(study.level * 100);
  const legend = `mean ${pen.plusMinus} half of the ${percent}% interval over ${study.seeds} seeds; = not significantly worse than the best (Holm)`;
  return pen.finish([table.toString(), '', pen.dim(legend)]);
}

/** The answer of one run, then its measures line by line. Ends with a line feed. */
export function renderRun(result: RunResult, options: TerminalOptions = {}): string {
  const pen = new Pen(options);
  const { summary } = result;
  const { metrics } = summary;
  const table = new Table({ ...plainStyle(pen), colAligns: ['left', 'right'] });
  const rows: readonly (readonly [string, string])[] = [
    ['rollout duration', formatSeconds(metrics.rolloutDuration)],
    ['requests', formatCount(metrics.requests)],
    ['errors', `${formatCount(metrics.errors)} (${formatShare(metrics.errorShare)})`],
    ...Object.entries(metrics.errorsByCause).map(([cause, count]) => [`  ${cause}`, formatCount(count)] as const),
    ['latency p50/p99 before', latencyWords(metrics.latency.before)],
    ['latency p50/p99 during', latencyWords(metrics.latency.during)],
    ['latency p50/p99 after', latencyWords(metrics.latency.after)],
    ['lowest available share', formatShare(metrics.lowestAvailableShare)],
    ['surge pod-seconds', formatCount(metrics.surgePodSeconds)],
    ['pods created', formatCount(metrics.podsCreated)],
    ['pod startup p50/p99', latencyWords(metrics.podStartup.pod_startup)],
    ['API requests', `${formatCount(metrics.apiRequests)} (${formatCount(metrics.apiWrites)} writes)`],
    ['API write latency p50/p99', latencyWords(metrics.apiWriteLatency)],
    ['etcd commit latency p50/p99', latencyWords(metrics.etcdCommitLatency)],
    ['simulated time', formatSeconds(summary.simulatedSeconds)],
    ['events', formatCount(summary.events)],
    ['trace hash', summary.traceHash],
  ];
  for (const [name, value] of rows) {
    if (!EMPTY.has(value)) table.push([name, value]);
  }
  const levels = summary.serviceLevels.map((level) => `${pen.mark(level.met)} ${describeVerdict(level)}`);
  const verdicts = summary.verdicts.map((verdict) => `${pen.mark(verdict.met)} ${describeVerdict(verdict)}`);
  return pen.finish([
    ...head([result], { ...answer([result]), misses: [] }, pen),
    ...verdicts,
    ...(verdicts.length > 0 ? [''] : []),
    table.toString(),
    ...(levels.length > 0 ? ['', pen.dim('official service levels of Kubernetes'), ...levels] : []),
  ]);
}

const EMPTY: ReadonlySet<string> = new Set([NONE, `0 (${NONE})`, `${NONE} / ${NONE}`]);

function head(results: readonly RunResult[], said: Answer, pen: Pen): string[] {
  const question = results[0]?.summary.question ?? '';
  const good = said.outcome === 'all' || said.outcome === 'some';
  const mark = said.outcome === 'unjudged' ? '' : `${pen.mark(good)} `;
  const findings = [...new Set(results.flatMap((result) => result.summary.findings))];
  return [
    ...(question === '' ? [] : [pen.dim(question)]),
    `${mark}${pen.bold(said.headline)}`,
    ...said.misses.map((miss) => `  ${miss}.`),
    ...findings.map((finding) => `  ${pen.warn('note:')} ${finding}`),
    '',
  ];
}

function verdictCell(result: RunResult, pen: Pen): string {
  const { verdicts, met } = result.summary;
  if (verdicts.length === 0) return NONE;
  const kept = verdicts.filter((verdict) => verdict.met).length;
  return `${pen.mark(met)} ${kept}/${verdicts.length}`;
}

/** `21/110`: p50 and p99 in milliseconds. */
function latencyPair(latency: LatencySummary): string {
  if (latency.p50 === null || latency.p99 === null) return NONE;
  return `${milliseconds(latency.p50)}/${milliseconds(latency.p99)}`;
}

function milliseconds(seconds: number): string {
  const value = seconds * 1000;
  return value < 9.95 ? value.toFixed(1) : formatCount(Math.round(value));
}

function latencyWords(latency: LatencySummary): string {
  return `${formatInUnit(latency.p50, 'seconds')} / ${formatInUnit(latency.p99, 'seconds')}`;
}

/** Columns apart by blanks, one rule under the head. */
function plainStyle(pen: Pen): Table.TableConstructorOptions {
  const { rule } = pen;
  return {
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
      mid: rule,
      'mid-mid': rule + rule,
    },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  };
}

/** Marks and colours of a terminal. */
class Pen {
  readonly rule: string;
  private readonly unicode: boolean;
  private readonly color: boolean;

  constructor(options: TerminalOptions) {
    this.unicode = options.unicode ?? false;
    this.color = options.color ?? false;
    this.rule = this.unicode ? RULES.unicode : RULES.ascii;
  }

  get plusMinus(): string {
    return this.unicode ? '±' : '+-';
  }

  mark(good: boolean): string {
    const sign = this.unicode ? (good ? '✓' : '✗') : good ? 'ok' : 'NO';
    return this.paint(sign, good ? '32' : '31');
  }

  bold(text: string): string {
    return this.paint(text, '1');
  }

  dim(text: string): string {
    return this.paint(text, '2');
  }

  warn(text: string): string {
    return this.paint(text, '33');
  }

  /** Joins lines without trailing blanks; `us` becomes `µs` where the terminal can show it. */
  finish(lines: readonly string[]): string {
    const text = lines
      .join('\n')
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n');
    return `${this.unicode ? text.replace(/(\d) us\b/g, '$1 µs') : text}\n`;
  }

  private paint(text: string, code: string): string {
    return this.color ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}
