import type { Probe } from '../api/core.js';
import { isPodReady } from '../api/core.js';
import { SECOND, type Time } from '../kernel/time.js';
import { keyOf } from './container-runtime.js';
import type { Fleet } from './fleet.js';
import { OP_PROBE } from './fleet.js';
import { countResult, inInitialDelay, initialResult, isSettled, probePeriod, RESULT_SUCCESS } from './probe-policy.js';
import type { ContainerRecord, PodRecord } from './records.js';
import { ProbeRecord } from './records.js';
import { RUNNING } from './records.js';
import { nextTick } from './restart-policy.js';
import { publishStatus } from './status-view.js';

/** Containers that started so long before their kubelet keep their readiness (prober worker.go). */
const KEPT_AFTER = 10 * SECOND;

/**
 * The probe workers (pkg/kubelet/prober). A worker ticks from the first sync of its pod; ticks at which nothing could change
 * are folded: before the container runs, and while a settled probe would succeed.
 */
export class Prober {
  private readonly fleet: Fleet;

  constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  /** First sync of a pod: its workers start ticking. */
  addPod(pod: PodRecord): void {
    for (const container of pod.init) if (container.sidecar) this.addContainer(container);
    for (const container of pod.main) this.addContainer(container);
  }

  private addContainer(container: ContainerRecord): void {
    const { spec } = container;
    if (spec.startupProbe !== undefined) container.startup = this.add(new ProbeRecord(container, 'startup'));
    if (spec.readinessProbe !== undefined) container.readiness = this.add(new ProbeRecord(container, 'readiness'));
    if (spec.livenessProbe !== undefined) container.liveness = this.add(new ProbeRecord(container, 'liveness'));
  }

  private add(probe: ProbeRecord): ProbeRecord {
    const { fleet } = this;
    const { node } = probe.container.pod;
    const now = fleet.simulation.now;
    probe.slot = fleet.probes.put(probe);
    probe.base = now;
    const period = probePeriod(specOf(probe));
    // A kubelet that has just started spreads the probes of the pods it finds.
    if (now - node.startedAt < period) {
      probe.base += Math.round(fleet.uniform(keyOf(probe.container), OP_PROBE, turnOf(probe)) * period);
    }
    return probe;
  }

  /** The kubelet sees the container run: a new container resets its probes. */
  attach(container: ContainerRecord): void {
    if (container.probedFrom === container.startedAt) return;
    container.probedFrom = container.startedAt;
    container.condemned = false;
    for (const probe of [container.startup, container.readiness, container.liveness]) {
      if (probe === null) continue;
      this.cancel(probe);
      probe.result = initialResult(probe.type);
      probe.lastResult = 0;
      probe.run = 0;
      probe.onHold = false;
      if (probe.type !== 'liveness' && this.keepsReadiness(container)) {
        probe.result = RESULT_SUCCESS;
        probe.lastResult = RESULT_SUCCESS;
      }
    }
    if (container.startup !== null) this.schedule(container.startup, this.next(container.startup));
  }

  /** A container of a Ready pod that ran well before its kubelet started is taken to be ready still. */
  private keepsReadiness(container: ContainerRecord): boolean {
    const { pod } = container;
    return this.fleet.features.keepReadiness && container.startedAt < pod.node.startedAt - KEPT_AFTER && isPodReady(pod.pod);
  }

  /** The container counts as started: liveness and readiness are probed from their next ticks on. */
  startedProbing(container: ContainerRecord): void {
    const { liveness, readiness } = container;
    if (liveness !== null && this.wanted(liveness)) this.schedule(liveness, this.next(liveness));
    if (readiness !== null && this.wanted(readiness)) this.schedule(readiness, this.next(readiness));
  }

  /** Whether a probe should have a pending tick and has none. */
  private wanted(probe: ProbeRecord): boolean {
    if (probe.event !== 0 || probe.onHold) return false;
    if (probe.type === 'liveness' && probe.container.pod.terminating) return false;
    return !(isSettled(probe) && this.healthyAt(probe.container, this.fleet.simulation.now));
  }

  /** A status computation found the container not ready: probe at once, the ticker restarts from here. */
  trigger(probe: ProbeRecord): void {
    const now = this.fleet.simulation.now;
    // A probe being executed already is not doubled.
    if (probe.event !== 0 && probe.tickAt <= now) return;
    this.cancel(probe);
    // A worker sleeps first when its kubelet has just started.
    if (probe.ticks === 0 && probe.base > now) {
      this.schedule(probe, probe.base);
      return;
    }
    probe.base = now;
    this.schedule(probe, now);
  }

  /** The application stopped listening while its process runs on: folded probes must tick again. */
  healthLost(container: ContainerRecord): void {
    if (container.probedFrom !== container.startedAt) return;
    this.startedProbing(container);
  }

