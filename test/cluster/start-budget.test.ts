import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunResult } from '../../src/analysis/result.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { toChromeTrace } from '../../src/export/chrome-trace.js';
import { loadScenario } from '../../src/scenario/index.js';
import { finish, root } from './scenario.js';

/**
 * The budget of a pod's start over the whole control plane (scenarios/node/startup.yaml), against sums that can be worked out by hand. The
 * scenario has 5,000 nodes: TOWTANK_STARTUP_NODES=5000 runs all of them.
 */
const NODES = Number(process.env['TOWTANK_STARTUP_NODES'] ?? 1000);

function start(variant: string, seconds: number): RunResult {
  const { variants = [] } = loadScenario(join(root, 'scenarios', 'node', 'startup.yaml'));
  const scenario = variants.find((each) => each.variant === variant)!;
  const cluster = { ...scenario.cluster, nodes: scenario.cluster.nodes.slice(0, NODES) };
  return finish(new ScenarioRun({ ...scenario, cluster, duration: seconds * 1e9 }));
}

interface Slice {
  readonly ph: string;
  readonly name: string;
  readonly dur?: number;
  readonly args?: Readonly<Record<string, unknown>>;
}

const near = (value: number, expected: number, tolerance: number, what: string) =>
  assert.ok(Math.abs(value - expected) <= tolerance, `${what}: ${value} instead of ${expected}`);

test('an unloaded control plane: each part of a start takes what its steps take, and 99 % start within the official 5 s', () => {
  const split = start('unloaded', 25).summary.metrics.podStartup;
  assert.equal(split.pod_startup.count, 300);
  assert.ok(split.pod_startup.p99! <= 5 && split.pod_startup.p99! < 2.5, `p99 ${split.pod_startup.p99}`);
  // Two API requests and a scheduling cycle.
  assert.ok(split.create_to_schedule.p99! < 0.06, `create_to_schedule p99 ${split.create_to_schedule.p99}`);
  // Means of lognormal steps, m·exp(σ²/2): preparation 60 ms, sandbox 250, CreateContainer 60, StartContainer 80; 2 ms to find the image.
  const steps = 60 * 1.0833 + (250 + 60 + 80) * 1.1331 + 2;
  near(split.schedule_to_run.mean! * 1000, steps + 3, 35, 'schedule_to_run, ms');
  assert.ok(split.sandbox_to_pulled.max! < 0.02, 'images are there');
  // The relist, once a second and 30 ms long, then GET and PATCH of the status.
  near(split.run_to_watch.mean!, 0.5 + 0.034 + 0.006, 0.06, 'run_to_watch');
  assert.ok(split.run_to_watch.max! < 1.3, `run_to_watch at most ${split.run_to_watch.max}`);
  // Without a readiness probe a container is ready when its start is seen: the time of the status in which it says so, before that is written.
  near(split.run_to_ready.mean!, split.run_to_watch.mean! - 0.006, 0.02, 'run_to_ready');
  near(split.pod_startup.mean!, split.create_to_schedule.mean! + split.schedule_to_run.mean! + split.run_to_watch.mean!, 0.001, 'the whole');
});

test('3,000 pods at once miss it, and the trace names the reason: bindings wait for the limit of the scheduler’s client', () => {
  const result = start('3,000 pods at once', 75);
  const split = result.summary.metrics.podStartup;
  assert.equal(split.pod_startup.count, 3000);
  assert.ok(split.pod_startup.p99! > 5);
  // 100 bindings at once, then 50 a second: half of the pods are bound after (1,500 − 100) / 50 = 28 s, all after 58 s.
  near(split.create_to_schedule.p50!, 28, 1.5, 'create_to_schedule p50');
  near(split.create_to_schedule.max!, 58, 2, 'create_to_schedule max');
  for (const part of ['schedule_to_run', 'run_to_watch'] as const) assert.ok(split[part].p99! < 1.8, `${part} p99 ${split[part].p99}`);
  const { traceEvents } = JSON.parse([...toChromeTrace(result)].join('')) as { traceEvents: Slice[] };
  const slices = traceEvents.filter(({ ph, dur }) => ph === 'X' && dur !== undefined);
  // Of the phases of pods only their scheduling is long.
  const longest = (name: string) => Math.max(...slices.filter((slice) => slice.name === name).map(({ dur }) => dur! / 1e6));
  assert.ok(longest('scheduling') > 50);
  for (const phase of ['sandbox', 'image pull', 'container start', 'until ready']) assert.ok(longest(phase) < 3, `${phase} ${longest(phase)}`);
  // Of a cycle and its binding the wait at the client's limiter is nearly all.
  const bindings = slices.filter(({ name, args }) => name === 'create pods/binding' && args?.['rate limiter ms'] !== undefined);
  assert.ok(bindings.length > 20, `${bindings.length} bindings in the trace`);
  const waited = bindings.map(({ args }) => Number(args!['rate limiter ms']) / 1000);
  near(Math.max(...waited), 56, 3, 'longest wait at the limiter');
  for (const [i, { dur }] of bindings.entries()) if (waited[i]! > 1) assert.ok(waited[i]! > 0.9 * (dur! / 1e6), `${waited[i]} of ${dur! / 1e6} s`);
});
