import { studentCdf } from './distributions.js';
import { type Interval, meanInterval, pairedDifference } from './interval.js';
import { mean } from './quantile.js';

/** One strategy's values of a metric, a value a seed; the i-th value of every strategy belongs to the same seed. */
export interface Replicated {
  readonly name: string;
  readonly values: ArrayLike<number>;
}

/** A strategy in the ranking of a comparison. */
export interface Ranked {
  readonly name: string;
  readonly interval: Interval;
  /** Paired difference to the best strategy; null for the best itself. */
  readonly difference: Interval | null;
  /** p-value that it is as good as the best, adjusted for the number of comparisons (Holm); null for the best itself. */
  readonly pValue: number | null;
  /** No significant difference to the best at the level of the comparison. */
  readonly tied: boolean;
}

/** Two-sided p-value of a paired t test of equal means; 1 when all differences are 0. */
export function pairedPValue(a: ArrayLike<number>, b: ArrayLike<number>): number | null {
  const interval = pairedDifference(a, b, 0.5);
  if (interval === null) return null;
  const differences = Float64Array.from({ length: a.length }, (_, i) => a[i]! - b[i]!);
  const spread = differences.reduce((sum, value) => sum + (value - interval.estimate) * (value - interval.estimate), 0);
  if (spread === 0) return interval.estimate === 0 ? 1 : 0;
  const error = Math.sqrt(spread / (a.length - 1) / a.length);
  return 2 * studentCdf(-Math.abs(interval.estimate) / error, a.length - 1);
}

/**
 * p-values of k simultaneous tests adjusted so that the chance of any false finding stays at the level (Holm 1979): the i-th smallest
 * is multiplied by k − i + 1, never below the one before.
 */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((_, i) => i).sort((a, b) => pValues[a]! - pValues[b]! || a - b);
  const adjusted = new Array<number>(pValues.length);
  let floor = 0;
  order.forEach((index, rank) => {
    floor = Math.max(floor, Math.min(1, pValues[index]! * (pValues.length - rank)));
    adjusted[index] = floor;
  });
  return adjusted;
}

/**
 * Ranks strategies by the mean of a metric under common random numbers, best first; `better` says which end is good. Each is compared
 * with the best by pairs of equal seeds; the p-values are adjusted for the number of comparisons. Fewer than two seeds are an error.
 */
export function rank(strategies: readonly Replicated[], better: 'low' | 'high', level = 0.95): Ranked[] {
  if (strategies.some((strategy) => strategy.values.length < 2))
    throw new RangeError('a ranking needs at least two seeds');
  const sign = better === 'low' ? 1 : -1;
  const ordered = [...strategies].sort((a, b) => sign * (mean(a.values)! - mean(b.values)!));
  const [best, ...others] = ordered as [Replicated, ...Replicated[]];
  const adjusted = holm(others.map((other) => pairedPValue(other.values, best.values)!));
  return ordered.map((strategy, i) => ({
    name: strategy.name,
    interval: meanInterval(strategy.values, level)!,
    difference: i === 0 ? null : pairedDifference(strategy.values, best.values, level),
    pValue: i === 0 ? null : adjusted[i - 1]!,
    tied: i === 0 || adjusted[i - 1]! > 1 - level,
  }));
}
