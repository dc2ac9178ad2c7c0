import type { CostProfile } from '../scenario/types.js';
import type { Duration, Time } from '../kernel/time.js';
import { MINUTE, SECOND } from '../kernel/time.js';

/** Image pulls and garbage collection of images (pkg/kubelet/images). Pure. */

/** registryPullQPS and registryBurst of the kubelet's configuration. */
export const REGISTRY_PULL_QPS = 5;
export const REGISTRY_BURST = 10;
/** node.status.images lists at most this many (nodeStatusMaxImages). */
export const NODE_STATUS_MAX_IMAGES = 50;
/** kubelet.go ImageGCPeriod, and imageMinimumGCAge. */
export const IMAGE_GC_PERIOD: Duration = 5 * MINUTE;
export const IMAGE_GC_MINIMUM_AGE: Duration = 2 * MINUTE;
/** containerd gives up a connection to a registry after this long (pkg/cri registry host options, DialContext). */
export const REGISTRY_DIAL_TIMEOUT: Duration = 30 * SECOND;

/** Download and unpacking of an image that is not on the node, without the overhead of the registry's answers. */
export function pullDuration(bytes: number, costs: CostProfile['kubelet'], diskFactor = 1): Duration {
  const download = (bytes / costs.pullBytesPerSecond) * SECOND;
  const unpack = unpackDuration(bytes, costs) * diskFactor;
  const { imageLayers = 1 } = costs;
  return Math.round(Math.max(download + unpack / imageLayers, unpack + download / imageLayers));
}

/** What is left to do when the last byte of an image has come, `download` after the first: layers are unpacked one after another as they arrive. */
export function unpackRest(bytes: number, download: Duration, costs: CostProfile['kubelet'], diskFactor = 1): Duration {
  const unpack = unpackDuration(bytes, costs) * diskFactor;
  const { imageLayers = 1 } = costs;
  return Math.round(Math.max(unpack / imageLayers, unpack + download / imageLayers - download));
}

function unpackDuration(bytes: number, costs: CostProfile['kubelet']): Duration {
  return ((bytes * costs.compression) / costs.unpackBytesPerSecond) * SECOND;
}

/** Whether the image must be asked from the registry. `undefined`: policy Never and the image is absent (ErrImageNeverPull). */
export function needsPull(policy: 'Always' | 'IfNotPresent' | 'Never', present: boolean): boolean | undefined {
  if (policy === 'Never') return present ? false : undefined;
  return policy === 'Always' || !present;
}

/** Tokens of the pull limiter at `now`, given the tokens at an earlier instant. */
export function pullTokens(tokens: number, at: Time, now: Time): number {
  return Math.min(REGISTRY_BURST, tokens + ((now - at) / SECOND) * REGISTRY_PULL_QPS);
}

/** An image on a node's disk. */
export interface StoredImage {
  readonly name: string;
  /** What its removal frees. */
  readonly bytes: number;
  readonly detectedAt: Time;
  readonly lastUsed: Time;
  readonly inUse: boolean;
}

/** Bytes that garbage collection is to free: from above the high threshold down to the low one; 0: nothing (image_gc_manager.go GarbageCollect). */
export function bytesToFree(used: number, capacity: number, highPercent: number, lowPercent: number): number {
  if (capacity === Number.POSITIVE_INFINITY || (used / capacity) * 100 < highPercent) return 0;
  return used - (capacity * lowPercent) / 100;
}

/** Images to remove, in order: least recently used first, then oldest; none in use and none younger than the minimum age (freeSpace). */
export function imagesToRemove(images: readonly StoredImage[], free: number, now: Time, minimumAge: Duration): StoredImage[] {
  const candidates = images.filter((image) => !image.inUse);
  candidates.sort((a, b) => a.lastUsed - b.lastUsed || a.detectedAt - b.detectedAt || (a.name < b.name ? -1 : 1));
  const removed: StoredImage[] = [];
  let freed = 0;
  for (const image of candidates) {
    if (freed >= free) break;
    if (image.lastUsed >= now || now - image.detectedAt < minimumAge) continue;
    removed.push(image);
    freed += image.bytes;
  }
  return removed;
}
