import type { PersistentVolumeClaim, StorageClass } from '../cache/cluster-objects.js';
import type { PodInfo } from '../cache/pod-info.js';
import type { Cycle } from '../framework/cycle.js';
import { type ClusterEvent, type EventInterest, EventKind } from '../framework/events.js';
import type { Handle, Plugin } from '../framework/plugin.js';
import { type Status, skip, unresolvable } from '../framework/status.js';
import { claimEventHelps, claimNotFound, classOf } from './volume-common.js';

/** Labels that place a volume; a volume may be in several zones, joined by two underscores. */
const topologyKeys = [
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
];
const successors: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
};

/** A pod goes where its bound volumes are (plugins/volumezone). */
export class VolumeZone implements Plugin {
  readonly name = 'VolumeZone';
  private readonly handle: Handle;
  private readonly conflict = unresolvable(this.name, 'node(s) had no available volume zone');
  private readonly skipped = skip(this.name);
  private topologies: { readonly key: string; readonly values: readonly string[] }[] = [];

  constructor(handle: Handle) {
    this.handle = handle;
  }

  preFilter(cycle: Cycle): Status | null {
    const { pod } = cycle.pod;
    const { objects } = this.handle;
    this.topologies = [];
    for (const volume of pod.spec.volumes ?? []) {
      const name = volume.persistentVolumeClaim?.claimName;
      if (name === undefined) continue;
      if (name === '') return unresolvable(this.name, 'PersistentVolumeClaim had no name');
      const claim = objects.claims.get(pod.metadata.namespace, name);
      if (claim === undefined) return unresolvable(this.name, claimNotFound(name));
      const status = this.addTopologies(claim);
      if (status !== null) return status;
    }
    return this.topologies.length === 0 ? this.skipped : null;
  }

  filter(_: Cycle, slot: number): Status | null {
    const labels = this.handle.nodes.nodes[slot]!.metadata.labels ?? {};
    // A node without any of the labels is in a cluster without zones.
    if (!topologyKeys.some((key) => labels[key] !== undefined)) return null;
    for (const { key, values } of this.topologies) {
      const value = labels[key] ?? labels[successors[key] ?? ''];
      if (value === undefined || !values.includes(value)) return this.conflict;
    }
    return null;
  }

  eventsToRegister(): readonly EventInterest[] {
    const { StorageClassAdd, ClaimAdd, ClaimUpdate, VolumeAdd, VolumeUpdate, NodeAdd, NodeLabel } = EventKind;
    return [{ kinds: StorageClassAdd | ClaimAdd | ClaimUpdate | VolumeAdd | VolumeUpdate | NodeAdd | NodeLabel }];
  }

  hint(pod: PodInfo, event: ClusterEvent): boolean {
    if ((event.kinds & EventKind.StorageClassAdd) !== 0) {
      return (event.object as StorageClass | undefined)?.volumeBindingMode === 'WaitForFirstConsumer';
    }
    return claimEventHelps(pod, event);
  }

  private addTopologies(claim: PersistentVolumeClaim): Status | null {
    const { objects } = this.handle;
    const name = claim.spec.volumeName ?? '';
    if (name === '') {
      const className = classOf(claim);
      if (className === '')
        return unresolvable(this.name, 'PersistentVolumeClaim had no pv name and storageClass name');
      const storageClass = objects.storageClasses.get('', className);
      if (storageClass === undefined)
        return unresolvable(this.name, `storageclass.storage.k8s.io "${className}" not found`);
      if (storageClass.volumeBindingMode === 'WaitForFirstConsumer') return null;
      return unresolvable(this.name, 'PersistentVolume had no name');
    }
    const volume = objects.volumes.get('', name);
    if (volume === undefined) return unresolvable(this.name, `persistentvolume "${name}" not found`);
    for (const key of topologyKeys) {
      const value = volume.metadata.labels?.[key];
      if (value !== undefined) this.topologies.push({ key, values: value.split('__') });
    }
    return null;
  }
}
