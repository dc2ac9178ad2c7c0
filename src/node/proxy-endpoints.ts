import type { Service } from '../api/core.js';
import type { Endpoint, EndpointSlice } from '../api/workloads.js';
import type { Duration } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';
import type { AddressBook } from './addresses.js';

/** Which endpoints of a Service a node's proxy uses: CategorizeEndpoints (pkg/proxy/topology.go). */

/** sessionAffinityConfig.clientIP.timeoutSeconds when it is not given (pkg/apis/core/v1 DefaultClientIPServiceAffinitySeconds). */
const AFFINITY_SECONDS = 10_800;

/** The endpoints of a Service as one proxy sees them; address numbers are those of the proxies' `AddressBook`. */
export interface EndpointView {
  /** Addresses that take new connections: the ready ones; if there are none, those serving while they terminate. */
  readonly addresses: Uint32Array;
  /** A policy Local keeps the node's proxy from the endpoints that there are elsewhere: packets are dropped, not refused. */
  readonly drops?: boolean;
  /** No endpoint is ready: these terminate, and a check of the healthCheckNodePort fails already (KEP-1669). */
  readonly draining?: boolean;
  /** sessionAffinity ClientIP: how long a client is remembered. Absent: it is not. */
  readonly affinity?: Duration;
}

export const NO_ENDPOINTS: EndpointView = { addresses: new Uint32Array(0) };

/** One endpoint that takes traffic, or would if no other did. */
export interface ProxyEndpoint {
  readonly address: number;
  /** Index of its node; −1: none of the cluster's. */
  readonly node: number;
  /** False: it is terminating and still serves. */
  readonly ready: boolean;
  /** Zones and nodes that should use it (EndpointHints). */
  readonly zones: readonly string[];
  readonly nodes: readonly number[];
}

/** The endpoints of a slice when it was split last, and what proxies keep of each: from one version to the next most of them stay. */
export class SplitEndpoints {
  given: readonly Endpoint[] = [];
  kept: readonly (ProxyEndpoint | undefined)[] = [];
}

/** What proxies keep of one version of a slice, split when it is first asked for: most versions are superseded before any traffic asks. */
export class SliceEndpoints {
  readonly name: string;
  private readonly numbers: EndpointNumbers;
  /** Null: it is split. */
  private slice: EndpointSlice | null;
  private split: readonly ProxyEndpoint[] = [];
  private readyOnes: Uint32Array | null = null;
  private hints = false;
  private readonly last: SplitEndpoints;

  /** @param before the version of the slice that this one follows */
  constructor(slice: EndpointSlice, numbers: EndpointNumbers, before?: SliceEndpoints) {
    this.name = slice.metadata.name;
    this.slice = slice;
    this.numbers = numbers;
    this.last = before?.last ?? new SplitEndpoints();
  }

  get endpoints(): readonly ProxyEndpoint[] {
    if (this.slice !== null) this.take(this.slice);
    return this.split;
  }

  /** Addresses of the ready endpoints. */
  get ready(): Uint32Array {
    if (this.readyOnes !== null) return this.readyOnes;
    const { endpoints } = this;
    const addresses = new Uint32Array(endpoints.length);
    let count = 0;
    for (const { ready, address } of endpoints) if (ready) addresses[count++] = address;
    this.readyOnes = count === addresses.length ? addresses : addresses.slice(0, count);
    return this.readyOnes;
  }

  /** Whether any endpoint has hints. */
  get hinted(): boolean {
    if (this.slice !== null) this.take(this.slice);
    return this.hints;
  }

  private take(slice: EndpointSlice): void {
    const { given, kept: before } = this.last;
    const endpoints: ProxyEndpoint[] = [];
    const kept: (ProxyEndpoint | undefined)[] = [];
    let place = 0;
    for (const endpoint of slice.endpoints) {
      if (given[place] !== endpoint) place = given.indexOf(endpoint);
      const own = place < 0 ? this.keep(endpoint) : before[place];
      place++;
      if (endpoint.hints !== undefined && endpoint.addresses.length > 0) this.hints = true;
      kept.push(own);
      if (own !== undefined) endpoints.push(own);
    }
    this.last.given = slice.endpoints;
    this.last.kept = kept;
    this.split = endpoints;
    this.slice = null;
  }

