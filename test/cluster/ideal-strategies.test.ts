import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunResult } from '../../src/analysis/result.js';
import { tableOf } from '../../src/analysis/result.js';
import { loadScenario } from '../../src/scenario/index.js';
import { root, run } from './scenario.js';

/**
 * Closed formulas of rollout strategies, which hold when starts and stops of pods take the same time and the control plane takes none
 * (profile `ideal`). The times of the pods themselves are read from the run: the kubelet looks at its containers and probes once a second.
 */
const N = 10;
const scenario = loadScenario(join(root, 'scenarios', 'strategies', 'ideal.yaml'));

interface Measured {
  readonly result: RunResult;
  /** T_s of the new pods in order of creation, and T_t of pods that went: seconds. */
  readonly starts: readonly { readonly at: number; readonly time: number }[];
  readonly stops: readonly number[];
  /** Most pods that ReplicaSets wanted at once. */
  readonly peak: number;
}

function measure(strategy: string): Measured {
  const result = run(scenario, strategy);
  const pods = tableOf(result, 'pods')!;
  const column = (name: string): Float64Array => pods.column(name) as Float64Array;
  const [created, ready, deleted, removed] = ['created', 'ready', 'deleted', 'removed'].map(column) as [Float64Array, Float64Array, Float64Array, Float64Array];
  const starts: { at: number; time: number }[] = [];
  const stops: number[] = [];
  for (let i = 0; i < created.length; i++) {
    if (created[i]! >= 30) starts.push({ at: created[i]!, time: ready[i]! - created[i]! });
    if (deleted[i]! >= 30) stops.push(removed[i]! - deleted[i]!);
  }
  starts.sort((a, b) => a.at - b.at);
  const sizes = tableOf(result, 'replicas_by_second')!;
  const times = sizes.column('time') as Float64Array;
  const desired = sizes.column('desired') as Float64Array;
  const wanted = new Map<number, number>();
  for (let i = 0; i < times.length; i++) wanted.set(times[i]!, (wanted.get(times[i]!) ?? 0) + desired[i]!);
  return { result, starts, stops, peak: Math.max(...wanted.values()) };
}

const times = (measured: Measured): number[] => measured.starts.map(({ time }) => time);
const near = (actual: number, expected: number, margin = 0.02): void => assert.ok(Math.abs(actual - expected) <= margin, `${actual} instead of ${expected}`);

test('pods take their constant times and at most two looks of the kubelet more', () => {
  const measured = measure('recreate');
  for (const time of times(measured)) assert.ok(time >= 20 && time < 22, String(time));
  for (const time of measured.stops) assert.ok(time >= 5 && time < 7, String(time));
});

test('recreate: nobody serves for T_t + T_s, and that is how long it takes; never more than N pods', () => {
  const measured = measure('recreate');
  const { metrics } = measured.result.summary;
  near(metrics.rolloutDuration!, Math.max(...measured.stops) + Math.max(...times(measured)));
  assert.equal(metrics.lowestAvailableShare, 0);
  assert.equal(metrics.surgePodSeconds, 0);
  assert.equal(measured.peak, N);
  // The area between what is wanted and what there is: all are missing while the old ones stop, each until it is ready.
  const missing = N * Math.max(...measured.stops) + times(measured).reduce((sum, time) => sum + time, 0);
  // The EndpointSlice controller, whose cache is behind its own first write, takes the others out a second later (defaultSyncBackOff).
  assert.ok(metrics.deficitPodSeconds! <= missing + 0.1 && metrics.deficitPodSeconds! >= missing - (N - 1) - 0.1);
});

test('ramped: ⌈N / (s + u)⌉ waves of T_s; never fewer than N − u available or more than N + s pods', () => {
  for (const [name, s, u] of [['three two', 3, 2], ['none one', 0, 1], ['all none', 10, 0]] as const) {
    const measured = measure(name);
    const { metrics } = measured.result.summary;
    const waves = Math.ceil(N / (s + u));
    const slowest = Math.max(...times(measured));
    const fastest = Math.min(...times(measured));
    assert.ok(metrics.rolloutDuration! >= waves * fastest - 0.02 && metrics.rolloutDuration! <= waves * slowest + 0.02, `${name}: ${metrics.rolloutDuration}`);
    assert.equal(metrics.lowestAvailableShare, (N - u) / N, name);
    assert.equal(measured.peak, N + s, name);
  }
});

test('blue/green: T_s and the hold; all N available throughout, 2N pods; extra pod-seconds N (T_s + hold) and T_t of the old', () => {
  const measured = measure('blueGreen');
  const { metrics } = measured.result.summary;
  const slowest = Math.max(...times(measured));
  near(metrics.rolloutDuration!, slowest + 30);
  assert.equal(metrics.lowestAvailableShare, 1);
  assert.equal(metrics.deficitPodSeconds, 0);
  assert.equal(measured.peak, 2 * N);
  near(metrics.surgePodSeconds!, N * (slowest + 30) + measured.stops.reduce((sum, time) => sum + time, 0), 0.2);
});

test('canary by replicas: the sum of pauses and of T_s of each step; N available, N and the step more at most', () => {
  const measured = measure('canary');
  const { metrics } = measured.result.summary;
  // 20, 50 and 100 per cent: 2, 3 and 5 pods more.
  const all = times(measured);
  const steps = Math.max(...all.slice(0, 2)) + Math.max(...all.slice(2, 5)) + Math.max(...all.slice(5));
  near(metrics.rolloutDuration!, 30 + 40 + steps);
  assert.equal(metrics.lowestAvailableShare, 1);
  assert.equal(measured.peak, N + 5);
});

test('canary behind a route: the pauses, T_s of each step, and the update of the old Deployment at the end', () => {
  const measured = measure('routed');
  const { metrics } = measured.result.summary;
  const all = times(measured);
  const steps = Math.max(...all.slice(0, 2)) + Math.max(...all.slice(2, 5));
  const update = all.slice(5);
  const waves = 2;
  assert.ok(metrics.rolloutDuration! >= 70 + steps + waves * Math.min(...update) - 0.05);
  assert.ok(metrics.rolloutDuration! <= 70 + steps + waves * Math.max(...update) + 0.05);
  assert.equal(metrics.lowestAvailableShare, 1, 'the canary makes up for what the update takes away');
  // 5 of the canary, and 3 of the update's surge.
  assert.equal(measured.peak, N + 5 + 3);
});

test('A/B test and shadow: their window; N available', () => {
  for (const name of ['cohort', 'mirror']) {
    const measured = measure(name);
    const { metrics } = measured.result.summary;
    const all = times(measured);
    const least = 60 + Math.max(...all.slice(0, 2)) + 2 * Math.min(...all.slice(2));
    const most = 60 + Math.max(...all.slice(0, 2)) + 2 * Math.max(...all.slice(2));
    assert.ok(metrics.rolloutDuration! >= least - 0.05 && metrics.rolloutDuration! <= most + 0.05, `${name}: ${metrics.rolloutDuration}`);
    assert.equal(metrics.lowestAvailableShare, 1);
    assert.equal(metrics.errors, 0);
  }
});
