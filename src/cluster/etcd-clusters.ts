import { Client } from '../etcd/client.js';
import { EtcdCluster } from '../etcd/cluster.js';
import { Disk } from '../etcd/disk.js';
import type { Member } from '../etcd/member.js';
import { Processor } from '../etcd/processor.js';
import { type Route, RoutedClient } from '../etcd/routed-client.js';
import type { EtcdClient, KeyValue } from '../etcd/types.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Duration } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import type { Randomness } from '../random/stream.js';
import type { CostProfile, EtcdSpec, Scenario } from '../scenario/types.js';

/** Prefix of everything Kubernetes keeps in etcd (--etcd-prefix). */
const REGISTRY = '/registry/';

/** One etcd cluster of the control plane. */
export interface NamedEtcd {
  /** `etcd`, or `etcd-events` and the like for what keeps some resources alone. */
  readonly name: string;
  /** Resources it alone keeps; empty: all that no other does. */
  readonly resources: readonly string[];
  readonly cluster: EtcdCluster;
}

/** The etcd clusters of a simulated Kubernetes cluster: the main one and those that keep some resources alone. */
export class EtcdClusters {
  /** The main one first. */
  readonly all: readonly NamedEtcd[];
  private readonly simulation: Simulation;
  private readonly network: Network;
  private readonly randomness: Randomness;
  private readonly external: boolean;
  private readonly controlPlane: readonly number[];
  /** Cores and disks of the machines that carry stacked members. */
  private readonly processors: Processor[];
  private readonly background: { readonly cpu: Duration; readonly whenBusy: number };
  private readonly disks: Disk[] = [];

  /** `controlPlane`: the machines of the control plane, which carry stacked members; `machines`: their cores, if others use them too. */
  constructor(
    scenario: Scenario,
    simulation: Simulation,
    network: Network,
    randomness: Randomness,
    controlPlane: readonly number[],
    machines: readonly Processor[] = [],
  ) {
    this.processors = [...machines];
    const { cpu, whenBusy } = scenario.profile.background ?? {};
    const alone = machines.length === 0 || scenario.cluster.etcdTopology === 'external';
    this.background = { cpu: alone ? 0 : (cpu?.['etcd'] ?? 0), whenBusy: whenBusy?.['etcd'] ?? whenBusy?.['default'] ?? 1 };
    this.simulation = simulation;
    this.network = network;
    this.randomness = randomness;
    this.controlPlane = controlPlane;
    const { etcd, etcdTopology, etcdOverrides = [] } = scenario.cluster;
    this.external = etcdTopology === 'external';
    const costs = scenario.profile.etcd;
    const main = this.create('etcd', etcd, costs, true);
    this.all = [
      { name: 'etcd', resources: [], cluster: main },
      ...etcdOverrides.map(({ name, resources, spec, costs: own, sharedDisk }) => {
        return { name, resources, cluster: this.create(name, spec, own, sharedDisk) };
      }),
    ];
  }

  /** Machines that stacked members of the largest cluster need. */
  static machines({ cluster }: Scenario): number {
    if (cluster.etcdTopology === 'external') return 0;
    return Math.max(cluster.etcd.members, ...(cluster.etcdOverrides ?? []).map(({ spec }) => spec.members));
  }

  private create(name: string, spec: EtcdSpec, costs: CostProfile['etcd'], machineDisks: boolean): EtcdCluster {
    const { simulation, network, randomness, external } = this;
    const hosts = spec.zones.map((zone, i) =>
      external ? network.addHost(`${name}-${i}`, zone) : this.controlPlane[i]!,
    );
    const options = { simulation, network, randomness, spec, costs, hosts, name, background: this.background };
    if (external) return new EtcdCluster(options);
    // Members of several clusters on one machine share its cores, and its disk if they are told to.
    for (let i = this.processors.length; i < spec.members; i++) this.processors.push(new Processor(costs.cores));
    if (!machineDisks) return new EtcdCluster({ ...options, processors: this.processors });
    for (let i = this.disks.length; i < spec.members; i++) this.disks.push(new Disk());
    return new EtcdCluster({ ...options, processors: this.processors, disks: this.disks });
  }

  /** The etcd clients of API server `index` on a host: of the member beside it first, or of all in turn (external). */
  clientFor(index: number, host: number): EtcdClient {
    const clients = this.all.map(({ cluster }) => {
      const preferred = this.external ? -1 : index % cluster.members.length;
      return new Client(this.simulation, this.network, host, cluster.members, preferred);
    });
    if (clients.length === 1) return clients[0]!;
    const routes: Route[] = this.all.flatMap(({ resources }, i) =>
      resources.map((resource) => ({ prefix: `${REGISTRY}${resource}/`, client: clients[i]! })),
    );
    return new RoutedClient(clients[0]!, routes);
  }

  /** Starts all clusters with the start state, each with its part, at one revision. */
  warmStart(kvs: readonly KeyValue[], revision: number): void {
    const clusterOf = new Map<string, NamedEtcd>();
    for (const etcd of this.all) for (const resource of etcd.resources) clusterOf.set(resource, etcd);
    const parts = new Map(this.all.map((etcd): [NamedEtcd, KeyValue[]] => [etcd, []]));
    for (const kv of kvs) {
      const resource = kv.key.slice(REGISTRY.length, kv.key.indexOf('/', REGISTRY.length));
      parts.get(clusterOf.get(resource) ?? this.all[0]!)!.push(kv);
    }
    for (const [{ cluster }, part] of parts) cluster.warmStart(part, revision);
  }

  /** All members, those of the main cluster first: `index` numbers them. */
  get members(): Member[] {
    return this.all.flatMap(({ cluster }) => cluster.members);
  }

  /** The cluster of a member and its number there. */
  locate(index: number): { readonly cluster: EtcdCluster; readonly member: number } {
    let member = index;
    for (const { cluster } of this.all) {
      if (member < cluster.members.length) return { cluster, member };
      member -= cluster.members.length;
    }
    throw new RangeError(`there is no etcd member ${index}`);
  }
}
