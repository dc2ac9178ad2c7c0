import type { Endpoints, EndpointSubset } from '../api/cluster-kinds.js';
import type { Service } from '../api/core.js';
import { equal } from '../api/equal.js';
import { keyOf, type Labels } from '../api/meta.js';
import type { Endpoint, EndpointSlice } from '../api/workloads.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler } from '../client/types.js';
import { SECOND } from '../kernel/time.js';
import { ControllerWorkers, objectRequest, Reconciliation, type Reconciler } from './controller.js';
import { newSlice, portsKey } from './endpoint-slice-policy.js';
import { MANAGED_BY_LABEL, NamespaceIndexer, SERVICE_NAME_LABEL } from './endpointslice.js';
import { isNamespaceTerminating } from './pod-control.js';

const WORKERS = 5;
const MAX_RETRIES = 15;
/** Back-off of a failed object (endpointslicemirroring_controller.go: 1 s … 100 s). */
const BASE_DELAY = SECOND;
const MAXIMUM_DELAY = 100 * SECOND;
/** Addresses of one subset that are mirrored (--mirroring-max-endpoints-per-subset). */
const MAX_PER_SUBSET = 1000;
export const MIRRORING_CONTROLLER = 'endpointslicemirroring-controller.k8s.io';
const SKIP_MIRROR_LABEL = 'endpointslice.kubernetes.io/skip-mirror';
const LEADER_ANNOTATION = 'control-plane.alpha.kubernetes.io/leader';

/** Content of one mirrored slice. */
interface Mirror {
  readonly addressType: EndpointSlice['addressType'];
  readonly ports: EndpointSlice['ports'];
  readonly endpoints: Endpoint[];
}

/** Whether an Endpoints object is to be mirrored, as far as it says so itself (shouldMirror). */
export function shouldMirror({ metadata }: Endpoints): boolean {
  return metadata.labels?.[SKIP_MIRROR_LABEL] !== 'true' && metadata.annotations?.[LEADER_ANNOTATION] === undefined;
}

/** The slices that an Endpoints object asks for: one for each address type and list of ports; and how many addresses are too many. */
export function mirrored(subsets: readonly EndpointSubset[]): { readonly mirrors: readonly Mirror[]; readonly skipped: number; readonly invalid: number } {
  const mirrors = new Map<string, Mirror>();
  let skipped = 0;
  let invalid = 0;
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets) {
    let count = 0;
    const all = [...addresses.map((address) => ({ address, ready: true })), ...notReadyAddresses.map((address) => ({ address, ready: false }))];
    for (const { address, ready } of all) {
      if (count === MAX_PER_SUBSET) {
        skipped++;
        continue;
      }
      if (!isAddress(address.ip)) {
        skipped++;
        invalid++;
        continue;
      }
      count++;
      const addressType = address.ip.includes(':') ? 'IPv6' : 'IPv4';
      const key = `${addressType} ${portsKey(ports)}`;
      let mirror = mirrors.get(key);
      if (mirror === undefined) {
        mirror = { addressType, ports, endpoints: [] };
        mirrors.set(key, mirror);
      }
      mirror.endpoints.push({
        addresses: [address.ip],
        conditions: { ready, serving: ready, terminating: false },
        ...(address.nodeName === undefined ? {} : { nodeName: address.nodeName }),
        ...(address.hostname === undefined || address.hostname === '' ? {} : { hostname: address.hostname }),
        ...(address.targetRef === undefined ? {} : { targetRef: address.targetRef }),
      });
    }
  }
  return { mirrors: [...mirrors.values()], skipped, invalid };
}

/** Whether a text is an address: four numbers, or groups of hexadecimal digits between colons. */
function isAddress(text: string): boolean {
  if (!text.includes(':')) return /^\d{1,3}(\.\d{1,3}){3}$/.test(text) && text.split('.').every((part) => Number(part) <= 255);
  const groups = text.split(':');
  const short = text.includes('::');
  return groups.length >= 3 && (short ? groups.length <= 9 && text.split('::').length === 2 : groups.length === 8) && groups.every((group) => /^[\da-fA-F]{0,4}$/.test(group));
}

