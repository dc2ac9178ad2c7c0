import Table from 'cli-table3';
import { NO_LATENCY } from '../analysis/latency.js';
import type { LatencySummary, PodTraceMetrics, RunMetrics, RunResult } from '../analysis/result.js';
import type { Study } from '../analysis/study.js';
import { type Answer, answer, studyAnswer } from './answer.js';
import { explain, explainRun, explainStudy } from './explanation.js';
import { describeVerdict, formatCount, formatInUnit, formatMeasure, formatSeconds, formatShare, measureName, NONE } from './format.js';
import { AVAILABILITY_COLUMNS, type Column, POD_COLUMNS, STARTUP_PARTS } from './node-columns.js';
import { measureGroups } from './measure-groups.js';
import { Pen, plainStyle, type TerminalOptions } from './pen.js';

const ROLLOUT_COLUMNS: readonly Column[] = [
  ['duration', (metrics) => formatSeconds(metrics.rolloutDuration)],
  ['errors', (metrics) => formatCount(metrics.errors)],
  ['error\nshare', (metrics) => formatShare(metrics.errorShare)],
  ['p50/p99 ms\nbefore', (metrics) => latencyPair(metrics.latency.before)],
  ['p50/p99 ms\nduring', (metrics) => latencyPair(metrics.latency.during)],
  ['p50/p99 ms\nafter', (metrics) => latencyPair(metrics.latency.after)],
  ['lowest\navailable', (metrics) => formatShare(metrics.lowestAvailableShare)],
  ['surge\npod-seconds', (metrics) => formatCount(metrics.surgePodSeconds)],
  ['API\nwrites', (metrics) => formatCount(metrics.apiWrites)],
];

/** Rollouts that were taken back say when, and how many answers the new version gave until then. */
const ROLLBACK_COLUMNS: readonly Column[] = [
  ['taken back\nafter', ({ rollout }) => formatSeconds(rollout?.timeToDetect ?? null)],
  ['gone\nafter', ({ rollout }) => formatSeconds(rollout?.timeToRollBack ?? null)],
  ['new version\nanswers', ({ rollout }) => formatCount(rollout?.blastRadius ?? null)],
];

/** Users' requests stand in the table only when there are users. */
const USER_COLUMNS: readonly Column[] = [
  ['user\nerrors', (metrics) => formatCount(metrics.errors)],
  ['user p50/p99\nms', (metrics) => latencyPair(metrics.latency.before)],
];

const CONTROL_PLANE_COLUMNS: readonly Column[] = [
  ['API\nrequests', (metrics) => formatCount(metrics.apiRequests)],
  ['API\nwrites', (metrics) => formatCount(metrics.apiWrites)],
  ['API write\np50 ms', (metrics) => latencyCell(metrics.apiWriteLatency.p50)],
  ['API write\np99 ms', (metrics) => latencyCell(metrics.apiWriteLatency.p99)],
];

const COMMIT_COLUMNS: readonly Column[] = [
  ['etcd commit\np50 ms', (metrics) => latencyCell(metrics.etcdCommitLatency.p50)],
  ['etcd commit\np99 ms', (metrics) => latencyCell(metrics.etcdCommitLatency.p99)],
];

const PROXY_COLUMNS: readonly Column[] = [
  ['proxy syncs\nall nodes', ({ network }) => formatCount(network?.proxySync?.count ?? null)],
  ['sync ms\np50/p99', ({ network }) => latencyPair(network?.proxySync ?? NO_LATENCY)],
  ['programming ms\np50/p99', ({ network }) => latencyPair(network?.programming ?? NO_LATENCY)],
];

const DNS_COLUMNS: readonly Column[] = [
  ['look-ups', ({ network }) => formatCount(network?.dns?.lookups ?? null)],
  ['queries', ({ network }) => formatCount(network?.dns?.queries ?? null)],
  ['timeouts', ({ network }) => formatCount(network?.dns?.timeouts ?? null)],
  ['look-up ms\np50/p99', ({ network }) => latencyPair(network?.dns?.latency ?? NO_LATENCY)],
];

const ERROR_COLUMN: Column = ['API\nerrors', (metrics) => formatCount(metrics.apiErrors)];

