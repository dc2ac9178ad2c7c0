import { Client, EtcdCluster, type EtcdReceiver, type EtcdResponse, Processor } from '../etcd/index.js';
import { type Component, Simulation } from '../kernel/simulation.js';
import { type Duration, MICROSECOND, MILLISECOND, SECOND, type Time } from '../kernel/time.js';
import { Network } from '../network/network.js';
import type { DistributionSpec } from '../random/distribution.js';
import { log } from '../random/portable.js';
import { Randomness, type Stream } from '../random/stream.js';
import type { CostProfile } from '../scenario/types.js';

/** What a load does: writes, or reads that ask a quorum (`get-l`) or the member alone (`get-s`). */
export type LoadOperation = 'put' | 'get-l' | 'get-s';

export interface LoadModel {
  readonly members: number;
  readonly cores: number;
  readonly costs: CostProfile['etcd'];
  /** CPU of the load generator for one request and its answer. */
  readonly clientCpu: Duration;
  /** Client, all members on the same cores (a test on one machine), or each on its own. */
  readonly sharedMachine: boolean;
  /** Share by which work on an idle core takes longer: waking threads, cold caches. */
  readonly wake: number;
  /**
   * Share by which a request's own work (client and server) grows when no other shares its connection: system calls and wake-ups
   * that ten requests on a connection have together. Absent: 0.
   */
  readonly lonely?: number;
  /** The measured fsyncs contain the waits for the backend's: the log gets a disk of its own. Absent: false. */
  readonly dedicatedWalDisk?: boolean;
  /** Share of work that nobody waits for: garbage collection, finishing touches after the answer is sent. */
  readonly background: number;
  readonly clientRtt: DistributionSpec;
  readonly peerRtt: DistributionSpec;
  /** Members that the clients use: the leader alone, or all. */
  readonly target: 'leader' | 'all';
}

export interface LoadPoint {
  readonly operation: LoadOperation;
  readonly clients: number;
  /** Open loop: offered requests a second; 0: closed loop of `clients`. */
  readonly rate: number;
  readonly seed: string;
  /** Requests to measure. */
  readonly requests: number;
}

export interface LoadResult {
  /** Requests a second. */
  readonly throughput: number;
  /** Nanoseconds. */
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  readonly entriesPerFsync: number;
}

/**
 * A processor on which waking costs extra and part of the work runs behind the answer. Threads that find all cores busy suffer
 * from the operating system's and the Go runtime's scheduling: they run somewhat later than their turn, rarely a time slice.
 */
class MachineProcessor extends Processor {
  private readonly wake: number;
  private readonly background: number;
  private readonly stream: Stream;

  constructor(cores: number, wake: number, background: number, stream: Stream) {
    super(cores);
    this.wake = wake;
    this.background = background;
    this.stream = stream;
  }

  override reserve(now: Time, cost: Duration): Time {
    const waits = !this.idle(now);
    const end = this.proceed(now, cost);
    if (!waits) return end;
    const { stream } = this;
    const slice = stream.next() < SLICE_PROBABILITY ? TIME_SLICE : 0;
    return end + Math.round(-log(stream.next()) * (SCHEDULING_JITTER + slice));
  }

  override proceed(now: Time, cost: Duration): Time {
    const work = this.idle(now) ? cost * (1 + this.wake) : cost;
    const behind = Math.round(work * this.background);
    const end = super.reserve(now, Math.round(work) - behind);
    if (behind > 0) super.reserve(now, behind);
    return end;
  }

  private idle(now: Time): boolean {
    const { freeAt } = this;
    for (let i = 0; i < freeAt.length; i++) if (freeAt[i]! <= now) return true;
    return false;
  }
}

/** Mean delay of a thread that has to wait for a core; and how often one loses a whole time slice of the scheduler (3 ms). */
const SCHEDULING_JITTER = 40 * MICROSECOND;
const SLICE_PROBABILITY = 0.003;
const TIME_SLICE = 3 * MILLISECOND;

const SEND = 0;
const RECEIVED = 1;
const ARRIVAL = 2;
/** Load before measuring starts, as a share of the measured requests. */
const WARM_UP = 0.25;
/** The benchmark client spreads its clients over this many connections at most. */
const CONNECTIONS = 100;
/** The recordings' load: 8-byte keys out of 100,000, 256-byte values. */
const KEYS = 100_000;
const VALUE_BYTES = 256;

/** Sends requests as the benchmark client does and notes their latencies. */
class LoadGenerator implements Component, EtcdReceiver {
  readonly name = 'load';
  readonly latencies: number[] = [];
  started: Time = -1;
  finished: Time = -1;
  private readonly target: number;
  private readonly simulation: Simulation;
  private readonly client: Client;
  private readonly processor: Processor;
  private readonly cpu: Duration;
  private readonly point: LoadPoint;
  private readonly stream: Stream;
  private readonly since: number[] = [];
  private readonly idle: number[] = [];
  private answered = 0;
  private readonly skip: number;

  constructor(
    simulation: Simulation,
    client: Client,
    processor: Processor,
    cpu: Duration,
    point: LoadPoint,
    stream: Stream,
  ) {
    this.simulation = simulation;
    this.client = client;
    this.processor = processor;
    this.cpu = cpu;
    this.point = point;
    this.stream = stream;
    this.skip = Math.floor(point.requests * WARM_UP);
    this.target = simulation.add(this);
    if (point.rate > 0) simulation.schedule(0, this.target, ARRIVAL);
    // Clients start one after the other, as goroutines do.
    else for (let i = 0; i < point.clients; i++) simulation.schedule(i * 1000, this.target, SEND, i);
  }

