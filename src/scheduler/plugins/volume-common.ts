import type { Node, Pod } from '../../api/core.js';
import { matchesSelector } from '../../api/labels.js';
import { controllerOf } from '../../api/meta.js';
import { resourceAmount } from '../../api/quantity.js';
import type { ClusterObjects, PersistentVolume, PersistentVolumeClaim, RawQuantity } from '../cache/cluster-objects.js';
import { nodeMatchesSelector } from '../cache/node-selector.js';
import type { PodInfo } from '../cache/pod-info.js';
import { type ClusterEvent, EventKind } from '../framework/events.js';
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

/** Why a claim cannot be the pod's ephemeral volume: it was made for somebody else; empty: it is the pod's (VolumeIsForPod). */
export function notOwned(claim: PersistentVolumeClaim, pod: Pod): string {
  const { namespace, name } = claim.metadata;
  if (controllerOf(claim)?.uid === pod.metadata.uid) return '';
  return `PVC ${namespace}/${name} was not created for pod ${pod.metadata.namespace}/${pod.metadata.name} (pod is not owner)`;
}

/** Text of the API's NotFound error for a claim. */
export function claimNotFound(name: string): string {
  return `persistentvolumeclaim "${name}" not found`;
}

/** Storage class of a claim; empty: none. */
export function classOf(claim: PersistentVolumeClaim): string {
  return claim.metadata.annotations?.[ANNOTATION_CLASS] ?? claim.spec.storageClassName ?? '';
}

/** Storage class of a volume; empty: none. */
export function classOfVolume(volume: PersistentVolume): string {
  return volume.metadata.annotations?.[ANNOTATION_CLASS] ?? volume.spec.storageClassName ?? '';
}

/** Whether a claim says of which class it is, be it of none (PersistentVolumeClaimHasClass). */
export function namesClass(claim: PersistentVolumeClaim): boolean {
  return claim.metadata.annotations?.[ANNOTATION_CLASS] !== undefined || claim.spec.storageClassName !== undefined;
}

/** Whether claim and volume agree in volumeMode (CheckVolumeModeMismatches). */
export function sameMode(claim: PersistentVolumeClaim, volume: PersistentVolume): boolean {
  return (volume.spec.volumeMode ?? 'Filesystem') === (claim.spec.volumeMode ?? 'Filesystem');
}

/** Whether a volume has all access modes that a claim asks for (CheckAccessModes). */
export function offersModes(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (claim.spec.accessModes ?? []).every((mode) => volume.spec.accessModes?.includes(mode) === true);
}

/** Whether claim and volume name the same VolumeAttributesClass. */
export function sameAttributesClass(claim: PersistentVolumeClaim, volume: PersistentVolume): boolean {
  return (claim.spec.volumeAttributesClassName ?? '') === (volume.spec.volumeAttributesClassName ?? '');
}

/** Whether a claim is bound and the binding is complete. */
export function fullyBound(claim: PersistentVolumeClaim): boolean {
  return (claim.spec.volumeName ?? '') !== '' && claim.metadata.annotations?.[ANNOTATION_BIND_COMPLETED] !== undefined;
}

/** Whether a claim waits for its first consumer; null: its class does not say (the API server fills it in). */
export function delaysBinding(claim: PersistentVolumeClaim, objects: ClusterObjects): boolean | null {
  const storageClass = objects.storageClasses.get('', classOf(claim));
  if (storageClass === undefined) return false;
  return storageClass.volumeBindingMode === undefined ? null : storageClass.volumeBindingMode === 'WaitForFirstConsumer';
}

/** Bytes of a storage quantity; 0 when absent. */
export function bytesOf(quantity: RawQuantity | undefined): number {
  return quantity === undefined ? 0 : resourceAmount('storage', quantity);
}

/** Whether a volume was made for a claim (IsVolumeBoundToClaim). */
export function namesClaim(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { claimRef } = volume.spec;
  const { name, namespace, uid } = claim.metadata;
  if (claimRef === undefined || claimRef.name !== name || claimRef.namespace !== namespace) return false;
  return claimRef.uid === undefined || claimRef.uid === '' || claimRef.uid === uid;
}

/** Whether a node can reach a volume, by the volume's node affinity. */
export function reachable(volume: PersistentVolume, node: Node): boolean {
  const required = volume.spec.nodeAffinity?.required;
  // Only the node's labels are looked at, not its name (CheckNodeAffinity).
  return required === undefined || nodeMatchesSelector({ ...node, metadata: { ...node.metadata, name: '' } }, required);
}

/**
 * The smallest free volume that suits a claim, on a node or (null) anywhere; one that names the claim goes first, and if the
 * node cannot reach that one there is none (component-helpers storage/volume FindMatchingVolume).
 */
export function findMatchingVolume(
  claim: PersistentVolumeClaim,
  volumes: Iterable<PersistentVolume>,
  node: Node | null,
  chosen: ReadonlySet<string>,
): PersistentVolume | undefined {
  const wanted = bytesOf(claim.spec.resources?.requests?.storage);
  let best: PersistentVolume | undefined;
  let bestSize = 0;
  for (const volume of volumes) {
    if (chosen.has(volume.metadata.name)) continue;
    const own = namesClaim(volume, claim);
    // The class of a volume that is reserved for the claim does not matter.
    if (!own && (volume.spec.claimRef !== undefined || classOfVolume(volume) !== classOf(claim))) continue;
    const size = bytesOf(volume.spec.capacity?.storage);
    if (size < wanted || volume.metadata.deletionTimestamp !== undefined) continue;
    if (!sameMode(claim, volume) || !sameAttributesClass(claim, volume)) continue;
    const near = node === null || reachable(volume, node);
    if (own) return near ? volume : undefined;
    if (volume.status?.phase !== 'Available' || !near) continue;
    if (claim.spec.selector !== undefined && !matchesSelector(claim.spec.selector, volume.metadata.labels)) continue;
    if (!offersModes(volume, claim)) continue;
    if (best === undefined || size < bestSize) {
      best = volume;
      bestSize = size;
    }
  }
  return best;
}

/** Whether a claim event concerns a claim of the pod; other events are left to the caller's judgement. */
export function claimEventHelps(pod: PodInfo, event: ClusterEvent): boolean {
  const { object } = event;
  if ((event.kinds & (EventKind.ClaimAdd | EventKind.ClaimUpdate)) === 0 || object === undefined) return true;
  if (object.metadata.namespace !== pod.shape.namespace) return false;
  return claimReferences(pod.pod).some(({ claimName }) => claimName === object.metadata.name);
}
