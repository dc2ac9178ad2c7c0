import type { Duration } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';
import type { Fleet } from './fleet.js';
import {
  OP_CREATED,
  OP_DEAF,
  OP_EXIT,
  OP_HOOK_DONE,
  OP_LISTENING,
  OP_POST_STARTED,
  OP_STARTED,
  OP_STOPPED,
} from './fleet.js';
import { terminatedState } from './pleg.js';
import type { ContainerRecord, PodRecord } from './records.js';
import { EXITED, RUNNING, WORK_TERMINATING } from './records.js';
import { EXIT_CODE_SIGKILL, hookDuration, remainingGraceSeconds, stopDuration } from './termination-policy.js';

/** Pods starting at once on a node before the runtime's steps slow down, and by how much each more (FACTS-LATENCY §6, assumption). */
const UNCONTENDED_STARTS = 10;
const CONTENTION = 0.04;

/** Creates, starts and stops containers, and knows which of them listen (CRI and the processes themselves). */
export class ContainerRuntime {
  private readonly fleet: Fleet;

  constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  /** Factor on the runtime's steps from lock and disk contention of simultaneous pod starts on the node. */
  contention(pod: PodRecord): number {
    return 1 + CONTENTION * Math.max(0, pod.node.starting - UNCONTENDED_STARTS);
  }

  /** CreateContainer, after `before` of other work. */
  create(container: ContainerRecord, before: Duration): void {
    const { fleet } = this;
    const { pod } = container;
    container.creating = true;
    const create = fleet.duration(fleet.costs.createContainer, keyOf(container), OP_CREATED, container.restarts);
    container.stepEvent = fleet.after(before + create * this.contention(pod), OP_CREATED, container.slot);
  }

  /** CreateContainer ended: StartContainer. */
  created(container: ContainerRecord): void {
    const { fleet } = this;
    const { pod } = container;
    const { name } = container.spec;
    const text = fleet.features.shortEventTexts ? 'Container created' : `Created container: ${name}`;
    fleet.event(pod.pod, 'Normal', 'Created', text);
    const start = fleet.duration(fleet.costs.startContainer, keyOf(container), OP_STARTED, container.restarts);
    container.stepEvent = fleet.after(start * this.contention(pod), OP_STARTED, container.slot);
  }

  /** The process runs. */
  started(container: ContainerRecord): void {
    const { fleet } = this;
    const { pod } = container;
    const now = fleet.simulation.now;
    container.stepEvent = 0;
    const text = fleet.features.shortEventTexts ? 'Container started' : `Started container ${container.spec.name}`;
    fleet.event(pod.pod, 'Normal', 'Started', text);
    this.begin(container, now);
    fleet.pleg.changed(pod);
    const hook = container.spec.postStart;
    if (hook !== undefined && !pod.terminating) {
      const duration = hookTime(fleet, container, hook.seconds, OP_POST_STARTED);
      container.stepEvent = fleet.after(duration, OP_POST_STARTED, container.slot);
    } else this.ready(container);
  }

  /** The start of a container, with its postStart hook, is over. */
  ready(container: ContainerRecord): void {
    container.stepEvent = 0;
    container.creating = false;
    this.fleet.workers.containerStarted(container.pod);
  }

  /** Begins a life at `startedAt` (now, or earlier in a warm start). */
  begin(container: ContainerRecord, startedAt: number): void {
    const { fleet } = this;
    const { pod } = container;
    const life = fleet.behaviour.life(pod.pod, container.spec, container.restarts, pod.ordinal);
    const now = fleet.simulation.now;
    container.state = RUNNING;
    container.life = life;
    container.startedAt = startedAt;
    container.stopping = false;
    container.condemned = false;
    container.listening = false;
    container.listenAt = startedAt + life.startup;
    container.deafAt = Number.POSITIVE_INFINITY;
    if (life.runtime !== Number.POSITIVE_INFINITY) {
      container.exitEvent = fleet.at(Math.max(now, startedAt + life.runtime), OP_EXIT, container.slot);
    }
    if (container.listenAt === Number.POSITIVE_INFINITY) return;
    if (container.listenAt <= now) this.listens(container);
    else container.listenEvent = fleet.at(container.listenAt, OP_LISTENING, container.slot);
  }

  /** The application has started up: it accepts requests and passes probes. */
  listens(container: ContainerRecord): void {
    const { pod } = container;
    container.listenEvent = 0;
    container.listening = true;
    if (container.init) return;
    pod.listening++;
    if (pod.listening < pod.main.length || pod.serving) return;
    pod.serving = true;
    const { status } = pod.pod;
    const known = status.podIP === pod.address;
    this.fleet.lifecycle.podListening(
      known
        ? pod.pod
        : { ...pod.pod, status: { ...status, ...(pod.address === undefined ? {} : { podIP: pod.address }) } },
    );
  }

  /** The application closes its listener while the process goes on. */
  closes(container: ContainerRecord): void {
    container.deafEvent = 0;
    this.stopsListening(container, false);
    this.fleet.prober.healthLost(container);
  }

