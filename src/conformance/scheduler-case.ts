import type { Node, Pod, Service } from '../api/core.js';
import { readManifest } from '../api/manifest.js';
import type { KubernetesObject } from '../api/meta.js';
import { isMap, type RawMap } from '../api/reader.js';
import type {
  CsiNode,
  DisruptionBudget,
  PersistentVolume,
  PersistentVolumeClaim,
  PodOwner,
  StorageClass,
} from '../scheduler/cache/cluster-objects.js';
import { readSchedulerConfiguration } from '../scheduler/config/configuration.js';
import type { KubernetesVersion } from '../scheduler/framework/features.js';
import { DefaultPreemption } from '../scheduler/plugins/default-preemption.js';
import { SchedulerCore } from '../scheduler/scheduler-core.js';

/** A recorded case: what the scheduler knows, and the pods to decide on (golden format). */
export interface SchedulerCase {
  readonly name: string;
  readonly category?: string;
  readonly config?: RawMap;
  readonly startIndex?: number;
  readonly sequence?: boolean;
  readonly [objects: string]: unknown;
}

/** Kinds of the lists of a case, by their key. */
const kinds: Readonly<Record<string, readonly [apiVersion: string, kind: string]>> = {
  nodes: ['v1', 'Node'],
  pods: ['v1', 'Pod'],
  nominated: ['v1', 'Pod'],
  pending: ['v1', 'Pod'],
  namespaces: ['v1', 'Namespace'],
  services: ['v1', 'Service'],
  replicationControllers: ['v1', 'ReplicationController'],
  replicaSets: ['apps/v1', 'ReplicaSet'],
  statefulSets: ['apps/v1', 'StatefulSet'],
  podDisruptionBudgets: ['policy/v1', 'PodDisruptionBudget'],
  persistentVolumeClaims: ['v1', 'PersistentVolumeClaim'],
  persistentVolumes: ['v1', 'PersistentVolume'],
  storageClasses: ['storage.k8s.io/v1', 'StorageClass'],
  csiNodes: ['storage.k8s.io/v1', 'CSINode'],
  csiDrivers: ['storage.k8s.io/v1', 'CSIDriver'],
};

/** Objects of one list of a case, read as the API server would hand them on. */
export function objectsOf<T extends KubernetesObject>(recorded: SchedulerCase, key: string): readonly T[] {
  const items = recorded[key];
  if (!Array.isArray(items)) return [];
  const [apiVersion, kind] = kinds[key]!;
  return items.map((item: unknown) => {
    const raw: RawMap = isMap(item) ? item : {};
    const object = readManifest({ ...raw, apiVersion, kind }).object as T;
    // A manifest's budget starts without status; a recorded one has the disruptions that it still allows.
    return kind === 'PodDisruptionBudget' ? { ...object, status: raw['status'] } : object;
  });
}

/** Uniform numbers for a replay, which never asks for a random choice that matters. */
class NoDraws {
  next(): number {
    return 0;
  }
}

export const noDraws = new NoDraws();

/** A scheduler with everything in it that a case describes. */
export function coreOf(recorded: SchedulerCase, version: KubernetesVersion): SchedulerCore {
  const { configuration, errors } = readSchedulerConfiguration(
    recorded.config ?? { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' },
    { version },
  );
  if (errors.length > 0)
    throw new Error(`configuration of case ${recorded.name}: ${errors[0]!.field}: ${errors[0]!.detail}`);
  const core = new SchedulerCore(version, noDraws, configuration);
  for (const framework of core.frameworks.values()) {
    for (const plugin of framework.plugins.postFilter)
      if (plugin instanceof DefaultPreemption) plugin.exhaustive = true;
  }
  const { objects } = core;
  for (const node of objectsOf<Node>(recorded, 'nodes')) core.cache.nodes.setNode(node);
  for (const pod of objectsOf<Pod>(recorded, 'pods')) core.cache.set(pod);
  for (const pod of objectsOf<Pod>(recorded, 'nominated'))
    core.nominator.add(core.cache.podInfo(pod), pod.status.nominatedNodeName ?? '');
  for (const object of objectsOf(recorded, 'namespaces')) objects.namespaces.set(clusterScoped(object));
  for (const object of objectsOf<Service>(recorded, 'services')) objects.services.set(object);
  for (const object of objectsOf<PodOwner>(recorded, 'replicationControllers'))
    objects.replicationControllers.set(object);
  for (const object of objectsOf<PodOwner>(recorded, 'replicaSets')) objects.replicaSets.set(object);
  for (const object of objectsOf<PodOwner>(recorded, 'statefulSets')) objects.statefulSets.set(object);
  for (const object of objectsOf<DisruptionBudget>(recorded, 'podDisruptionBudgets'))
    objects.disruptionBudgets.set(object);
  for (const object of objectsOf<PersistentVolumeClaim>(recorded, 'persistentVolumeClaims')) objects.claims.set(object);
  for (const object of objectsOf<PersistentVolume>(recorded, 'persistentVolumes'))
    objects.volumes.set(clusterScoped(object));
  for (const object of objectsOf<StorageClass>(recorded, 'storageClasses'))
    objects.storageClasses.set(clusterScoped(object));
  for (const object of objectsOf<CsiNode>(recorded, 'csiNodes')) objects.csiNodes.set(clusterScoped(object));
  for (const object of objectsOf(recorded, 'csiDrivers')) objects.csiDrivers.set(clusterScoped(object));
  return core;
}

/** Without the default namespace that reading gives to kinds it has no table entry for. */
function clusterScoped<T extends KubernetesObject>(object: T): T {
  return object.metadata.namespace === '' ? object : { ...object, metadata: { ...object.metadata, namespace: '' } };
}
