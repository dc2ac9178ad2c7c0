import type { HistogramFamily } from './histograms.js';
import type { ScalarFamily } from './scrapes.js';

/**
 * The metrics of etcd 3.6, in the order of its rooms: server/etcdserver/metrics.go and txn/metrics.go, storage/{wal,backend,mvcc}/metrics.go,
 * api/{snap,rafthttp}/metrics.go, api/v3rpc/metrics.go, lease/metrics.go; grpc_* are go-grpc-prometheus's.
 */

/** `count` bounds from `first`, each twice the one before. */
export function doubling(first: number, count: number): number[] {
  const bounds = [first];
  while (bounds.length < count) bounds.push(bounds[bounds.length - 1]! * 2);
  return bounds;
}

const DISK_BOUNDS = doubling(0.001, 14);
const APPLY_BOUNDS = doubling(0.0001, 20);
const SNAPSHOT_BOUNDS = doubling(0.1, 10);
const HASH_BOUNDS = doubling(0.01, 15);

function histogram(name: string, bounds: readonly number[], help: string): HistogramFamily {
  return { name, bounds, help };
}

/** Labels beside `instance` stand in each comment. */
export const ETCD_HISTOGRAMS: readonly HistogramFamily[] = [
  // version, op, success
  histogram(
    'etcd_server_apply_duration_seconds',
    APPLY_BOUNDS,
    'The latency distributions of v2 apply called by backend.',
  ),
  // success
  histogram('etcd_server_range_duration_seconds', APPLY_BOUNDS, 'The latency distributions of txn.Range'),
  histogram('etcd_disk_wal_fsync_duration_seconds', DISK_BOUNDS, 'The latency distributions of fsync called by WAL.'),
  histogram('etcd_disk_wal_write_duration_seconds', DISK_BOUNDS, 'The latency distributions of write called by WAL.'),
  histogram(
    'etcd_disk_backend_commit_duration_seconds',
    DISK_BOUNDS,
    'The latency distributions of commit called by backend.',
  ),
  histogram(
    'etcd_debugging_disk_backend_commit_rebalance_duration_seconds',
    DISK_BOUNDS,
    'The latency distributions of commit.rebalance called by bboltdb backend.',
  ),
  histogram(
    'etcd_debugging_disk_backend_commit_spill_duration_seconds',
    DISK_BOUNDS,
    'The latency distributions of commit.spill called by bboltdb backend.',
  ),
  histogram(
    'etcd_debugging_disk_backend_commit_write_duration_seconds',
    DISK_BOUNDS,
    'The latency distributions of commit.write called by bboltdb backend.',
  ),
  histogram(
    'etcd_disk_backend_defrag_duration_seconds',
    doubling(0.1, 13),
    'The latency distribution of backend defragmentation.',
  ),
  histogram(
    'etcd_disk_backend_snapshot_duration_seconds',
    doubling(0.01, 17),
    'The latency distribution of backend snapshots.',
  ),
  histogram('etcd_snap_fsync_duration_seconds', DISK_BOUNDS, 'The latency distributions of fsync called by snap.'),
  histogram('etcd_snap_db_fsync_duration_seconds', DISK_BOUNDS, 'The latency distributions of fsyncing .snap.db file'),
  // To
  histogram(
    'etcd_network_peer_round_trip_time_seconds',
    doubling(0.0001, 16),
    'Round-Trip-Time histogram between peers',
  ),
  // To
  histogram(
    'etcd_network_snapshot_send_total_duration_seconds',
    SNAPSHOT_BOUNDS,
    'Total latency distributions of v3 snapshot sends',
  ),
  // From
  histogram(
    'etcd_network_snapshot_receive_total_duration_seconds',
    SNAPSHOT_BOUNDS,
    'Total latency distributions of v3 snapshot receives',
  ),
  histogram('etcd_mvcc_hash_duration_seconds', HASH_BOUNDS, 'The latency distribution of storage hash operation.'),
  histogram(
    'etcd_mvcc_hash_rev_duration_seconds',
    HASH_BOUNDS,
    'The latency distribution of storage hash by revision operation.',
  ),
  histogram(
    'etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds',
    doubling(0.5, 14),
    'Bucketed histogram of index compaction pause duration.',
  ),
  histogram(
    'etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds',
    doubling(1, 13),
    'Bucketed histogram of db compaction pause duration.',
  ),
  histogram(
    'etcd_debugging_mvcc_db_compaction_total_duration_milliseconds',
    doubling(100, 14),
    'Bucketed histogram of db compaction total duration.',
  ),
  histogram('etcd_debugging_lease_ttl_total', doubling(1, 24), 'Bucketed histogram of lease TTLs.'),
];

function counter(name: string, help: string): ScalarFamily {
  return { name, type: 'counter', help };
}

function gauge(name: string, help: string): ScalarFamily {
  return { name, type: 'gauge', help };
}