  private keep(endpoint: Endpoint): ProxyEndpoint | undefined {
    const { addresses, nodes } = this.numbers;
    const { ready, serving, terminating } = endpoint.conditions;
    const address = endpoint.addresses[0];
    if (address === undefined || (!ready && !(serving && terminating))) return undefined;
    return proxyEndpoint(endpoint, addresses.number(address), (name) => nodes.get(name) ?? -1);
  }
}

/** Numbers of addresses and nodes, which all proxies share. */
export interface EndpointNumbers {
  readonly addresses: AddressBook;
  readonly nodes: ReadonlyMap<string, number>;
}

/** Of a Service, what its proxies need. */
export interface ServiceRules {
  readonly ports: number;
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
  readonly affinity: Duration;
  /** Headless, ExternalName: proxies write no rules for it. */
  readonly ignored: boolean;
  readonly headless: boolean;
  /** A load balancer of the cloud has an address for it. */
  readonly balanced: boolean;
}

/** The rules of a Service object. */
export function serviceRules(service: Service): ServiceRules {
  const { spec } = service;
  const config = spec.extra?.['sessionAffinityConfig'] as { clientIP?: { timeoutSeconds?: number } } | undefined;
  const seconds = config?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS;
  return {
    ports: Math.max(1, spec.ports.length),
    internalLocal: spec.internalTrafficPolicy === 'Local',
    externalLocal: spec.externalTrafficPolicy === 'Local',
    affinity: spec.sessionAffinity === 'ClientIP' ? seconds * SECOND : 0,
    headless: spec.clusterIP === 'None',
    balanced: (service.status?.loadBalancer?.ingress?.length ?? 0) > 0,
    ignored: spec.clusterIP === 'None' || spec.type === 'ExternalName',
  };
}

/** What a proxy keeps of an endpoint of a slice; undefined: nothing, as it takes no traffic. */
export function proxyEndpoint(endpoint: Endpoint, address: number, nodeOf: (name: string) => number): ProxyEndpoint | undefined {
  const { ready, serving, terminating } = endpoint.conditions;
  if (!ready && !(serving && terminating)) return undefined;
  const { nodeName, hints } = endpoint;
  return {
    address,
    node: nodeName === undefined ? -1 : nodeOf(nodeName),
    ready,
    zones: hints?.forZones?.map(({ name }) => name) ?? NONE,
    nodes: hints?.forNodes?.map(({ name }) => nodeOf(name)) ?? NOBODY,
  };
}

const NONE: readonly string[] = [];
const NOBODY: readonly number[] = [];

/** State of a Service from a log position on. Views are merged when a proxy first asks for them. */
export class ServiceVersion {
  /** Log position of the change that made it. */
  readonly position: number;
  /** Null: the Service does not exist. */
  readonly rules: ServiceRules | null;
  readonly slices: readonly SliceEndpoints[];
  private uniform: boolean | null = null;
  private merged: EndpointView | null = null;
  /** Views that differ by node: by zone or node, and by who asks. */
  private byPlace: Map<string, EndpointView> | null = null;

  constructor(position: number, rules: ServiceRules | null, slices: readonly SliceEndpoints[]) {
    this.position = position;
    this.rules = rules;
    this.slices = slices;
  }

  /** All nodes see the same endpoints. */
  get plain(): boolean {
    const { rules } = this;
    this.uniform ??= rules === null || !(rules.internalLocal || rules.externalLocal || this.slices.some((slice) => slice.hinted));
    return this.uniform;
  }

  /** The endpoints without regard to places. */
  view(): EndpointView {
    if (this.merged === null) this.merged = this.rules === null ? NO_ENDPOINTS : this.finished(select(this.slices, anywhere));
    return this.merged;
  }

