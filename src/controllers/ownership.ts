import { copyMetadata, withMetadata } from '../api/copies.js';
import type { Patch } from '../apiserver/request.js';
import { Changes } from '../client/changes.js';
import type { Indexer } from '../client/types.js';
import { controllerOf, type KubernetesObject, type LabelSelector, type OwnerReference } from '../api/meta.js';
import { matchesSelector } from '../api/labels.js';

/** Index of objects by the uid of their controller. */
export const BY_CONTROLLER = 'controllerUid';
/** Index of objects without a controller by namespace. */
export const ORPHANS = 'orphans';

export class ControllerUidIndexer implements Indexer<KubernetesObject> {
  readonly name = BY_CONTROLLER;
  readonly dependsOn = Changes.Owners;
  valueOf(object: KubernetesObject): string | undefined {
    return controllerOf(object)?.uid;
  }
}

/** Of pods only those whose controllers look for them in it: Jobs and StatefulSets. ReplicaSets, which have the most, keep count of theirs. */
export class PodControllerIndexer extends ControllerUidIndexer {
  override valueOf(pod: KubernetesObject): string | undefined {
    const owner = controllerOf(pod);
    return owner?.kind === 'Job' || owner?.kind === 'StatefulSet' ? owner.uid : undefined;
  }
}

export class OrphanIndexer implements Indexer<KubernetesObject> {
  readonly name = ORPHANS;
  readonly dependsOn = Changes.Owners;
  valueOf(object: KubernetesObject): string | undefined {
    return controllerOf(object) === undefined ? object.metadata.namespace : undefined;
  }
}

/** The owner reference by which a controller owns what it creates (metav1.NewControllerRef). */
export function controllerReference(owner: KubernetesObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true };
}

/** What a controller should do about objects it owns or could own (controller_ref_manager.go ClaimObject). */
export interface Claim<T extends KubernetesObject> {
  /** Owned and still matching. */
  readonly owned: readonly T[];
  readonly adopt: readonly T[];
  readonly release: readonly T[];
}

/** Sorts owned objects and orphans of a namespace by the owner's selector. */
export function claim<T extends KubernetesObject>(
  owner: KubernetesObject,
  selector: LabelSelector,
  owned: Iterable<T>,
  orphans: Iterable<T>,
): Claim<T> {
  const kept: T[] = [];
  const adopt: T[] = [];
  const release: T[] = [];
  const deleting = owner.metadata.deletionTimestamp !== undefined;
  for (const object of owned) {
    if (matchesSelector(selector, object.metadata.labels)) kept.push(object);
    else if (!deleting) release.push(object);
  }
  if (!deleting) {
    for (const object of orphans) {
      if (object.metadata.deletionTimestamp === undefined && matchesSelector(selector, object.metadata.labels)) adopt.push(object);
    }
  }
  return { owned: kept, adopt, release };
}

/** Bytes of the patches below as client-go writes them, roughly: names, uid and field names. */
const OWNER_PATCH_BYTES = 250;

/** Adds a controller reference to an orphan, and a finalizer if one is given. */
export class AdoptPatch implements Patch {
  readonly bytes = OWNER_PATCH_BYTES;
  readonly fresh = true;
  readonly reference: OwnerReference;
  private readonly finalizer: string | undefined;

  constructor(reference: OwnerReference, finalizer?: string) {
    this.reference = reference;
    this.finalizer = finalizer;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const references = current.metadata.ownerReferences ?? [];
    if (references.some((reference) => reference.uid === this.reference.uid)) return current;
    const metadata = copyMetadata(current.metadata);
    metadata.ownerReferences = [...references, this.reference];
    if (this.finalizer === undefined) return withMetadata(current, metadata);
    const finalizers = (metadata.finalizers ?? []).filter((name) => name !== this.finalizer);
    metadata.finalizers = [...finalizers, this.finalizer];
    return withMetadata(current, metadata);
  }
}

/** Takes an owner's references off an object, and a finalizer if one is given. */
export class ReleasePatch implements Patch {
  readonly bytes = OWNER_PATCH_BYTES;
  readonly uid: string;
  private readonly finalizer: string | undefined;

  constructor(uid: string, finalizer?: string) {
    this.uid = uid;
    this.finalizer = finalizer;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const references = current.metadata.ownerReferences ?? [];
    const kept = references.filter((reference) => reference.uid !== this.uid);
    if (kept.length === references.length) return current;
    const { ownerReferences: _, ...rest } = current.metadata;
    const metadata = kept.length === 0 ? rest : { ...rest, ownerReferences: kept };
    if (this.finalizer === undefined || metadata.finalizers === undefined) return { ...current, metadata };
    return { ...current, metadata: { ...metadata, finalizers: metadata.finalizers.filter((name) => name !== this.finalizer) } };
  }
}
