import type { Simulation } from '../kernel/simulation.js';
import type { Network } from '../network/network.js';
import type { DrawCursor } from '../node/draws.js';
import type { EndpointView, KubeProxies } from '../node/kube-proxy.js';
import type { DistributionSpec } from '../random/distribution.js';
import type { CostProfile, TrafficSpec } from '../scenario/types.js';
import { Balancer } from './balancer.js';
import { OP_ARRIVE, type PodServers } from './pods.js';
import { NO_ENDPOINT, NODE_UNREACHABLE } from './statistics.js';

/** Draws of a request in its stream: entry node, endpoint (two draws); round trips from 64 on. Further tries are `TRY_STRIDE` apart. */
const DRAW_NODE = 1;
const DRAW_ENDPOINT = 2;
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
  private readonly draws: DrawCursor;

  constructor(
    simulation: Simulation,
    network: Network,
    costs: CostProfile,
    spec: TrafficSpec,
    pods: PodServers,
    proxies: KubeProxies,
    nodes: EntryNodes,
    draws: DrawCursor,
  ) {
    this.simulation = simulation;
    this.network = network;
    this.costs = costs;
    this.timeout = spec.timeout;
    this.pods = pods;
    this.proxies = proxies;
    this.nodes = nodes;
    this.service = proxies.serviceNumber(spec.service.namespace, spec.service.name);
    this.draws = draws;
    const policy = spec.balancing ?? 'random';
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
    return this.proxies.view(entry, this.service);
  }

  /** Sends a request on from its entry node. Its row holds stream, number, first draw, sending time and the way back to its sender. */
  forward(request: number, entry: number): void {
    const { pods, network, draws } = this;
    const { requests } = pods;
    const number = requests.number[request]!;
    const first = requests.first[request]!;
    const entryHost = this.nodes.hosts[entry]!;
    const { addresses } = this.view(entry);
    if (addresses.length === 0) {
      pods.end(request, '', NO_ENDPOINT, this.simulation.now);
      return;
    }
    let address: number;
    if (this.balancer === null) address = addresses[Math.floor(draws.at(number, first + DRAW_ENDPOINT).next() * addresses.length)]!;
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
    const inside = Math.round(draws.sample(this.distance(entryHost, host), number, first + DRAW_INTERNAL) / 2);
    requests.inside[request] = inside;
    requests.back[request] = requests.back[request]! + inside;
    this.simulation.schedule(inside, pods.target, OP_ARRIVE, request);
  }

  /** No answer comes at all: the sender's connection attempt times out. */
  unreachable(request: number): void {
    const { requests } = this.pods;
    const wait = Math.min(this.costs.requests.connectTimeout, this.timeout);
    requests.back[request] = 0;
    this.pods.end(request, '', NODE_UNREACHABLE, requests.sent[request]! + wait);
  }

  private distance(from: number, to: number): DistributionSpec {
    const { network } = this.costs;
    if (from === to) return network.sameHost;
    return this.network.zoneOf(from) === this.network.zoneOf(to) ? network.sameZone : network.crossZone;
  }
}
