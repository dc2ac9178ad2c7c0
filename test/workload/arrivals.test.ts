import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { DrawCursor } from '../../src/node/draws.js';
import { Randomness } from '../../src/random/stream.js';
import type { ArrivalSpec } from '../../src/scenario/types.js';
import { openArrivals } from '../../src/workload/arrivals.js';
import { behaviour, TrafficBench } from './harness.js';

/** Arrival times in seconds until `end`. */
function times(spec: Exclude<ArrivalSpec, { kind: 'closed' }> | undefined, rate: number, end: number, start = 0): number[] {
  const arrivals = openArrivals(spec, rate);
  const draws = new DrawCursor(new Randomness('1').keyed('arrivals'));
  arrivals.begin(start * SECOND, 0);
  const found: number[] = [];
  for (let at = start * SECOND; ; ) {
    at = arrivals.next(at, found.length, draws);
    if (!(at < end * SECOND)) return found;
    found.push(at / SECOND);
  }
}

function countIn(found: readonly number[], from: number, to: number): number {
  return found.filter((at) => at >= from && at < to).length;
}

test('constant arrivals come at multiples of the gap, without drift', () => {
  const found = times({ kind: 'constant' }, 3, 1000);
  assert.equal(found.length, 2999);
  assert.equal(found[2998], Math.round((2999 * SECOND) / 3) / SECOND);
});

test('Poisson arrivals: the index of dispersion of counts is 1', () => {
  const found = times(undefined, 50, 2000);
  const counts = Array.from({ length: 2000 }, () => 0);
  for (const at of found) counts[Math.floor(at)]!++;
  const mean = found.length / 2000;
  const variance = counts.reduce((sum, count) => sum + (count - mean) * (count - mean), 0) / 2000;
  assert.ok(Math.abs(mean - 50) < 0.5, `mean ${mean}`);
  assert.ok(Math.abs(variance / mean - 1) < 0.1, `dispersion ${variance / mean}`);
});

test('bursts: each state has its rate, and a Markov-modulated stream its mean and dispersion', () => {
  const alternating = times(
    {
      kind: 'bursts',
      states: [
        { rate: 100, stay: { kind: 'constant', value: 10 * SECOND } },
        { rate: 0, stay: { kind: 'constant', value: 5 * SECOND } },
      ],
    },
    0,
    1500,
  );
  assert.equal(alternating.filter((at) => at % 15 >= 10).length, 0);
  assert.ok(Math.abs(alternating.length / 100_000 - 1) < 0.01);
  // Two states with rates 200 and 20 and mean stays 1 s each: mean 110, and the dispersion of counts tends to
  // 1 + 2·(200 − 20)²·r1·r2/((r1 + r2)³·mean) with r1·r2/(r1 + r2)² as stationary probabilities (Fischer and Meier-Hellstern 1992).
  const stay = { kind: 'exponential', mean: SECOND } as const;
  const found = times({ kind: 'bursts', states: [{ rate: 200, stay }, { rate: 20, stay }] }, 0, 20_000);
  const mean = found.length / 20_000;
  assert.ok(Math.abs(mean - 110) < 3, `mean ${mean}`);
  const windows = Array.from({ length: 400 }, () => 0);
  for (const at of found) windows[Math.floor(at / 50)]!++;
  const variance = windows.reduce((sum, count) => sum + (count - 50 * mean) * (count - 50 * mean), 0) / 400;
  const expected = 1 + (2 * 180 * 180) / (8 * 110);
  assert.ok(Math.abs(variance / (50 * mean) / expected - 1) < 0.25, `dispersion ${variance / (50 * mean)}, ${expected}`);
});

