import { goDuration } from '../../api/go-duration.js';
import { type MetricQuery, readQuery } from '../../api/metric-query.js';
import type { AnalysisTemplate, Canary } from '../../api/rollout-kinds.js';
import { SECOND, type Time } from '../../kernel/time.js';
import { rangeOf } from '../flagger/checks.js';
import { advanceAnalysis, type AnalysisPhase, type Found, type MetricRule, newAnalysis, nextMeasurement } from './assess.js';
import { rulesOf } from './rules.js';

/** What an analysis would have decided about a run that is over, from its requests by second. Pure. */

/** Requests of a second that one version answered. */
export interface SecondOfRequests {
  readonly second: number;
  readonly version: string;
  readonly requests: number;
  readonly errors: number;
  /** Seconds. */
  readonly p50: number;
  readonly p99: number;
}

/** Which requests, and when the analysis would have begun and ended, in seconds of the run. */
export interface DryRunInput {
  readonly rows: readonly SecondOfRequests[];
  /** Version that was rolled out. */
  readonly version: string;
  readonly from: number;
  readonly to: number;
}

export interface DryMeasurement {
  /** Seconds since the start of the run. */
  readonly at: number;
  readonly metric: string;
  readonly value: string;
  readonly phase: AnalysisPhase;
}

export interface DryRun {
  readonly measurements: readonly DryMeasurement[];
  readonly phase: AnalysisPhase;
  /** When that was decided, in seconds of the run; null: the run was over before. */
  readonly decidedAt: number | null;
  readonly message: string;
}

/** Least quantile for which the 99th percentile of each second stands; for lower ones the median does. */
const HIGH_QUANTILE = 0.75;

/** A measure over the window before an instant; quantiles are means of those of the seconds, weighted by requests. */
function valueOver({ rows, version }: DryRunInput, query: MetricQuery, at: number): number | undefined {
  const from = at - query.window / SECOND;
  let requests = 0;
  let errors = 0;
  let latency = 0;
  let served = 0;
  for (const row of rows) {
    if (row.second < from || row.second >= at || row.version === '') continue;
    if (query.of !== 'all' && (row.version === version) !== (query.of === 'canary')) continue;
    requests += row.requests;
    errors += row.errors;
    const quantile = (query.quantile ?? 0.99) >= HIGH_QUANTILE ? row.p99 : row.p50;
    const good = row.requests - row.errors;
    if (good > 0 && quantile >= 0) {
      latency += good * quantile;
      served += good;
    }
  }
  const { scale, offset } = query;
  if (query.what === 'requests') return offset + (scale * requests * SECOND) / query.window;
  if (requests === 0) return undefined;
  if (query.what === 'latency') return served === 0 ? undefined : offset + (scale * latency) / served;
  return offset + scale * (query.what === 'errorRate' ? errors / requests : 1 - errors / requests);
}

/** An AnalysisTemplate, begun at the start of the rollout. Throws ExpressionError for conditions that cannot be read. */
export function dryRunTemplate(template: AnalysisTemplate, input: DryRunInput): DryRun {
  const rules = rulesOf(template.spec);
  let state = newAnalysis(input.from * SECOND);
  const measurements: DryMeasurement[] = [];
  let now: Time = nextMeasurement(state, rules);
  while (now <= input.to * SECOND) {
    const at = now / SECOND;
    const find = (rule: MetricRule): Found => {
      const query = template.spec.metrics!.find(({ name }) => name === rule.name)!.provider.prometheus?.query;
      const read = query === undefined ? undefined : readQuery(query);
      if (read === undefined) return { error: 'its query is not understood' };
      if (read.what === 'restarts') return { error: 'a run keeps no restarts by second' };
      const value = valueOver(input, read, at);
      return { value: value === undefined ? [] : [value] };
    };
    const before = state;
    state = advanceAnalysis(state, rules, now, { find });
    for (const { name, measurements: all } of state.results) {
      const last = all.at(-1);
      if (last?.at === now) measurements.push({ at, metric: name, value: last.message ?? last.value, phase: last.phase });
    }
    if (state.phase !== before.phase) return { measurements, phase: state.phase, decidedAt: at, message: state.message };
    now = nextMeasurement(state, rules);
  }
  return { measurements, phase: state.phase, decidedAt: null, message: '' };
}

const DEFAULT_INTERVAL = 60;

/** The metrics of a Canary, looked at once an interval from the first one after the start of the rollout. */
export function dryRunCanary(canary: Canary, input: DryRunInput): DryRun {
  const analysis = canary.spec.analysis ?? canary.spec.canaryAnalysis ?? {};
  const interval = (goDuration(analysis.interval ?? '') ?? DEFAULT_INTERVAL * SECOND) / SECOND;
  const measurements: DryMeasurement[] = [];
  let failed = 0;
  for (let at = input.from + 2 * interval; at <= input.to; at += interval) {
    if (failed >= (analysis.threshold ?? 0)) return { measurements, phase: 'Failed', decidedAt: at, message: `failed checks threshold reached ${failed}` };
    let good = true;
    for (const metric of analysis.metrics ?? []) {
      const window = goDuration(metric.interval ?? '1m') ?? DEFAULT_INTERVAL * SECOND;
      const latency = metric.name === 'request-duration';
      const query: MetricQuery = latency
        ? { what: 'latency', quantile: 0.99, window, of: 'canary', scale: 1000, offset: 0 }
        : { what: 'successRate', window, of: 'canary', scale: 100, offset: 0 };
      if (!latency && metric.name !== 'request-success-rate') continue;
      const value = valueOver(input, query, at);
      const { min, max } = rangeOf(metric);
      const within = value !== undefined && (min === undefined || value >= min) && (max === undefined || value <= max);
      measurements.push({ at, metric: metric.name, value: value === undefined ? 'no values' : String(value), phase: within ? 'Successful' : 'Failed' });
      good &&= within;
    }
    if (!good) failed++;
  }
  return { measurements, phase: 'Successful', decidedAt: null, message: `${failed} failed checks` };
}
