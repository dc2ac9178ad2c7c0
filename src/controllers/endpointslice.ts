import { isPodReady, type Node, type Pod, podCondition, type Service } from '../api/core.js';
import { matchesMap } from '../api/labels.js';
import { keyOf, type KubernetesObject } from '../api/meta.js';
import type { Endpoint, EndpointSlice } from '../api/workloads.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Indexer, Informer, ResourceEventHandler, WorkQueue } from '../client/types.js';
import { SECOND, type Time } from '../kernel/time.js';
import { ControllerWorkers, objectRequest, type Reconciler, type Reconciliation, StagedReconciliation, type Step } from './controller.js';
import { type EndpointChange, endpointPorts, newSlice, planSlices, podEndpoint, type SlicePlan } from './endpoint-slice-policy.js';
import { EndpointPodHandler, ServiceSelection } from './service-selection.js';

const WORKERS = 5;
const MAX_RETRIES = 15;
/** Back-off of a failed service (endpointslice_controller.go: 1 s … 1000 s). */
const BASE_DELAY = SECOND;
const MAXIMUM_DELAY = 1000 * SECOND;
/** A change of a slice by somebody else is looked at after this long (minSyncDelay). */
const FOREIGN_CHANGE_DELAY = SECOND;

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
export const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';
export const SLICE_CONTROLLER = 'endpointslice-controller.k8s.io';
const HEADLESS_LABEL = 'service.kubernetes.io/headless';
const ZONE_LABEL = 'topology.kubernetes.io/zone';
const BY_NAMESPACE = 'namespace';

/** Index of objects by namespace. */
export class NamespaceIndexer implements Indexer<KubernetesObject> {
  readonly name = BY_NAMESPACE;
  readonly dependsOn = 0;
  valueOf(object: KubernetesObject): string {
    return object.metadata.namespace;
  }
}

/** What the controller knows of one Service: its pods, which of them may have changed, and where their endpoints are. */
class ServiceState {
  readonly members = new Map<string, Pod>();
  /** Pods to look at in the next sync, by uid; the value is the last version, undefined when it is gone. */
  readonly dirty = new Set<string>();
  readonly slices = new Map<string, EndpointSlice>();
  /** Slice name by pod uid. */
  readonly location = new Map<string, string>();
  /** resourceVersions of own writes that the cache must have reached before the next sync (EndpointSliceTracker). */
  readonly expected = new Map<string, number>();
  /** Newest change of a pod that a slice was written for (TriggerTimeTracker). */
  triggered: Time = -1;
}

