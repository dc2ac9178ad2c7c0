import { normalQuantile, studentQuantile } from './distributions.js';
import { mean, variance } from './quantile.js';

/** An estimate with a confidence interval. */
export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
  /** Confidence level in 0..1. */
  readonly level: number;
  readonly n: number;
}

/** Mean of independent replications with its Student t interval; null below two values. */
export function meanInterval(values: ArrayLike<number>, level = 0.95): Interval | null {
  const spread = variance(values);
  if (spread === null) return null;
  const estimate = mean(values)!;
  const half = studentQuantile((1 + level) / 2, values.length - 1) * Math.sqrt(spread / values.length);
  return { estimate, low: estimate - half, high: estimate + half, level, n: values.length };
}

/**
 * Mean difference a − b of pairs made with common random numbers (a[i] and b[i] of the same seed), with its Student t
 * interval. Correlated pairs give a shorter interval than the two means apart (Law, Simulation Modeling and Analysis, §10.2).
 */
export function pairedDifference(a: ArrayLike<number>, b: ArrayLike<number>, level = 0.95): Interval | null {
  if (a.length !== b.length) throw new RangeError(`pairs need equal lengths, got ${a.length} and ${b.length}`);
  return meanInterval(
    Float64Array.from({ length: a.length }, (_, i) => a[i]! - b[i]!),
    level,
  );
}

/** Share of `successes` in `n` independent trials with its Wilson score interval (Wilson 1927); null without trials. */
export function shareInterval(successes: number, n: number, level = 0.95): Interval | null {
  if (n === 0) return null;
  const z = normalQuantile((1 + level) / 2);
  const share = successes / n;
  const center = share + (z * z) / (2 * n);
  const half = z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  const scale = 1 + (z * z) / n;
  const low = successes === 0 ? 0 : (center - half) / scale;
  const high = successes === n ? 1 : (center + half) / scale;
  return { estimate: share, low, high, level, n };
}

/** Level for each of k simultaneous intervals so that all hold together with at least `level` (Bonferroni). */
export function bonferroni(level: number, k: number): number {
  return 1 - (1 - level) / Math.max(1, k);
}
