import type { Node, Pod } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import { resources } from '../api/resources.js';
import type { Informer, InformerFactory } from '../client/types.js';
import type { ClusterObjects, ObjectStore } from './cache/cluster-objects.js';
import { EventKind } from './framework/events.js';
import { NodeHandler, ObjectHandler, PodHandler, type SchedulerInputs } from './informer-handlers.js';

/** Registers the scheduler's handlers with the informers of everything it looks at; returns these informers. */
export function watchObjects(
  factory: InformerFactory,
  objects: ClusterObjects,
  inputs: SchedulerInputs,
): readonly Informer<KubernetesObject>[] {
  const informers: Informer<KubernetesObject>[] = [];
  const nodes = factory.informer<Node>('nodes');
  nodes.addEventHandler(new NodeHandler(inputs));
  const pods = factory.informer<Pod>('pods');
  pods.addEventHandler(new PodHandler(inputs));
  informers.push(nodes as unknown as Informer<KubernetesObject>, pods as unknown as Informer<KubernetesObject>);
  const served = new Set(resources().map((info) => info.resource));
  const watch = <T extends KubernetesObject>(
    resource: string,
    store: ObjectStore<T>,
    added: number,
    updated: number,
  ): void => {
    if (!served.has(resource)) return;
    const informer = factory.informer<T>(resource);
    informer.addEventHandler(new ObjectHandler(store, inputs, added, updated));
    informers.push(informer as unknown as Informer<KubernetesObject>);
  };
  watch('namespaces', objects.namespaces, 0, 0);
  watch('services', objects.services, 0, 0);
  watch('replicasets', objects.replicaSets, 0, 0);
  watch('statefulsets', objects.statefulSets, 0, 0);
  watch('replicationcontrollers', objects.replicationControllers, 0, 0);
  watch('poddisruptionbudgets', objects.disruptionBudgets, 0, 0);
  watch('persistentvolumeclaims', objects.claims, EventKind.ClaimAdd, EventKind.ClaimUpdate);
  watch('persistentvolumes', objects.volumes, EventKind.VolumeAdd, EventKind.VolumeUpdate);
  watch('storageclasses', objects.storageClasses, EventKind.StorageClassAdd, EventKind.StorageClassUpdate);
  watch('csidrivers', objects.csiDrivers, 0, EventKind.CsiDriverUpdate);
  watch('csinodes', objects.csiNodes, EventKind.CsiNodeAdd, EventKind.CsiNodeUpdate);
  return informers;
}
