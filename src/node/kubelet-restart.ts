import { HOUR, SECOND, type Duration } from '../kernel/time.js';
import { podRequests } from '../api/pod-resources.js';
import { admissionFailure } from './admission.js';
import type { Fleet } from './fleet.js';
import { OP_KUBELET_START, OP_KUBELET_STOP, OP_RUNTIME_NOT_READY, OP_RUNTIME_START, OP_RUNTIME_STOP } from './fleet.js';
import type { NodeRecord } from './node-record.js';
import { NO_CONTAINERS, type ContainerRecord, type PodRecord, WORK_IDLE, WORK_SYNCING, WORK_TERMINATED } from './records.js';
import { RELIST_THRESHOLD } from './pleg.js';
import { KUBELET_UNIT, restartAt, RUNTIME_UNITS } from './supervisor.js';
import { effectiveGraceSeconds } from './termination-policy.js';

/** kubelet.go: the node is not ready when the runtime has not answered for this long (runtimeState baseRuntimeSyncThreshold). */
const RUNTIME_THRESHOLD: Duration = 30 * SECOND;

/** How long a runtime is taken to be away that nobody starts: longer than any run. */
const GONE: Duration = 720 * HOUR;

/** Lists the pods of a node again, as a kubelet does that starts. */
export interface PodLister {
  relistNode(node: number): void;
}

/**
 * Kubelets and container runtimes that end and start again, as their supervisor (systemd) starts them, while the machine and its
 * containers run on.
 */
export class Restarts {
  private readonly fleet: Fleet;
  private readonly lister: PodLister | null;

  constructor(fleet: Fleet, lister: PodLister | null) {
    this.fleet = fleet;
    this.lister = lister;
  }

  /** A kubelet ends after `delay`, and starts again `start` later. */
  planKubelet(node: NodeRecord, delay: Duration, start: Duration): void {
    node.kubeletStart = start;
    this.fleet.after(delay, OP_KUBELET_STOP, node.index);
  }

  /** The process of the kubelet is gone: nothing is looked at, sent or started any more; containers run on. */
  stopKubelet(node: NodeRecord): void {
    if (!node.up) return;
    const { fleet } = this;
    dropWork(fleet, node);
    node.kubeletDown = true;
    for (const pod of node.pods.values()) {
      for (const container of pod.init) detach(fleet, container);
      for (const container of pod.main) detach(fleet, container);
      fleet.volumes?.abandon(pod);
      fleet.configurations.drop(pod);
      if (!pod.sandbox) pod.prepared = false;
      if (pod.work !== WORK_TERMINATED) pod.work = WORK_IDLE;
      pod.detached = true;
    }
    if (node.kubeletStart < Number.POSITIVE_INFINITY) node.kubeletEvent = fleet.after(node.kubeletStart, OP_KUBELET_START, node.index);
  }

  /** The kubelet starts: it reports its node and lists its pods, which are admitted anew. */
  startKubelet(node: NodeRecord): void {
    if (!node.kubeletDown) return;
    const { fleet } = this;
    fleet.simulation.cancel(node.kubeletEvent);
    node.kubeletEvent = 0;
    if (fleet.simulation.now < node.runtimeBackAt) {
      // Without an answer of its runtime a kubelet ends at once (kubelet.go PreInitRuntimeService): its supervisor tries again.
      if (!node.unsupervised) node.kubeletEvent = fleet.after(KUBELET_UNIT.restartDelay, OP_KUBELET_START, node.index);
      return;
    }
    node.kubeletDown = false;
    node.up = true;
    node.startedAt = fleet.simulation.now;
    for (const pod of node.pods.values()) if (pod.admitted) fleet.workers.termination.unclaim(pod);
    fleet.nodeEvent(node, 'Normal', 'Starting', 'Starting kubelet.');
    fleet.heartbeats.startCold(node);
    fleet.evictions.resume(node);
    for (const pod of [...node.pods.values()]) if (pod.gone && pod.detached) this.reattach(pod);
    fleet.statics?.resume(node);
    this.lister?.relistNode(node.index);
  }

