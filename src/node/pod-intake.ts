import type { Container, ContainerState, Pod, ResourceList } from '../api/core.js';
import { podRequests } from '../api/pod-resources.js';
import { admissionFailure } from './admission.js';
import { qosClass } from '../api/qos.js';
import { EVICTED, SYSTEM_CRITICAL_PRIORITY } from './eviction-policy.js';
import { podsToPreempt, PREEMPTED_CONDITION, PREEMPTED_MESSAGE, PREEMPTING, shortages } from './preemption-policy.js';
import type { Fleet } from './fleet.js';
import { resumePod } from './node-life.js';
import { PodOrdinals, podDrawKey } from './ordinals.js';
import type { NodeRecord } from './node-record.js';
import { ContainerRecord, PodRecord, WORK_TERMINATED } from './records.js';
import { REFUSED } from './shutdown.js';
import { CONFIG_MIRROR } from './static-pod-policy.js';
import type { PodAdmission } from './static-pods.js';
import { effectiveGraceSeconds } from './termination-policy.js';

/** State of a container that waits for init containers. */
const INITIALIZING: ContainerState = { waiting: { reason: 'PodInitializing' } };

/** Where pods come to their nodes: from the watch of the API, or from files, and through the kubelet's admission. */
export class PodIntake implements PodAdmission {
  private readonly fleet: Fleet;
  private readonly ordinals = new PodOrdinals();

  constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  /** A pod of the node was added or changed, as the node's watch tells it. */
  changed(node: NodeRecord, pod: Pod): void {
    const { fleet } = this;
    if (fleet.statics !== null && pod.metadata.annotations?.[CONFIG_MIRROR] !== undefined) {
      fleet.statics.mirrorChanged(node, pod);
      return;
    }
    let record = node.pods.get(pod.metadata.uid);
    if (record === undefined) {
      record = this.addPod(node, pod);
      record.lost = !node.up;
      if (!node.up) return;
      if (pod.metadata.deletionTimestamp === undefined) {
        this.admit(record);
        return;
      }
    }
    record.pod = pod;
    if (!node.up) return;
    if (record.detached || record.lost) {
      this.resume(record);
      return;
    }
    const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
    if (deletionTimestamp !== undefined) {
      fleet.workers.terminate(
        record,
        effectiveGraceSeconds(deletionGracePeriodSeconds, pod.spec.terminationGracePeriodSeconds),
      );
    }
    fleet.statuses.podChanged(record);
  }

  /** The API object of a pod is gone. What still runs of it is stopped. */
  removed(node: NodeRecord, pod: Pod): void {
    const { fleet } = this;
    const record = node.pods.get(pod.metadata.uid);
    if (record === undefined) {
      if (pod.metadata.annotations?.[CONFIG_MIRROR] !== undefined) fleet.statics?.mirrorRemoved(node, pod);
      return;
    }
    record.gone = true;
    record.dirty = false;
    if (record.lost) fleet.workers.termination.releaseNode(record);
    if (record.lost || record.work === WORK_TERMINATED) fleet.statuses.forgetPod(record);
    else fleet.workers.terminate(record, 1);
  }

  /** Makes a record of a pod that is new on a node. */
  addPod(node: NodeRecord, pod: Pod): PodRecord {
    const { fleet } = this;
    const ordinal = this.ordinals.take(pod);
    const record = new PodRecord(node, pod, ordinal, podDrawKey(pod, ordinal));
    record.slot = fleet.pods.put(record);
    const { initContainers, containers } = pod.spec;
    if (initContainers !== undefined) record.init = initContainers.map((spec) => this.addContainer(record, spec, true));
    record.main = containers.map((spec) => this.addContainer(record, spec, false));
    node.pods.set(record.uid, record);
    return record;
  }

  private addContainer(pod: PodRecord, spec: Container, init: boolean): ContainerRecord {
    const container = new ContainerRecord(pod, spec, init);
    container.slot = this.fleet.containers.put(container);
    if (init || pod.init.length > 0) container.observed = INITIALIZING;
    return container;
  }

  /** Admission on the node: claims the resources, or fails the pod. */
  admit(record: PodRecord): void {
    const { fleet } = this;
    const { node, pod } = record;
    if (pod.status.phase === 'Failed' || pod.status.phase === 'Succeeded') {
      record.work = WORK_TERMINATED;
      record.terminated = true;
      record.finished = true;
      return;
    }
    const requests = podRequests(pod.spec);
    const refusal = fleet.evictions.refusal(record);
    const failure =
      node.shutdown !== null ? REFUSED : refusal === '' ? admissionFailure(node.node, pod, requests, node) : { reason: EVICTED, message: refusal };
    if (failure !== undefined && this.preempts(record, requests, failure.reason)) return;
    if (failure !== undefined) {
      record.rejected = failure.reason;
      record.work = WORK_TERMINATED;
      record.terminated = true;
      record.finished = true;
      fleet.event(record, 'Warning', failure.reason, failure.message);
      fleet.statuses.update(record, {
        ...pod.status,
        phase: 'Failed',
        reason: failure.reason,
        message: failure.message,
        startTime: fleet.simulation.now,
      });
      return;
    }
    fleet.workers.termination.claimNode(record);
    fleet.workers.requestSync(record);
  }

  /** A critical pod that lacks room on its node has others ended for it, one after the other, and waits; false: that is no way out. */
  private preempts(record: PodRecord, requests: ResourceList, reason: string): boolean {
    const { node, pod } = record;
    if (!reason.startsWith('OutOf') || (pod.spec.priority ?? 0) < SYSTEM_CRITICAL_PRIORITY) return false;
    const candidates = [...node.pods.values()]
      .filter((each) => each.admitted && !each.terminating && (each.pod.spec.priority ?? 0) < SYSTEM_CRITICAL_PRIORITY)
      .map((each) => ({ record: each, requests: podRequests(each.pod.spec), qos: each.pod.status.qosClass ?? qosClass(each.pod.spec) }));
    const victims = podsToPreempt(candidates, shortages(node.node, requests, node));
    if (victims === undefined || victims.length === 0) return false;
    node.preemptions.push({ pod: record, victims: victims.map((each) => each.record) });
    if (node.preemptions.length === 1) this.preemptNext(node);
    return true;
  }

  /** A pod's room on its node is free: the next victim goes, or the critical pod comes. */
  released(node: NodeRecord): void {
    const current = node.preemptions[0];
    if (current === undefined || current.victims[0]?.admitted === true) return;
    current.victims.shift();
    this.preemptNext(node);
  }

  private preemptNext(node: NodeRecord): void {
    const { pod, victims } = node.preemptions[0]!;
    while (victims[0]?.admitted === false) victims.shift();
    const victim = victims[0];
    if (victim !== undefined) {
      this.fleet.event(victim, 'Warning', PREEMPTING, PREEMPTED_MESSAGE);
      this.fleet.workers.failPod(victim, PREEMPTING, PREEMPTED_MESSAGE, victim.pod.spec.terminationGracePeriodSeconds, PREEMPTED_CONDITION);
      return;
    }
    node.preemptions.shift();
    if (!pod.gone && !pod.terminating && !pod.forgotten) this.admit(pod);
    if (node.preemptions.length > 0) this.preemptNext(node);
  }

  /** A pod that its node held when its machine crashed, or its kubelet ended, is taken up again. */
  resume(record: PodRecord): void {
    if (record.detached) this.fleet.restarts.reattach(record);
    else if (record.lost) resumePod(this.fleet, record, this);
  }
}
