import type { ContainerState } from '../api/core.js';
import type { Duration, Time } from '../kernel/time.js';
import { MINUTE, SECOND } from '../kernel/time.js';
import { goDurationText } from '../api/go-duration.js';
import type { Fleet } from './fleet.js';
import { nodeKey, OP_RELIST, OP_RELIST_POD } from './fleet.js';
import type { NodeRecord } from './node-record.js';
import type { ContainerRecord, PodRecord } from './records.js';
import { EXITED, RUNNING, WORK_IDLE } from './records.js';

/** pkg/kubelet/kubelet.go genericPlegRelistPeriod. */
const RELIST_PERIOD: Duration = SECOND;
/** pkg/kubelet/kubelet.go genericPlegRelistThreshold: without a relist for longer the generator is not healthy. */
export const RELIST_THRESHOLD: Duration = 3 * MINUTE;

/**
 * The pod lifecycle event generator (pkg/kubelet/pleg/generic.go): each node lists its containers once a second; what changed
 * is seen at the end of the first relist that began after the change. Relists that see nothing are folded: their times follow
 * from the node's phase, so that the age of the pod cache is known without an event.
 */
export class Pleg {
  private readonly fleet: Fleet;

  constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  /** Start of the newest relist that has ended by `now`: the age of the pod cache. */
  lastRelist(node: NodeRecord, now: Time): Time {
    let tick = Math.floor((now - node.plegPhase) / RELIST_PERIOD);
    while (this.end(node, tick) > now || this.missed(node, tick)) tick--;
    return node.plegPhase + tick * RELIST_PERIOD;
  }

  /** Why the generator is not healthy (Healthy); empty: it is. */
  unhealthy(node: NodeRecord): string {
    const { now } = this.fleet.simulation;
    if (now >= node.runtimeBackAt) return '';
    const elapsed = now - this.lastRelist(node, node.runtimeDownAt);
    if (elapsed <= RELIST_THRESHOLD) return '';
    return `PLEG is not healthy: pleg was last seen active ${goDurationText(elapsed)} ago; threshold is ${goDurationText(RELIST_THRESHOLD)}`;
  }

  /** End of the first relist that starts after `time`. */
  endOfNext(node: NodeRecord, time: Time): Time {
    let tick = Math.floor((time - node.plegPhase) / RELIST_PERIOD) + 1;
    if (this.missed(node, tick)) tick = Math.ceil((node.runtimeBackAt - node.plegPhase) / RELIST_PERIOD);
    return this.end(node, tick);
  }

  /** Whether a relist got no answer, because the runtime was not there. */
  private missed(node: NodeRecord, tick: number): boolean {
    const start = node.plegPhase + tick * RELIST_PERIOD;
    return start < node.runtimeBackAt && start >= node.runtimeDownAt - RELIST_PERIOD;
  }

  /** The runtime answers again: what has changed meanwhile is seen by the next relist. */
  resume(node: NodeRecord): void {
    if (node.changed.length > 0 && node.relistEvent === 0) {
      node.relistEvent = this.fleet.at(this.endOfNext(node, this.fleet.simulation.now), OP_RELIST, node.index);
    }
  }

  private end(node: NodeRecord, tick: number): Time {
    const duration = this.fleet.duration(this.fleet.costs.plegRelist, nodeKey(node.index), OP_RELIST, tick & 0xffff);
    return node.plegPhase + tick * RELIST_PERIOD + Math.min(duration, RELIST_PERIOD - 1);
  }

  /** A container or the sandbox of the pod changed: the next relist will see it. */
  changed(pod: PodRecord): void {
    const { node } = pod;
    const now = this.fleet.simulation.now;
    if (pod.changed || !node.up) return;
    pod.changed = true;
    pod.changedAt = now;
    node.changed.push(pod);
    if (node.relistEvent === 0) node.relistEvent = this.fleet.at(this.endOfNext(node, now), OP_RELIST, node.index);
  }

  /** End of a relist that sees changes. */
  relisted(node: NodeRecord): void {
    const now = this.fleet.simulation.now;
    node.relistEvent = 0;
    const started = this.lastRelist(node, now);
    const pods = node.changed;
    node.changed = [];
    let oldest = Number.POSITIVE_INFINITY;
    for (const pod of pods) {
      if (!pod.changed) continue;
      if (pod.changedAt >= started) {
        node.changed.push(pod);
        if (pod.changedAt < oldest) oldest = pod.changedAt;
        continue;
      }
      pod.changed = false;
      this.observe(pod);
      this.fleet.workers.requestSync(pod);
    }
    if (node.changed.length > 0) node.relistEvent = this.fleet.at(this.endOfNext(node, oldest), OP_RELIST, node.index);
  }

  /** PLEGOnDemandRelist: the pod alone is listed after a sync that changed something. */
  relistSoon(pod: PodRecord): void {
    const { fleet } = this;
    fleet.simulation.cancel(pod.relistEvent);
    const duration = fleet.duration(fleet.costs.plegRelist, pod.key, OP_RELIST_POD, pod.syncs);
    pod.relistEvent = fleet.after(duration, OP_RELIST_POD, pod.slot);
  }

  /** The relist on demand ended. */
  podRelisted(pod: PodRecord): void {
    pod.relistEvent = 0;
    if (pod.work !== WORK_IDLE) return;
    pod.cacheFresh = true;
    this.observe(pod);
    this.fleet.workers.requestSync(pod);
  }

  /** Reads the state of the pod's containers from the runtime. */
  observe(pod: PodRecord): void {
    pod.sandboxObserved = pod.sandbox;
    for (const container of pod.init) observeContainer(container);
    for (const container of pod.main) observeContainer(container);
  }
}

/** The terminated state of a container that has exited. */
export function terminatedState(container: ContainerRecord, outOfMemory = false): ContainerState {
  return {
    terminated: {
      reason: outOfMemory ? 'OOMKilled' : container.exitCode === 0 ? 'Completed' : 'Error',
      exitCode: container.exitCode,
      startedAt: container.startedAt,
      finishedAt: container.finishedAt,
    },
  };
}

function observeContainer(container: ContainerRecord): void {
  if (container.state === RUNNING) {
    const { running } = container.observed;
    if (running !== undefined && running.startedAt === container.startedAt) return;
    container.observedState = RUNNING;
    container.observed = { running: { startedAt: container.startedAt } };
    container.waitingReason = '';
    container.observedRestarts = container.restarts;
    if (container.lastTermination !== null) container.lastState = container.lastTermination;
  } else if (container.state === EXITED) {
    const { terminated } = container.observed;
    if (terminated !== undefined && terminated.finishedAt === container.finishedAt) return;
    container.observedState = EXITED;
    container.observed = container.lastTermination ?? terminatedState(container);
    container.ready = false;
    container.started = false;
  }
}