  /** The endpoints for a node of a zone; `external`: for connections from outside the cluster. */
  viewAt(node: number, zone: string, external: boolean): EndpointView {
    const { rules } = this;
    if (rules === null) return NO_ENDPOINTS;
    const local = external ? rules.externalLocal : rules.internalLocal;
    const hinted = local ? '' : this.hints(node, zone);
    const key = local || hinted === 'node' ? `node ${node}` : hinted === 'zone' ? `zone ${zone}` : '';
    if (key === '') return this.view();
    this.byPlace ??= new Map();
    let view = this.byPlace.get(key);
    if (view !== undefined) return view;
    if (local) {
      const selected = select(this.slices, (endpoint) => endpoint.node === node);
      view = this.finished(selected, selected.addresses.length === 0 && this.view().addresses.length > 0);
    } else {
      const suits = hinted === 'node' ? (each: ProxyEndpoint) => each.nodes.includes(node) : (each: ProxyEndpoint) => each.zones.includes(zone);
      view = this.finished(select(this.slices, suits));
    }
    this.byPlace.set(key, view);
    return view;
  }

  /** Hints count only when every ready endpoint has them and one is meant for this place (topologyModeFromHints). */
  private hints(node: number, zone: string): 'node' | 'zone' | '' {
    let allNodes = true;
    let allZones = true;
    let forNode = false;
    let forZone = false;
    for (const { endpoints } of this.slices) {
      for (const { ready, nodes, zones } of endpoints) {
        if (!ready) continue;
        if (nodes.length === 0) allNodes = false;
        else if (nodes.includes(node)) forNode = true;
        if (zones.length === 0) allZones = false;
        else if (zones.includes(zone)) forZone = true;
      }
    }
    if (allNodes && forNode) return 'node';
    return allZones && forZone ? 'zone' : '';
  }

  private finished({ addresses, draining }: Selection, drops = false): EndpointView {
    const { affinity } = this.rules!;
    return { addresses, ...(draining ? { draining } : {}), ...(drops ? { drops } : {}), ...(affinity > 0 ? { affinity } : {}) };
  }
}

function anywhere(): boolean {
  return true;
}

interface Selection {
  readonly addresses: Uint32Array;
  readonly draining: boolean;
}

/** By address number: the newest merge that met it. Scratch of `select`, so that a merge of thousands of endpoints builds no set. */
let met = new Uint32Array(1024);
let merges = 0;
/** Merges are counted up to here, then anew. */
const MOST_MERGES = 0xffffffff;

/** Ready endpoints that suit; without any, those that serve while they terminate. An address that two slices name counts once. */
function select(slices: readonly SliceEndpoints[], suits: (endpoint: ProxyEndpoint) => boolean): Selection {
  const addresses = gather(slices, suits, true);
  if (addresses.length > 0) return { addresses, draining: false };
  const terminating = gather(slices, suits, false);
  return { addresses: terminating, draining: terminating.length > 0 };
}

/** The addresses met in the merge under way, as many as `gathered`; more scratch. */
let merged = new Uint32Array(1024);
let gathered = 0;

function gather(slices: readonly SliceEndpoints[], suits: (endpoint: ProxyEndpoint) => boolean, ready: boolean): Uint32Array {
  if (merges === MOST_MERGES) {
    met.fill(0);
    merges = 0;
  }
  merges++;
  gathered = 0;
  for (const slice of slices) {
    if (ready && suits === anywhere) {
      const addresses = slice.ready;
      for (let i = 0; i < addresses.length; i++) meet(addresses[i]!);
    } else for (const endpoint of slice.endpoints) if (endpoint.ready === ready && suits(endpoint)) meet(endpoint.address);
  }
  return merged.slice(0, gathered);
}

function meet(address: number): void {
  if (address >= met.length) {
    const grown = new Uint32Array(2 * Math.max(address, met.length));
    grown.set(met);
    met = grown;
  }
  if (met[address] === merges) return;
  met[address] = merges;
  if (gathered === merged.length) {
    const grown = new Uint32Array(2 * gathered);
    grown.set(merged);
    merged = grown;
  }
  merged[gathered++] = address;
}

/** Endpoints that came or went between two states of a Service. */
export function changedEndpoints(before: readonly SliceEndpoints[], now: readonly SliceEndpoints[]): number {
  const had = new Set<number>();
  for (const slice of before) if (!now.includes(slice)) for (const { address } of slice.endpoints) had.add(address);
  let changed = 0;
  for (const slice of now) {
    if (before.includes(slice)) continue;
    for (const { address } of slice.endpoints) if (!had.delete(address)) changed++;
  }
  return changed + had.size;
}
