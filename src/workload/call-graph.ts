import type { Simulation } from '../kernel/simulation.js';
import type { Time } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import { DrawCursor } from '../node/draws.js';
import type { EnvironmentBook } from '../node/behaviour.js';
import type { KubeProxies } from '../node/kube-proxy.js';
import { derivedKey, type Randomness } from '../random/stream.js';
import type { CallSpec, CostProfile, ImageBehaviour, RequestBehaviour } from '../scenario/types.js';
import { Calls, type WaitingUsers } from './calls.js';
import { type CallerBook, Connector } from './connector.js';
import type { ClusterDns } from './dns.js';
import type { PodServer } from './pod-server.js';
import type { PodServers } from './pods.js';
import { type EntryNodes, Router, TRY_STRIDE } from './router.js';
import type { TrafficSplits } from './splits.js';
import { DEPENDENCY, ServiceStatistics, SUCCESS } from './statistics.js';

/** Draw of a request that decides whether it makes a call. */
const DRAW_CALLS = 0;

/** What `begin` says of a request that makes no calls, and of one whose calls failed at once. */
export const NO_CALLS = 0;
export const CALL_FAILED = -1;
/** A request waits for calls, has made all of them, or has failed by one. */
const WAITS = 1;
const DONE = 2;
const FAILED = 3;

/** Requests that wait for their calls, as columns; rows are numbered from 1 and reused last in, first out. */
class WaitTable {
  /** The request, in the table of requests; 0: nobody waits for its calls any more. */
  request = new Uint32Array(256);
  /** Address and host of its pod. */
  address = new Uint32Array(256);
  host = new Uint32Array(256);
  stage = new Uint16Array(256);
  /** Calls under way. */
  open = new Uint16Array(256);
  readonly graph: (readonly (readonly Edge[])[])[] = [[]];
  private size = 1;
  private freeHead = 0;

  take(): number {
    let row = this.freeHead;
    if (row !== 0) this.freeHead = this.request[row]!;
    else {
      row = this.size++;
      this.graph.push([]);
      if (row === this.request.length) this.grow();
    }
    this.stage[row] = 0;
    this.open[row] = 0;
    return row;
  }

  free(row: number): void {
    this.request[row] = this.freeHead;
    this.freeHead = row;
  }

  private grow(): void {
    const size = this.request.length * 2;
    for (const key of ['request', 'address', 'host'] as const) {
      const longer = new Uint32Array(size);
      longer.set(this[key]);
      this[key] = longer;
    }
    for (const key of ['stage', 'open'] as const) {
      const longer = new Uint16Array(size);
      longer.set(this[key]);
      this[key] = longer;
    }
  }
}

/** What calls need of the cluster. */
export interface CallGraphOptions {
  readonly simulation: Simulation;
  readonly randomness: Randomness;
  readonly network: Network;
  readonly costs: CostProfile;
  readonly pods: PodServers;
  readonly proxies: KubeProxies;
  readonly nodes: EntryNodes;
  readonly splits: TrafficSplits;
  readonly dns: ClusterDns | null;
  readonly environments?: EnvironmentBook;
}

/** Calls of one kind: from pods of one image pattern to one Service. */
class Edge implements WaitingUsers, CallerBook {
  readonly share: number;
  readonly count: number;
  readonly statistics: ServiceStatistics;
  private readonly optional: boolean;
  private readonly graph: CallGraph;
  private readonly calls: Calls;
  private readonly draws: DrawCursor;

  constructor(name: string, { traffic, share, count, optional }: CallSpec, options: CallGraphOptions, graph: CallGraph, statistics: ServiceStatistics) {
    const { simulation, randomness, network, costs, pods, proxies, nodes, splits, dns, environments } = options;
    this.share = share;
    this.count = count;
    this.optional = optional;
    this.graph = graph;
    this.statistics = statistics;
    this.draws = new DrawCursor(randomness.keyed(name));
    const router = new Router(simulation, network, costs, traffic, pods, proxies, nodes, this.draws, splits);
    const connector = new Connector({
      name: `${name}/connections`, simulation, network, costs, spec: traffic, pods, proxies, nodes, draws: this.draws, dns, balancer: null, ingress: null, callers: this,
      ...(environments === undefined ? {} : { environments }),
    });
    connector.connect(router);
    router.connector = connector;
    this.calls = new Calls(`${name}/calls`, simulation, this.draws, traffic, pods, router, statistics, this);
    const stream = (purpose: string): DrawCursor => new DrawCursor(randomness.keyed(`${name}/${purpose}`));
    this.calls.open(pods.addStream({ statistics, demand: stream('demand'), timeout: traffic.timeout, balancer: connector, calls: this.calls }));
    const mirrored = new ServiceStatistics(statistics.service);
    router.mirrorStream = pods.addStream({ statistics: mirrored, demand: stream('demand'), timeout: traffic.timeout, balancer: null, calls: null });
  }

  /** Whether a request makes these calls. */
  made(key: number): boolean {
    return this.share >= 1 || this.draws.at(key, DRAW_CALLS).next() < this.share;
  }

  /** Sends one call for a waiting request from its node. */
  begin(key: number, wait: number, node: number): void {
    this.calls.begin(key, wait, 0, node);
  }

  callerOf(request: number): number {
    return this.graph.addressOf(this.calls.userOf(request));
  }

  thinks(wait: number, _from: Time, cause: number): void {
    this.graph.called(wait, cause === SUCCESS || this.optional);
  }
}

