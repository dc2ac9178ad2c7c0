import { mean, quantile, sorted } from './quantile.js';
import type { LatencySummary } from './result.js';

/** A summary without observations. */
export const NO_LATENCY: LatencySummary = { count: 0, mean: null, p50: null, p90: null, p99: null, max: null };

/** Quantiles of exact observations in seconds; values that are not finite are left out. */
export function summarizeLatency(seconds: Iterable<number>): LatencySummary {
  const ascending = sorted(seconds);
  return {
    count: ascending.length,
    mean: mean(ascending),
    p50: quantile(ascending, 0.5),
    p90: quantile(ascending, 0.9),
    p99: quantile(ascending, 0.99),
    max: ascending.length === 0 ? null : ascending[ascending.length - 1]!,
  };
}
