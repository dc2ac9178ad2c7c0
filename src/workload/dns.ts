import type { Component, Simulation } from '../kernel/simulation.js';
import type { Duration, Time } from '../kernel/time.js';
import { nameKind, clusterSearch, searchNames } from '../network/dns-names.js';
import type { Network } from '../network/network.js';
import { DrawCursor } from '../node/draws.js';
import type { KubeProxies } from '../node/kube-proxy.js';
import type { Randomness } from '../random/stream.js';
import type { CostProfile, DnsSpec, LookupSpec } from '../scenario/types.js';
import { LogHistogram } from '../stats/log-histogram.js';
import { NameCache } from './name-cache.js';
import { OP_ARRIVE, type PodServers } from './pods.js';
import { ANSWERED } from './request-table.js';
import { CONNECTION_REFUSED, ServiceStatistics, SUCCESS } from './statistics.js';

/** An answer reaches the resolver; argument: request. */
const OP_ANSWER = 1;
/** The server cannot be reached, and the resolver is told; argument: request. */
const OP_REFUSED = 2;
/** No answer for too long; argument: look-up. */
const OP_TIMEOUT = 3;
/** The cache of the node answers; argument: look-up. */
const OP_CACHED = 4;

const DRAW_ENDPOINT = 1;
const DRAW_LOSS = 2;
const DRAW_INSIDE = 64;
const DRAW_UPSTREAM = 128;
/** A resolver asks for the addresses of both families at once (A and AAAA). */
const FAMILIES = 2;
/** NodeLocal DNSCache keeps answers so long (its ConfigMap: cache { success 9984 30, denial 9984 5 }). */
const NODE_CACHE_SUCCESS = 30e9;
const NODE_CACHE_DENIAL = 5e9;

/** Who waits for a look-up. */
export interface Asker {
  /** The look-up for `request` is over; `records`: addresses of a headless Service, as the server knew them. */
  resolved(request: number, found: boolean, records: ArrayLike<number> | null): void;
}

/** An absolute name to be asked for. */
interface PlannedName {
  /** Number for caches. */
  readonly id: number;
  readonly kind: 'service' | 'absent' | 'external';
  /** Number of the Service; −1: none. */
  readonly service: number;
}

/** The names that a client asks for, in order. */
export interface LookupPlan {
  readonly names: readonly PlannedName[];
  readonly timeout: Duration;
  readonly attempts: number;
}

class Lookup {
  plan: LookupPlan;
  node: number;
  asker: Asker;
  request: number;
  started: Time;
  index = 0;
  attempt = 0;
  /** Answers to come, and which tries they belong to. */
  open = 0;
  generation = 0;
  timer = 0;
  /** Addresses of a headless Service as the server or the cache that answered knows them; null: nobody has yet. */
  records: ArrayLike<number> | null = null;

  constructor(plan: LookupPlan, node: number, asker: Asker, request: number, started: Time) {
    this.plan = plan;
    this.node = node;
    this.asker = asker;
    this.request = request;
    this.started = started;
  }
}

/** What was measured. */
export class DnsMetrics {
  lookups = 0;
  failed = 0;
  /** Queries sent by resolvers, those that reached CoreDNS, and of these how many were forwarded; tries without answer. */
  queries = 0;
  served = 0;
  forwarded = 0;
  timeouts = 0;
  /** Of whole look-ups, and of queries at CoreDNS: nanoseconds. */
  readonly duration = new LogHistogram();
  readonly request = new LogHistogram();
}

/**
 * Stub resolvers of the pods, and the cluster's DNS behind them: its queries are requests to the pods of the kube-dns Service, which have
 * the capacity that the behaviour of their image gives them. Names are tried as glibc does: A and AAAA together, the next name of the
 * search list after NXDOMAIN, the same one again after a timeout, and failure after the last attempt.
 */
