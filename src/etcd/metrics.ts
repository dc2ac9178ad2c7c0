import { LogHistogram } from '../stats/index.js';

/** So many observations wait before they are sorted into the buckets. */
const WAITING = 32;

/**
 * A Prometheus histogram: upper bounds ascending, counts per bucket (the last one is +Inf), in seconds. Observations are noted, and sorted
 * into the buckets many at a time.
 */
export class PrometheusHistogram {
  readonly bounds: Float64Array;
  private readonly buckets: Float64Array;
  private total = 0;
  private sorted = 0;
  /** Observations that are not in the buckets yet; null: none has come. */
  private waiting: Float64Array | null = null;
  private waits = 0;

  constructor(bounds: Float64Array) {
    this.bounds = bounds;
    this.buckets = new Float64Array(bounds.length + 1);
  }

  /** Observations per bucket. */
  get counts(): Float64Array {
    this.settle();
    return this.buckets;
  }

  /** Sum of the observations. */
  get sum(): number {
    this.settle();
    return this.total;
  }

  get count(): number {
    return this.sorted + this.waits;
  }

  /** Counts one observation of a duration in nanoseconds. */
  observe(nanoseconds: number): void {
    this.observeValue(nanoseconds / 1e9);
  }

  /** Counts one observation in the unit of the bounds. */
  observeValue(value: number): void {
    this.waiting ??= new Float64Array(WAITING);
    this.waiting[this.waits++] = value;
    if (this.waits === WAITING) this.settle();
  }

  /** Counts one value, in the unit of the bounds, so many times. */
  observeTimes(value: number, times: number): void {
    this.settle();
    this.take(value, times);
  }

  /** Sorts the observations that wait into the buckets. */
  private settle(): void {
    const { waiting, waits } = this;
    this.waits = 0;
    for (let i = 0; i < waits; i++) this.take(waiting![i]!, 1);
  }

  private take(value: number, times: number): void {
    const { bounds } = this;
    let i = 0;
    while (i < bounds.length && value > bounds[i]!) i++;
    this.buckets[i]! += times;
    this.total += times * value;
    this.sorted += times;
  }

  /** Adds what another one with the same bounds has counted. */
  merge({ counts, sum, count }: PrometheusHistogram): void {
    this.settle();
    for (let i = 0; i < counts.length; i++) this.buckets[i]! += counts[i]!;
    this.total += sum;
    this.sorted += count;
  }

