import type { KubernetesObject } from '../../api/meta.js';
import type { Patch } from '../../apiserver/request.js';
import type { PersistentVolume, PersistentVolumeClaim } from '../cache/cluster-objects.js';

/** Bytes of such a patch on the wire. */
const PATCH_BYTES = 300;

export const ANNOTATION_SELECTED_NODE = 'volume.kubernetes.io/selected-node';
export const ANNOTATION_BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
export const ANNOTATION_BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';

/** Reserves a volume for a claim. */
export class ClaimRefPatch implements Patch {
  readonly bytes = PATCH_BYTES;
  private readonly namespace: string;
  private readonly name: string;
  private readonly uid: string;

  constructor(claim: PersistentVolumeClaim) {
    this.namespace = claim.metadata.namespace;
    this.name = claim.metadata.name;
    this.uid = claim.metadata.uid;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const volume = current as PersistentVolume;
    if (volume.spec.claimRef?.uid === this.uid) return volume;
    const claimRef = { kind: 'PersistentVolumeClaim', namespace: this.namespace, name: this.name, uid: this.uid };
    return { ...volume, spec: { ...volume.spec, claimRef } } as PersistentVolume;
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
    const { annotations } = current.metadata;
    if (annotations?.[ANNOTATION_SELECTED_NODE] === this.node) return current;
    return {
      ...current,
      metadata: { ...current.metadata, annotations: { ...annotations, [ANNOTATION_SELECTED_NODE]: this.node } },
    };
  }
}

/** Completes the binding of a claim to a volume; its phase is a matter of its status (`PhasePatch`). */
export class BindClaimPatch implements Patch {
  readonly bytes = PATCH_BYTES;
  private readonly volume: string;

  constructor(volume: string) {
    this.volume = volume;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const claim = current as PersistentVolumeClaim;
    if (claim.spec.volumeName === this.volume && claim.metadata.annotations?.[ANNOTATION_BIND_COMPLETED] === 'yes')
      return claim;
    const annotations = {
      ...claim.metadata.annotations,
      [ANNOTATION_BIND_COMPLETED]: 'yes',
      [ANNOTATION_BOUND_BY_CONTROLLER]: 'yes',
    };
    return {
      ...claim,
      metadata: { ...claim.metadata, annotations },
      spec: { ...claim.spec, volumeName: this.volume },
    } as PersistentVolumeClaim;
  }
}

/** Sets the phase of a volume or claim. */
export class PhasePatch implements Patch {
  readonly bytes = PATCH_BYTES;
  private readonly phase: string;

  constructor(phase: string) {
    this.phase = phase;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const object = current as PersistentVolume;
    if (object.status?.phase === this.phase) return object;
    return { ...object, status: { ...object.status, phase: this.phase } } as PersistentVolume;
  }
}
