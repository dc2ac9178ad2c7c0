import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubernetesObject } from '../src/api/meta.js';
import { copyMetadata, withMetadata } from '../src/api/copies.js';
import { Allocators } from '../src/apiserver/allocators.js';
import { ApiServer } from '../src/apiserver/api-server.js';
import { createCallTable } from '../src/apiserver/call.js';
import { COMPACTION_INTERVAL } from '../src/apiserver/compactor.js';
import { Connections, type Watcher } from '../src/apiserver/connections.js';
import type { ApiResponse, Patch, ResponseReceiver } from '../src/apiserver/request.js';
import type { WatchRecord } from '../src/apiserver/watch-cache.js';
import { RestClient } from '../src/client/rest-client.js';
import { Client } from '../src/etcd/client.js';
import { EtcdCluster } from '../src/etcd/cluster.js';
import type { KeyValue } from '../src/etcd/types.js';
import { Simulation } from '../src/kernel/simulation.js';
import { Network } from '../src/network/network.js';
import { Randomness } from '../src/random/stream.js';
import { finishProfile, readProfile } from '../src/scenario/profile.js';

/**
 * Writes through one API server into etcd with three members, simulated per wall second: 10 watchers of the whole resource (goal:
 * 100,000), and 100 and 10,000 watchers of single objects (goal: at most 1.5 times the time a write). All writes are patches by
 * 1,000 writers of 20,000 objects, on 64 cores so that the machines are not the limit. Every watcher checks that what it gets is in order.
 * Medians of the rounds. Writes reports/bench/apiserver.json.
 */
const ROUNDS = Number(process.argv[2] ?? 5);
const WRITES = 100_000;
const OBJECTS = 20_000;
const WRITERS = 1000;
const CORES = 64;
const RATE_GOAL = 100_000;
const GROWTH_GOAL = 1.5;
/** Simulated time between two looks at the count of writes. */
const SLICE = 2e6;

const profile = finishProfile(
  readProfile('default', '.', (message) => {
    throw new Error(message);
  }),
  undefined,
  (message) => {
    throw new Error(message);
  },
);

class SetLabel implements Patch {
  readonly bytes = 40;
  readonly fresh = true;
  private readonly value: string;

  constructor(value: string) {
    this.value = value;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const metadata = copyMetadata(current.metadata);
    metadata.labels = { value: this.value };
    return withMetadata(current, metadata);
  }
}

function configMap(index: number): KubernetesObject {
  const metadata = { name: `map-${index}`, namespace: 'default', uid: `uid-${index}`, resourceVersion: index + 2, generation: 1, creationTimestamp: 0 };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata };
}

/** Sees every change of all objects, or of one. */
class Counter implements Watcher {
  readonly resource = 'configmaps';
  readonly key?: string;
  readonly host: number;
  server = -1;
  events = 0;
  revision = OBJECTS + 1;
  private last = OBJECTS + 1;

  constructor(host: number, key?: string) {
    this.host = host;
    if (key !== undefined) this.key = key;
  }

  watchEvent(record: WatchRecord): void {
    if (record.revision <= this.last) throw new Error('a watch event came out of order');
    this.last = record.revision;
    this.events++;
  }

  watchLost(): void {
    throw new Error('a watch was lost');
  }
}

/** Clients that patch one object after the other. */
class Writers implements ResponseReceiver {
  answered = 0;
  private readonly client: RestClient;
  private count = 0;

  constructor(client: RestClient) {
    this.client = client;
  }

  start(): void {
    for (let writer = 0; writer < WRITERS; writer++) this.next(writer);
  }

  receive(writer: number, response: ApiResponse): void {
    if (response.code !== 200) throw new Error(response.message);
    this.answered++;
    this.next(writer);
  }

  private next(writer: number): void {
    const name = `map-${(this.count * 7919) % OBJECTS}`;
    const patch = new SetLabel(`${this.count++}`);
    this.client.request({ verb: 'patch', resource: 'configmaps', namespace: 'default', name, patch }, this, writer);
  }
}

