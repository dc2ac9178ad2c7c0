import { isPodReady, isPodTerminal, type Pod } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';

/**
 * What differs between two versions of an object, worked out once for all who are told of the change. Versions share what did not change,
 * so parts are compared by reference: a part that was written anew with the same content counts as changed.
 */
export const Changes = {
  Labels: 1,
  Annotations: 2,
  Owners: 4,
  /** The time of deletion, or finalizers. */
  Deletion: 8,
  Spec: 16,
  /** Of a pod: whether it is ready. */
  Readiness: 32,
  /** Of a pod: whether it has finished. */
  Ended: 64,
  /** Of a pod: its phase. */
  Phase: 128,
  /** Of a pod: its address. */
  Address: 256,
  /** Everything, and things that have no bit. */
  All: 511,
} as const;

interface Whole extends KubernetesObject {
  readonly spec?: unknown;
}

/** Whether an object is a pod that is ready. */
export function isReadyPod(object: KubernetesObject): boolean {
  return object.kind === 'Pod' && isPodReady(object as Pod);
}

/** What differs between two versions, as bits of `Changes`; all when they are not of the same object. `wasReady`, `ready`: of pods, see `isReadyPod`. */
export function changesOf(old: KubernetesObject, object: KubernetesObject, wasReady: boolean, ready: boolean): number {
  const before = old.metadata;
  const after = object.metadata;
  if (before.uid !== after.uid) return Changes.All;
  let changes = 0;
  if (before !== after) {
    if (before.labels !== after.labels) changes |= Changes.Labels;
    if (before.annotations !== after.annotations) changes |= Changes.Annotations;
    if (before.ownerReferences !== after.ownerReferences) changes |= Changes.Owners;
    if (before.deletionTimestamp !== after.deletionTimestamp || before.finalizers !== after.finalizers) changes |= Changes.Deletion;
  }
  if ((old as Whole).spec !== (object as Whole).spec) changes |= Changes.Spec;
  if (wasReady !== ready) changes |= Changes.Readiness;
  return object.kind === 'Pod' ? changes | statusChanges(old as Pod, object as Pod) : changes;
}

function statusChanges(old: Pod, pod: Pod): number {
  const before = old.status;
  const after = pod.status;
  if (before === after) return 0;
  let changes = 0;
  if (before.phase !== after.phase) {
    changes |= Changes.Phase;
    if (isPodTerminal(old) !== isPodTerminal(pod)) changes |= Changes.Ended;
  }
  if (before.podIP !== after.podIP) changes |= Changes.Address;
  return changes;
}
