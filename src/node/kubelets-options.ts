import type { KubeletConfiguration } from '../api/kubelet-configuration.js';
import type { Node } from '../api/core.js';
import type { ApiClient } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Network } from '../network/network.js';
import type { Randomness } from '../random/stream.js';
import type { CostProfile, MachineSpec } from '../scenario/types.js';
import type { ContainerBehaviour, PodLifecycleListener, PodStepObserver } from './behaviour.js';
import type { NodeEventRecorder } from './fleet.js';
import type { PodLister } from './kubelet-restart.js';

/** What the kubelets of a cluster are made of. */
export interface KubeletsOptions {
  readonly simulation: Simulation;
  readonly randomness: Randomness;
  readonly profile: CostProfile;
  readonly network: Network;
  readonly behaviour: ContainerBehaviour;
  readonly lifecycle: PodLifecycleListener;
  /** In the order of node indexes. */
  readonly nodes: readonly Node[];
  /** Client of a node's kubelet (kubeAPIQPS 50, burst 100). Called once for each node, in the constructor. */
  clientFor(nodeIndex: number): ApiClient;
  /** The client of leases and node status, which has no limits (cmd/kubelet/app/server.go heartbeatClientConfig.QPS = -1); absent: the other one. */
  heartbeatClientFor?(nodeIndex: number): ApiClient;
  /** Network host of each node. */
  readonly hosts: readonly number[];
  /** Gets Pulling, Pulled, Created, Started, Killing, Unhealthy, BackOff, … Absent: no events. */
  readonly events?: NodeEventRecorder;
  /** Told of the steps of each pod. */
  readonly observer?: PodStepObserver;
  /** Some volumes are attached by the attach/detach controller, which pods wait for. Default false. */
  readonly attachesVolumes?: boolean;
  /** Default 1.34. */
  readonly kubernetesVersion?: '1.34' | '1.35' | '1.36';
  /** Asked to list the pods of a node whose kubelet starts again. */
  readonly relist?: PodLister;
  /** What is said of machines beside their Node objects, by node. */
  readonly machines?: Readonly<Record<string, MachineSpec>>;
  /** Absent: the kubelet's defaults. */
  readonly configuration?: KubeletConfiguration;
  /** Registries whose bandwidth is limited; others are not. */
  readonly registries?: readonly { readonly host: string; readonly bytesPerSecond: number }[];
}
