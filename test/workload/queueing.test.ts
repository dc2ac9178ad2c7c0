import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MILLISECOND } from '../../src/kernel/time.js';
import type { DistributionSpec } from '../../src/random/distribution.js';
import { behaviour, TrafficBench } from './harness.js';

/** Closed forms of queueing theory with service rate 1 per millisecond (Erlang C, Pollaczek–Khinchine; tabulated values). */

const exponential: DistributionSpec = { kind: 'exponential', mean: MILLISECOND };

/** Mean and 99th percentile of the latency of a long run, in service times; `rate` in requests per service time. */
function latency(rate: number, servers: number, time: DistributionSpec = exponential, requests = 400_000) {
  const bench = new TrafficBench({ behaviours: [behaviour(time, { concurrency: servers })], rate: 1000 * rate });
  const seconds = requests / rate / 1000;
  bench.run(seconds);
  // The first tenth is warm-up.
  const totals = bench.totals(seconds / 10);
  assert.equal(totals.errors, 0);
  return { mean: 1000 * totals.latency.mean, p99: 1000 * totals.latency.quantile(0.99) };
}

function close(actual: number, expected: number, share: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= share * expected, `${what}: ${actual} instead of ${expected}`);
}

test('M/M/1 at load 0.8: mean 5, 99th percentile ln(100)/(1 − 0.8)', () => {
  const { mean, p99 } = latency(0.8, 1);
  close(mean, 5, 0.05, 'mean');
  close(p99, 23.02585, 0.07, 'p99');
});

for (const [servers, rate, mean] of [
  [2, 1.6, 2.777778],
  [4, 3.2, 1.745541],
  [10, 8, 1.20459],
  [50, 45, 1.072773],
] as const) {
  test(`M/M/${servers} at ${rate}: mean ${mean}`, () => {
    close(latency(rate, servers).mean, mean, 0.03, 'mean');
  });
}

test('M/D/1 at load 0.7: half the wait of M/M/1', () => {
  close(latency(0.7, 1, { kind: 'constant', value: MILLISECOND }).mean, 1 + 1.166667, 0.02, 'mean');
});

test('M/M/1/K: with 9 waiting places and load 0.9 a share 0.050814 is refused', () => {
  const bench = new TrafficBench({ behaviours: [behaviour(exponential, { queue: 9 })], rate: 900 });
  bench.run(400);
  const { requests, errors, byCause } = bench.totals(1);
  assert.equal(byCause.overload, errors);
  close(errors / requests, 0.050814, 0.05, 'refused share');
});

test('a random split over pods makes each an M/M/1', () => {
  const bench = new TrafficBench({ behaviours: [behaviour(exponential)], rate: 4 * 700, pods: 4 });
  bench.run(100);
  close(1000 * bench.totals(1).latency.mean, 1 / (1 - 0.7), 0.05, 'mean');
});

test('Little: the mean number under way is the rate times the mean latency', () => {
  const bench = new TrafficBench({ behaviours: [behaviour(exponential, { concurrency: 4 })], rate: 3200 });
  let sum = 0;
  let samples = 0;
  for (let second = 5; second < 100; second += 0.0005) {
    bench.run(second);
    sum += bench.workload.pods.requests.used;
    samples++;
  }
  const { latency: observed, requests } = bench.totals(5, 100);
  close(sum / samples, (requests / 95) * observed.mean, 0.01, 'L = λW');
});

test('timeouts are the tail of M/M/1: exp(−(1 − 0.8)·10), and the server works on', () => {
  const bench = new TrafficBench({ behaviours: [behaviour(exponential)], rate: 800, timeout: 10 * MILLISECOND });
  bench.run(500);
  const { requests, errors, byCause } = bench.totals(1);
  assert.equal(byCause.timeout, errors);
  close(errors / requests, 0.1353353, 0.07, 'timed-out share');
});
