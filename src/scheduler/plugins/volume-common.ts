import type { Pod } from '../../api/core.js';
import { resourceAmount } from '../../api/quantity.js';
import type { ClusterObjects, PersistentVolumeClaim, RawQuantity } from '../cache/cluster-objects.js';
import { ANNOTATION_BIND_COMPLETED } from '../volumes/patches.js';

/** Provisioner of classes whose volumes are made by hand. */
export const NO_PROVISIONER = 'kubernetes.io/no-provisioner';
export { ANNOTATION_SELECTED_NODE } from '../volumes/patches.js';

const ANNOTATION_CLASS = 'volume.beta.kubernetes.io/storage-class';

/** A volume of a pod that stands for a claim. */
export interface ClaimReference {
  readonly claimName: string;
  /** A generic ephemeral volume: the claim is named after pod and volume. */
  readonly ephemeral: boolean;
}

/** Claims that a pod's volumes name, in order. */
export function claimReferences(pod: Pod): readonly ClaimReference[] {
  const references: ClaimReference[] = [];
  for (const volume of pod.spec.volumes ?? []) {
    if (volume.persistentVolumeClaim !== undefined) {
      references.push({ claimName: volume.persistentVolumeClaim.claimName, ephemeral: false });
    } else if (volume.ephemeral !== undefined)
      references.push({ claimName: `${pod.metadata.name}-${volume.name}`, ephemeral: true });
  }
  return references;
}

/** Text of the API's NotFound error for a claim. */
export function claimNotFound(name: string): string {
  return `persistentvolumeclaim "${name}" not found`;
}

/** Storage class of a claim; empty: none. */
export function classOf(claim: PersistentVolumeClaim): string {
  return claim.metadata.annotations?.[ANNOTATION_CLASS] ?? claim.spec.storageClassName ?? '';
}

/** Whether a claim is bound and the binding is complete. */
export function fullyBound(claim: PersistentVolumeClaim): boolean {
  return (claim.spec.volumeName ?? '') !== '' && claim.metadata.annotations?.[ANNOTATION_BIND_COMPLETED] !== undefined;
}

/** Whether a claim waits for its first consumer. */
export function delaysBinding(claim: PersistentVolumeClaim, objects: ClusterObjects): boolean {
  return objects.storageClasses.get('', classOf(claim))?.volumeBindingMode === 'WaitForFirstConsumer';
}

/** Bytes of a storage quantity; 0 when absent. */
export function bytesOf(quantity: RawQuantity | undefined): number {
  return quantity === undefined ? 0 : resourceAmount('storage', quantity);
}
