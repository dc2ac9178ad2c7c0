import { labelText } from '../metrics/histograms.js';
import { NONE } from '../raft/index.js';
import type { Member } from './member.js';
import { NO_HASHES, type PrometheusHistogram } from './metrics.js';

/** Takes what a member exports, series by series. */
export interface MetricsSink {
  /** A counter or gauge; labels as Prometheus writes them. */
  value(name: string, labels: string, value: number): void;
  histogram(name: string, labels: string, histogram: PrometheusHistogram): void;
}

/** RPCs by the operation of a request: service and method. */
const RPCS: Readonly<Record<string, readonly [service: string, method: string]>> = {
  range: ['etcdserverpb.KV', 'Range'],
  put: ['etcdserverpb.KV', 'Put'],
  delete: ['etcdserverpb.KV', 'DeleteRange'],
  txn: ['etcdserverpb.KV', 'Txn'],
  compact: ['etcdserverpb.KV', 'Compact'],
  leaseGrant: ['etcdserverpb.Lease', 'LeaseGrant'],
  leaseRevoke: ['etcdserverpb.Lease', 'LeaseRevoke'],
};

/** Label `op` of etcd_server_apply_duration_seconds by the operation of a request (etcdserver/apply/apply.go). */
const APPLY_OPERATIONS: Readonly<Record<string, string>> = {
  put: 'Put',
  delete: 'DeleteRange',
  txn: 'Txn',
  compact: 'Compaction',
  leaseGrant: 'LeaseGrant',
  leaseRevoke: 'LeaseRevoke',
  alarm: 'Alarm',
};

/** Everything that a member's /metrics shows, under etcd's names. A process that is down shows nothing. */
export function scrapeMember(member: Member, sink: MetricsSink): void {
  if (!member.running) return;
  const common = { job: 'etcd', instance: member.name };
  scrapeServer(member, sink, labelText(common));
  scrapeStore(member, sink, labelText(common));
  scrapePeers(member, sink, common);
  scrapeRpcs(member, sink, common);
}

function scrapeServer(member: Member, sink: MetricsSink, labels: string): void {
  const { metrics, loop, applier } = member;
  const server = (name: string, value: number) => sink.value(`etcd_server_${name}`, labels, value);
  server('has_leader', member.node.lead === NONE ? 0 : 1);
  server('is_leader', member.isLeader ? 1 : 0);
  server('is_learner', member.isLearner ? 1 : 0);
  server('leader_changes_seen_total', metrics.serverLeaderChangesSeenTotal);
  server('heartbeat_send_failures_total', metrics.serverHeartbeatSendFailuresTotal);
  server('slow_apply_total', metrics.serverSlowApplyTotal);
  server('snapshot_apply_in_progress_total', 0);
  server('proposals_committed_total', loop.committedIndex);
  server('proposals_applied_total', applier.appliedIndex);
  server('proposals_pending', metrics.serverProposalsPending);
  server('proposals_failed_total', metrics.serverProposalsFailedTotal);
  server('slow_read_indexes_total', metrics.serverSlowReadIndexesTotal);
  server('read_indexes_failed_total', metrics.serverReadIndexesFailedTotal);
  server('quota_backend_bytes', member.spec.quotaBackendBytes);
  server('learner_promote_successes', metrics.serverLearnerPromoteSuccesses);
  const comma = labels === '' ? '' : ',';
  // Nobody asks for the health of a simulated member; the one reason for a refused promotion is a learner that lags.
  server('health_success', 0);
  server('health_failures', 0);
  sink.value(
    'etcd_server_learner_promote_failures',
    `${labels}${comma}Reason="lagging"`,
    metrics.serverLearnerPromoteFailures,
  );
  sink.value('etcd_server_id', `${labels}${comma}server_id="${member.id.toString(16)}"`, 1);
  sink.value('etcd_debugging_server_lease_expired_total', labels, metrics.debuggingServerLeaseExpiredTotal);
  sink.value('process_cpu_seconds_total', labels, (member.processor.used - metrics.cpuBefore) / 1e9);
  for (const [success, histograms] of [
    ['true', metrics.applied],
    ['false', metrics.appliedInVain],
  ] as const) {
    for (const [operation, histogram] of histograms) {
      const own = `${labels}${comma}version="v3",op="${APPLY_OPERATIONS[operation] ?? 'unknown'}",success="${success}"`;
      sink.histogram('etcd_server_apply_duration_seconds', own, histogram);
    }
  }
  sink.histogram(
    'etcd_server_range_duration_seconds',
    `${labels}${comma}success="true"`,
    metrics.serverRangeDurationSeconds,
  );
}

