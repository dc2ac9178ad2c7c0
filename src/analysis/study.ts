import { type Ranked, rank } from './replications.js';
import type { FailureMetrics, RunMetrics } from './result.js';

/** What several seeds say about some strategies. */
export interface Study {
  /** Seeds each strategy was run with. */
  readonly seeds: number;
  /** Confidence level of the intervals. */
  readonly level: number;
  /** How many of the seeds met all objectives, by name of the strategy; empty when the scenario states none. */
  readonly met: Readonly<Record<string, number>>;
  /** Failed requests of all seeds together by mechanism, by name of the strategy. */
  readonly failures: Readonly<Record<string, readonly FailureMetrics[]>>;
  readonly measures: readonly StudyMeasure[];
}

export interface StudyMeasure {
  readonly name: string;
  /** `seconds`, `share` or `pod-seconds`; empty for counts. */
  readonly unit: string;
  /** Strategies, best first. */
  readonly rows: readonly StudyRow[];
}

export interface StudyRow {
  readonly name: string;
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
  /** Paired difference to the best strategy with its interval; null for the best. */
  readonly difference: { readonly estimate: number; readonly low: number; readonly high: number } | null;
  /** Against the best strategy, adjusted for the number of comparisons; null for the best. */
  readonly pValue: number | null;
  readonly tied: boolean;
}

interface Measure {
  readonly name: string;
  readonly unit: string;
  readonly better: 'low' | 'high';
  readonly value: (metrics: RunMetrics) => number | null;
  /** Takes part in sequential stopping: its mean is far from 0, so that a relative precision means something. */
  readonly sequential?: boolean;
}

const MEASURES: readonly Measure[] = [
  { name: 'Rollout duration', unit: 'seconds', better: 'low', value: (metrics) => metrics.rolloutDuration, sequential: true },
  { name: 'Error share', unit: 'share', better: 'low', value: (metrics) => metrics.errorShare },
  { name: 'Latency p99 during', unit: 'seconds', better: 'low', value: (metrics) => metrics.latency.during.p99, sequential: true },
  { name: 'Latency p99', unit: 'seconds', better: 'low', value: withoutRollout((metrics) => metrics.latency.before.p99), sequential: true },
  { name: 'Lowest available share', unit: 'share', better: 'high', value: (metrics) => metrics.lowestAvailableShare },
  { name: 'Surge', unit: 'pod-seconds', better: 'low', value: (metrics) => metrics.surgePodSeconds },
  { name: 'API writes', unit: '', better: 'low', value: (metrics) => metrics.apiWrites },
  { name: 'API write p99', unit: 'seconds', better: 'low', value: withoutRollout((metrics) => metrics.apiWriteLatency.p99), sequential: true },
  { name: 'etcd commit p99', unit: 'seconds', better: 'low', value: withoutRollout((metrics) => metrics.etcdCommitLatency.p99) },
];

/** Measures that sequential stopping looks at. */
export const PRECISION_MEASURES = MEASURES.filter((measure) => measure.sequential === true);

/** Measures of a run that rolls nothing out. */
function withoutRollout(value: (metrics: RunMetrics) => number | null): (metrics: RunMetrics) => number | null {
  return (metrics) => (metrics.rolloutStart === null ? value(metrics) : null);
}

/**
 * Compares strategies over seeds: `runs` gives, by name of the strategy, the metrics of each seed, in the same order of seeds. A measure
 * that some run does not give (a rollout that never completed) is left out: a mean over the rest would flatter.
 */
export function study(runs: ReadonlyMap<string, readonly RunMetrics[]>, level = 0.95, met: Study['met'] = {}): Study {
  const names = [...runs.keys()];
  const seeds = runs.get(names[0] ?? '')?.length ?? 0;
  const measures = MEASURES.flatMap((measure) => {
    const strategies = names.map((name) => ({ name, values: runs.get(name)!.map(measure.value) }));
    if (strategies.some(({ values }) => values.includes(null))) return [];
    const ranked = rank(strategies as { name: string; values: number[] }[], measure.better, level);
    return [{ name: measure.name, unit: measure.unit, rows: ranked.map(toRow) }];
  });
  const failures = Object.fromEntries(names.map((name) => [name, joinFailures(runs.get(name)!.map((metrics) => metrics.failures))]));
  return { seeds, level, met, failures, measures };
}

/** Failures of several runs together, in order of first appearance. */
export function joinFailures(all: readonly (readonly FailureMetrics[])[]): FailureMetrics[] {
  const joined = new Map<string, FailureMetrics>();
  for (const failures of all) {
    for (const each of failures) {
      const known = joined.get(each.mechanism);
      joined.set(each.mechanism, known === undefined ? each : join(known, each));
    }
  }
  return [...joined.values()];
}

function join(a: FailureMetrics, b: FailureMetrics): FailureMetrics {
  const errors = a.errors + b.errors;
  if (a.meanLag === null || b.meanLag === null) return { ...(a.meanLag === null ? b : a), errors };
  return { mechanism: a.mechanism, errors, meanLag: (a.meanLag * a.errors + b.meanLag * b.errors) / errors, longestLag: Math.max(a.longestLag!, b.longestLag!) };
}

function toRow({ name, interval, difference, pValue, tied }: Ranked): StudyRow {
  const { estimate, low, high } = interval;
  const apart = difference === null ? null : { estimate: difference.estimate, low: difference.low, high: difference.high };
  return { name, estimate, low, high, difference: apart, pValue, tied };
}