function build(everything: number, single: number) {
  const simulation = new Simulation();
  const randomness = new Randomness('bench');
  const network = new Network(simulation, randomness, profile.network);
  const hosts = [0, 1, 2].map((i) => network.addHost(`control-plane-${i}`, 'a'));
  const spec = { members: 3, heartbeatInterval: 100e6, electionTimeout: 1e9, quotaBackendBytes: 8 * 2 ** 30, snapshotCount: 10_000, zones: ['a', 'a', 'a'] };
  const costs = { ...profile.etcd, cores: CORES };
  const etcd = new EtcdCluster({ simulation, network, randomness, spec, costs, hosts });
  const connections = new Connections(simulation, network, createCallTable());
  const registry = new Allocators(simulation, randomness);
  const server = new ApiServer({
    simulation,
    randomness,
    profile: { ...profile, apiServer: { ...profile.apiServer, cores: CORES } },
    host: hosts[0]!,
    index: 0,
    calls: connections.calls,
    etcd: new Client(simulation, network, hosts[0]!, etcd.members, 0),
    registry,
    connections,
    compactionInterval: COMPACTION_INTERVAL,
  });
  connections.addServer(server);
  const kvs: KeyValue[] = Array.from({ length: OBJECTS }, (_, i) => ({
    key: `/registry/configmaps/default/map-${i}`,
    value: configMap(i),
    bytes: 500,
    createRevision: i + 2,
    modRevision: i + 2,
    version: 1,
    lease: 0,
  }));
  etcd.warmStart(kvs, OBJECTS + 1);
  server.warmStart(kvs, OBJECTS + 1);
  server.start();
  const watchers: Counter[] = [];
  for (let i = 0; i < everything; i++) watchers.push(new Counter(network.addHost(`watcher-${i}`, 'a')));
  for (let i = 0; i < single; i++) watchers.push(new Counter(network.addHost(`single-${i}`, 'a'), `default/map-${i % OBJECTS}`));
  for (const watcher of watchers) if (connections.watch(watcher, 0) !== 'watching') throw new Error('no watch');
  const client = new RestClient(simulation, connections, 'system:masters', network.addHost('client', 'a'), 0, 0, 0);
  return { simulation, writers: new Writers(client), watchers };
}

interface Measured {
  readonly perSecond: number;
  /** Of all threads' CPU time, garbage collection included: what others on the machine do not disturb. */
  readonly perCpuSecond: number;
  readonly eventsPerWrite: number;
  readonly deliveries: number;
}

function run(everything: number, single: number): Measured {
  const { simulation, writers, watchers } = build(everything, single);
  writers.start();
  while (writers.answered < WRITES / 4) simulation.run(simulation.now + SLICE);
  const before = writers.answered;
  const { events } = simulation;
  const start = performance.now();
  const cpu = process.cpuUsage();
  while (writers.answered < before + WRITES) simulation.run(simulation.now + SLICE);
  const seconds = (performance.now() - start) / 1000;
  const written = writers.answered - before;
  const { user, system } = process.cpuUsage(cpu);
  return {
    perSecond: Math.round(written / seconds),
    perCpuSecond: Math.round((written / (user + system)) * 1e6),
    eventsPerWrite: (simulation.events - events) / written,
    deliveries: watchers.reduce((sum, watcher) => sum + watcher.events, 0),
  };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

const cases = [
  { everything: 10, single: 0 },
  { everything: 10, single: 100 },
  { everything: 10, single: 10_000 },
];
console.log('watchers of all  of one   writes/s  writes/CPU s  events a write');
// By turns, so that a slow minute of the machine meets all cases.
const rounds = Array.from({ length: ROUNDS }, () => cases.map(({ everything, single }) => run(everything, single)));
const rows = cases.map(({ everything, single }, index) => {
  const runs = rounds.map((each) => each[index]!);
  const perSecond = median(runs.map((each) => each.perSecond));
  const perCpuSecond = median(runs.map((each) => each.perCpuSecond));
  const { eventsPerWrite } = runs[0]!;
  console.log(
    `${String(everything).padStart(15)} ${String(single).padStart(7)} ${String(perSecond).padStart(10)} ${String(perCpuSecond).padStart(14)} ${eventsPerWrite.toFixed(1).padStart(15)}`,
  );
  return { everything, single, perSecond, perCpuSecond, eventsPerWrite };
});
const growth = median(rounds.map((each) => each[1]!.perSecond / each[2]!.perSecond));
const good = rows[0]!.perSecond >= RATE_GOAL && growth <= GROWTH_GOAL;
console.log(`10 watchers: ${rows[0]!.perSecond} writes per wall second (goal ${RATE_GOAL})`);
console.log(`100 to 10,000 watchers of single objects: ${growth.toFixed(2)} times the time a write (goal ≤ ${GROWTH_GOAL})`);
const folder = join(import.meta.dirname, '../../reports/bench');
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'apiserver.json'), `${JSON.stringify({ node: process.version, rounds: ROUNDS, rows, growth }, null, 2)}\n`);
process.exitCode = good ? 0 : 1;
