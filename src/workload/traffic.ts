import type { Component, Simulation } from '../kernel/simulation.js';
import type { Time } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import { DrawCursor } from '../node/draws.js';
import type { KubeProxies } from '../node/kube-proxy.js';
import type { Randomness } from '../random/stream.js';
import type { CostProfile, TrafficSpec } from '../scenario/types.js';
import { type Arrivals, openArrivals } from './arrivals.js';
import { Calls } from './calls.js';
import { Connector } from './connector.js';
import type { ClusterDns } from './dns.js';
import type { IngressController } from './ingress.js';
import type { LoadBalancer } from './load-balancer.js';
import type { PodServers } from './pods.js';
import { type EntryNodes, Router } from './router.js';
import { StreamSample } from './sampling.js';
import type { TrafficSplits } from './splits.js';
import { type SessionClients, Sessions } from './sessions.js';
import { ServiceStatistics } from './statistics.js';

export type { EntryNodes } from './router.js';

/** A request reaches its entry node; argument: user of a closed loop. */
const OP_ENTER = 1;

/** What may lie between users and a Service. */
export interface TrafficInfrastructure {
  readonly dns: ClusterDns | null;
  readonly balancer: LoadBalancer | null;
  readonly ingress: IngressController | null;
}

/** Whether a stream's requests are more than users reaching a Service. */
export function needsConnector({ host, ingress, via, client, clients, lookup, connections }: TrafficSpec): boolean {
  return [host, ingress, via, client, clients, lookup, connections].some((each) => each !== undefined);
}

/** Whether somebody waits for the answers of a stream's requests: users of a closed loop, and who sends them again or gives them up. */
export function isFollowed({ arrivals, retries, hedge, breaker, cancels }: TrafficSpec): boolean {
  return arrivals?.kind === 'closed' || retries !== undefined || hedge !== undefined || breaker !== undefined || cancels === true;
}

/** First draw of a user's think time before a request. */
const DRAW_THINK = 256;

/**
 * Users of one Service. A request enters at a random ready node, whose kube-proxy picks an endpoint; it travels to the pod and
 * back. Open arrivals are drawn at the entry node: the users' own sending times, earlier by the way to the cluster, are then a
 * Poisson stream too (displacement theorem), at one event less a request. Requests that may be sent again, or whose users wait for
 * their answers, are followed by `Calls`; of the others a timeout is recognised when their answer comes, which saves its event.
 */
