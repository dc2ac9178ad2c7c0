import type { Pod, PodStatus } from '../api/core.js';
import type { ApiResponse, ResponseReceiver } from '../apiserver/request.js';
import { succeeded } from '../apiserver/request.js';
import { SECOND } from '../kernel/time.js';
import type { Fleet } from './fleet.js';
import { OP_BATCH, OP_STATUS } from './fleet.js';
import { PodStatusPatch, statusDiffers } from './patches.js';
import type { NodeRecord } from './node-record.js';
import type { PodRecord } from './records.js';
import { nextTick } from './restart-policy.js';

/** status_manager.go syncPeriod: what failed or drifted is looked at again in the next batch. */
const BATCH_PERIOD = 10 * SECOND;

/** Epochs of a node that tags tell apart. */
export const EPOCHS = 65536;

/** Kinds of requests, the low part of tags. */
export const TAG_STATUS_GET = 0;
export const TAG_STATUS_PATCH = 1;
export const TAG_STATUS_DELETE = 2;
export const TAG_LEASE = 3;
export const TAG_LEASE_GET = 4;
export const TAG_NODE_STATUS = 5;

/** Tag of a node's request: node, life of its kubelet, kind. */
export function tagOf(node: NodeRecord, kind: number): number {
  return (node.index * EPOCHS + (node.epoch % EPOCHS)) * 8 + kind;
}

/**
 * The status manager of each node (pkg/kubelet/status/status_manager.go): one pod after another, each with GET, PATCH of
 * pods/status when it differs, and DELETE with grace 0 once nothing of a deleted pod is left on the node.
 */
export class StatusManager {
  private readonly fleet: Fleet;
  /** Receives the answers. */
  private readonly receiver: ResponseReceiver;

  constructor(fleet: Fleet, receiver: ResponseReceiver) {
    this.fleet = fleet;
    this.receiver = receiver;
  }

  /** A new status of a pod; the same reference means that nothing changed. */
  update(pod: PodRecord, status: PodStatus): void {
    if (status === pod.status) return;
    pod.status = status;
    pod.dirty = true;
    this.enqueue(pod);
  }

  /** Nothing of the pod is left: its API object may be deleted. */
  podFinished(pod: PodRecord): void {
    pod.dirty = true;
    this.enqueue(pod);
  }

  /** The watch showed a newer object: what others wrote into the kubelet's part of the status is set right at the next batch. */
  podChanged(pod: PodRecord): void {
    if (pod.finished && !pod.fixed && pod.pod.metadata.deletionTimestamp !== undefined && !pod.deleteSent) this.podFinished(pod);
    else if (!pod.dirty && !pod.queued && this.differs(pod)) this.wantBatch(pod.node);
  }

  /** A static pod has a mirror: it gets the pod's status in the next batch. */
  mirrorSeen(pod: PodRecord): void {
    if (pod.dirty && !pod.queued) this.wantBatch(pod.node);
    else this.podChanged(pod);
  }

  private differs(pod: PodRecord): boolean {
    return statusDiffers(pod.object.status, pod.status);
  }

  private enqueue(pod: PodRecord): void {
    if (pod.queued || pod.node.statusPod === pod) return;
    pod.queued = true;
    pod.node.statusQueue.push(pod);
    this.pump(pod.node);
  }

  private pump(node: NodeRecord): void {
    if (node.statusPod !== null || !node.up) return;
    for (;;) {
      const pod = node.statusQueue.shift();
      if (pod === undefined) return;
      pod.queued = false;
      if (pod.forgotten || !pod.dirty || (pod.fixed && pod.mirror === null)) continue;
      node.statusPod = pod;
      node.syncEvent = this.fleet.after(this.fleet.costs.statusSyncCpu, OP_STATUS, node.index);
      return;
    }
  }

  /** The worker has computed what to send: GET. */
  send(node: NodeRecord): void {
    const pod = node.statusPod!;
    node.syncEvent = 0;
    const { namespace, name } = pod.pod.metadata;
    node.client!.request(
      { verb: 'get', resource: 'pods', namespace, name },
      this.receiver,
      tagOf(node, TAG_STATUS_GET),
    );
  }