/** The EndpointSlice controller (pkg/controller/endpointslice): Services and pods in, slices of at most 100 endpoints out. */
export class EndpointSliceController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly recorder: EventRecorder;
  private readonly services: Informer<Service>;
  private readonly pods: Informer<Pod>;
  private readonly selection: ServiceSelection;
  private readonly nodes: Informer<Node>;
  private readonly states = new Map<string, ServiceState>();

  constructor(context: ProcessContext, client: ApiClient) {
    this.recorder = context.eventRecorder('endpoint-slice-controller', client);
    this.services = context.informers.informer<Service>('services');
    this.pods = context.informers.informer<Pod>('pods');
    this.nodes = context.informers.informer<Node>('nodes');
    const slices = context.informers.informer<EndpointSlice>('endpointslices');
    this.pods.addIndexer(new NamespaceIndexer());
    this.selection = new ServiceSelection(this.services, this.pods);
    this.workers = new ControllerWorkers(context, {
      name: 'endpointslice',
      workers: WORKERS,
      client,
      maxRetries: MAX_RETRIES,
      baseDelay: BASE_DELAY,
      maximumDelay: MAXIMUM_DELAY,
    });
    this.services.addEventHandler(new ServiceHandler(this));
    this.pods.addEventHandler(new EndpointPodHandler(this));
    slices.addEventHandler(new SliceHandler(this));
    this.workers.start(this, [this.services, this.pods, this.nodes, slices]);
  }

  get queue(): WorkQueue {
    return this.workers.queue;
  }

  reconcile(key: string): Reconciliation | null {
    const service = this.services.get(key);
    if (service === undefined) {
      this.states.delete(key);
      return null;
    }
    if (service.spec.type === 'ExternalName' || service.spec.selector === undefined) return null;
    return new EndpointSliceSync(this, service, this.state(key));
  }

  state(key: string): ServiceState {
    let state = this.states.get(key);
    if (state === undefined) {
      state = new ServiceState();
      this.states.set(key, state);
    }
    return state;
  }

  zoneOf(nodeName: string | undefined): string | undefined {
    return nodeName === undefined ? undefined : this.nodes.get(nodeName)?.metadata.labels?.[ZONE_LABEL];
  }

  /** A Service came or changed: its pods are found again when the selector did, and all are looked at. */
  serviceChanged(old: Service | undefined, service: Service): void {
    const key = keyOf(service);
    const state = this.state(key);
    const { selector } = service.spec;
    if (selector !== undefined && old?.spec.selector !== selector) {
      for (const uid of state.members.keys()) state.dirty.add(uid);
      state.members.clear();
      for (const pod of this.selection.selected(service.metadata.namespace, selector)) state.members.set(pod.metadata.uid, pod);
    }
    for (const uid of state.members.keys()) state.dirty.add(uid);
    this.queue.add(key);
  }

  /** A pod came, changed or went: the Services that select (or selected) it look at it. */
  podChanged(old: Pod | undefined, pod: Pod | undefined): void {
    const { namespace, uid, labels } = (pod ?? old)!.metadata;
    if (old === undefined) this.selection.podAdded();
    for (const service of this.selection.candidates(namespace, labels, (old ?? pod)!.metadata.labels)) {
      const { selector } = service.spec;
      if (selector === undefined) continue;
      const now = pod !== undefined && matchesMap(selector, pod.metadata.labels);
      const key = keyOf(service);
      const before = old !== undefined && this.state(key).members.has(uid);
      if (!now && !before) continue;
      const state = this.state(key);
      if (now) state.members.set(uid, pod);
      else state.members.delete(uid);
      if (now && before && !endpointChanged(old, pod)) continue;
      state.dirty.add(uid);
      this.queue.add(key);
    }
  }

  sliceChanged(slice: EndpointSlice, present: boolean): void {
    const service = slice.metadata.labels?.[SERVICE_NAME_LABEL];
    if (service === undefined || slice.metadata.labels?.[MANAGED_BY_LABEL] !== SLICE_CONTROLLER) return;
    const key = `${slice.metadata.namespace}/${service}`;
    const state = this.state(key);
    const { name, resourceVersion } = slice.metadata;
    const known = state.slices.get(name);
    relocate(state.location, name, known?.endpoints ?? NOBODY, present ? slice.endpoints : NOBODY);
    if (present) state.slices.set(name, slice);
    else state.slices.delete(name);
    const expected = state.expected.get(name);
    const own = expected !== undefined && (present ? resourceVersion <= expected : expected < 0);
    if (!present) state.expected.delete(name);
    if (own) return;
    for (const endpoint of known?.endpoints ?? []) state.dirty.add(endpoint.targetRef?.uid ?? '');
    for (const endpoint of slice.endpoints) state.dirty.add(endpoint.targetRef?.uid ?? '');
    this.queue.addAfter(key, FOREIGN_CHANGE_DELAY);
  }
}

const NOBODY: EndpointSlice['endpoints'] = [];

