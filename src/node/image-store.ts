import type { Time } from '../kernel/time.js';
import type { Fleet } from './fleet.js';
import { OP_IMAGE_GC } from './fleet.js';
import { bytesToFree, IMAGE_GC_MINIMUM_AGE, IMAGE_GC_PERIOD, imagesToRemove, type StoredImage } from './image-policy.js';
import type { NodeRecord } from './node-record.js';
import { nextTick } from './restart-policy.js';
import { RUNNING } from './records.js';

/** An image on a node. */
export interface ImageEntry {
  readonly detectedAt: Time;
  lastUsed: Time;
}

/** The images on the nodes' disks: layers that images share, disk usage, garbage collection (images/image_gc_manager.go). */
export class ImageStore {
  private readonly fleet: Fleet;

  constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  /** Compressed bytes of an image that are not on the node yet. */
  missingBytes(node: NodeRecord, image: string): number {
    const { bytes, layers } = this.fleet.behaviour.image(image);
    if (layers === undefined) return bytes;
    let missing = 0;
    for (const layer of layers) if (!node.layers.has(layer.name)) missing += layer.bytes;
    return missing;
  }

  /** An image has been pulled. */
  add(node: NodeRecord, image: string): void {
    this.keep(node, image);
    node.imagesChanged = true;
    this.fleet.heartbeats.statusChanged(node);
    this.look(node);
    this.fleet.evictions.look(node);
  }

  /** An image is on the node. */
  keep(node: NodeRecord, image: string): void {
    const { fleet } = this;
    const { now } = fleet.simulation;
    node.images.set(image, { detectedAt: now, lastUsed: now });
    const { bytes, layers } = fleet.behaviour.image(image);
    if (layers === undefined) node.imageBytes += bytes * fleet.costs.compression;
    for (const layer of layers ?? []) {
      const users = node.layers.get(layer.name) ?? 0;
      node.layers.set(layer.name, users + 1);
      if (users === 0) node.imageBytes += layer.bytes * fleet.costs.compression;
    }
  }

  /** The next round of garbage collection is held when there is something to collect; others are folded. */
  private look(node: NodeRecord): void {
    if (node.imageGcEvent !== 0 || !node.up || this.wanted(node) <= 0) return;
    node.imageGcEvent = this.fleet.at(nextTick(node.statusPhase, IMAGE_GC_PERIOD, this.fleet.simulation.now), OP_IMAGE_GC, node.index);
  }

  private wanted(node: NodeRecord): number {
    const { imageGcHighPercent, imageGcLowPercent } = this.fleet.kubelet;
    return bytesToFree(node.imageBytes + node.otherDiskBytes, node.diskBytes, imageGcHighPercent, imageGcLowPercent);
  }

  /** One round of garbage collection. */
  collect(node: NodeRecord): void {
    node.imageGcEvent = 0;
    this.free(node, this.wanted(node), true);
    this.look(node);
  }

  /** Removes unused images until so many bytes are free; the bytes freed. */
  free(node: NodeRecord, wanted: number, tell: boolean): number {
    if (wanted <= 0) return 0;
    const { fleet } = this;
    const { now } = fleet.simulation;
    let freed = 0;
    for (const image of imagesToRemove(this.stored(node), wanted, now, IMAGE_GC_MINIMUM_AGE)) freed += this.remove(node, image.name);
    if (tell && freed < wanted) {
      const message = `Failed to garbage collect required amount of images. Attempted to free ${Math.round(wanted)} bytes, but only found ${Math.round(freed)} bytes eligible to free.`;
      fleet.nodeEvent(node, 'Warning', 'FreeDiskSpaceFailed', message);
    }
    return freed;
  }

  private stored(node: NodeRecord): StoredImage[] {
    const used = new Set<string>();
    for (const pod of node.pods.values()) {
      for (const container of [...pod.init, ...pod.main]) if (container.state === RUNNING || container.pod.toStart.includes(container)) used.add(container.spec.image);
    }
    const list: StoredImage[] = [];
    for (const [name, { detectedAt, lastUsed }] of node.images) {
      list.push({ name, bytes: this.bytesOf(node, name), detectedAt, lastUsed, inUse: used.has(name) });
    }
    return list;
  }

  /** Disk that only this image takes. */
  private bytesOf(node: NodeRecord, name: string): number {
    const { bytes, layers } = this.fleet.behaviour.image(name);
    let own = layers === undefined ? bytes : 0;
    for (const layer of layers ?? []) if (node.layers.get(layer.name) === 1) own += layer.bytes;
    return own * this.fleet.costs.compression;
  }

  private remove(node: NodeRecord, name: string): number {
    const before = node.imageBytes;
    node.imageBytes -= this.bytesOf(node, name);
    for (const layer of this.fleet.behaviour.image(name).layers ?? []) {
      const users = node.layers.get(layer.name)! - 1;
      if (users === 0) node.layers.delete(layer.name);
      else node.layers.set(layer.name, users);
    }
    node.images.delete(name);
    node.imagesChanged = true;
    this.fleet.heartbeats.statusChanged(node);
    return before - node.imageBytes;
  }

  /** A container of an image has ended: that is when it was last used. */
  released(node: NodeRecord, image: string): void {
    const entry = node.images.get(image);
    if (entry !== undefined) entry.lastUsed = this.fleet.simulation.now;
  }
}
