import type { ControllerGate } from '../api/controller-gates.js';
import type { Node, Pod, PodSpec } from '../api/core.js';
import type { KubernetesObject, Labels, LabelSelector } from '../api/meta.js';
import type { MetricQuery } from '../api/metric-query.js';
import type { Duration, Time } from '../kernel/time.js';
import type { Stage } from '../node/kwok/stage.js';
import type { KubeletConfiguration } from '../api/kubelet-configuration.js';
import type { DistributionSpec } from '../random/distribution.js';
import type { SchedulerConfiguration } from '../scheduler/config/configuration.js';
import type {
  ClientSpec,
  ConnectionSpec,
  DnsSpec,
  HealthCheckSpec,
  IngressTarget,
  KubeProxyConfiguration,
  KubeProxyCosts,
  LookupSpec,
  ServiceEntry,
} from './network-types.js';
import type { SchedulerPerfSpec } from './scheduler-perf/types.js';
import type {
  ArrivalSpec,
  BalancingPolicy,
  BreakerSpec,
  CallSpec,
  HedgeSpec,
  MemorySpec,
  OverloadSpec,
  ProcessorSpec,
  RetrySpec,
  WarmUpSpec,
} from './traffic-types.js';

export type * from './network-types.js';
export type * from './traffic-types.js';

/**
 * A checked scenario: what `scenario/` makes of a scenario file and the manifests it names, and what `cluster/` builds a
 * simulated cluster from. All durations are nanoseconds, all objects defaulted and validated.
 */
export interface Scenario {
  readonly name: string;
  readonly question: string;
  readonly kubernetesVersion: '1.34' | '1.35' | '1.36';
  readonly seed: string;
  /** RFC 3339 instant of simulated time 0, as milliseconds since the epoch. */
  readonly startTime: number;
  /** When the run ends at the latest. */
  readonly duration: Duration;
  readonly cluster: ClusterSpec;
  readonly profile: CostProfile;
  /** All manifests, in file order. */
  readonly objects: readonly KubernetesObject[];
  readonly behaviours: readonly ImageBehaviour[];
  readonly traffic: readonly TrafficSpec[];
  /** Only the requests to one pod in so many are simulated, at least 2. Absent: all are. */
  readonly sampleEvery?: number;
  /** Programs that use the API beside the cluster's own components. Absent: none. */
  readonly clients?: readonly ApiClientSpec[];
  readonly timeline: readonly TimelineAction[];
  /** What breaks at random; absent: nothing. */
  readonly faults?: readonly RandomFaultSpec[];
  /** Metrics beyond those of resources, for HorizontalPodAutoscalers; absent: none. */
  readonly metrics?: readonly MetricSeries[];
  /** Pods of a recorded trace; absent: none. */
  readonly podTrace?: PodTraceSpec;
  /** What is recorded; absent: all tables, no single events. */
  readonly record?: RecordSpec;
  readonly rollout?: RolloutSpec;
  readonly objectives: readonly Objective[];
  /** Things a reader should know that are no errors: a Service that selects nothing, a kind that is not modelled. */
  readonly findings: readonly Finding[];
  /** Files that the scenario was read from, itself first, relative to its folder; those that come with towtank are not among them. */
  readonly sourceFiles?: readonly string[];
  /** Workloads of scheduler_perf, to be run one after the other instead of everything else. */
  readonly schedulerPerf?: SchedulerPerfSpec;
  /** Name of the variant that this scenario is; absent: the base. */
  readonly variant?: string;
  /** The scenario with each of its variants laid over it, for `compare` and `run --variant`. */
  readonly variants?: readonly Scenario[];
}

/** What a run records. */
export interface RecordSpec {
  /** Names of the tables that are left out. */
  readonly without: readonly string[];
  /** Seconds between two samples of gauges; absent: 1, and for nodes by the length of the run. */
  readonly interval?: number;
  /** Seconds between two scrapes; absent: 15, as Prometheus is usually set to. */
  readonly scrapeInterval?: number;
  /** Requests to the API that are followed, at most of each kind; absent: 32. */
  readonly apiRequests?: number;
  /** Every event of the simulation goes to a file. */
  readonly eventTrace: boolean;
}

