import type { LifecycleHandler } from '../api/core.js';
import type { Duration } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';
import type { ContainerLife } from './behaviour.js';
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
  OP_TURN,
} from './fleet.js';
import { usesAnything } from './node-pressure.js';
import { terminatedState } from './pleg.js';
import type { ContainerRecord, PodRecord } from './records.js';
import { EXITED, RUNNING, WORK_TERMINATING } from './records.js';
import { EXIT_CODE_SIGKILL, hookDuration, remainingGraceSeconds, stopDuration } from './termination-policy.js';

/** Creates, starts and stops containers, and knows which of them listen (CRI and the processes themselves). */
export class ContainerRuntime {
  private readonly fleet: Fleet;

  constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  /** Factor on the runtime's steps from a slow disk, and from lock and disk contention of simultaneous pod starts on the node. */
  contention(pod: PodRecord): number {
    const { diskFactor, starting } = pod.node;
    const { contention } = this.fleet.costs;
    return contention === undefined ? diskFactor : diskFactor * (1 + contention.share * Math.max(0, starting - contention.free));
  }

  /** CreateContainer, after `before` of other work. */
  create(container: ContainerRecord, before: Duration): void {
    const { fleet } = this;
    const { pod } = container;
    container.work.creating = true;
    container.environmentAt = fleet.simulation.now;
    const create = fleet.duration(fleet.costs.createContainer, keyOf(container), OP_CREATED, container.restarts);
    container.work.stepEvent = fleet.after(before + create * pod.node.runtime.createContainer * this.contention(pod), OP_CREATED, container.slot);
  }

  /** CreateContainer ended: StartContainer. */
  created(container: ContainerRecord): void {
    const { fleet } = this;
    const { pod } = container;
    const text = fleet.features.shortEventTexts ? 'Container created' : fleet.texts.created.of(container.spec.name);
    fleet.event(pod, 'Normal', 'Created', text);
    const start = fleet.duration(fleet.costs.startContainer, keyOf(container), OP_STARTED, container.restarts);
    container.work.stepEvent = fleet.after(start * pod.node.runtime.startContainer * this.contention(pod), OP_STARTED, container.slot);
  }

  /** The process runs. */
  started(container: ContainerRecord): void {
    const { fleet } = this;
    const { pod } = container;
    const now = fleet.simulation.now;
    container.work.stepEvent = 0;
    const text = fleet.features.shortEventTexts ? 'Container started' : fleet.texts.started.of(container.spec.name);
    fleet.event(pod, 'Normal', 'Started', text);
    this.begin(container, now);
    fleet.pleg.changed(pod);
    const hook = container.spec.postStart;
    if (hook !== undefined && !pod.terminating) {
      const duration = hookTime(fleet, container, hook, OP_POST_STARTED);
      container.work.stepEvent = fleet.after(duration, OP_POST_STARTED, container.slot);
    } else this.ready(container);
  }

  /** The start of a container, with its postStart hook, is over. */
  ready(container: ContainerRecord): void {
    container.work.stepEvent = 0;
    container.work.creating = false;
    this.fleet.workers.containerStarted(container.pod);
  }

  /** The life that the container leads, or is about to lead: the behaviour gives the same each time it is asked. */
  lifeOf(container: ContainerRecord): ContainerLife {
    const { pod } = container;
    return this.fleet.behaviour.life(pod.pod, container.spec, container.restarts, pod.ordinal);
  }

  /** Begins a life at `startedAt` (now, or earlier in a warm start). */
  begin(container: ContainerRecord, startedAt: number): void {
    const { fleet } = this;
    const life = this.lifeOf(container);
    const now = fleet.simulation.now;
    container.state = RUNNING;
    if (container.environmentAt < 0) container.environmentAt = startedAt;
    container.startedAt = startedAt;
    if (container.hasWork) container.work.stopping = false;
    container.condemned = false;
    container.listening = false;
    container.listenAt = startedAt + life.startup;
    container.deafAt = Number.POSITIVE_INFINITY;
    if (usesAnything(life)) fleet.evictions.began(container, life);
    if (life.runtime !== Number.POSITIVE_INFINITY) {
      container.work.exitEvent = fleet.at(Math.max(now, startedAt + life.runtime), OP_EXIT, container.slot);
    }
    if (container.listenAt === Number.POSITIVE_INFINITY) return;
    if (container.listenAt <= now) this.listens(container);
    else container.work.listenEvent = fleet.at(container.listenAt, OP_LISTENING, container.slot);
  }

  /** The application has started up: it accepts requests and passes probes. */
  listens(container: ContainerRecord): void {
    const { pod } = container;
    if (container.hasWork) container.work.listenEvent = 0;
    container.settle();
    container.listening = true;
    if (container.init) return;
    pod.listening++;
    if (pod.listening < pod.main.length || pod.serving) return;
    pod.serving = true;
    const { status } = pod.pod;
    const { address } = pod;
    if (address === undefined || status.podIP === address) this.fleet.lifecycle.podListening(pod.pod);
    // The address first where there was none: each copy with a key more has a hidden class of its own.
    else this.fleet.lifecycle.podListening({ ...pod.pod, status: status.podIP === undefined ? { podIP: address, ...status } : { ...status, podIP: address } });
  }

  /** The application closes its listener while the process goes on. */
  closes(container: ContainerRecord): void {
    if (container.hasWork) container.work.deafEvent = 0;
    this.stopsListening(container, false);
    this.fleet.prober.healthLost(container);
  }