  /** The kubelet that has started takes up a pod: what runs of it goes on. */
  reattach(pod: PodRecord): void {
    const { fleet } = this;
    const { node } = pod;
    pod.detached = false;
    if (pod.work === WORK_TERMINATED) {
      fleet.workers.termination.resume(pod);
      return;
    }
    pod.lastSyncEnd = Number.NEGATIVE_INFINITY;
    pod.syncs = 0;
    pod.terminating = false;
    pod.status = pod.object.status;
    fleet.pleg.observe(pod);
    const { metadata, spec } = pod.pod;
    if (pod.prepared) fleet.configurations.keepTokens(pod);
    if (pod.gone || metadata.deletionTimestamp !== undefined) {
      fleet.workers.termination.claimNode(pod);
      fleet.workers.terminate(pod, pod.gone ? 1 : effectiveGraceSeconds(metadata.deletionGracePeriodSeconds, spec.terminationGracePeriodSeconds));
      return;
    }
    const failure = admissionFailure(node.node, pod.pod, podRequests(spec), node);
    fleet.workers.termination.claimNode(pod);
    if (failure !== undefined) {
      fleet.event(pod, 'Warning', failure.reason, failure.message);
      fleet.workers.failPod(pod, failure.reason, failure.message, spec.terminationGracePeriodSeconds);
    } else fleet.workers.requestSync(pod);
  }

  /** A container runtime ends after `delay`, and starts again `start` later. */
  planRuntime(node: NodeRecord, delay: Duration, start: Duration): void {
    node.runtimeStart = start;
    this.fleet.after(delay, OP_RUNTIME_STOP, node.index);
  }

  /** The runtime ends: calls under way fail, pulls break, and the kubelet sees no changes. Containers run on under their shims. */
  stopRuntime(node: NodeRecord): void {
    if (!node.up && !node.kubeletDown) return;
    const { fleet } = this;
    const { now } = fleet.simulation;
    node.runtimeDownAt = now;
    fleet.simulation.cancel(node.runtimeEvent);
    const comesBack = node.runtimeStart < Number.POSITIVE_INFINITY;
    node.runtimeBackAt = now + (comesBack ? node.runtimeStart : GONE);
    node.runtimeEvent = comesBack ? fleet.after(node.runtimeStart, OP_RUNTIME_START, node.index) : 0;
    if (node.runtimeStart > RUNTIME_THRESHOLD) fleet.after(RUNTIME_THRESHOLD, OP_RUNTIME_NOT_READY, node.index);
    if (node.runtimeStart > RELIST_THRESHOLD) fleet.after(RELIST_THRESHOLD, OP_RUNTIME_NOT_READY, node.index);
    fleet.simulation.cancel(node.relistEvent);
    node.relistEvent = 0;
    fleet.workers.puller.breakAll(node, 'rpc error: code = Unavailable desc = error reading from server: EOF');
    for (const pod of node.pods.values()) if (pod.work === WORK_SYNCING) fleet.workers.callFailed(pod);
  }

  /** The runtime has been silent for so long that the node counts as not ready, or, later, that the relist is missed too. */
  runtimeSilent(node: NodeRecord): void {
    if (!node.up || !this.isSilent(node)) return;
    node.ready = false;
    this.fleet.heartbeats.statusChanged(node);
  }

  /** Whether the runtime has been away for so long that the kubelet says so. */
  isSilent(node: NodeRecord): boolean {
    const { now } = this.fleet.simulation;
    return now < node.runtimeBackAt && now - node.runtimeDownAt >= RUNTIME_THRESHOLD;
  }

  /** The process of a kubelet or runtime dies: when it starts again its supervisor decides. False: it is down already. */
  kill(node: NodeRecord, what: 'kubelet' | 'runtime'): boolean {
    const { now } = this.fleet.simulation;
    if (what === 'kubelet') {
      if (!node.up) return false;
      node.kubeletStart = node.unsupervised ? Number.POSITIVE_INFINITY : KUBELET_UNIT.restartDelay;
      this.stopKubelet(node);
      return true;
    }
    if ((!node.up && !node.kubeletDown) || now < node.runtimeBackAt) return false;
    const unit = RUNTIME_UNITS[node.runtime.name];
    node.runtimeStarts ??= { since: Number.NEGATIVE_INFINITY, starts: 0 };
    node.runtimeStart = node.unsupervised ? Number.POSITIVE_INFINITY : restartAt(unit, node.runtimeStarts, now) - now;
    this.stopRuntime(node);
    return true;
  }