export interface Finding {
  readonly severity: 'warning' | 'info';
  readonly message: string;
  /** `file:line:column` when known. */
  readonly position?: string;
}

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

/** What a kube-apiserver's memory consists of, bytes and factors. */
export interface ApiServerMemoryCosts {
  readonly base: number;
  /** Bytes of a decoded object by those of its encoding. */
  readonly decodedFactor: number;
  /** Heap by what lives in it. */
  readonly collectorFactor: number;
  readonly watch: number;
  readonly request: number;
  /** Bytes held for a list from the watch cache in flight by those of its encoding. */
  readonly cachedListFactor: number;
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

/**
 * Costs of components: every duration that is not a rule of Kubernetes or etcd. Read from `profiles/*.yaml`; the comment of
 * each field names what it stands for, `profiles/default.yaml` names the source of each value.
 */
export interface CostProfile {
  readonly name: string;
  readonly network: {
    readonly sameHost: DistributionSpec;
    readonly sameZone: DistributionSpec;
    readonly crossZone: DistributionSpec;
    /** From users outside to the cluster's edge. */
    readonly external: DistributionSpec;
    /** Node and member links. */
    readonly bytesPerSecond: number;
    /** Share of the packets between machines that are lost, 0..1; absent: none. */
    readonly loss?: number;
    /** Round trips between two zones (`a b`, either way), instead of `crossZone`. */
    readonly zonePairs?: Readonly<Record<string, DistributionSpec>>;
  };
  readonly etcd: {
    /** One fdatasync of the WAL. */
    readonly fsync: DistributionSpec;
    /** Added to an fsync for each entry beyond the first that it writes; absent: 0. */
    readonly fsyncPerEntry?: Duration;
    /** One bbolt commit of the backend. */
    readonly backendCommit: DistributionSpec;
    readonly cores: number;
    /** Per-request work before the proposal (gRPC, marshalling), and after the apply (response). */
    readonly requestCpu: Duration;
    /** Fixed cost of one Ready, cost per entry handled in it, and per raft message received. */
    readonly readyCpu: Duration;
    readonly entryCpu: Duration;
    readonly messageCpu: Duration;
    readonly applyCpu: Duration;
    readonly rangeCpu: Duration;
    /** Added to a range that asks a quorum first; absent: 0. */
    readonly linearizableCpu?: Duration;
    /** etcd before 2.3: the leader sends entries only after its own fsync. Absent: false. */
    readonly leaderWaitsForFsync?: boolean;
    readonly watchEventCpu: Duration;
    /** Reading back one entry of the write-ahead log (record, checksum, decoding) when a member restarts; absent: 0. */
    readonly walReplayCpu?: Duration;
  };
  readonly apiServer: {
    readonly cores: number;
    readonly maxRequestsInFlight: number;
    readonly maxMutatingRequestsInFlight: number;
    /** CPU of a request by verb and resource (`create pods`), by verb (`create`), or `default`. */
    readonly requestCpu: Readonly<Record<string, DistributionSpec>>;
    readonly listObjectCpu: Duration;
    readonly watchEventCpu: Duration;
    readonly encodeNanosecondsPerByte: number;
    /** A call of an admission webhook, there and back; absent: 0. */
    readonly webhook?: DistributionSpec;
    /** Authorization: a role binding looked at, and a rule compared; absent: 0. */
    readonly rbacBindingCpu?: Duration;
    readonly rbacRuleCpu?: Duration;
  };
  /** Memory of a kube-apiserver; absent: it takes none. */
  readonly memory?: ApiServerMemoryCosts;
  readonly client: {
    /** Decoding one watch event and running the handlers of an informer for it. */
    readonly eventCpu: Duration;
  };
  readonly controllers: {
    /** CPU of one sync by controller name (`deployment`), or `default`. */
    readonly syncCpu: Readonly<Record<string, DistributionSpec>>;
    /** From a key's turn until its worker reads the object from the cache, by controller or `default`: a wait, not work. Absent: 0. */
    readonly wakeUp?: Readonly<Record<string, DistributionSpec>>;
    /**
     * From the arrival of a watch event at kube-controller-manager until its informer takes it up, by resource or `default`: a wait,
     * not work. Absent: 0.
     */
    readonly eventDelay?: Readonly<Record<string, DistributionSpec>>;
  };
  readonly scheduler: {
    readonly cycleFixed: Duration;
    readonly cyclePerEvaluatedNode: Duration;
    readonly failurePerNode: Duration;
    readonly spreadPerNode: Duration;
    readonly antiAffinityPerPod: Duration;
    /** What existing pods with required anti-affinity cost a pod without: theirs may keep it away. Absent: 0. */
    readonly existingAntiAffinityPerPod?: Duration;
    readonly affinityPerPod: Duration;
    readonly preferredAffinityPerPod: Duration;
    /** Evaluated nodes that add once more the cost of each (their data leave the processor's caches). Absent: none do. */
    readonly evaluatedNodesToDouble?: number;
    /** Cores of the scheduler's machine: filters, scores, scans and dry runs use as many, up to its parallelism. Absent: 1. */
    readonly cores?: number;
    /**
     * Processor time of work that is split over several cores, relative to one core: of evaluated nodes, of full scans, and of
     * nodes of a failing cycle. Absent: 1.
     */
    readonly evaluatedOverhead?: number;
    readonly scanOverhead?: number;
    readonly failureOverhead?: number;
    /** Garbage collection caused by one evaluated node, on average, and the slice in which it is paid. Absent: 0. */
    readonly garbagePerEvaluatedNode?: Duration;
    readonly garbageSlice?: Duration;
    /** Default spreading of a pod that a ReplicaSet, StatefulSet or ReplicationController controls, each node of the cluster. Absent: 0. */
    readonly defaultSpreadPerNode?: Duration;
    /** A cycle that begins after a pause takes so many times as long: threads of its workers wake up, caches are cold. Absent: 1. */
    readonly afterPause?: number;
  };
  readonly kubelet: {
    readonly prepare: DistributionSpec;
    readonly sandbox: DistributionSpec;
    readonly createContainer: DistributionSpec;
    readonly startContainer: DistributionSpec;
    readonly stopSandbox: DistributionSpec;
    /** From the end of a process until StopContainer answers. Absent: no time. */
    readonly stopContainer?: DistributionSpec;
    /** How many times longer the steps of a runtime take, by its name; those that are not named take what is said above. Absent: all do. */
    readonly runtimes?: Readonly<Record<string, RuntimeFactors>>;
    readonly plegRelist: DistributionSpec;
    readonly probe: DistributionSpec;
    readonly imagePresent: Duration;
    readonly pullOverhead: DistributionSpec;
    readonly pullBytesPerSecond: number;
    readonly unpackBytesPerSecond: number;
    readonly compression: number;
    readonly statusSyncCpu: Duration;
  };
  readonly kubeProxy: KubeProxyCosts & { readonly sync: DistributionSpec };
  readonly dns: {
    /** From a forwarded query to the answer of the name server outside. */
    readonly upstream: DistributionSpec;
    /** An answer of NodeLocal DNSCache. */
    readonly nodeLocal: DistributionSpec;
  };
  readonly ingress: {
    /** An ingress controller's own work for a request. */
    readonly request: DistributionSpec;
    /** From a changed Ingress to the new configuration in force. */
    readonly reload: DistributionSpec;
  };
  /** From the change of a route until the proxies of its mesh or gateway divide the traffic by it. Absent: at once. */
  readonly routes?: { readonly propagation?: DistributionSpec };
  /** What a requested core and a requested GiB of memory cost for an hour. Absent: nothing. */
  readonly prices?: { readonly cpuHour?: number; readonly memoryHour?: number };
  /** From the request for a volume until the provisioner has made it. */
  readonly volumes: {
    readonly provision: DistributionSpec;
    /** The cloud attaches a volume to a machine, or detaches it; the kubelet mounts it. Absent: no time. */
    readonly attach?: DistributionSpec;
    readonly detach?: DistributionSpec;
    readonly mount?: DistributionSpec;
  };
  /** Processor time of kwok's controllers. */
  readonly kwok: {
    /** Choosing the next stage for a changed object. */
    readonly preprocessCpu: Duration;
    /** Rendering the template of a stage and checking what its patch changes. */
    readonly playCpu: Duration;
    /** Renewing one lease. */
    readonly leaseCpu: Duration;
  };
  /**
   * Processor time of the processes beside what anybody waits for (threads that wake up and look for work, garbage collection, reading
   * and writing of connections): of each request that a process answers or sends, and of each watch event that it receives. It is paid
   * where processes share cores (ClusterSpec.controlPlaneCores). Absent: none.
   */
  readonly background?: {
    /** By process: etcd, kube-controller-manager, kube-scheduler, kwok-controller. */
    readonly cpu: Readonly<Record<string, Duration>>;
    /** Of a request at kube-apiserver in all: what its answer does not wait for (apiServer.requestCpu) is spent after it. Absent: nothing. */
    readonly request?: Duration;
    /** What the answer to a request (`create nodes`) waits for beside cores and etcd: locks, turns of its goroutine. Absent: nothing. */
    readonly requestWait?: Readonly<Record<string, Duration>>;
    /** Share of it that is left while all cores have something else to do, 0..1, by process, `default` for the others. Absent: all of it. */
    readonly whenBusy?: Readonly<Record<string, number>>;
  };
  readonly requests: {
    /** Default image size when a behaviour does not state one. */
    readonly imageBytes: number;
    readonly connectTimeout: Duration;
  };
}

/** How many times longer than the profile says the steps of a container runtime take; absent: 1. */
export interface RuntimeFactors {
  readonly sandbox?: number;
  readonly createContainer?: number;
  readonly startContainer?: number;
  readonly stopContainer?: number;
  readonly stopSandbox?: number;
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
}

/** What the application in an image does. The first behaviour whose pattern matches an image holds. */
export interface ImageBehaviour {
  /** Glob over the image name with tag: `*` matches any run of characters. */
  readonly image: string;
  readonly startup: DistributionSpec;
  readonly shutdown: DistributionSpec;
  /** Keeps accepting requests while it drains (true) or closes its listener at SIGTERM (false). */
  readonly servesWhileDraining: boolean;
  readonly imageBytes: number;
  /** Layers that images share by name. Absent: nothing is shared. */
  readonly layers?: readonly { readonly name: string; readonly bytes: number }[];
  /** Every node has it from the start. Absent: false. */
  readonly cached?: boolean;
  /** The registry does not have it. Absent: false. */
  readonly missing?: boolean;
  readonly request: RequestBehaviour;
  /** Never becomes ready. */
  readonly neverReady: boolean;
  /** What it uses without requests: millicores and bytes. Absent: nothing. */
  readonly usage?: { readonly cpu: number; readonly memory: number };
  /** Exits by itself after this long with `exitCode`; absent: runs until stopped. */
  readonly crash?: { readonly after: DistributionSpec; readonly exitCode: number };
  /** Absent: it never meets its memory limit. */
  readonly memory?: MemorySpec;
  /** Ephemeral storage of a container (writable layer, logs), bytes at its start and more each second. Absent: none. */
  readonly storage?: { readonly base: number; readonly growPerSecond: number };
  /** Inodes and process ids of a container, at its start and more each second. Absent: not counted. */
  readonly inodes?: { readonly base: number; readonly growPerSecond: number };
  readonly processes?: { readonly base: number; readonly growPerSecond: number };
}

export interface RequestBehaviour {
  readonly time: DistributionSpec;
  /** Requests in service at once in one pod; more wait in its queue. */
  readonly concurrency: number;
  /** Requests that may wait; more are refused. */
  readonly queue: number;
  /** Processor time of a request. Absent: all of its service time. */
  readonly cpu?: Duration;
  /** Bytes of an answer, which share the link of the pod's machine. Absent: they take no time. */
  readonly answer?: number;
  /** Probability that a request is answered with an error of the application. */
  readonly errors: number;
  /** Service times are longer by this factor; absent: 1. */
  readonly slower?: number;
  readonly warmUp?: WarmUpSpec;
  readonly overload?: OverloadSpec;
  /** Absent: service takes time but no processor. */
  readonly processor?: ProcessorSpec;
  /** Calls that a request makes after its own work, before it is answered: stage after stage, those of a stage side by side. Absent: none. */
  readonly calls?: readonly (readonly CallSpec[])[];
}

/** Users of a Service: a stream of requests. */
export interface TrafficSpec {
  readonly service: { readonly namespace: string; readonly name: string };
  /** Requests a second: of the Poisson stream, or the mean of what `arrivals` says. */
  readonly rate: number;
  /** Absent: an open Poisson stream. */
  readonly arrivals?: ArrivalSpec;
  readonly start: Time;
  /** Absent: until the end of the run. */
  readonly end?: Time;
  readonly timeout: Duration;
  /** Share of the requests whose header or cookie matches the rules of A/B tests, 0..1; absent: none does. */
  readonly cohort?: number;
  /** Absent: random. */
  readonly balancing?: BalancingPolicy;
  readonly retries?: RetrySpec;
  readonly hedge?: HedgeSpec;
  readonly breaker?: BreakerSpec;
  /** The server is told when nobody waits for an answer any more, and stops working on it. Absent: it works on. */
  readonly cancels?: boolean;
  /** The requests go to a server outside the cluster, by this name; `service` only names the statistics. */
  readonly host?: string;
  /** The requests go to an Ingress; `service` has its name. */
  readonly ingress?: IngressTarget;
  /** Absent: users outside are sent to a random ready node. */
  readonly via?: ServiceEntry;
  /** With `via: loadBalancer`. */
  readonly healthCheck?: HealthCheckSpec;
  /** Pods that send the requests. Absent: users outside, or with `via: clusterIP` somebody on each node. */
  readonly client?: ClientSpec;
  /** Distinct clients, of which each request is of a random one; absent: not told apart. */
  readonly clients?: number;
  /** Absent: clients know the address (the Service's variables in their environment, or a constant). */
  readonly lookup?: LookupSpec;
  /** Clients are pods that find the Service by their environment. Absent: they know its address. */
  readonly discovery?: 'environment';
  /** Absent: connections cost nothing and are not kept. */
  readonly connections?: ConnectionSpec;
}

/** A metric of the custom or external metrics API, as a series of steps. */
export interface MetricSeries {
  readonly name: string;
  readonly namespace: string;
  /** Pods metrics: every pod has the value (true), or an equal share of it (false). */
  readonly perPod: boolean;
  /** Labels of the series, for selectors of metrics; a metric can have several series. */
  readonly labels?: Readonly<Record<string, string>>;
  /** What an Object metric is of; absent: of any object. */
  readonly object?: { readonly kind: string; readonly name: string };
  /** In order of time; each value holds until the next one. Before the first there is none. */
  readonly values: readonly { readonly at: Time; readonly value: number }[];
}

/** A program that uses the API beside the cluster's own components. */
export interface ApiClientSpec {
  readonly name: string;
  /** Whom it authenticates as. */
  readonly user: string;
  /** Of its objects. */
  readonly namespace: string;
  /** list: of all objects; get and update: of objects that it creates first. */
  readonly verb: 'list' | 'get' | 'create' | 'update';
  readonly resource: string;
  /** Mean requests a second, Poisson. */
  readonly rate: number;
  /** Requests in flight at most. */
  readonly concurrency: number;
  /** Client-side limits; 0: none. */
  readonly qps: number;
  readonly burst: number;
  readonly source?: 'consistent' | 'etcd';
  /** Objects of a page. */
  readonly limit?: number;
  readonly start: Time;
  readonly end?: Time;
}

/** A target of a fault. */
export type FaultTarget =
  | { readonly kind: 'node'; readonly name: string }
  /** The machine answers nobody, but keeps what it has. */
  | { readonly kind: 'hang'; readonly name: string }
  /** The process of a node's kubelet or container runtime dies; its supervisor starts it again. */
  | { readonly kind: 'kubelet' | 'runtime'; readonly name: string }
  /** The plugins of a node's CSI drivers are gone: it mounts no volumes. */
  | { readonly kind: 'csiDriver'; readonly name: string }
  /** `count` of these nodes, drawn at random; `groups`: first one of these lists is drawn, by its share of all nodes. */
  | { readonly kind: 'nodes'; readonly groups: readonly (readonly string[])[]; readonly count: number }
  /** A process of the control plane dies. */
  | { readonly kind: 'controllerManager' | 'scheduler'; readonly index: number }
  /** The disk of a node is slower by a factor. */
  | { readonly kind: 'nodeDisk'; readonly name: string; readonly factor: number }
  /** A share of the packets from and to a machine is lost. */
  | { readonly kind: 'packetLoss'; readonly name: string; readonly share: number }
  | { readonly kind: 'zone'; readonly name: string }
  | { readonly kind: 'link'; readonly from: string; readonly to: string; readonly oneWay?: boolean }
  | { readonly kind: 'apiServer'; readonly index: number }
  /** A machine of the control plane with all that runs on it. */
  | { readonly kind: 'machine'; readonly index: number }
  | { readonly kind: 'etcd'; readonly index: number }
  /** An image registry cannot be reached. */
  | { readonly kind: 'registry'; readonly host: string }
  /** All links from the machines of one zone to those of another. */
  | { readonly kind: 'partition'; readonly from: string; readonly to: string; readonly oneWay: boolean }
  /** All name servers of the cluster. */
  | { readonly kind: 'dns' }
  /** The disk of an etcd member is slower by a factor. */
  | { readonly kind: 'disk'; readonly index: number; readonly factor: number };

/** Pods that come and go as a recorded trace says. */
export interface PodTraceSpec {
  readonly namespace: string;
  /** In order of arrival. */
  readonly pods: readonly TracePod[];
  /** What the pods of the trace are like, each different one once. */
  readonly shapes: readonly TraceShape[];
}

export interface TracePod {
  readonly name: string;
  readonly arrival: Time;
  /** From its binding to a node until its owner deletes it; Infinity: it stays. */
  readonly lifetime: Duration;
  /** Number of its shape. */
  readonly shape: number;
}

export interface TraceShape {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly spec: PodSpec;
  /** Label that its nodes must have with one of these values; null: any node. */
  readonly nodeLabel: { readonly label: string; readonly values: readonly string[] } | null;
  /** Share of the trace's pods that are like this. */
  readonly popularity: number;
}

/** An instant relative to the rollout: when this share of its replicas is ready in the new version, or when it is over. */
export type RolloutProgress = number | 'end';

/** Something that breaks again and again. Its draws have a stream of their own, so that all strategies see the same. */
export interface RandomFaultSpec {
  readonly every: DistributionSpec;
  /** Absent `progress`: since the origin; else since that instant of the rollout. */
  readonly from: Time;
  readonly progress?: RolloutProgress;
  readonly until?: Time;
  readonly most?: number;
  readonly target: FaultTarget;
  /** Absent: never. */
  readonly repair?: DistributionSpec;
  /** A fault is followed by another one with this chance, at most `most` times in a row. */
  readonly cascade?: { readonly chance: number; readonly after: DistributionSpec; readonly most: number };
}

/** `progress`: `at` counts from that instant of the rollout. */
export type TimelineAction = { readonly at: Time; readonly position: string; readonly progress?: RolloutProgress } & (
  | { readonly action: 'apply'; readonly objects: readonly KubernetesObject[] }
  | { readonly action: 'setImage'; readonly deployment: ObjectName; readonly container: string; readonly image: string }
  | { readonly action: 'scale'; readonly deployment: ObjectName; readonly replicas: number }
  | { readonly action: 'delete'; readonly resource: string; readonly object: ObjectName }
  /** `repair`: healed after so long. */
  | { readonly action: 'fail'; readonly target: FaultTarget; readonly repair?: Duration }
  | { readonly action: 'heal'; readonly target: FaultTarget }
  | { readonly action: 'kubectl'; readonly command: KubectlCommand }
  /** A graceful restart of an API server; `start`: from its end until it starts again. */
  | { readonly action: 'restart'; readonly index: number; readonly shutdownDelay: Duration; readonly start: Duration }
  /** A kubelet or container runtime ends and starts again after `start`; on several nodes one after the other. */
  | { readonly action: 'restartNode'; readonly what: 'kubelet' | 'runtime'; readonly nodes: readonly string[]; readonly start: Duration; readonly every: Duration }
  /** A file is written into the static pod directory of a machine, or removed from it (`remove`: namespace and name of its manifest). */
  | { readonly action: 'staticPod'; readonly node: string; readonly pods: readonly Pod[]; readonly remove?: string }
  /** What kubelets serve goes into files of the output. */
  | { readonly action: 'inspect'; readonly nodes: readonly string[] }
  /** A machine is told to end: its kubelet ends its pods first if it has a `shutdownGracePeriod`. It stays off. */
  | { readonly action: 'shutdown'; readonly node: string }
  /** `etcdctl defrag` of a member; absent `duration`: by the size of its data. */
  | { readonly action: 'defragment'; readonly member: number; readonly duration?: Duration }
  /** `etcdctl move-leader`. */
  | { readonly action: 'moveLeader'; readonly member: number }
  /** `etcdctl alarm disarm`, of the cluster of a member. */
  | { readonly action: 'disarmAlarms'; readonly member: number }
  /** A bit flips in the file of a member's database. */
  | { readonly action: 'corrupt'; readonly member: number }
);

/** An object as kubectl's arguments name it; `name` empty: all of its kind. */
export interface KubectlTarget {
  /** Plural name: `deployments`. */
  readonly resource: string;
  readonly object: ObjectName;
}

/** Whom a command acts as (--as, --as-group). */
export interface Impersonation {
  readonly user: string;
  readonly groups: readonly string[];
}

/** A kubectl command line, checked. */
export type KubectlCommand = { readonly text: string; readonly as?: Impersonation } & (
  | { readonly verb: 'create' | 'apply'; readonly objects: readonly KubernetesObject[] }
  /** `name` empty: all of the namespace; the namespace empty too: all of all namespaces. */
  | { readonly verb: 'get'; readonly target: KubectlTarget; readonly watch: boolean }
  /** `timeout` 0: waits for ever. */
  | { readonly verb: 'rollout status'; readonly target: KubectlTarget; readonly timeout: Duration }
  /** `toRevision` 0: the one before. */
  | { readonly verb: 'rollout undo'; readonly target: KubectlTarget; readonly toRevision: number }
  | { readonly verb: 'scale'; readonly target: KubectlTarget; readonly replicas: number }
  | { readonly verb: 'set image'; readonly target: KubectlTarget; readonly images: Readonly<Record<string, string>> }
  /** `files`: the targets come from files. */
  | { readonly verb: 'delete'; readonly targets: readonly KubectlTarget[]; readonly files: boolean; readonly options: DeleteOptions }
  /** The plugin of Argo Rollouts. `full`: all steps are skipped. */
  | { readonly verb: 'argo rollouts promote' | 'argo rollouts abort' | 'argo rollouts retry'; readonly target: KubectlTarget; readonly full: boolean }
  | { readonly verb: 'cordon' | 'uncordon'; readonly node: string }
  | { readonly verb: 'drain'; readonly node: string; readonly options: DrainOptions }
);

/** Flags of `kubectl delete`. */
export interface DeleteOptions {
  /** It ends when the objects are gone. */
  readonly wait: boolean;
  readonly propagationPolicy: 'Background' | 'Foreground' | 'Orphan';
  /** Absent: the objects' own. */
  readonly gracePeriodSeconds?: number;
}

/** Flags of `kubectl drain`. */
export interface DrainOptions {
  readonly force: boolean;
  readonly ignoreDaemonSets: boolean;
  readonly deleteEmptyDirData: boolean;
  readonly disableEviction: boolean;
  /** Absent: the pods' own. */
  readonly gracePeriodSeconds?: number;
  /** 0: waits for ever. */
  readonly timeout: Duration;
}

export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

/** One rollout, to be run with each strategy by `compare`, or with one by `run --strategy`. */
export interface RolloutSpec {
  readonly deployment: ObjectName;
  /** Container to change; default the first one. */
  readonly container: string;
  readonly image: string;
  readonly at: Time;
  readonly strategies: readonly StrategySpec[];
  /** Answers of metric providers and webhooks that analyses get. */
  readonly measurements?: readonly MeasurementSpec[];
  readonly webhooks?: readonly WebhookGate[];
}

/** When a pipeline takes a version back by itself: always when its progress deadline is exceeded. */
export interface RollbackSpec {
  /** `kubectl rollout status --timeout` of each wait; absent: it waits for the progress deadline. */
  readonly timeout?: Duration;
  readonly analysis?: {
    readonly interval: Duration;
    /** It looks back this long at the new version. */
    readonly window: Duration;
    /** Bad looks that are forgiven. */
    readonly failureLimit: number;
    /** Of errors, latency and restarts. */
    readonly objectives: readonly Objective[];
    /** It goes on for so long after the rollout is complete. */
    readonly watch: Duration;
  };
}

export type StrategySpec = { readonly name: string; readonly rollback?: RollbackSpec } & (
  | { readonly kind: 'recreate' }
  | { readonly kind: 'ramped'; readonly maxSurge: number | string; readonly maxUnavailable: number | string }
  | { readonly kind: 'blueGreen'; readonly hold: Duration }
  | {
      readonly kind: 'canary';
      readonly steps: readonly { readonly weight: number; readonly pause: Duration }[];
      /** A route divides the traffic: by weight, by header or cookie (A/B), or it mirrors it (shadow). Absent: the share of the pods does. */
      readonly routing?: 'weight' | 'cohort' | 'mirror';
    }
  /** A Rollout of Argo Rollouts, which says itself how (`deployment` then names it). */
  | {
      readonly kind: 'argo';
      /** Deployment whose template it takes (workloadRef). */
      readonly workload?: string;
    }
  /** A Deployment that a Canary of Flagger watches over. */
  | { readonly kind: 'flagger'; readonly canary: ObjectName }
);

/** What an analysis measures of the simulated traffic. */
export type MeasureSpec = MetricQuery;

/** What the provider of an analysis metric answers, stated by the scenario. */
export interface MeasurementSpec {
  readonly metric: string;
  /** Absent: `value` holds. */
  readonly measure?: MeasureSpec;
  readonly value?: number | string | boolean;
}

/** A webhook that refuses from `from` until `until`. */
export interface WebhookGate {
  readonly name: string;
  readonly from: Time;
  readonly until: Time;
}

/** `errors < 0.1%`, `latency p99 < 250ms`, `rollout duration < 8m`, … as metric, comparison and limit in base units. */
export interface Objective {
  readonly text: string;
  readonly metric:
    | 'errors'
    | 'latency'
    | 'rolloutDuration'
    | 'availability'
    | 'surge'
    | 'apiWrite'
    | 'apiErrors'
    | 'apiUnanswered'
    | 'etcdCommit'
    | 'podStartup'
    /** Of containers of the new version: in analyses of pipelines only. */
    | 'restarts';
  /** Quantile in 0..1 for latency, API writes, commits and the start-up of pods. */
  readonly quantile?: number;
  readonly comparison: '<' | '<=' | '>' | '>=';
  /** Share for errors and availability, nanoseconds for latencies and durations, pod-seconds for surge, a number of restarts. */
  readonly limit: number;
  readonly position: string;
}

/** Re-exported for readers of scenarios that select objects. */
export type { LabelSelector };

export type * from './scheduler-perf/types.js';
