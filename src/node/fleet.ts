import type { Pod } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import { Slots } from '../kernel/slots.js';
import { PHASE_DEFAULT, type Simulation } from '../kernel/simulation.js';
import type { Network } from '../network/network.js';
import type { DistributionSpec } from '../random/distribution.js';
import type { Randomness } from '../random/stream.js';
import type { CostProfile } from '../scenario/types.js';
import type { ContainerBehaviour, PodLifecycleListener, PodStepObserver } from './behaviour.js';
import type { ContainerRuntime } from './container-runtime.js';
import { DrawCursor } from './draws.js';
import type { ConfigurationVolumes } from './configuration-volumes.js';
import type { Environments } from './environment.js';
import { EventTexts } from './event-texts.js';
import type { Evictions } from './evictions.js';
import type { Heartbeats } from './heartbeats.js';
import type { Registration } from './registration.js';
import type { ImageStore } from './image-store.js';
import { DEFAULT_KUBELET, type KubeletConfiguration } from '../api/kubelet-configuration.js';
import type { Pleg } from './pleg.js';
import type { Shutdowns } from './shutdown.js';
import type { Restarts } from './kubelet-restart.js';
import type { Pull } from './registry.js';
import type { PodIntake } from './pod-intake.js';
import type { PodWorkers } from './pod-workers.js';
import type { Prober } from './prober.js';
import type { NodeRecord } from './node-record.js';
import type { ContainerRecord, PodRecord, ProbeRecord } from './records.js';
import type { CrashLoopRequeue } from './restart-policy.js';
import { ServiceHistory } from './service-environment.js';
import type { StaticPods } from './static-pods.js';
import type { StatusManager } from './status-manager.js';
import type { VolumeManager } from './volume-manager.js';

/** Phase of what a relist sets off: after the relist itself, when both come at one instant. */
export const PHASE_AFTER_RELIST = 1;

/** Opcodes of the fleet's events; the comment names what the argument is. */
export const OP_PREPARED = 1; // pod: cgroup and volumes are ready
export const OP_SANDBOX = 2; // pod: sandbox is up
export const OP_PULLED = 3; // pull: it ends
export const OP_CREATED = 4; // container
export const OP_STARTED = 5; // container
export const OP_LISTENING = 6; // container
export const OP_EXIT = 7; // container exits by itself
export const OP_RELIST = 8; // node: PLEG relist that sees a change ends
export const OP_SYNC = 9; // pod: sync that waited for a relist
export const OP_RESYNC = 10; // pod: periodic or back-off re-sync
export const OP_PROBE = 11; // probe: outcome of a tick
export const OP_STATUS = 12; // node: status manager sends its GET
export const OP_BATCH = 13; // node: 10 s batch of the status manager
export const OP_HOOK_DONE = 14; // container: preStop ended
export const OP_DEAF = 15; // container closes its listener
export const OP_STOPPED = 16; // container ends after SIGTERM
export const OP_SANDBOX_STOPPED = 17; // pod
export const OP_TERMINATED = 18; // pod: SyncTerminatedPod
export const OP_LEASE = 19; // node
export const OP_NODE_STATUS = 20; // node
export const OP_RELIST_POD = 22; // pod: relist on demand
export const OP_DEADLINE = 23; // pod: activeDeadlineSeconds are over
export const OP_TURN = 24; // container: a sidecar has waited for its turn until the end of the grace period
export const OP_POST_STARTED = 21; // container: postStart ended
export const OP_KUBELET_STOP = 28; // node
export const OP_KUBELET_START = 29; // node
export const OP_RUNTIME_STOP = 30; // node
export const OP_RUNTIME_START = 31; // node
export const OP_RUNTIME_NOT_READY = 32; // node: its runtime has been silent for long
export const OP_REGISTRY = 25; // registry: the first of its transfers ends
export const OP_PULL_BEGIN = 26; // pull: the registry has answered, bytes flow
export const OP_IMAGE_GC = 27; // node: garbage collection of images
export const OP_EVICTION = 33; // node: round of the eviction manager
export const OP_SHUTDOWN = 35; // node: the time of a group of pods is over
export const OP_REGISTER = 36; // node: its kubelet tries to register it
export const OP_SYSTEM_OOM = 34; // node: its memory is used up

/** What differs between Kubernetes versions (pkg/kubelet of 1.34, 1.35 and 1.36). */
export interface KubeletFeatures {
  readonly crashLoopRequeue: CrashLoopRequeue;
  /** PLEGOnDemandRelist (1.36): a sync that changed something is followed by a relist of its pod. */
  readonly relistOnDemand: boolean;
  /** 1.36: condition PodReadyToStartContainers is written when the sandbox is up, before images are pulled. */
  readonly sandboxReadyWrite: boolean;
  /** From 1.35 (gate ChangeContainerStatusOnKubeletRestart off): ready containers stay ready when their kubelet starts again. */
  readonly keepReadiness: boolean;
  /** From 1.35: `Container created` instead of `Created container: NAME`. */
  readonly shortEventTexts: boolean;
}