  /** Outcome of a tick. */
  probed(probe: ProbeRecord): void {
    const { container } = probe;
    const { pod } = container;
    const spec = specOf(probe);
    const tick = probe.tickAt;
    probe.event = 0;
    probe.ticks++;
    if (container.observedState !== RUNNING || container.probedFrom !== container.startedAt) return;
    if (pod.terminating && probe.type !== 'readiness') return;
    if (!inInitialDelay(spec, container.startedAt, tick)) {
      const success = this.healthyAt(container, tick);
      const changed = countResult(probe, probe.type, spec, success);
      if (!success) this.unhealthy(probe);
      if (changed) this.resultChanged(probe, success);
    }
    if (this.wanted(probe)) this.schedule(probe, tick + probePeriod(spec));
  }

  private unhealthy(probe: ProbeRecord): void {
    const kind = probe.type === 'readiness' ? 'Readiness' : probe.type === 'liveness' ? 'Liveness' : 'Startup';
    const { pod, spec } = probe.container;
    const { port } = specOf(probe);
    this.fleet.event(
      pod,
      'Warning',
      'Unhealthy',
      `${kind} probe failed: dial tcp ${pod.address ?? ''}:${port ?? spec.ports?.[0]?.containerPort ?? 0}: connect: connection refused`,
    );
  }

  /** The held result flipped: status first, then a sync of the pod. */
  private resultChanged(probe: ProbeRecord, success: boolean): void {
    const { container } = probe;
    const { workers } = this.fleet;
    if (probe.type === 'readiness') container.ready = success;
    else if (!success) container.condemned = true;
    else if (probe.type === 'startup') container.started = true;
    else return;
    publishStatus(this.fleet, container.pod);
    workers.requestSync(container.pod);
  }

  /** Termination: liveness and startup probes end, readiness goes on. */
  stopLivenessAndStartup(pod: PodRecord): void {
    for (const container of [...pod.init, ...pod.main]) {
      if (container.liveness !== null) this.cancel(container.liveness);
      if (container.startup !== null) this.cancel(container.startup);
    }
  }

  /** Ends all probe workers of a pod. */
  removePod(pod: PodRecord): void {
    for (const container of [...pod.init, ...pod.main]) {
      for (const probe of [container.startup, container.readiness, container.liveness]) {
        if (probe === null) continue;
        this.cancel(probe);
        this.fleet.probes.take(probe.slot);
      }
      container.startup = null;
      container.readiness = null;
      container.liveness = null;
    }
  }

  /** Warm start: workers of a pod that has been running and ready; nothing is pending. */
  adopt(pod: PodRecord): void {
    const { fleet } = this;
    this.addPod(pod);
    for (const container of [...pod.init, ...pod.main]) {
      container.probedFrom = container.startedAt;
      for (const probe of [container.startup, container.readiness, container.liveness]) {
        if (probe === null) continue;
        const period = probePeriod(specOf(probe));
        probe.base =
          fleet.simulation.now - Math.round(fleet.uniform(keyOf(container), OP_PROBE, 8 + turnOf(probe)) * period);
        probe.result = RESULT_SUCCESS;
        probe.lastResult = RESULT_SUCCESS;
      }
    }
  }

  private next(probe: ProbeRecord): Time {
    const now = this.fleet.simulation.now;
    return probe.base > now ? probe.base : nextTick(probe.base, probePeriod(specOf(probe)), now);
  }

  private schedule(probe: ProbeRecord, at: Time): void {
    const { fleet } = this;
    probe.tickAt = at;
    const turn = (turnOf(probe) + probe.ticks * 4) & 0xffff;
    const { execProbe, probe: other } = fleet.costs;
    const cost = execProbe !== undefined && specOf(probe).handler === 'exec' ? execProbe : other;
    const took = fleet.duration(cost, keyOf(probe.container), OP_PROBE, turn);
    probe.event = fleet.at(at + took, OP_PROBE, probe.slot);
  }

  private cancel(probe: ProbeRecord): void {
    this.fleet.simulation.cancel(probe.event);
    probe.event = 0;
  }

  /** Whether the container listened at an instant. */
  private healthyAt(container: ContainerRecord, time: Time): boolean {
    return container.state === RUNNING && container.listenAt <= time && time < container.deafAt;
  }
}

/** Specification of a probe. */
function specOf(probe: ProbeRecord): Probe {
  const { spec } = probe.container;
  return (
    probe.type === 'startup' ? spec.startupProbe : probe.type === 'readiness' ? spec.readinessProbe : spec.livenessProbe
  )!;
}

function turnOf(probe: ProbeRecord): number {
  return probe.type === 'startup' ? 0 : probe.type === 'readiness' ? 1 : 2;
}
