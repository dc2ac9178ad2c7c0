import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MILLISECOND } from '../../src/kernel/time.js';
import { DrawCursor } from '../../src/node/draws.js';
import { Randomness } from '../../src/random/stream.js';
import type { BalancingPolicy } from '../../src/scenario/types.js';
import { Balancer } from '../../src/workload/balancer.js';
import { behaviour, TrafficBench } from './harness.js';

/** Mean latency in service times of single-server pods with exponential service. */
function mean(balancing: BalancingPolicy, pods: number, load: number, seconds: number, nodes = 1): number {
  const bench = new TrafficBench({
    behaviours: [behaviour({ kind: 'exponential', mean: MILLISECOND })],
    rate: 1000 * load * pods,
    pods,
    nodes,
    traffic: { balancing },
  });
  bench.run(seconds);
  return 1000 * bench.totals(Math.ceil(seconds / 10)).latency.mean;
}

function close(actual: number, expected: number, share: number): void {
  assert.ok(Math.abs(actual - expected) <= share * expected, `${actual} instead of ${expected}`);
}

test('power of two choices over 100 pods: the mean-field limit of the supermarket model, within 2 %', () => {
  // Σ ρ^(2^i − 2), i from 1 (Mitzenmacher 1996): 1.6145 at 0.7.
  close(mean('powerOfTwo', 100, 0.7, 12), 1.6145, 0.02);
});

test('power of two choices at load 0.9 over 100 pods', () => {
  close(mean('powerOfTwo', 100, 0.9, 14), 2.6141, 0.02);
});

test('round robin over 4 pods: each is an E4/M/1', () => {
  // σ is the root of σ = A*(1 − σ), with the Laplace transform of Erlang-4 gaps (3.2/(3.2 + s))^4 at load 0.8.
  let sigma = 0.5;
  for (let i = 0; i < 200; i++) {
    const ratio = 3.2 / (3.2 + 1 - sigma);
    sigma = ratio * ratio * ratio * ratio;
  }
  close(mean('roundRobin', 4, 0.8, 120), 1 / (1 - sigma), 0.03);
});

test('least connections lies between the central queue (Erlang C) and random', () => {
  // M/M/10 at 0.8: 1.20459; random: 5. Joining the shortest of ten queues pays for queues that cannot be left.
  const joined = mean('leastConnections', 10, 0.8, 60);
  assert.ok(joined > 1.20459 && joined < 1.7, `${joined}`);
  close(mean('random', 10, 0.8, 60), 5, 0.05);
});

test('least connections with the local view of many proxies comes close to random', () => {
  const local = mean('leastConnections', 10, 0.8, 60, 500);
  assert.ok(local > 3.5 && local < 5.2, `${local}`);
});

test('join the shortest of two queues: the known mean of the symmetric case', () => {
  // Numerical solution of the truncated balance equations.
  close(mean('leastConnections', 2, 0.5, 200), shortestOfTwo(0.5), 0.02);
});

/** Mean sojourn of JSQ with two exponential servers of rate 1 and arrivals 2ρ: balance equations by iteration, 40 places each. */
function shortestOfTwo(load: number): number {
  const size = 40;
  const rate = 2 * load;
  let p = new Float64Array(size * size).fill(1 / (size * size));
  const step = 1 / (rate + 2);
  for (let round = 0; round < 6000; round++) {
    const next = new Float64Array(size * size);
    for (let a = 0; a < size; a++) {
      for (let b = 0; b < size; b++) {
        const mass = p[a * size + b]!;
        if (mass < 1e-18) continue;
        const arrive = (x: number, y: number, share: number): void => {
          next[Math.min(x, size - 1) * size + Math.min(y, size - 1)]! += mass * rate * step * share;
        };
        if (a < b) arrive(a + 1, b, 1);
        else if (b < a) arrive(a, b + 1, 1);
        else {
          arrive(a + 1, b, 0.5);
          arrive(a, b + 1, 0.5);
        }
        next[Math.max(0, a - 1) * size + b]! += mass * step;
        next[a * size + Math.max(0, b - 1)]! += mass * step;
      }
    }
    p = next;
  }
  let number = 0;
  for (let a = 0; a < size; a++) for (let b = 0; b < size; b++) number += (a + b) * p[a * size + b]!;
  return number / rate;
}

test('choices: in turn; the fewest open requests; ejected endpoints are left out', () => {
  const draws = new DrawCursor(new Randomness('1').keyed('x'));
  const turn = new Balancer('roundRobin', undefined);
  assert.deepEqual([0, 1, 2, 3].map((number) => turn.pick(0, [7, 8, 9], 0, draws, number, 0)), [7, 8, 9, 7]);
  assert.equal(turn.pick(1, [7, 8, 9], 0, draws, 4, 0), 7);
  const least = new Balancer('leastConnections', undefined);
  const picks = [0, 1, 2].map((number) => least.pick(0, [7, 8, 9], 0, draws, number, 0));
  assert.deepEqual([...picks].sort(), [7, 8, 9]);
  least.release(0, 8);
  assert.equal(least.pick(0, [7, 8, 9], 0, draws, 3, 0), 8);
  const breaker = new Balancer('random', { consecutiveErrors: 2, ejection: 100, maximumEjected: 0.1 });
  for (let i = 0; i < 2; i++) breaker.answered(0, 8, true, [7, 8, 9], 0);
  for (let number = 0; number < 20; number++) assert.notEqual(breaker.pick(0, [7, 8, 9], 50, draws, number, 0), 8);
  for (let i = 0; i < 2; i++) breaker.answered(0, 7, true, [7, 8, 9], 50);
  const later = new Set(Array.from({ length: 30 }, (_, number) => breaker.pick(0, [7, 8, 9], 100, draws, number, 0)));
  assert.deepEqual([...later].sort(), [7, 8, 9]);
});
