import { includedInLoadBalancers } from '../api/balanced-nodes.js';
import type { Simulation } from '../kernel/simulation.js';
import { SECOND, type Time } from '../kernel/time.js';
import type { Recorder } from '../metrics/recorder.js';
import { CALLS_BY_SECOND, ERRORS_BY_SECOND, FAILURES_BY_SECOND, REQUESTS_BY_SECOND } from '../metrics/tables.js';
import type { Network } from '../network/network.js';
import type { EnvironmentBook } from '../node/behaviour.js';
import type { KubeProxies } from '../node/kube-proxy.js';
import type { Randomness } from '../random/stream.js';
import type { Scenario, TrafficSpec } from '../scenario/types.js';
import { ScenarioBehaviour } from './behaviour.js';
import { CallGraph } from './call-graph.js';
import { ClusterDns } from './dns.js';
import { IngressController } from './ingress.js';
import { IngressPods } from './ingress-pods.js';
import { type BackendBook, LoadBalancer } from './load-balancer.js';
import { PodServers } from './pods.js';
import { PodSample } from './sampling.js';
import { TrafficSplits } from './splits.js';
import { MECHANISMS } from './mechanisms.js';
import type { RequestTotals } from './statistics.js';
import { CAUSES, ServiceStatistics } from './statistics.js';
import { type EntryNodes, isFollowed, needsConnector, Traffic } from './traffic.js';
import { LogHistogram } from '../stats/log-histogram.js';

export interface WorkloadOptions {
  readonly simulation: Simulation;
  readonly randomness: Randomness;
  readonly network: Network;
  readonly scenario: Scenario;
}

/** Streams of the calls between Services. */
function callsOf({ behaviours }: Scenario): TrafficSpec[] {
  return behaviours.flatMap(({ request }) => (request.calls ?? []).flat().map(({ traffic }) => traffic));
}

/** Whether users send requests to pods and nothing else happens between them: no other component has a part in requests, and they share no link with anybody. */
function requestsOnly({ traffic, behaviours, sampleEvery }: Scenario): boolean {
  return sampleEvery === undefined && traffic.every((spec) => !needsConnector(spec) && !isFollowed(spec)) && behaviours.every(({ request: { calls, answer, upload } }) => calls === undefined && answer === undefined && upload === undefined);
}

/** Failed requests of one mechanism; lags in seconds, null where they do not apply. */
export interface FailureTotals {
  readonly mechanism: string;
  readonly errors: number;
  readonly meanLag: number | null;
  readonly longestLag: number | null;
}

/** The applications in the pods and their users. Build it, give `behaviour` and `pods` to the kubelets, `connect`, `start`. */
export class Workload {
  readonly behaviour: ScenarioBehaviour;
  readonly pods: PodServers;
  /** One for each entry of the scenario's traffic; empty before `connect`. */
  readonly traffic: Traffic[] = [];
  /** The cluster's DNS, when some traffic looks names up; the ingress controller, when some goes to an Ingress. */
  dns: ClusterDns | null = null;
  ingress: IngressController | null = null;
  /** Calls between Services; null: no application makes any. */
  graph: CallGraph | null = null;
  private readonly loadBalancers = new Map<string, LoadBalancer>();
  private readonly simulation: Simulation;
  private readonly randomness: Randomness;
  private readonly network: Network;
  private readonly scenario: Scenario;
  private readonly byService = new Map<string, ServiceStatistics>();
  private nodes: EntryNodes = { hosts: [], ready: [] };
  private splitTable: TrafficSplits | null = null;

  constructor(options: WorkloadOptions) {
    this.simulation = options.simulation;
    this.randomness = options.randomness;
    this.network = options.network;
    this.scenario = options.scenario;
    this.behaviour = new ScenarioBehaviour(options.scenario.behaviours, options.randomness);
    this.pods = new PodServers(options.simulation, this.behaviour, requestsOnly(options.scenario));
    const { sampleEvery } = options.scenario;
    if (sampleEvery !== undefined) this.pods.sample = new PodSample(sampleEvery, options.randomness.keyed('pod-sample'));
  }