  private stopsListening(container: ContainerRecord, killed: boolean): void {
    const { pod } = container;
    const { fleet } = this;
    if (container.deafAt === Number.POSITIVE_INFINITY) container.deafAt = fleet.simulation.now;
    const listened = container.listening;
    if (listened) {
      container.listening = false;
      if (!container.init) pod.listening--;
    }
    if (container.init || !pod.serving) return;
    if (killed) {
      pod.serving = false;
      fleet.lifecycle.podStoppedListening(pod.pod, true);
    } else if (listened) fleet.lifecycle.podStoppedListening(pod.pod, false);
  }

  /** Stops a running container: preStop hook, SIGTERM, SIGKILL at the end of the grace period. */
  stop(container: ContainerRecord, graceSeconds: number): void {
    const { fleet } = this;
    container.stopping = true;
    container.stopBegan = fleet.simulation.now;
    container.graceSeconds = graceSeconds;
    container.hookDone = false;
    const hook = container.spec.preStop;
    if (hook === undefined) {
      this.hookEnded(container);
      return;
    }
    const duration = hookDuration(hookTime(fleet, container, hook.seconds, OP_HOOK_DONE), graceSeconds);
    container.stopEvent = fleet.after(duration, OP_HOOK_DONE, container.slot);
  }

  /** The preStop hook is over (or there is none): SIGTERM, for a sidecar of a terminating pod when its turn has come. */
  hookEnded(container: ContainerRecord): void {
    const { pod } = container;
    container.stopEvent = 0;
    container.hookDone = true;
    if (pod.work === WORK_TERMINATING && container.sidecar && !this.fleet.workers.isTurnOf(container)) return;
    this.terminate(container);
  }

  /** SIGTERM. */
  terminate(container: ContainerRecord): void {
    const { fleet } = this;
    const { simulation } = fleet;
    const life = container.life!;
    const now = simulation.now;
    const grace = remainingGraceSeconds(container.graceSeconds, now - container.stopBegan);
    const { duration, killed } = stopDuration(life.shutdown, grace);
    container.killedBySignal = killed;
    container.killAt = now + grace * SECOND;
    simulation.cancel(container.listenEvent);
    container.listenEvent = 0;
    container.stopEvent = fleet.after(duration, OP_STOPPED, container.slot);
    if (!container.listening) {
      // What was still starting up never listens.
      container.listenAt = Number.POSITIVE_INFINITY;
      return;
    }
    if (life.stopListening <= 0) this.closes(container);
    else if (life.stopListening < duration) {
      container.deafEvent = fleet.after(life.stopListening, OP_DEAF, container.slot);
    }
  }

  /** SIGKILL, or the application is ready to exit: it may still have requests to answer, until SIGKILL. */
  stopped(container: ContainerRecord): void {
    container.stopEvent = 0;
    const { fleet } = this;
    const { pod } = container;
    if (!container.killedBySignal && container.life!.finishesRequests === true && pod.serving && !container.init) {
      const now = fleet.simulation.now;
      if (container.listening) this.closes(container);
      const left = fleet.lifecycle.drainTime?.(pod.pod) ?? 0;
      if (left > 0 && now < container.killAt) {
        container.killedBySignal = now + left > container.killAt;
        container.stopEvent = fleet.at(Math.min(now + left, container.killAt), OP_STOPPED, container.slot);
        return;
      }
    }
    this.exited(container, container.killedBySignal ? EXIT_CODE_SIGKILL : 0);
  }

  /** The process is gone. */
  exited(container: ContainerRecord, exitCode: number): void {
    const { fleet } = this;
    const { pod } = container;
    this.end(container, exitCode);
    if (pod.work === WORK_TERMINATING) {
      if (container.stopping) fleet.workers.containerStopped(container);
      return;
    }
    fleet.pleg.changed(pod);
    fleet.workers.containerGone(container);
  }

  /** Ends a life without telling anybody but the listener of requests. */
  end(container: ContainerRecord, exitCode: number): void {
    this.cancelEvents(container);
    container.state = EXITED;
    container.finishedAt = this.fleet.simulation.now;
    container.exitCode = exitCode;
    container.lastTermination = terminatedState(container);
    this.stopsListening(container, true);
    container.life = null;
  }

  /** Cancels all pending events of a container. */
  cancelEvents(container: ContainerRecord): void {
    const { simulation } = this.fleet;
    simulation.cancel(container.listenEvent);
    simulation.cancel(container.exitEvent);
    simulation.cancel(container.stopEvent);
    simulation.cancel(container.deafEvent);
    simulation.cancel(container.stepEvent);
    container.listenEvent = 0;
    container.exitEvent = 0;
    container.stopEvent = 0;
    container.deafEvent = 0;
    container.stepEvent = 0;
  }
}

/** Duration of a hook: what `sleep` says, else the spawning of a command. */
function hookTime(fleet: Fleet, container: ContainerRecord, stated: number | undefined, opcode: number): Duration {
  if (stated !== undefined) return Math.round(stated * SECOND);
  return fleet.duration(fleet.costs.probe, keyOf(container), opcode, container.restarts);
}

/** Key of a container's keyed draws: its pod's, moved by its place. */
export function keyOf(container: ContainerRecord): number {
  const { pod } = container;
  const place = container.init ? 128 + pod.init.indexOf(container) : pod.main.indexOf(container);
  return pod.key + place * 68719476736;
}
