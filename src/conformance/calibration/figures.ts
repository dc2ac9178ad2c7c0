/** What one phase of a run did, as its metrics tell: of the real control plane and of the simulated one alike. */
export interface PhaseFigures {
  /** Wall time of the phase. */
  readonly seconds: number;
  /** Whether the phase reached its end. */
  readonly complete: boolean;
  /** apiserver_request_total by `VERB resource/subresource`. */
  readonly requests: ReadonlyMap<string, number>;
  /** apiserver_request_duration_seconds, by `VERB resource/subresource`. */
  readonly latencies: ReadonlyMap<string, MeanOf>;
  /** rest_client_rate_limiter_duration_seconds of kube-controller-manager, by method. */
  readonly limiter: ReadonlyMap<string, BucketHistogram>;
  /** Processor seconds by process; recorded: those that are known. */
  readonly processors: ReadonlyMap<string, ProcessorUse>;
}

/** What a process used of the machine's cores. */
export interface ProcessorUse {
  readonly seconds: number;
  /** Requests answered or sent, and watch events received; 0 where that is not recorded. */
  readonly messages: number;
}

/** Count and sum of a histogram, seconds. */
export interface MeanOf {
  readonly count: number;
  readonly sum: number;
}

/** A histogram as Prometheus keeps it: cumulative counts at upper bounds (seconds), the last one +Inf. */
export interface BucketHistogram extends MeanOf {
  readonly cumulative: readonly number[];
}

/** Bounds of rest_client_rate_limiter_duration_seconds (component-base metrics/prometheus/restclient). */
export const LIMITER_BOUNDS: readonly number[] = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];

export const PHASES = ['nodes', 'create', 'roll'] as const;
export type Phase = (typeof PHASES)[number];

/** A quantile as PromQL's histogram_quantile has it: linear inside the bucket, the largest finite bound beyond. */
export function quantileOf(histogram: BucketHistogram, q: number): number {
  const rank = q * histogram.count;
  let below = 0;
  for (let i = 0; i < LIMITER_BOUNDS.length; i++) {
    const seen = histogram.cumulative[i]!;
    if (seen >= rank && seen > below) {
      const lower = i === 0 ? 0 : LIMITER_BOUNDS[i - 1]!;
      return lower + ((LIMITER_BOUNDS[i]! - lower) * (rank - below)) / (seen - below);
    }
    below = seen;
  }
  return LIMITER_BOUNDS.at(-1)!;
}

/** Sums of several histograms. */
export function sumOf(histograms: Iterable<MeanOf>): MeanOf {
  let count = 0;
  let sum = 0;
  for (const histogram of histograms) {
    count += histogram.count;
    sum += histogram.sum;
  }
  return { count, sum };
}
