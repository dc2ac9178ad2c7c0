import type { Simulation } from '../kernel/simulation.js';
import type { Network } from '../network/network.js';
import type { EnvironmentBook } from '../node/behaviour.js';
import type { DrawCursor } from '../node/draws.js';
import type { KubeProxies } from '../node/kube-proxy.js';
import type { CostProfile, TrafficSpec } from '../scenario/types.js';
import type { ClusterDns } from './dns.js';
import type { IngressController } from './ingress.js';
import type { LoadBalancer } from './load-balancer.js';
import type { PodServers } from './pods.js';
import type { EntryNodes } from './router.js';

/** Knows the pods that call other Services. */
export interface CallerBook {
  /** Address of the pod that sends a request. */
  callerOf(request: number): number;
}

export interface ConnectorOptions {
  readonly name: string;
  readonly simulation: Simulation;
  readonly network: Network;
  readonly costs: CostProfile;
  readonly spec: TrafficSpec;
  readonly pods: PodServers;
  readonly proxies: KubeProxies;
  readonly nodes: EntryNodes;
  readonly draws: DrawCursor;
  readonly dns: ClusterDns | null;
  readonly balancer: LoadBalancer | null;
  readonly ingress: IngressController | null;
  /** Senders are pods that serve requests themselves. Absent: they are clients of their own. */
  readonly callers?: CallerBook;
  /** Absent: environments are not known. */
  readonly environments?: EnvironmentBook;
}
