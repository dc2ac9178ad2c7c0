import type { Time } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';
import type { Fleet } from './fleet.js';
import { OP_DEADLINE, OP_PREPARED, OP_RESYNC, OP_SANDBOX, OP_SYNC, PHASE_AFTER_RELIST } from './fleet.js';
import { containersToStart } from './pod-actions.js';
import type { ContainerRecord, PodRecord } from './records.js';
import {
  EXITED,
  NO_CONTAINERS,
  RUNNING,
  WAITING,
  WORK_IDLE,
  WORK_SYNCING,
  WORK_TERMINATED,
  WORK_TERMINATING,
} from './records.js';
import {
  isInBackOffSince,
  nextBackOff,
  nextTick,
  RESYNC_INTERVAL,
  retryDelay,
  WORKER_JITTER,
} from './restart-policy.js';
import { isTerminalPhase } from './pod-status.js';
import { Termination } from './termination.js';
import { ImagePuller } from './image-puller.js';
import { publishStatus, refreshStatus } from './status-view.js';

/** The sync loop looks for pods whose re-sync is due once a second (kubelet.go syncLoop syncTicker). */
const SYNC_TICK = SECOND;

/**
 * The pod workers (pkg/kubelet/pod_workers.go): one per pod, each handling one sync at a time. A sync recomputes the status,
 * then does what is missing, one step after another: sandbox, images, containers. A further sync needs a pod cache newer than
 * the end of the one before, so it may wait for a relist.
 */
export class PodWorkers {
  private readonly fleet: Fleet;
  readonly termination: Termination;
  readonly puller: ImagePuller;

  constructor(fleet: Fleet) {
    this.fleet = fleet;
    this.termination = new Termination(fleet);
    this.puller = new ImagePuller(fleet);
  }

  /** Asks for a sync; requests made while one runs or waits are merged. */
  requestSync(pod: PodRecord): void {
    if (pod.work === WORK_SYNCING) {
      pod.pending = true;
      return;
    }
    if (pod.work !== WORK_IDLE || !pod.node.up) return;
    const { fleet } = this;
    const now = fleet.simulation.now;
    if (pod.syncEvent !== 0) {
      if (!pod.cacheFresh) return;
      fleet.simulation.cancel(pod.syncEvent);
      pod.syncEvent = 0;
    }
    if (pod.cacheFresh || fleet.pleg.lastRelist(pod.node, now) > pod.lastSyncEnd) {
      this.sync(pod);
      return;
    }
    pod.syncEvent = fleet.at(
      Math.max(now, fleet.pleg.endOfNext(pod.node, pod.lastSyncEnd)),
      OP_SYNC,
      pod.slot,
      PHASE_AFTER_RELIST,
    );
  }

  /** A re-sync is due. */
  resync(pod: PodRecord): void {
    pod.resyncEvent = 0;
    this.requestSync(pod);
  }

  /** SyncPod, or the termination of a pod that is to go. */
  sync(pod: PodRecord): void {
    const { fleet } = this;
    pod.syncEvent = 0;
    if (fleet.simulation.now < pod.node.runtimeBackAt) {
      // The sync loop skips its rounds while the runtime is down.
      pod.syncEvent = fleet.at(pod.node.runtimeBackAt, OP_SYNC, pod.slot, PHASE_AFTER_RELIST);
      return;
    }
    fleet.simulation.cancel(pod.resyncEvent);
    pod.resyncEvent = 0;
    if (pod.terminating) {
      this.termination.begin(pod);
      return;
    }
    if (pod.fixed) fleet.statics!.reconcile(pod);
    pod.work = WORK_SYNCING;
    pod.syncs++;
    pod.pending = false;
    pod.cacheFresh = false;
    pod.worked = false;
    pod.syncFailed = false;
    pod.backOffLeft = 0;
    if (pod.syncs === 1) {
      fleet.prober.addPod(pod);
      this.armDeadline(pod);
    }
    refreshStatus(fleet, pod);
    if (pod.ended || isTerminalPhase(pod.status.phase)) {
      pod.terminating = true;
      this.termination.begin(pod);
      return;
    }
    if (!pod.prepared) {
      if (!pod.counted) pod.node.starting++;
      pod.counted = true;
      pod.stepEvent = fleet.after(fleet.duration(fleet.costs.prepare, pod.key, OP_PREPARED), OP_PREPARED, pod.slot);
    } else if (!pod.sandbox) this.startSandbox(pod);
    else this.startContainers(pod);
  }