function scrapeStore(member: Member, sink: MetricsSink, labels: string): void {
  const { metrics, store, watches } = member;
  const value = (name: string, number: number) => sink.value(name, labels, number);
  const disk = (name: string, histogram: PrometheusHistogram) => sink.histogram(name, labels, histogram);
  value('etcd_disk_wal_write_bytes_total', metrics.diskWalWriteBytesTotal);
  value('etcd_disk_defrag_inflight', metrics.diskDefragInflight);
  value('etcd_mvcc_range_total', metrics.mvccRangeTotal);
  value('etcd_mvcc_put_total', metrics.mvccPutTotal);
  value('etcd_mvcc_delete_total', metrics.mvccDeleteTotal);
  value('etcd_mvcc_txn_total', metrics.mvccTxnTotal);
  value('etcd_mvcc_db_total_size_in_bytes', store.size);
  value('etcd_mvcc_db_total_size_in_use_in_bytes', store.sizeInUse);
  // Reads take no time in the store itself, so none is open between two events.
  value('etcd_mvcc_db_open_read_transactions', 0);
  const { streams, pending } = watches.figures();
  value('etcd_debugging_mvcc_keys_total', store.count(''));
  value('etcd_debugging_mvcc_watch_stream_total', streams);
  value('etcd_debugging_mvcc_watcher_total', watches.size);
  value('etcd_debugging_mvcc_slow_watcher_total', metrics.debuggingMvccSlowWatcherTotal);
  value('etcd_debugging_mvcc_events_total', metrics.debuggingMvccEventsTotal);
  value('etcd_debugging_mvcc_pending_events_total', pending);
  value('etcd_debugging_mvcc_db_compaction_keys_total', metrics.debuggingMvccDbCompactionKeysTotal);
  value('etcd_debugging_mvcc_current_revision', store.revision);
  value('etcd_debugging_mvcc_compact_revision', store.compactRevision);
  value('etcd_debugging_lease_granted_total', metrics.debuggingLeaseGrantedTotal);
  value('etcd_debugging_lease_revoked_total', metrics.debuggingLeaseRevokedTotal);
  value('etcd_debugging_lease_renewed_total', 0);
  disk('etcd_disk_wal_fsync_duration_seconds', metrics.diskWalFsyncDurationSeconds);
  disk('etcd_disk_wal_write_duration_seconds', metrics.diskWalWriteDurationSeconds);
  disk('etcd_disk_backend_commit_duration_seconds', metrics.diskBackendCommitDurationSeconds);
  // The write is all of a commit.
  disk('etcd_debugging_disk_backend_commit_rebalance_duration_seconds', metrics.diskBackendCommitPages);
  disk('etcd_debugging_disk_backend_commit_spill_duration_seconds', metrics.diskBackendCommitPages);
  disk('etcd_debugging_disk_backend_commit_write_duration_seconds', metrics.diskBackendCommitDurationSeconds);
  disk('etcd_disk_backend_defrag_duration_seconds', metrics.diskBackendDefragDurationSeconds);
  disk('etcd_disk_backend_snapshot_duration_seconds', metrics.diskBackendSnapshotDurationSeconds);
  disk('etcd_snap_fsync_duration_seconds', metrics.snapFsyncDurationSeconds);
  disk('etcd_snap_db_fsync_duration_seconds', metrics.snapDbFsyncDurationSeconds);
  disk('etcd_mvcc_hash_duration_seconds', NO_HASHES);
  disk('etcd_mvcc_hash_rev_duration_seconds', NO_HASHES);
  disk(
    'etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds',
    metrics.debuggingMvccIndexCompactionPauseMilliseconds,
  );
  disk(
    'etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds',
    metrics.debuggingMvccDbCompactionPauseMilliseconds,
  );
  disk(
    'etcd_debugging_mvcc_db_compaction_total_duration_milliseconds',
    metrics.debuggingMvccDbCompactionTotalMilliseconds,
  );
  disk('etcd_debugging_lease_ttl_total', metrics.debuggingLeaseTtl);
}