/**
 * Calls between Services: a request whose own work is done makes the calls that its image's behaviour lists, stage after stage, and is
 * answered when the last has been. It holds its place in the pod all the while but no processor. A failed call that is not optional
 * fails it at once. Each call enters at the node of its pod, through that node's rules, as one of a client inside the cluster. Keys of
 * draws derive from the request's, so that the runs of a comparison meet the same luck behind the front end too.
 */
export class CallGraph {
  private readonly pods: PodServers;
  private readonly waits = new WaitTable();
  private readonly edges = new Map<RequestBehaviour, readonly (readonly Edge[])[]>();
  private readonly nodeOfHost = new Map<number, number>();
  /** Row whose stage begins now; 0: none. Whether one of its calls has failed at once. */
  private starting = 0;
  private failedAtOnce = false;
  private readonly byPair = new Map<string, { readonly caller: string; readonly statistics: ServiceStatistics }>();

  constructor(behaviours: readonly ImageBehaviour[], options: CallGraphOptions) {
    this.pods = options.pods;
    options.nodes.hosts.forEach((host, node) => {
      this.nodeOfHost.set(host, node);
    });
    for (const { image, request } of behaviours) {
      if (request.calls === undefined || request.calls.length === 0) continue;
      const caller = callerName(image);
      const stages = request.calls.map((stage, i) =>
        stage.map((call, j) => {
          const { namespace, name } = call.traffic.service;
          const service = `${namespace}/${name}`;
          return new Edge(`call/${image}/${i}.${j}/${service}`, call, options, this, this.statisticsOf(caller, service));
        }),
      );
      this.edges.set(request, stages);
    }
  }

  private statisticsOf(caller: string, service: string): ServiceStatistics {
    const key = `${caller} ${service}`;
    let pair = this.byPair.get(key);
    if (pair === undefined) {
      pair = { caller, statistics: new ServiceStatistics(service) };
      this.byPair.set(key, pair);
    }
    return pair.statistics;
  }

  /** Calls counted by caller (the image's name) and Service, in the order of the scenario. */
  statistics(): readonly { readonly caller: string; readonly statistics: ServiceStatistics }[] {
    return [...this.byPair.values()];
  }

  /** The instant from which the seconds of the statistics count. */
  start(origin: Time): void {
    for (const { statistics } of this.byPair.values()) statistics.origin = origin;
  }

  /** Begins the calls of a request whose own work is done; the row by which it is known here, or `NO_CALLS`, or `CALL_FAILED`. */
  begin(request: number, server: PodServer): number {
    const stages = this.edges.get(server.behaviour);
    if (stages === undefined) return NO_CALLS;
    const { waits } = this;
    const wait = waits.take();
    waits.request[wait] = request;
    waits.address[wait] = server.address;
    waits.host[wait] = server.host;
    waits.graph[wait] = stages;
    const next = this.advance(wait);
    if (next === WAITS) return wait;
    this.leave(wait);
    return next === FAILED ? CALL_FAILED : NO_CALLS;
  }

  /** Nobody waits for the calls of a request any more: those under way go on. */
  abandon(wait: number): void {
    this.waits.request[wait] = 0;
  }

  /** Address of the pod whose request waits. */
  addressOf(wait: number): number {
    return this.waits.address[wait]!;
  }

  /** Begins the next stage in which calls are made. */
  private advance(wait: number): typeof WAITS | typeof DONE | typeof FAILED {
    const { waits } = this;
    const stages = waits.graph[wait]!;
    while (waits.stage[wait]! < stages.length) {
      const stage = waits.stage[wait]!++;
      // A call may end at once (an open circuit): it is counted, and judged when all have begun.
      this.starting = wait;
      this.failedAtOnce = false;
      for (const edge of stages[stage]!) this.make(edge, wait);
      this.starting = 0;
      if (this.failedAtOnce) return FAILED;
      if (waits.open[wait]! > 0) return WAITS;
    }
    return DONE;
  }

  /** Makes the calls of one kind for a waiting request, if it makes them. */
  private make(edge: Edge, wait: number): void {
    const { waits, pods: { requests } } = this;
    const request = waits.request[wait]!;
    const key = derivedKey(requests.number[request]!, requests.stream[request]!, requests.first[request]! / TRY_STRIDE);
    if (!edge.made(key)) return;
    const node = this.nodeOfHost.get(waits.host[wait]!)!;
    for (let i = 0; i < edge.count && !this.failedAtOnce; i++) {
      waits.open[wait]!++;
      edge.begin(i === 0 ? key : derivedKey(key, i, 0), wait, node);
    }
  }

  /** Nobody waits any more: the row is free when the last call under way has ended. */
  private leave(wait: number): void {
    this.waits.request[wait] = 0;
    if (this.waits.open[wait] === 0) this.waits.free(wait);
  }

  /** A call is over. */
  called(wait: number, well: boolean): void {
    const { waits, pods } = this;
    const request = waits.request[wait]!;
    const left = --waits.open[wait]!;
    if (this.starting === wait) {
      if (!well) this.failedAtOnce = true;
      return;
    }
    if (request === 0) {
      if (left === 0) waits.free(wait);
      return;
    }
    const next = well ? (left > 0 ? WAITS : this.advance(wait)) : FAILED;
    if (next === WAITS) return;
    this.leave(wait);
    pods.called(request, next === FAILED ? DEPENDENCY : SUCCESS);
  }
}

/** The name of an image pattern without registry, tag and wild cards: `*\/shop/cart:*` is `cart`. */
export function callerName(pattern: string): string {
  const name = pattern.slice(pattern.lastIndexOf('/') + 1).split(/[:@]/)[0]!.replaceAll('*', '');
  return name === '' ? pattern : name;
}
