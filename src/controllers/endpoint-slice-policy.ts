import { isPodReady, isPodTerminal, type Pod, type Service } from '../api/core.js';
import type { Endpoint, EndpointSlice } from '../api/workloads.js';
import { equal } from '../api/equal.js';
import type { KubernetesObject, Labels } from '../api/meta.js';
import { controllerReference } from './ownership.js';

/** Which endpoints a Service has and in which slices they go: pure (staging endpointslice/reconciler.go, utils.go). */

/** Endpoints in a slice (kube-controller-manager --max-endpoints-per-slice). */
export const MAX_ENDPOINTS_PER_SLICE = 100;

export type EndpointPort = EndpointSlice['ports'][number];

/** The endpoint of a pod, or undefined when it has none: no address yet, or finished (ShouldPodBeInEndpoints, podToEndpoint). */
export function podEndpoint(pod: Pod, zone: string | undefined, service: Service): Endpoint | undefined {
  const { podIP } = pod.status;
  if (podIP === undefined || podIP === '' || isPodTerminal(pod)) return undefined;
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const { name, namespace, uid } = pod.metadata;
  return {
    addresses: [podIP],
    conditions: { ready, serving, terminating },
    ...(pod.spec.nodeName === undefined || pod.spec.nodeName === '' ? {} : { nodeName: pod.spec.nodeName }),
    ...(zone === undefined ? {} : { zone }),
    ...hostnameOf(pod, service),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(ready && service.spec.trafficDistribution !== undefined ? endpointHints(service.spec.trafficDistribution, zone, pod.spec.nodeName) : {}),
  };
}

/** A pod's own name within its Service, where its subdomain is the Service's (ShouldSetHostname). */
export function hostnameOf({ spec, metadata }: Pod, service: Service): { readonly hostname?: string } {
  const { hostname = '', subdomain } = spec;
  return hostname !== '' && subdomain === service.metadata.name && metadata.namespace === service.metadata.namespace ? { hostname } : {};
}

/** Hints of a ready endpoint: its own zone, or its own node before that (staging endpointslice/trafficdist). */
function endpointHints(distribution: string, zone: string | undefined, node: string | undefined): Pick<Endpoint, 'hints'> {
  if (distribution !== 'PreferClose' && distribution !== 'PreferSameZone' && distribution !== 'PreferSameNode') return {};
  const forZones = zone === undefined ? [] : [{ name: zone }];
  const forNodes = node === undefined || distribution !== 'PreferSameNode' ? [] : [{ name: node }];
  if (forZones.length === 0 && forNodes.length === 0) return {};
  return { hints: { ...(forZones.length === 0 ? {} : { forZones }), ...(forNodes.length === 0 ? {} : { forNodes }) } };
}

/** Ports of a Service at a pod, named target ports resolved (getEndpointPorts). */
export function endpointPorts(service: Service, pod: Pod): readonly EndpointPort[] {
  const ports: EndpointPort[] = [];
  for (const { name, targetPort, protocol } of service.spec.ports) {
    const port = typeof targetPort === 'number' ? targetPort : namedPort(pod, targetPort, protocol);
    if (port !== undefined) ports.push({ ...(name === undefined ? {} : { name }), port, protocol });
  }
  return ports;
}

function namedPort(pod: Pod, name: string, protocol: string): number | undefined {
  for (const container of pod.spec.containers) {
    const found = container.ports?.find((port) => port.name === name && port.protocol === protocol);
    if (found !== undefined) return found.containerPort;
  }
  return undefined;
}

/** Text that is equal for equal port lists; slices hold endpoints of one such list. */
export function portsKey(ports: readonly EndpointPort[]): string {
  return ports.map((port) => `${port.name ?? ''}:${port.port}/${port.protocol}`).join(',');
}

/** A pod whose endpoint may have changed. */
export interface EndpointChange {
  /** Uid of the pod. */
  readonly uid: string;
  /** The slice that holds its endpoint now. */
  readonly slice: EndpointSlice | undefined;
  /** What it should be; undefined: none. */
  readonly endpoint: Endpoint | undefined;
  readonly ports: readonly EndpointPort[];
}

/** New content for a slice, or for a slice to be made. */
export interface SliceContent {
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly EndpointPort[];
}

export interface SlicePlan {
  readonly create: readonly SliceContent[];
  readonly update: readonly (SliceContent & { readonly slice: EndpointSlice })[];
  readonly remove: readonly EndpointSlice[];
}

interface Draft {
  readonly slice: EndpointSlice;
  endpoints: Endpoint[];
}

/**
 * The writes that bring slices up to date with changed endpoints (reconcile): endpoints are refreshed or dropped in place;
 * emptied slices go; new endpoints fill slices that are being written anyway, fullest first, then one untouched slice with
 * room, else new slices. Sparse slices are never rebalanced. `slices`: all slices of the Service.
 */