  /** Somebody starts what is down. */
  startAgain(node: NodeRecord, what: 'kubelet' | 'runtime'): void {
    if (what === 'kubelet') this.startKubelet(node);
    else if (node.runtimeBackAt > this.fleet.simulation.now) {
      node.runtimeStarts = null;
      this.startRuntime(node);
    }
  }

  /** The runtime is there before it was expected: what waited for it goes on now. */
  private backEarly(node: NodeRecord): void {
    const { fleet } = this;
    const { simulation } = fleet;
    node.runtimeBackAt = simulation.now;
    simulation.cancel(node.relistEvent);
    node.relistEvent = 0;
    for (const pod of node.pods.values()) {
      if (pod.syncEvent !== 0) {
        simulation.cancel(pod.syncEvent);
        pod.syncEvent = 0;
        fleet.workers.requestSync(pod);
      } else if (pod.work === WORK_TERMINATED && pod.stepEvent !== 0) {
        simulation.cancel(pod.stepEvent);
        fleet.workers.termination.resume(pod);
      }
    }
  }

  /** The runtime answers again. */
  startRuntime(node: NodeRecord): void {
    const { fleet } = this;
    fleet.simulation.cancel(node.runtimeEvent);
    node.runtimeEvent = 0;
    if (node.runtimeBackAt > fleet.simulation.now) this.backEarly(node);
    if (!node.up) return;
    if (!node.ready) {
      node.ready = true;
      fleet.heartbeats.statusChanged(node);
    }
    fleet.pleg.resume(node);
  }
}

/** Everything that a kubelet has under way ends without a trace. */
export function dropWork(fleet: Fleet, node: NodeRecord): void {
  const { simulation } = fleet;
  node.up = false;
  node.epoch++;
  fleet.heartbeats.stop(node);
  fleet.evictions.drop(node);
  fleet.shutdowns.drop(node);
  fleet.statics?.drop(node);
  node.preemptions = [];
  simulation.cancel(node.relistEvent);
  simulation.cancel(node.imageGcEvent);
  simulation.cancel(node.syncEvent);
  simulation.cancel(node.batchEvent);
  node.relistEvent = 0;
  node.imageGcEvent = 0;
  node.syncEvent = 0;
  node.batchEvent = 0;
  node.changed = [];
  node.pulls.clear();
  fleet.workers.puller.dropAll(node);
  node.statusQueue.clear();
  node.statusPod = null;
  node.starting = 0;
  for (const pod of node.pods.values()) {
    simulation.cancel(pod.syncEvent);
    simulation.cancel(pod.resyncEvent);
    simulation.cancel(pod.relistEvent);
    simulation.cancel(pod.deadlineEvent);
    simulation.cancel(pod.stepEvent);
    pod.syncEvent = 0;
    pod.resyncEvent = 0;
    pod.relistEvent = 0;
    pod.deadlineEvent = 0;
    pod.stepEvent = 0;
    pod.changed = false;
    pod.queued = false;
    pod.deleteSent = false;
    pod.counted = false;
    pod.pending = false;
    pod.toStart = NO_CONTAINERS;
    fleet.prober.removePod(pod);
  }
}

/** The kubelet forgets what it was doing with a container; what the runtime and the process do goes on. */
function detach(fleet: Fleet, container: ContainerRecord): void {
  container.probedFrom = Number.NEGATIVE_INFINITY;
  container.ready = false;
  container.started = false;
  container.condemned = false;
  container.waitingReason = '';
  if (!container.hasWork) return;
  const { work } = container;
  fleet.simulation.cancel(work.stepEvent);
  work.stepEvent = 0;
  work.creating = false;
  work.pullWaiting = false;
  work.waitsForTurn = false;
  if (!work.stopping || work.killAt > 0) return;
  // Its preStop hook was run by the kubelet.
  fleet.simulation.cancel(work.stopEvent);
  work.stopEvent = 0;
  work.stopping = false;
}
