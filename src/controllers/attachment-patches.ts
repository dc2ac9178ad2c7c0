import { copyMetadata, withMetadata } from '../api/copies.js';
import type { Node } from '../api/core.js';
import { equal } from '../api/equal.js';
import type { KubernetesObject } from '../api/meta.js';
import type { VolumeAttachment } from '../api/volumes.js';
import type { Patch } from '../apiserver/request.js';

/** Names in a node's status what is attached to it (statusupdater/node_status_updater.go). */
export class VolumesAttachedPatch implements Patch {
  readonly bytes: number;
  private readonly names: readonly string[];

  constructor(names: readonly string[]) {
    this.names = names;
    this.bytes = 60 + 110 * names.length;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const node = current as Node;
    const attached = this.names.map((name) => ({ name, devicePath: '' }));
    if (equal(node.status.volumesAttached ?? [], attached)) return node;
    return { ...node, status: { ...node.status, volumesAttached: attached } } as Node;
  }
}

/** status.attached of a VolumeAttachment, as the external attacher writes it. */
export class AttachedPatch implements Patch {
  readonly bytes = 60;
  private readonly attached: boolean;

  constructor(attached: boolean) {
    this.attached = attached;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const attachment = current as VolumeAttachment;
    if (attachment.status?.attached === this.attached) return current;
    return { ...attachment, status: { attached: this.attached } } as VolumeAttachment;
  }
}

/** Puts a finalizer on. */
export class AddFinalizerPatch implements Patch {
  readonly bytes = 120;
  readonly fresh = true;
  private readonly finalizer: string;

  constructor(finalizer: string) {
    this.finalizer = finalizer;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const finalizers = current.metadata.finalizers ?? [];
    if (finalizers.includes(this.finalizer) || current.metadata.deletionTimestamp !== undefined) return current;
    const metadata = copyMetadata(current.metadata);
    metadata.finalizers = [...finalizers, this.finalizer];
    return withMetadata(current, metadata);
  }
}
