import type { ControllerGate } from '../api/controller-gates.js';
import type { Node, Pod } from '../api/core.js';
import type { KubeletConfiguration } from '../api/kubelet-configuration.js';
import type { Duration, Time } from '../kernel/time.js';
import type { Stage } from '../node/kwok/stage.js';
import type { DistributionSpec } from '../random/distribution.js';
import type { SchedulerConfiguration } from '../scheduler/config/configuration.js';
import type { CostProfile } from './cost-types.js';
import type { DnsSpec, KubeProxyConfiguration } from './network-types.js';

export interface ClusterSpec {
  /** Node objects in registration order, with zone labels set. */
  readonly nodes: readonly Node[];
  readonly etcd: EtcdSpec;
  /** stacked: member i on control-plane machine i; external: on machines of their own. Absent: stacked. */
  readonly etcdTopology?: 'stacked' | 'external';
  /** --etcd-servers-overrides of kube-apiserver. Absent: none. */
  readonly etcdOverrides?: readonly EtcdOverride[];
  readonly apiServers: number;
  /** --enable-priority-and-fairness. Absent: true; false: the servers count requests in flight, and refuse what is above their limits. */
  readonly priorityAndFairness?: boolean;
  /** --event-ttl; 0: events stay. Absent: 1 h, in runs of more than half an hour. */
  readonly eventTtl?: Duration;
  /** Deployments of the manifests run from the beginning, on nodes in turn, instead of being rolled out in the warm start. Absent: false. */
  readonly settled?: boolean;
  /** Cores of each machine of the control plane, shared by all on it. Absent: each component has those of the profile. */
  readonly controlPlaneCores?: number;
  /** Processes of kube-controller-manager and of kube-scheduler, of which one each leads. Absent: 1. */
  readonly controlPlaneReplicas?: number;
  /** A balancer between clients and API servers. Absent: clients know all servers, and which of them are up. */
  readonly loadBalancer?: LoadBalancerSpec;
  /** Bytes of memory of each machine of the control plane. Absent: enough for everything. */
  readonly controlPlaneMemory?: number;
  /** What informers keep deltas in: absent: RealFIFO, the default since 1.33 (gate InOrderInformers). */
  readonly informerQueue?: 'RealFIFO' | 'DeltaFIFO';
  /** Client limits per controller (kube-controller-manager --kube-api-qps, --kube-api-burst). Default 20, 30. */
  readonly controllerManager: {
    readonly qps: number;
    readonly burst: number;
    /** kube-controller-manager --feature-gates; those that are not named are as the release has them. */
    readonly featureGates?: Readonly<Partial<Record<ControllerGate, boolean>>>;
    /** kube-controller-manager --legacy-service-account-token-clean-up-period. Absent: a year. */
    readonly legacyServiceAccountTokenCleanUpPeriod?: Duration;
  };
  /** kube-scheduler client limits (50, 100) and configuration. */
  readonly scheduler: {
    readonly qps: number;
    readonly burst: number;
    readonly percentageOfNodesToScore: number;
    readonly parallelism: number;
    /** What its KubeSchedulerConfiguration file says; absent: the defaults. */
    readonly configuration?: SchedulerConfiguration;
    /** Plugins that the user adds. */
    readonly plugins?: readonly UserPluginSpec[];
  };
  /** Machines of which more is said than their Node objects do, by node. Absent: none. */
  readonly machines?: Readonly<Record<string, MachineSpec>>;
  /** Settings of all kubelets; absent: their defaults. */
  readonly kubelet?: KubeletConfiguration;
  /** There is a cloud controller manager. Absent: none. */
  readonly cloud?: boolean;
  /** What the cloud controller manager's load balancers take to be made or removed. Absent: load balancers are there, whatever the status of Services says. */
  readonly loadBalancers?: DistributionSpec;
  /** Image registries whose bandwidth is limited. Absent: none is. */
  readonly registries?: readonly RegistrySpec[];
  readonly kubeProxy: {
    readonly minSyncPeriod: Duration;
    readonly extraDelay: Duration;
    /** Share of the syncs that fail, 0..1. Absent: none. */
    readonly failures?: number;
    /** Absent: syncs take what `kubeProxy.sync` of the profile says. */
    readonly configuration?: KubeProxyConfiguration;
  };
  /** Absent: names are not looked up. */
  readonly dns?: DnsSpec;
  /** KWOK's controller, which manages the nodes annotated `kwok.x-k8s.io/node: fake`. Absent: there are none. */
  readonly kwok?: KwokSpec;
  /** What webhooks of the manifests do, by name; those that are not named take the profile's time and allow everything. */
  readonly webhooks?: readonly WebhookBehaviour[];
  /** kube-apiserver --disable-admission-plugins. */
  readonly disabledAdmissionPlugins?: readonly string[];
}

