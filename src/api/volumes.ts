import type { KubernetesObject } from './meta.js';

/** Volumes that must be attached to a node before they can be mounted there: names and kinds (storage.k8s.io/v1, pkg/volume/csi). */

export interface VolumeAttachment extends KubernetesObject {
  readonly kind: 'VolumeAttachment';
  readonly spec: {
    /** CSI driver. */
    readonly attacher: string;
    readonly nodeName: string;
    readonly source: { readonly persistentVolumeName?: string };
  };
  readonly status?: { readonly attached: boolean };
}

/** What the attachment of a PersistentVolume needs to know of it. */
export interface AttachableVolume extends KubernetesObject {
  readonly spec: {
    readonly accessModes?: readonly string[];
    readonly csi?: { readonly driver: string; readonly volumeHandle: string };
  };
}

/** A CSIDriver: drivers whose volumes are attached say so, or say nothing. */
export interface CsiDriver extends KubernetesObject {
  readonly spec?: { readonly attachRequired?: boolean };
}

/**
 * Whether volumes of a driver are attached. A driver without a CSIDriver object has no attacher in the cluster: its volumes are
 * taken as mounted in place.
 */
export function needsAttachment(driver: CsiDriver | undefined): boolean {
  return driver !== undefined && driver.spec?.attachRequired !== false;
}

/** `kubernetes.io/csi/<driver>^<handle>`: the name of a volume in a node's status (GetUniqueVolumeName). */
export function uniqueVolumeName({ driver, volumeHandle }: NonNullable<AttachableVolume['spec']['csi']>): string {
  return `kubernetes.io/csi/${driver}^${volumeHandle}`;
}

/** Whether several nodes may have a volume at once (IsMultiAttachAllowed). */
export function allowsMultiAttach({ spec }: AttachableVolume): boolean {
  const modes = spec.accessModes ?? [];
  return modes.length === 0 || modes.includes('ReadWriteMany') || modes.includes('ReadOnlyMany');
}

/** Names of the claims of a pod's volumes, in order; of a generic ephemeral volume the one that is named after it. */
export function claimNames(pod: {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly volumes?: readonly { readonly name: string; readonly persistentVolumeClaim?: { readonly claimName: string }; readonly ephemeral?: unknown }[] };
}): readonly string[] {
  const names: string[] = [];
  for (const volume of pod.spec.volumes ?? []) {
    if (volume.persistentVolumeClaim !== undefined) names.push(volume.persistentVolumeClaim.claimName);
    else if (volume.ephemeral !== undefined) names.push(`${pod.metadata.name}-${volume.name}`);
  }
  return names;
}

/** Whether a pod has volumes by claims; most have none. */
export function usesClaims({ spec: { volumes } }: Parameters<typeof claimNames>[0]): boolean {
  if (volumes === undefined) return false;
  for (let i = 0; i < volumes.length; i++) {
    const volume = volumes[i]!;
    if (volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined) return true;
  }
  return false;
}
