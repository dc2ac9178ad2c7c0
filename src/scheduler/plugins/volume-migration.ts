import type { CsiNode } from '../cache/cluster-objects.js';

/** In-tree volumes that CSI drivers serve (csi-translation-lib, nodevolumelimits isCSIMigrationOn). */

/** The volume sources of a pod's volume or of a PersistentVolume, as in the manifest. */
type Sources = Readonly<Record<string, unknown>>;
type Source = Readonly<Record<string, unknown>>;

/** Driver and handle of a volume, which together name it. */
export interface AttachedVolume {
  readonly driver: string;
  readonly handle: string;
}

const UNSPECIFIED = 'UNSPECIFIED';
const MIGRATED_ANNOTATION = 'storage.alpha.kubernetes.io/migrated-plugins';
const PORTWORX = 'kubernetes.io/portworx-volume';

/** In-tree plugins by their field; those without a driver are never taken for migrated here. */
const plugins: Readonly<Record<string, { readonly plugin: string; readonly driver: string }>> = {
  awsElasticBlockStore: { plugin: 'kubernetes.io/aws-ebs', driver: 'ebs.csi.aws.com' },
  gcePersistentDisk: { plugin: 'kubernetes.io/gce-pd', driver: 'pd.csi.storage.gke.io' },
  azureDisk: { plugin: 'kubernetes.io/azure-disk', driver: 'disk.csi.azure.com' },
  cinder: { plugin: 'kubernetes.io/cinder', driver: 'cinder.csi.openstack.org' },
  portworxVolume: { plugin: PORTWORX, driver: 'pxd.portworx.com' },
  azureFile: { plugin: 'kubernetes.io/azure-file', driver: '' },
  vsphereVolume: { plugin: 'kubernetes.io/vsphere-volume', driver: '' },
};

function fieldOf(sources: Sources): string | undefined {
  return Object.keys(plugins).find((field) => sources[field] !== undefined);
}

/** Whether a volume has an in-tree source for which there is a CSI driver (IsInlineMigratable, IsPVMigratable). */
export function isMigratable(sources: Sources): boolean {
  return fieldOf(sources) !== undefined;
}

/** The volume as its CSI driver knows it on a node; undefined: it does not count there. `labels`: of the PersistentVolume. */
export function migratedVolume(
  sources: Sources,
  labels: Readonly<Record<string, string>>,
  node: CsiNode | undefined,
): AttachedVolume | undefined {
  const field = fieldOf(sources);
  if (field === undefined) return undefined;
  const { plugin, driver } = plugins[field]!;
  if (!isMigrated(plugin, node)) return undefined;
  const handle = handleOf(field, sources[field] as Source, labels);
  return handle === '' ? undefined : { driver, handle };
}

/** Driver that makes the volumes of a class on a node; empty: none that counts. */
export function provisioningDriver(provisioner: string, node: CsiNode | undefined): string {
  const known = Object.values(plugins).find(({ plugin }) => plugin === provisioner);
  if (known === undefined) return provisioner;
  return isMigrated(provisioner, node) ? known.driver : '';
}

function isMigrated(plugin: string, node: CsiNode | undefined): boolean {
  if (node === undefined) return false;
  const driver = Object.values(plugins).find((known) => known.plugin === plugin)?.driver ?? '';
  if (driver === '') return false;
  if (plugin !== PORTWORX) return true;
  return node.metadata.annotations?.[MIGRATED_ANNOTATION]?.split(',').includes(plugin) === true;
}

function handleOf(field: string, source: Source, labels: Readonly<Record<string, string>>): string {
  const text = (key: string) => (typeof source[key] === 'string' ? (source[key] as string) : '');
  if (field === 'gcePersistentDisk') return googleHandle(text('pdName'), labels);
  if (field === 'azureDisk') return text('diskURI');
  // aws://us-west-2b/vol-043dc97d3f4d4b1d5 is the volume of the last part.
  const volume = text('volumeID');
  return field === 'awsElasticBlockStore' ? volume.slice(volume.lastIndexOf('/') + 1) : volume;
}

function googleHandle(disk: string, labels: Readonly<Record<string, string>>): string {
  const zones =
    labels['topology.kubernetes.io/zone'] ?? labels['failure-domain.beta.kubernetes.io/zone'] ?? UNSPECIFIED;
  if (!zones.includes('__')) return `projects/${UNSPECIFIED}/zones/${zones}/disks/${disk}`;
  const zone = zones.split('__')[0]!;
  return `projects/${UNSPECIFIED}/regions/${zone.slice(0, zone.lastIndexOf('-'))}/disks/${disk}`;
}
