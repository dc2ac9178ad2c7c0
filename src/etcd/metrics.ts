import { LogHistogram } from '../stats/index.js';

/** A Prometheus histogram: upper bounds ascending, counts per bucket (the last one is +Inf), in seconds. */
export class PrometheusHistogram {
  readonly bounds: Float64Array;
  readonly counts: Float64Array;
  sum = 0;
  count = 0;

  constructor(bounds: Float64Array) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Counts one observation of a duration in nanoseconds. */
  observe(nanoseconds: number): void {
    const value = nanoseconds / 1e9;
    this.sum += value;
    this.count++;
    const bounds = this.bounds;
    let i = 0;
    while (i < bounds.length && value > bounds[i]!) i++;
    this.counts[i]!++;
  }

  /** Quantile as Prometheus' `histogram_quantile` gives it: linear inside a bucket. NaN when empty. */
  quantile(q: number): number {
    if (this.count === 0) return Number.NaN;
    const rank = q * this.count;
    let below = 0;
    for (let i = 0; i < this.bounds.length; i++) {
      const inside = this.counts[i]!;
      if (below + inside >= rank && inside > 0) {
        const low = i === 0 ? 0 : this.bounds[i - 1]!;
        return low + ((this.bounds[i]! - low) * (rank - below)) / inside;
      }
      below += inside;
    }
    return this.bounds[this.bounds.length - 1]!;
  }
}

/** `count` bounds a, 2a, 4a, … seconds, as etcd's `prometheus.ExponentialBuckets(a, 2, count)`. */
export function doublingBuckets(first: number, count: number): Float64Array {
  const bounds = new Float64Array(count);
  for (let i = 0, bound = first; i < count; i++, bound *= 2) bounds[i] = bound;
  return bounds;
}

const DISK = doublingBuckets(0.001, 14);
const APPLY = doublingBuckets(0.0001, 20);
const RTT = doublingBuckets(0.0001, 16);

/** What one member counts, under etcd's own names (without `etcd_`). Lost at a crash like the process's own. */
export class MemberMetrics {
  readonly diskWalFsyncDurationSeconds = new PrometheusHistogram(DISK);
  readonly diskBackendCommitDurationSeconds = new PrometheusHistogram(DISK);
  readonly serverApplyDurationSeconds = new PrometheusHistogram(APPLY);
  readonly networkPeerRoundTripTimeSeconds = new PrometheusHistogram(RTT);
  diskWalWriteBytesTotal = 0;
  serverProposalsCommittedTotal = 0;
  serverProposalsAppliedTotal = 0;
  serverProposalsPending = 0;
  serverProposalsFailedTotal = 0;
  serverLeaderChangesSeenTotal = 0;
  serverSlowApplyTotal = 0;
  serverSlowReadIndexesTotal = 0;
  serverReadIndexesFailedTotal = 0;
  serverHeartbeatSendFailuresTotal = 0;
  mvccPutTotal = 0;
  mvccDeleteTotal = 0;
  mvccRangeTotal = 0;
  mvccTxnTotal = 0;
  debuggingMvccEventsTotal = 0;
  debuggingMvccSlowWatcherTotal = 0;
  debuggingLeaseGrantedTotal = 0;
  debuggingLeaseRevokedTotal = 0;
  debuggingServerLeaseExpiredTotal = 0;
  networkPeerSentBytesTotal = 0;
  networkPeerSentFailuresTotal = 0;
  networkClientGrpcSentBytesTotal = 0;
  networkClientGrpcReceivedBytesTotal = 0;
}

/** What a member did since it was last asked: the figures of one row of `etcd_by_second`. Nanoseconds. */
export class MemberSample {
  /** Writes proposed by this member that were applied. */
  puts = 0;
  /** From proposal to apply. */
  readonly commit = new LogHistogram();
  readonly fsync = new LogHistogram();
}