  handle(opcode: number, argument: number): void {
    const { now } = this.simulation;
    switch (opcode) {
      case ARRIVAL: {
        this.simulation.schedule((-log(this.stream.next()) / this.point.rate) * SECOND, this.target, ARRIVAL);
        this.begin(this.idle.pop() ?? this.since.length);
        return;
      }
      case SEND:
        if (this.since[argument] === undefined || this.since[argument] < 0) this.begin(argument);
        else this.send(argument);
        return;
      case RECEIVED:
        this.complete(argument, now);
        return;
    }
  }

  etcdResponse(tag: number, response: EtcdResponse): void {
    if (response.error !== undefined) throw new Error(`the load met an error: ${response.error}`);
    const end = this.processor.reserve(this.simulation.now, this.cpu / 2);
    this.simulation.scheduleAt(end, this.target, RECEIVED, tag);
  }

  private begin(slot: number): void {
    this.since[slot] = this.simulation.now;
    const end = this.processor.reserve(this.simulation.now, this.cpu / 2);
    this.simulation.scheduleAt(end, this.target, SEND, slot);
  }

  private send(slot: number): void {
    const { operation } = this.point;
    const key = `k${this.stream.integer(KEYS)}`;
    if (operation === 'put') this.client.request({ op: 'put', key, value: null, bytes: VALUE_BYTES }, this, slot);
    else this.client.request({ op: 'range', key, prefix: false, serializable: operation === 'get-s' }, this, slot);
  }

  private complete(slot: number, now: Time): void {
    this.answered++;
    if (this.answered === this.skip) this.started = now;
    if (this.answered > this.skip) this.latencies.push(now - this.since[slot]!);
    if (this.latencies.length === this.point.requests) {
      this.finished = now;
      this.simulation.stop();
      return;
    }
    if (this.point.rate > 0) this.idle.push(slot);
    else this.begin(slot);
  }
}

/** How much more a request's own work is at this many clients than at a thousand. */
function lonelyFactor(model: LoadModel, clients: number): number {
  const perConnection = Math.max(1, clients / CONNECTIONS);
  return 1 + (model.lonely ?? 0) * (1 / perConnection - CONNECTIONS / 1000);
}

/** Runs one load against a fresh cluster. */
export function runLoad(model: LoadModel, point: LoadPoint): LoadResult {
  const lonely = lonelyFactor(model, point.clients);
  const costs = { ...model.costs, requestCpu: Math.round(model.costs.requestCpu * lonely) };
  const simulation = new Simulation();
  const randomness = new Randomness(point.seed);
  const network = new Network(simulation, randomness, {
    sameHost: model.clientRtt,
    sameZone: model.peerRtt,
    crossZone: model.clientRtt,
    external: model.clientRtt,
    bytesPerSecond: NETWORK_BYTES_PER_SECOND,
  });
  const machine = new MachineProcessor(model.cores, model.wake, model.background, randomness.stream('machine'));
  const hosts: number[] = [];
  const processors: Processor[] = [];
  for (let i = 0; i < model.members; i++) {
    hosts.push(network.addHost(`member-${i}`, 'members'));
    processors.push(model.sharedMachine ? machine : new Processor(model.cores));
  }
  const spec = {
    members: model.members,
    heartbeatInterval: 100 * MILLISECOND,
    electionTimeout: SECOND,
    quotaBackendBytes: 8 * 1024 * 1024 * 1024,
    snapshotCount: 10_000,
    ...(model.dedicatedWalDisk === true ? { dedicatedWalDisk: true } : {}),
    zones: hosts.map(() => 'members'),
  };
  const cluster = new EtcdCluster({ simulation, network, randomness, spec, costs, hosts, processors });
  cluster.warmStart();
  const client = new Client(
    simulation,
    network,
    network.addHost('client', 'clients'),
    cluster.members,
    model.target === 'all' ? -1 : 0,
  );
  const own = model.sharedMachine ? machine : new Processor(CLIENT_CORES);
  const load = new LoadGenerator(simulation, client, own, model.clientCpu * lonely, point, randomness.stream('load'));
  simulation.run(MAX_DURATION);
  const measured = load.latencies.length;
  const span = (load.finished < 0 ? simulation.now : load.finished) - load.started;
  const sorted = Float64Array.from(load.latencies).sort();
  const { metrics } = cluster.members[0]!;
  return {
    throughput: (measured / span) * SECOND,
    mean: load.latencies.reduce((sum, latency) => sum + latency, 0) / measured,
    p50: sorted[Math.floor(measured / 2)] ?? Number.NaN,
    p99: sorted[Math.floor(measured * 0.99)] ?? Number.NaN,
    entriesPerFsync: metrics.serverProposalsCommittedTotal / Math.max(1, metrics.diskWalFsyncDurationSeconds.count),
  };
}

/** 10 Gbit/s. */
const NETWORK_BYTES_PER_SECOND = 1.25e9;
/** The load generator's machine when it is another one: 16 vCPU in the published runs. */
const CLIENT_CORES = 16;
/** A load that has not answered its requests by then is measured as far as it came. */
const MAX_DURATION = 300 * SECOND;
