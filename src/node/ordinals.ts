import type { Container, Pod } from '../api/core.js';
import { hashText } from '../random/stream.js';

/**
 * Numbers the pods of one owner 0, 1, 2, … in the order in which they are first heard of. Keyed draws use (owner, ordinal)
 * instead of the random pod name, so that the runs of a comparison meet the same luck.
 */
export class PodOrdinals {
  private readonly next = new Map<string, number>();

  /** Takes the next ordinal of the pod's owner. Call once for each pod. */
  take(pod: Pod): number {
    const owner = ownerOf(pod).key;
    const ordinal = this.next.get(owner) ?? 0;
    this.next.set(owner, ordinal + 1);
    return ordinal;
  }
}

/**
 * What stands for a pod's owner in keyed draws: its namespace and images. The strategies of a comparison give the same new
 * version to ReplicaSets of different names; so the n-th pod of a version meets the same luck under each of them.
 */
export function ownerKey(pod: Pod): string {
  return `${pod.metadata.namespace}/${pod.spec.containers.map((container) => container.image).join(',')}`;
}

/** Key of keyed draws for the pod number `ordinal` of its owner: a whole number below 2^52. */
export function podDrawKey(pod: Pod, ordinal: number): number {
  return ownerOf(pod).hash * 1048576 + (ordinal % 1048576);
}

/** `ownerKey` of the pod that was asked for last, and its hash: the pods of one template share their list of containers. */
let last: { readonly namespace: string; readonly containers: readonly Container[]; readonly key: string; readonly hash: number } | null = null;

function ownerOf(pod: Pod): NonNullable<typeof last> {
  const { namespace } = pod.metadata;
  const { containers } = pod.spec;
  if (last === null || last.containers !== containers || last.namespace !== namespace) {
    const key = ownerKey(pod);
    last = { namespace, containers, key, hash: hashText(key) };
  }
  return last;
}
