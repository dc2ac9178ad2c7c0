import type { EndpointAddress, Endpoints, EndpointSubset } from '../api/cluster-kinds.js';
import { isPodReady, isPodTerminal, type Pod, type Service } from '../api/core.js';
import { equal } from '../api/equal.js';
import { matchesMap } from '../api/labels.js';
import { keyOf, type Labels } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import { Changes } from '../client/changes.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler } from '../client/types.js';
import { AddressList } from './address-list.js';
import { ControllerWorkers, objectRequest, Reconciliation, type Reconciler } from './controller.js';
import { endpointPorts, portsKey, type EndpointPort } from './endpoint-slice-policy.js';
import { NamespaceIndexer } from './endpointslice.js';
import { KeyHandler } from './handlers.js';
import { ServiceSelection } from './service-selection.js';

const WORKERS = 5;
const MAX_RETRIES = 15;
/** Addresses in one Endpoints object (maxCapacity). */
export const MAX_ADDRESSES = 1000;
export const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';

/** How a pod counts for a Service's Endpoints; undefined: not at all (no address, finished or going). */
export function endpointState(service: Service, pod: Pod): 'ready' | 'notReady' | undefined {
  const { podIP } = pod.status;
  if (podIP === undefined || podIP === '' || isPodTerminal(pod) || pod.metadata.deletionTimestamp !== undefined) return undefined;
  return service.spec.publishNotReadyAddresses === true || isPodReady(pod) ? 'ready' : 'notReady';
}

/** Addresses of a Service's pods with the same ports, each list in order of address. */
interface AddressGroup {
  readonly ports: readonly EndpointPort[];
  readonly ready: AddressList;
  readonly notReady: AddressList;
}

/** Where a pod stands in its group. */
interface Place {
  readonly group: AddressGroup;
  readonly state: 'ready' | 'notReady';
  readonly address: EndpointAddress;
}

/**
 * The pods of one Service as its Endpoints object will name them, kept in order at each change, so that a change costs what moves and
 * unchanged addresses stay the same objects (pkg/controller/endpoint, endpoints.RepackSubsets).
 */
export class ServiceAddresses {
  private readonly groups = new Map<string, AddressGroup>();
  private readonly places = new Map<string, Place>();
  private count = 0;
  /** The subsets of the last call, as long as nothing within the capacity has changed. */
  private known: readonly EndpointSubset[] | null = null;

  /** Keeps a pod as what it is now; without a state it is taken out. */
  put(service: Service, uid: string, pod: Pod | undefined, state: 'ready' | 'notReady' | undefined): void {
    const place = this.places.get(uid);
    if (pod === undefined || state === undefined) {
      if (place !== undefined) this.take(uid, place);
      return;
    }
    const ports = endpointPorts(service, pod);
    const key = portsKey(ports);
    let group = this.groups.get(key);
    if (group === undefined) {
      group = { ports, ready: new AddressList(), notReady: new AddressList() };
      this.groups.set(key, group);
    }
    const address = addressOf(pod);
    const same = place !== undefined && equal(place.address, address);
    if (same && place.group === group && place.state === state) return;
    if (place !== undefined) this.take(uid, place);
    const known = same ? place.address : address;
    this.changed(group, state, group[state].insert(known));
    this.places.set(uid, { group, state, address: known });
    this.count++;
  }

  private take(uid: string, { group, state, address }: Place): void {
    this.changed(group, state, group[state].remove(address));
    this.places.delete(uid);
    this.count--;
  }

  /** An address came or went at a rank of a list: what lies beyond the capacity does not show. */
  private changed(group: AddressGroup, state: 'ready' | 'notReady', rank: number): void {
    if (this.known === null) return;
    let before = rank;
    if (state === 'notReady') for (const each of this.groups.values()) before += each.ready.length;
    for (const each of this.groups.values()) {
      if (each === group) break;
      before += each[state].length;
    }
    if (before < MAX_ADDRESSES) this.known = null;
  }

