import { Client, EtcdCluster, type EtcdReceiver, type EtcdResponse } from '../src/etcd/index.js';
import { Simulation } from '../src/kernel/simulation.js';
import { HOUR, MICROSECOND, MILLISECOND, SECOND } from '../src/kernel/time.js';
import { Network } from '../src/network/network.js';
import type { DistributionSpec } from '../src/random/distribution.js';
import { Randomness } from '../src/random/stream.js';

/**
 * Speed of the etcd model: committed puts simulated per wall second by number of clients (goal: 200,000 at 1,000 clients and
 * three members), and wall seconds per simulated day of an idle cluster (goal: at most 5). Medians of three rounds.
 */
const ROUNDS = 3;
const FSYNC: DistributionSpec = { kind: 'lognormal', median: 900 * MICROSECOND, sigma: 0.3 };
const RTT: DistributionSpec = { kind: 'lognormal', median: 300 * MICROSECOND, sigma: 0.2 };

function build(): { simulation: Simulation; cluster: EtcdCluster; client: Client } {
  const simulation = new Simulation();
  const randomness = new Randomness('bench');
  const distances = { sameHost: RTT, sameZone: RTT, crossZone: RTT, external: RTT };
  const network = new Network(simulation, randomness, { ...distances, bytesPerSecond: 1.25e9 });
  const hosts = [0, 1, 2].map((i) => network.addHost(`etcd-${i}`, 'a'));
  const spec = {
    members: 3,
    heartbeatInterval: 100 * MILLISECOND,
    electionTimeout: SECOND,
    quotaBackendBytes: 8 * 2 ** 30,
    snapshotCount: 10_000,
    zones: ['a', 'a', 'a'],
  };
  const costs = {
    fsync: FSYNC,
    backendCommit: FSYNC,
    cores: 8,
    requestCpu: 20 * MICROSECOND,
    readyCpu: 10 * MICROSECOND,
    entryCpu: 2 * MICROSECOND,
    messageCpu: 3 * MICROSECOND,
    applyCpu: 7 * MICROSECOND,
    rangeCpu: 10 * MICROSECOND,
    watchEventCpu: MICROSECOND,
  };
  const cluster = new EtcdCluster({ simulation, network, randomness, spec, costs, hosts });
  cluster.warmStart();
  return {
    simulation,
    cluster,
    client: new Client(simulation, network, network.addHost('client', 'a'), cluster.members, 0),
  };
}

/** Clients that put one after the other; every 50,000 puts the history is compacted. */
class Load implements EtcdReceiver {
  answered = 0;
  private readonly client: Client;
  private readonly keys: string[] = [];

  constructor(client: Client, clients: number) {
    this.client = client;
    for (let i = 0; i < 10_000; i++) this.keys.push(`/registry/pods/default/pod-${i}`);
    for (let i = 0; i < clients; i++) this.next(i);
  }

  etcdResponse(tag: number, response: EtcdResponse): void {
    if (tag < 0) return;
    if (++this.answered % 50_000 === 0) this.client.request({ op: 'compact', revision: response.revision }, this, -1);
    this.next(tag);
  }

  private next(tag: number): void {
    const key = this.keys[(this.answered * 7 + tag) % this.keys.length]!;
    this.client.request({ op: 'put', key, value: null, bytes: 256 }, this, tag);
  }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

for (const clients of [1, 10, 100, 1000]) {
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { simulation, client } = build();
    const load = new Load(client, clients);
    const goal = clients >= 100 ? 300_000 : 30_000;
    while (load.answered < goal / 10) simulation.step();
    const before = load.answered;
    const start = performance.now();
    while (load.answered < before + goal) simulation.step();
    rates.push((goal / (performance.now() - start)) * 1000);
  }
  console.log(`${String(clients).padStart(5)} clients: ${Math.round(median(rates))} puts per wall second`);
}

const days: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const { simulation } = build();
  const start = performance.now();
  simulation.run(24 * HOUR);
  days.push((performance.now() - start) / 1000);
}
console.log(`idle: ${median(days).toFixed(1)} wall seconds per simulated day`);
