import type { Endpoints, EndpointSubset } from '../api/cluster-kinds.js';
import { isPodReady, isPodTerminal, type Pod, type Service } from '../api/core.js';
import { equal } from '../api/equal.js';
import { matchesMap } from '../api/labels.js';
import { keyOf, type Labels, splitKey } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler, WorkQueue } from '../client/types.js';
import { ControllerWorkers, objectRequest, Reconciliation, type Reconciler } from './controller.js';
import { NamespaceIndexer } from './endpointslice.js';
import { KeyHandler } from './handlers.js';
import { isNamespaceTerminating } from './pod-control.js';
import { ServiceAddresses } from './service-addresses.js';
import { EndpointPodHandler, ServiceSelection } from './service-selection.js';

export { MAX_ADDRESSES, ServiceAddresses } from './service-addresses.js';

const WORKERS = 5;
const MAX_RETRIES = 15;
export const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';
const HEADLESS = 'service.kubernetes.io/headless';
const MANAGED_BY = 'endpoints.kubernetes.io/managed-by';

/**
 * How a pod counts for a Service's Endpoints; undefined: not at all (no address, finished, or going: those count only where addresses
 * that are not ready are published; ShouldPodBeInEndpoints).
 */
export function endpointState(service: Service, pod: Pod): 'ready' | 'notReady' | undefined {
  const { podIP } = pod.status;
  const all = service.spec.publishNotReadyAddresses === true;
  if (podIP === undefined || podIP === '' || isPodTerminal(pod) || (pod.metadata.deletionTimestamp !== undefined && !all)) return undefined;
  return all || isPodReady(pod) ? 'ready' : 'notReady';
}

/** The legacy Endpoints controller: one object a Service, written whole at every change. */
export class EndpointsController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly recorder: EventRecorder;
  private readonly services: Informer<Service>;
  private readonly pods: Informer<Pod>;
  private readonly selection: ServiceSelection;
  private readonly endpoints: Informer<Endpoints>;
  private readonly members = new Map<string, ServiceAddresses>();
  /** Versions that were replaced by the controller's own last write, by Service. */
  private readonly stale = new Map<string, number>();

  constructor(context: ProcessContext, client: ApiClient) {
    this.recorder = context.eventRecorder('endpoint-controller', client);
    this.services = context.informers.informer<Service>('services');
    this.pods = context.informers.informer<Pod>('pods');
    this.endpoints = context.informers.informer<Endpoints>('endpoints');
    this.pods.addIndexer(new NamespaceIndexer());
    this.selection = new ServiceSelection(this.services, this.pods);
    this.workers = new ControllerWorkers(context, { name: 'endpoint', workers: WORKERS, client, maxRetries: MAX_RETRIES });
    this.services.addEventHandler(new ServiceHandler(this));
    this.services.addEventHandler(new KeyHandler<Service>(this.workers.queue));
    this.pods.addEventHandler(new EndpointPodHandler(this));
    this.endpoints.addEventHandler(new EndpointsHandler(this.workers.queue, this.endpoints));
    this.workers.start(this, [this.services, this.pods, this.endpoints]);
  }

  reconcile(key: string): Reconciliation | null {
    const service = this.services.get(key);
    const current = this.endpoints.get(key);
    if (service === undefined) {
      this.stale.delete(key);
      // Also if it is not known: the Service may have been gone before the cache showed what was made for it.
      const { namespace, name } = splitKey(key);
      return new WriteEndpoints(this, 'delete', current ?? emptyEndpoints(namespace, name));
    }
    const { selector, type } = service.spec;
    if (selector === undefined || type === 'ExternalName') return null;
    const { subsets, truncated } = this.addressesOf(key).subsets();
    if (current === undefined) return new WriteEndpoints(this, 'create', endpointsObject(service, emptyEndpoints(service.metadata.namespace, service.metadata.name), subsets, truncated));
    if (this.stale.get(key) === current.metadata.resourceVersion) return new OutdatedCache();
    const marked = (current.metadata.annotations?.[OVER_CAPACITY] !== undefined) === truncated;
    if (marked && equal(current.subsets ?? [], subsets) && hasLabels(current, service)) return null;
    return new WriteEndpoints(this, 'update', endpointsObject(service, current, subsets, truncated));
  }

  /** A version was replaced: a cache that still shows it is behind (staleEndpointsTracker). */
  replaced({ metadata }: Endpoints): void {
    this.stale.set(`${metadata.namespace}/${metadata.name}`, metadata.resourceVersion);
  }

  private addressesOf(key: string): ServiceAddresses {
    let addresses = this.members.get(key);
    if (addresses === undefined) {
      addresses = new ServiceAddresses();
      this.members.set(key, addresses);
    }
    return addresses;
  }

  /** A Service came, or has another selector: its pods are found anew. */
  serviceChanged(service: Service): void {
    const key = keyOf(service);
    this.members.delete(key);
    const { selector } = service.spec;
    if (selector === undefined) return;
    const members = this.addressesOf(key);
    for (const pod of this.selection.selected(service.metadata.namespace, selector)) {
      members.put(service, pod.metadata.uid, pod, endpointState(service, pod));
    }
  }

  serviceDeleted(service: Service): void {
    this.members.delete(keyOf(service));
  }

  podChanged(old: Pod | undefined, pod: Pod | undefined): void {
    const { namespace, uid, labels } = (pod ?? old)!.metadata;
    if (old === undefined) this.selection.podAdded();
    for (const service of this.selection.candidates(namespace, labels, (old ?? pod)!.metadata.labels)) {
      const { selector } = service.spec;
      if (selector === undefined) continue;
      const now = pod !== undefined && matchesMap(selector, pod.metadata.labels);
      const before = old !== undefined && matchesMap(selector, old.metadata.labels);
      if (!now && !before) continue;
      const key = keyOf(service);
      if (now && before && !endpointChanged(old, pod)) continue;
      this.addressesOf(key).put(service, uid, now ? pod : undefined, now ? endpointState(service, pod!) : undefined);
      this.workers.queue.add(key);
    }
  }
}

