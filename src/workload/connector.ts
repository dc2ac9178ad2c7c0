import type { Component } from '../kernel/simulation.js';
import type { Time } from '../kernel/time.js';
import type { EndpointView } from '../node/kube-proxy.js';
import { Connection } from './connection.js';
import type { ConnectorOptions } from './connector-options.js';
import { hopToController, routeOf } from './controller-hop.js';
import type { Asker, LookupPlan } from './dns.js';
import { NameCache } from './name-cache.js';
import type { RequestCounter } from './pod-server.js';
import { OP_ARRIVE } from './pods.js';
import { ANSWERED } from './request-table.js';
import type { Router } from './router.js';
import { LAST_RESORT_POD, SERVICE_AFTER_CLIENT, STALE_ENVIRONMENT, STALE_RECORD, TIMEOUT_IN_LOOKUP } from './mechanisms.js';
import { NOT_IN_ENVIRONMENT } from './causes.js';
import { APPLICATION, NAME_RESOLUTION, NO_ROUTE, SUCCESS } from './statistics.js';

/** An ingress controller has read a request; argument: request. */
const OP_ROUTED = 1;

export type { CallerBook, ConnectorOptions } from './connector-options.js';

/** Draws of a request: its client, the node that the load balancer gives it, the backend of an Ingress, the controller's work. */
const DRAW_CLIENT = 16;
const DRAW_BALANCER = 17;
const DRAW_CANARY = 18;
const DRAW_ADDRESS = 19;
const DRAW_INGRESS = 320;
const DRAW_OUTSIDE = 384;
/** Records of a headless Service are used without a proxy. */
const NO_LOOKUP = 0;

/** Address of servers outside the cluster. */
const OUTSIDE = -1;

/** A request between its first step and its connection. */
interface Pending {
  readonly client: number;
  readonly entry: number;
  readonly service: number;
  /** Address of the controller's pod that has the request; absent: the controller is no pod. */
  readonly controller?: number;
}

/** Where a client that is remembered by its address goes. */
interface Affinity {
  address: number;
  until: Time;
}

/**
 * What happens between a client and the endpoint of its request where a scenario says more than "users reach a Service": who the client
 * is and where it enters, the look-up of the name, the route of an Ingress, session affinity, and connections that are kept. A kept
 * connection goes on to its pod whatever the rules say meanwhile (conntrack), until one side closes it.
 */
export class Connector implements Component, Asker, RequestCounter {
  readonly name: string;
  /** Connections opened, and requests that found one. */
  opened = 0;
  reused = 0;
  private readonly options: ConnectorOptions;
  private readonly target: number;
  private readonly plan: LookupPlan | null;
  private router: Router | null = null;
  private readonly pending = new Map<number, Pending>();
  /** Open connections: idle ones by client and Service, and those in use by request. */
  private readonly idle = new Map<string, Connection[]>();
  private readonly busy = new Map<number, { readonly key: string; readonly connection: Connection }>();
  /** By node, Service and client. */
  private readonly affinities = new Map<string, Affinity>();
  /** Addresses of the name, by client. */
  private readonly names = new NameCache();

  constructor(options: ConnectorOptions) {
    this.options = options;
    this.name = options.name;
    const { spec, dns, simulation } = options;
    this.plan = spec.lookup === undefined || dns === null ? null : dns.plan(spec.lookup);
    this.target = simulation.add(this);
  }

  /** Tells who carries requests on. */
  connect(router: Router): void {
    this.router = router;
  }

  /** Whether clients are inside the cluster. */
  get inside(): boolean {
    const { via, client, host } = this.options.spec;
    return via === 'clusterIP' || client !== undefined || host !== undefined;
  }

  /** Whether something between clients and pods reads a request as a whole before it sends it on (ingress-nginx: proxy-request-buffering). */
  get buffers(): boolean {
    return this.options.spec.ingress !== undefined;
  }

  /** The client of a request: the address of its pod, or a number. */
  clientOf(number: number): number {
    const { spec, draws, pods } = this.options;
    const u = draws.at(number, DRAW_CLIENT).next();
    if (spec.client !== undefined) {
      const members = pods.clients.of(spec.client);
      return members.length === 0 ? -1 : members[Math.floor(u * members.length)]!;
    }
    return Math.floor(u * (spec.clients ?? Number.MAX_SAFE_INTEGER));
  }

