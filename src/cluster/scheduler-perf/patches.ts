import { copyMetadata, withMetadata } from '../../api/copies.js';
import type { Node } from '../../api/core.js';
import type { KubernetesObject } from '../../api/meta.js';
import type { Patch } from '../../apiserver/request.js';

const PATCH_BYTES = 100;

/** A label of a node. */
export class LabelPatch implements Patch {
  readonly bytes = PATCH_BYTES;
  readonly fresh = true;
  private readonly key: string;
  private readonly value: string;

  constructor(key: string, value: string) {
    this.key = key;
    this.value = value;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const { labels } = current.metadata;
    if (labels?.[this.key] === this.value) return current;
    const metadata = copyMetadata(current.metadata);
    metadata.labels = { ...labels, [this.key]: this.value };
    return withMetadata(current, metadata);
  }
}

/** Allocatable resources of a node, and its capacity of them (test/utils NodeAllocatableStrategy). */
export class AllocatablePatch implements Patch {
  readonly bytes = PATCH_BYTES;
  private readonly amounts: Readonly<Record<string, number>>;

  constructor(amounts: Readonly<Record<string, number>>) {
    this.amounts = amounts;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const node = current as Node;
    const { capacity, allocatable } = node.status;
    const status = { ...node.status, capacity: { ...capacity, ...this.amounts }, allocatable: { ...allocatable, ...this.amounts } };
    return { ...node, status } as Node;
  }
}
