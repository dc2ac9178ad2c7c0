import type { Pod, Volume } from '../../api/core.js';
import type { PodInfo } from '../cache/pod-info.js';
import type { Cycle } from '../framework/cycle.js';
import { type ClusterEvent, type EventInterest, EventKind } from '../framework/events.js';
import type { Handle, Plugin } from '../framework/plugin.js';
import { type Status, skip, unresolvable, unschedulable } from '../framework/status.js';
import { claimNotFound } from './volume-common.js';

/** Fields of the in-tree disks that only one pod may mount for writing. */
interface Disk {
  readonly readOnly?: boolean;
  readonly pdName?: string;
  readonly volumeID?: string;
  readonly iqn?: string;
  readonly monitors?: readonly string[];
  readonly pool?: string;
  readonly image?: string;
}

const diskSources = ['gcePersistentDisk', 'awsElasticBlockStore', 'rbd', 'iscsi'] as const;

function diskOf(volume: Volume, source: (typeof diskSources)[number]): Disk | undefined {
  return volume[source] as Disk | undefined;
}

/** Whether two volumes name one disk that they cannot share (isVolumeConflict). */
function disksConflict(a: Volume, b: Volume): boolean {
  for (const source of diskSources) {
    const x = diskOf(a, source);
    const y = diskOf(b, source);
    if (x === undefined || y === undefined) continue;
    const bothReadOnly = x.readOnly === true && y.readOnly === true;
    if (source === 'awsElasticBlockStore') return x.volumeID === y.volumeID;
    if (bothReadOnly) continue;
    if (source === 'gcePersistentDisk' && x.pdName === y.pdName) return true;
    if (source === 'iscsi' && x.iqn === y.iqn) return true;
    if (source === 'rbd') {
      const shared = (x.monitors ?? []).some((monitor) => (y.monitors ?? []).includes(monitor));
      if (shared && (x.pool ?? 'rbd') === (y.pool ?? 'rbd') && x.image === y.image) return true;
    }
  }
  return false;
}

/** Disks that cannot be shared on a node, and claims that only one pod may use (plugins/volumerestrictions). */
export class VolumeRestrictions implements Plugin {
  readonly name = 'VolumeRestrictions';
  private readonly handle: Handle;
  private readonly diskConflict = unschedulable(this.name, 'node(s) had no available disk');
  private readonly claimInUse = unschedulable(
    this.name,
    'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
  );
  private readonly skipped = skip(this.name);
  private disks: readonly Volume[] = [];
  /** Names of the pod's ReadWriteOncePod claims. */
  private exclusive: ReadonlySet<string> = new Set();
  private conflicts = 0;

  constructor(handle: Handle) {
    this.handle = handle;
  }

  preFilter(cycle: Cycle): Status | null {
    const { pod, shape } = cycle.pod;
    if (shape.plainVolumes) return this.skipped;
    const volumes = pod.spec.volumes ?? [];
    const exclusive = new Set<string>();
    for (const volume of volumes) {
      const name = volume.persistentVolumeClaim?.claimName;
      if (name === undefined) continue;
      const claim = this.handle.objects.claims.get(pod.metadata.namespace, name);
      if (claim === undefined) return unresolvable(this.name, claimNotFound(name));
      if (claim.spec.accessModes?.includes('ReadWriteOncePod') === true)
        exclusive.add(name);
    }
    this.disks = volumes.filter((volume) => diskSources.some((source) => diskOf(volume, source) !== undefined));
    this.exclusive = exclusive;
    this.conflicts = 0;
    for (const name of exclusive) {
      if ((this.handle.nodes.claimUsers.get(`${pod.metadata.namespace}/${name}`) ?? 0) > 0) this.conflicts++;
    }
    return this.disks.length === 0 && this.conflicts === 0 ? this.skipped : null;
  }

  addPod(_: Cycle, pod: PodInfo): void {
    this.conflicts += this.uses(pod);
  }

  removePod(_: Cycle, pod: PodInfo): void {
    this.conflicts -= this.uses(pod);
  }

  filter(_: Cycle, slot: number): Status | null {
    if (this.disks.length > 0) {
      for (const pod of this.handle.nodes.pods[slot]!) if (this.diskTaken(pod.pod)) return this.diskConflict;
    }
    return this.conflicts > 0 ? this.claimInUse : null;
  }

  eventsToRegister(): readonly EventInterest[] {
    return [{ kinds: EventKind.PodDelete | EventKind.ClaimAdd | EventKind.NodeAdd }];
  }

  hint(pod: PodInfo, event: ClusterEvent): boolean {
    if (event.pod !== undefined) {
      const { shape } = event.pod;
      if (shape.namespace !== pod.shape.namespace) return false;
      if (shape.claims.some((claim) => pod.shape.claims.includes(claim))) return true;
      return (pod.pod.spec.volumes ?? []).some((volume) =>
        (event.pod!.pod.spec.volumes ?? []).some((other) => disksConflict(volume, other)),
      );
    }
    const object = event.object;
    if ((event.kinds & EventKind.ClaimAdd) === 0 || object === undefined) return true;
    return pod.shape.claims.includes(`${object.metadata.namespace}/${object.metadata.name}`);
  }

  /** Volumes of a pod that stand for one of these claims; the real plugin does not look at its namespace here. */
  private uses(pod: PodInfo): number {
    let count = 0;
    for (const volume of pod.pod.spec.volumes ?? []) {
      if (volume.persistentVolumeClaim !== undefined && this.exclusive.has(volume.persistentVolumeClaim.claimName)) count++;
    }
    return count;
  }

  private diskTaken(pod: Pod): boolean {
    return (pod.spec.volumes ?? []).some((other) => this.disks.some((disk) => disksConflict(disk, other)));
  }
}