  /** The node at which a request enters; −1: there is none, or it is down. */
  entry(number: number): number {
    const { spec, nodes, pods, network, balancer, draws } = this.options;
    if (spec.client !== undefined) {
      const client = this.clientOf(number);
      return client < 0 ? -1 : nodes.hosts.indexOf(pods.hostOf(client)!);
    }
    // A client on a node is there as long as its node; users outside of a port of nodes know all of them, dead ones too.
    if (spec.via === 'clusterIP' && spec.clients !== undefined) return this.upOnly(this.clientOf(number) % nodes.hosts.length);
    const list = spec.via === 'loadBalancer' && balancer !== null ? balancer.healthy : spec.via === 'nodePort' ? null : nodes.ready;
    const size = list?.length ?? nodes.hosts.length;
    if (size === 0) return -1;
    const place = Math.floor(draws.at(number, DRAW_BALANCER).next() * size);
    const entry = list === null ? place : list[place]!;
    return network.isUp(nodes.hosts[entry]!) ? entry : -1;
  }

  /** Users have no load balancer (yet). */
  get waitsForBalancer(): boolean {
    return this.options.balancer?.healthy.length === 0;
  }

  private upOnly(entry: number): number {
    return this.options.network.isUp(this.options.nodes.hosts[entry]!) ? entry : -1;
  }

  /** Takes a request that has entered at a node, for a Service. */
  forward(request: number, entry: number, service: number): void {
    const { spec, pods, dns, callers } = this.options;
    const { requests } = pods;
    const client =
      callers !== undefined ? callers.callerOf(request) : spec.client === undefined && spec.clients === undefined ? entry : this.clientOf(requests.number[request]!);
    if (spec.ingress !== undefined) {
      this.throughIngress(request, entry, client);
      return;
    }
    if (this.reuse(request, client, service)) return;
    if (spec.discovery !== undefined && !this.knows(request, entry, client)) return;
    if (this.plan === null) this.open(request, { client, entry, service }, null);
    else {
      const known = this.names.get(client, this.options.simulation.now);
      if (known !== undefined) {
        this.open(request, { client, entry, service }, known);
        return;
      }
      this.pending.set(request, { client, entry, service });
      requests.mechanism[request] = TIMEOUT_IN_LOOKUP;
      dns!.resolve(entry, this.plan, this, request);
    }
  }

  /** Whether the environment of the client's process has the address of the Service; the request fails if not. */
  private knows(request: number, entry: number, client: number): boolean {
    const { spec, pods, environments, simulation } = this.options;
    const server = pods.at(client);
    if (environments === undefined || server === undefined) return true;
    const { namespace, name } = spec.service;
    const found = environments.serviceInEnvironment(entry, server.uid, namespace, name);
    if (found === 'current') return true;
    pods.requests.mechanism[request] = found === 'missing' ? SERVICE_AFTER_CLIENT : STALE_ENVIRONMENT;
    pods.end(request, '', NOT_IN_ENVIRONMENT, simulation.now);
    return false;
  }

  resolved(request: number, found: boolean, records: ArrayLike<number> | null): void {
    const pending = this.pending.get(request)!;
    this.pending.delete(request);
    const { requests } = this.options.pods;
    // Whose user has given up meanwhile did so because of the look-up, whatever comes after it.
    if (this.options.simulation.now < requests.sent[request]! + this.options.spec.timeout) requests.mechanism[request] = 0;
    if (found) {
      this.names.keep(pending.client, records, this.options.simulation.now, this.options.spec.lookup?.keep ?? 0);
      this.open(request, pending, records);
    } else this.options.pods.end(request, '', NAME_RESOLUTION, this.options.simulation.now);
  }

