import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { limitHeapGrowth } from '../src/cli/heap.js';
import { ScenarioRun } from '../src/cluster/run.js';
import { writeOutputs } from '../src/export/files.js';
import { OutputDirectory } from '../src/export/output-directory.js';
import { ParquetSink } from '../src/export/parquet-sink.js';
import { EventTrace } from '../src/metrics/column-sink.js';
import { TABLES } from '../src/metrics/tables.js';
import { renderReport } from '../src/report/html.js';
import { loadScenario } from '../src/scenario/index.js';
import type { RecordSpec } from '../src/scenario/types.js';

/**
 * What outputs cost. Ten million events to Parquet: CPU and wall seconds, peak memory. A run of the main scenario with all tables
 * recorded and with none, in turns: the share that recording takes; and what writing all files takes. A run with 5,000 nodes: the size
 * of its report. Each measurement is a process of its own; CPU time is of all threads, garbage collection included.
 *
 *   node dist/bench/outputs.bench.js
 */
const ROWS = 10_000_000;
const ROWS_GOAL = { seconds: 15, mebibytes: 500 };
const RECORDING_GOAL = 0.15;
const REPORT_GOAL = 5_000_000;
const ROUNDS = 5;

interface Measured {
  readonly wall: number;
  readonly cpu: number;
  readonly mebibytes: number;
  /** Bytes that were written. */
  readonly bytes: number;
  /** Seconds of CPU that writing all files took after the run. */
  readonly writing: number;
}

const root = join(import.meta.dirname, '../..');

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function measured(work: () => { bytes: number; writing?: number }): Measured {
  const wall = performance.now();
  const cpu = cpuSeconds();
  const { bytes, writing = 0 } = work();
  const mebibytes = process.resourceUsage().maxRSS / 1024;
  return { wall: (performance.now() - wall) / 1000, cpu: cpuSeconds() - cpu - writing, mebibytes, bytes, writing };
}

/** Events like those of a run: times that rise by microseconds, a few hundred components, causes a little back. */
function trace(folder: string): Measured {
  return measured(() => {
    const directory = new OutputDirectory(join(folder, 'out'));
    const sink = new ParquetSink(directory);
    const events = new EventTrace(sink, (target) => `component-${target}`);
    let state = 1;
    let time = 0;
    for (let i = 1; i <= ROWS; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      time += state >>> 16;
      events.event(time, (state >>> 8) % 300, (state >>> 20) & 63, state >>> 12, i, Math.max(0, i - ((state >>> 4) & 1023)));
    }
    events.end();
    sink.finish();
    directory.commit();
    return { bytes: statSync(join(folder, 'out', 'event_trace.parquet')).size };
  });
}

function runScenario(record: RecordSpec | undefined, folder?: string): Measured {
  const scenario = loadScenario(join(root, 'scenarios', 'strategies.yaml'), {});
  return measured(() => {
    const run = new ScenarioRun(record === undefined ? scenario : { ...scenario, record });
    run.rollOut(scenario.rollout!.strategies.find(({ name }) => name === 'ramped')!);
    while (run.advance());
    const result = run.result();
    if (folder === undefined) return { bytes: 0 };
    const start = cpuSeconds();
    const header = { toolVersion: '0', scenarioHash: '' };
    const page = renderReport([result], { title: '', toolVersion: '0' });
    writeOutputs(join(folder, 'out'), [result], header, { csv: true, parquet: true, openMetrics: true, trace: true }, [{ name: 'report.html', content: page }]);
    return { bytes: 0, writing: cpuSeconds() - start };
  });
}

const NOTHING: RecordSpec = { without: TABLES.map(({ name }) => name), apiRequests: 0, eventTrace: false };

