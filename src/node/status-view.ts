import type { Fleet } from './fleet.js';
import { computePodStatus, isTerminalPhase, withDisruption } from './pod-status.js';
import { RESULT_SUCCESS } from './probe-policy.js';
import type { ContainerRecord, PodRecord } from './records.js';
import { EXITED, RUNNING } from './records.js';

/**
 * Computes the pod's status from what the kubelet sees and hands it to the status manager. As in the kubelet, this is what
 * triggers the readiness probe of a container that runs and is not yet ready (prober_manager.go UpdatePodStatus).
 */
export function refreshStatus(fleet: Fleet, pod: PodRecord): void {
  for (const container of pod.init) updateReadiness(fleet, container);
  for (const container of pod.main) updateReadiness(fleet, container);
  publishStatus(fleet, pod);
}

/** Computes and hands on the status without touching probes. */
export function publishStatus(fleet: Fleet, pod: PodRecord): void {
  const now = fleet.simulation.now;
  if (pod.rejected !== '') return;
  let status = computePodStatus(pod.pod, pod, pod.status, now);
  if (pod.failed && pod.terminated && status.reason !== pod.failReason) {
    status = { ...status, reason: pod.failReason, message: pod.failMessage };
  }
  if (pod.terminating && pod.disruption !== '') status = withDisruption(status, pod.disruption, now);
  // While containers could still run (until its sandbox is stopped) the API does not learn that a pod is over: its resources are still taken
  // (pkg/kubelet/status/status_manager.go mergePodStatus).
  pod.ended = isTerminalPhase(status.phase);
  if (pod.ended && !pod.terminated && !isTerminalPhase(pod.status.phase)) status = { ...status, phase: pod.status.phase };
  fleet.statuses.update(pod, status);
}

function updateReadiness(fleet: Fleet, container: ContainerRecord): void {
  if (container.observedState !== RUNNING || container.state !== RUNNING) {
    if (container.observedState !== RUNNING) {
      container.ready = container.init && !container.sidecar && isDone(container);
      container.started = false;
    }
    return;
  }
  const { prober } = fleet;
  const { startup, readiness, liveness } = container;
  if (startup === null && readiness === null && liveness === null) {
    container.started = true;
    container.ready = !container.init || container.sidecar;
    return;
  }
  prober.attach(container);
  container.started = startup === null || startup.result === RESULT_SUCCESS;
  if (!container.started) {
    container.ready = false;
    return;
  }
  prober.startedProbing(container);
  if (container.init && !container.sidecar) {
    container.ready = false;
    return;
  }
  container.ready = readiness === null || readiness.result === RESULT_SUCCESS;
  if (!container.ready) prober.trigger(readiness!);
}

function isDone(container: ContainerRecord): boolean {
  return container.observedState === EXITED && container.exitCode === 0;
}
