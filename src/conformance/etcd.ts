import { MICROSECOND } from '../kernel/time.js';
import type { DistributionSpec } from '../random/distribution.js';
import type { CostProfile } from '../scenario/types.js';
import { leaderKillLines } from './etcd-elections.js';
import { fsyncDistribution } from './etcd-fsync.js';
import { type LoadModel, type LoadOperation, type LoadPoint, type LoadResult, runLoad } from './etcd-load.js';
import {
  backendCommit,
  closedRun,
  fsync,
  leaderOf,
  type RecordedRun,
  readRecording,
  serverCpu,
  work,
} from './etcd-recording.js';

/** One row to predict: the repetitions of one load in one configuration. */
export interface EtcdRow {
  readonly configuration: string;
  readonly operation: LoadOperation;
  readonly clients: number;
  readonly rate: number;
  /** Of the repetitions, requests a second and nanoseconds. */
  readonly throughput: readonly [minimum: number, maximum: number];
  readonly p50: readonly [minimum: number, maximum: number];
  readonly predicted: LoadResult;
  /** How far the throughput lies outside its range, as a share of the nearer end; 0 inside. */
  readonly throughputMiss: number;
  readonly p50Miss: number;
}

export interface EtcdConformance {
  readonly rows: readonly EtcdRow[];
  readonly lines: readonly string[];
  readonly exitCode: number;
}

/** The criteria: ranges of the repetitions widened by this much, to be met by this share of rows. */
const THROUGHPUT_MARGIN = 0.1;
const P50_MARGIN = 0.2;
const REQUIRED_SHARE = 0.8;
const WORST_MISS = 0.4;
/** Closed loops that calibrate; the others are predicted. */
const FEW = 1;
const MANY = 1000;
/** Without a run of 1,000 clients the largest calibrates, if it has this many. */
const ENOUGH = 50;
/** A machine at least this busy is the bottleneck. */
const SATURATED = 0.9;
const OPERATIONS: readonly LoadOperation[] = ['put', 'get-l', 'get-s'];

/**
 * Calibrates the model from the single-client and 1,000-client runs of every configuration of a recording, predicts the other
 * loads and compares. Exit code 0 when the criteria hold, 1 when not, 2 when the file is no such recording.
 */
export function compareEtcdRecording(path: string): EtcdConformance {
  let runs: readonly RecordedRun[];
  let cores: number;
  let kills: readonly string[];
  try {
    const recording = readRecording(path);
    runs = recording.runs;
    cores = Number(/(\d+) vCPU/.exec(recording.machine ?? '')?.[1] ?? 2);
    kills = Object.entries(recording.leader_kill ?? {}).flatMap(([name, study]) => leaderKillLines(name, study));
  } catch (error) {
    return { rows: [], lines: [`error: ${(error as Error).message}`], exitCode: 2 };
  }
  const rows: EtcdRow[] = [];
  const open: EtcdRow[] = [];
  const skipped: string[] = [];
  for (const configuration of new Set(runs.map((run) => run.tag))) {
    const own = runs.filter((run) => run.tag === configuration);
    for (const operation of OPERATIONS) {
      const loads = new Set(own.filter((run) => run.op === operation).map((run) => `${run.clients} ${run.rate}`));
      if (loads.size === 0) continue;
      const most = calibratingClients(own, operation);
      const model = calibrate(own, operation, cores, most);
      if (model === null) {
        skipped.push(
          `${configuration} ${operation}: no runs of one client and of ${ENOUGH} or more with their CPU, nothing to calibrate from`,
        );
        continue;
      }
      for (const load of loads) {
        const [clients, rate] = load.split(' ').map(Number) as [number, number];
        if (rate === 0 && (clients === FEW || clients === most)) continue;
        const repetitions = own.filter((run) => run.op === operation && run.clients === clients && run.rate === rate);
        (rate > 0 ? open : rows).push(predictRow(model, configuration, operation, repetitions));
      }
    }
  }
  return summarize(rows, open, [...skipped, ...kills]);
}

function predictRow(
  model: LoadModel,
  configuration: string,
  operation: LoadOperation,
  runs: readonly RecordedRun[],
): EtcdRow {
  const { clients, rate } = runs[0]!;
  const point = loadPoint(operation, clients, rate, `${configuration}/${operation}/${clients}/${rate}`);
  const predicted = runLoad(model, point);
  const throughput = range(runs.map((run) => run.qps));
  const p50 = range(runs.map((run) => run.latency.p50 * MICROSECOND));
  return {
    configuration,
    operation,
    clients,
    rate,
    throughput,
    p50,
    predicted,
    throughputMiss: miss(predicted.throughput, throughput),
    p50Miss: miss(predicted.p50, p50),
  };
}