  /** activeDeadlineSeconds count from the start time in the status (active_deadline.go). */
  private armDeadline(pod: PodRecord): void {
    const seconds = pod.pod.spec.activeDeadlineSeconds;
    if (seconds === undefined) return;
    const { simulation } = this.fleet;
    const due = (pod.status.startTime ?? simulation.now) + seconds * SECOND;
    pod.deadlineEvent = this.fleet.at(Math.max(simulation.now, due), OP_DEADLINE, pod.slot);
  }

  /** The pod has been active for too long. */
  deadlineOver(pod: PodRecord): void {
    pod.deadlineEvent = 0;
    if (pod.terminating) return;
    const message = 'Pod was active on the node longer than the specified deadline';
    this.fleet.event(pod, 'Normal', 'DeadlineExceeded', message);
    this.failPod(pod, 'DeadlineExceeded', message, pod.pod.spec.terminationGracePeriodSeconds);
  }

  /** Ends a pod as Failed. */
  failPod(pod: PodRecord, reason: string, message: string, graceSeconds: number, disruption = ''): void {
    pod.disruption = disruption;
    pod.failReason = reason;
    pod.failMessage = message;
    this.terminate(pod, graceSeconds);
  }

  /** Directories, cgroup and volumes are ready. */
  prepared(pod: PodRecord): void {
    pod.stepEvent = 0;
    if (this.stopWanted(pod)) return;
    const { volumes, configurations } = this.fleet;
    pod.volumesLeft = 1 + (volumes?.begin(pod) === true ? 1 : 0) + (configurations.begin(pod) ? 1 : 0);
    if (pod.work !== WORK_SYNCING) configurations.rest(pod);
    this.volumesReady(pod);
  }

  /** The volumes of one kind cannot be had, or have been waited for too long: the sync fails, and is tried again. */
  volumesFailed(pod: PodRecord): void {
    if (pod.work !== WORK_SYNCING) return;
    this.fleet.volumes?.rest(pod);
    this.fleet.configurations.rest(pod);
    if (!this.stopWanted(pod)) this.finishSync(pod, true);
  }

  /** The volumes of one kind are mounted: when all are, the sandbox follows. */
  volumesReady(pod: PodRecord): void {
    if (--pod.volumesLeft > 0 || pod.work !== WORK_SYNCING) return;
    pod.prepared = true;
    if (this.stopWanted(pod)) return;
    this.startSandbox(pod);
  }

  private startSandbox(pod: PodRecord): void {
    const { fleet } = this;
    const duration = fleet.duration(fleet.costs.sandbox, pod.key, OP_SANDBOX, pod.syncs);
    pod.stepEvent = fleet.after(duration * pod.node.runtime.sandbox * fleet.runtime.contention(pod), OP_SANDBOX, pod.slot);
  }

  /** RunPodSandbox ended: the pause container holds the pod's network, whose address CNI has given. */
  sandboxUp(pod: PodRecord): void {
    pod.stepEvent = 0;
    if (pod.address === undefined) {
      pod.address = pod.pod.spec.hostNetwork === true ? pod.node.address : pod.node.addresses.take();
    }
    if (pod.address === undefined) {
      this.fleet.event(
        pod,
        'Warning',
        'FailedCreatePodSandBox',
        'Failed to create pod sandbox: plugin type="host-local" failed (add): failed to allocate for range 0: no IP addresses available in range set',
      );
      this.finishSync(pod, true);
      return;
    }
    pod.sandbox = true;
    pod.worked = true;
    this.fleet.step(pod.pod, 'sandboxed');
    this.fleet.pleg.changed(pod);
    if (this.fleet.features.sandboxReadyWrite) {
      pod.sandboxObserved = true;
      publishStatus(this.fleet, pod);
    }
    if (this.stopWanted(pod)) return;
    this.startContainers(pod);
  }

  private startContainers(pod: PodRecord): void {
    if (pod.init.length === 0 && pod.main.every(runsOn)) {
      pod.toStart = NO_CONTAINERS;
      this.startNext(pod);
      return;
    }
    const actions = containersToStart(pod.pod.spec.restartPolicy, pod.init.map(viewOf), pod.main.map(viewOf));
    pod.toStart = [...actions.init.map((i) => pod.init[i]!), ...actions.main.map((i) => pod.main[i]!)];
    this.startNext(pod);
  }