/** Notes where the endpoints of a slice are, given what it held before: unchanged ones, which most are, cost nothing. */
function relocate(location: Map<string, string>, name: string, before: EndpointSlice['endpoints'], now: EndpointSlice['endpoints']): void {
  let i = 0;
  let j = 0;
  while (i < before.length && j < now.length) {
    if (before[i] === now[j] || uidOf(before[i]!) === uidOf(now[j]!)) {
      i++;
      j++;
    } else if (before[i + 1] === now[j]) leave(location, name, before[i++]!);
    else break;
  }
  while (i < before.length) leave(location, name, before[i++]!);
  while (j < now.length) location.set(uidOf(now[j++]!), name);
}

function leave(location: Map<string, string>, name: string, endpoint: Endpoint): void {
  const uid = uidOf(endpoint);
  if (location.get(uid) === name) location.delete(uid);
}

function uidOf(endpoint: Endpoint): string {
  return endpoint.targetRef?.uid ?? '';
}

/** Whether something changed that endpoints show (podEndpointsChanged). */
function endpointChanged(old: Pod, pod: Pod): boolean {
  return (
    (old.metadata.deletionTimestamp === undefined) !== (pod.metadata.deletionTimestamp === undefined) ||
    old.status.podIP !== pod.status.podIP ||
    old.spec.nodeName !== pod.spec.nodeName ||
    isPodReady(old) !== isPodReady(pod) ||
    old.status.phase !== pod.status.phase
  );
}

/** resourceVersion that stands for "deleted by us". */
const DELETED = -1;

/** One sync of a Service's slices (syncService, then the reconciler's finalize: one write after the other). */
class EndpointSliceSync extends StagedReconciliation {
  private readonly controller: EndpointSliceController;
  private readonly service: Service;
  private readonly state: ServiceState;
  private readonly looked: string[];
  private plan: SlicePlan = { create: [], update: [], remove: [] };
  private requests: readonly ApiRequest[] = [];
  private index = -1;
  /** Earliest change of a pod that this sync writes for; −1: none is known. */
  private triggered: Time = -1;
  private newest: Time = -1;

  constructor(controller: EndpointSliceController, service: Service, state: ServiceState) {
    super();
    this.controller = controller;
    this.service = service;
    this.state = state;
    this.looked = [...state.dirty];
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    if (this.index < 0) {
      if (this.isStale()) return this.fail('EndpointSlice informer cache is out of date');
      // What has changed since this sync read its pods is for the next one.
      for (const uid of this.looked) this.state.dirty.delete(uid);
      this.makePlan();
    } else {
      const response = responses[0]!;
      if (!this.settled(response)) return this.failed(response);
    }
    if (++this.index >= this.requests.length) return null;
    return [this.requests[this.index]!];
  }

  /** Whether the cache has not yet seen an own write (StaleSlices). */
  private isStale(): boolean {
    for (const [name, version] of this.state.expected) {
      const slice = this.state.slices.get(name);
      if (version === DELETED ? slice !== undefined : slice === undefined || slice.metadata.resourceVersion < version) return true;
    }
    return false;
  }

  private makePlan(): void {
    const { state, service } = this;
    const changes: EndpointChange[] = [];
    for (const uid of this.looked) {
      const pod = state.members.get(uid);
      const name = state.location.get(uid);
      const slice = name === undefined ? undefined : state.slices.get(name);
      const endpoint = pod === undefined ? undefined : podEndpoint(pod, this.controller.zoneOf(pod.spec.nodeName), service);
      if (slice === undefined && endpoint === undefined) continue;
      changes.push({ uid, slice, endpoint, ports: pod === undefined ? [] : endpointPorts(service, pod) });
      if (pod !== undefined) this.noteTrigger(pod);
    }
    if (this.newest > state.triggered) state.triggered = this.newest;
    const plan = planSlices([...state.slices.values()], changes);
    // A Service never is without a slice: an empty one stands in, and the last one is emptied rather than deleted.
    const remaining = state.slices.size - plan.remove.length + plan.create.length;
    const placeholder = { endpoints: [], ports: [] };
    if (remaining > 0) this.plan = plan;
    else if (plan.remove.length > 0) {
      const [slice, ...remove] = plan.remove;
      const isPlaceholder = slice!.endpoints.length === 0 && slice!.ports.length === 0;
      this.plan = { ...plan, update: isPlaceholder ? [] : [{ slice: slice!, ...placeholder }], remove };
    } else this.plan = { ...plan, create: [placeholder] };
    this.requests = this.makeRequests();
  }

