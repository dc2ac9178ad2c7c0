import type { Node } from '../../api/core.js';
import type { KubernetesObject } from '../../api/meta.js';
import type { Patch } from '../../apiserver/request.js';

const PATCH_BYTES = 100;

/** A label of a node. */
export class LabelPatch implements Patch {
  readonly bytes = PATCH_BYTES;
  private readonly key: string;
  private readonly value: string;

  constructor(key: string, value: string) {
    this.key = key;
    this.value = value;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const { metadata } = current;
    if (metadata.labels?.[this.key] === this.value) return current;
    return { ...current, metadata: { ...metadata, labels: { ...metadata.labels, [this.key]: this.value } } };
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
