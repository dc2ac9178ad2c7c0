import { type Interval, meanInterval } from './interval.js';

/** Where a sequence of replications stands. */
export interface Progress {
  readonly done: boolean;
  readonly interval: Interval | null;
  /** Half width of the interval over |mean|; null without an interval, Infinity at a mean of 0 with any spread. */
  readonly precision: number | null;
}

/**
 * Whether enough replications were made for a mean with a relative error of at most `precision` (Law, Simulation Modeling and
 * Analysis, §9.4.1, "sequential procedure"): stop when half width / |mean| ≤ γ/(1 + γ). At least `minimum` replications, because the
 * variance of a few is not to be trusted.
 */
export function sequentialProgress(values: ArrayLike<number>, precision: number, level = 0.95, minimum = 10): Progress {
  const interval = meanInterval(values, level);
  if (interval === null) return { done: false, interval, precision: null };
  const half = interval.high - interval.estimate;
  const reached = half === 0 ? 0 : half / Math.abs(interval.estimate);
  return { done: values.length >= minimum && reached <= precision / (1 + precision), interval, precision: reached };
}