  /** The subsets, truncated at the capacity, ready addresses first. The same array until they change. */
  subsets(): { readonly subsets: readonly EndpointSubset[]; readonly truncated: boolean } {
    this.known ??= this.repack();
    return { subsets: this.known, truncated: this.count > MAX_ADDRESSES };
  }

  private repack(): readonly EndpointSubset[] {
    let room = MAX_ADDRESSES;
    const taken = new Map<AddressGroup, readonly EndpointAddress[]>();
    for (const group of this.groups.values()) {
      const ready = group.ready.first(room);
      room -= ready.length;
      taken.set(group, ready);
    }
    const subsets: EndpointSubset[] = [];
    for (const [group, ready] of taken) {
      const notReady = group.notReady.first(room);
      room -= notReady.length;
      if (ready.length === 0 && notReady.length === 0) continue;
      subsets.push({
        ...(ready.length === 0 ? {} : { addresses: ready }),
        ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
        ports: group.ports,
      });
    }
    return subsets;
  }
}

function addressOf(pod: Pod): EndpointAddress {
  const { namespace, name, uid } = pod.metadata;
  return {
    ip: pod.status.podIP!,
    ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
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
    this.pods.addEventHandler(new PodHandler(this));
    this.workers.start(this, [this.services, this.pods, this.endpoints]);
  }

  reconcile(key: string): Reconciliation | null {
    const service = this.services.get(key);
    const current = this.endpoints.get(key);
    if (service === undefined) return current === undefined ? null : new WriteEndpoints('delete', current);
    const { selector, type } = service.spec;
    if (selector === undefined || type === 'ExternalName') return null;
    const { subsets, truncated } = this.addressesOf(key).subsets();
    if (current !== undefined && equal(current.subsets ?? [], subsets) && equal(current.metadata.labels, endpointsLabels(service))) return null;
    return new WriteEndpoints(current === undefined ? 'create' : 'update', endpointsObject(service, current, subsets, truncated));
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

/** Labels of the Service, and who manages the object. */
function endpointsLabels(service: Service): Labels {
  return { ...service.metadata.labels, 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' };
}

function endpointsObject(service: Service, current: Endpoints | undefined, subsets: readonly EndpointSubset[], truncated: boolean): Endpoints {
  const { name, namespace } = service.metadata;
  const fresh: Endpoints = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name,
      namespace,
      uid: '',
      resourceVersion: 0,
      generation: 0,
      creationTimestamp: 0,
      labels: endpointsLabels(service),
    },
  };
  const base = current ?? fresh;
  const annotations = truncated ? { annotations: { ...base.metadata.annotations, [OVER_CAPACITY]: 'truncated' } } : {};
  return { ...base, metadata: { ...base.metadata, labels: endpointsLabels(service), ...annotations }, subsets };
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

class PodHandler implements ResourceEventHandler<Pod> {
  readonly updates = Changes.Labels | Changes.Deletion | Changes.Spec | Changes.Readiness | Changes.Phase | Changes.Address;
  private readonly controller: EndpointsController;

  constructor(controller: EndpointsController) {
    this.controller = controller;
  }

  onAdd(pod: Pod): void {
    this.controller.podChanged(undefined, pod);
  }

  onUpdate(old: Pod, pod: Pod): void {
    this.controller.podChanged(old, pod);
  }

  onDelete(pod: Pod): void {
    this.controller.podChanged(pod, undefined);
  }
}

class WriteEndpoints extends Reconciliation {
  private readonly verb: 'create' | 'update' | 'delete';
  private readonly body: Endpoints;
  private sent = false;

  constructor(verb: 'create' | 'update' | 'delete', body: Endpoints) {
    super();
    this.verb = verb;
    this.body = body;
  }

  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    if (this.sent) {
      const response = responses[0]!;
      return succeeded(response) || (this.verb === 'delete' && response.code === 404) ? null : this.fail(response.message ?? 'request failed');
    }
    this.sent = true;
    return [objectRequest(this.verb, 'endpoints', this.body, this.verb === 'delete' ? {} : { body: this.body })];
  }
}