test('a profile: the rate goes linearly between points and repeats', () => {
  const spec = {
    kind: 'profile',
    period: 100 * SECOND,
    points: [
      { at: 10 * SECOND, rate: 0 },
      { at: 60 * SECOND, rate: 1000 },
    ],
  } as const;
  const found = times(spec, 0, 1000);
  // Areas of triangles: 25,000 up in 50 s, 25,000 down in 50 s.
  assert.ok(Math.abs(found.length / 500_000 - 1) < 0.005, `${found.length}`);
  const early = countIn(found, 310, 335);
  assert.ok(Math.abs(early / 6250 - 1) < 0.05, `first half of the rise ${early}`);
  // The first period begins on its falling side: from 200 a second at 0 s to 0 at 10 s.
  assert.ok(Math.abs(countIn(found, 0, 10) / 1000 - 1) < 0.1, `${countIn(found, 0, 10)}`);
  assert.ok(Math.min(...times(spec, 0, 100, 60)) >= 60);
});

test('a trace: exact times, counts spread over their slot, and again from the beginning', () => {
  const exact = { kind: 'trace', rows: [1, 1, 2.5].map((at) => ({ at: at * SECOND, count: 1, slot: 0 })) } as const;
  assert.deepEqual(times(exact, 0, 100, 10), [11, 11, 12.5]);
  assert.deepEqual(times({ ...exact, repeat: 4 * SECOND }, 0, 20, 10), [11, 11, 12.5, 15, 15, 16.5, 19, 19]);
  const rows = [3000, 0, 1000].map((count, i) => ({ at: 10 * i * SECOND, count, slot: 10 * SECOND }));
  const found = times({ kind: 'trace', rows }, 0, 100);
  assert.deepEqual([0, 10, 20, 30].map((at) => countIn(found, at, at + 10)), [3000, 0, 1000, 0]);
  const half = countIn(found, 0, 5);
  assert.ok(Math.abs(half - 1500) < 120, `${half} of 3,000 in the first half of the slot`);
  assert.deepEqual(found, [...found].sort((a, b) => a - b));
});

test('a closed loop obeys X = N/(Z + R), and saturates at the servers', () => {
  const think = { kind: 'exponential', mean: 900 * MILLISECOND } as const;
  const service = { kind: 'exponential', mean: 100 * MILLISECOND } as const;
  const run = (users: number, concurrency: number) => {
    const bench = new TrafficBench({
      behaviours: [behaviour(service, { concurrency })],
      rate: 1,
      traffic: { arrivals: { kind: 'closed', users, think } },
    });
    bench.run(500);
    return bench.totals(20, 500);
  };
  const free = run(20, 20);
  assert.ok(Math.abs(free.requests / 480 / 20 - 1) < 0.03, `${free.requests / 480}`);
  const full = run(50, 2);
  assert.ok(Math.abs(full.requests / 480 / 20 - 1) < 0.03, `${full.requests / 480}`);
  // The response time law R = N/X − Z, within the runs' own figures.
  assert.ok(Math.abs(full.latency.mean / (50 / (full.requests / 480) - 0.9) - 1) < 0.03, `${full.latency.mean}`);
});

test('a closed loop under Markov: the machine-repair model M/M/1//N', () => {
  // N = 5 users, think 1, service 0.5: p(k) ∝ N!/(N − k)!·0.5^k; utilisation 1 − p(0), throughput utilisation/0.5.
  let weight = 1;
  let sum = 1;
  for (let k = 1; k <= 5; k++) {
    weight *= (6 - k) * 0.5;
    sum += weight;
  }
  const throughput = (1 - 1 / sum) / 0.5;
  const bench = new TrafficBench({
    behaviours: [behaviour({ kind: 'exponential', mean: 5 * MILLISECOND })],
    rate: 1,
    traffic: { arrivals: { kind: 'closed', users: 5, think: { kind: 'exponential', mean: 10 * MILLISECOND } } },
  });
  bench.run(400);
  const { requests } = bench.totals(1, 400);
  assert.ok(Math.abs(requests / 39_900 / throughput - 1) < 0.015, `${requests / 39_900} instead of ${throughput}`);
});

test('a user of a closed loop who gives up thinks, and asks again', () => {
  const bench = new TrafficBench({
    behaviours: [behaviour({ kind: 'constant', value: 100 * SECOND })],
    rate: 1,
    timeout: SECOND,
    traffic: { arrivals: { kind: 'closed', users: 1, think: { kind: 'constant', value: SECOND } } },
  });
  bench.run(20.5);
  assert.deepEqual(bench.totals().byCause, { timeout: 10 });
});
