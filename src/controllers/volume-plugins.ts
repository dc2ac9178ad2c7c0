import type { PersistentVolume, StorageClass } from '../scheduler/cache/cluster-objects.js';

/** Which volumes kube-controller-manager makes, deletes and scrubs itself, and which are left to others (its app/plugins.go). */

export const ANNOTATION_PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
export const ANNOTATION_MIGRATED_TO = 'pv.kubernetes.io/migrated-to';

const HOST_PATH = 'kubernetes.io/host-path';
const NFS = 'kubernetes.io/nfs';

/** In-tree plugins whose volumes CSI drivers serve (csi-translation-lib; all are migrated since 1.31). */
const DRIVERS: Readonly<Record<string, string>> = {
  'kubernetes.io/aws-ebs': 'ebs.csi.aws.com',
  'kubernetes.io/gce-pd': 'pd.csi.storage.gke.io',
  'kubernetes.io/azure-disk': 'disk.csi.azure.com',
  'kubernetes.io/azure-file': 'file.csi.azure.com',
  'kubernetes.io/cinder': 'cinder.csi.openstack.org',
  'kubernetes.io/vsphere-volume': 'csi.vsphere.vmware.com',
  'kubernetes.io/portworx-volume': 'pxd.portworx.com',
};

/** The CSI driver that serves an in-tree plugin's volumes; undefined: it is no such plugin. */
export function migratedDriver(plugin: string | undefined): string | undefined {
  return plugin === undefined || !Object.hasOwn(DRIVERS, plugin) ? undefined : DRIVERS[plugin];
}

/** Who makes the volumes of a class: an external provisioner by this name, or nobody, for this reason. */
export type Provisioner =
  | { readonly external: string }
  /** `claimed`: the claim is marked with the plugin before it fails. */
  | { readonly failure: string; readonly claimed?: string };

/** findProvisionablePlugin and what becomes of it. */
export function provisionerOf(storageClass: StorageClass): Provisioner {
  const name = storageClass.provisioner ?? '';
  const driver = migratedDriver(name);
  if (driver !== undefined) return { external: driver };
  if (name === HOST_PATH) {
    const mount = storageClass.mountOptions ?? [];
    if (mount.length > 0) {
      const failure = `Mount options are not supported by the provisioner but StorageClass "${storageClass.metadata.name}" has mount options [${mount.join(' ')}]`;
      return { failure, claimed: name };
    }
    // --enable-hostpath-provisioner is off.
    return { failure: `Failed to create provisioner: provisioning in volume plugin "${name}" is disabled`, claimed: name };
  }
  if (name === NFS) return { failure: 'no provisionable volume plugin matched' };
  if (name.startsWith('kubernetes.io/')) return { failure: `no volume plugin matched name: ${name}` };
  return { external: name };
}

/** How a volume that is no longer wanted is deleted: by somebody else, here, or not at all. */
export type Deleter = 'external' | 'here' | { readonly failure: string };

/** findDeletablePlugin and what its plugin says. */
export function deleterOf(volume: PersistentVolume): Deleter {
  const { annotations = {}, name } = volume.metadata;
  const provisioner = annotations[ANNOTATION_PROVISIONED_BY] ?? '';
  if (provisioner !== '') {
    if (!provisioner.startsWith('kubernetes.io/')) return 'external';
    if (provisioner === HOST_PATH) return deletesPath(volume);
    return { failure: provisioner === NFS ? 'no deletable volume plugin matched' : `no volume plugin matched name: ${provisioner}` };
  }
  if (annotations[ANNOTATION_MIGRATED_TO] !== undefined || volume.spec.csi !== undefined) return 'external';
  if (volume.spec.hostPath !== undefined) return deletesPath(volume);
  const why = volume.spec.nfs === undefined ? 'no volume plugin matched' : 'no deletable volume plugin matched';
  return { failure: `error getting deleter volume plugin for volume "${name}": ${why}` };
}

/** pkg/volume/hostpath: folders under /tmp only. */
function deletesPath(volume: PersistentVolume): Deleter {
  const { hostPath } = volume.spec;
  if (hostPath === undefined) return { failure: `failed to create deleter for volume "${volume.metadata.name}": spec.PersistentVolumeSource.HostPath is nil` };
  const path = hostPath.path ?? '';
  return /\/tmp\/./.test(path) ? 'here' : { failure: `host_path deleter only supports /tmp/.+ but received provided ${path}` };
}

/** Whether a volume can be scrubbed for the next claim (policy Recycle). */
export function isRecyclable({ spec }: PersistentVolume): boolean {
  return spec.hostPath !== undefined || spec.nfs !== undefined;
}

/** Keeps a volume of a plugin in kube-controller-manager until that has deleted it. */
export const FINALIZER_IN_TREE = 'kubernetes.io/pv-controller';
/** Keeps a volume until its provisioner has deleted what stands behind it. */
export const FINALIZER_PROVISIONER = 'external-provisioner.volume.kubernetes.io/finalizer';

/** Finalizers of a volume after the binder has looked at it (modifyDeletionFinalizers); the same array: they are right. */
export function deletionFinalizers(volume: PersistentVolume): readonly string[] | undefined {
  const { annotations, finalizers } = volume.metadata;
  const provisioner = annotations?.[ANNOTATION_PROVISIONED_BY];
  if (provisioner === undefined || !provisioner.startsWith('kubernetes.io/')) return finalizers;
  const has = (name: string) => finalizers?.includes(name) === true;
  const without = (name: string, list: readonly string[]) => list.filter((each) => each !== name);
  if (migratedDriver(provisioner) !== undefined) return has(FINALIZER_IN_TREE) ? without(FINALIZER_IN_TREE, finalizers!) : finalizers;
  const given = finalizers ?? [];
  let wanted = given;
  const policy = volume.spec.persistentVolumeReclaimPolicy;
  if (policy === 'Delete' && !has(FINALIZER_IN_TREE)) wanted = [...wanted, FINALIZER_IN_TREE];
  else if ((policy === 'Retain' || policy === 'Recycle') && has(FINALIZER_IN_TREE)) wanted = without(FINALIZER_IN_TREE, wanted);
  if (has(FINALIZER_PROVISIONER)) wanted = without(FINALIZER_PROVISIONER, wanted);
  return wanted === given ? finalizers : wanted;
}

/** Annotations with the right mark of migration to CSI (updateMigrationAnnotations); the same object: they are right. */
export function migrationMarked<T extends Readonly<Record<string, string>> | undefined>(annotations: T, provisioner: string | undefined): T {
  if (annotations === undefined || provisioner === undefined) return annotations;
  const driver = migratedDriver(provisioner);
  const marked = annotations[ANNOTATION_MIGRATED_TO] ?? '';
  if (driver !== undefined) return marked === driver ? annotations : { ...annotations, [ANNOTATION_MIGRATED_TO]: driver };
  if (marked === '') return annotations;
  const { [ANNOTATION_MIGRATED_TO]: _, ...rest } = annotations as Record<string, string>;
  return rest as T;
}