/** Labels beside `instance` stand in each comment. Some gauges are named like counters, as in etcd. */
export const ETCD_SCALARS: readonly ScalarFamily[] = [
  gauge('etcd_server_has_leader', 'Whether or not a leader exists. 1 is existence, 0 is not.'),
  gauge('etcd_server_is_leader', 'Whether or not this member is a leader. 1 if is, 0 otherwise.'),
  gauge('etcd_server_is_learner', 'Whether or not this member is a learner. 1 if is, 0 otherwise.'),
  counter('etcd_server_leader_changes_seen_total', 'The number of leader changes seen.'),
  counter(
    'etcd_server_heartbeat_send_failures_total',
    'The total number of leader heartbeat send failures (likely overloaded from slow disk).',
  ),
  counter(
    'etcd_server_slow_apply_total',
    'The total number of slow apply requests (likely overloaded from slow disk).',
  ),
  gauge(
    'etcd_server_snapshot_apply_in_progress_total',
    '1 if the server is applying the incoming snapshot. 0 if none.',
  ),
  gauge('etcd_server_proposals_committed_total', 'The total number of consensus proposals committed.'),
  gauge('etcd_server_proposals_applied_total', 'The total number of consensus proposals applied.'),
  gauge('etcd_server_proposals_pending', 'The current number of pending proposals to commit.'),
  counter('etcd_server_proposals_failed_total', 'The total number of failed proposals seen.'),
  counter(
    'etcd_server_slow_read_indexes_total',
    "The total number of pending read indexes not in sync with leader's or timed out read index requests.",
  ),
  counter('etcd_server_read_indexes_failed_total', 'The total number of failed read indexes seen.'),
  gauge('etcd_server_quota_backend_bytes', 'Current backend storage quota size in bytes.'),
  counter(
    'etcd_server_learner_promote_successes',
    'The total number of successful learner promotions while this member is leader.',
  ),
  // Reason
  counter(
    'etcd_server_learner_promote_failures',
    'The total number of failed learner promotions (likely learner not ready) while this member is leader.',
  ),
  counter('etcd_server_health_success', 'The total number of successful health checks'),
  counter('etcd_server_health_failures', 'The total number of failed health checks'),
  // server_id
  gauge('etcd_server_id', "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID."),
  counter('etcd_debugging_server_lease_expired_total', 'The total number of expired leases.'),
  gauge('etcd_disk_wal_write_bytes_total', 'Total number of bytes written in WAL.'),
  gauge('etcd_disk_defrag_inflight', 'Whether or not defrag is active on the member. 1 means active, 0 means not.'),
  // Local, Remote
  gauge('etcd_network_active_peers', 'The current number of active peer connections.'),
  counter('etcd_network_disconnected_peers_total', 'The total number of disconnected peers.'),
  // To
  counter('etcd_network_peer_sent_bytes_total', 'The total number of bytes sent to peers.'),
  counter('etcd_network_peer_sent_failures_total', 'The total number of send failures from peers.'),
  counter('etcd_network_snapshot_send_success', 'Total number of successful snapshot sends'),
  counter('etcd_network_snapshot_send_failures', 'Total number of snapshot send failures'),
  // From
  counter('etcd_network_peer_received_bytes_total', 'The total number of bytes received from peers.'),
  counter('etcd_network_peer_received_failures_total', 'The total number of receive failures from peers.'),
  counter('etcd_network_snapshot_receive_success', 'Total number of successful snapshot receives'),
  counter('etcd_network_client_grpc_sent_bytes_total', 'The total number of bytes sent to grpc clients.'),
  counter('etcd_network_client_grpc_received_bytes_total', 'The total number of bytes received from grpc clients.'),
  counter('etcd_mvcc_range_total', 'Total number of ranges seen by this member.'),
  counter('etcd_mvcc_put_total', 'Total number of puts seen by this member.'),
  counter('etcd_mvcc_delete_total', 'Total number of deletes seen by this member.'),
  counter('etcd_mvcc_txn_total', 'Total number of txns seen by this member.'),
  gauge('etcd_mvcc_db_total_size_in_bytes', 'Total size of the underlying database physically allocated in bytes.'),
  gauge('etcd_mvcc_db_total_size_in_use_in_bytes', 'Total size of the underlying database logically in use in bytes.'),
  gauge('etcd_mvcc_db_open_read_transactions', 'The number of currently open read transactions'),
  gauge('etcd_debugging_mvcc_keys_total', 'Total number of keys.'),
  gauge('etcd_debugging_mvcc_watch_stream_total', 'Total number of watch streams.'),
  gauge('etcd_debugging_mvcc_watcher_total', 'Total number of watchers.'),
  gauge('etcd_debugging_mvcc_slow_watcher_total', 'Total number of unsynced slow watchers.'),
  counter('etcd_debugging_mvcc_events_total', 'Total number of events sent by this member.'),
  gauge('etcd_debugging_mvcc_pending_events_total', 'Total number of pending events to be sent.'),
  counter('etcd_debugging_mvcc_db_compaction_keys_total', 'Total number of db keys compacted.'),
  gauge('etcd_debugging_mvcc_current_revision', 'The current revision of store.'),
  gauge('etcd_debugging_mvcc_compact_revision', 'The revision of the last compaction in store.'),
  counter('etcd_debugging_lease_granted_total', 'The total number of granted leases.'),
  counter('etcd_debugging_lease_revoked_total', 'The total number of revoked leases.'),
  counter('etcd_debugging_lease_renewed_total', 'The number of renewed leases seen by the leader.'),
  // grpc_type, grpc_service, grpc_method; handled: grpc_code
  counter('grpc_server_started_total', 'Total number of RPCs started on the server.'),
  counter(
    'grpc_server_handled_total',
    'Total number of RPCs completed on the server, regardless of success or failure.',
  ),
  counter('grpc_server_msg_received_total', 'Total number of RPC stream messages received on the server.'),
  counter('grpc_server_msg_sent_total', 'Total number of gRPC stream messages sent by the server.'),
  counter('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.'),
];
