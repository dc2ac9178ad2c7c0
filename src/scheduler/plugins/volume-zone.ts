import { equal } from '../../api/equal.js';
import { type KubernetesObject, keyOf } from '../../api/meta.js';
import type { PersistentVolumeClaim, StorageClass } from '../cache/cluster-objects.js';
import type { PodInfo } from '../cache/pod-info.js';
import type { Cycle } from '../framework/cycle.js';
import { type ClusterEvent, type EventInterest, EventKind } from '../framework/events.js';
import type { Handle, Plugin } from '../framework/plugin.js';
import { type Status, skip, unresolvable } from '../framework/status.js';
import { claimNotFound, classOf } from './volume-common.js';

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

/** Where labels place a volume. A value that names an empty zone is no good and is left out (LabelZonesToSet). */
function topologiesOf(volume: KubernetesObject): { readonly key: string; readonly values: readonly string[] }[] {
  return topologyKeys.flatMap((key) => {
    const values = volume.metadata.labels?.[key]?.split('__').map((value) => value.trim());
    return values === undefined || values.includes('') ? [] : [{ key, values }];
  });
}

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
    const { pod, shape } = cycle.pod;
    if (shape.plainVolumes) return this.skipped;
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
    if ((event.kinds & EventKind.VolumeUpdate) !== 0 && event.old !== undefined) {
      return !equal(topologiesOf(event.old), topologiesOf(event.object!));
    }
    if ((event.kinds & (EventKind.ClaimAdd | EventKind.ClaimUpdate)) === 0) return true;
    return pod.shape.claims.includes(keyOf(event.object!));
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
      if (storageClass.volumeBindingMode === undefined)
        return unresolvable(this.name, `VolumeBindingMode not set for StorageClass "${className}"`);
      if (storageClass.volumeBindingMode === 'WaitForFirstConsumer') return null;
      return unresolvable(this.name, 'PersistentVolume had no name');
    }
    const volume = objects.volumes.get('', name);
    if (volume === undefined) return unresolvable(this.name, `persistentvolume "${name}" not found`);
    this.topologies.push(...topologiesOf(volume));
    return null;
  }
}
