import type { EvictionThreshold } from '../api/kubelet-configuration.js';
import { podRequests } from '../api/pod-resources.js';
import { qosClass } from '../api/qos.js';
import { type Duration, SECOND, type Time } from '../kernel/time.js';
import type { ContainerLife, GrowingUse } from './behaviour.js';
import { NodePressure, USES, usesAnything } from './node-pressure.js';
import {
  EVICTED,
  evictionMessage,
  evictionOrder,
  IMMEDIATE_GRACE_SECONDS,
  type Observation,
  type Observations,
  oomBadness,
  oomScoreAdjustment,
  PressureState,
  pressureRefusal,
  rankedRequest,
  type Starved,
  resourceOf,
  SYSTEM_CRITICAL_PRIORITY,
  storageLimitMessage,
  thresholdBytes,
  thresholdsMet,
} from './eviction-policy.js';
import { type Fleet, nodeKey, OP_EVICTION, OP_SYSTEM_OOM } from './fleet.js';
import type { NodeRecord } from './node-record.js';
import { type ContainerRecord, type PodRecord, RUNNING } from './records.js';
import { nextTick } from './restart-policy.js';
import { EXIT_CODE_SIGKILL } from './termination-policy.js';

/** pkg/kubelet/kubelet.go evictionMonitoringPeriod. */
const MONITORING_PERIOD: Duration = 10 * SECOND;
/** eviction_manager.go podCleanupTimeout and podCleanupPollFreq: after an eviction the next round waits for the pod to be gone. */
const CLEANUP_TIMEOUT: Duration = 30 * SECOND;
const CLEANUP_POLL: Duration = SECOND;

/**
 * The eviction managers of all kubelets (pkg/kubelet/eviction) and the kernel's out-of-memory killer. What containers use grows
 * evenly, so that the round that will find a threshold met is known, and others are folded. Dead containers count as nothing.
 */
export class Evictions {
  private readonly fleet: Fleet;

  constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  /** A container whose use is known runs. */
  began(container: ContainerRecord, life: ContainerLife): void {
    const { node } = container.pod;
    const pressure = this.of(node);
    pressure.count(life, container.startedAt, 1);
    if (life.storage !== undefined) {
      const limit = container.spec.resources?.limits?.['ephemeral-storage'];
      if (limit !== undefined) pressure.limits.set(container, reaches(life.storage, limit, container.startedAt));
    }
    this.look(node);
  }

  /** It has ended. */
  ended(container: ContainerRecord): void {
    const { node } = container.pod;
    const { pressure } = node;
    if (pressure === null) return;
    const life = this.fleet.runtime.lifeOf(container);
    if (!usesAnything(life)) return;
    pressure.count(life, container.startedAt, -1);
    pressure.limits.delete(container);
    this.look(node);
  }

  private of(node: NodeRecord): NodePressure {
    if (node.pressure === null) {
      const phase = this.fleet.uniform(nodeKey(node.index), OP_EVICTION) * MONITORING_PERIOD;
      node.pressure = new NodePressure(node.startedAt > Number.NEGATIVE_INFINITY ? node.startedAt : Math.round(phase));
    }
    return node.pressure;
  }

  /** Something changed what the node uses, or its disk: the next round that can matter is held, and the end of the memory. */
  look(node: NodeRecord): void {
    const { fleet } = this;
    if (
      node.pressure === null &&
      (node.diskBytes === Number.POSITIVE_INFINITY || this.nextMet(node) === Number.POSITIVE_INFINITY)
    )
      return;
    const pressure = this.of(node);
    const { simulation } = fleet;
    simulation.cancel(pressure.oomEvent);
    pressure.oomEvent = 0;
    const out = this.outOfMemory(node, pressure);
    if (out < Number.POSITIVE_INFINITY) pressure.oomEvent = fleet.at(out, OP_SYSTEM_OOM, node.index);
    if (pressure.evicting.length > 0 || !node.up) return;
    simulation.cancel(pressure.event);
    pressure.event = 0;
    const due = pressure.state.quiet ? this.nextMet(node) : simulation.now;
    if (due < Number.POSITIVE_INFINITY)
      pressure.event = fleet.at(nextTick(pressure.base, MONITORING_PERIOD, due), OP_EVICTION, node.index);
  }