function loadPoint(operation: LoadOperation, clients: number, rate: number, seed: string): LoadPoint {
  return {
    operation,
    clients,
    rate,
    seed,
    requests: clients >= MANY ? 30_000 : clients >= 100 ? 20_000 : clients > FEW ? 10_000 : 3000,
  };
}

/** How many clients the calibrating run of a busy machine has. */
function calibratingClients(runs: readonly RecordedRun[], operation: LoadOperation): number {
  const counts = runs.filter((run) => run.op === operation && run.rate === 0).map(({ clients }) => clients);
  if (counts.includes(MANY)) return MANY;
  const largest = Math.max(0, ...counts);
  return largest >= ENOUGH ? largest : MANY;
}

/** The model of one configuration and operation; null when its calibrating runs are missing. */
function calibrate(
  runs: readonly RecordedRun[],
  operation: LoadOperation,
  cores: number,
  most: number,
): LoadModel | null {
  const few = closedRun(runs, operation, FEW);
  const many = closedRun(runs, operation, most);
  if (few === undefined || many === undefined || work(few) === 0 || work(many) === 0) return null;
  const busyWork = work(many);
  // What a request costs when everything is busy: where the cores are the bottleneck, their time divided by the throughput.
  const scale = many.machine_cpu_busy_frac >= SATURATED ? (cores * 1e6) / many.qps / busyWork : 1;
  const wake = Math.max(0, work(few) / (busyWork * scale * (1 + LONELY * REQUEST_SHARE)) - 1);
  let model = firstModel(few, many, operation, cores, scale, wake);
  if (clientIsDelayed(runs, few)) model = { ...model, clientRtt: model.peerRtt };
  const slow = 1e9 / few.qps;
  model = fitSingleClient(model, operation, slow);
  if (many.machine_cpu_busy_frac >= SATURATED) {
    for (let round = 0; round < 3; round++) {
      const ratio = runLoad(model, loadPoint(operation, most, 0, 'calibrate')).throughput / many.qps;
      model = fitSingleClient(scaleCpu(model, ratio), operation, slow);
    }
  }
  return model;
}

/** Whether the artificial delay of the members' links lies on the client's link too: a read of one member shows it. */
function clientIsDelayed(runs: readonly RecordedRun[], few: RecordedRun): boolean {
  const read = closedRun(runs, 'get-s', FEW);
  const roundTrip = 2 * few.oneway_ms;
  return read === undefined ? 1e3 / few.qps >= 2 * roundTrip && few.members > 1 : 1e3 / read.qps >= roundTrip;
}

/** Finds the share of work behind the answer (or, when all of it is not slow enough, the delay of hops) that gives a single client's latency. */
function fitSingleClient(model: LoadModel, operation: LoadOperation, latency: number): LoadModel {
  const point = loadPoint(operation, FEW, 0, 'calibrate');
  const plain = { ...model, background: 0 };
  const missing = latency - runLoad(plain, point).mean;
  if (missing >= 0) {
    const { clientRtt } = plain;
    const value = Math.round((clientRtt.kind === 'constant' ? clientRtt.value : 0) + missing);
    return { ...plain, clientRtt: { kind: 'constant', value } };
  }
  let low = 0;
  let high = MOST_BACKGROUND;
  for (let i = 0; i < 8; i++) {
    const middle = (low + high) / 2;
    if (runLoad({ ...model, background: middle }, point).mean > latency) low = middle;
    else high = middle;
  }
  return { ...model, background: (low + high) / 2 };
}

const MOST_BACKGROUND = 0.8;

