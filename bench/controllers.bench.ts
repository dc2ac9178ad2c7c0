import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Deployment } from '../src/api/workloads.js';
import { limitHeapGrowth, tuneCompiler } from '../src/cli/heap.js';
import { ScenarioRun } from '../src/cluster/run.js';
import { loadScenario } from '../src/scenario/index.js';
import { commandFlags } from './command-flags.js';

/**
 * A Deployment of N pods, created and rolled once on 1,000 nodes: whole control plane, three etcd members, default client limits;
 * no Service selects the pods, as in the real run beside it. Each size runs in a process of its own, as the command line starts
 * one. Prints wall and CPU time (of all threads, garbage collection included), peak memory, time per pod at 10,000 pods beside that at 1,000, and events, beside the same
 * run of the real control plane (v1.34.4 with KWOK nodes, two cores of a shared host); and what the recording of all series takes of
 * the smallest size. Writes reports/bench/controllers.json.
 *
 *   node dist/bench/controllers.bench.js [PODS...]
 */
const NODES = 1000;
const ROUNDS = 3;
const WALL_GOAL = 20;
const MEMORY_GOAL = 500;
const RATIO_GOAL = 1.5;
const RECORDING_GOAL = 0.15;
/** The real control plane: wall and CPU seconds to create and to roll 1,000 pods on 1,000 nodes at default limits. */
const REAL = { pods: 1000, create: { wall: 50.2, cpu: 27.1 }, roll: { wall: 102.7, cpu: 54.1 } };
/** Simulated seconds after which a phase that is not over has failed. */
const PATIENCE = 7200;

interface Phase {
  readonly wall: number;
  readonly cpu: number;
  readonly events: number;
  readonly simulated: number;
}

interface Result {
  readonly pods: number;
  readonly boot: Phase;
  readonly create: Phase;
  readonly roll: Phase;
  readonly wall: number;
  readonly cpu: number;
  readonly mebibytes: number;
  readonly hash: string;
}

const container = (tag: string) => ({
  name: 'web',
  image: `registry.example/web:${tag}`,
  ports: [{ containerPort: 8080 }],
  resources: { requests: { cpu: '100m', memory: '64Mi' } },
});

function manifests(pods: number): object[] {
  const labels = { app: 'web' };
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: { replicas: pods, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [container('v1')] } } },
    },
  ];
}

const capacity = { cpu: '32', memory: '64Gi', pods: '110' };

function scenario(pods: number): object {
  return {
    question: `How long does a Deployment of ${pods} pods take?`,
    duration: '24h',
    cluster: { nodes: [{ count: NODES, zones: ['a', 'b', 'c'], template: { status: { capacity } } }], etcd: { members: 3 } },
    behaviour: [{ image: 'registry.example/*', size: '10M' }],
    timeline: [{ at: '0s', apply: 'web.json' }],
  };
}