/** Mirrors Endpoints of Services without selector to EndpointSlices (pkg/controller/endpointslicemirroring). */
export class EndpointSliceMirroringController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly recorder: EventRecorder;
  /** resourceVersions of own writes that the cache must show before the next sync, by object and slice (EndpointSliceTracker). */
  readonly expected = new Map<string, Map<string, number>>();
  private readonly endpoints: Informer<Endpoints>;
  private readonly services: Informer<Service>;
  private readonly slices: Informer<EndpointSlice>;

  constructor(context: ProcessContext, client: ApiClient) {
    this.recorder = context.eventRecorder('endpoint-slice-mirroring-controller', client);
    this.endpoints = context.informers.informer<Endpoints>('endpoints');
    this.services = context.informers.informer<Service>('services');
    this.slices = context.informers.informer<EndpointSlice>('endpointslices');
    this.slices.addIndexer(new NamespaceIndexer());
    const delays = { baseDelay: BASE_DELAY, maximumDelay: MAXIMUM_DELAY };
    this.workers = new ControllerWorkers(context, { name: 'endpointslicemirroring', workers: WORKERS, client, maxRetries: MAX_RETRIES, ...delays });
    this.endpoints.addEventHandler(new EndpointsHandler(this));
    this.services.addEventHandler(new ServiceHandler(this));
    this.slices.addEventHandler(new SliceHandler(this));
    this.workers.start(this, [this.endpoints, this.services, this.slices]);
  }

  reconcile(key: string): Reconciliation | null {
    const endpoints = this.endpoints.get(key);
    const service = this.services.get(key);
    const namespace = key.slice(0, key.indexOf('/'));
    const own: EndpointSlice[] = [];
    for (const slice of this.slices.byIndex('namespace', namespace)) {
      const labels = slice.metadata.labels;
      if (labels?.[MANAGED_BY_LABEL] === MIRRORING_CONTROLLER && `${namespace}/${labels[SERVICE_NAME_LABEL]}` === key) own.push(slice);
    }
    if (endpoints === undefined || service === undefined || !shouldMirror(endpoints)) {
      this.expected.delete(key);
      return own.length === 0 ? null : new MirrorSync(this, key, undefined, own);
    }
    // A Service that gets a selector keeps what was mirrored: the EndpointSlice controller adds its own beside.
    if (service.spec.selector !== undefined) return null;
    return new MirrorSync(this, key, endpoints, own);
  }

  /** Whether the Service of an Endpoints object has a selector: such objects are most, and never mirrored. */
  selects(key: string): boolean {
    return this.services.get(key)?.spec.selector !== undefined;
  }
}

const NOT_MIRRORED: readonly string[] = ['endpoints.kubernetes.io/last-change-trigger-time', 'kubectl.kubernetes.io/last-applied-configuration'];

/** Annotations of an Endpoints object that its slices have too. */
function annotationsOf({ metadata }: Endpoints): { readonly annotations?: Labels } {
  const kept = Object.entries(metadata.annotations ?? {}).filter(([name]) => !NOT_MIRRORED.includes(name));
  return kept.length === 0 ? {} : { annotations: Object.fromEntries(kept) as Labels };
}

class MirrorSync extends Reconciliation {
  private readonly controller: EndpointSliceMirroringController;
  private readonly key: string;
  private readonly endpoints: Endpoints | undefined;
  private readonly own: readonly EndpointSlice[];
  private requests: readonly ApiRequest[] = [];
  private sent = false;