export class ClusterDns implements Component {
  readonly name = 'dns';
  metrics = new DnsMetrics();
  /** An outage: all queries are lost. */
  down = false;
  readonly spec: DnsSpec;
  private readonly simulation: Simulation;
  private readonly network: Network;
  private readonly costs: CostProfile;
  private readonly pods: PodServers;
  private readonly proxies: KubeProxies;
  private readonly hosts: readonly number[];
  private readonly draws: DrawCursor;
  private readonly service: number;
  private readonly stream: number;
  private readonly target: number;
  private readonly lookups: (Lookup | undefined)[] = [undefined];
  private readonly free: number[] = [];
  private readonly ids = new Map<string, number>();
  /** Until when an answer is kept, by server (address, or node below zero) and name. */
  private readonly kept = new Map<string, Time>();
  /** Addresses of headless Services, by the same keys, where answers about them are kept. */
  private readonly records = new NameCache();
  private count = 0;

  constructor(
    simulation: Simulation,
    randomness: Randomness,
    network: Network,
    costs: CostProfile,
    spec: DnsSpec,
    pods: PodServers,
    proxies: KubeProxies,
    hosts: readonly number[],
  ) {
    this.simulation = simulation;
    this.network = network;
    this.costs = costs;
    this.spec = spec;
    this.pods = pods;
    this.proxies = proxies;
    this.hosts = hosts;
    this.draws = new DrawCursor(randomness.keyed('dns'));
    this.service = proxies.serviceNumber(spec.service.namespace, spec.service.name);
    this.target = simulation.add(this);
    const demand = new DrawCursor(randomness.keyed('dns/demand'));
    this.stream = pods.addStream({ statistics: new ServiceStatistics('dns'), demand, timeout: Number.POSITIVE_INFINITY, balancer: null, calls: this });
  }

  /** What a client asks for when it looks a name up. */
  plan({ name, namespace, ndots, timeout, attempts }: LookupSpec): LookupPlan {
    const { domain, autopath } = this.spec;
    const names = searchNames(name, { ndots, search: clusterSearch(namespace, domain) }).map((each): PlannedName => {
      const kind = nameKind(each, domain);
      const service = kind.kind === 'service' ? this.proxies.serviceNumber(kind.namespace, kind.name) : -1;
      return { id: this.idOf(each), kind: kind.kind, service };
    });
    // With autopath the first name of the search list is answered with what the whole list leads to.
    const found = names.find((each) => each.kind === 'external') ?? names[names.length - 1]!;
    return { names: autopath && names.length > 1 && names.every((each) => each.kind !== 'service' || !this.exists(each)) ? [found] : names, timeout, attempts };
  }

  private idOf(name: string): number {
    let id = this.ids.get(name);
    if (id === undefined) this.ids.set(name, (id = this.ids.size));
    return id;
  }

  private exists(name: PlannedName): boolean {
    return name.kind === 'external' || (name.service >= 0 && this.proxies.exists(name.service));
  }

  /** Looks a plan's names up from a node; `asker` hears of the end. */
  resolve(node: number, plan: LookupPlan, asker: Asker, request: number): void {
    const lookup = new Lookup(plan, node, asker, request, this.simulation.now);
    const slot = this.free.pop() ?? this.lookups.push(undefined) - 1;
    this.lookups[slot] = lookup;
    this.metrics.lookups++;
    this.ask(slot, lookup);
  }

  private ask(slot: number, lookup: Lookup): void {
    const { simulation, spec, costs } = this;
    const name = lookup.plan.names[lookup.index]!;
    lookup.generation++;
    // Even and odd numbers are queries for A and for AAAA.
    const base = this.count;
    this.count += 2 * FAMILIES;
    lookup.open = FAMILIES;
    this.metrics.queries += FAMILIES;
    if (spec.nodeLocal) {
      const number = base + FAMILIES;
      const key = `${-1 - lookup.node} ${name.id}`;
      const hit = (this.kept.get(key) ?? -1) >= simulation.now;
      const own = this.draws.sample(costs.dns.nodeLocal, number, DRAW_INSIDE);
      if (hit || name.kind === 'external') {
        // Names of the world outside go from the node to its own name servers, past CoreDNS.
        const upstream = hit ? 0 : this.draws.sample(costs.dns.upstream, number, DRAW_UPSTREAM);
        if (!hit) this.keep(key, name, NODE_CACHE_SUCCESS, NODE_CACHE_DENIAL);
        else lookup.records = this.records.get(key, simulation.now) ?? null;
        lookup.timer = simulation.schedule(Math.round(own + upstream), this.target, OP_CACHED, slot);
        return;
      }
    }
    lookup.timer = simulation.schedule(lookup.plan.timeout, this.target, OP_TIMEOUT, slot);
    for (let i = 0; i < FAMILIES; i++) this.query(slot, lookup, base + i);
  }

