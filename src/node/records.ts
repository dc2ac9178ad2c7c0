import type { Container, ContainerState, ContainerStatus, Pod, PodStatus } from '../api/core.js';
import type { ConfigurationObject } from '../api/pod-references.js';
import type { EventHandle } from '../kernel/simulation.js';
import type { Time } from '../kernel/time.js';
import type { ContainerView, PodView } from './pod-status.js';
import type { ProbeCount, ProbeType } from './probe-policy.js';
import { initialResult } from './probe-policy.js';
import type { BackOffEntry } from './restart-policy.js';
import { NO_BACK_OFF } from './restart-policy.js';
import type { NodeRecord } from './node-record.js';

/** What the runtime has of a container. */
export const WAITING = 0;
export const RUNNING = 1;
export const EXITED = 2;

/** What a pod's worker does. */
export const WORK_IDLE = 0;
export const WORK_SYNCING = 1;
/** Containers are being stopped. */
export const WORK_TERMINATING = 2;
/** Containers and sandbox are gone; what is left is the API object. */
export const WORK_TERMINATED = 3;

/** State of a container that has not been started. */
export const CREATING: ContainerState = { waiting: { reason: 'ContainerCreating' } };

/** What a container needs only while something is under way with it: a start, a pull, a stop. */
export class ContainerWork {
  /** The runtime has begun to start it and has not finished. */
  creating = false;
  stopping = false;
  /** A sidecar whose preStop hook is over and that waits for other containers to end. */
  waitsForTurn = false;
  /** SIGKILL ends it rather than the application. */
  killedBySignal = false;
  /** In the pull queue of the node, or being pulled. */
  pullWaiting = false;
  imageTries = 0;
  imageBackOff: BackOffEntry = NO_BACK_OFF;
  pullQueuedAt: Time = 0;
  pullBegan: Time = 0;
  stopBegan: Time = 0;
  killAt: Time = 0;
  graceSeconds = 0;
  listenEvent: EventHandle = 0;
  exitEvent: EventHandle = 0;
  stopEvent: EventHandle = 0;
  deafEvent: EventHandle = 0;
  stepEvent: EventHandle = 0;

  /** Nothing is under way. */
  get isIdle(): boolean {
    return (
      !this.creating &&
      !this.stopping &&
      !this.pullWaiting &&
      this.imageBackOff === NO_BACK_OFF &&
      this.listenEvent === 0 &&
      this.exitEvent === 0 &&
      this.stopEvent === 0 &&
      this.deafEvent === 0 &&
      this.stepEvent === 0
    );
  }
}

/** One container of a pod on a node: what runs (actual) and what the kubelet has seen of it (observed, by PLEG). */
export class ContainerRecord implements ContainerView {
  readonly pod: PodRecord;
  readonly spec: Container;
  readonly init: boolean;
  slot = 0;
  /** Actual state. */
  state = WAITING;
  /** When its environment was made; −1: it has never been created. */
  environmentAt: Time = -1;
  /** ConfigMaps and Secrets that its environment was made of, as `environmentReferences` names them; null: none, or nothing is known of them. */
  environmentObjects: readonly (ConfigurationObject | null)[] | null = null;
  startedAt: Time = 0;
  finishedAt: Time = 0;
  exitCode = 0;
  /** Accepts requests and passes probes since `listenAt`; until `deafAt` (Infinity while it listens). */
  listening = false;
  listenAt: Time = Number.POSITIVE_INFINITY;
  deafAt: Time = Number.POSITIVE_INFINITY;
  /** Observed state, for status and decisions. */
  observedState = WAITING;
  observed: ContainerState = CREATING;
  lastState: ContainerState | undefined;
  /** How its latest finished life ended. */
  lastTermination: ContainerState | null = null;
  waitingReason = '';
  waitingMessage = '';
  restarts = 0;
  observedRestarts = 0;
  ready = false;
  started = false;
  /** Must be stopped and started again (failed liveness or startup probe); ends after the kill. */
  condemned = false;
  backOff: BackOffEntry = NO_BACK_OFF;
  /** Start of the life that the probes count; −Infinity: none yet. */
  probedFrom: Time = Number.NEGATIVE_INFINITY;
  startup: ProbeRecord | null = null;
  readiness: ProbeRecord | null = null;
  liveness: ProbeRecord | null = null;

  private underWay: ContainerWork | null = null;

  constructor(pod: PodRecord, spec: Container, init: boolean) {
    this.pod = pod;
    this.spec = spec;
    this.init = init;
  }

  /** An init container with restartPolicy Always: it runs beside the main containers. */
  get sidecar(): boolean {
    return this.init && this.spec.restartPolicy === 'Always';
  }

  /** Its state as the status tells it: why it waits, where something keeps it from running. */
  get shownState(): ContainerState {
    const reason = this.waitingReason;
    if (reason === '' || this.observedState === RUNNING) return this.observed;
    return { waiting: reason === 'CreateContainerConfigError' ? { reason, message: this.waitingMessage } : { reason } };
  }

  get shownLastState(): ContainerState | undefined {
    return this.lastTermination !== null && this.shownState.waiting !== undefined ? this.lastTermination : this.lastState;
  }

  /** What is under way; made when it is first used. */
  get work(): ContainerWork {
    this.underWay ??= new ContainerWork();
    return this.underWay;
  }

