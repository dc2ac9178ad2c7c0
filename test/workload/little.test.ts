import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import type { DistributionSpec } from '../../src/random/distribution.js';
import type { TrafficSpec } from '../../src/scenario/types.js';
import { behaviour, TrafficBench } from './harness.js';

const exponential: DistributionSpec = { kind: 'exponential', mean: MILLISECOND };
const constant: DistributionSpec = { kind: 'constant', value: MILLISECOND };
const back = { base: MILLISECOND, maximum: 10 * MILLISECOND };

interface Case {
  readonly name: string;
  readonly time?: DistributionSpec;
  readonly request?: Parameters<typeof behaviour>[1];
  readonly traffic?: Partial<TrafficSpec>;
  /** Requests a second and pod. */
  readonly rate?: number;
}

const cases: readonly Case[] = [
  { name: 'random' },
  { name: 'round robin', traffic: { balancing: 'roundRobin' } },
  { name: 'least connections', traffic: { balancing: 'leastConnections' } },
  { name: 'power of two', traffic: { balancing: 'powerOfTwo' } },
  { name: 'constant service', time: constant },
  { name: 'three at once in each pod', request: { concurrency: 3 }, rate: 2400 },
  { name: 'processor sharing', request: { concurrency: 1e6, processor: { cores: 1 } } },
  { name: 'constant arrivals', traffic: { arrivals: { kind: 'constant' } } },
  { name: 'bursts', traffic: { arrivals: { kind: 'bursts', states: [{ rate: 800, stay: exponential }, { rate: 4000, stay: exponential }] } } },
  { name: 'a profile', traffic: { arrivals: { kind: 'profile', points: [{ at: 0, rate: 1000 }, { at: SECOND, rate: 3800 }], period: 2 * SECOND } } },
  { name: 'a closed loop', traffic: { arrivals: { kind: 'closed', users: 20, think: { kind: 'exponential', mean: 5 * MILLISECOND } } } },
  { name: 'retries of slow tries', traffic: { retries: { maximum: 20, tryTimeout: 12 * MILLISECOND, backOff: back } }, rate: 300 },
  { name: 'hedging', traffic: { hedge: { after: 4 * MILLISECOND, maximum: 1 } }, rate: 500 },
];

for (const { name, time = exponential, request = {}, traffic = {}, rate = 800 } of cases) {
  test(`Little, ${name}: the mean number of requests that users wait for is their rate times their mean latency, within 1 %`, () => {
    const pods = 3;
    const bench = new TrafficBench({ behaviours: [behaviour(time, request)], rate: rate * pods, pods, nodes: 2, traffic });
    const { calls } = bench.workload.traffic[0]!;
    const [from, to] = [2, 32];
    let sum = 0;
    let samples = 0;
    for (let step = from * 2000; step < to * 2000; step++) {
      bench.run(step / 2000);
      // With retries and hedges a request may be several tries.
      sum += calls === null ? bench.workload.pods.requests.used : calls.used;
      samples++;
    }
    bench.run(to);
    const { latency, requests, errors } = bench.totals(from, to);
    assert.equal(errors, 0);
    const number = sum / samples;
    const product = (requests / (to - from)) * latency.mean;
    assert.ok(Math.abs(number - product) < 0.01 * number, `L = ${number}, λW = ${product}`);
  });
}
