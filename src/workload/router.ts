import type { Simulation } from '../kernel/simulation.js';
import { type Network, retransmissions } from '../network/network.js';
import type { DrawCursor } from '../node/draws.js';
import type { EndpointView, KubeProxies } from '../node/kube-proxy.js';
import type { CostProfile, TrafficSpec } from '../scenario/types.js';
import { Balancer } from './balancer.js';
import { uploadTime } from './links.js';
import type { Connector } from './connector.js';
import { OP_ARRIVE, type PodServers } from './pods.js';
import { NO_ADDRESS, type StreamSample } from './sampling.js';
import type { TrafficSplits } from './splits.js';
import { LAST_RESORT_POD, NO_LOAD_BALANCER, NO_LOCAL_ENDPOINT, NO_READY_POD, PROXY_WITHOUT_ENDPOINTS, UNREACHABLE_ENTRY, UNREACHABLE_POD } from './mechanisms.js';
import { NO_ENDPOINT, NODE_UNREACHABLE } from './statistics.js';

/** Draws of a request in its stream: entry node, endpoint (two draws); round trips from 64 on. Further tries are `TRY_STRIDE` apart. */
const DRAW_NODE = 1;
const DRAW_ENDPOINT = 2;
/** Where a split sends a request, whether it is of the cohort, whether it is mirrored. */
const DRAW_BACKEND = 8;
const DRAW_COHORT = 9;
/** Whether a client is of the cohort: of its number, not of its requests'. */
const DRAW_CLIENT_COHORT = 21;
const DRAW_MIRROR = 10;
const DRAW_EXTERNAL = 64;
const DRAW_INTERNAL = 128;
/** Whether the request, and its answer, are lost and sent again. */
const DRAW_LOSS = 11;
/** Whether a candidate of a sample is carried on, and what it stands for. */
const DRAW_SAMPLE = 12;
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
  /** What lies between clients and proxies, when the scenario says so; null: nothing does. */
  connector: Connector | null = null;
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
  /** The traffic says how many clients there are. */
  private readonly clients: boolean;
  /** Only the requests to some pods are simulated; null: all are. */
  sample: StreamSample | null = null;
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
    this.clients = spec.clients !== undefined;
    const policy = spec.balancing ?? proxies.balancing;
    this.balancer = policy === 'random' && spec.breaker === undefined ? null : new Balancer(policy, spec.breaker);
  }

  /** One way between a user and the cluster's edge, for a request. */
  external(number: number): number {
    if (this.connector?.inside === true) return 0;
    return Math.round(this.draws.sample(this.costs.network.external, number, DRAW_EXTERNAL) / 2);
  }

  /** The node at which a request enters; −1 when there is none or it is down. */
  entry(number: number): number {
    if (this.connector !== null) return this.connector.entry(number);
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
      const cohort = this.inCohort(number);
      const copy = first === 0 ? this.splits.mirror(service, draws.at(number, DRAW_MIRROR).next()) : -1;
      if (copy >= 0) this.mirror(copy, number, entry);
      service = this.splits.backend(service, draws.at(number, first + DRAW_BACKEND).next(), cohort);
    }
    if (this.connector === null) this.send(request, entry, service);
    else this.connector.forward(request, entry, service);
  }

  /** Whether the header or cookie of a request matches. Where the traffic names its clients each of them keeps its cookie. */
  inCohort(number: number): boolean {
    if (this.cohort === 0) return false;
    const draw = this.clients ? this.draws.at(this.connector!.clientOf(number), DRAW_CLIENT_COHORT) : this.draws.at(number, DRAW_COHORT);
    return draw.next() < this.cohort;
  }

  /** Sends a copy of a request, whose answer nobody waits for. */
  mirror(service: number, number: number, entry: number): void {
    const { requests } = this.pods;
    const copy = requests.take();
    requests.stream[copy] = this.mirrorStream;
    requests.number[copy] = number;
    requests.sent[copy] = this.simulation.now;
    requests.back[copy] = 0;
    this.send(copy, entry, service);
  }

  private send(request: number, entry: number, service: number): void {
    const view = this.proxies.view(entry, service, true);
    if (this.sample !== null && !this.carriesOn(request, view)) return;
    if (view.addresses.length === 0) {
      this.noEndpoint(request, view, service);
      return;
    }
    if (view.draining === true) this.pods.requests.mechanism[request] = LAST_RESORT_POD;
    const address = this.choose(view, entry, request);
    this.deliver(request, entry, address, this.looksUp ? this.proxies.lookup(entry, service) : 0, 0);
  }

  /** Whether a candidate of a sample is carried on; what it stands for is then in its row. */
  private carriesOn(request: number, view: EndpointView): boolean {
    const { draws, simulation } = this;
    const { requests } = this.pods;
    if (view.addresses.length === 0) {
      this.alone(request);
      return true;
    }
    const source = draws.at(requests.number[request]!, DRAW_SAMPLE);
    const weight = this.sample!.weigh(view, simulation.now, source.next(), source.next());
    if (weight === 0) {
      requests.free(request);
      return false;
    }
    this.represents(request, weight);
    return true;
  }

  /** A candidate of a sample reaches no endpoint. */
  private alone(request: number): void {
    const { requests } = this.pods;
    requests.address[request] = NO_ADDRESS;
    this.represents(request, this.sample!.weighAlone(this.draws.at(requests.number[request]!, DRAW_SAMPLE + 1).next()));
  }

  private represents(request: number, weight: number): void {
    const { requests } = this.pods;
    requests.weight[request] = weight;
    if (requests.stream[request] !== this.mirrorStream) this.sample!.represented += weight;
  }

  /** The entry node is gone: the sender's connection attempt times out. */
  noEntry(request: number): void {
    if (this.sample !== null) this.alone(request);
    this.unreachable(request, NODE_UNREACHABLE, this.connector?.waitsForBalancer === true ? NO_LOAD_BALANCER : UNREACHABLE_ENTRY);
  }

  /** The proxy's choice of an endpoint; not empty. */
  choose(view: EndpointView, entry: number, request: number): number {
    const addresses = this.sample === null ? view.addresses : this.sample.endpoints(view);
    const { requests } = this.pods;
    const number = requests.number[request]!;
    const first = requests.first[request]! + DRAW_ENDPOINT;
    if (this.balancer === null || requests.stream[request] === this.mirrorStream) return addresses[Math.floor(this.draws.at(number, first).next() * addresses.length)]!;
    requests.proxy[request] = entry + 1;
    return this.balancer.pick(entry, addresses, this.simulation.now, this.draws, number, first);
  }

  /** Sends a request from its entry node to an address, `extra` later and after so many round trips of handshakes with it. */
  deliver(request: number, entry: number, address: number, extra: number, handshakes: number): void {
    const { pods, network } = this;
    const { requests } = pods;
    const entryHost = this.nodes.hosts[entry]!;
    const host = pods.hostOf(address) ?? entryHost;
    requests.address[request] = address;
    if (!network.reachable(entryHost, host) || !network.reachable(host, entryHost)) {
      requests.lag[request] = network.downFor(host);
      this.unreachable(request, NODE_UNREACHABLE, UNREACHABLE_POD);
      return;
    }
    const inside = Math.round(this.draws.sample(network.roundTrip(entryHost, host), requests.number[request]!, requests.first[request]! + DRAW_INTERNAL) / 2);
    let back = requests.back[request]! + inside;
    const loss = network.lossBetween(entryHost, host);
    if (loss > 0 && entryHost !== host) {
      const losses = this.draws.at(requests.number[request]!, requests.first[request]! + DRAW_LOSS);
      extra += retransmissions(loss, losses.next());
      back += retransmissions(loss, losses.next());
    }
    requests.inside[request] = inside;
    requests.back[request] = back;
    const outside = this.connector?.inside !== true;
    const relay = requests.relay[request]!;
    requests.leaves[request] = entryHost === host ? (outside || relay > 0 ? 1 : 0) : outside || relay > 0 ? entryHost + 2 : 1;
    const upload = pods.uploads ? pods.at(address)?.behaviour.upload : undefined;
    if (upload !== undefined) extra += uploadTime(network, upload, { relay: relay - 1, entry: entryHost, host, outside, buffered: this.connector?.buffers === true });
    // Clients inside are on the machine that they enter at: nothing is relayed there.
    if (!outside) requests.relay[request] = 0;
    this.simulation.schedule(handshakes === 0 ? inside + extra : inside + extra + 2 * handshakes * back, pods.target, OP_ARRIVE, request);
  }

  /** The rules refuse the connection (REJECT); or drop its packets, where a policy Local keeps the node from endpoints elsewhere. */
  noEndpoint(request: number, view: EndpointView, service: number): void {
    if (view.drops === true) {
      this.unreachable(request, NO_ENDPOINT, NO_LOCAL_ENDPOINT);
      return;
    }
    this.pods.requests.mechanism[request] = this.proxies.latest(service).addresses.length > 0 ? PROXY_WITHOUT_ENDPOINTS : NO_READY_POD;
    this.pods.end(request, '', NO_ENDPOINT, this.simulation.now);
  }

  /** No answer comes at all: the sender's connection attempt times out. */
  unreachable(request: number, cause = NODE_UNREACHABLE, mechanism = UNREACHABLE_ENTRY): void {
    const { requests } = this.pods;
    requests.mechanism[request] = mechanism;
    const wait = Math.min(this.costs.requests.connectTimeout, this.timeout);
    requests.back[request] = 0;
    this.pods.end(request, '', cause, requests.sent[request]! + wait);
  }
}
