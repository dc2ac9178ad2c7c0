import type { Pod } from '../../api/core.js';
import type { CsiNode, PersistentVolumeClaim } from '../cache/cluster-objects.js';
import type { PodInfo } from '../cache/pod-info.js';
import type { Cycle } from '../framework/cycle.js';
import { type ClusterEvent, type EventInterest, EventKind } from '../framework/events.js';
import type { Handle, Plugin } from '../framework/plugin.js';
import { type Status, skip, unresolvable, unschedulable } from '../framework/status.js';
import { claimEventHelps, claimNotFound, claimReferences, classOf } from './volume-common.js';

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
    return claimReferences(cycle.pod.pod).length === 0 ? this.skipped : null;
  }

  filter(cycle: Cycle, slot: number): Status | null {
    const { nodes, objects } = this.handle;
    const wanted = new Map<string, string>();
    const missing = this.volumesOf(cycle.pod.pod, wanted);
    if (missing !== '') return unresolvable(this.name, claimNotFound(missing));
    if (wanted.size === 0) return null;
    const limits = limitsOf(objects.csiNodes.get('', nodes.names[slot]!));
    if (limits.size === 0) return null;
    const attached = new Map<string, string>();
    for (const pod of nodes.pods[slot]!) this.volumesOf(pod.pod, attached);
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

  /** A deleted pod helps when it held volumes on a node; claims when they are the pod's. */
  hint(pod: PodInfo, event: ClusterEvent): boolean {
    if ((event.kinds & EventKind.PodDelete) === 0) return claimEventHelps(pod, event);
    return event.assigned === true && event.pod !== undefined && claimReferences(event.pod.pod).length > 0;
  }

  /** Adds the driver of each attachable volume of a pod, by the volume's unique name; returns a claim that is missing. */
  private volumesOf(pod: Pod, volumes: Map<string, string>): string {
    let missing = '';
    for (const { claimName } of claimReferences(pod)) {
      const claim = this.handle.objects.claims.get(pod.metadata.namespace, claimName);
      if (claim === undefined) {
        if (missing === '') missing = claimName;
        continue;
      }
      const [driver, handle] = this.driverOf(claim);
      if (driver !== '' && handle !== '') volumes.set(`${driver}/${handle}`, driver);
    }
    return missing;
  }

  /** Driver and volume handle of a claim; a claim without a volume counts for the driver of its class. */
  private driverOf(claim: PersistentVolumeClaim): readonly [string, string] {
    const { objects } = this.handle;
    const name = claim.spec.volumeName ?? '';
    const volume = name === '' ? undefined : objects.volumes.get('', name);
    if (volume !== undefined)
      return volume.spec.csi === undefined ? ['', ''] : [volume.spec.csi.driver, volume.spec.csi.volumeHandle];
    const provisioner = objects.storageClasses.get('', classOf(claim))?.provisioner ?? '';
    return [provisioner, `to-provision-${claim.metadata.namespace}/${claim.metadata.name}`];
  }
}

function limitsOf(node: CsiNode | undefined): Map<string, number> {
  const limits = new Map<string, number>();
  for (const driver of node?.spec.drivers ?? []) {
    if (driver.allocatable?.count !== undefined) limits.set(driver.name, driver.allocatable.count);
  }
  return limits;
}
