import { SECOND } from '../kernel/time.js';
import type { Fleet } from './fleet.js';
import { OP_PULLED } from './fleet.js';
import { keyOf } from './container-runtime.js';
import { needsPull, pullDuration, pullTokens } from './image-policy.js';
import { noteBackOff } from './pod-workers.js';
import type { ContainerRecord, NodeRecord, PodRecord } from './records.js';
import { isInBackOffSinceUpdate, nextBackOff } from './restart-policy.js';

/** The image manager of each node (pkg/kubelet/images): presence check, back-off, pull limiter, serial pulls in order of arrival. */
export class ImagePuller {
  private readonly fleet: Fleet;

  constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  /** Makes the image of a container present, then lets the worker create it, or reports the failure to the worker. */
  ensureImage(container: ContainerRecord): void {
    const { fleet } = this;
    const { pod, spec } = container;
    const { node } = pod;
    const now = fleet.simulation.now;
    const pull = needsPull(spec.imagePullPolicy, fleet.hasImage(node, spec.image));
    if (pull === false) {
      fleet.event(pod.pod, 'Normal', 'Pulled', `Container image "${spec.image}" already present on machine`);
      fleet.workers.imageReady(container, fleet.costs.imagePresent);
      return;
    }
    if (pull === undefined) {
      container.waitingReason = 'ErrImageNeverPull';
      fleet.event(
        pod.pod,
        'Warning',
        'ErrImageNeverPull',
        `Container image "${spec.image}" is not present with pull policy of Never`,
      );
      fleet.workers.startFailed(pod);
      return;
    }
    if (isInBackOffSinceUpdate(container.work.imageBackOff, now)) {
      container.waitingReason = 'ImagePullBackOff';
      noteBackOff(pod, container.work.imageBackOff.lastUpdate + container.work.imageBackOff.backOff - now);
      fleet.event(pod.pod, 'Normal', 'BackOff', `Back-off pulling image "${spec.image}"`);
      fleet.workers.startFailed(pod);
      return;
    }
    fleet.event(pod.pod, 'Normal', 'Pulling', `Pulling image "${spec.image}"`);
    node.pullTokens = pullTokens(node.pullTokens, node.pullTokensAt, now);
    node.pullTokensAt = now;
    if (node.pullTokens < 1) {
      this.failed(container, 'pull QPS exceeded');
      return;
    }
    node.pullTokens -= 1;
    container.work.pullQueuedAt = now;
    container.work.pullWaiting = true;
    node.pulls.push(container);
    this.pump(node);
  }

  private pump(node: NodeRecord): void {
    if (node.pulling !== null) return;
    for (;;) {
      const container = node.pulls.shift();
      if (container === undefined) return;
      if (!container.work.pullWaiting) continue;
      this.start(node, container);
      return;
    }
  }

  private start(node: NodeRecord, container: ContainerRecord): void {
    const { fleet } = this;
    const { image } = container.spec;
    node.pulling = container;
    container.work.pullBegan = fleet.simulation.now;
    const overhead = fleet.duration(fleet.costs.pullOverhead, keyOf(container), OP_PULLED, container.work.imageTries++);
    const { bytes, exists } = fleet.behaviour.image(image);
    const transfer = exists && !fleet.hasImage(node, image) ? pullDuration(bytes, fleet.costs) : 0;
    node.pullEvent = fleet.after(overhead + transfer, OP_PULLED, node.index);
  }

  /** The pull in progress on a node ends. */
  pulled(node: NodeRecord): void {
    const { fleet } = this;
    const container = node.pulling!;
    const { pod, spec } = container;
    const now = fleet.simulation.now;
    node.pulling = null;
    node.pullEvent = 0;
    const { bytes, exists } = fleet.behaviour.image(spec.image);
    const wanted = container.work.pullWaiting;
    container.work.pullWaiting = false;
    if (exists) {
      if (!fleet.hasImage(node, spec.image)) {
        node.images.add(spec.image);
        node.imagesChanged = true;
        fleet.heartbeats.statusChanged(node);
      }
      if (wanted) {
        const took = seconds(now - container.work.pullBegan);
        const waited = seconds(now - container.work.pullQueuedAt);
        fleet.event(
          pod.pod,
          'Normal',
          'Pulled',
          `Successfully pulled image "${spec.image}" in ${took} (${waited} including waiting). Image size: ${bytes} bytes.`,
        );
      }
    }
    this.pump(node);
    if (!wanted) return;
    if (exists) fleet.workers.imageReady(container, 0);
    else this.failed(container, `failed to resolve reference "${spec.image}": not found`);
  }

  private failed(container: ContainerRecord, why: string): void {
    const { fleet } = this;
    const { pod, spec } = container;
    const now = fleet.simulation.now;
    container.waitingReason = 'ErrImagePull';
    container.work.imageBackOff = nextBackOff(container.work.imageBackOff, now, now);
    fleet.event(pod.pod, 'Warning', 'Failed', `Failed to pull image "${spec.image}": ${why}`);
    fleet.event(pod.pod, 'Warning', 'Failed', 'Error: ErrImagePull');
    fleet.workers.startFailed(pod);
  }

  /** Ends the wait of a pod for an image; true when it waited. A transfer in progress is dropped. */
  abandon(pod: PodRecord): boolean {
    const container = pod.toStart[0];
    if (container === undefined || !container.work.pullWaiting) return false;
    container.work.pullWaiting = false;
    const { node } = pod;
    if (node.pulling === container) {
      this.fleet.simulation.cancel(node.pullEvent);
      node.pullEvent = 0;
      node.pulling = null;
      this.pump(node);
    }
    return true;
  }
}

/** `2.7s`, as Go prints a duration rounded to milliseconds. */
function seconds(duration: number): string {
  return `${Math.round(duration / (SECOND / 1000)) / 1000}s`;
}