/** An image registry. */
export interface RegistrySpec {
  readonly host: string;
  /** Sent to all nodes together. */
  readonly bytesPerSecond: number;
}

/** Health checks of a load balancer in front of the API servers: GET /readyz of each. */
export interface LoadBalancerSpec {
  readonly interval: Duration;
  /** Checks in a row that must fail before a server gets no more connections, and succeed before it gets some again. */
  readonly fall: number;
  readonly rise: number;
}

/** One kwok process (KwokConfigurationOptions). */
export interface KwokSpec {
  readonly stages: readonly Stage[];
  /** Client limits; 0: none, as kwok sets them. */
  readonly qps: number;
  readonly burst: number;
  readonly podPlayStageParallelism: number;
  readonly nodePlayStageParallelism: number;
  readonly nodeLeaseParallelism: number;
  /** 0: no leases. */
  readonly nodeLeaseDurationSeconds: number;
}

/** How an admission webhook behaves. */
export interface WebhookBehaviour {
  /** Name of the webhook, as its configuration has it. */
  readonly name: string;
  /** Absent: the profile's. */
  readonly latency?: DistributionSpec;
  /** Share of calls that get no answer (connection refused). */
  readonly failures: number;
  /** Share of calls that it denies, and its explanation. */
  readonly denials: number;
  readonly message: string;
  /** What a mutating webhook adds to objects. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A scheduler plugin of the user's own. */
export interface UserPluginSpec {
  /** Name in profiles. */
  readonly name: string;
  /** Which code: the file as the scenario names it, and a hash of its text. */
  readonly source: string;
}

export interface EtcdSpec {
  readonly members: number;
  readonly heartbeatInterval: Duration;
  readonly electionTimeout: Duration;
  readonly quotaBackendBytes: number;
  readonly snapshotCount: number;
  /** Log entries kept behind the applied one for slow followers (--snapshot-catchup-entries); absent: etcd's 5,000. */
  readonly snapshotCatchUpEntries?: number;
  /** The log has a disk of its own, of the same class (--wal-dir). Absent: it shares the backend's. */
  readonly dedicatedWalDisk?: boolean;
  /** The leader compares the data of all members at this interval (--corrupt-check-time). Absent: never, etcd's default. */
  readonly corruptCheckTime?: Duration;
  /** A starting member compares its data with its peers' (--initial-corrupt-check). Absent: false, etcd's default. */
  readonly initialCorruptCheck?: boolean;
  /** Zone of each member, in order. */
  readonly zones: readonly string[];
}

/** An etcd cluster of its own for some resources. */
export interface EtcdOverride {
  /** What its members are called, with their number after a hyphen: `etcd-events`. */
  readonly name: string;
  /** Plural names. */
  readonly resources: readonly string[];
  readonly spec: EtcdSpec;
  readonly costs: CostProfile['etcd'];
  /** Its members use the disks of the main members on the same machines. */
  readonly sharedDisk: boolean;
}

/** What a scenario says of a machine beside its Node object. */
export interface MachineSpec {
  /** No supervisor starts its kubelet and container runtime again. Absent: false. */
  readonly unsupervised?: boolean;
  /** Manifests in the directory of its static pods, as written. Absent: none. */
  readonly staticPods?: readonly Pod[];
  /** Inodes of its disk, and process ids. Absent: enough. */
  readonly inodes?: number;
  readonly processIds?: number;
  /** When it is switched on, since the origin, and how long it takes until its kubelet starts. Absent: it runs from the start. */
  readonly joins?: { readonly at: Time; readonly boot?: DistributionSpec };
  /** The longest delay of restarts of its containers. Absent: as all kubelets have it. */
  readonly maxRestartPeriod?: Duration;
}