  private throughIngress(request: number, entry: number, client: number): void {
    const { simulation, costs, draws, pods } = this.options;
    const work = Math.round(draws.sample(costs.ingress.request, pods.requests.number[request]!, DRAW_INGRESS));
    if (this.options.spec.ingress!.controller !== undefined) {
      const hop = hopToController(this.options, this.router!, request, entry);
      if (hop === null) return;
      this.pending.set(request, { client, entry: hop.entry, service: -1, controller: hop.controller });
      simulation.schedule(hop.inside + work, this.target, OP_ROUTED, request);
      return;
    }
    this.pending.set(request, { client, entry, service: -1 });
    simulation.schedule(work, this.target, OP_ROUTED, request);
  }

  describe(): string {
    return 'an ingress controller routes a request';
  }

  handle(_opcode: number, request: number): void {
    const { spec, pods, draws, simulation } = this.options;
    const { client, entry, controller } = this.pending.get(request)!;
    this.pending.delete(request);
    const number = pods.requests.number[request]!;
    const route = routeOf(this.options, controller);
    if (route === null) {
      // Refused by the node of the controller's pod.
      simulation.schedule(0, pods.target, OP_ARRIVE, request);
      return;
    }
    if (route === undefined) {
      pods.end(request, '', NO_ROUTE, simulation.now);
      return;
    }
    const { canary, mirror } = route;
    const first = pods.requests.first[request]!;
    if (mirror !== undefined && first === 0) this.router!.mirror(this.numberOf(mirror), number, entry);
    const inCohort = canary?.cohort === true && this.router!.inCohort(number);
    const takesCanary = canary !== undefined && (inCohort || draws.at(number, first + DRAW_CANARY).next() < canary.share);
    const name = takesCanary ? canary.service : route.service;
    const service = this.numberOf(name);
    // The controller keeps connections of its own to the pods; users share them.
    if (this.reuse(request, entry, service)) return;
    this.open(request, { client: spec.connections === undefined ? client : entry, entry, service }, null);
  }

  private numberOf(service: string): number {
    const slash = service.indexOf('/');
    return this.options.proxies.serviceNumber(service.slice(0, slash), service.slice(slash + 1));
  }

  /** Sends a request on a connection that is there; false: there is none. */
  private reuse(request: number, client: number, service: number): boolean {
    const { spec, simulation } = this.options;
    const { connections } = spec;
    if (connections === undefined || connections.keepAlive === 0) return false;
    const key = `${client} ${service}`;
    const list = this.idle.get(key);
    if (list === undefined) return false;
    const { now } = simulation;
    for (let i = list.length - 1; i >= 0; i--) {
      const connection = list[i]!;
      if (connection.idleSince > now) continue;
      list.splice(i, 1);
      if (!this.usable(connection, now)) continue;
      this.reused++;
      this.take(request, key, connection);
      if (connection.address === OUTSIDE) {
        this.outside(request, 1);
        return true;
      }
      this.router!.balancer?.add(connection.entry, connection.address);
      this.router!.deliver(request, connection.entry, connection.address, 0, 0);
      return true;
    }
    if (list.length === 0) this.idle.delete(key);
    return false;
  }

  /** Whether neither side has closed a connection: a server closes those that are idle when it stops listening. A dead machine closes none. */
  private usable({ server, address, opened, idleSince }: Connection, now: Time): boolean {
    const { spec, pods, network } = this.options;
    const { keepAlive, maximumAge } = spec.connections!;
    if (now - idleSince > keepAlive || (maximumAge !== undefined && now - opened >= maximumAge)) return false;
    if (address === OUTSIDE) return true;
    const host = pods.hostOf(address);
    if (host !== undefined && !network.isUp(host)) return true;
    return server !== undefined && server.accepting && pods.at(address) === server;
  }

  private take(request: number, key: string, connection: Connection): void {
    connection.idleSince = Number.POSITIVE_INFINITY;
    connection.requests++;
    this.busy.set(request, { key, connection });
    this.options.pods.requests.proxy[request] = connection.entry + 1;
  }