  private query(slot: number, lookup: Lookup, number: number): void {
    const { pods, proxies, network, draws, simulation } = this;
    const { requests } = pods;
    if (this.down) return;
    const { addresses } = proxies.view(lookup.node, this.service);
    const row = requests.take();
    requests.stream[row] = this.stream;
    requests.number[row] = number;
    requests.sent[row] = simulation.now;
    requests.back[row] = 0;
    requests.call[row] = slot;
    requests.peer[row] = lookup.generation;
    if (addresses.length === 0) {
      simulation.schedule(0, this.target, OP_REFUSED, row);
      return;
    }
    const address = addresses[Math.floor(draws.at(number, DRAW_ENDPOINT).next() * addresses.length)]!;
    const from = this.hosts[lookup.node]!;
    const to = pods.hostOf(address) ?? from;
    requests.address[row] = address;
    if (!network.reachable(from, to) || !network.reachable(to, from)) {
      requests.free(row);
      return;
    }
    // Datagrams are not sent again by the network: neither a query nor its answer.
    const { loss = 0 } = this.costs.network;
    if (loss > 0 && from !== to && draws.at(number, DRAW_LOSS).next() < 1 - (1 - loss) * (1 - loss)) {
      requests.free(row);
      return;
    }
    const inside = Math.round(draws.sample(network.roundTrip(from, to), number, DRAW_INSIDE) / 2);
    requests.inside[row] = inside;
    requests.back[row] = inside;
    simulation.schedule(inside, pods.target, OP_ARRIVE, row);
  }

  /** A query ends at its server, or on the way. Called by the pods. */
  ended(row: number, _version: string, cause: number, time: Time): void {
    const { requests } = this.pods;
    const { simulation } = this;
    if (cause !== SUCCESS && cause !== CONNECTION_REFUSED) {
      // Dropped: nobody tells the resolver.
      requests.free(row);
      return;
    }
    requests.state[row] = ANSWERED;
    let at = Math.max(simulation.now, time);
    if (cause === SUCCESS) {
      this.metrics.served++;
      const name = this.nameOf(row);
      if (name?.kind === 'external') at += this.forward(row, name);
      else if (name !== undefined && this.isHeadless(name)) this.tell(row, name);
      this.metrics.request.observe(at - requests.sent[row]! - requests.inside[row]!);
    }
    simulation.scheduleAt(at + requests.back[row]!, this.target, cause === SUCCESS ? OP_ANSWER : OP_REFUSED, row);
  }

  /** Time until an answer from outside is there: none when the server has kept it (plugins cache and forward). */
  private forward(row: number, name: PlannedName): Duration {
    const { requests } = this.pods;
    const key = `${requests.address[row]} ${name.id} ${requests.number[row]! % FAMILIES}`;
    if ((this.kept.get(key) ?? -1) >= this.simulation.now) return 0;
    this.metrics.forwarded++;
    const time = Math.round(this.draws.sample(this.costs.dns.upstream, requests.number[row]!, DRAW_UPSTREAM));
    this.keep(key, name, this.spec.success, this.spec.denial, time);
    return time;
  }