/** What matters only to some: requests without an answer, memory, and what the scenario's own programs got. */
function sometimes(results: readonly RunResult[]): readonly Column[] {
  const any = (test: (metrics: RunMetrics) => boolean) => results.some(({ summary }) => test(summary.metrics));
  const columns: Column[] = [ERROR_COLUMN];
  if (any(({ apiUnanswered }) => apiUnanswered > 0)) columns.push(['no\nanswer', ({ apiUnanswered }) => formatCount(apiUnanswered)]);
  if (any(({ apiServerMemory }) => apiServerMemory.length > 0)) {
    columns.push(['most\nMiB', ({ apiServerMemory }) => megabytes(Math.max(...apiServerMemory.map(({ peakBytes }) => peakBytes)))]);
    columns.push(['OOM\nkills', ({ apiServerMemory }) => formatCount(apiServerMemory.reduce((sum, { kills }) => sum + kills, 0))]);
  }
  for (const name of new Set(results.flatMap(({ summary }) => summary.metrics.apiClients.map((each) => each.name)))) {
    const find = ({ apiClients }: RunMetrics) => apiClients.find((each) => each.name === name);
    columns.push([`${name}\np50/p99 ms`, (metrics) => latencyPair(find(metrics)?.latency ?? NO_LATENCY)]);
    if (any((metrics) => (find(metrics)?.failed ?? 0) > 0)) columns.push([`${name}\nfailed`, (metrics) => formatCount(find(metrics)?.failed ?? null)]);
  }
  return columns;
}

/** Columns of the control plane; with several etcd clusters each has its own. */
function controlPlaneColumns(results: readonly RunResult[]): readonly Column[] {
  const names = new Set(results.flatMap(({ summary }) => summary.metrics.etcdClusters.map(({ name }) => name)));
  if (names.size < 2) return [...CONTROL_PLANE_COLUMNS, ...COMMIT_COLUMNS, ...sometimes(results)];
  const columns = [...names].flatMap((name): Column[] => {
    const find = (metrics: RunMetrics) => metrics.etcdClusters.find((each) => each.name === name);
    return [
      [`${name}\nwrites`, (metrics) => formatCount(find(metrics)?.commitLatency.count ?? null)],
      [`${name}\np50/p99 ms`, (metrics) => latencyPair(find(metrics)?.commitLatency ?? NO_LATENCY)],
      [`${name}\nMiB`, (metrics) => megabytes(find(metrics)?.databaseBytes)],
    ];
  });
  return [...CONTROL_PLANE_COLUMNS, ...columns, ...sometimes(results)];
}

/** kube-proxies and DNS, where they are configured. */
function networkColumns(results: readonly RunResult[]): readonly Column[] {
  const any = (has: (metrics: RunMetrics) => unknown): boolean => results.some(({ summary }) => has(summary.metrics) !== undefined);
  return [
    ...(any(({ network }) => network?.proxySync) ? PROXY_COLUMNS : []),
    ...(any(({ network }) => network?.dns) ? DNS_COLUMNS : []),
  ];
}

/** What a rollout cost and risked. */
function riskRows({ rollout, deficitPodSeconds, timeToFirstNew, timeToHalfNew, timeToAllNew }: RunMetrics): readonly (readonly [string, string])[] {
  if (rollout === null) return [];
  const { errorBudget } = rollout;
  return [
    ['missing pod-seconds', deficitPodSeconds === 0 ? NONE : formatCount(deficitPodSeconds)],
    ['surge cost', rollout.surgeCost === null || rollout.surgeCost === 0 ? NONE : `$${rollout.surgeCost.toPrecision(2)}`],
    ['until first/half/all new', timeToFirstNew === null ? NONE : [timeToFirstNew, timeToHalfNew, timeToAllNew].map((time) => formatSeconds(time)).join(' / ')],
    ['time to detect', formatSeconds(rollout.timeToDetect)],
    ['time to roll back', formatSeconds(rollout.timeToRollBack)],
    ['answers of the new version', `${formatCount(rollout.blastRadius)} (${formatCount(rollout.blastErrors)} errors)`],
    ['error budget burned', errorBudget.burnRate === null ? NONE : `burn rate ${errorBudget.burnRate.toPrecision(3)}`],
    ['wasted starts', rollout.wastedStarts === 0 ? NONE : formatCount(rollout.wastedStarts)],
  ];
}

