import { MEASURES } from './measures.js';
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
  /** What it is about: measures of one group follow one another. */
  readonly group: string;
  /** `seconds`, `share`, or a name for what is counted; empty for counts. */
  readonly unit: string;
  /** Strategies that give it with every seed, best first. */
  readonly rows: readonly StudyRow[];
  /** The others: a mean over the rest of their seeds would flatter. */
  readonly absent: readonly string[];
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

/**
 * Compares strategies over seeds: `runs` gives, by name of the strategy, the metrics of each seed, in the same order of seeds. A strategy
 * that does not give a measure with every seed (a rollout that never completed) is not ranked by it; a measure that none gives is left out.
 */
export function study(runs: ReadonlyMap<string, readonly RunMetrics[]>, level = 0.95, met: Study['met'] = {}): Study {
  const names = [...runs.keys()];
  const seeds = runs.get(names[0] ?? '')?.length ?? 0;
  const measures = MEASURES.flatMap((measure) => {
    const strategies = names.map((name) => ({ name, values: runs.get(name)!.map(measure.value) }));
    const given = strategies.filter(({ values }) => !values.includes(null)) as { name: string; values: number[] }[];
    if (given.length === 0) return [];
    const absent = strategies.filter(({ values }) => values.includes(null)).map(({ name }) => name);
    const { name, group, unit, better } = measure;
    return [{ name, group, unit, rows: rank(given, better, level).map(toRow), absent }];
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
