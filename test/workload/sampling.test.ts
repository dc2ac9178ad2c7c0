import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import type { ArrivalSpec } from '../../src/scenario/types.js';
import { behaviour, type BenchOptions, TrafficBench } from './harness.js';

const exponential = { kind: 'exponential', mean: MILLISECOND } as const;

function close(actual: number, expected: number, share: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= share * expected, `${what}: ${actual} instead of ${expected}`);
}

/** The same users and pods, with all requests simulated and with those to one pod in `every`. */
function both(options: BenchOptions, every: number, seconds: number, change: (bench: TrafficBench) => void = () => {}) {
  return [options, { ...options, sampleEvery: every }].map((each) => {
    const bench = new TrafficBench(each);
    change(bench);
    bench.run(seconds);
    return bench;
  }) as [TrafficBench, TrafficBench];
}

const web: BenchOptions = { behaviours: [behaviour(exponential)], rate: 100 * 800, pods: 100, nodes: 10 };

test('one pod in ten: means within 2 % of those of all requests, and of M/M/1 at load 0.8', () => {
  const [exact, sampled] = both(web, 10, 25);
  const all = exact.totals(3);
  const some = sampled.totals(3);
  close(some.requests, all.requests, 0.005, 'requests');
  close(some.latency.mean, all.latency.mean, 0.02, 'mean latency');
  close(1000 * some.latency.mean, 5, 0.02, 'mean latency');
  close(some.latency.quantile(0.99), all.latency.quantile(0.99), 0.1, 'p99');
  const { simulated, latency } = sampled.workload.pods.sample!.errors();
  close(simulated, exact.workload.traffic[0]!.sent / 10, 0.02, 'simulated');
  assert.ok(latency! > 0.001 && latency! < 0.025, `${latency}`);
});

const kinds: readonly (readonly [string, ArrivalSpec])[] = [
  ['constant', { kind: 'constant' }],
  ['bursts', { kind: 'bursts', states: [{ rate: 5000, stay: exponential }, { rate: 35_000, stay: exponential }] }],
  ['profile', { kind: 'profile', points: [{ at: 0, rate: 10_000 }, { at: 2 * SECOND, rate: 30_000 }], period: 4 * SECOND }],
  ['trace', { kind: 'trace', repeat: 2 * SECOND, rows: [{ at: 0, slot: SECOND, count: 10_000 }, { at: SECOND, slot: SECOND, count: 30_000 }] }],
];
for (const [name, arrivals] of kinds) {
  test(`${name} arrivals keep their law in a sample`, () => {
    const [exact, sampled] = both({ ...web, pods: 40, rate: 20_000, traffic: { arrivals } }, 4, 21);
    for (const [from, to] of [[1, 21], [4, 5]] as const) {
      const all = exact.totals(from, to);
      const some = sampled.totals(from, to);
      close(some.requests, all.requests, to - from > 1 ? 0.01 : 0.06, `requests ${from} to ${to}`);
      close(some.latency.mean, all.latency.mean, to - from > 1 ? 0.02 : 0.1, `mean latency ${from} to ${to}`);
    }
  });
}

/** 97.5th percentile of Student's distribution: 12 of 60 pods are sampled. */
const STUDENT_11 = 2.201;

test('standard errors: 95 % intervals of 100 consecutive seeds cover the truth in 88 to 100', () => {
  let covered = 0;
  for (let seed = 1; seed <= 100; seed++) {
    const bench = new TrafficBench({ behaviours: [behaviour(exponential, { errors: 0.02 })], rate: 60 * 500, pods: 60, nodes: 6, seed: String(seed), sampleEvery: 5 });
    bench.run(4);
    const { errors, requests } = bench.totals(0);
    const { errorShare, latency } = bench.workload.pods.sample!.errors();
    const { mean } = bench.totals(0).latency;
    const near = Math.abs(mean - 2e-3) <= STUDENT_11 * latency! * mean;
    if (near && Math.abs(errors / requests - 0.02) <= 3 * errorShare!) covered++;
  }
  assert.ok(covered >= 88, `${covered} of 100`);
});

test('pods that stop before proxies know it, pods that are added, and no pod at all: errors within 4 standard errors', () => {
  const change = (bench: TrafficBench): void => {
    bench.run(2);
    // Half of the pods stop listening; proxies hear of it a second later.
    for (let i = 0; i < 50; i++) bench.workload.pods.podStoppedListening(bench.pods[i]!, true);
    bench.run(3);
    bench.tell(bench.pods.slice(50));
    bench.run(6);
    for (let i = 100; i < 150; i++) bench.pods.push(bench.addPod(i));
    bench.tell(bench.pods.slice(50));
    bench.run(8);
    bench.tell([]);
    bench.run(10);
    bench.tell(bench.pods.slice(50));
  };
  const [exact, sampled] = both({ ...web, rate: 20_000 }, 10, 13, change);
  const all = exact.totals();
  const some = sampled.totals();
  const { errorShare } = sampled.workload.pods.sample!.errors();
  assert.ok(all.errors > 40_000, `${all.errors}`);
  assert.ok(Math.abs(some.errors / some.requests - all.errors / all.requests) < 4 * errorShare!, `${some.errors} of ${some.requests} instead of ${all.errors} of ${all.requests}, ${errorShare}`);
  close(some.requests, all.requests, 0.01, 'requests');
  close(some.byCause['no-endpoint']!, all.byCause['no-endpoint']!, 0.02, 'no endpoint');
  close(some.byCause['connection-refused']!, all.byCause['connection-refused']!, 0.02, 'refused');
  close(some.latency.mean, all.latency.mean, 0.02, 'mean latency');
});

test('few pods: of three one is simulated, and the counts stay right', () => {
  const [exact, sampled] = both({ ...web, pods: 3, rate: 1500 }, 25, 60);
  close(sampled.totals().requests, exact.totals().requests, 0.02, 'requests');
  close(sampled.totals().latency.mean, 2e-3, 0.04, 'mean latency');
});
