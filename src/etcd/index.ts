/** An etcd cluster in simulated time: members with Raft, disks and stores, and the clients of them. */
export { Client } from './client.js';
export { EtcdCluster, type EtcdClusterOptions } from './cluster.js';
export { Disk } from './disk.js';
export { EtcdError, isUnavailable } from './errors.js';
export { Member } from './member.js';
export { MemberMetrics, PrometheusHistogram } from './metrics.js';
export { Store } from './mvcc.js';
export { Processor } from './processor.js';
export type { StoreSnapshot } from './records.js';
export type * from './types.js';
