import type { KubernetesObject } from '../api/meta.js';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../scheduler/cache/cluster-objects.js';
import { ANNOTATION_SELECTED_NODE, bytesOf, classOf, classOfVolume, namesClaim, namesClass, offersModes, sameAttributesClass, sameMode } from '../scheduler/plugins/volume-common.js';
import { ANNOTATION_BIND_COMPLETED, ANNOTATION_BOUND_BY_CONTROLLER, claimReference, withAnnotation } from '../scheduler/volumes/patches.js';
import { ANNOTATION_MIGRATED_TO, ANNOTATION_PROVISIONED_BY, deletionFinalizers, isRecyclable, migrationMarked, provisionerOf } from './volume-plugins.js';

/** What the binder decides about claims and volumes, pure (pkg/controller/volume/persistentvolume/pv_controller.go). */

export const ANNOTATION_STORAGE_PROVISIONER = 'volume.kubernetes.io/storage-provisioner';
const ANNOTATION_STORAGE_PROVISIONER_BETA = 'volume.beta.kubernetes.io/storage-provisioner';
/** The size that the file system of a volume being enlarged still has (pkg/volume/util/resize_util.go). */
const ANNOTATION_PRE_RESIZE = 'volume.alpha.kubernetes.io/pre-resize-capacity';

export interface BindingEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** What the binder knows beside the claim. */
export interface VolumeView {
  volume(name: string): PersistentVolume | undefined;
  bestMatch(claim: PersistentVolumeClaim, delayed: boolean): PersistentVolume | undefined;
  storageClass(name: string): StorageClass | undefined;
  /** The newest class that is marked as the default one. */
  defaultClass(): StorageClass | undefined;
  /** Names of pods that name the claim, run on no node yet and have not finished. */
  unscheduledPods(claim: PersistentVolumeClaim): readonly string[];
}

export type ClaimDecision =
  | { readonly action: 'bind'; readonly volume: PersistentVolume }
  /** `before`: recorded in any case; `after`: recorded if the phase was another one. */
  | { readonly action: 'phase'; readonly phase: 'Pending' | 'Lost'; readonly before?: BindingEvent; readonly after?: BindingEvent }
  | { readonly action: 'assign class'; readonly name: string }
  /** The claim is marked with the provisioner, if there is one; then comes the event (`inTree`: unless the volume is there). */
  | { readonly action: 'provision'; readonly provisioner?: string; readonly inTree?: true; readonly event: BindingEvent }
  | { readonly action: 'error'; readonly message: string; readonly event?: BindingEvent };

function warning(reason: string, message: string): BindingEvent {
  return { type: 'Warning', reason, message };
}

function normal(reason: string, message: string): BindingEvent {
  return { type: 'Normal', reason, message };
}

/** What a claim needs now (syncClaim). */
export function decideClaim(claim: PersistentVolumeClaim, view: VolumeView): ClaimDecision {
  const completed = claim.metadata.annotations?.[ANNOTATION_BIND_COMPLETED] !== undefined;
  if (completed) return decideBound(claim, view);
  return (claim.spec.volumeName ?? '') === '' ? decideFree(claim, view) : decideRequested(claim, view);
}

/** A claim that takes any volume. */
function decideFree(claim: PersistentVolumeClaim, view: VolumeView): ClaimDecision {
  const name = classOf(claim);
  const storageClass = name === '' ? undefined : view.storageClass(name);
  const delayed = storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
  const volume = view.bestMatch(claim, delayed);
  if (volume !== undefined) return { action: 'bind', volume };
  const given = namesClass(claim) ? undefined : view.defaultClass();
  if (given !== undefined) return { action: 'assign class', name: given.metadata.name };
  if (delayed && claim.metadata.annotations?.[ANNOTATION_SELECTED_NODE] === undefined) {
    return { action: 'phase', phase: 'Pending', before: waiting(view.unscheduledPods(claim)) };
  }
  if (name !== '') return provision(name, storageClass);
  const before = normal('FailedBinding', 'no persistent volumes available for this claim and no storage class is set');
  return { action: 'phase', phase: 'Pending', before };
}

