import type { Simulation } from '../kernel/simulation.js';
import type { Duration } from '../kernel/time.js';
import type { Randomness } from '../random/stream.js';
import type { CostProfile, KubeProxyConfiguration } from '../scenario/types.js';

/** What the kube-proxies of a cluster are made of. */
export interface KubeProxiesOptions {
  readonly simulation: Simulation;
  readonly randomness: Randomness;
  readonly profile: CostProfile;
  readonly nodes: number;
  /** --iptables-min-sync-period. */
  readonly minSyncPeriod: Duration;
  /** Added to every delivery. */
  readonly extraDelay: Duration;
  /** Names and zones of the nodes: policies Local and topology hints need them. */
  readonly nodeNames?: readonly string[];
  readonly nodeZones?: readonly string[];
  /** Absent: every sync takes what the profile says, whatever it writes. */
  readonly configuration?: KubeProxyConfiguration;
  /** Whether the hourly full sync of iptables mode is left out in large clusters (1.36). */
  readonly noFullSyncWhenLarge?: boolean;
  /** Share of the syncs that fail. Absent: none. */
  readonly failures?: number;
  /** Least time between two looks of the watcher that is no kube-proxy (an ingress controller). Absent: 0. */
  readonly watcherPeriod?: Duration;
}
