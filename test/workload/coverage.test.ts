import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MILLISECOND } from '../../src/kernel/time.js';
import { interval95 } from '../../src/stats/index.js';
import { behaviour, TrafficBench } from './harness.js';

function close(actual: number, expected: number, share: number): void {
  assert.ok(Math.abs(actual - expected) <= share * expected, `${actual} instead of ${expected}`);
}

test('95 % intervals of 200 consecutive seeds cover the truth in 90 to 99 % (random over 4 pods: M/M/1, mean 2)', () => {
  let covered = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const bench = new TrafficBench({
      behaviours: [behaviour({ kind: 'exponential', mean: MILLISECOND })],
      rate: 4 * 500,
      pods: 4,
      nodes: 2,
      seed: String(seed),
    });
    bench.run(13);
    const means: number[] = [];
    // Seconds are 100 relaxation times long, so that their means are nearly independent.
    for (let second = 1; second < 13; second++) means.push(1000 * bench.totals(second, second + 1).latency.mean);
    const { mean, halfWidth } = interval95(means);
    if (Math.abs(mean - 2) <= halfWidth) covered++;
  }
  assert.ok(covered >= 180 && covered <= 198, `${covered} of 200`);
});

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