/** The features of a Kubernetes version. */
export function featuresOf(version: '1.34' | '1.35' | '1.36'): KubeletFeatures {
  return {
    crashLoopRequeue: version === '1.34' ? 'fixed' : 'untilEnd',
    relistOnDemand: version === '1.36',
    sandboxReadyWrite: version === '1.36',
    keepReadiness: version !== '1.34',
    shortEventTexts: version !== '1.34',
  };
}

/** The event recorders of the kubelets, by number of the node. */
export interface NodeEventRecorder {
  event(node: number, object: KubernetesObject, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

/** The parts of the kubelet model and what they share: one fleet for all nodes. */
export class Fleet {
  readonly simulation: Simulation;
  readonly network: Network;
  readonly costs: CostProfile['kubelet'];
  readonly behaviour: ContainerBehaviour;
  readonly lifecycle: PodLifecycleListener;
  readonly events: NodeEventRecorder | null;
  readonly features: KubeletFeatures;
  readonly texts = new EventTexts();
  target = 0;
  observer: PodStepObserver | null = null;
  readonly nodes: NodeRecord[] = [];
  readonly pods = new Slots<PodRecord>();
  readonly containers = new Slots<ContainerRecord>();
  readonly probes = new Slots<ProbeRecord>();
  readonly pulls = new Slots<Pull>();
  kubelet: KubeletConfiguration = DEFAULT_KUBELET;
  /** Images that every node has. */
  readonly commonImages = new Set<string>();
  pleg!: Pleg;
  workers!: PodWorkers;
  runtime!: ContainerRuntime;
  prober!: Prober;
  statuses!: StatusManager;
  heartbeats!: Heartbeats;
  registration!: Registration;
  /** null: no volume of this cluster is attached. */
  volumes: VolumeManager | null = null;
  configurations!: ConfigurationVolumes;
  images!: ImageStore;
  evictions!: Evictions;
  environments!: Environments;
  restarts!: Restarts;
  intake!: PodIntake;
  shutdowns!: Shutdowns;
  /** Services as kubelets have known them. */
  readonly services = new ServiceHistory();
  /** null: no machine has static pods. */
  statics: StaticPods | null = null;
  private readonly durations: DrawCursor;
  private readonly uniforms: DrawCursor;

  constructor(
    simulation: Simulation,
    randomness: Randomness,
    network: Network,
    costs: CostProfile['kubelet'],
    behaviour: ContainerBehaviour,
    lifecycle: PodLifecycleListener,
    events: NodeEventRecorder | null,
    features: KubeletFeatures,
  ) {
    this.simulation = simulation;
    this.network = network;
    this.costs = costs;
    this.behaviour = behaviour;
    this.lifecycle = lifecycle;
    this.events = events;
    this.features = features;
    this.durations = new DrawCursor(randomness.keyed('kubelet/durations'));
    this.uniforms = new DrawCursor(randomness.keyed('kubelet/uniforms'));
  }

  /** A duration for an entity: `key` names the pod or node, `opcode` the step and `turn` its repetition. */
  duration(spec: DistributionSpec, key: number, opcode: number, turn = 0): number {
    return this.durations.sample(spec, key, ((turn * 32 + opcode) * 64) | 0);
  }

  /** A uniform number in (0, 1), keyed in the same way. */
  uniform(key: number, opcode: number, turn = 0): number {
    return this.uniforms.at(key, turn * 32 + opcode).next();
  }

  /** Schedules an event of the fleet. */
  after(delay: number, opcode: number, argument: number): number {
    return this.simulation.schedule(delay, this.target, opcode, argument);
  }

  at(time: number, opcode: number, argument: number, phase: number = PHASE_DEFAULT): number {
    return this.simulation.scheduleAt(time, this.target, opcode, argument, phase);
  }

  /** Whether a node has an image. */
  hasImage(node: NodeRecord, image: string): boolean {
    return this.commonImages.has(image) || node.images.has(image);
  }

  /** Tells the observer, if any, of a step of a pod. */
  step(pod: Pod, step: 'sandboxed' | 'pulled' | 'started'): void {
    if (this.observer !== null) this.observer.podStep(pod, step, this.simulation.now);
  }

  /** Records an event about a node. */
  nodeEvent(node: NodeRecord, type: 'Normal' | 'Warning', reason: string, message: string): void {
    if (this.events !== null) this.events.event(node.index, node.node, type, reason, message);
  }

  /** Records an event about a pod. */
  event(pod: PodRecord, type: 'Normal' | 'Warning', reason: string, message: string): void {
    if (this.events !== null) this.events.event(pod.node.index, pod.pod, type, reason, message);
  }
}

/** Key of a node's keyed draws: apart from those of pods, which are below 2^52. */
export function nodeKey(index: number): number {
  return 4503599627370496 + index;
}