/** emitEventForUnboundDelayBindingClaim. */
function waiting(pods: readonly string[]): BindingEvent {
  if (pods.length === 0) return normal('WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
  const which = pods.length > 1 ? `pods ${pods.join()}` : `pod ${pods[0]}`;
  return normal('WaitForPodScheduled', `waiting for ${which} to be scheduled`);
}

function provision(name: string, storageClass: StorageClass | undefined): ClaimDecision {
  if (storageClass === undefined) {
    return { action: 'provision', event: warning('ProvisioningFailed', `storageclass.storage.k8s.io "${name}" not found`) };
  }
  const found = provisionerOf(storageClass);
  if ('failure' in found) {
    const event = warning('ProvisioningFailed', found.failure);
    return { action: 'provision', event, ...(found.claimed === undefined ? {} : { provisioner: found.claimed, inTree: true as const }) };
  }
  const message = `Waiting for a volume to be created either by the external provisioner '${found.external}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
  return { action: 'provision', provisioner: found.external, event: normal('ExternalProvisioning', message) };
}

/** A claim that names its volume. */
function decideRequested(claim: PersistentVolumeClaim, view: VolumeView): ClaimDecision {
  const volume = view.volume(claim.spec.volumeName!);
  if (volume === undefined) return { action: 'phase', phase: 'Pending' };
  const { name } = volume.metadata;
  if (volume.spec.claimRef === undefined) {
    const problem = unsuitable(volume, claim);
    if (problem === '') return { action: 'bind', volume };
    return { action: 'phase', phase: 'Pending', before: warning('VolumeMismatch', `Cannot bind to requested volume "${name}": ${problem}`) };
  }
  if (namesClaim(volume, claim)) return { action: 'bind', volume };
  const event = warning('FailedBinding', `volume "${name}" already bound to a different claim.`);
  if (claim.metadata.annotations?.[ANNOTATION_BOUND_BY_CONTROLLER] === undefined) return { action: 'phase', phase: 'Pending', before: event };
  const { namespace, name: own } = claim.metadata;
  const other = `${volume.spec.claimRef.namespace ?? ''}/${volume.spec.claimRef.name}`;
  return { action: 'error', event, message: `invalid binding of claim "${namespace}/${own}" to volume "${name}": volume already claimed by "${other}"` };
}

/** Why a volume that a claim names is not good enough for it; empty: it is (checkVolumeSatisfyClaim). */
function unsuitable(volume: PersistentVolume, claim: PersistentVolumeClaim): string {
  if (volume.metadata.deletionTimestamp !== undefined) return `the volume is marked for deletion "${volume.metadata.name}"`;
  if (bytesOf(volume.spec.capacity?.storage) < bytesOf(claim.spec.resources?.requests?.storage)) return 'requested PV is too small';
  if (classOfVolume(volume) !== classOf(claim)) return 'storageClassName does not match';
  if (!sameAttributesClass(claim, volume)) return 'volumeAttributesClassName does not match';
  if (!sameMode(claim, volume)) return 'incompatible volumeMode';
  return offersModes(volume, claim) ? '' : 'incompatible accessMode';
}

/** A claim that was bound before. */
function decideBound(claim: PersistentVolumeClaim, view: VolumeView): ClaimDecision {
  const { volumeName = '' } = claim.spec;
  const lost = (reason: string, message: string): ClaimDecision => ({ action: 'phase', phase: 'Lost', after: warning(reason, message) });
  if (volumeName === '') return lost('ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!');
  const volume = view.volume(volumeName);
  if (volume === undefined) return lost('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  const { claimRef } = volume.spec;
  if (claimRef === undefined || claimRef.uid === claim.metadata.uid) return { action: 'bind', volume };
  return lost('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly');
}

export type VolumeDecision =
  | { readonly action: 'phase'; readonly phase: 'Available' | 'Bound' }
  /** It is Released, unless it has Failed before, and its reclaim policy is carried out. */
  | { readonly action: 'reclaim' }
  | { readonly action: 'mismatch'; readonly ofVolume: BindingEvent; readonly ofClaim: BindingEvent }
  | { readonly action: 'sync claim' }
  | { readonly action: 'unbind' };

/** What a volume needs now; `claim`: the one whose uid it names, if it is there (syncVolume). */
export function decideVolume(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): VolumeDecision {
  const { claimRef, persistentVolumeReclaimPolicy } = volume.spec;
  if ((claimRef?.uid ?? '') === '') return { action: 'phase', phase: 'Available' };
  if (claim === undefined) return { action: 'reclaim' };
  const { name } = volume.metadata;
  const { volumeName = '' } = claim.spec;
  if (volumeName === '') {
    if (sameMode(claim, volume)) return { action: 'sync claim' };
    return {
      action: 'mismatch',
      ofVolume: warning('VolumeMismatch', `Cannot bind PersistentVolume to requested PersistentVolumeClaim "${claim.metadata.name}" due to incompatible volumeMode.`),
      ofClaim: warning('VolumeMismatch', `Cannot bind PersistentVolume "${name}" to requested PersistentVolumeClaim due to incompatible volumeMode.`),
    };
  }
  if (volumeName === name) return { action: 'phase', phase: 'Bound' };
  const provisioned = volume.metadata.annotations?.[ANNOTATION_PROVISIONED_BY] !== undefined;
  return provisioned && persistentVolumeReclaimPolicy === 'Delete' ? { action: 'reclaim' } : { action: 'unbind' };
}

/** What the reclaim policy of a released volume asks for (reclaimVolume). */
export type Reclaim = 'nothing' | 'delete' | 'recycle' | BindingEvent;

export function reclaimOf(volume: PersistentVolume): Reclaim {
  if ((volume.metadata.annotations?.[ANNOTATION_MIGRATED_TO] ?? '') !== '') return 'nothing';
  switch (volume.spec.persistentVolumeReclaimPolicy) {
    case 'Retain':
      return 'nothing';
    case 'Delete':
      return 'delete';
    case 'Recycle':
      return 'recycle';
    default:
      return warning('VolumeUnknownReclaimPolicy', 'Volume has unrecognized PersistentVolumeReclaimPolicy');
  }
}

/** How a volume to be recycled ends: what is said of it if it cannot be; null: it is scrubbed and free again. */
export function recycling(volume: PersistentVolume): BindingEvent | null {
  return isRecyclable(volume) ? null : warning('VolumeFailedRecycle', 'No recycler plugin found for the volume!');
}

/** Whether nobody has a volume any more (isVolumeReleased); `claim`: the one of the name that it names. */
export function isReleased(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): boolean {
  const { claimRef } = volume.spec;
  if ((claimRef?.uid ?? '') === '') return false;
  if (claim === undefined || claim.metadata.uid !== claimRef!.uid) return true;
  const { volumeName = '' } = claim.spec;
  return volumeName !== '' && volumeName !== volume.metadata.name;
}

/** A volume that is bound to a claim (GetBindVolumeToClaim); the same object: it is. */
export function boundVolume(volume: PersistentVolume, claim: PersistentVolumeClaim): PersistentVolume {
  const { claimRef } = volume.spec;
  const { namespace, name, uid } = claim.metadata;
  const same = claimRef !== undefined && claimRef.name === name && claimRef.namespace === namespace && claimRef.uid === uid;
  const bound = same ? volume : { ...volume, spec: { ...volume.spec, claimRef: claimReference(claim) } };
  return namesClaim(volume, claim) ? bound : marked(bound, ANNOTATION_BOUND_BY_CONTROLLER);
}

/** A claim that is bound to a volume (bindClaimToVolume); the same object: it is. */
export function boundClaim(claim: PersistentVolumeClaim, volume: PersistentVolume): PersistentVolumeClaim {
  const { name } = volume.metadata;
  const bound = claim.spec.volumeName === name ? claim : marked({ ...claim, spec: { ...claim.spec, volumeName: name } }, ANNOTATION_BOUND_BY_CONTROLLER);
  return marked(bound, ANNOTATION_BIND_COMPLETED);
}

/** The value of these marks does not matter. */
function marked<T extends KubernetesObject>(object: T, annotation: string): T {
  return object.metadata.annotations?.[annotation] === undefined ? withAnnotation(object, annotation, 'yes') : object;
}

/** A volume without its claim again: one that a user reserved stays reserved (unbindVolume). */
export function unboundVolume(volume: PersistentVolume): PersistentVolume {
  const { claimRef, ...spec } = volume.spec;
  const { annotations, ...metadata } = volume.metadata;
  if (annotations?.[ANNOTATION_BOUND_BY_CONTROLLER] === undefined) {
    const { uid: _, ...reference } = claimRef!;
    return { ...volume, spec: { ...spec, claimRef: reference } };
  }
  const { [ANNOTATION_BOUND_BY_CONTROLLER]: _, ...rest } = annotations;
  const kept = Object.keys(rest).length === 0 ? metadata : { ...metadata, annotations: rest };
  return { ...volume, metadata: kept, spec };
}

/** A volume in another phase; the same object: it is in it. */
export function volumeInPhase(volume: PersistentVolume, phase: string, message = ''): PersistentVolume {
  if (volume.status?.phase === phase) return volume;
  const { message: _, ...status } = volume.status ?? {};
  return { ...volume, status: { ...status, phase, ...(message === '' ? {} : { message }) } };
}

/** A claim with the status of its volume (updateClaimStatus); the same object: it has it; a text: why it cannot be. */
export function claimInPhase(claim: PersistentVolumeClaim, phase: string, volume: PersistentVolume | null): PersistentVolumeClaim | string {
  const { status = {} } = claim;
  if (volume === null) {
    const { accessModes, capacity, currentVolumeAttributesClassName, ...rest } = status;
    const clean = accessModes === undefined && capacity === undefined && currentVolumeAttributesClassName === undefined;
    return clean && status.phase === phase ? claim : { ...claim, status: { ...rest, phase } };
  }
  const { accessModes } = volume.spec;
  const becomes = status.phase !== phase;
  let next = becomes ? { ...status, phase } : status;
  if ((status.accessModes ?? []).join() !== (accessModes ?? []).join()) next = { ...next, ...(accessModes === undefined ? {} : { accessModes }) };
  if (becomes) {
    const { capacity } = volume.spec;
    if (capacity?.storage === undefined) return `PersistentVolume "${volume.metadata.name}" is without a storage capacity`;
    const before = volume.metadata.annotations?.[ANNOTATION_PRE_RESIZE];
    if (before !== undefined) next = { ...next, capacity: { ...next.capacity, storage: before } };
    else if (status.capacity?.storage === undefined || bytesOf(capacity.storage) !== bytesOf(status.capacity.storage)) next = { ...next, capacity };
    const { volumeAttributesClassName } = volume.spec;
    if (status.phase === 'Pending' && volumeAttributesClassName !== undefined && status.currentVolumeAttributesClassName !== volumeAttributesClassName) {
      next = { ...next, currentVolumeAttributesClassName: volumeAttributesClassName };
    }
  }
  return next === status ? claim : { ...claim, status: next };
}

/** A claim that tells its provisioner to begin (setClaimProvisioner); the same object: it does. */
export function claimOfProvisioner(claim: PersistentVolumeClaim, provisioner: string): PersistentVolumeClaim {
  if (claim.metadata.annotations?.[ANNOTATION_STORAGE_PROVISIONER] === provisioner) return claim;
  const both = withAnnotation(withAnnotation(claim, ANNOTATION_STORAGE_PROVISIONER_BETA, provisioner), ANNOTATION_STORAGE_PROVISIONER, provisioner);
  return withMigrationMark(both, provisioner);
}

/** A claim with the right mark of migration to CSI (updateClaimMigrationAnnotations); the same object: it has it. */
export function annealedClaim(claim: PersistentVolumeClaim): PersistentVolumeClaim {
  const { annotations } = claim.metadata;
  return withMigrationMark(claim, annotations?.[ANNOTATION_STORAGE_PROVISIONER] ?? annotations?.[ANNOTATION_STORAGE_PROVISIONER_BETA]);
}

/** A volume with the right mark and finalizers (updateVolumeMigrationAnnotationsAndFinalizers); the same object: it has them. */
export function annealedVolume(volume: PersistentVolume): PersistentVolume {
  const marked = withMigrationMark(volume, volume.metadata.annotations?.[ANNOTATION_PROVISIONED_BY]);
  const finalizers = deletionFinalizers(volume);
  if (finalizers === volume.metadata.finalizers) return marked;
  return { ...marked, metadata: { ...marked.metadata, finalizers: finalizers! } };
}

function withMigrationMark<T extends KubernetesObject>(object: T, provisioner: string | undefined): T {
  const annotations = migrationMarked(object.metadata.annotations, provisioner);
  return annotations === undefined || annotations === object.metadata.annotations ? object : { ...object, metadata: { ...object.metadata, annotations } };
}