class ServiceHandler implements ResourceEventHandler<Service> {
  private readonly controller: EndpointsController;

  constructor(controller: EndpointsController) {
    this.controller = controller;
  }

  onAdd(service: Service): void {
    this.controller.serviceChanged(service);
  }

  onUpdate(old: Service, service: Service): void {
    if (old.spec !== service.spec) this.controller.serviceChanged(service);
  }

  onDelete(service: Service): void {
    this.controller.serviceDeleted(service);
  }
}

/** Labels of the Service, who manages the object, and whether the Service has no address. */
function endpointsLabels(service: Service): Labels {
  const { clusterIP = '' } = service.spec;
  const { [HEADLESS]: _, ...labels } = service.metadata.labels ?? {};
  return { ...labels, ...(clusterIP === '' || clusterIP === 'None' ? { [HEADLESS]: '' } : {}), [MANAGED_BY]: 'endpoint-controller' };
}

/** Whether the labels are those of the Service, whatever is said of its address (labelsCorrectForEndpoints). */
function hasLabels({ metadata }: Endpoints, service: Service): boolean {
  const { [HEADLESS]: _, ...labels } = metadata.labels ?? {};
  const { [HEADLESS]: _headless, ...wanted } = endpointsLabels(service);
  return equal(labels, wanted);
}

function emptyEndpoints(namespace: string, name: string): Endpoints {
  const metadata = { name, namespace, uid: '', resourceVersion: 0, generation: 0, creationTimestamp: 0 };
  return { apiVersion: 'v1', kind: 'Endpoints', metadata };
}

function endpointsObject(service: Service, base: Endpoints, subsets: readonly EndpointSubset[], truncated: boolean): Endpoints {
  const { annotations, ...metadata } = base.metadata;
  const { [OVER_CAPACITY]: _, ...kept } = annotations ?? {};
  const marks = truncated ? { ...kept, [OVER_CAPACITY]: 'truncated' } : kept;
  const shown = Object.keys(marks).length === 0 ? {} : { annotations: marks };
  return { ...base, metadata: { ...metadata, labels: endpointsLabels(service), ...shown }, subsets };
}

/** Whether an endpoint of the legacy object would look different. */
function endpointChanged(old: Pod, pod: Pod): boolean {
  return (
    old.status.podIP !== pod.status.podIP ||
    old.spec.nodeName !== pod.spec.nodeName ||
    isPodReady(old) !== isPodReady(pod) ||
    old.status.phase !== pod.status.phase ||
    old.metadata.labels !== pod.metadata.labels ||
    (old.metadata.deletionTimestamp === undefined) !== (pod.metadata.deletionTimestamp === undefined)
  );
}

/** Brings back what somebody deletes; at the start it looks for what Services have left behind (checkLeftoverEndpoints). */
class EndpointsHandler implements ResourceEventHandler<Endpoints> {
  readonly updates = 0;
  private readonly queue: WorkQueue;
  private readonly endpoints: Informer<Endpoints>;

  constructor(queue: WorkQueue, endpoints: Informer<Endpoints>) {
    this.queue = queue;
    this.endpoints = endpoints;
  }

  onAdd(object: Endpoints): void {
    if (!this.endpoints.synced) this.queue.add(keyOf(object));
  }

  onUpdate(): void {}

  onDelete(object: Endpoints): void {
    this.queue.add(keyOf(object));
  }
}

/** The cache does not show the last write yet. */
class OutdatedCache extends Reconciliation {
  next(): null {
    return this.fail('endpoints informer cache is out of date');
  }
}

class WriteEndpoints extends Reconciliation {
  private readonly controller: EndpointsController;
  private readonly verb: 'create' | 'update' | 'delete';
  private readonly body: Endpoints;
  private sent = false;

  constructor(controller: EndpointsController, verb: 'create' | 'update' | 'delete', body: Endpoints) {
    super();
    this.controller = controller;
    this.verb = verb;
    this.body = body;
  }

  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    if (this.sent) return this.written(responses[0]!);
    this.sent = true;
    return [objectRequest(this.verb, 'endpoints', this.body, this.verb === 'delete' ? {} : { body: this.body })];
  }

  private written(response: ApiResponse): null {
    const { verb, body } = this;
    if (succeeded(response)) {
      if (verb === 'update' && response.object?.metadata.resourceVersion !== body.metadata.resourceVersion) this.controller.replaced(body);
      return null;
    }
    const message = response.message ?? 'request failed';
    if (verb === 'delete') return response.code === 404 ? null : this.fail(message);
    if (verb === 'create' && isNamespaceTerminating(response)) return null;
    const { namespace, name } = body.metadata;
    if (verb === 'create') this.controller.recorder.event(body, 'Warning', 'FailedToCreateEndpoint', `Failed to create endpoint for service ${namespace}/${name}: ${message}`);
    else this.controller.recorder.event(body, 'Warning', 'FailedToUpdateEndpoint', `Failed to update endpoint ${namespace}/${name}: ${message}`);
    return this.fail(message);
  }
}
