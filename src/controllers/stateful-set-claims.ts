import type { PersistentVolumeClaim, StatefulSet } from '../api/apps.js';
import type { Pod } from '../api/core.js';
import type { KubernetesObject, OwnerReference } from '../api/meta.js';
import { controllerReference } from './ownership.js';
import { claimName, isInRange, ordinalOf } from './stateful-set-pods.js';

/**
 * Who owns the volume claims of a StatefulSet, by its persistentVolumeClaimRetentionPolicy: pure
 * (pkg/controller/statefulset/stateful_set_utils.go). What a claim's owner takes with it when it goes is the garbage collector's work.
 */

/** Reads claims by key: an informer does. */
export interface ClaimLookup {
  get(key: string): PersistentVolumeClaim | undefined;
}

/** The claims of a pod that exist. */
export function existingClaims(set: StatefulSet, pod: Pod, claims: ClaimLookup): PersistentVolumeClaim[] {
  const found: PersistentVolumeClaim[] = [];
  for (const template of set.spec.volumeClaimTemplates ?? []) {
    const claim = claims.get(`${set.metadata.namespace}/${claimName(template, set, ordinalOf(pod))}`);
    if (claim !== undefined) found.push(claim);
  }
  return found;
}

/** Whether a claim's owners are as the policy wants them, or are none of this set's business (isClaimOwnerUpToDate). */
export function isClaimOwnerUpToDate(claim: PersistentVolumeClaim, set: StatefulSet, pod: Pod): boolean {
  if (hasStaleOwner(claim, set) || hasStaleOwner(claim, pod)) return true;
  const byUid = (owner: KubernetesObject): OwnerReference | undefined => references(claim).find(({ uid }) => uid === owner.metadata.uid);
  const ofSet = byUid(set);
  const ofPod = byUid(pod);
  if (hasUnexpectedController(claim, set, pod)) return ofSet === undefined && ofPod === undefined;
  if ((ofSet !== undefined && ofSet.controller !== true) || (ofPod !== undefined && ofPod.controller !== true)) return false;
  const wanted = wantedOwners(set, pod);
  return (ofSet !== undefined) === wanted.set && (ofPod !== undefined) === wanted.pod;
}

/** The claim with the owners that the policy wants (updateClaimOwnerRefForSetAndPod). */
export function withClaimOwners(claim: PersistentVolumeClaim, set: StatefulSet, pod: Pod): PersistentVolumeClaim {
  const kept = references(claim).filter((reference) => !refersTo(reference, set) && !refersTo(reference, pod));
  if (!hasUnexpectedController(claim, set, pod)) {
    const wanted = wantedOwners(set, pod);
    if (wanted.pod) kept.push(controllerReference(pod));
    if (wanted.set) kept.push(controllerReference(set));
  }
  const { ownerReferences: _, ...metadata } = claim.metadata;
  return { ...claim, metadata: kept.length === 0 ? metadata : { ...metadata, ownerReferences: kept } };
}

/** Whether a claim has another controller, which the policy leaves alone (hasUnexpectedController). */
export function hasUnexpectedController(claim: PersistentVolumeClaim, set: StatefulSet, pod: Pod): boolean {
  const { whenDeleted, whenScaled } = policyOf(set);
  if (whenDeleted === 'Retain' && whenScaled === 'Retain') return false;
  for (const reference of references(claim)) {
    const own = refersTo(reference, set) ? set : refersTo(reference, pod) ? pod : undefined;
    if (own === undefined ? reference.controller === true : reference.uid !== own.metadata.uid) return true;
  }
  return false;
}

/** Whether the pod of an ordinal, which is to be made, must wait until the claims of an earlier one have gone (PodClaimIsStale). */
export function hasStaleClaim(set: StatefulSet, ordinal: number, claims: ClaimLookup): boolean {
  if (policyOf(set).whenScaled === 'Retain') return false;
  const podName = `${set.metadata.name}-${ordinal}`;
  return (set.spec.volumeClaimTemplates ?? []).some((template) => {
    const claim = claims.get(`${set.metadata.namespace}/${claimName(template, set, ordinal)}`);
    return claim !== undefined && references(claim).some(({ kind, name }) => kind === 'Pod' && name === podName);
  });
}

function policyOf(set: StatefulSet): { readonly whenDeleted: string; readonly whenScaled: string } {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  return { whenDeleted, whenScaled };
}

/** A pod owns its claims once it is scaled away, if they are to go with it; the set owns them until then, if they go with the set. */
function wantedOwners(set: StatefulSet, pod: Pod): { readonly set: boolean; readonly pod: boolean } {
  const { whenDeleted, whenScaled } = policyOf(set);
  const scaledDown = whenScaled === 'Delete' && !isInRange(pod, set);
  return { set: whenDeleted === 'Delete' && !scaledDown, pod: scaledDown };
}

function references(claim: PersistentVolumeClaim): readonly OwnerReference[] {
  return claim.metadata.ownerReferences ?? [];
}

function refersTo({ apiVersion, kind, name }: OwnerReference, owner: KubernetesObject): boolean {
  return apiVersion === owner.apiVersion && kind === owner.kind && name === owner.metadata.name;
}

function hasStaleOwner(claim: PersistentVolumeClaim, owner: KubernetesObject): boolean {
  const reference = references(claim).find((each) => refersTo(each, owner));
  return reference !== undefined && reference.uid !== owner.metadata.uid;
}