  /** When the memory of the machine is used up. */
  private outOfMemory(node: NodeRecord, pressure: NodePressure): Time {
    const { memory } = this.observe(node);
    if (memory === undefined) return Number.POSITIVE_INFINITY;
    const { now } = this.fleet.simulation;
    if (memory.available < 0) return now;
    const growth = pressure.growth.memory;
    return growth > 0 ? now + Math.ceil((memory.available / growth) * SECOND) + 1 : Number.POSITIVE_INFINITY;
  }

  /** From when on a threshold will be met, or a container above its limit of ephemeral storage. */
  private nextMet(node: NodeRecord): Time {
    const { now } = this.fleet.simulation;
    const { pressure } = node;
    const observations = this.observations(node);
    let first = Number.POSITIVE_INFINITY;
    for (const { signal, value } of this.fleet.kubelet.evictionThresholds) {
      const observed = observations[signal];
      if (observed === undefined) continue;
      const left = observed.available - thresholdBytes(value, observed.capacity);
      const growth = pressure?.growth[resourceOf(signal)] ?? 0;
      if (left < 0) return now;
      if (growth > 0) first = Math.min(first, now + Math.ceil((left / growth) * SECOND));
    }
    if (pressure !== null) for (const at of pressure.limits.values()) first = Math.min(first, Math.max(now, at));
    return first;
  }

  private observe(node: NodeRecord): {
    readonly memory: Observation | undefined;
    readonly disk: Observation | undefined;
    readonly inodes: Observation | undefined;
    readonly pids: Observation | undefined;
  } {
    const { now } = this.fleet.simulation;
    const { pressure, diskBytes, inodes, processIds } = node;
    const { capacity, allocatable } = node.node.status;
    const used = (resource: Starved): number =>
      pressure === null ? 0 : Math.round(pressure.level[resource] + (pressure.growth[resource] * now) / SECOND);
    const total = capacity['memory'];
    const disk = node.imageBytes + node.otherDiskBytes + used('ephemeral-storage');
    return {
      memory:
        total === undefined
          ? undefined
          : {
              capacity: total,
              available: total - this.systemMemory(total, allocatable['memory'] ?? total) - used('memory'),
            },
      disk: diskBytes === Number.POSITIVE_INFINITY ? undefined : { capacity: diskBytes, available: diskBytes - disk },
      inodes: inodes === 0 ? undefined : { capacity: inodes, available: inodes - used('inodes') },
      pids: processIds === 0 ? undefined : { capacity: processIds, available: processIds - used('pids') },
    };
  }

  /** The system's daemons use what is reserved for them; allocatable is the capacity without that and the hard threshold. */
  private systemMemory(capacity: number, allocatable: number): number {
    let threshold = 0;
    for (const { signal, value, gracePeriod } of this.fleet.kubelet.evictionThresholds) {
      if (signal === 'memory.available' && gracePeriod === 0) threshold = thresholdBytes(value, capacity);
    }
    return Math.max(0, capacity - allocatable - threshold);
  }

  /** Images and pods share one disk. */
  private observations(node: NodeRecord): Observations {
    const { memory, disk, inodes, pids } = this.observe(node);
    return {
      ...(memory === undefined ? {} : { 'memory.available': memory }),
      ...(disk === undefined ? {} : { 'nodefs.available': disk, 'imagefs.available': disk }),
      ...(inodes === undefined ? {} : { 'nodefs.inodesFree': inodes, 'imagefs.inodesFree': inodes }),
      ...(pids === undefined ? {} : { 'pid.available': pids }),
    };
  }