function seconds(from: number): number {
  return (performance.now() - from) / 1000;
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Nobody looks at the cluster: for the comparison only, which is why it reaches into the run. */
function stopRecording(run: ScenarioRun): void {
  run.cluster.connections.observer = null;
  run.cluster.connections.follower = null;
  (run as unknown as { sampler: { sample(): void } }).sampler.sample = () => undefined;
}

/** The child: one run, its figures as one line of JSON. */
function measure(pods: number, recording = true): Result {
  const folder = mkdtempSync(join(tmpdir(), 'towtank-bench-'));
  writeFileSync(join(folder, 'web.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests(pods) }));
  writeFileSync(join(folder, 'scenario.yaml'), JSON.stringify(scenario(pods)));
  const loaded = loadScenario(join(folder, 'scenario.yaml'), {});
  rmSync(folder, { recursive: true });
  const start = performance.now();
  const run = new ScenarioRun(loaded);
  if (!recording) stopRecording(run);
  const { cluster } = run;
  const { simulation, connections } = cluster;
  const phase = (until: () => boolean): Phase => {
    const wall = performance.now();
    const cpu = cpuSeconds();
    const { events, now } = simulation;
    while (!until()) {
      if (simulation.now - now > PATIENCE * 1e9) throw new Error(`not done after ${PATIENCE} simulated seconds`);
      run.advance();
    }
    return { wall: seconds(wall), cpu: cpuSeconds() - cpu, events: simulation.events - events, simulated: (simulation.now - now) / 1e9 };
  };
  const complete = (generation: number) => (): boolean => {
    const deployment = [...connections.current('deployments')][0] as Deployment | undefined;
    if (deployment === undefined) return false;
    const { status } = deployment;
    if ((status.observedGeneration ?? 0) < generation || status.replicas !== pods) return false;
    return status.updatedReplicas === pods && status.availableReplicas === pods;
  };
  const boot = phase(() => run.origin >= 0);
  const create = phase(complete(1));
  const kubectl = cluster.newKubectl();
  const target = { resource: 'deployments', object: { namespace: 'default', name: 'web' } };
  const images = { web: container('v2').image };
  kubectl.run({ text: 'set image deployment/web', verb: 'set image', target, images }, { note: () => undefined });
  const roll = phase(complete(2));
  const mebibytes = process.resourceUsage().maxRSS / 1024;
  return { pods, boot, create, roll, wall: seconds(start), cpu: cpuSeconds(), mebibytes, hash: simulation.traceHash };
}

/** The best of several runs, which is the one that others on the machine disturbed least; peak memory is the highest. */
function best(pods: number, mode = '--measure'): Result {
  const runs: Result[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const child = spawnSync(process.execPath, [...commandFlags(), fileURLToPath(import.meta.url), mode, String(pods)], { encoding: 'utf8' });
    if (child.status !== 0) throw new Error(child.stderr);
    runs.push(JSON.parse(child.stdout) as Result);
  }
  const least = runs.reduce((a, b) => (b.cpu < a.cpu ? b : a));
  return { ...least, mebibytes: Math.max(...runs.map((run) => run.mebibytes)) };
}

function report(results: readonly Result[]): boolean {
  console.log('  pods  phase    wall s   CPU s  simulated s     events   peak MiB');
  for (const result of results) {
    for (const name of ['boot', 'create', 'roll'] as const) {
      const { wall, cpu, simulated, events } = result[name];
      console.log(
        `${String(result.pods).padStart(6)}  ${name.padEnd(6)} ${wall.toFixed(2).padStart(8)} ${cpu.toFixed(2).padStart(7)} ${simulated.toFixed(1).padStart(12)} ${String(events).padStart(10)}`,
      );
    }
    console.log(`${String(result.pods).padStart(6)}  all    ${result.wall.toFixed(2).padStart(8)} ${result.cpu.toFixed(2).padStart(7)} ${' '.repeat(23)} ${result.mebibytes.toFixed(0).padStart(10)}`);
  }
  let good = true;
  const verdict = (text: string, value: number, limit: number): void => {
    if (value > limit) good = false;
    console.log(`${text}: ${value.toFixed(2)} (goal ≤ ${limit})${value > limit ? '  MISSED' : ''}`);
  };
  const small = results.find((result) => result.pods === 1000);
  const large = results.find((result) => result.pods === 10000);
  if (large !== undefined) {
    verdict('wall seconds for 10,000 pods', large.wall, WALL_GOAL);
    verdict('peak MiB for 10,000 pods', large.mebibytes, MEMORY_GOAL);
  }
  const perPod = (result: Result): number => (result.create.wall + result.roll.wall) / result.pods;
  if (small !== undefined && large !== undefined) verdict('wall per pod, 10,000 against 1,000', perPod(large) / perPod(small), RATIO_GOAL);
  if (small !== undefined) {
    for (const name of ['create', 'roll'] as const) {
      const mine = small[name];
      const real = REAL[name];
      console.log(
        `${name} ${REAL.pods} pods: real ${real.wall} s wall, ${real.cpu} s CPU; here ${mine.wall.toFixed(2)} s wall, ${mine.cpu.toFixed(2)} s CPU: ` +
          `${(real.wall / mine.wall).toFixed(0)}× by wall, ${(real.cpu / mine.cpu).toFixed(0)}× by CPU`,
      );
    }
  }
  return good;
}

const [, , mode, size] = process.argv;
if (mode === '--measure' || mode === '--unrecorded') {
  limitHeapGrowth();
  tuneCompiler();
  console.log(JSON.stringify(measure(Number(size), mode === '--measure')));
} else {
  const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1000, 10000];
  const results = sizes.map((pods) => best(pods));
  const small = results.reduce((a, b) => (b.pods < a.pods ? b : a));
  const unrecorded = best(small.pods, '--unrecorded');
  const recording = (small.cpu - unrecorded.cpu) / small.cpu;
  const good = report(results) && recording <= RECORDING_GOAL;
  console.log(`recording all series: ${(100 * recording).toFixed(1)} % of the CPU time of ${small.pods} pods (goal ≤ ${100 * RECORDING_GOAL} %)`);
  const folder = join(import.meta.dirname, '../../reports/bench');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'controllers.json'), `${JSON.stringify({ node: process.version, rounds: ROUNDS, results, recording, real: REAL }, null, 2)}\n`);
  process.exitCode = good ? 0 : 1;
}
