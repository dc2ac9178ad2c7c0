import type { Component, Simulation } from '../kernel/simulation.js';
import type { Network } from '../network/network.js';
import type { KubeProxies } from '../node/kube-proxy.js';
import type { HealthCheckSpec } from '../scenario/types.js';

/** Some nodes are checked; argument: which. */
const OP_CHECK = 1;
/** Nodes are checked in so many groups, spread over the interval. */
const GROUPS = 64;

/** Knows the nodes that the cloud's load balancers have been given. */
export interface BackendBook {
  /** Names of the nodes that the load balancer of a Service (`namespace/name`) sends to; undefined: it has not been given any. Another answer is another object. */
  backendsOf(key: string): ReadonlyMap<string, unknown> | undefined;
}

/** What a load balancer is made of. */
export interface LoadBalancerOptions {
  /** `namespace/name` of its Service, and the number that proxies have for it. */
  readonly key: string;
  readonly service: number;
  readonly simulation: Simulation;
  readonly network: Network;
  readonly proxies: KubeProxies;
  /** Network hosts of the nodes, and their numbers by name. */
  readonly hosts: readonly number[];
  readonly indexes: ReadonlyMap<string, number>;
  /** Nodes without the label node.kubernetes.io/exclude-from-external-load-balancers: those it sends to until it is told others. */
  readonly targets: readonly number[];
  readonly check: HealthCheckSpec;
  /** The cloud makes it when a Service asks for it, and removes it. */
  readonly cloud: boolean;
}

/**
 * A cloud's load balancer in front of the nodes, for one Service of type LoadBalancer. It knows the nodes only by its health checks:
 * under externalTrafficPolicy Local they ask the healthCheckNodePort, where a node's kube-proxy says whether it has an endpoint of its own;
 * under Cluster they ask whether kube-proxy is there at all.
 */
export class LoadBalancer implements Component {
  readonly name: string;
  /** Nodes to which connections are sent; none while there is no load balancer, or a new one has found none good yet. */
  healthy: number[] = [];
  /** Whether it is there: users have an address. */
  exists = true;
  /** What the cloud has been told of its nodes; null: nobody tells it. */
  book: BackendBook | null = null;
  /** It is new, and has not found any node good. */
  private fresh = false;
  private readonly options: LoadBalancerOptions;
  private targets: readonly number[];
  /** The book's newest answer. */
  private backends: ReadonlyMap<string, unknown> | undefined;
  /** Nodes are checked in so many groups. */
  private groups = 1;
  private readonly target: number;
  /** Checks in a row that contradict what a node is taken for. */
  private readonly against: Uint8Array;
  private readonly taken: Uint8Array;

  constructor(options: LoadBalancerOptions) {
    this.options = options;
    const { key, simulation, targets, hosts } = options;
    this.name = `load-balancer/${key}`;
    this.targets = targets;
    this.target = simulation.add(this);
    this.against = new Uint8Array(hosts.length);
    this.taken = new Uint8Array(hosts.length);
  }

  /** Begins to check; nodes are taken for what they are now. */
  start(): void {
    const { simulation, check, cloud } = this.options;
    this.takeBackends();
    this.exists = !cloud || this.isBalanced;
    if (this.exists) for (const node of this.targets) this.taken[node] = this.answers(node) ? 1 : 0;
    this.collect();
    this.groups = Math.max(1, Math.min(GROUPS, this.targets.length));
    for (let group = 0; group < this.groups; group++) {
      simulation.schedule(Math.round((check.interval * (group + 1)) / this.groups), this.target, OP_CHECK, group);
    }
  }

  private get isBalanced(): boolean {
    return this.options.proxies.isBalanced(this.options.service);
  }

  describe(): string {
    return 'a load balancer checks nodes';
  }

  handle(_opcode: number, group: number): void {
    const { taken, against } = this;
    const { check, cloud, simulation } = this.options;
    let changed = cloud && this.look();
    if (this.takeBackends()) changed = true;
    for (let i = group; i < this.targets.length; i += this.groups) {
      const node = this.targets[i]!;
      const good = this.exists && this.answers(node) ? 1 : 0;
      if (good === taken[node]) {
        against[node] = 0;
        continue;
      }
      if (++against[node]! < (good === 1 ? check.healthy : check.unhealthy)) continue;
      against[node] = 0;
      taken[node] = good;
      changed = true;
    }
    if (changed) this.collect();
    simulation.schedule(check.interval, this.target, OP_CHECK, group);
  }

  /** Whether the load balancer has come or gone since the last look: a new one knows no node yet. */
  private look(): boolean {
    const exists = this.isBalanced;
    if (exists === this.exists) return false;
    this.exists = exists;
    this.fresh = exists;
    this.taken.fill(0);
    this.against.fill(0);
    return true;
  }

  /** Whether the cloud has been told other nodes since the last look: new ones have to be found good first. */
  private takeBackends(): boolean {
    const { key, indexes } = this.options;
    const backends = this.book?.backendsOf(key);
    if (backends === undefined || backends === this.backends) return false;
    this.backends = backends;
    const before = this.targets;
    this.targets = [...backends.keys()].flatMap((name) => indexes.get(name) ?? []).sort((a, b) => a - b);
    const now = new Set(this.targets);
    for (const node of before) {
      if (now.has(node)) continue;
      this.taken[node] = 0;
      this.against[node] = 0;
    }
    return true;
  }

  /** What a check finds now. */
  private answers(node: number): boolean {
    const { network, hosts, proxies, service } = this.options;
    if (!network.isUp(hosts[node]!)) return false;
    if (!proxies.externalLocal(service)) return true;
    const { addresses, draining = false } = proxies.view(node, service, true);
    return addresses.length > 0 && !draining;
  }

  private collect(): void {
    this.healthy = this.exists ? this.targets.filter((node) => this.taken[node] === 1) : [];
    if (this.healthy.length > 0) this.fresh = false;
    // A load balancer without any healthy target sends to all of them, unless none has been checked often enough yet.
    else if (this.exists && !this.fresh) this.healthy = [...this.targets];
  }
}