/** Pods of a recorded trace: what was bound, how full each resource was at most, and how fragmented it is at the end. */
function traceColumns(results: readonly RunResult[]): readonly Column[] {
  const resources = new Set(results.flatMap(({ summary }) => Object.keys(summary.metrics.podTrace?.resources ?? {})));
  return [
    ['bound', ({ podTrace }) => formatCount(podTrace?.bound ?? null)],
    ['pending', ({ podTrace }) => formatCount(podTrace?.pending ?? null)],
    ['pending ms\np50/p99', ({ podTrace }) => latencyPair(podTrace?.pendingTime ?? NO_LATENCY)],
    ...[...resources].flatMap((name): Column[] => [
      [`${shortName(name)}\nallocated`, ({ podTrace }) => formatShare(podTrace?.resources[name]?.max ?? null)],
      ['fragmented\nof the rest', ({ podTrace }) => formatShare(podTrace?.resources[name]?.fragmentedEnd ?? null)],
    ]),
  ];
}

/** An extended resource without its domain. */
function shortName(resource: string): string {
  return resource.slice(resource.indexOf('/') + 1);
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? NONE : (bytes / 1048576).toFixed(1);
}

/**
 * The answer of a comparison, then one table with a row a strategy or variant: what the rollout did to its users, or without a
 * rollout how the control plane fared. Ends with a line feed.
 */
export function renderComparison(results: readonly RunResult[], options: TerminalOptions & { readonly measures?: boolean } = {}): string {
  const pen = new Pen(options);
  const rollout = results.some(({ summary }) => summary.metrics.rolloutStart !== null);
  const users = results.some(({ summary }) => summary.metrics.requests > 0);
  const traces = results.some(({ summary }) => summary.metrics.podTrace !== null);
  const network = networkColumns(results);
  const asked = (metric: string): boolean => results.some(({ summary }) => summary.verdicts.some((verdict) => verdict.metric === metric));
  const nodes = asked('podStartup') ? POD_COLUMNS : asked('availability') ? AVAILABILITY_COLUMNS : [];
  const plain = network.length > 0 ? network : traces ? traceColumns(results) : nodes.length > 0 ? nodes : controlPlaneColumns(results);
  const back = results.some(({ summary }) => (summary.metrics.rollout?.timeToDetect ?? null) !== null);
  const columns = rollout ? [...ROLLOUT_COLUMNS, ...(back ? ROLLBACK_COLUMNS : [])] : [...plain, ...(users ? USER_COLUMNS : [])];
  const first = results.some(({ summary }) => summary.strategy === null) ? 'variant' : 'strategy';
  const table = new Table({
    ...plainStyle(pen),
    head: [first, ...columns.map(([head]) => head), 'verdict'].map((content) => ({
      content,
      vAlign: 'bottom',
    })) as unknown as string[],
    colAligns: ['left', ...columns.map(() => 'right' as const), 'left'],
  });
  for (const result of results) {
    const cells = columns.map(([, cell]) => cell(result.summary.metrics));
    table.push([pen.bold(result.name), ...cells, verdictCell(result, pen)]);
  }
  return pen.finish([...head(results, answer(results), pen), table.toString(), ...(options.measures === true ? ['', allMeasures(results, pen)] : []), ...why(explain(results))]);
}

/** Everything that the runs are compared by, a row a measure: what the report's table has. */
function allMeasures(results: readonly RunResult[], pen: Pen): string {
  const table = new Table({ ...plainStyle(pen), head: ['', ...results.map(({ name }) => name)], colAligns: ['left', ...results.map(() => 'right' as const)] });
  for (const [group, measures] of measureGroups(results)) {
    const rows = measures.filter(({ value }) => results.some((result) => value(result) !== null));
    if (rows.length > 0) table.push([pen.bold(group), ...results.map(() => '')]);
    for (const { name, value, text } of rows) table.push([`  ${name}`, ...results.map((result) => text(value(result)))]);
  }
  return table.toString();
}

/**
 * Strategies over several seeds: a table a row a measure, a column a strategy, each cell the mean with half its interval. `=` marks the
 * best and those that are not significantly worse.
 */