  /** Starts the next container of the running sync, or ends the sync. */
  startNext(pod: PodRecord): void {
    if (this.stopWanted(pod)) return;
    const container = pod.toStart[0];
    if (container === undefined) {
      this.finishSync(pod, pod.syncFailed);
      return;
    }
    if (container.state === RUNNING) {
      this.killForRestart(container);
      return;
    }
    if (this.isInBackOff(container)) {
      this.startFailed(pod);
      return;
    }
    this.puller.ensureImage(container);
  }

  /** A container whose liveness or startup probe failed is stopped first; its end continues the sync. */
  private killForRestart(container: ContainerRecord): void {
    const { fleet } = this;
    const { pod, spec } = container;
    if (container.work.stopping) return;
    const probe = container.started ? spec.livenessProbe : spec.startupProbe;
    const kind = container.started ? 'liveness' : 'startup';
    fleet.event(pod, 'Normal', 'Killing', `Container ${spec.name} failed ${kind} probe, will be restarted`);
    fleet.runtime.stop(container, probe?.terminationGracePeriodSeconds ?? pod.pod.spec.terminationGracePeriodSeconds);
  }

  /** CrashLoopBackOff: the delay since the container's end is not over yet; else it is counted on. */
  private isInBackOff(container: ContainerRecord): boolean {
    if (container.lastTermination === null) return false;
    const { fleet } = this;
    const { pod } = container;
    const now = fleet.simulation.now;
    if (!isInBackOffSince(container.backOff, container.finishedAt, now, pod.node.maxRestartPeriod)) {
      container.backOff = nextBackOff(container.backOff, container.finishedAt, now, pod.node.maxRestartPeriod);
      return false;
    }
    container.waitingReason = 'CrashLoopBackOff';
    noteBackOff(pod, container.finishedAt + container.backOff.backOff - now);
    const { namespace, name, uid } = pod.pod.metadata;
    fleet.event(
      pod,
      'Warning',
      'BackOff',
      `Back-off restarting failed container ${container.spec.name} in pod ${name}_${namespace}(${uid})`,
    );
    return true;
  }

  /** The first container in line cannot be started in this sync; the others go on. */
  startFailed(pod: PodRecord): void {
    pod.syncFailed = true;
    const container = pod.toStart.shift()!;
    // A failed init container blocks what follows it.
    if (container.init) pod.toStart = NO_CONTAINERS;
    this.startNext(pod);
  }

  /** The image of the first container in line is present: its environment is read, and it is created. */
  imageReady(container: ContainerRecord, cost: number): void {
    if (!this.fleet.environments.read(container, cost)) this.environmentRead(container, cost);
  }

  /** The environment of the first container in line cannot be made (kuberuntime_container.go ErrCreateContainerConfig). */
  environmentFailed(container: ContainerRecord, problem: string): void {
    container.waitingReason = 'CreateContainerConfigError';
    container.waitingMessage = problem;
    this.fleet.event(container.pod, 'Warning', 'Failed', `Error: ${problem}`);
    this.startFailed(container.pod);
  }

  /** Everything is there to create the first container in line. */
  environmentRead(container: ContainerRecord, cost: number): void {
    if (this.stopWanted(container.pod)) return;
    if (container.lastTermination !== null && container.state !== WAITING) {
      container.restarts++;
      container.pod.restarts++;
    }
    const { pod } = container;
    if (container === pod.main[pod.main.length - 1] && pod.begun < pod.main.length) this.fleet.step(pod.pod, 'pulled');
    this.fleet.runtime.create(container, cost);
  }

  /** The runtime has gone away under a running sync: it fails, and is tried again. */
  callFailed(pod: PodRecord): void {
    const { simulation } = this.fleet;
    const container = pod.toStart[0];
    simulation.cancel(pod.stepEvent);
    pod.stepEvent = 0;
    if (container?.hasWork === true && container.work.creating) {
      simulation.cancel(container.work.stepEvent);
      container.work.stepEvent = 0;
      container.work.creating = false;
    }
    this.puller.abandon(pod);
    pod.toStart = NO_CONTAINERS;
    this.finishSync(pod, true);
  }

  /** The first container in line runs. */
  containerStarted(pod: PodRecord): void {
    const container = pod.toStart.shift()!;
    pod.worked = true;
    if (!container.init && pod.begun < pod.main.length && ++pod.begun === pod.main.length)
      this.fleet.step(pod.pod, 'started');
    this.startNext(pod);
  }

