import type { EndpointAddress, Endpoints, EndpointSubset } from '../api/cluster-kinds.js';
import { isPodReady, isPodTerminal, type Pod, type Service } from '../api/core.js';
import { equal } from '../api/equal.js';
import { matchesMap } from '../api/labels.js';
import { keyOf, type Labels } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler } from '../client/types.js';
import { ControllerWorkers, objectRequest, Reconciliation, type Reconciler } from './controller.js';
import { endpointPorts, portsKey, type EndpointPort } from './endpoint-slice-policy.js';
import { NamespaceIndexer } from './endpointslice.js';
import { KeyHandler } from './handlers.js';

const WORKERS = 5;
const MAX_RETRIES = 15;
/** Addresses in one Endpoints object (maxCapacity). */
export const MAX_ADDRESSES = 1000;
export const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';

/** The subsets of a Service from its pods, truncated at the capacity: pure (pkg/controller/endpoint, endpoints.RepackSubsets). */
export function endpointSubsets(service: Service, pods: Iterable<Pod>): { readonly subsets: readonly EndpointSubset[]; readonly truncated: boolean } {
  const groups = new Map<string, { ports: readonly EndpointPort[]; ready: EndpointAddress[]; notReady: EndpointAddress[] }>();
  for (const pod of pods) {
    const { podIP } = pod.status;
    if (podIP === undefined || podIP === '' || isPodTerminal(pod) || pod.metadata.deletionTimestamp !== undefined) continue;
    const ports = endpointPorts(service, pod);
    const key = portsKey(ports);
    let group = groups.get(key);
    if (group === undefined) {
      group = { ports, ready: [], notReady: [] };
      groups.set(key, group);
    }
    const { namespace, name, uid } = pod.metadata;
    const address: EndpointAddress = {
      ip: podIP,
      ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
      targetRef: { kind: 'Pod', namespace, name, uid },
    };
    if (service.spec.publishNotReadyAddresses === true || isPodReady(pod)) group.ready.push(address);
    else group.notReady.push(address);
  }
  return truncate([...groups.values()]);
}

/** Ready addresses are kept first; both kinds lose their share above the capacity. */
function truncate(groups: readonly { ports: readonly EndpointPort[]; ready: EndpointAddress[]; notReady: EndpointAddress[] }[]): {
  readonly subsets: readonly EndpointSubset[];
  readonly truncated: boolean;
} {
  let room = MAX_ADDRESSES;
  let truncated = false;
  const keep = (addresses: readonly EndpointAddress[]): readonly EndpointAddress[] => {
    const kept = addresses.slice(0, room);
    room -= kept.length;
    if (kept.length < addresses.length) truncated = true;
    return kept;
  };
  const ready = groups.map((group) => keep(group.ready));
  const notReady = groups.map((group) => keep(group.notReady));
  const subsets = groups.map((group, i): EndpointSubset => {
    return {
      ...(ready[i]!.length === 0 ? {} : { addresses: sorted(ready[i]!) }),
      ...(notReady[i]!.length === 0 ? {} : { notReadyAddresses: sorted(notReady[i]!) }),
      ports: group.ports,
    };
  });
  return { subsets, truncated };
}

function sorted(addresses: readonly EndpointAddress[]): readonly EndpointAddress[] {
  return [...addresses].sort((a, b) => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : 0));
}

/** The legacy Endpoints controller: one object a Service, written whole at every change. */
export class EndpointsController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly recorder: EventRecorder;
  private readonly services: Informer<Service>;
  private readonly pods: Informer<Pod>;
  private readonly endpoints: Informer<Endpoints>;

  constructor(context: ProcessContext, client: ApiClient) {
    this.recorder = context.eventRecorder('endpoint-controller');
    this.services = context.informers.informer<Service>('services');
    this.pods = context.informers.informer<Pod>('pods');
    this.endpoints = context.informers.informer<Endpoints>('endpoints');
    this.services.addIndexer(new NamespaceIndexer());
    this.pods.addIndexer(new NamespaceIndexer());
    this.workers = new ControllerWorkers(context, { name: 'endpoint', workers: WORKERS, client, maxRetries: MAX_RETRIES });
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
    const pods: Pod[] = [];
    for (const pod of this.pods.byIndex('namespace', service.metadata.namespace)) {
      if (matchesMap(selector, pod.metadata.labels)) pods.push(pod);
    }
    const { subsets, truncated } = endpointSubsets(service, pods);
    if (current !== undefined && equal(current.subsets ?? [], subsets) && equal(current.metadata.labels, endpointsLabels(service))) return null;
    return new WriteEndpoints(current === undefined ? 'create' : 'update', endpointsObject(service, current, subsets, truncated));
  }

  podChanged(old: Pod | undefined, pod: Pod | undefined): void {
    const { namespace } = (pod ?? old)!.metadata;
    for (const service of this.services.byIndex('namespace', namespace)) {
      const { selector } = service.spec;
      if (selector === undefined) continue;
      const now = pod !== undefined && matchesMap(selector, pod.metadata.labels);
      const before = old !== undefined && matchesMap(selector, old.metadata.labels);
      if (now || before) this.workers.queue.add(keyOf(service));
    }
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
  private readonly controller: EndpointsController;

  constructor(controller: EndpointsController) {
    this.controller = controller;
  }

  onAdd(pod: Pod): void {
    this.controller.podChanged(undefined, pod);
  }

  onUpdate(old: Pod, pod: Pod): void {
    if (endpointChanged(old, pod)) this.controller.podChanged(old, pod);
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
