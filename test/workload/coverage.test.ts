import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MILLISECOND } from '../../src/kernel/time.js';
import { interval95 } from '../../src/stats/index.js';
import { behaviour, type BenchOptions, TrafficBench } from './harness.js';

function close(actual: number, expected: number, share: number): void {
  assert.ok(Math.abs(actual - expected) <= share * expected, `${actual} instead of ${expected}`);
}

/** Mean time in an M/M/c queue with service rate 1: Erlang B by its recursion, Erlang C, and the wait. */
function erlang(servers: number, rate: number): number {
  let b = 1;
  for (let k = 1; k <= servers; k++) b = (rate * b) / (k + rate * b);
  const c = b / (1 - (rate / servers) * (1 - b));
  return c / (servers - rate) + 1;
}

const exponential = { kind: 'exponential', mean: MILLISECOND } as const;
const constant = { kind: 'constant', value: MILLISECOND } as const;
/** Queues with service rate 1 a millisecond, and the mean times in them that theory knows exactly. */
const queues: readonly { readonly name: string; readonly options: BenchOptions; readonly mean: number }[] = [
  { name: 'random over 4 pods: M/M/1', options: { behaviours: [behaviour(exponential)], rate: 4 * 500, pods: 4, nodes: 2 }, mean: 2 },
  { name: 'a central queue: Erlang C', options: { behaviours: [behaviour(exponential, { concurrency: 4 })], rate: 2600 }, mean: erlang(4, 2.6) },
  { name: 'M/D/1', options: { behaviours: [behaviour(constant)], rate: 600 }, mean: 1 + 0.6 / 0.4 / 2 },
  { name: 'processor sharing of constant work', options: { behaviours: [behaviour(constant, { concurrency: 1e6, processor: { cores: 1 } })], rate: 500 }, mean: 2 },
];
for (const { name, options, mean: truth } of queues) {
  test(`95 % intervals of 200 consecutive seeds cover the truth in 90 to 99 % (${name}, mean ${truth.toFixed(3)})`, () => {
    let covered = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const bench = new TrafficBench({ ...options, seed: String(seed) });
      bench.run(13);
      const means: number[] = [];
      // Seconds are many relaxation times long, so that their means are nearly independent.
      for (let second = 1; second < 13; second++) means.push(1000 * bench.totals(second, second + 1).latency.mean);
      const { mean, halfWidth } = interval95(means);
      if (Math.abs(mean - truth) <= halfWidth) covered++;
    }
    assert.ok(covered >= 180 && covered <= 198, `${covered} of 200`);
  });
}

test('M/G/1 by Pollaczek and Khinchine, with squared coefficients of variation 0.25 and 4', () => {
  // Erlang-4, and a mixture of two exponentials with mean 1 and second moment 5; load 0.7.
  const gamma = { kind: 'gamma', shape: 4, scale: MILLISECOND / 4 } as const;
  const root = Math.sqrt(1 - 2 / 5);
  const hyper = {
    kind: 'mixture',
    parts: [1 + root, 1 - root].map((twice) => ({
      weight: twice / 2,
      of: { kind: 'exponential', mean: MILLISECOND / twice } as const,
    })),
  } as const;
  for (const [time, scv, seconds] of [[gamma, 0.25, 200], [hyper, 4, 600]] as const) {
    const bench = new TrafficBench({ behaviours: [behaviour(time)], rate: 700 });
    bench.run(seconds);
    const wait = ((0.7 / 0.3) * (1 + scv)) / 2;
    close(1000 * bench.totals(Math.ceil(seconds / 10)).latency.mean, 1 + wait, 0.05);
  }
});

test('Little holds with a closed loop, shared processors and the power of two', () => {
  const bench = new TrafficBench({
    behaviours: [behaviour({ kind: 'exponential', mean: 10 * MILLISECOND }, { concurrency: 1e6, processor: { cores: 1 } })],
    rate: 1,
    pods: 3,
    nodes: 1,
    traffic: {
      balancing: 'powerOfTwo',
      arrivals: { kind: 'closed', users: 40, think: { kind: 'exponential', mean: 150 * MILLISECOND } },
    },
  });
  let sum = 0;
  let samples = 0;
  for (let second = 5; second < 65; second += 0.002) {
    bench.run(second);
    sum += bench.workload.traffic[0]!.calls!.used;
    samples++;
  }
  const { latency, requests } = bench.totals(5, 65);
  close(sum / samples, (requests / 60) * latency.mean, 0.01);
});