  /** The answer of a server about a headless Service: its ready pods as the API server tells them now, or as plugin cache has kept them. */
  private tell(row: number, name: PlannedName): void {
    const { requests } = this.pods;
    const { ttl, success, clusterCached = false } = this.spec;
    const { now } = this.simulation;
    const key = `${requests.address[row]} ${name.id}`;
    const kept = this.records.get(key, now);
    const records = kept ?? this.proxies.latest(name.service).addresses;
    if (kept === undefined && clusterCached) this.records.keep(key, records, now, Math.min(ttl, success));
    this.lookups[requests.call[row]!]!.records = records;
  }

  private isHeadless(name: PlannedName): boolean {
    return name.service >= 0 && this.proxies.isHeadless(name.service);
  }

  private keep(key: string, name: PlannedName, success: Duration, denial: Duration, after: Duration = 0): void {
    const time = this.exists(name) ? success : denial;
    if (time > 0) this.kept.set(key, this.simulation.now + after + time);
  }

  private nameOf(row: number): PlannedName | undefined {
    const { requests } = this.pods;
    const lookup = this.lookups[requests.call[row]!];
    return lookup === undefined || lookup.generation !== requests.peer[row] ? undefined : lookup.plan.names[lookup.index];
  }

  describe(opcode: number): string {
    if (opcode === OP_ANSWER) return 'a name server answers';
    if (opcode === OP_REFUSED) return 'a query is refused';
    return opcode === OP_TIMEOUT ? 'a query is given up' : 'the cache of a node answers';
  }

  handle(opcode: number, argument: number): void {
    if (opcode === OP_TIMEOUT) {
      this.metrics.timeouts++;
      this.again(argument, this.lookups[argument]!);
      return;
    }
    if (opcode === OP_CACHED) {
      this.answered(argument, this.lookups[argument]!);
      return;
    }
    const { requests } = this.pods;
    const slot = requests.call[argument]!;
    const lookup = this.lookups[slot];
    const generation = requests.peer[argument]!;
    requests.free(argument);
    if (lookup === undefined || lookup.generation !== generation) return;
    if (opcode === OP_REFUSED) {
      this.simulation.cancel(lookup.timer);
      this.again(slot, lookup);
      return;
    }
    if (--lookup.open > 0) return;
    this.simulation.cancel(lookup.timer);
    if (this.spec.nodeLocal) this.keepOnNode(lookup, lookup.plan.names[lookup.index]!);
    this.answered(slot, lookup);
  }

  /** NodeLocal DNSCache keeps an answer, no longer than its record says. */
  private keepOnNode(lookup: Lookup, name: PlannedName): void {
    const key = `${-1 - lookup.node} ${name.id}`;
    const success = name.kind === 'service' ? Math.min(NODE_CACHE_SUCCESS, this.spec.ttl) : NODE_CACHE_SUCCESS;
    this.keep(key, name, success, NODE_CACHE_DENIAL);
    if (lookup.records !== null) this.records.keep(key, lookup.records, this.simulation.now, success);
  }

  /** No answer: the same question once more, or none any more. */
  private again(slot: number, lookup: Lookup): void {
    if (++lookup.attempt < lookup.plan.attempts) this.ask(slot, lookup);
    else this.end(slot, lookup, false, null);
  }

  private answered(slot: number, lookup: Lookup): void {
    const name = lookup.plan.names[lookup.index]!;
    if (this.exists(name)) {
      const records = this.isHeadless(name) ? (lookup.records ?? this.proxies.latest(name.service).addresses) : null;
      this.end(slot, lookup, true, records);
      return;
    }
    lookup.attempt = 0;
    if (++lookup.index < lookup.plan.names.length) this.ask(slot, lookup);
    else this.end(slot, lookup, false, null);
  }

  private end(slot: number, lookup: Lookup, found: boolean, records: ArrayLike<number> | null): void {
    this.lookups[slot] = undefined;
    this.free.push(slot);
    if (!found) this.metrics.failed++;
    this.metrics.duration.observe(this.simulation.now - lookup.started);
    lookup.asker.resolved(lookup.request, found, records);
  }
}
