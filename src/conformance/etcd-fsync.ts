import type { DistributionSpec } from '../random/distribution.js';
import { exp, log } from '../random/portable.js';

/** etcd_disk_wal_fsync_duration_seconds over a run: cumulative counts by upper bound in seconds. */
export interface FsyncHistogram {
  readonly count: number;
  readonly cum_buckets: Readonly<Record<string, number>>;
}

/** fdatasync on an idle disk varies by about a third. */
const USUAL_SIGMA = 0.3;
const LEAST_SIGMA = 0.05;
const MOST_SIGMA = 1.6;
const STEPS = 62;
/** The buckets begin at 1 ms: with almost all observations below it they say nothing of the spread. */
const UNINFORMATIVE = 0.98;

/** The law of an fsync with a mean (nanoseconds): lognormal, as wide as the histogram says if it says anything. */
export function fsyncDistribution(mean: number, histogram: FsyncHistogram | undefined): DistributionSpec {
  const sigma = histogram === undefined ? USUAL_SIGMA : fittedSigma(mean, histogram);
  return { kind: 'lognormal', median: mean * exp((-sigma * sigma) / 2), sigma };
}

/** The spread with which a lognormal law of this mean is nearest to the histogram, by the largest difference at a bound. */
function fittedSigma(mean: number, { count, cum_buckets: buckets }: FsyncHistogram): number {
  const points = Object.entries(buckets)
    .map(([bound, below]): [number, number] => [Number(bound) * 1e9, below / count])
    .filter(([bound]) => Number.isFinite(bound));
  if (count === 0 || mean <= 0 || points.every(([, share]) => share >= UNINFORMATIVE)) return USUAL_SIGMA;
  let best = USUAL_SIGMA;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= STEPS; i++) {
    const sigma = LEAST_SIGMA + ((MOST_SIGMA - LEAST_SIGMA) * i) / STEPS;
    const center = log(mean) - (sigma * sigma) / 2;
    let worst = 0;
    for (const [bound, share] of points) {
      const difference = Math.abs(normalShare((log(bound) - center) / sigma) - share);
      if (difference > worst) worst = difference;
    }
    if (worst < least) {
      least = worst;
      best = sigma;
    }
  }
  return best;
}

/** Distribution function of the standard normal law (Abramowitz and Stegun 26.2.17, error below 1e-7). */
function normalShare(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const polynomial = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const upper = 0.3989422804014327 * exp((-z * z) / 2) * polynomial;
  return z > 0 ? 1 - upper : upper;
}