export function renderStudy(study: Study, options: TerminalOptions & { readonly question?: string } = {}): string {
  const pen = new Pen(options);
  const order = Object.keys(study.failures);
  const table = new Table({
    ...plainStyle(pen),
    head: ['', ...order],
    colAligns: ['left', ...order.map(() => 'right' as const)],
  });
  for (const measure of study.measures) {
    const { unit, rows } = measure;
    // What is nothing everywhere says nothing.
    if (rows.every(({ estimate, low, high }) => estimate === 0 && low === 0 && high === 0)) continue;
    const cells = order.map((strategy) => {
      const row = rows.find((entry) => entry.name === strategy);
      if (row === undefined) return `${NONE}  `;
      const text = `${formatMeasure(row.estimate, unit)} ${pen.plusMinus} ${formatMeasure(row.high - row.estimate, unit)}`;
      const best = row.tied && rows.length > 1;
      return `${best ? pen.bold(text) : text} ${best ? '=' : ' '}`;
    });
    table.push([measureName(measure), ...cells]);
  }
  const percent = Math.round(study.level * 100);
  const said = studyAnswer(study);
  const legend = `mean ${pen.plusMinus} half of the ${percent}% interval over ${study.seeds} seeds; = not significantly worse than the best (Holm)${study.measures.some(({ absent }) => absent.length > 0) ? `; ${NONE} not with every seed` : ''}`;
  const lines = said.findings.map((line) => `  ${line}.`);
  const question = options.question === undefined || options.question === '' ? [] : [pen.dim(options.question)];
  return pen.finish([...question, pen.bold(said.headline), ...lines, '', table.toString(), '', pen.dim(legend), ...why(explainStudy(study))]);
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
    ...riskRows(metrics),
    ['pods created', formatCount(metrics.podsCreated)],
    ['pod startup p50/p99', latencyWords(metrics.podStartup.pod_startup)],
    ...Object.entries(STARTUP_PARTS).map(([part, name]) => [`  ${name}`, latencyWords(metrics.podStartup[part as keyof typeof metrics.podStartup])] as const),
    ...traceRows(metrics.podTrace),
    ['API requests', `${formatCount(metrics.apiRequests)} (${formatCount(metrics.apiWrites)} writes)`],
    ['API errors (429 and 5xx)', metrics.apiErrors === 0 ? NONE : formatCount(metrics.apiErrors)],
    ['API requests without an answer', metrics.apiUnanswered === 0 ? NONE : formatCount(metrics.apiUnanswered)],
    ...metrics.apiServerMemory.map(({ name, peakBytes, kills }) => [`${name}, most memory`, `${megabytes(peakBytes)} MiB${kills === 0 ? '' : `, killed ${kills} times`}`] as const),
    ...metrics.apiClients.map(({ name, requests, failed, latency }) => [`${name}, ${formatCount(requests)} requests${failed === 0 ? '' : `, ${formatCount(failed)} failed`}`, latencyWords(latency)] as const),
    ['API write latency p50/p99', latencyWords(metrics.apiWriteLatency)],
    ['etcd commit latency p50/p99', latencyWords(metrics.etcdCommitLatency)],
    ...(metrics.etcdClusters.length < 2 ? [] : metrics.etcdClusters).map(
      ({ name, commitLatency }) =>
        [`  ${name}, ${formatCount(commitLatency.count)} writes`, latencyWords(commitLatency)] as const,
    ),
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
    ...why([explainRun(result)].flatMap((said) => said ?? [])),
    ...(levels.length > 0 ? ['', pen.dim('official service levels of Kubernetes'), ...levels] : []),
  ]);
}

/** Pods of a recorded trace: what was bound, how long they waited, and how full and fragmented the cluster is at the end. */
function traceRows(trace: PodTraceMetrics | null): readonly (readonly [string, string])[] {
  if (trace === null) return [];
  return [
    ['pods of the trace bound', `${formatCount(trace.bound)} of ${formatCount(trace.created)} created`],
    ['pods of the trace pending', formatCount(trace.pending)],
    ['pending time p50/p99', latencyWords(trace.pendingTime)],
    ...Object.entries(trace.resources).map(
      ([name, { mean, max, end, fragmentedEnd }]) =>
        [
          `${name} allocated mean/max/end`,
          `${formatShare(mean)} / ${formatShare(max)} / ${formatShare(end)}, fragmented ${formatShare(fragmentedEnd)} of the rest`,
        ] as const,
    ),
  ];
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

/** Why requests failed, below a table. */
function why(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', ...lines.map((line) => `${line}.`)];
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

function latencyCell(seconds: number | null): string {
  return seconds === null ? NONE : milliseconds(seconds);
}

function milliseconds(seconds: number): string {
  const value = seconds * 1000;
  return value < 9.95 ? value.toFixed(1) : formatCount(Math.round(value));
}

function latencyWords(latency: LatencySummary): string {
  return `${formatInUnit(latency.p50, 'seconds')} / ${formatInUnit(latency.p99, 'seconds')}`;
}