  private stopsListening(container: ContainerRecord, killed: boolean, outOfMemory = false): void {
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
      fleet.lifecycle.podStoppedListening(pod.pod, true, outOfMemory);
    } else if (listened) fleet.lifecycle.podStoppedListening(pod.pod, false);
  }

  /** Stops a running container: preStop hook, SIGTERM, SIGKILL at the end of the grace period. */
  stop(container: ContainerRecord, graceSeconds: number): void {
    const { fleet } = this;
    const { work } = container;
    work.stopping = true;
    work.stopBegan = fleet.simulation.now;
    work.graceSeconds = graceSeconds;
    work.waitsForTurn = false;
    const hook = container.spec.preStop;
    if (hook === undefined) {
      this.hookEnded(container);
      return;
    }
    const duration = hookDuration(hookTime(fleet, container, hook, OP_HOOK_DONE), graceSeconds);
    work.stopEvent = fleet.after(duration, OP_HOOK_DONE, container.slot);
  }

  /** The preStop hook is over (or there is none): SIGTERM, for a sidecar of a terminating pod when its turn has come. */
  hookEnded(container: ContainerRecord): void {
    const { pod, work } = container;
    work.stopEvent = 0;
    if (pod.work === WORK_TERMINATING && container.sidecar && !this.fleet.workers.isTurnOf(container)) {
      work.waitsForTurn = true;
      const end = work.stopBegan + work.graceSeconds * SECOND;
      work.stopEvent = this.fleet.at(Math.max(end, this.fleet.simulation.now), OP_TURN, container.slot);
      return;
    }
    this.terminate(container);
  }

  /** SIGTERM. */
  terminate(container: ContainerRecord): void {
    const { fleet } = this;
    const { simulation } = fleet;
    const { work } = container;
    simulation.cancel(work.stopEvent);
    work.waitsForTurn = false;
    const life = this.lifeOf(container);
    const now = simulation.now;
    const grace = remainingGraceSeconds(work.graceSeconds, now - work.stopBegan);
    const { duration, killed } = stopDuration(life.shutdown, grace);
    work.killedBySignal = killed;
    work.killAt = now + grace * SECOND;
    simulation.cancel(work.listenEvent);
    work.listenEvent = 0;
    work.stopEvent = fleet.after(duration, OP_STOPPED, container.slot);
    if (!container.listening) {
      // What was still starting up never listens.
      container.listenAt = Number.POSITIVE_INFINITY;
      return;
    }
    if (life.stopListening <= 0) this.closes(container);
    else if (life.stopListening < duration) {
      work.deafEvent = fleet.after(life.stopListening, OP_DEAF, container.slot);
    }
  }

  /** SIGKILL, or the application is ready to exit: it may still have requests to answer, until SIGKILL. */
  stopped(container: ContainerRecord): void {
    const { work } = container;
    work.stopEvent = 0;
    const { fleet } = this;
    const { pod } = container;
    if (!work.killedBySignal && pod.serving && !container.init && this.lifeOf(container).finishesRequests === true) {
      const now = fleet.simulation.now;
      if (container.listening) this.closes(container);
      const left = fleet.lifecycle.drainTime?.(pod.pod) ?? 0;
      if (left > 0 && now < work.killAt) {
        work.killedBySignal = now + left > work.killAt;
        work.stopEvent = fleet.at(Math.min(now + left, work.killAt), OP_STOPPED, container.slot);
        return;
      }
    }
    this.exited(container, work.killedBySignal ? EXIT_CODE_SIGKILL : 0);
  }

  /** The process is gone. */
  exited(container: ContainerRecord, exitCode: number, outOfMemory = false): void {
    const { fleet } = this;
    const { pod } = container;
    this.end(container, exitCode, outOfMemory);
    if (pod.work === WORK_TERMINATING) {
      if (container.work.stopping) fleet.workers.containerStopped(container);
      return;
    }
    fleet.pleg.changed(pod);
    fleet.workers.containerGone(container);
  }

  /** Ends a life without telling anybody but the listener of requests. */
  end(container: ContainerRecord, exitCode: number, outOfMemory = false): void {
    this.cancelEvents(container);
    container.state = EXITED;
    this.fleet.images.released(container.pod.node, container.spec.image);
    this.fleet.evictions.ended(container);
    container.finishedAt = this.fleet.simulation.now;
    container.exitCode = exitCode;
    container.lastTermination = terminatedState(container, outOfMemory);
    this.stopsListening(container, true, outOfMemory);
  }

  /** Cancels all pending events of a container. */
  cancelEvents(container: ContainerRecord): void {
    if (!container.hasWork) return;
    const { simulation } = this.fleet;
    const { work } = container;
    simulation.cancel(work.listenEvent);
    simulation.cancel(work.exitEvent);
    simulation.cancel(work.stopEvent);
    simulation.cancel(work.deafEvent);
    simulation.cancel(work.stepEvent);
    work.listenEvent = 0;
    work.exitEvent = 0;
    work.stopEvent = 0;
    work.deafEvent = 0;
    work.stepEvent = 0;
  }
}

/** Duration of a hook: the pause that it states, else that of a probe by its handler; a command is spawned in the container. */
function hookTime(fleet: Fleet, container: ContainerRecord, { handler, seconds }: LifecycleHandler, opcode: number): Duration {
  if (seconds !== undefined) return Math.round(seconds * SECOND);
  const { probe, execProbe = probe } = fleet.costs;
  return fleet.duration(handler === 'exec' ? execProbe : probe, keyOf(container), opcode, container.restarts);
}

/** Key of a container's keyed draws: its pod's, moved by its place. */
export function keyOf(container: ContainerRecord): number {
  const { pod } = container;
  const place = container.init ? 128 + pod.init.indexOf(container) : pod.main.indexOf(container);
  return pod.key + place * 68719476736;
}
