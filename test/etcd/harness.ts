import { Client } from '../../src/etcd/client.js';
import { EtcdCluster } from '../../src/etcd/cluster.js';
import type {
  EtcdReceiver,
  EtcdRequest,
  EtcdResponse,
  EtcdWatchReceiver,
  KeyValue,
  WatchEvent,
} from '../../src/etcd/types.js';
import { Simulation } from '../../src/kernel/simulation.js';
import { MICROSECOND, MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { Network } from '../../src/network/network.js';
import type { DistributionSpec } from '../../src/random/distribution.js';
import { Randomness } from '../../src/random/stream.js';
import type { CostProfile, EtcdSpec } from '../../src/scenario/types.js';

export function constant(value: number): DistributionSpec {
  return { kind: 'constant', value };
}

/** Round numbers, so that a closed formula can be checked by eye. */
export const COSTS: CostProfile['etcd'] = {
  fsync: constant(MILLISECOND),
  backendCommit: constant(2 * MILLISECOND),
  cores: 8,
  requestCpu: 20 * MICROSECOND,
  readyCpu: 5 * MICROSECOND,
  entryCpu: 2 * MICROSECOND,
  messageCpu: 3 * MICROSECOND,
  applyCpu: 7 * MICROSECOND,
  rangeCpu: 11 * MICROSECOND,
  watchEventCpu: MICROSECOND,
};

export const SPEC: EtcdSpec = {
  members: 3,
  heartbeatInterval: 100 * MILLISECOND,
  electionTimeout: SECOND,
  quotaBackendBytes: 2 * 1024 * 1024 * 1024,
  snapshotCount: 10_000,
  zones: ['a', 'a', 'a'],
};

export const RTT = 400 * MICROSECOND;
/** No transmission time: latency is the round trip alone. */
const BYTES_PER_SECOND = 1e18;

export interface HarnessOptions {
  readonly members?: number;
  readonly costs?: Partial<CostProfile['etcd']>;
  readonly spec?: Partial<EtcdSpec>;
  readonly seed?: string;
  readonly rtt?: DistributionSpec;
  readonly kvs?: readonly KeyValue[];
}

/** A cluster with a client on its own host, both warm. */
export class Harness implements EtcdReceiver, EtcdWatchReceiver {
  readonly simulation = new Simulation();
  readonly network: Network;
  readonly cluster: EtcdCluster;
  readonly client: Client;
  readonly clientHost: number;
  readonly responses: { readonly tag: number; readonly response: EtcdResponse; readonly at: number }[] = [];
  readonly events: WatchEvent[] = [];
  readonly cancelled: { readonly tag: number; readonly compactRevision: number; readonly at: number }[] = [];

  constructor(options: HarnessOptions = {}, preferred = 0) {
    const randomness = new Randomness(options.seed ?? 'test');
    const rtt = options.rtt ?? constant(RTT);
    const distances = { sameHost: rtt, sameZone: rtt, crossZone: rtt, external: rtt };
    this.network = new Network(this.simulation, randomness, { ...distances, bytesPerSecond: BYTES_PER_SECOND });
    const hosts: number[] = [];
    for (let i = 0; i < (options.members ?? 3); i++) hosts.push(this.network.addHost(`etcd-${i}`, 'a'));
    const spec = { ...SPEC, members: hosts.length, ...options.spec };
    const { simulation, network } = this;
    this.cluster = new EtcdCluster({
      simulation,
      network,
      randomness,
      spec,
      costs: { ...COSTS, ...options.costs },
      hosts,
    });
    this.cluster.warmStart(options.kvs ?? []);
    this.clientHost = this.network.addHost('client', 'a');
    this.client = this.connect(preferred);
  }

  connect(preferred: number): Client {
    return new Client(this.simulation, this.network, this.clientHost, this.cluster.members, preferred);
  }

  etcdResponse(tag: number, response: EtcdResponse): void {
    this.responses.push({ tag, response, at: this.simulation.now });
  }

  watchEvents(_tag: number, events: readonly WatchEvent[]): void {
    this.events.push(...events);
  }

  watchCancelled(tag: number, compactRevision: number): void {
    this.cancelled.push({ tag, compactRevision, at: this.simulation.now });
  }

  /** Runs until the answer to one request is there (at most 60 simulated seconds). */
  call(request: EtcdRequest, client: Client = this.client): { response: EtcdResponse; latency: number } {
    const start = this.simulation.now;
    const before = this.responses.length;
    client.request(request, this, 0);
    while (this.responses.length === before && this.simulation.now < start + 60 * SECOND) this.simulation.step();
    const last = this.responses[this.responses.length - 1]!;
    if (this.responses.length === before) throw new Error('no answer in 60 s');
    return { response: last.response, latency: last.at - start };
  }

  put(key: string, value: unknown = 0, bytes = 256): { response: EtcdResponse; latency: number } {
    return this.call({ op: 'put', key, value, bytes });
  }

  run(duration: number): void {
    this.simulation.run(this.simulation.now + duration);
  }
}

/** Clients that each send their next put when the last is answered. */
export class ClosedLoop implements EtcdReceiver {
  readonly latencies: number[] = [];
  errors = 0;
  running = true;
  private readonly harness: Harness;
  private readonly client: Client;
  private readonly started: number[];
  private sent = 0;

  constructor(harness: Harness, client: Client, clients: number) {
    this.harness = harness;
    this.client = client;
    this.started = new Array<number>(clients).fill(0);
    for (let i = 0; i < clients; i++) this.next(i);
  }

  etcdResponse(tag: number, response: EtcdResponse): void {
    if (response.error !== undefined) this.errors++;
    else this.latencies.push(this.harness.simulation.now - this.started[tag]!);
    if (this.running) this.next(tag);
  }

  private next(tag: number): void {
    this.started[tag] = this.harness.simulation.now;
    const key = `key-${this.sent++ % 10_000}`;
    this.client.request({ op: 'put', key, value: null, bytes: 256 }, this, tag);
  }

  quantile(q: number): number {
    const sorted = [...this.latencies].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
  }
}
