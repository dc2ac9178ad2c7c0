import type { ProcessorShare } from '../etcd/processor.js';
import type { EtcdClient } from '../etcd/types.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Duration } from '../kernel/time.js';
import type { Randomness } from '../random/stream.js';
import type { CostProfile } from '../scenario/types.js';
import type { WebhookServers } from './admission/webhook-calls.js';
import type { CallTable } from './call.js';
import type { Connections } from './connections.js';
import type { RegistryContext } from './registry.js';

/** What one kube-apiserver is made of. */
export interface ApiServerOptions {
  readonly simulation: Simulation;
  readonly randomness: Randomness;
  readonly profile: CostProfile;
  readonly host: number;
  readonly index: number;
  readonly calls: CallTable;
  readonly etcd: EtcdClient;
  readonly registry: RegistryContext;
  readonly connections: Connections;
  /** --enable-priority-and-fairness; absent: true. */
  readonly fair?: boolean;
  /** Cores of the machine, shared with others on it; absent: the profile's apiServer.cores, alone. */
  readonly machine?: ProcessorShare;
  /** Absent: 1.34. */
  readonly kubernetesVersion?: string;
  /** --etcd-compaction-interval; absent or 0: never. */
  readonly compactionInterval?: Duration;
  /** --event-ttl, whole seconds; absent or 0: events stay. */
  readonly eventTtl?: Duration;
  /** The cluster's webhooks; absent: authorization and admission are off, plugins and quotas included. */
  readonly webhooks?: WebhookServers;
  /** --disable-admission-plugins. */
  readonly disabledPlugins?: readonly string[];
}