  private noteTrigger(pod: Pod): void {
    const time = podCondition(pod, 'Ready')?.lastTransitionTime ?? -1;
    if (time <= this.state.triggered) return;
    if (this.triggered < 0 || time < this.triggered) this.triggered = time;
    if (time > this.newest) this.newest = time;
  }

  private makeRequests(): ApiRequest[] {
    const requests: ApiRequest[] = [];
    for (const { endpoints, ports } of this.plan.create) {
      const body = this.newSlice(endpoints, ports);
      requests.push({ verb: 'create', resource: 'endpointslices', namespace: body.metadata.namespace, name: '', body });
    }
    for (const { slice, endpoints, ports } of this.plan.update) {
      const body: EndpointSlice = { ...slice, endpoints, ports, triggered: this.triggered };
      requests.push(objectRequest('update', 'endpointslices', slice, { body }));
    }
    for (const slice of this.plan.remove) requests.push(objectRequest('delete', 'endpointslices', slice));
    return requests;
  }

  private newSlice(endpoints: EndpointSlice['endpoints'], ports: EndpointSlice['ports']): EndpointSlice {
    const { metadata, spec } = this.service;
    const content = { addressType: 'IPv4', endpoints, ports, triggered: this.triggered } as const;
    return newSlice(this.service, content, {
      ...metadata.labels,
      [SERVICE_NAME_LABEL]: metadata.name,
      [MANAGED_BY_LABEL]: SLICE_CONTROLLER,
      ...(spec.clusterIP === 'None' ? { [HEADLESS_LABEL]: '' } : {}),
    });
  }

  /** Notes a write that succeeded; a slice that is gone already counts as deleted. */
  private settled(response: ApiResponse): boolean {
    const request = this.requests[this.index]!;
    if (request.verb === 'delete') {
      if (!succeeded(response) && response.code !== 404) return false;
      if (this.state.slices.has(request.name)) this.state.expected.set(request.name, DELETED);
      return true;
    }
    if (!succeeded(response)) return false;
    const { name, resourceVersion } = response.object!.metadata;
    this.state.expected.set(name, resourceVersion);
    return true;
  }

  private failed(response: ApiResponse): null {
    for (const uid of this.looked) this.state.dirty.add(uid);
    const { namespace, name } = this.service.metadata;
    const message = `Error updating Endpoint Slices for Service ${namespace}/${name}: ${response.message ?? ''}`;
    this.controller.recorder.event(this.service, 'Warning', 'FailedToUpdateEndpointSlices', message);
    return this.fail(message);
  }
}

class ServiceHandler implements ResourceEventHandler<Service> {
  private readonly controller: EndpointSliceController;

  constructor(controller: EndpointSliceController) {
    this.controller = controller;
  }

  onAdd(service: Service): void {
    this.controller.serviceChanged(undefined, service);
  }

  onUpdate(old: Service, service: Service): void {
    this.controller.serviceChanged(old, service);
  }

  onDelete(service: Service): void {
    this.controller.queue.add(keyOf(service));
  }
}

class SliceHandler implements ResourceEventHandler<EndpointSlice> {
  private readonly controller: EndpointSliceController;

  constructor(controller: EndpointSliceController) {
    this.controller = controller;
  }

  onAdd(slice: EndpointSlice): void {
    this.controller.sliceChanged(slice, true);
  }

  onUpdate(_old: EndpointSlice, slice: EndpointSlice): void {
    this.controller.sliceChanged(slice, true);
  }

  onDelete(slice: EndpointSlice): void {
    this.controller.sliceChanged(slice, false);
  }
}
