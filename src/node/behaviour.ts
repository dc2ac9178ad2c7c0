import type { Container, Pod } from '../api/core.js';
import type { Duration, Time } from '../kernel/time.js';

/** How one container will behave in one life (start to exit), decided when it starts. */
export interface ContainerLife {
  /** From process start until it listens and probes succeed. Infinity: never. */
  readonly startup: Duration;
  /** From process start until it exits by itself; Infinity: serves until stopped. */
  readonly runtime: Duration;
  readonly exitCode: number;
  /** The exit at the end of `runtime` is a kill by the kernel at the memory limit (reason OOMKilled). Default false. */
  readonly outOfMemory?: boolean;
  /** From SIGTERM until it exits by itself (kubelet kills at the end of the grace period). */
  readonly shutdown: Duration;
  /** From SIGTERM until it no longer accepts new requests (0: at once; as `shutdown`: serves while draining). */
  readonly stopListening: Duration;
  /** After SIGTERM it exits only when the requests it still holds are answered (or SIGKILL comes). Default false. */
  readonly finishesRequests?: boolean;
  /** Working set, and writable layer with logs. Absent: not known, counted as nothing. */
  readonly memory?: GrowingUse;
  readonly storage?: GrowingUse;
  /** Inodes of its writable layer, and process ids. Absent: as above. */
  readonly inodes?: GrowingUse;
  readonly pids?: GrowingUse;
}

/** Bytes (inodes, process ids) used: at the start of a process, and more each second from then on. */
export interface GrowingUse {
  readonly base: number;
  readonly perSecond: number;
}

/**
 * What runs inside containers; implemented by `workload`, called by `node`. Draws must be keyed by (owner, ordinal, restart),
 * never by random names, so that all strategies of a comparison meet the same luck.
 */
export interface ContainerBehaviour {
  /**
   * The life of a container that starts now for the `restart`-th time (0: first start); `ordinal` numbers the pods of one
   * owner in the order in which kubelets first heard of them (see `PodOrdinals`). Asked again for the same life, the answer is
   * the same: kubelets keep no lives.
   */
  life(pod: Pod, container: Container, restart: number, ordinal: number): ContainerLife;
  /** Compressed size in bytes of an image, of its layers where they are known, and the answer of the registry: whether it exists. */
  image(name: string): ImageFacts;
}

/** What the registry says of an image. */
export interface ImageFacts {
  readonly bytes: number;
  readonly exists: boolean;
  /** Images that have a layer of one name share it. Absent: nothing is shared. */
  readonly layers?: readonly { readonly name: string; readonly bytes: number }[];
}

/**
 * Told of the steps of a pod on its node, at no cost in simulated time: `sandboxed` (pause container and network ready), `pulled`
 * (all images present), `started` (all main containers run for the first time).
 */
export interface PodStepObserver {
  podStep(pod: Pod, step: 'sandboxed' | 'pulled' | 'started', time: Time): void;
}

/** Told by `node` when a pod can and can no longer serve requests; implemented by `workload`. */
export interface PodLifecycleListener {
  /** All containers of the pod run and listen from now on (whether Ready or not). `pod.status.podIP` is set. */
  podListening(pod: Pod): void;
  /**
   * The pod no longer accepts new requests. `killed` false: those in service are finished. `killed` true: a process of the
   * pod is gone, and every request still held by the pod is lost; comes once for each `podListening`, after a call with
   * false where the application closed its listener before it exited. `outOfMemory`: the kernel killed it at its memory limit.
   */
  podStoppedListening(pod: Pod, killed: boolean, outOfMemory?: boolean): void;
  /** How long the pod needs to answer the requests it holds now. Asked when an application that finishes them wants to exit. */
  drainTime?(pod: Pod): Duration;
}

/** Knows the environments of running containers. */
export interface EnvironmentBook {
  /**
   * What the process that serves in a pod knows of a Service from its environment: its address, one that the Service no longer has, or
   * nothing, since the Service is of another namespace or was created after the container.
   */
  serviceInEnvironment(node: number, uid: string, namespace: string, name: string): 'current' | 'stale' | 'missing';
}
