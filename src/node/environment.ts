import { type ConfigurationObject, environmentReferences, missingKey, type ObjectReference } from '../api/pod-references.js';
import { type ApiResponse, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import { Slots } from '../kernel/slots.js';
import type { Fleet } from './fleet.js';
import { type ContainerRecord, WORK_SYNCING } from './records.js';

/** A container whose environment is being read. */
interface Reading {
  readonly container: ContainerRecord;
  /** Sync of its pod and life of its kubelet. */
  readonly sync: number;
  readonly epoch: number;
  /** What goes before the creation of the container. */
  readonly cost: number;
  /** What has been read so far; null: it is optional and not there. */
  readonly objects: (ConfigurationObject | null)[];
}

/**
 * ConfigMaps and Secrets of containers' environments (kubelet_pods.go makeEnvironmentVariables). A reading counts as one GET of each
 * object: the kubelet's list and watch of it, begun when the first pod that needs it comes.
 */
export class Environments implements ResponseReceiver {
  private readonly fleet: Fleet;
  private readonly readings = new Slots<Reading>();

  constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  /** Reads what the environment needs, then `PodWorkers.environmentRead` or `environmentFailed`; false: it needs nothing. */
  read(container: ContainerRecord, cost: number): boolean {
    if (environmentReferences(container.spec).length === 0) return false;
    const { pod } = container;
    this.ask(this.readings.put({ container, sync: pod.syncs, epoch: pod.node.epoch, cost, objects: [] }));
    return true;
  }

  private ask(slot: number): void {
    const { container, objects } = this.readings.get(slot);
    const { pod } = container;
    const { resource, name } = environmentReferences(container.spec)[objects.length]!;
    pod.node.client!.request({ verb: 'get', resource, namespace: pod.pod.metadata.namespace, name }, this, slot);
  }

  receive(slot: number, response: ApiResponse): void {
    const reading = this.readings.get(slot);
    const { container, sync, epoch, cost, objects } = reading;
    const { pod } = container;
    const references = environmentReferences(container.spec);
    const goesOn = pod.node.epoch === epoch && pod.work === WORK_SYNCING && pod.syncs === sync && pod.toStart[0] === container;
    const problem = goesOn ? problemOf(references[objects.length]!, response, pod.pod.metadata.namespace) : '';
    if (goesOn && problem === '') {
      objects.push(succeeded(response) ? (response.object as ConfigurationObject) : null);
      if (objects.length < references.length) {
        this.ask(slot);
        return;
      }
    }
    this.readings.take(slot);
    if (!goesOn) return;
    if (problem === '') {
      container.environmentObjects = objects;
      this.fleet.workers.environmentRead(container, cost);
    } else this.fleet.workers.environmentFailed(container, problem);
  }
}

/** Why the environment cannot be made; empty: it can. */
function problemOf(reference: ObjectReference, response: ApiResponse, namespace: string): string {
  const { resource, name, optional, keys } = reference;
  const kind = resource === 'configmaps' ? 'configmap' : 'secret';
  if (response.code === 404) return optional ? '' : `${kind} "${name}" not found`;
  if (!succeeded(response)) return `failed to sync ${kind} cache: timed out waiting for the condition`;
  const key = missingKey(reference, response.object as ConfigurationObject, true);
  if (key === '' || optional || keys.length === 0) return '';
  return `couldn't find key ${key} in ${kind === 'configmap' ? 'ConfigMap' : 'Secret'} ${namespace}/${name}`;
}
