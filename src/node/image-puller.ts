import { SECOND } from '../kernel/time.js';
import type { Fleet } from './fleet.js';
import { OP_PULL_BEGIN, OP_PULLED } from './fleet.js';
import { keyOf } from './container-runtime.js';
import { needsPull, pullDuration, pullTokens, REGISTRY_DIAL_TIMEOUT, unpackRest } from './image-policy.js';
import { noteBackOff } from './pod-workers.js';
import { registryOf } from '../api/image.js';
import { Pull, type PullReceiver, Registry } from './registry.js';
import type { NodeRecord } from './node-record.js';
import type { ContainerRecord, PodRecord } from './records.js';
import { isInBackOffSinceUpdate, nextBackOff } from './restart-policy.js';

/** The image manager of each node (pkg/kubelet/images): presence check, back-off, pull limiter, pulls in order of arrival. */
export class ImagePuller implements PullReceiver {
  private readonly fleet: Fleet;
  /** By number. */
  readonly registries: Registry[] = [];

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
      fleet.event(pod, 'Normal', 'Pulled', fleet.texts.present.of(spec.image));
      fleet.workers.imageReady(container, fleet.costs.imagePresent);
      return;
    }
    if (pull === undefined) {
      container.waitingReason = 'ErrImageNeverPull';
      fleet.event(
        pod,
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
      fleet.event(pod, 'Normal', 'BackOff', `Back-off pulling image "${spec.image}"`);
      fleet.workers.startFailed(pod);
      return;
    }
    fleet.event(pod, 'Normal', 'Pulling', fleet.texts.pulling.of(spec.image));
    container.work.pullQueuedAt = now;
    container.work.pullWaiting = true;
    node.pulls.push(container);
    this.pump(node);
  }

  /** A registry with a limit of its bandwidth. */
  addRegistry(host: string, bytesPerSecond: number): Registry {
    const registry = new Registry(this.fleet, this, host, this.registries.length, bytesPerSecond);
    this.registries.push(registry);
    return registry;
  }

  /** The registry of a host. */
  registry(host: string): Registry {
    return this.registries.find((each) => each.host === host) ?? this.addRegistry(host, Number.POSITIVE_INFINITY);
  }

  private pump(node: NodeRecord): void {
    const { parallelImagePulls } = this.fleet.kubelet;
    while (node.pulling.length < parallelImagePulls) {
      const container = node.pulls.shift();
      if (container === undefined) return;
      // A wait that was given up and begun anew stands in the queue twice.
      if (container.work.pullWaiting && !node.pulling.some((pull) => pull.container === container)) this.start(node, container);
    }
  }

  /** Asks the registry. Where nothing limits the transfer but the node, its end is known at once. */
  private start(node: NodeRecord, container: ContainerRecord): void {
    const { fleet } = this;
    const { image } = container.spec;
    const pull = new Pull(node, container);
    pull.slot = fleet.pulls.put(pull);
    node.pulling.push(pull);
    container.work.pullBegan = fleet.simulation.now;
    if (!takesToken(node, fleet.simulation.now)) {
      pull.failure = 'pull QPS exceeded';
      pull.event = fleet.after(0, OP_PULLED, pull.slot);
      return;
    }
    const overhead = fleet.duration(fleet.costs.pullOverhead, keyOf(container), OP_PULLED, container.work.imageTries++);
    const registry = this.registry(registryOf(image));
    pull.registry = registry;
    const { exists } = fleet.behaviour.image(image);
    if (!registry.up) {
      pull.failure = `failed to resolve reference "${image}": failed to do request: Head "https://${registry.host}": dial tcp: i/o timeout`;
      pull.event = fleet.after(REGISTRY_DIAL_TIMEOUT, OP_PULLED, pull.slot);
      return;
    }
    if (!exists) pull.failure = `failed to resolve reference "${image}": not found`;
    pull.bytes = exists && !fleet.hasImage(node, image) ? fleet.images.missingBytes(node, image) : 0;
    if (pull.bytes === 0 || (registry.unlimited && fleet.kubelet.parallelImagePulls === 1)) {
      const transfer = pull.bytes === 0 ? 0 : pullDuration(pull.bytes, fleet.costs, node.diskFactor);
      pull.event = fleet.after(overhead + transfer, OP_PULLED, pull.slot);
    } else pull.event = fleet.after(overhead, OP_PULL_BEGIN, pull.slot);
  }

  /** The registry has answered: the layers that the node lacks are transferred. */
  answered(pull: Pull): void {
    pull.event = 0;
    if (pull.registry!.up) pull.registry!.begin(pull);
    else this.broken(pull);
  }

  /** The last byte has come. */
  downloaded(pull: Pull): void {
    const { fleet } = this;
    const rest = unpackRest(pull.bytes, fleet.simulation.now - pull.began, fleet.costs, pull.node.diskFactor);
    pull.event = fleet.after(rest, OP_PULLED, pull.slot);
  }

  /** The connection to the registry broke. */
  broken(pull: Pull): void {
    pull.failure = `failed to copy: read tcp: connection reset by peer (${pull.registry!.host})`;
    pull.event = this.fleet.after(0, OP_PULLED, pull.slot);
  }

  /** A pull ends. */
  pulled(pull: Pull): void {
    const { fleet } = this;
    const { node, container, failure } = pull;
    const { pod, spec } = container;
    const now = fleet.simulation.now;
    this.remove(pull);
    const { bytes } = fleet.behaviour.image(spec.image);
    const wanted = container.work.pullWaiting;
    container.work.pullWaiting = false;
    if (failure === '') {
      if (!fleet.hasImage(node, spec.image)) fleet.images.add(node, spec.image);
      if (wanted) {
        const took = seconds(now - container.work.pullBegan);
        const waited = seconds(now - container.work.pullQueuedAt);
        fleet.event(
          pod,
          'Normal',
          'Pulled',
          `Successfully pulled image "${spec.image}" in ${took} (${waited} including waiting). Image size: ${bytes} bytes.`,
        );
      }
    }
    this.pump(node);
    if (!wanted) return;
    if (failure === '') fleet.workers.imageReady(container, 0);
    else this.failed(container, failure);
  }

  private remove(pull: Pull): void {
    const { fleet } = this;
    fleet.simulation.cancel(pull.event);
    pull.event = 0;
    pull.registry?.cancel(pull);
    fleet.pulls.take(pull.slot);
    const { pulling } = pull.node;
    pulling.splice(pulling.indexOf(pull), 1);
  }

  /** The runtime ends: what it pulls fails, and what waits is told so too. */
  breakAll(node: NodeRecord, failure: string): void {
    const waiting: ContainerRecord[] = [];
    for (let next = node.pulls.shift(); next !== undefined; next = node.pulls.shift()) waiting.push(next);
    const broken = [...node.pulling.map(({ container }) => container), ...waiting].filter(({ work }) => work.pullWaiting);
    this.dropAll(node);
    for (const container of broken) {
      container.work.pullWaiting = false;
      this.failed(container, failure);
    }
  }

  /** The machine stops, and all pulls with it. */
  dropAll(node: NodeRecord): void {
    for (const pull of [...node.pulling]) this.remove(pull);
  }

  private failed(container: ContainerRecord, why: string): void {
    const { fleet } = this;
    const { pod, spec } = container;
    const now = fleet.simulation.now;
    container.waitingReason = 'ErrImagePull';
    container.work.imageBackOff = nextBackOff(container.work.imageBackOff, now, now);
    fleet.event(pod, 'Warning', 'Failed', `Failed to pull image "${spec.image}": ${why}`);
    fleet.event(pod, 'Warning', 'Failed', 'Error: ErrImagePull');
    fleet.workers.startFailed(pod);
  }

  /** Ends the wait of a pod for an image; true when it waited. A transfer in progress is dropped. */
  abandon(pod: PodRecord): boolean {
    const container = pod.toStart[0];
    if (container === undefined || !container.work.pullWaiting) return false;
    container.work.pullWaiting = false;
    const { node } = pod;
    const pull = node.pulling.find((each) => each.container === container);
    if (pull !== undefined) {
      this.remove(pull);
      this.pump(node);
    }
    return true;
  }
}

/** The pull limiter of a node (images/helpers.go throttledImageService): asked when a pull begins, not while it waits for its turn. */
function takesToken(node: NodeRecord, now: number): boolean {
  node.pullTokens = pullTokens(node.pullTokens, node.pullTokensAt, now);
  node.pullTokensAt = now;
  if (node.pullTokens < 1) return false;
  node.pullTokens -= 1;
  return true;
}

/** `2.7s`, as Go prints a duration rounded to milliseconds. */
function seconds(duration: number): string {
  return `${Math.round(duration / (SECOND / 1000)) / 1000}s`;
}
