import type { Duration } from '../kernel/time.js';
import type { DistributionSpec } from '../random/distribution.js';
import type { KubeProxyCosts } from './network-types.js';

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
    /** CPU that a sync takes for each pod it goes through, by controller (`replicaset`, `deployment`). Absent: 0. */
    readonly syncPodCpu?: Readonly<Record<string, Duration>>;
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
    /** Beyond `free` pods that start on a node at once each makes the runtime's steps longer by this share. Absent: none does. */
    readonly contention?: { readonly free: number; readonly share: number };
    readonly plegRelist: DistributionSpec;
    readonly probe: DistributionSpec;
    /** As `probe`, of handler exec, which starts a process in the container. Absent: as `probe`. */
    readonly execProbe?: DistributionSpec;
    readonly imagePresent: Duration;
    readonly pullOverhead: DistributionSpec;
    readonly pullBytesPerSecond: number;
    readonly unpackBytesPerSecond: number;
    readonly compression: number;
    /** Layers of an image that does not state its own, equal in size: each is unpacked while the next ones come. Absent: 1, nothing overlaps. */
    readonly imageLayers?: number;
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
    /** From a volume's release until the provisioner has deleted it. Absent: no time. */
    readonly delete?: DistributionSpec;
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
    readonly cpu?: Readonly<Record<string, Duration>>;
    /** Of a request at kube-apiserver in all: what its answer does not wait for (apiServer.requestCpu) is spent after it. Absent: nothing. */
    readonly request?: Duration;
    /** What the answer to a request (`create nodes`) waits for beside cores and etcd: locks, turns of its goroutine. Absent: nothing. */
    readonly requestWait?: Readonly<Record<string, Duration>>;
    /** Share of it that is left while all cores have something else to do, 0..1, by process, `default` for the others. Absent: all of it. */
    readonly whenBusy?: Readonly<Record<string, number>>;
    /**
     * How many times longer a kind of request takes once the phase is over in which most of it was recorded, because the server's heap
     * has grown; for `conformance calibration` alone. Absent: 1.
     */
    readonly aged?: number;
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