  /** Tells the proxies and nodes through which requests go. All nodes take traffic until `setNodeReady` says otherwise. */
  connect(proxies: KubeProxies, hosts: readonly number[], nodeNames: readonly string[], environments?: EnvironmentBook): void {
    this.pods.connect(proxies.addresses, this.network, nodeNames, hosts);
    this.nodes = { hosts, ready: hosts.map((_, index) => index) };
    const splits = new TrafficSplits(this.simulation, proxies);
    this.splitTable = splits;
    const { simulation, randomness, network, scenario, pods, nodes } = this;
    const { dns: dnsSpec } = scenario.cluster ?? {};
    const { profile } = scenario;
    if (dnsSpec !== undefined && [...scenario.traffic, ...callsOf(scenario)].some((spec) => spec.lookup !== undefined))
      this.dns = new ClusterDns(simulation, randomness, network, profile, dnsSpec, pods, proxies, hosts);
    if (scenario.traffic.some((spec) => spec.ingress !== undefined)) this.ingress = new IngressController(simulation, randomness, profile.ingress.reload);
    if (this.ingress !== null && scenario.traffic.some((spec) => spec.ingress?.controller !== undefined)) this.ingress.pods = new IngressPods(randomness, profile.ingress.reload);
    const book = environments === undefined ? {} : { environments };
    for (const { client } of scenario.traffic) if (client !== undefined) pods.clients.add(client);
    if (scenario.behaviours.some(({ request }) => request.calls !== undefined)) {
      this.graph = new CallGraph(scenario.behaviours, { simulation, randomness, network, costs: profile, pods, proxies, nodes, splits, dns: this.dns, ...book });
      pods.graph = this.graph;
    }
    scenario.traffic.forEach((spec, index) => {
      const service = `${spec.service.namespace}/${spec.service.name}`;
      let statistics = this.byService.get(service);
      if (statistics === undefined) {
        statistics = new ServiceStatistics(service);
        this.byService.set(service, statistics);
      }
      const between = { ...book, dns: this.dns, ingress: this.ingress, balancer: spec.via === 'loadBalancer' ? this.loadBalancer(spec, proxies, hosts) : null };
      this.traffic.push(
        new Traffic(simulation, randomness, network, profile, spec, index, pods, proxies, nodes, statistics, splits, between),
      );
    });
  }

  /** Starts all traffic. `origin` is the instant from which the scenario's times and the seconds of the statistics count. */
  start(origin: Time): void {
    for (const balancer of this.loadBalancers.values()) balancer.start();
    this.graph?.start(origin);
    for (const traffic of this.traffic) traffic.start(origin);
  }

  /** The cloud's load balancer of a Service (`namespace/name`) that has traffic through it; undefined: it has none. */
  balancerOf(service: string): LoadBalancer | undefined {
    return this.loadBalancers.get(service);
  }

  /** Tells who knows the nodes of the cloud's load balancers. */
  useBackends(book: BackendBook): void {
    for (const balancer of this.loadBalancers.values()) balancer.book = book;
  }

  /** The load balancer of a Service; several streams share it. */
  private loadBalancer({ service: { namespace, name }, healthCheck }: TrafficSpec, proxies: KubeProxies, hosts: readonly number[]): LoadBalancer {
    const key = `${namespace}/${name}`;
    let balancer = this.loadBalancers.get(key);
    if (balancer === undefined) {
      const { simulation, network } = this;
      const { nodes, loadBalancers } = this.scenario.cluster;
      const targets = nodes.flatMap((node, i) => (includedInLoadBalancers(node) ? [i] : []));
      const indexes = new Map(nodes.map((node, i) => [node.metadata.name, i]));
      const service = proxies.serviceNumber(namespace, name);
      balancer = new LoadBalancer({ key, service, simulation, network, proxies, hosts, indexes, targets, check: healthCheck!, cloud: loadBalancers !== undefined });
      this.loadBalancers.set(key, balancer);
    }
    return balancer;
  }

  /** Whether users are sent to a node: what a load balancer outside makes of the node's condition. */
  setNodeReady(index: number, ready: boolean): void {
    this.simulation.catchUp();
    const list = this.nodes.ready;
    const place = list.indexOf(index);
    if (ready === place >= 0) return;
    if (ready) {
      list.push(index);
      list.sort((a, b) => a - b);
    } else list.splice(place, 1);
  }