  /** Quantile as Prometheus' `histogram_quantile` gives it: linear inside a bucket. NaN when empty. */
  quantile(q: number): number {
    this.settle();
    if (this.count === 0) return Number.NaN;
    const rank = q * this.count;
    let below = 0;
    for (let i = 0; i < this.bounds.length; i++) {
      const inside = this.buckets[i]!;
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
const DEFRAGMENT = doublingBuckets(0.1, 13);
const BACKEND_SNAPSHOT = doublingBuckets(0.01, 17);
const SNAPSHOT = doublingBuckets(0.1, 10);
const INDEX_PAUSE = doublingBuckets(0.5, 14);
const PAUSE = doublingBuckets(1, 13);
const COMPACTION = doublingBuckets(100, 14);
const TTL = doublingBuckets(1, 24);

/** etcd_mvcc_hash_duration_seconds and the like: nobody asks a simulated member for hashes. */
export const NO_HASHES = new PrometheusHistogram(doublingBuckets(0.01, 15));

/** Calls of one RPC. */
export class RpcCounts {
  started = 0;
  ok = 0;
  /** Answered calls that failed, by gRPC code. */
  readonly failed = new Map<string, number>();
}

/** Traffic with one peer, and what was measured of it. */
export class PeerCounts {
  sentBytes = 0;
  sentFailures = 0;
  receivedBytes = 0;
  disconnected = 0;
  snapshotsSent = 0;
  snapshotFailures = 0;
  readonly roundTrip = new PrometheusHistogram(RTT);
  readonly snapshotSend = new PrometheusHistogram(SNAPSHOT);
  readonly snapshotReceive = new PrometheusHistogram(SNAPSHOT);
  snapshotsReceived = 0;
  /** Whether the last message got away. */
  active = true;
}

/** What one member counts, under etcd's own names (without `etcd_`). Lost at a crash like the process's own. */
export class MemberMetrics {
  readonly diskWalFsyncDurationSeconds = new PrometheusHistogram(DISK);
  readonly diskBackendCommitDurationSeconds = new PrometheusHistogram(DISK);
  /** Rebalancing and spilling of pages in a commit: work the model gives no time of its own. */
  readonly diskBackendCommitPages = new PrometheusHistogram(DISK);
  readonly diskBackendDefragDurationSeconds = new PrometheusHistogram(DEFRAGMENT);
  readonly diskBackendSnapshotDurationSeconds = new PrometheusHistogram(BACKEND_SNAPSHOT);
  readonly snapFsyncDurationSeconds = new PrometheusHistogram(DISK);
  readonly snapDbFsyncDurationSeconds = new PrometheusHistogram(DISK);
  readonly serverRangeDurationSeconds = new PrometheusHistogram(APPLY);
  readonly debuggingMvccIndexCompactionPauseMilliseconds = new PrometheusHistogram(INDEX_PAUSE);
  readonly debuggingMvccDbCompactionPauseMilliseconds = new PrometheusHistogram(PAUSE);
  readonly debuggingMvccDbCompactionTotalMilliseconds = new PrometheusHistogram(COMPACTION);
  readonly debuggingLeaseTtl = new PrometheusHistogram(TTL);
  /** etcd_server_apply_duration_seconds by operation: those that succeeded, and those that failed. */
  readonly applied = new Map<string, PrometheusHistogram>();
  readonly appliedInVain = new Map<string, PrometheusHistogram>();
  /** By operation of a request. */
  readonly rpcs = new Map<string, RpcCounts>();
  /** By raft id. */
  readonly peers: (PeerCounts | undefined)[] = [];
  /** What was counted last is mostly what is counted next. */
  private lastApplied = '';
  private lastApply = NO_HASHES;
  private lastCalled = '';
  private lastRpc: RpcCounts | null = null;
  diskWalWriteBytesTotal = 0;
  diskDefragInflight = 0;
  serverProposalsCommittedTotal = 0;
  serverProposalsAppliedTotal = 0;
  serverProposalsPending = 0;
  serverProposalsFailedTotal = 0;
  serverLeaderChangesSeenTotal = 0;
  serverSlowApplyTotal = 0;
  serverSlowReadIndexesTotal = 0;
  serverReadIndexesFailedTotal = 0;
  serverHeartbeatSendFailuresTotal = 0;
  serverLearnerPromoteSuccesses = 0;
  serverLearnerPromoteFailures = 0;
  mvccPutTotal = 0;
  mvccDeleteTotal = 0;
  mvccRangeTotal = 0;
  mvccTxnTotal = 0;
  debuggingMvccEventsTotal = 0;
  debuggingMvccSlowWatcherTotal = 0;
  debuggingMvccDbCompactionKeysTotal = 0;
  debuggingLeaseGrantedTotal = 0;
  debuggingLeaseRevokedTotal = 0;
  debuggingServerLeaseExpiredTotal = 0;
  networkClientGrpcSentBytesTotal = 0;
  networkClientGrpcReceivedBytesTotal = 0;
  /** Watches opened, and messages sent on watch streams. */
  watchesOpened = 0;
  watchMessages = 0;
  /** CPU time of the process when counting began. */
  cpuBefore = 0;

  /** The same process, counted from now on: counts begin at 0, gauges stay. */
  restarted(cpuUsed: number): MemberMetrics {
    const next = new MemberMetrics();
    next.diskDefragInflight = this.diskDefragInflight;
    next.serverProposalsCommittedTotal = this.serverProposalsCommittedTotal;
    next.serverProposalsAppliedTotal = this.serverProposalsAppliedTotal;
    next.serverProposalsPending = this.serverProposalsPending;
    next.debuggingMvccSlowWatcherTotal = this.debuggingMvccSlowWatcherTotal;
    next.cpuBefore = cpuUsed;
    return next;
  }

  /** Each sync comes with a write, which goes to the page cache: its time is part of the Ready's. */
  get diskWalWriteDurationSeconds(): PrometheusHistogram {
    const writes = new PrometheusHistogram(DISK);
    writes.observeTimes(0, this.diskWalFsyncDurationSeconds.count);
    return writes;
  }

  /** Counts the apply of one entry: how long it took, nanoseconds. */
  observeApply(operation: string, success: boolean, duration: number): void {
    if (success && operation === this.lastApplied) {
      this.lastApply.observe(duration);
      return;
    }
    const into = success ? this.applied : this.appliedInVain;
    let histogram = into.get(operation);
    if (histogram === undefined) into.set(operation, (histogram = new PrometheusHistogram(APPLY)));
    histogram.observe(duration);
    if (!success) return;
    this.lastApplied = operation;
    this.lastApply = histogram;
  }

  /** Counts of an RPC. */
  rpc(operation: string): RpcCounts {
    if (operation === this.lastCalled) return this.lastRpc!;
    let counts = this.rpcs.get(operation);
    if (counts === undefined) this.rpcs.set(operation, (counts = new RpcCounts()));
    this.lastCalled = operation;
    this.lastRpc = counts;
    return counts;
  }

  /** Counts of a peer. */
  peer(id: number): PeerCounts {
    const counts = this.peers[id];
    if (counts !== undefined) return counts;
    while (this.peers.length <= id) this.peers.push(undefined);
    return (this.peers[id] = new PeerCounts());
  }
}

/** What a member did since it was last asked: the figures of one row of `etcd_by_second`. Nanoseconds. */
export class MemberSample {
  /** Writes proposed by this member that were applied. */
  puts = 0;
  /** From proposal to apply. */
  readonly commit = new LogHistogram();
  readonly fsync = new LogHistogram();

  /** Begins anew. */
  clear(): void {
    this.puts = 0;
    this.commit.clear();
    this.fsync.clear();
  }
}
