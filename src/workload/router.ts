import type { Simulation } from '../kernel/simulation.js';
import type { Network } from '../network/network.js';
import type { DrawCursor } from '../node/draws.js';
import type { EndpointView, KubeProxies } from '../node/kube-proxy.js';
import type { DistributionSpec } from '../random/distribution.js';
import type { CostProfile, TrafficSpec } from '../scenario/types.js';
import { Balancer } from './balancer.js';
import { OP_ARRIVE, type PodServers } from './pods.js';
import type { TrafficSplits } from './splits.js';
import { NO_ENDPOINT, NODE_UNREACHABLE } from './statistics.js';

/** Draws of a request in its stream: entry node, endpoint (two draws); round trips from 64 on. Further tries are `TRY_STRIDE` apart. */
const DRAW_NODE = 1;
const DRAW_ENDPOINT = 2;
/** Where a split sends a request, whether it is of the cohort, whether it is mirrored. */
const DRAW_BACKEND = 8;
const DRAW_COHORT = 9;
const DRAW_MIRROR = 10;
const DRAW_EXTERNAL = 64;
const DRAW_INTERNAL = 128;
/** Draws that one try of a request may use, in its stream and of its demand. */
export const TRY_STRIDE = 4096;

/** Nodes that take traffic from outside, and where they are. */
export interface EntryNodes {
  /** Network host of each node. */
  readonly hosts: readonly number[];
  /** Indexes of the nodes to which users are sent: those ready. */
  ready: number[];
}

/** The way of one stream's requests: entry node, its proxy's choice of an endpoint, and the network between them. */
export class Router {
  /** Null: the proxies choose at random and keep no state. */
  readonly balancer: Balancer | null;
  private readonly simulation: Simulation;
  private readonly network: Network;
  private readonly costs: CostProfile;
  private readonly timeout: number;
  private readonly pods: PodServers;
  private readonly proxies: KubeProxies;
  private readonly nodes: EntryNodes;
  private readonly service: number;
  /** The proxies' rules cost time by their number. */
  private readonly looksUp: boolean;
  private readonly draws: DrawCursor;
  private readonly splits: TrafficSplits;
  private readonly cohort: number;
  /** Stream of the copies of requests that are mirrored. */
  mirrorStream = 0;

  constructor(
    simulation: Simulation,
    network: Network,
    costs: CostProfile,
    spec: TrafficSpec,
    pods: PodServers,
    proxies: KubeProxies,
    nodes: EntryNodes,
    draws: DrawCursor,
    splits: TrafficSplits,
  ) {
    this.simulation = simulation;
    this.network = network;
    this.costs = costs;
    this.timeout = spec.timeout;
    this.pods = pods;
    this.proxies = proxies;
    this.nodes = nodes;
    this.service = proxies.serviceNumber(spec.service.namespace, spec.service.name);
    this.looksUp = proxies.runsByMode !== null;
    this.draws = draws;
    this.splits = splits;
    this.cohort = spec.cohort ?? 0;
    const policy = spec.balancing ?? proxies.balancing;
    this.balancer = policy === 'random' && spec.breaker === undefined ? null : new Balancer(policy, spec.breaker);
  }

  /** One way between a user and the cluster's edge, for a request. */
  external(number: number): number {
    return Math.round(this.draws.sample(this.costs.network.external, number, DRAW_EXTERNAL) / 2);
  }

  /** The node at which a request enters; −1 when there is none or it is down. */
  entry(number: number): number {
    const { ready, hosts } = this.nodes;
    if (ready.length === 0) return -1;
    const entry = ready[Math.floor(this.draws.at(number, DRAW_NODE).next() * ready.length)]!;
    return this.network.isUp(hosts[entry]!) ? entry : -1;
  }

  /** What the proxy of an entry node knows of the Service now. */
  view(entry: number): EndpointView {
    return this.proxies.view(entry, this.service, true);
  }

  /** Sends a request on from its entry node. Its row holds stream, number, first draw, sending time and the way back to its sender. */
  forward(request: number, entry: number): void {
    const { pods, draws } = this;
    const { requests } = pods;
    const number = requests.number[request]!;
    const first = requests.first[request]!;
    let { service } = this;
    if (this.splits.has(service)) {
      const cohort = this.cohort > 0 && draws.at(number, DRAW_COHORT).next() < this.cohort;
      const copy = first === 0 ? this.splits.mirror(service, draws.at(number, DRAW_MIRROR).next()) : -1;
      if (copy >= 0) this.mirror(copy, number, entry);
      service = this.splits.backend(service, draws.at(number, first + DRAW_BACKEND).next(), cohort);
    }
    this.send(request, entry, service);
  }

  /** Sends a copy of a request, whose answer nobody waits for. */
  private mirror(service: number, number: number, entry: number): void {
    const { requests } = this.pods;
    const copy = requests.take();
    requests.stream[copy] = this.mirrorStream;
    requests.number[copy] = number;
    requests.sent[copy] = this.simulation.now;
    requests.back[copy] = 0;
    this.send(copy, entry, service);
  }

  private send(request: number, entry: number, service: number): void {
    const { pods, network, draws } = this;
    const { requests } = pods;
    const number = requests.number[request]!;
    const first = requests.first[request]!;
    const entryHost = this.nodes.hosts[entry]!;
    const view = this.proxies.view(entry, service, true);
    const { addresses } = view;
    if (addresses.length === 0) {
      this.noEndpoint(request, view);
      return;
    }
    let address: number;
    if (this.balancer === null || requests.stream[request] === this.mirrorStream) address = addresses[Math.floor(draws.at(number, first + DRAW_ENDPOINT).next() * addresses.length)]!;
    else {
      address = this.balancer.pick(entry, addresses, this.simulation.now, draws, number, first + DRAW_ENDPOINT);
      requests.proxy[request] = entry + 1;
    }
    const host = pods.hostOf(address) ?? entryHost;
    requests.address[request] = address;
    if (!network.reachable(entryHost, host) || !network.reachable(host, entryHost)) {
      this.unreachable(request);
      return;
    }
    let inside = Math.round(draws.sample(this.distance(entryHost, host), number, first + DRAW_INTERNAL) / 2);
    if (this.looksUp) inside += this.proxies.lookup(entry, service);
    requests.inside[request] = inside;
    requests.back[request] = requests.back[request]! + inside;
    this.simulation.schedule(inside, pods.target, OP_ARRIVE, request);
  }

  /** The rules refuse the connection (REJECT); or drop its packets, where a policy Local keeps the node from endpoints elsewhere. */
  private noEndpoint(request: number, view: EndpointView): void {
    if (view.drops === true) this.unreachable(request, NO_ENDPOINT);
    else this.pods.end(request, '', NO_ENDPOINT, this.simulation.now);
  }

  /** No answer comes at all: the sender's connection attempt times out. */
  unreachable(request: number, cause = NODE_UNREACHABLE): void {
    const { requests } = this.pods;
    const wait = Math.min(this.costs.requests.connectTimeout, this.timeout);
    requests.back[request] = 0;
    this.pods.end(request, '', cause, requests.sent[request]! + wait);
  }

  private distance(from: number, to: number): DistributionSpec {
    const { network } = this.costs;
    if (from === to) return network.sameHost;
    return this.network.zoneOf(from) === this.network.zoneOf(to) ? network.sameZone : network.crossZone;
  }
}
