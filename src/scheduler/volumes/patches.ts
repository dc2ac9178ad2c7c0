import type { KubernetesObject } from '../../api/meta.js';
import type { Patch } from '../../apiserver/request.js';
import type { ClaimRef, PersistentVolume, PersistentVolumeClaim } from '../cache/cluster-objects.js';

/** Bytes of such a patch on the wire. */
const PATCH_BYTES = 300;

export const ANNOTATION_SELECTED_NODE = 'volume.kubernetes.io/selected-node';
export const ANNOTATION_BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
export const ANNOTATION_BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';

/** An object with an annotation; the same object if it has it. */
export function withAnnotation<T extends KubernetesObject>(object: T, name: string, value: string): T {
  const { annotations } = object.metadata;
  if (annotations?.[name] === value) return object;
  return { ...object, metadata: { ...object.metadata, annotations: { ...annotations, [name]: value } } };
}

/** What a volume that is bound names: its claim (GetReference). */
export function claimReference({ metadata }: PersistentVolumeClaim): ClaimRef {
  const { namespace, name, uid, resourceVersion } = metadata;
  return { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid, resourceVersion: String(resourceVersion) };
}

/** Reserves a volume for a claim (component-helpers storage/volume GetBindVolumeToClaim). */
export class ClaimRefPatch implements Patch {
  readonly bytes = PATCH_BYTES;
  private readonly reference: ClaimRef;

  constructor(claim: PersistentVolumeClaim) {
    this.reference = claimReference(claim);
  }

  apply(current: KubernetesObject): KubernetesObject {
    const volume = current as PersistentVolume;
    const { claimRef } = volume.spec;
    const { namespace, name, uid } = this.reference;
    if (claimRef?.uid === uid) return volume;
    const named = claimRef !== undefined && claimRef.namespace === namespace && claimRef.name === name;
    const reserved = { ...volume, spec: { ...volume.spec, claimRef: this.reference } } as PersistentVolume;
    return named ? reserved : withAnnotation(reserved, ANNOTATION_BOUND_BY_CONTROLLER, 'yes');
  }
}

/** Tells the provisioner on which node the first consumer of a claim will run. */
export class SelectedNodePatch implements Patch {
  readonly bytes = PATCH_BYTES;
  private readonly node: string;

  constructor(node: string) {
    this.node = node;
  }

  apply(current: KubernetesObject): KubernetesObject {
    return withAnnotation(current, ANNOTATION_SELECTED_NODE, this.node);
  }
}