export class Traffic implements Component, SessionClients {
  readonly name: string;
  readonly statistics: ServiceStatistics;
  /** Copies of requests that a mesh mirrors: no user sees what becomes of them. */
  readonly mirrored: ServiceStatistics;
  /** Retries, hedging, circuit breaking and closed loops; null when the stream has none of them. */
  readonly calls: Calls | null;
  private readonly simulation: Simulation;
  private readonly spec: TrafficSpec;
  private readonly pods: PodServers;
  private readonly router: Router;
  private readonly target: number;
  /** Thins the stream to the requests that are simulated; null: all are. */
  private readonly sample: StreamSample | null;
  private readonly stream: number;
  private readonly draws: DrawCursor;
  /** Null: a closed loop. */
  private readonly arrivals: Arrivals | null;
  /** Number of the request that each user of a closed loop sends next. */
  private readonly numbers: Float64Array;
  /** What clients have met. */
  readonly sessions: Sessions;
  private end: Time = Number.POSITIVE_INFINITY;
  /** Requests numbered, and requests that have entered. */
  private count = 0;
  private entered = 0;

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
    splits: TrafficSplits,
    between: TrafficInfrastructure,
  ) {
    const { namespace, name } = spec.service;
    this.name = `traffic/${namespace}/${name}/${index}`;
    this.simulation = simulation;
    this.spec = spec;
    this.pods = pods;
    this.statistics = statistics;
    this.draws = new DrawCursor(randomness.keyed(this.name));
    this.router = new Router(simulation, network, costs, spec, pods, proxies, nodes, this.draws, splits);
    if (needsConnector(spec)) {
      const connector = new Connector({ name: `${this.name}/clients`, simulation, network, costs, spec, pods, proxies, nodes, draws: this.draws, ...between });
      connector.connect(this.router);
      this.router.connector = connector;
    }
    const closed = spec.arrivals?.kind === 'closed' ? spec.arrivals : undefined;
    const { sample } = pods;
    this.sample = sample === null ? null : new StreamSample(sample);
    this.router.sample = this.sample;
    this.arrivals = spec.arrivals?.kind === 'closed' ? null : openArrivals(spec.arrivals, spec.rate);
    this.numbers = new Float64Array(closed?.users ?? 0);
    this.sessions = new Sessions(spec.mixedVersionErrors ?? 0);
    this.target = pods.aside ? simulation.addAside(this) : simulation.add(this);
    const demand = new DrawCursor(randomness.keyed(`${this.name}/demand`));
    this.calls =
      !isFollowed(spec)
        ? null
        : new Calls(`${this.name}/calls`, simulation, this.draws, spec, pods, this.router, statistics, closed && this);
    this.stream = pods.addStream({
      statistics,
      demand,
      timeout: spec.timeout,
      balancer: this.router.connector ?? this.router.balancer,
      calls: this.calls,
      sample,
      sessions: spec.mixedVersionErrors === undefined ? null : this,
    });
    this.calls?.open(this.stream);
    // Copies are served like their originals, at times of their own: the other version may be slower.
    this.mirrored = new ServiceStatistics(statistics.service);
    const copies = new DrawCursor(randomness.keyed(`${this.name}/demand`));
    this.router.mirrorStream = pods.addStream({ statistics: this.mirrored, demand: copies, timeout: spec.timeout, balancer: null, calls: null });
  }

  /** Requests that have entered the cluster so far; of a sample, what they stand for. */
  get sent(): number {
    this.simulation.catchUp();
    return this.sample === null ? this.entered : this.sample.represented;
  }

  /** Users of a closed loop are told apart by themselves, others by the clients that the traffic names. */
  clientOf(request: number): number {
    const { requests } = this.pods;
    if (this.arrivals === null) return requests.call[request] === 0 ? -1 : this.calls!.userOf(request);
    return this.router.connector!.clientOf(requests.number[request]!);
  }

  /** Starts the stream; the times of its specification count from `origin`. */
  start(origin: Time): void {
    this.statistics.origin = origin;
    this.mirrored.origin = origin;
    const begin = Math.max(this.simulation.now, origin + this.spec.start);
    if (this.spec.end !== undefined) this.end = origin + this.spec.end;
    if (this.arrivals === null) {
      for (let user = 0; user < this.numbers.length; user++) this.thinks(user, begin);
      return;
    }
    this.arrivals.begin(begin, origin);
    this.scheduleNext(begin);
  }

  private scheduleNext(from: Time): void {
    const at = this.arrivals!.next(from, this.count, this.draws, this.sample === null ? 1 : this.sample.bound);
    if (at < this.end) this.simulation.scheduleAt(at, this.target, OP_ENTER);
  }

  /** A user of a closed loop has an answer, or has given up, at `from`: thinks and sends the next request. */
  thinks(user: number, from: Time): void {
    const { arrivals } = this.spec;
    if (arrivals?.kind !== 'closed') return;
    const number = this.count++;
    const sent = from + this.draws.sample(arrivals.think, number, DRAW_THINK);
    if (sent >= this.end) return;
    this.numbers[user] = number;
    this.simulation.scheduleAt(sent + this.router.external(number), this.target, OP_ENTER, user);
  }

  describe(): string {
    return 'a request of a user enters';
  }

  handle(_opcode: number, user: number): void {
    const { simulation, pods, router } = this;
    const now = simulation.now;
    this.entered++;
    let number: number;
    if (this.arrivals === null) number = this.numbers[user]!;
    else {
      number = this.count++;
      // In a sample the gap to the next depends on what this one finds.
      if (this.sample === null) this.scheduleNext(now);
    }
    const external = router.external(number);
    if (this.calls !== null) {
      this.calls.begin(number, user, external);
      return;
    }
    const { requests } = pods;
    const request = requests.take();
    requests.stream[request] = this.stream;
    requests.number[request] = number;
    requests.sent[request] = now - external;
    requests.back[request] = external;
    const entry = router.entry(number);
    if (entry < 0) router.noEntry(request);
    else router.forward(request, entry);
    if (this.sample !== null) this.scheduleNext(now);
  }
}
