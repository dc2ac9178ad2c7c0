import type { Fleet } from './fleet.js';
import { OP_SANDBOX_STOPPED, OP_TERMINATED } from './fleet.js';
import { podRequests } from '../api/pod-resources.js';
import { hostPortsOf } from './admission.js';
import type { ContainerRecord, PodRecord } from './records.js';
import { RUNNING, WORK_TERMINATED, WORK_TERMINATING } from './records.js';
import { refreshStatus } from './status-view.js';

/** The end of a pod on its node (pod_workers.go SyncTerminatingPod and SyncTerminatedPod, kuberuntime killPod). */
export class Termination {
  private readonly fleet: Fleet;

  constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  /** SyncTerminatingPod: stops all containers at once, sidecars after the others in reverse order. */
  begin(pod: PodRecord): void {
    const { fleet } = this;
    pod.work = WORK_TERMINATING;
    fleet.simulation.cancel(pod.resyncEvent);
    pod.resyncEvent = 0;
    fleet.simulation.cancel(pod.relistEvent);
    pod.relistEvent = 0;
    fleet.simulation.cancel(pod.deadlineEvent);
    pod.deadlineEvent = 0;
    refreshStatus(fleet, pod);
    fleet.prober.stopLivenessAndStartup(pod);
    const running = [...pod.init, ...pod.main].filter((container) => container.state === RUNNING);
    pod.toStop = running.length;
    if (running.length === 0) {
      this.stopSandbox(pod);
      return;
    }
    for (const container of running) {
      if (container.work.stopping) continue;
      fleet.event(pod, 'Normal', 'Killing', fleet.texts.stopping.of(container.spec.name));
      fleet.runtime.stop(container, pod.graceSeconds);
    }
  }

  /** Whether a sidecar may get its SIGTERM: all main containers and all later sidecars are gone. */
  isTurnOf(container: ContainerRecord): boolean {
    const { pod } = container;
    if (pod.main.some((other) => other.state === RUNNING)) return false;
    for (let i = pod.init.length - 1; i >= 0; i--) {
      const other = pod.init[i]!;
      if (other === container) return true;
      if (other.sidecar && other.state === RUNNING) return false;
    }
    return true;
  }

  /** One container of a terminating pod is gone. */
  containerStopped(container: ContainerRecord): void {
    const { pod } = container;
    container.work.stopping = false;
    if (--pod.toStop === 0) {
      this.stopSandbox(pod);
      return;
    }
    for (let i = pod.init.length - 1; i >= 0; i--) {
      const sidecar = pod.init[i]!;
      if (sidecar.state !== RUNNING || !sidecar.sidecar) continue;
      if (sidecar.work.waitsForTurn && this.isTurnOf(sidecar)) this.fleet.runtime.terminate(sidecar);
      return;
    }
  }

  /** A shorter grace period reached a pod that is already stopping: what still runs is killed when it is over. */
  shorten(pod: PodRecord, graceSeconds: number): void {
    if (graceSeconds >= pod.graceSeconds || pod.work !== WORK_TERMINATING) return;
    pod.graceSeconds = graceSeconds;
    const { fleet } = this;
    for (const container of [...pod.init, ...pod.main]) {
      if (container.state !== RUNNING || !container.work.stopping) continue;
      fleet.simulation.cancel(container.work.stopEvent);
      fleet.simulation.cancel(container.work.deafEvent);
      container.work.stopEvent = 0;
      container.work.deafEvent = 0;
      container.work.stopBegan = fleet.simulation.now;
      container.work.graceSeconds = graceSeconds;
      fleet.runtime.terminate(container);
    }
  }

  private stopSandbox(pod: PodRecord): void {
    const { fleet } = this;
    const { runtime } = pod.node;
    const { stopSandbox, stopContainer } = fleet.costs;
    let duration = pod.sandbox ? fleet.duration(stopSandbox, pod.key, OP_SANDBOX_STOPPED) * runtime.stopSandbox : 0;
    // StopContainer answers a while after the process is gone, and is called for all containers at once.
    if (stopContainer !== undefined && pod.sandbox) duration += fleet.duration(stopContainer, pod.key, OP_SANDBOX_STOPPED, 1) * runtime.stopContainer;
    pod.stepEvent = fleet.after(duration, OP_SANDBOX_STOPPED, pod.slot);
  }

  /** StopPodSandbox ended: the network is gone, the final container states and the terminal phase are reported. */
  sandboxStopped(pod: PodRecord): void {
    const { fleet } = this;
    pod.stepEvent = 0;
    pod.sandbox = false;
    this.releaseNode(pod);
    pod.work = WORK_TERMINATED;
    pod.terminated = true;
    fleet.pleg.observe(pod);
    fleet.prober.removePod(pod);
    refreshStatus(fleet, pod);
    pod.lastSyncEnd = fleet.simulation.now;
    // SyncTerminatedPod waits for a pod cache newer than the end of this sync.
    pod.stepEvent = fleet.at(fleet.pleg.endOfNext(pod.node, pod.lastSyncEnd), OP_TERMINATED, pod.slot);
    if (pod.node.shutdown !== null) fleet.shutdowns.podStopped(pod);
  }

  /** After a reboot: repeats the last steps of a termination. */
  resume(pod: PodRecord): void {
    if (pod.rejected === '' && !pod.finished) {
      pod.stepEvent = this.fleet.at(
        this.fleet.pleg.endOfNext(pod.node, this.fleet.simulation.now),
        OP_TERMINATED,
        pod.slot,
      );
    } else this.fleet.statuses.podFinished(pod);
  }

  /** Counts the pod's requests and host ports as used. */
  claimNode(pod: PodRecord): void {
    const { node } = pod;
    pod.admitted = true;
    const requests = podRequests(pod.pod.spec);
    for (const name in requests) node.used[name] = (node.used[name] ?? 0) + requests[name]!;
    node.usedPods++;
    for (const key of hostPortsOf(pod.pod)) node.hostPorts.set(key, (node.hostPorts.get(key) ?? 0) + 1);
  }

  /** Gives back the admitted resources. */
  unclaim(pod: PodRecord): void {
    const { node } = pod;
    if (!pod.admitted) return;
    pod.admitted = false;
    const requests = podRequests(pod.pod.spec);
    for (const name in requests) node.used[name] = node.used[name]! - requests[name]!;
    node.usedPods--;
    for (const key of hostPortsOf(pod.pod)) node.hostPorts.set(key, node.hostPorts.get(key)! - 1);
  }

  /** Gives back the address and the admitted resources. */
  releaseNode(pod: PodRecord): void {
    const { node } = pod;
    if (pod.address !== undefined && pod.pod.spec.hostNetwork !== true) node.addresses.release(pod.address);
    pod.address = undefined;
    this.unclaim(pod);
    if (node.preemptions.length > 0) this.fleet.intake.released(node);
  }

  /** SyncTerminatedPod: volumes and cgroups are gone; the API object may go too. */
  terminatedSynced(pod: PodRecord): void {
    pod.stepEvent = 0;
    pod.finished = true;
    this.fleet.volumes?.release(pod);
    this.fleet.configurations.drop(pod);
    if (pod.gone && pod.fixed) this.fleet.statics!.ended(pod);
    else if (pod.gone) this.fleet.statuses.forgetPod(pod);
    else this.fleet.statuses.podFinished(pod);
  }
}
