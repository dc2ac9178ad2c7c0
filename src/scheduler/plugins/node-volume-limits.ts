import type { Pod } from '../../api/core.js';
import type { CsiNode, PersistentVolumeClaim } from '../cache/cluster-objects.js';
import type { PodInfo } from '../cache/pod-info.js';
import type { Cycle } from '../framework/cycle.js';
import { type ClusterEvent, type EventInterest, EventKind } from '../framework/events.js';
import type { Handle, Plugin } from '../framework/plugin.js';
import { type Status, skip, unresolvable, unschedulable } from '../framework/status.js';
import { claimEventHelps, claimNotFound, claimReferences, classOf } from './volume-common.js';
import { type AttachedVolume, isMigratable, migratedVolume, provisioningDriver } from './volume-migration.js';

/** No more volumes of a CSI driver on a node than it can attach (plugins/nodevolumelimits/csi.go). */
export class NodeVolumeLimits implements Plugin {
  readonly name = 'NodeVolumeLimits';
  private readonly handle: Handle;
  private readonly full = unschedulable(this.name, 'node(s) exceed max volume count');
  private readonly skipped = skip(this.name);

  constructor(handle: Handle) {
    this.handle = handle;
  }

  preFilter(cycle: Cycle): Status | null {
    const { pod, shape } = cycle.pod;
    if (shape.plainVolumes) return this.skipped;
    const migratable = (pod.spec.volumes ?? []).some((volume) => isMigratable(volume));
    return claimReferences(pod).length === 0 && !migratable ? this.skipped : null;
  }

  filter(cycle: Cycle, slot: number): Status | null {
    const { nodes, objects } = this.handle;
    const node = objects.csiNodes.get('', nodes.names[slot]!);
    const { pod } = cycle.pod;
    const wanted = new Map<string, string>();
    const missing = this.volumesOf(pod, node, wanted);
    if (missing !== '')
      return unresolvable(this.name, `looking up PVC ${pod.metadata.namespace}/${missing}: ${claimNotFound(missing)}`);
    if (wanted.size === 0) return null;
    const limits = limitsOf(node);
    if (limits.size === 0) return null;
    const attached = new Map<string, string>();
    for (const other of nodes.pods[slot]!) this.volumesOf(other.pod, node, attached);
    const counts = new Map<string, number>();
    for (const driver of attached.values()) counts.set(driver, (counts.get(driver) ?? 0) + 1);
    const added = new Set<string>();
    for (const [volume, driver] of wanted) {
      if (attached.has(volume)) continue;
      counts.set(driver, (counts.get(driver) ?? 0) + 1);
      added.add(driver);
    }
    for (const driver of added) {
      const limit = limits.get(driver);
      if (limit !== undefined && counts.get(driver)! > limit) return this.full;
    }
    return null;
  }

  eventsToRegister(): readonly EventInterest[] {
    const { CsiNodeAdd, CsiNodeUpdate, PodDelete, ClaimAdd, VolumeAttachmentDelete } = EventKind;
    return [{ kinds: CsiNodeAdd | CsiNodeUpdate | PodDelete | ClaimAdd | VolumeAttachmentDelete }];
  }

  /** A deleted pod helps when it held volumes on a node, claims when they are the pod's, a CSINode when a limit rises. */
  hint(pod: PodInfo, event: ClusterEvent): boolean {
    if ((event.kinds & EventKind.CsiNodeUpdate) !== 0) return someLimitRises(event.old as CsiNode, event.object as CsiNode);
    if ((event.kinds & EventKind.PodDelete) === 0) return claimEventHelps(pod, event);
    if (event.assigned !== true || event.pod === undefined) return false;
    const deleted = event.pod.pod;
    return claimReferences(deleted).length > 0 || (deleted.spec.volumes ?? []).some((volume) => isMigratable(volume));
  }

  /** Adds the driver of each attachable volume of a pod, by the volume's unique name; returns a claim that is missing. */
  private volumesOf(pod: Pod, node: CsiNode | undefined, volumes: Map<string, string>): string {
    const add = (volume: AttachedVolume | undefined) => {
      if (volume !== undefined && volume.driver !== '') volumes.set(`${volume.driver}/${volume.handle}`, volume.driver);
    };
    let missing = '';
    for (const volume of pod.spec.volumes ?? []) if (isMigratable(volume)) add(migratedVolume(volume, {}, node));
    for (const { claimName } of claimReferences(pod)) {
      const claim = this.handle.objects.claims.get(pod.metadata.namespace, claimName);
      if (claim !== undefined) add(this.volumeOf(claim, node));
      else if (missing === '') missing = claimName;
    }
    return missing;
  }

  /** The volume of a claim; a claim without one counts for the driver of its class (getCSIDriverInfo). */
  private volumeOf(claim: PersistentVolumeClaim, node: CsiNode | undefined): AttachedVolume | undefined {
    const { objects } = this.handle;
    const name = claim.spec.volumeName ?? '';
    const volume = name === '' ? undefined : objects.volumes.get('', name);
    if (volume !== undefined) {
      const { csi } = volume.spec;
      if (csi !== undefined) return csi.volumeHandle === '' ? undefined : { driver: csi.driver, handle: csi.volumeHandle };
      return migratedVolume(volume.spec as Readonly<Record<string, unknown>>, volume.metadata.labels ?? {}, node);
    }
    const provisioner = objects.storageClasses.get('', classOf(claim))?.provisioner ?? '';
    const { namespace, name: claimName } = claim.metadata;
    return { driver: provisioningDriver(provisioner, node), handle: `to-provision-${namespace}/${claimName}` };
  }
}

/** isSchedulableAfterCSINodeUpdated. */
function someLimitRises(old: CsiNode, node: CsiNode): boolean {
  const before = limitsOf(old);
  for (const [driver, limit] of limitsOf(node)) if (limit > (before.get(driver) ?? 0)) return true;
  return false;
}

function limitsOf(node: CsiNode | undefined): Map<string, number> {
  const limits = new Map<string, number>();
  for (const driver of node?.spec.drivers ?? []) {
    if (driver.allocatable?.count !== undefined) limits.set(driver.name, driver.allocatable.count);
  }
  return limits;
}