/** 5,000 nodes, 6,000 pods of which a quarter rolls: only the size of the report counts. */
function bigReport(folder: string): Measured {
  const labels = { app: 'web' };
  const container = (tag: string) => ({ name: 'web', image: `registry.example/web:${tag}`, resources: { requests: { cpu: '900m', memory: '1Gi' } } });
  const items = [1, 2, 3, 4].map((i) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `web-${i}` },
    spec: { replicas: 1500, selector: { matchLabels: { ...labels, i: `${i}` } }, template: { metadata: { labels: { ...labels, i: `${i}` } }, spec: { containers: [container('v1')] } } },
  }));
  writeFileSync(join(folder, 'web.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  writeFileSync(
    join(folder, 'scenario.yaml'),
    JSON.stringify({
      duration: '5m',
      cluster: { nodes: [{ count: 5000, zones: ['a', 'b', 'c'], template: { status: { capacity: { cpu: '4', memory: '16Gi', pods: '110' } } } }], etcd: { members: 3 } },
      manifests: 'web.json',
      behaviour: [{ image: 'registry.example/*' }],
      rollout: { deployment: 'web-1', image: 'registry.example/web:v2', at: '30s', strategies: ['ramped'] },
    }),
  );
  const scenario = loadScenario(join(folder, 'scenario.yaml'), {});
  return measured(() => {
    const run = new ScenarioRun(scenario);
    run.rollOut(scenario.rollout!.strategies[0]!);
    while (run.advance());
    const page = renderReport([run.result()], { title: 'big', toolVersion: '0' });
    if (process.env['KEEP_REPORT'] !== undefined) writeFileSync(process.env['KEEP_REPORT'], page);
    return { bytes: Buffer.byteLength(page) };
  });
}

function child(mode: string): Measured {
  const done = spawnSync(process.execPath, [fileURLToPath(import.meta.url), mode], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
  return JSON.parse(done.stdout) as Measured;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

const MODES: Readonly<Record<string, (folder: string) => Measured>> = {
  '--trace': trace,
  '--recorded': () => runScenario(undefined),
  '--unrecorded': () => runScenario(NOTHING),
  '--written': (folder) => runScenario(undefined, folder),
  '--report': bigReport,
};

const mode = MODES[process.argv[2] ?? ''];
if (mode !== undefined) {
  limitHeapGrowth();
  const folder = mkdtempSync(join(tmpdir(), 'towtank-outputs-'));
  try {
    console.log(JSON.stringify(mode(folder)));
  } finally {
    rmSync(folder, { recursive: true });
  }
} else {
  let good = true;
  const verdict = (text: string, value: number, limit: number, digits = 1): void => {
    if (value > limit) good = false;
    console.log(`${text}: ${value.toFixed(digits)} (goal ≤ ${limit})${value > limit ? '  MISSED' : ''}`);
  };
  const rows = child('--trace');
  console.log(`${ROWS} events to Parquet: ${rows.wall.toFixed(1)} s wall, ${(rows.bytes / 2 ** 20).toFixed(0)} MiB file`);
  verdict('  CPU seconds', rows.cpu, ROWS_GOAL.seconds);
  verdict('  peak MiB', rows.mebibytes, ROWS_GOAL.mebibytes, 0);
  const pairs: { recorded: number; unrecorded: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) pairs.push({ recorded: child('--recorded').cpu, unrecorded: child('--unrecorded').cpu });
  const share = median(pairs.map(({ recorded, unrecorded }) => (recorded - unrecorded) / recorded));
  const run = median(pairs.map(({ recorded }) => recorded));
  verdict(`share of recording all tables in a run of ${run.toFixed(1)} CPU s (1,000 nodes, ramped), per cent, median of ${ROUNDS} pairs`, 100 * share, 100 * RECORDING_GOAL);
  const written = child('--written');
  console.log(`writing all files of that run and its report: ${written.writing.toFixed(1)} CPU s`);
  const report = child('--report');
  verdict(`report of a rollout on 5,000 nodes, MB`, report.bytes / 1e6, REPORT_GOAL / 1e6, 2);
  const folder = join(root, 'reports/bench');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'outputs.json'), `${JSON.stringify({ node: process.version, rows, pairs, share, written, report }, null, 2)}\n`);
  process.exitCode = good ? 0 : 1;
}