  /** A container ended by itself, or was killed to be restarted. */
  containerGone(container: ContainerRecord): void {
    const { pod } = container;
    if (pod.work !== WORK_SYNCING || pod.toStart[0] !== container || container.work.creating) {
      if (container.work.creating && pod.toStart[0] === container) this.fleet.runtime.ready(container);
      return;
    }
    this.fleet.pleg.observe(pod);
    this.startNext(pod);
  }

  /** True when the pod must stop: then the sync ends here and the termination begins. */
  private stopWanted(pod: PodRecord): boolean {
    if (!pod.terminating) return false;
    pod.toStart = NO_CONTAINERS;
    this.finishSync(pod, false);
    return true;
  }

  private finishSync(pod: PodRecord, failed: boolean): void {
    const { fleet } = this;
    const { node } = pod;
    const now = fleet.simulation.now;
    if (pod.counted) node.starting--;
    pod.counted = false;
    pod.work = WORK_IDLE;
    pod.lastSyncEnd = now;
    for (const container of pod.init) container.settle();
    for (const container of pod.main) container.settle();
    if (pod.terminating) {
      this.termination.begin(pod);
      return;
    }
    if (pod.worked && !failed && fleet.features.relistOnDemand) fleet.pleg.relistSoon(pod);
    if (pod.pending) {
      pod.pending = false;
      this.requestSync(pod);
    }
    const delay = this.resyncDelay(pod, failed);
    if (delay === 0) return;
    fleet.simulation.cancel(pod.resyncEvent);
    pod.resyncEvent = fleet.at(nextTick(node.syncPhase, SYNC_TICK, now + delay), OP_RESYNC, pod.slot);
  }

  /** Re-syncs that could change nothing are left out: 0. */
  private resyncDelay(pod: PodRecord, failed: boolean): Time {
    const u = this.fleet.uniform(pod.key, OP_RESYNC, pod.syncs);
    if (failed) return retryDelay(this.fleet.features.crashLoopRequeue, pod.backOffLeft, u);
    return awaitsReadiness(pod) || (pod.fixed && pod.mirror === null) ? Math.round(RESYNC_INTERVAL * (1 + WORKER_JITTER * u)) : 0;
  }

  /** The pod is to be deleted: `graceSeconds` may only shrink. */
  terminate(pod: PodRecord, graceSeconds: number): void {
    if (pod.work === WORK_TERMINATING || pod.work === WORK_TERMINATED) {
      this.termination.shorten(pod, graceSeconds);
      return;
    }
    const first = !pod.terminating;
    pod.terminating = true;
    pod.graceSeconds = first ? graceSeconds : Math.min(pod.graceSeconds, graceSeconds);
    if (pod.work === WORK_SYNCING) {
      if (this.puller.abandon(pod)) this.startNext(pod);
      else {
        const attaching = this.fleet.volumes?.abandon(pod) === true;
        if (this.fleet.configurations.abandon(pod) || attaching) this.stopWanted(pod);
      }
      return;
    }
    this.requestSync(pod);
  }

  /** See `Termination.isTurnOf`. */
  isTurnOf(container: ContainerRecord): boolean {
    return this.termination.isTurnOf(container);
  }

  /** See `Termination.containerStopped`. */
  containerStopped(container: ContainerRecord): void {
    this.termination.containerStopped(container);
  }
}

/** Remembers the shortest back-off of a sync. */
export function noteBackOff(pod: PodRecord, left: Time): void {
  if (pod.backOffLeft === 0 || left < pod.backOffLeft) pod.backOffLeft = left;
}

function awaitsReadiness(pod: PodRecord): boolean {
  for (const container of pod.main)
    if (container.readiness !== null && !container.ready && container.state === RUNNING) return true;
  return false;
}

/** Nothing is to be done about a container that runs and is wanted to. */
function runsOn(container: ContainerRecord): boolean {
  return container.state === RUNNING && !container.condemned;
}

function viewOf(container: ContainerRecord) {
  const exited = container.state === EXITED && container.observedState === EXITED;
  const state: 'waiting' | 'running' | 'exited' =
    container.state === WAITING ? 'waiting' : exited ? 'exited' : 'running';
  return {
    sidecar: container.sidecar,
    state,
    exitCode: container.exitCode,
    started: container.started,
    condemned: container.condemned && container.state === RUNNING,
  };
}