  /** One round of a node's eviction manager. */
  round(node: NodeRecord): void {
    const { fleet } = this;
    const { now } = fleet.simulation;
    const pressure = node.pressure!;
    pressure.event = 0;
    if (pressure.evicting.length > 0) {
      if (now < pressure.deadline && pressure.evicting.some((pod) => !pod.finished && !pod.forgotten)) {
        pressure.event = fleet.after(CLEANUP_POLL, OP_EVICTION, node.index);
        return;
      }
      pressure.evicting = [];
      pressure.base = now;
    }
    const { evictionThresholds, evictionTransitionPeriod } = fleet.kubelet;
    const before = pressure.state.conditions;
    const thresholds = pressure.state.round(evictionThresholds, this.observations(node), now, evictionTransitionPeriod);
    if (before.join() !== pressure.state.conditions.join()) fleet.heartbeats.statusChanged(node);
    if (!this.enforceLimits(node, pressure) && thresholds.length > 0) this.reclaim(node, pressure, thresholds[0]!);
    if (pressure.evicting.length > 0) pressure.event = fleet.after(CLEANUP_POLL, OP_EVICTION, node.index);
    else this.look(node);
  }

  /** Pods with containers above their limits of ephemeral storage go (localStorageEviction). */
  private enforceLimits(node: NodeRecord, pressure: NodePressure): boolean {
    const { now } = this.fleet.simulation;
    for (const [container, at] of [...pressure.limits]) {
      const { pod } = container;
      if (at >= now || pod.terminating || pressure.evicting.includes(pod)) continue;
      const limit = container.spec.resources!.limits!['ephemeral-storage']!;
      this.evict(node, pod, storageLimitMessage(container.spec.name, limit), IMMEDIATE_GRACE_SECONDS);
    }
    return pressure.evicting.length > 0;
  }

  /** Frees what the node itself can free, else evicts one pod. */
  private reclaim(node: NodeRecord, pressure: NodePressure, threshold: EvictionThreshold): void {
    const { fleet } = this;
    const resource = resourceOf(threshold.signal);
    fleet.nodeEvent(node, 'Warning', 'EvictionThresholdMet', `Attempting to reclaim ${resource}`);
    if (resource === 'ephemeral-storage' || resource === 'inodes') {
      fleet.images.free(node, Number.MAX_SAFE_INTEGER, false);
      if (thresholdsMet(fleet.kubelet.evictionThresholds, this.observations(node), true).length === 0) return;
    }
    const observation = this.observations(node)[threshold.signal]!;
    const candidates = [...node.pods.values()]
      .filter((pod) => !pod.terminating && !pod.terminated && !pod.lost)
      .map((pod) => ({
        pod,
        priority: pod.pod.spec.priority ?? 0,
        usage: this.usage(pod, resource),
        request: rankedRequest(resource, podRequests(pod.pod.spec)[resource]),
      }));
    for (const { pod, priority } of evictionOrder(candidates)) {
      if (priority >= SYSTEM_CRITICAL_PRIORITY || pod.fixed) continue;
      const containers = [...pod.init, ...pod.main].map((container) => ({
        name: container.spec.name,
        usage: this.used(container, resource),
        request: container.spec.resources?.requests?.[resource] ?? 0,
      }));
      const { evictionMaxPodGraceSeconds } = fleet.kubelet;
      const soft = Math.min(evictionMaxPodGraceSeconds, pod.pod.spec.terminationGracePeriodSeconds);
      this.evict(
        node,
        pod,
        evictionMessage(threshold, observation, containers),
        threshold.gracePeriod === 0 ? IMMEDIATE_GRACE_SECONDS : soft,
      );
      return;
    }
    pressure.evicting = [];
  }

  private evict(node: NodeRecord, pod: PodRecord, message: string, graceSeconds: number): void {
    const { fleet } = this;
    const pressure = node.pressure!;
    pressure.evicting.push(pod);
    pressure.deadline = fleet.simulation.now + graceSeconds * SECOND + CLEANUP_TIMEOUT;
    fleet.event(pod, 'Warning', EVICTED, message);
    fleet.workers.failPod(pod, EVICTED, message, graceSeconds, message);
  }

  /** Bytes that a pod uses. */
  private usage(pod: PodRecord, resource: Starved): number {
    let sum = 0;
    for (const container of pod.init) sum += this.used(container, resource);
    for (const container of pod.main) sum += this.used(container, resource);
    return sum;
  }