  /** An answer to one of this manager's requests. */
  answered(node: NodeRecord, kind: number, response: ApiResponse): void {
    const pod = node.statusPod;
    if (pod === null) return;
    if (pod.forgotten || response.code === 404) {
      pod.dirty = false;
      this.next(node);
      return;
    }
    if (!succeeded(response)) {
      if (kind === TAG_STATUS_DELETE) {
        pod.dirty = true;
        pod.deleteSent = false;
      }
      this.wantBatch(node);
      this.next(node);
      return;
    }
    if (kind === TAG_STATUS_DELETE) {
      this.next(node);
      return;
    }
    if (kind === TAG_STATUS_GET) {
      const current = response.object as Pod;
      if (current.metadata.uid !== pod.object.metadata.uid) {
        pod.dirty = false;
        this.next(node);
        return;
      }
      node.statusSent = pod.status;
      if (statusDiffers(current.status, pod.status)) {
        this.patch(node, pod);
        return;
      }
    }
    this.reported(node, pod);
  }

  private patch(node: NodeRecord, pod: PodRecord): void {
    const { namespace, name } = pod.pod.metadata;
    node.client!.request(
      {
        verb: 'patch',
        resource: 'pods',
        subresource: 'status',
        namespace,
        name,
        patch: new PodStatusPatch(pod.object.metadata.uid, pod.status),
      },
      this.receiver,
      tagOf(node, TAG_STATUS_PATCH),
    );
  }

  /** The API has the status that was sent. */
  private reported(node: NodeRecord, pod: PodRecord): void {
    if (pod.status === node.statusSent) pod.dirty = false;
    if (pod.finished && !pod.fixed && pod.pod.metadata.deletionTimestamp !== undefined && !pod.dirty) {
      const { namespace, name } = pod.pod.metadata;
      pod.deleteSent = true;
      node.client!.request(
        { verb: 'delete', resource: 'pods', namespace, name, gracePeriodSeconds: 0, preconditions: { uid: pod.uid } },
        this.receiver,
        tagOf(node, TAG_STATUS_DELETE),
      );
      return;
    }
    this.next(node);
  }

  private next(node: NodeRecord): void {
    const pod = node.statusPod;
    node.statusPod = null;
    // A status that changed while it was being sent goes again; after a failure it waits for the batch.
    if (pod?.dirty && node.batchEvent === 0) this.enqueue(pod);
    this.pump(node);
  }

  private wantBatch(node: NodeRecord): void {
    if (node.batchEvent !== 0 || !node.up) return;
    const { fleet } = this;
    node.batchEvent = fleet.at(nextTick(node.batchPhase, BATCH_PERIOD, fleet.simulation.now), OP_BATCH, node.index);
  }

  /** The 10 s batch: all pods whose status the API does not have. */
  batch(node: NodeRecord): void {
    node.batchEvent = 0;
    for (const pod of node.pods.values()) {
      if (!pod.dirty && this.differs(pod)) pod.dirty = true;
      if (pod.dirty) this.enqueue(pod);
    }
  }

  /** Drops a pod of which nothing is left, neither on the node nor in the API. */
  forgetPod(pod: PodRecord): void {
    const { fleet } = this;
    const { node } = pod;
    if (pod.forgotten) return;
    pod.forgotten = true;
    pod.changed = false;
    fleet.simulation.cancel(pod.syncEvent);
    fleet.simulation.cancel(pod.resyncEvent);
    fleet.simulation.cancel(pod.relistEvent);
    fleet.simulation.cancel(pod.deadlineEvent);
    fleet.simulation.cancel(pod.stepEvent);
    fleet.prober.removePod(pod);
    for (const container of [...pod.init, ...pod.main]) {
      fleet.runtime.cancelEvents(container);
      fleet.containers.take(container.slot);
    }
    fleet.pods.take(pod.slot);
    node.pods.delete(pod.uid);
  }
}
