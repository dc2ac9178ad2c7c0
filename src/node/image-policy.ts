import type { CostProfile } from '../scenario/types.js';
import type { Duration, Time } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';

/** Image pulls (pkg/kubelet/images). Pure. */

/** registryPullQPS and registryBurst of the kubelet's configuration. */
export const REGISTRY_PULL_QPS = 5;
export const REGISTRY_BURST = 10;
/** node.status.images lists at most this many (nodeStatusMaxImages). */
export const NODE_STATUS_MAX_IMAGES = 50;
/** Layers of a typical image, equal in size: how far unpacking overlaps the download (modelling assumption). */
const LAYERS = 5;

/** Download and unpacking of an image that is not on the node, without the overhead of the registry's answers. */
export function pullDuration(bytes: number, costs: CostProfile['kubelet']): Duration {
  const download = (bytes / costs.pullBytesPerSecond) * SECOND;
  const unpack = ((bytes * costs.compression) / costs.unpackBytesPerSecond) * SECOND;
  // Layers are unpacked one after another as they arrive: the slower of the two stages, plus one layer of the other.
  return Math.round(Math.max(download + unpack / LAYERS, unpack + download / LAYERS));
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