  /** Opens a connection for a request. */
  private open(request: number, { client, entry, service }: Pending, records: ArrayLike<number> | null): void {
    const { spec, pods, proxies, simulation, draws } = this.options;
    const { connections } = spec;
    const router = this.router!;
    const number = pods.requests.number[request]!;
    const first = pods.requests.first[request]!;
    const handshakes = connections?.handshakes ?? 0;
    this.opened++;
    if (spec.host !== undefined) {
      if (connections !== undefined && connections.keepAlive > 0)
        this.take(request, `${client} ${service}`, new Connection(entry, OUTSIDE, undefined, simulation.now));
      this.outside(request, 1 + handshakes);
      return;
    }
    let address: number;
    let lookup = NO_LOOKUP;
    if (records !== null) {
      if (records.length === 0) {
        pods.end(request, '', NAME_RESOLUTION, simulation.now);
        return;
      }
      address = records[Math.floor(draws.at(number, first + DRAW_ADDRESS).next() * records.length)]!;
      this.count(request, entry, address);
      const current = proxies.latest(service).addresses;
      if (current !== records && !current.includes(address)) pods.requests.mechanism[request] = STALE_RECORD;
    } else {
      const view = this.viewFor(entry, service);
      if (view.addresses.length === 0) {
        router.noEndpoint(request, view, service);
        return;
      }
      if (view.draining === true) pods.requests.mechanism[request] = LAST_RESORT_POD;
      address = this.sticky(view, entry, service, client, request);
      if (spec.ingress === undefined) lookup = proxies.lookup(entry, service);
    }
    if (connections !== undefined && connections.keepAlive > 0)
      this.take(request, `${client} ${service}`, new Connection(entry, address, pods.at(address), simulation.now));
    router.deliver(request, entry, address, lookup, handshakes);
  }

  /** A server outside answers at once: the request takes so many round trips to it. */
  private outside(request: number, trips: number): void {
    const { pods, costs, draws, simulation } = this.options;
    const { requests } = pods;
    const trip = draws.sample(costs.network.external, requests.number[request]!, requests.first[request]! + DRAW_OUTSIDE);
    requests.address[request] = 0;
    requests.back[request] = Math.round(trip * trips);
    pods.end(request, '', SUCCESS, simulation.now);
  }

  /** What decides about the endpoint: the rules of the node, or what the ingress controller itself has seen. */
  private viewFor(entry: number, service: number): EndpointView {
    const { spec, proxies } = this.options;
    if (spec.ingress !== undefined) return proxies.view(proxies.watcher, service, false);
    return proxies.view(entry, service, !this.inside);
  }

  /** sessionAffinity ClientIP: the endpoint of the client's last connection through this node, as long as it is there. */
  private sticky(view: EndpointView, entry: number, service: number, client: number, request: number): number {
    const { simulation } = this.options;
    if (view.affinity === undefined) return this.router!.choose(view, entry, request);
    const key = `${entry} ${service} ${client}`;
    const known = this.affinities.get(key);
    const until = simulation.now + view.affinity;
    if (known !== undefined && simulation.now <= known.until && view.addresses.includes(known.address)) {
      known.until = until;
      this.count(request, entry, known.address);
      return known.address;
    }
    const address = this.router!.choose(view, entry, request);
    this.affinities.set(key, { address, until });
    return address;
  }

  /** An endpoint was chosen without the proxy's policy, which counts open requests all the same. */
  private count(request: number, entry: number, address: number): void {
    const { balancer } = this.router!;
    if (balancer === null) return;
    balancer.add(entry, address);
    this.options.pods.requests.proxy[request] = entry + 1;
  }

  /** A request is over: its connection is free again, unless it was lost. Called by pods and followers. */
  release(entry: number, address: number, request: number, cause: number): void {
    const busy = this.busy.get(request);
    if (busy?.connection.address !== OUTSIDE) this.router!.balancer?.release(entry, address);
    if (busy === undefined) return;
    this.busy.delete(request);
    const { key, connection } = busy;
    const { spec, simulation, pods } = this.options;
    if (cause !== SUCCESS && cause !== APPLICATION) return;
    if (connection.requests >= (spec.connections!.maximumRequests ?? Number.POSITIVE_INFINITY)) return;
    // Followed requests end when their answer is there, the others when it leaves.
    connection.idleSince = pods.requests.state[request] === ANSWERED ? simulation.now : simulation.now + pods.requests.back[request]!;
    const list = this.idle.get(key);
    if (list === undefined) this.idle.set(key, [connection]);
    else list.push(connection);
  }
}
