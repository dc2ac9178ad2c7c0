import type { Uniform } from '../random/stream.js';
import type { Interval } from './interval.js';
import { quantile, variance } from './quantile.js';

/** What resampling says about an estimate. */
export interface Bootstrap extends Interval {
  /** Standard deviation of the resampled estimates. */
  readonly standardError: number;
}

/**
 * Percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, §13.3): the statistic of `resamples` samples drawn
 * with replacement; their quantiles are the interval. Null below two observations.
 */
export function bootstrap(
  values: ArrayLike<number>,
  statistic: (sample: Float64Array) => number,
  random: Uniform,
  { resamples = 2000, level = 0.95 } = {},
): Bootstrap | null {
  const n = values.length;
  if (n < 2) return null;
  const sample = new Float64Array(n);
  const estimates = new Float64Array(resamples);
  for (let i = 0; i < resamples; i++) {
    for (let k = 0; k < n; k++) sample[k] = values[Math.floor(random.next() * n)]!;
    estimates[i] = statistic(sample);
  }
  estimates.sort();
  return {
    estimate: statistic(Float64Array.from(values)),
    low: quantile(estimates, (1 - level) / 2)!,
    high: quantile(estimates, (1 + level) / 2)!,
    standardError: Math.sqrt(variance(estimates)!),
    level,
    n,
  };
}

/** The p-quantile as a statistic for `bootstrap`. */
export function quantileOf(p: number): (sample: Float64Array) => number {
  return (sample) => quantile(Float64Array.from(sample).sort(), p)!;
}