export function planSlices(
  slices: readonly EndpointSlice[],
  changes: readonly EndpointChange[],
  maximum: number = MAX_ENDPOINTS_PER_SLICE,
): SlicePlan {
  const drafts = new Map<string, Draft>();
  const additions = new Map<string, { ports: readonly EndpointPort[]; endpoints: Endpoint[] }>();
  for (const change of changes) place(change, drafts, additions);
  const create: SliceContent[] = [];
  const update: (SliceContent & { slice: EndpointSlice })[] = [];
  const remove: EndpointSlice[] = [];
  const byPorts = new Map<string, Draft[]>();
  for (const draft of drafts.values()) {
    if (draft.endpoints.length === 0) remove.push(draft.slice);
    else group(byPorts, portsKey(draft.slice.ports), draft);
  }
  // Placeholders are not wanted by any list of ports.
  for (const slice of slices) if (slice.endpoints.length === 0 && !drafts.has(slice.metadata.name)) remove.push(slice);
  for (const [key, { ports, endpoints }] of additions) {
    const open = byPorts.get(key) ?? [];
    const rest = fill(open, endpoints, maximum);
    create.push(...spill(slices, drafts, key, ports, rest, maximum, open, byPorts));
  }
  for (const group of byPorts.values()) {
    for (const { slice, endpoints } of group) update.push({ slice, endpoints, ports: slice.ports });
  }
  // A slice that would be deleted while another is made is given the other's content instead.
  while (create.length > 0 && remove.length > 0) update.push({ slice: remove.shift()!, ...create.shift()! });
  return { create, update, remove };
}

function group(byPorts: Map<string, Draft[]>, key: string, draft: Draft): void {
  const group = byPorts.get(key);
  if (group === undefined) byPorts.set(key, [draft]);
  else group.push(draft);
}

/** Applies one change to the slice that holds the endpoint, or notes an addition. */
function place(
  change: EndpointChange,
  drafts: Map<string, Draft>,
  additions: Map<string, { ports: readonly EndpointPort[]; endpoints: Endpoint[] }>,
): void {
  const { slice, endpoint, ports, uid } = change;
  const key = portsKey(ports);
  if (slice !== undefined) {
    const stays = endpoint !== undefined && portsKey(slice.ports) === key;
    const endpoints = drafts.get(slice.metadata.name)?.endpoints ?? slice.endpoints;
    const index = endpoints.findIndex((candidate) => candidate.targetRef?.uid === uid);
    if (stays && index >= 0 && equal(endpoints[index], endpoint)) return;
    let draft = drafts.get(slice.metadata.name);
    if (draft === undefined) {
      draft = { slice, endpoints: [...slice.endpoints] };
      drafts.set(slice.metadata.name, draft);
    }
    if (stays && index >= 0) {
      draft.endpoints[index] = endpoint;
      return;
    }
    if (index >= 0) draft.endpoints.splice(index, 1);
  }
  if (endpoint === undefined) return;
  const addition = additions.get(key);
  if (addition === undefined) additions.set(key, { ports, endpoints: [endpoint] });
  else addition.endpoints.push(endpoint);
}

/** Puts endpoints into slices that are written anyway, fullest first; returns what does not fit. */
function fill(open: Draft[], endpoints: readonly Endpoint[], maximum: number): readonly Endpoint[] {
  if (open.length === 0) return endpoints;
  let next = 0;
  const ordered = [...open].sort((a, b) => b.endpoints.length - a.endpoints.length);
  for (const draft of ordered) {
    while (next < endpoints.length && draft.endpoints.length < maximum) draft.endpoints.push(endpoints[next++]!);
  }
  return endpoints.slice(next);
}

/** Puts what is left into one untouched slice with room when it all fits, else into new slices. */
function spill(
  slices: readonly EndpointSlice[],
  drafts: ReadonlyMap<string, Draft>,
  key: string,
  ports: readonly EndpointPort[],
  rest: readonly Endpoint[],
  maximum: number,
  open: Draft[],
  byPorts: Map<string, Draft[]>,
): SliceContent[] {
  const created: SliceContent[] = [];
  let next = 0;
  while (next < rest.length) {
    const left = rest.length - next;
    const roomy = left < maximum ? fullestThatFits(slices, drafts, key, left, maximum) : undefined;
    if (roomy !== undefined) {
      const draft: Draft = { slice: roomy, endpoints: [...roomy.endpoints, ...rest.slice(next)] };
      if (open.length === 0) byPorts.set(key, [draft]);
      else open.push(draft);
      return created;
    }
    created.push({ ports, endpoints: rest.slice(next, next + maximum) });
    next += maximum;
  }
  return created;
}

function fullestThatFits(
  slices: readonly EndpointSlice[],
  drafts: ReadonlyMap<string, Draft>,
  key: string,
  count: number,
  maximum: number,
): EndpointSlice | undefined {
  let best: EndpointSlice | undefined;
  for (const slice of slices) {
    const size = slice.endpoints.length;
    if (size + count > maximum || drafts.has(slice.metadata.name) || portsKey(slice.ports) !== key) continue;
    if (best === undefined || size > best.endpoints.length) best = slice;
  }
  return best;
}

/** A slice to be created for its owner, a Service or an Endpoints object: the API server completes the name. */
export function newSlice(owner: KubernetesObject, content: Pick<EndpointSlice, 'addressType' | 'endpoints' | 'ports'>, labels: Labels): EndpointSlice {
  const { name, namespace } = owner.metadata;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: '',
      generateName: `${name}-`,
      namespace,
      uid: '',
      resourceVersion: 0,
      generation: 0,
      creationTimestamp: 0,
      labels,
      ownerReferences: [controllerReference(owner)],
    },
    ...content,
  };
}
