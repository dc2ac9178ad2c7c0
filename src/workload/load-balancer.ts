import type { Component, Simulation } from '../kernel/simulation.js';
import type { Network } from '../network/network.js';
import type { KubeProxies } from '../node/kube-proxy.js';
import type { HealthCheckSpec } from '../scenario/types.js';

/** Some nodes are checked; argument: which. */
const OP_CHECK = 1;
/** Nodes are checked in so many groups, spread over the interval. */
const GROUPS = 64;

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
  /** It is new, and has not found any node good. */
  private fresh = false;
  /** The cloud makes it when a Service asks for it, and removes it. */
  private readonly cloud: boolean;
  private readonly simulation: Simulation;
  private readonly network: Network;
  private readonly proxies: KubeProxies;
  private readonly hosts: readonly number[];
  private readonly targets: readonly number[];
  private readonly service: number;
  private readonly check: HealthCheckSpec;
  private readonly target: number;
  /** Checks in a row that contradict what a node is taken for. */
  private readonly against: Uint8Array;
  private readonly taken: Uint8Array;

  /** @param targets nodes without the label node.kubernetes.io/exclude-from-external-load-balancers */
  constructor(
    name: string,
    simulation: Simulation,
    network: Network,
    proxies: KubeProxies,
    hosts: readonly number[],
    targets: readonly number[],
    service: number,
    check: HealthCheckSpec,
    cloud: boolean,
  ) {
    this.name = name;
    this.simulation = simulation;
    this.network = network;
    this.proxies = proxies;
    this.hosts = hosts;
    this.targets = targets;
    this.service = service;
    this.check = check;
    this.cloud = cloud;
    this.target = simulation.add(this);
    this.against = new Uint8Array(hosts.length);
    this.taken = new Uint8Array(hosts.length);
  }

  /** Begins to check; nodes are taken for what they are now. */
  start(): void {
    this.exists = !this.cloud || this.proxies.isBalanced(this.service);
    if (this.exists) for (const node of this.targets) this.taken[node] = this.answers(node) ? 1 : 0;
    this.collect();
    const groups = Math.min(GROUPS, this.targets.length);
    for (let group = 0; group < groups; group++) {
      this.simulation.schedule(Math.round((this.check.interval * (group + 1)) / groups), this.target, OP_CHECK, group);
    }
  }

  describe(): string {
    return 'a load balancer checks nodes';
  }

  handle(_opcode: number, group: number): void {
    const { check, taken, against } = this;
    const groups = Math.min(GROUPS, this.targets.length);
    let changed = this.cloud && this.look();
    for (let i = group; i < this.targets.length; i += groups) {
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
    this.simulation.schedule(check.interval, this.target, OP_CHECK, group);
  }

  /** Whether the load balancer has come or gone since the last look: a new one knows no node yet. */
  private look(): boolean {
    const exists = this.proxies.isBalanced(this.service);
    if (exists === this.exists) return false;
    this.exists = exists;
    this.fresh = exists;
    this.taken.fill(0);
    this.against.fill(0);
    return true;
  }

  /** What a check finds now. */
  private answers(node: number): boolean {
    if (!this.network.isUp(this.hosts[node]!)) return false;
    if (!this.proxies.externalLocal(this.service)) return true;
    const { addresses, draining = false } = this.proxies.view(node, this.service, true);
    return addresses.length > 0 && !draining;
  }

  private collect(): void {
    this.healthy = this.exists ? this.targets.filter((node) => this.taken[node] === 1) : [];
    if (this.healthy.length > 0) this.fresh = false;
    // A load balancer without any healthy target sends to all of them, unless none has been checked often enough yet.
    else if (this.exists && !this.fresh) this.healthy = [...this.targets];
  }
}
