import { type Ranked, rank } from './replications.js';
import type { RunMetrics } from './result.js';

/** What several seeds say about some strategies. */
export interface Study {
  /** Seeds each strategy was run with. */
  readonly seeds: number;
  /** Confidence level of the intervals. */
  readonly level: number;
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
  /** Against the best strategy, adjusted for the number of comparisons; null for the best. */
  readonly pValue: number | null;
  readonly tied: boolean;
}

interface Measure {
  readonly name: string;
  readonly unit: string;
  readonly better: 'low' | 'high';
  readonly value: (metrics: RunMetrics) => number | null;
}

const MEASURES: readonly Measure[] = [
  { name: 'Rollout duration', unit: 'seconds', better: 'low', value: (metrics) => metrics.rolloutDuration },
  { name: 'Error share', unit: 'share', better: 'low', value: (metrics) => metrics.errorShare },
  { name: 'Latency p99 during', unit: 'seconds', better: 'low', value: (metrics) => metrics.latency.during.p99 },
  { name: 'Lowest available share', unit: 'share', better: 'high', value: (metrics) => metrics.lowestAvailableShare },
  { name: 'Surge', unit: 'pod-seconds', better: 'low', value: (metrics) => metrics.surgePodSeconds },
  { name: 'API writes', unit: '', better: 'low', value: (metrics) => metrics.apiWrites },
];

/**
 * Compares strategies over seeds: `runs` gives, by name of the strategy, the metrics of each seed, in the same order of seeds. A measure
 * that some run does not give (a rollout that never completed) is left out: a mean over the rest would flatter.
 */
export function study(runs: ReadonlyMap<string, readonly RunMetrics[]>, level = 0.95): Study {
  const names = [...runs.keys()];
  const seeds = runs.get(names[0] ?? '')?.length ?? 0;
  const measures = MEASURES.flatMap((measure) => {
    const strategies = names.map((name) => ({ name, values: runs.get(name)!.map(measure.value) }));
    if (strategies.some(({ values }) => values.includes(null))) return [];
    const ranked = rank(strategies as { name: string; values: number[] }[], measure.better, level);
    return [{ name: measure.name, unit: measure.unit, rows: ranked.map(toRow) }];
  });
  return { seeds, level, measures };
}

function toRow({ name, interval, pValue, tied }: Ranked): StudyRow {
  return { name, estimate: interval.estimate, low: interval.low, high: interval.high, pValue, tied };
}