/** Splits the measured CPU of a saturated machine among the stages of the model. */
function firstModel(
  few: RecordedRun,
  many: RecordedRun,
  operation: LoadOperation,
  cores: number,
  scale: number,
  wake: number,
): LoadModel {
  const leader = serverCpu(many, true) * scale;
  const followers = many.members - 1;
  const follower = followers === 0 ? 0 : (serverCpu(many, false) / followers) * scale;
  const batch = Math.max(1, leaderOf(many).entries_per_fsync ?? 1);
  const fsyncFew = fsync(few);
  const fsyncMany = fsync(many);
  let costs: CostProfile['etcd'];
  const disk = {
    fsync: fsyncDistribution(fsyncFew, leaderOf(few).wal_fsync),
    fsyncPerEntry: batch > 1 ? Math.max(0, Math.round((fsyncMany - fsyncFew) / (batch - 1))) : 0,
    backendCommit: { kind: 'constant', value: backendCommit(many) } as DistributionSpec,
    cores,
    watchEventCpu: 0,
  };
  const us = (value: number) => Math.round(value * MICROSECOND);
  if (operation === 'put') {
    const replicated = followers === 0 ? 0.35 * leader : 0.8 * follower;
    const message = followers === 0 ? 0 : 0.2 * follower;
    const ready = READY_SHARE * leader;
    const request = Math.max(0.2 * leader, leader - replicated - (2 * ready) / batch);
    costs = {
      ...disk,
      requestCpu: us(request),
      readyCpu: us(ready),
      entryCpu: us(0.4 * replicated),
      messageCpu: us(message),
      applyCpu: us(0.6 * replicated),
      rangeCpu: 0,
    };
  } else {
    // A follower's part in a round of a single client: one heartbeat and the Ready that answers it.
    const round =
      operation === 'get-l' && followers > 0 ? serverCpu(few, false) / followers / (1 + wake) : READY_SHARE * leader;
    costs = {
      ...disk,
      requestCpu: us(0.6 * leader),
      rangeCpu: us(0.4 * leader),
      readyCpu: us(round / 2),
      messageCpu: us(round / 2),
      entryCpu: 0,
      applyCpu: 0,
    };
  }
  return {
    members: many.members,
    cores,
    costs,
    clientCpu: us(many.cpu_us_per_op_client * scale),
    sharedMachine: true,
    wake,
    lonely: LONELY,
    dedicatedWalDisk: true,
    background: 0,
    clientRtt: { kind: 'constant', value: 0 },
    peerRtt: { kind: 'constant', value: Math.round(2e6 * many.oneway_ms) },
    target: 'leader',
  };
}

const READY_SHARE = 0.1;
/**
 * What a request alone on its connection costs more, and the share of a request's work that this concerns. Recordings of a busy
 * machine have 1.15 to 1.2 times the CPU per request at 100 clients on 100 connections than at 1,000.
 */
const LONELY = 0.2;
const REQUEST_SHARE = 0.8;
function scaleCpu(model: LoadModel, factor: number): LoadModel {
  const { costs } = model;
  const times = (value: number) => Math.round(value * factor);
  return {
    ...model,
    clientCpu: times(model.clientCpu),
    wake: Math.max(0, (1 + model.wake) / factor - 1),
    costs: {
      ...costs,
      requestCpu: times(costs.requestCpu),
      readyCpu: times(costs.readyCpu),
      entryCpu: times(costs.entryCpu),
      messageCpu: times(costs.messageCpu),
      applyCpu: times(costs.applyCpu),
      rangeCpu: times(costs.rangeCpu),
    },
  };
}

function summarize(rows: readonly EtcdRow[], open: readonly EtcdRow[], kills: readonly string[]): EtcdConformance {
  const lines = [
    'configuration  op     clients/rate   puts or gets per s: recorded    predicted   p50 ms: recorded       predicted',
  ];
  for (const row of [...rows, ...open]) lines.push(describe(row));
  const scored = rows.length;
  const inside = rows.filter((row) => row.throughputMiss <= THROUGHPUT_MARGIN).length;
  const p50Inside = rows.filter((row) => row.p50Miss <= P50_MARGIN).length;
  const worst = rows.reduce((most, row) => Math.max(most, row.throughputMiss), 0);
  lines.push(...kills);
  lines.push(`etcd: p50 in range ${p50Inside}/${scored}`);
  lines.push(`etcd: rows in range ${inside}/${scored}, worst ${(worst * 100).toFixed(1)} %`);
  const good =
    inside >= REQUIRED_SHARE * scored &&
    p50Inside >= REQUIRED_SHARE * scored &&
    worst <= WORST_MISS &&
    scored + kills.length > 0;
  return { rows, lines, exitCode: good ? 0 : 1 };
}

function describe(row: EtcdRow): string {
  const ms = (value: number) => (value / 1e6).toFixed(3);
  const load = row.rate > 0 ? `${row.rate}/s` : `${row.clients}`;
  const marks =
    row.rate > 0
      ? ''
      : `${row.throughputMiss <= THROUGHPUT_MARGIN ? '' : '  throughput!'}${row.p50Miss <= P50_MARGIN ? '' : '  p50!'}`;
  return [
    row.configuration.padEnd(14),
    row.operation.padEnd(6),
    load.padStart(7),
    `${Math.round(row.throughput[0])} - ${Math.round(row.throughput[1])}`.padStart(20),
    `${Math.round(row.predicted.throughput)}`.padStart(9),
    `${ms(row.p50[0])} - ${ms(row.p50[1])}`.padStart(20),
    ms(row.predicted.p50).padStart(9),
    marks,
  ].join(' ');
}

function range(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

function miss(value: number, [minimum, maximum]: readonly [number, number]): number {
  return value < minimum ? 1 - value / minimum : value > maximum ? value / maximum - 1 : 0;
}