  /** Whether something is, or was until `settle`, under way. */
  get hasWork(): boolean {
    return this.underWay !== null;
  }

  /** Forgets what was under way (its events are cancelled). */
  dropWork(): void {
    this.underWay = null;
  }

  /** Gives the memory back when nothing is under way: most containers only run. */
  settle(): void {
    if (this.underWay?.isIdle === true) this.underWay = null;
  }
}

/** A probe worker of one container. */
export class ProbeRecord implements ProbeCount {
  readonly container: ContainerRecord;
  readonly type: ProbeType;
  slot = 0;
  result: 0 | 1 | 2;
  lastResult: 0 | 1 | 2 = 0;
  run = 0;
  onHold = false;
  /** An instant of the ticker; others lie whole periods after it. */
  base: Time = 0;
  /** Instant of the tick whose outcome is pending. */
  tickAt: Time = 0;
  event: EventHandle = 0;
  ticks = 0;

  constructor(container: ContainerRecord, type: ProbeType) {
    this.container = container;
    this.type = type;
    this.result = initialResult(type);
  }
}

/** Shared by all pods that have nothing to list; never changed. */
export const NO_CONTAINERS: ContainerRecord[] = [];

/** One pod on a node. */
export class PodRecord implements PodView {
  readonly node: NodeRecord;
  readonly uid: string;
  readonly key: number;
  readonly ordinal: number;
  slot = 0;
  /** Newest version from the API. */
  pod: Pod;
  work = WORK_IDLE;
  /** A sync was asked for while one ran. */
  pending = false;
  syncEvent: EventHandle = 0;
  relistEvent: EventHandle = 0;
  /** The pod was listed after its last sync. */
  cacheFresh = false;
  deadlineEvent: EventHandle = 0;
  /** Why the kubelet itself ends the pod as Failed; empty: it does not. */
  failReason = '';
  failMessage = '';
  /** Message of its condition DisruptionTarget; empty: it has none of the kubelet. */
  disruption = '';
  /** Main containers that have run. */
  begun = 0;
  /** The running sync started or stopped something. */
  worked = false;
  resyncEvent: EventHandle = 0;
  stepEvent: EventHandle = 0;
  lastSyncEnd: Time = Number.NEGATIVE_INFINITY;
  syncs = 0;
  /** Counted in the node's number of starting pods. */
  counted = false;
  syncFailed = false;
  /** Shortest back-off that made the running sync fail, what is left of it; 0: none. */
  backOffLeft = 0;
  prepared = false;
  /** Kinds of volumes that its start waits for. */
  volumesLeft = 0;
  sandbox = false;
  sandboxObserved = false;
  admitted = false;
  /** A static pod, from a file of its machine: it cannot be evicted. Its manifest, and its mirror in the API as last heard of. */
  fixed = false;
  manifest: Pod | null = null;
  mirror: Pod | null = null;
  /** Rejected by the node's admission: no container ever runs. */
  rejected = '';
  address: string | undefined;
  init: readonly ContainerRecord[] = NO_CONTAINERS;
  main: readonly ContainerRecord[] = NO_CONTAINERS;
  /** Containers that the running sync still has to start, in order. */
  toStart: ContainerRecord[] = NO_CONTAINERS;
  /** Containers that accept requests now. */
  listening = 0;
  /** `podListening` was told and not yet taken back. */
  serving = false;
  /** Its containers are over, as far as its kubelet has seen: Succeeded or Failed, once the API may know. */
  ended = false;
  terminating = false;
  terminated = false;
  graceSeconds = 0;
  /** Left to stop while terminating. */
  toStop = 0;
  /** Its machine crashed; nothing is done for it before the API tells of it again. */
  lost = false;
  /** Its kubelet has ended while the pod runs on; taken up again when the API tells of it. */
  detached = false;
  /** The API object is gone. */
  gone = false;
  /** Deletion may be completed: nothing of the pod is left on the node. */
  finished = false;
  status: PodStatus;
  /** `status` is newer than what the API was told. */
  dirty = false;
  queued = false;
  changedAt: Time = Number.NEGATIVE_INFINITY;
  changed = false;
  deleteSent = false;
  /** Removed from the node's records; late answers ignore it. */
  forgotten = false;
  restarts = 0;

  constructor(node: NodeRecord, pod: Pod, ordinal: number, key: number) {
    this.node = node;
    this.uid = pod.metadata.uid;
    this.pod = pod;
    this.ordinal = ordinal;
    this.key = key;
    this.status = pod.status;
  }

  /** The kubelet has seen its sandbox. */
  get sandboxReady(): boolean {
    return this.sandbox && this.sandboxObserved;
  }

  /** Its address as the status tells it. */
  get podIP(): string | undefined {
    return this.address !== undefined && this.sandboxObserved ? this.address : this.status.podIP;
  }

  get hostIP(): string {
    return this.node.address;
  }

  /** The kubelet itself ends it. */
  get failed(): boolean {
    return this.failReason !== '';
  }

  /** What stands for it in the API. */
  get object(): Pod {
    return this.mirror ?? this.pod;
  }
}

/** Status entries by container name, for structural sharing between versions of a status. */
export function statusNamed(
  statuses: readonly ContainerStatus[] | undefined,
  name: string,
): ContainerStatus | undefined {
  return statuses?.find((status) => status.name === name);
}