  private used(container: ContainerRecord, resource: Starved): number {
    if (container.state !== RUNNING) return 0;
    const life = this.fleet.runtime.lifeOf(container);
    const use = life[USES.find(([each]) => each === resource)![1]];
    if (use === undefined) return 0;
    return Math.floor(use.base + (use.perSecond * (this.fleet.simulation.now - container.startedAt)) / SECOND);
  }

  /** The machine has no memory left: the kernel kills the process with the highest score. */
  systemOutOfMemory(node: NodeRecord): void {
    const { fleet } = this;
    node.pressure!.oomEvent = 0;
    const capacity = node.node.status.capacity['memory']!;
    let victim: ContainerRecord | null = null;
    let worst = Number.NEGATIVE_INFINITY;
    for (const pod of node.pods.values()) {
      const { spec } = pod.pod;
      const qos = pod.pod.status.qosClass ?? qosClass(spec);
      for (const container of [...pod.init, ...pod.main]) {
        if (container.state !== RUNNING) continue;
        const request = container.spec.resources?.requests?.['memory'] ?? 0;
        const adjustment = oomScoreAdjustment(qos, spec.priority ?? 0, request, capacity);
        const badness = oomBadness(this.used(container, 'memory'), adjustment, capacity);
        if (badness > worst) {
          worst = badness;
          victim = container;
        }
      }
    }
    if (victim === null) return;
    if (node.up)
      fleet.nodeEvent(
        node,
        'Warning',
        'SystemOOM',
        `System OOM encountered, victim process: ${victim.spec.name}, pid: ${victim.slot + 1}`,
      );
    fleet.runtime.exited(victim, EXIT_CODE_SIGKILL, true);
  }

  /** Why the node refuses a pod under pressure; empty: it does not. */
  refusal(pod: PodRecord): string {
    const { pressure } = pod.node;
    if (pressure === null) return '';
    const { spec } = pod.pod;
    return pressureRefusal(
      pressure.state.conditions,
      spec.priority ?? 0,
      qosClass(spec) === 'BestEffort',
      spec.tolerations,
    );
  }

  /** The status of the node is about to be reported: what changed in its conditions is told. */
  announce(node: NodeRecord): void {
    const { pressure } = node;
    if (pressure === null || pressure.reported === pressure.state.conditions) return;
    const { conditions } = pressure.state;
    for (const [condition, bad, good] of TRANSITIONS) {
      const is = conditions.includes(condition);
      if (is === pressure.reported.includes(condition)) continue;
      const reason = is ? bad : good;
      this.fleet.nodeEvent(node, 'Normal', reason, `Node ${node.name} status is now: ${reason}`);
    }
    pressure.reported = conditions;
  }

  /** The kubelet ends: what its eviction manager knows is lost. */
  drop(node: NodeRecord): void {
    const { pressure } = node;
    if (pressure === null) return;
    this.fleet.simulation.cancel(pressure.event);
    pressure.event = 0;
    pressure.evicting = [];
    pressure.state = new PressureState();
  }

  /** The kubelet has started. */
  resume(node: NodeRecord): void {
    const { pressure } = node;
    if (pressure === null) return;
    pressure.base = node.startedAt;
    this.look(node);
  }
}

/** Reasons of node events (kubelet_node_status.go, nodestatus/setters.go). */
const TRANSITIONS = [
  ['MemoryPressure', 'NodeHasInsufficientMemory', 'NodeHasSufficientMemory'],
  ['DiskPressure', 'NodeHasDiskPressure', 'NodeHasNoDiskPressure'],
  ['PIDPressure', 'NodeHasInsufficientPID', 'NodeHasSufficientPID'],
] as const;

/** When a use exceeds a limit; Infinity: never. */
function reaches(use: GrowingUse, limit: number, since: Time): Time {
  if (use.base > limit) return since;
  return use.perSecond > 0
    ? since + Math.ceil(((limit - use.base) / use.perSecond) * SECOND)
    : Number.POSITIVE_INFINITY;
}
