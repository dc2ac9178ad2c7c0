import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { MICROSECOND } from '../kernel/time.js';
import type { RecordedKills } from './etcd-elections.js';
import type { FsyncHistogram } from './etcd-fsync.js';
import type { LoadOperation } from './etcd-load.js';

/** The parts of a recording that calibration and comparison read. */
export interface RecordedRun {
  readonly tag: string;
  readonly rep: number;
  readonly op: LoadOperation;
  readonly clients: number;
  readonly rate: number;
  readonly qps: number;
  readonly members: number;
  readonly leader: number;
  readonly latency: { readonly mean: number; readonly p50: number };
  readonly machine_cpu_busy_frac: number;
  readonly cpu_us_per_op_client: number;
  readonly cpu_us_per_op_server: readonly number[];
  readonly fsync_mean_us: readonly (number | null)[];
  readonly oneway_ms: number;
  readonly server: readonly {
    readonly is_leader: boolean;
    readonly entries_per_fsync?: number;
    readonly backend_commit?: { readonly count: number; readonly sum_s: number };
    readonly wal_fsync?: FsyncHistogram;
  }[];
}

/** A file of recorded runs and leader kills. */
export interface Recording {
  readonly runs?: RecordedRun[];
  readonly machine?: string;
  readonly leader_kill?: Readonly<Record<string, RecordedKills>>;
}

/** Reads a recording. Throws when the file is none. */
export function readRecording(path: string): Recording & { readonly runs: readonly RecordedRun[] } {
  const recording = JSON.parse(readText(path)) as Recording;
  const runs = recording.runs ?? [];
  if (!Array.isArray(runs) || (runs.length === 0 && recording.leader_kill === undefined))
    throw new Error(`${path}: neither runs nor leader kills`);
  return { ...recording, runs: runs.map(complete) };
}

/** A run with what older or shorter recordings leave out. */
function complete(run: RecordedRun): RecordedRun {
  const members = run.members ?? run.server?.length ?? 1;
  const defaults = {
    rate: 0,
    leader: 0,
    machine_cpu_busy_frac: 1,
    cpu_us_per_op_client: 0,
    cpu_us_per_op_server: [],
    fsync_mean_us: [],
    oneway_ms: 0,
    server: [],
  };
  return { ...defaults, ...(run as Partial<RecordedRun>), members } as RecordedRun;
}

function readText(path: string): string {
  const content = readFileSync(path);
  return (path.endsWith('.gz') ? gunzipSync(content) : content).toString('utf8');
}

/** The closed-loop run of this many clients whose throughput is the median of the repetitions. */
export function closedRun(
  runs: readonly RecordedRun[],
  operation: LoadOperation,
  clients: number,
): RecordedRun | undefined {
  return medianRun(runs.filter((run) => run.op === operation && run.rate === 0 && run.clients === clients));
}

/** The leader's part of a run. */
export function leaderOf(run: RecordedRun): RecordedRun['server'][number] {
  return run.server.find((server) => server.is_leader) ?? run.server[0] ?? { is_leader: true };
}

/** CPU microseconds per request of the leader, or of all followers together. */
export function serverCpu(run: RecordedRun, leader: boolean): number {
  let sum = 0;
  run.cpu_us_per_op_server.forEach((cpu, i) => {
    if ((i === run.leader) === leader) sum += cpu;
  });
  return sum;
}

/** CPU microseconds per request of client and members together. */
export function work(run: RecordedRun): number {
  return run.cpu_us_per_op_client + serverCpu(run, true) + serverCpu(run, false);
}

/** Mean fsync of the leader, nanoseconds. */
export function fsync(run: RecordedRun): number {
  return (run.fsync_mean_us[run.leader] ?? 0) * MICROSECOND;
}

/** Mean backend commit of the leader, nanoseconds. */
export function backendCommit(run: RecordedRun): number {
  const commit = leaderOf(run).backend_commit;
  return commit === undefined || commit.count === 0 ? 0 : Math.round((commit.sum_s / commit.count) * 1e9);
}

function medianRun(runs: readonly RecordedRun[]): RecordedRun | undefined {
  const sorted = [...runs].sort((a, b) => a.qps - b.qps);
  return sorted[sorted.length >> 1];
}