  constructor(controller: EndpointSliceMirroringController, key: string, endpoints: Endpoints | undefined, own: readonly EndpointSlice[]) {
    super();
    this.controller = controller;
    this.key = key;
    this.endpoints = endpoints;
    this.own = own;
  }

  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    if (this.sent) return this.answered(responses);
    if (this.isStale()) return this.fail('EndpointSlice informer cache is out of date');
    this.requests = this.plan();
    this.sent = true;
    return this.requests.length === 0 ? null : this.requests;
  }

  private isStale(): boolean {
    const expected = this.controller.expected.get(this.key);
    if (expected === undefined) return false;
    const seen = new Map(this.own.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
    for (const [name, revision] of expected) if ((seen.get(name) ?? -1) < revision) return true;
    return false;
  }

  /** Slices with the same ports stay; others take over what is missing before slices are made or deleted (recycleSlices). */
  private plan(): readonly ApiRequest[] {
    const { endpoints, own } = this;
    if (endpoints === undefined) return own.map((slice) => objectRequest('delete', 'endpointslices', slice));
    const { mirrors, skipped, invalid } = mirrored(endpoints.subsets ?? []);
    if (invalid > 0) this.controller.recorder.event(endpoints, 'Warning', 'InvalidIPAddress', `Skipped ${invalid} invalid IP addresses when mirroring to EndpointSlices`);
    if (skipped > invalid) {
      const message = `A max of ${MAX_PER_SUBSET} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`;
      this.controller.recorder.event(endpoints, 'Warning', 'TooManyAddressesToMirror', message);
    }
    const free = new Set(own);
    const requests: ApiRequest[] = [];
    const missing: Mirror[] = [];
    for (const mirror of mirrors) {
      const slice = own.find((each) => free.has(each) && each.addressType === mirror.addressType && portsKey(each.ports) === portsKey(mirror.ports));
      if (slice === undefined) {
        missing.push(mirror);
        continue;
      }
      free.delete(slice);
      const body = this.content(slice, mirror);
      if (!equal(body, slice)) requests.push(objectRequest('update', 'endpointslices', slice, { body }));
    }
    for (const mirror of missing) {
      const slice = [...free].find((each) => each.addressType === mirror.addressType);
      if (slice === undefined) {
        const made = newSlice(endpoints, mirror, this.labels());
        const body: EndpointSlice = { ...made, metadata: { ...made.metadata, ...annotationsOf(endpoints) } };
        requests.push({ verb: 'create', resource: 'endpointslices', namespace: body.metadata.namespace, name: '', body });
      } else {
        free.delete(slice);
        requests.push(objectRequest('update', 'endpointslices', slice, { body: this.content(slice, mirror) }));
      }
    }
    for (const slice of free) requests.push(objectRequest('delete', 'endpointslices', slice));
    return requests;
  }

  private content(slice: EndpointSlice, mirror: Mirror): EndpointSlice {
    const { annotations: _, ...metadata } = slice.metadata;
    return { ...slice, metadata: { ...metadata, labels: this.labels(), ...annotationsOf(this.endpoints!) }, ...mirror };
  }

  private labels(): Labels {
    const { name, labels } = this.endpoints!.metadata;
    return { ...labels, [SERVICE_NAME_LABEL]: name, [MANAGED_BY_LABEL]: MIRRORING_CONTROLLER };
  }

  private answered(responses: readonly ApiResponse[]): null {
    const expected = this.controller.expected.get(this.key) ?? new Map<string, number>();
    let failure: string | undefined;
    responses.forEach((response, i) => {
      const request = this.requests[i]!;
      if (request.verb === 'delete' && (succeeded(response) || response.code === 404)) expected.delete(request.name);
      else if (!succeeded(response)) {
        // Where the namespace goes nothing more can be made.
        if (request.verb === 'create' && isNamespaceTerminating(response)) return;
        const which = request.verb === 'create' ? '' : `${request.name} `;
        failure ??= `failed to ${request.verb} ${which}EndpointSlice for Endpoints ${this.key}: ${response.message ?? ''}`;
      } else expected.set(response.object!.metadata.name, response.object!.metadata.resourceVersion);
    });
    this.controller.expected.set(this.key, expected);
    return failure === undefined ? null : this.fail(failure);
  }
}

class EndpointsHandler implements ResourceEventHandler<Endpoints> {
  private readonly controller: EndpointSliceMirroringController;

  constructor(controller: EndpointSliceMirroringController) {
    this.controller = controller;
  }

  onAdd(endpoints: Endpoints): void {
    this.changed(endpoints, shouldMirror(endpoints));
  }

  onUpdate(old: Endpoints, endpoints: Endpoints): void {
    this.changed(endpoints, shouldMirror(old) || shouldMirror(endpoints));
  }

  onDelete(endpoints: Endpoints): void {
    this.changed(endpoints, shouldMirror(endpoints));
  }

  private changed(endpoints: Endpoints, mirrors: boolean): void {
    const key = keyOf(endpoints);
    if (mirrors && !this.controller.selects(key)) this.controller.workers.queue.add(key);
  }
}

class ServiceHandler implements ResourceEventHandler<Service> {
  private readonly controller: EndpointSliceMirroringController;

  constructor(controller: EndpointSliceMirroringController) {
    this.controller = controller;
  }

  onAdd(service: Service): void {
    if (service.spec.selector === undefined) this.controller.workers.queue.add(keyOf(service));
  }

  onUpdate(old: Service, service: Service): void {
    if ((old.spec.selector === undefined) !== (service.spec.selector === undefined)) this.controller.workers.queue.add(keyOf(service));
  }

  onDelete(service: Service): void {
    this.onAdd(service);
  }
}

/** Slices that somebody else changed or deleted are put right again. */
class SliceHandler implements ResourceEventHandler<EndpointSlice> {
  private readonly controller: EndpointSliceMirroringController;

  constructor(controller: EndpointSliceMirroringController) {
    this.controller = controller;
  }

  onAdd(slice: EndpointSlice): void {
    this.look(slice, false);
  }

  onUpdate(_old: EndpointSlice, slice: EndpointSlice): void {
    this.look(slice, false);
  }

  onDelete(slice: EndpointSlice): void {
    this.look(slice, true);
  }

  private look({ metadata }: EndpointSlice, gone: boolean): void {
    if (metadata.labels?.[MANAGED_BY_LABEL] !== MIRRORING_CONTROLLER) return;
    const key = `${metadata.namespace}/${metadata.labels[SERVICE_NAME_LABEL]}`;
    const expected = this.controller.expected.get(key);
    const own = expected?.get(metadata.name);
    if (gone) expected?.delete(metadata.name);
    if (gone ? own !== undefined : own === undefined || metadata.resourceVersion > own) this.controller.workers.queue.add(key);
  }
}