function scrapePeers(member: Member, sink: MetricsSink, common: Readonly<Record<string, string>>): void {
  const local = member.id.toString(16);
  for (const [id, counts] of member.metrics.peers.entries()) {
    if (counts === undefined) continue;
    const remote = id.toString(16);
    const to = labelText({ ...common, To: remote });
    const from = labelText({ ...common, From: remote });
    const both = labelText({ ...common, Local: local, Remote: remote });
    sink.value('etcd_network_active_peers', both, member.peers.connected(member, id) ? 1 : 0);
    sink.value('etcd_network_disconnected_peers_total', both, counts.disconnected);
    // What arrives is whole: losses show at the sender.
    sink.value('etcd_network_peer_received_failures_total', from, 0);
    sink.value('etcd_network_snapshot_receive_success', from, counts.snapshotsReceived);
    sink.histogram('etcd_network_snapshot_send_total_duration_seconds', to, counts.snapshotSend);
    sink.histogram('etcd_network_snapshot_receive_total_duration_seconds', from, counts.snapshotReceive);
    sink.value('etcd_network_peer_sent_bytes_total', to, counts.sentBytes);
    sink.value('etcd_network_peer_sent_failures_total', to, counts.sentFailures);
    sink.value('etcd_network_peer_received_bytes_total', from, counts.receivedBytes);
    sink.value('etcd_network_snapshot_send_success', to, counts.snapshotsSent);
    sink.value('etcd_network_snapshot_send_failures', to, counts.snapshotFailures);
    sink.histogram('etcd_network_peer_round_trip_time_seconds', to, counts.roundTrip);
  }
  const labels = labelText(common);
  sink.value('etcd_network_client_grpc_sent_bytes_total', labels, member.metrics.networkClientGrpcSentBytesTotal);
  sink.value(
    'etcd_network_client_grpc_received_bytes_total',
    labels,
    member.metrics.networkClientGrpcReceivedBytesTotal,
  );
}

function scrapeRpcs(member: Member, sink: MetricsSink, common: Readonly<Record<string, string>>): void {
  const { metrics } = member;
  for (const [operation, counts] of metrics.rpcs) {
    const [service, method] = RPCS[operation] ?? ['etcdserverpb.KV', operation];
    const rpc = { ...common, grpc_type: 'unary', grpc_service: service, grpc_method: method };
    const labels = labelText(rpc);
    let handled = counts.ok;
    sink.value('grpc_server_handled_total', labelText({ ...rpc, grpc_code: 'OK' }), counts.ok);
    for (const [code, count] of counts.failed) {
      sink.value('grpc_server_handled_total', labelText({ ...rpc, grpc_code: code }), count);
      handled += count;
    }
    sink.value('grpc_server_started_total', labels, counts.started);
    sink.value('grpc_server_msg_received_total', labels, counts.started);
    sink.value('grpc_server_msg_sent_total', labels, handled);
  }
  const watch = labelText({
    ...common,
    grpc_type: 'bidi_stream',
    grpc_service: 'etcdserverpb.Watch',
    grpc_method: 'Watch',
  });
  sink.value('grpc_server_started_total', watch, member.watches.figures().streams);
  sink.value('grpc_server_msg_received_total', watch, metrics.watchesOpened);
  sink.value('grpc_server_msg_sent_total', watch, metrics.watchMessages);
}