  /** How requests are divided among Services; none before `connect`. */
  get splits(): TrafficSplits {
    if (this.splitTable === null) throw new Error('the workload is not connected');
    return this.splitTable;
  }

  /** Services (`namespace/name`) that an Ingress with traffic leads to now, its canary's too; empty for anything else. */
  behind(name: string): readonly string[] {
    const { ingress } = this;
    if (ingress === null) return [];
    return this.scenario.traffic.flatMap((spec) => {
      if (spec.ingress === undefined || `${spec.service.namespace}/${spec.service.name}` !== name) return [];
      const route = ingress.route(spec.ingress.host, spec.ingress.path);
      return route === undefined ? [] : [route.service, ...(route.canary === undefined ? [] : [route.canary.service])];
    });
  }

  /** Statistics of each Service that has traffic, up to date, in the order of the scenario. */
  statistics(): readonly ServiceStatistics[] {
    this.pods.settle();
    return [...this.byService.values()];
  }

  /** Totals over all traffic of the whole seconds that begin in [from, to); for one version of the application if given. */
  totals(from: Time, to: Time, version?: string): RequestTotals {
    let requests = 0;
    let errors = 0;
    const byCause: Record<string, number> = {};
    const latency = new LogHistogram();
    for (const statistics of this.statistics()) {
      const part = statistics.totals(from, to, version);
      requests += part.requests;
      errors += part.errors;
      latency.merge(part.latency);
      for (const cause of CAUSES) {
        const count = part.byCause[cause];
        if (count !== undefined) byCause[cause] = (byCause[cause] ?? 0) + count;
      }
    }
    return { requests, errors, byCause, latency };
  }

  /** Failed requests of all traffic in the whole seconds that begin in [from, to), by mechanism in the order of `MECHANISMS`. */
  failures(from: Time, to: Time): FailureTotals[] {
    const totals = MECHANISMS.map(() => ({ errors: 0, lagged: 0, lagSum: 0, lagMax: 0 }));
    for (const statistics of this.statistics()) {
      for (const { mechanism, errors, lagged, lagSum, lagMax } of statistics.failureRows(from, to)) {
        const total = totals[mechanism]!;
        total.errors += errors;
        total.lagged += lagged;
        total.lagSum += lagSum;
        total.lagMax = Math.max(total.lagMax, lagMax);
      }
    }
    return totals.flatMap(({ errors, lagged, lagSum, lagMax }, mechanism) =>
      errors === 0
        ? []
        : [{ mechanism: MECHANISMS[mechanism]!, errors, meanLag: lagged === 0 ? null : lagSum / lagged / SECOND, longestLag: lagged === 0 ? null : lagMax / SECOND }],
    );
  }

  /** Writes the tables of requests and errors by second: to be called once, at the end. */
  writeTables(recorder: Recorder): void {
    for (const statistics of this.statistics()) {
      const { service } = statistics;
      const requests = recorder.table(REQUESTS_BY_SECOND);
      for (const row of statistics.rows()) {
        const { latency } = row;
        requests.append([
          row.second,
          service,
          row.version,
          row.requests,
          row.errors,
          latency.quantile(0.5),
          latency.quantile(0.99),
        ]);
      }
      const errors = recorder.table(ERRORS_BY_SECOND);
      for (const [second, cause, count] of statistics.errorRows()) errors.append([second, service, cause, count]);
      const failures = recorder.table(FAILURES_BY_SECOND);
      for (const { second, version, cause, mechanism, errors: count, lagged, lagSum, lagMax } of statistics.failureRows(0, Number.POSITIVE_INFINITY)) {
        const mean = lagged === 0 ? Number.NaN : lagSum / lagged / SECOND;
        failures.append([second, service, version, cause, MECHANISMS[mechanism]!, count, mean, lagged === 0 ? Number.NaN : lagMax / SECOND]);
      }
    }
    for (const { caller, statistics } of this.graph?.statistics() ?? []) {
      const calls = recorder.table(CALLS_BY_SECOND);
      for (const { second, version, requests, errors, latency } of statistics.rows())
        calls.append([second, caller, statistics.service, version, requests, errors, latency.quantile(0.5), latency.quantile(0.99)]);
    }
  }
}
