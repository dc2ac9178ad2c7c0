import type { Component, Simulation } from '../kernel/simulation.js';
import type { Time } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import { DrawCursor } from '../node/draws.js';
import type { KubeProxies } from '../node/kube-proxy.js';
import type { DistributionSpec } from '../random/distribution.js';
import { log } from '../random/portable.js';
import type { Randomness } from '../random/stream.js';
import type { CostProfile, TrafficSpec } from '../scenario/types.js';
import { OP_ARRIVE, type PodServers } from './pods.js';
import type { ServiceStatistics } from './statistics.js';
import { NO_ENDPOINT, NODE_UNREACHABLE } from './statistics.js';

/** A request reaches its entry node. */
const OP_ENTER = 1;

/** Draws of a request in its stream: time to the next arrival, entry node, endpoint; round trips from 64 on. */
const DRAW_GAP = 0;
const DRAW_NODE = 1;
const DRAW_ENDPOINT = 2;
const DRAW_EXTERNAL = 64;
const DRAW_INTERNAL = 128;

/** Nodes that take traffic from outside, and where they are. */
export interface EntryNodes {
  /** Network host of each node. */
  readonly hosts: readonly number[];
  /** Indexes of the nodes to which users are sent: those ready. */
  ready: number[];
}

/**
 * Users of one Service: an open Poisson stream. A request enters at a random ready node, whose kube-proxy picks an endpoint
 * at random; it travels to the pod and back. Arrivals are drawn at the entry node: the users' own sending times, earlier by the
 * way to the cluster, are then a Poisson stream too (displacement theorem), at one event less a request.
 */
export class Traffic implements Component {
  readonly name: string;
  readonly statistics: ServiceStatistics;
  private readonly simulation: Simulation;
  private readonly network: Network;
  private readonly costs: CostProfile;
  private readonly spec: TrafficSpec;
  private readonly pods: PodServers;
  private readonly proxies: KubeProxies;
  private readonly nodes: EntryNodes;
  private readonly service: number;
  private readonly target: number;
  private readonly stream: number;
  private readonly draws: DrawCursor;
  private readonly meanGap: number;
  private end: Time = Number.POSITIVE_INFINITY;
  /** Requests so far. */
  private count = 0;

  constructor(
    simulation: Simulation,
    randomness: Randomness,
    network: Network,
    costs: CostProfile,
    spec: TrafficSpec,
    index: number,
    pods: PodServers,
    proxies: KubeProxies,
    nodes: EntryNodes,
    statistics: ServiceStatistics,
  ) {
    const { namespace, name } = spec.service;
    this.name = `traffic/${namespace}/${name}/${index}`;
    this.simulation = simulation;
    this.network = network;
    this.costs = costs;
    this.spec = spec;
    this.pods = pods;
    this.proxies = proxies;
    this.nodes = nodes;
    this.service = proxies.serviceNumber(namespace, name);
    this.statistics = statistics;
    this.draws = new DrawCursor(randomness.keyed(this.name));
    this.meanGap = SECOND / spec.rate;
    this.target = simulation.add(this);
    const demand = new DrawCursor(randomness.keyed(`${this.name}/demand`));
    this.stream = pods.addStream({ statistics: this.statistics, demand, timeout: spec.timeout });
  }

  /** Requests that have entered the cluster so far. */
  get sent(): number {
    return this.count;
  }

  /** Starts the stream; the times of its specification count from `origin`. */
  start(origin: Time): void {
    this.statistics.origin = origin;
    if (this.spec.end !== undefined) this.end = origin + this.spec.end;
    this.scheduleNext(Math.max(this.simulation.now, origin + this.spec.start));
  }

  private scheduleNext(from: Time): void {
    const gap = -log(this.draws.at(this.count, DRAW_GAP).next()) * this.meanGap;
    const at = Math.round(from + gap);
    if (at < this.end) this.simulation.scheduleAt(at, this.target, OP_ENTER);
  }

  describe(): string {
    return 'a request of a user enters';
  }

  handle(_opcode: number, _argument: number): void {
    const { simulation, draws, network, pods } = this;
    const now = simulation.now;
    const number = this.count++;
    this.scheduleNext(now);
    const external = draws.sample(this.costs.network.external, number, DRAW_EXTERNAL) / 2;
    const { ready, hosts } = this.nodes;
    const request = pods.requests.take();
    const table = pods.requests;
    table.stream[request] = this.stream;
    table.number[request] = number;
    table.sent[request] = now - Math.round(external);
    table.back[request] = Math.round(external);
    table.address[request] = 0;
    if (ready.length === 0) {
      this.unreachable(request);
      return;
    }
    const entry = ready[Math.floor(draws.at(number, DRAW_NODE).next() * ready.length)]!;
    const entryHost = hosts[entry]!;
    if (!network.isUp(entryHost)) {
      this.unreachable(request);
      return;
    }
    const { addresses } = this.proxies.view(entry, this.service);
    if (addresses.length === 0) {
      pods.end(request, '', NO_ENDPOINT, now);
      return;
    }
    const address = addresses[Math.floor(draws.at(number, DRAW_ENDPOINT).next() * addresses.length)]!;
    const host = pods.hostOf(address) ?? entryHost;
    if (!network.reachable(entryHost, host) || !network.reachable(host, entryHost)) {
      this.unreachable(request);
      return;
    }
    const inside = Math.round(draws.sample(this.distance(entryHost, host), number, DRAW_INTERNAL) / 2);
    table.address[request] = address;
    table.back[request] = table.back[request]! + inside;
    simulation.schedule(inside, pods.target, OP_ARRIVE, request);
  }

  /** No answer comes at all: the user's connection attempt times out. */
  private unreachable(request: number): void {
    const { requests } = this.pods;
    const wait = Math.min(this.costs.requests.connectTimeout, this.spec.timeout);
    requests.back[request] = 0;
    this.pods.end(request, '', NODE_UNREACHABLE, requests.sent[request]! + wait);
  }

  private distance(from: number, to: number): DistributionSpec {
    const { network } = this.costs;
    if (from === to) return network.sameHost;
    return this.network.zoneOf(from) === this.network.zoneOf(to) ? network.sameZone : network.crossZone;
  }
}
