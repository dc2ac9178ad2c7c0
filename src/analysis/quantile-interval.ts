import { incompleteBeta } from './distributions.js';
import type { Interval } from './interval.js';
import { quantile } from './quantile.js';

/** P(X ≤ k) of a binomial distribution with n trials of probability p. */
export function binomialCdf(k: number, n: number, p: number): number {
  if (k < 0) return 0;
  return k >= n ? 1 : incompleteBeta(1 - p, n - k, k + 1);
}

/**
 * Interval for a quantile of independent observations from two order statistics, free of any assumption on their distribution (David
 * and Nagaraja, Order Statistics, §7.1): the k-th smallest lies below the p-quantile with the probability of at least k successes in n
 * trials. The ranks leave at most half of the error on each side; null when there are too few observations for that.
 */
export function quantileInterval(ascending: ArrayLike<number>, p: number, level = 0.95): Interval | null {
  const n = ascending.length;
  const tail = (1 - level) / 2;
  const low = largest(n, (rank) => binomialCdf(rank - 1, n, p) <= tail);
  const high = n + 1 - largest(n, (rank) => 1 - binomialCdf(n - rank, n, p) <= tail);
  if (low < 1 || high > n) return null;
  return { estimate: quantile(ascending, p)!, low: ascending[low - 1]!, high: ascending[high - 1]!, level, n };
}

/** Largest rank in 1..n for which a condition holds that holds up to some rank; 0 when it never does. */
function largest(n: number, holds: (rank: number) => boolean): number {
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (holds(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
