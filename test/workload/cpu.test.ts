import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import type { DistributionSpec } from '../../src/random/distribution.js';
import { CFS_PERIOD, CpuShare } from '../../src/workload/cpu-share.js';
import { behaviour, TrafficBench } from './harness.js';

const exponential: DistributionSpec = { kind: 'exponential', mean: MILLISECOND };

/** Mean latency in service times under processor sharing of one core. */
function shared(time: DistributionSpec, load: number, seconds: number, options: object = {}): number {
  const bench = new TrafficBench({
    behaviours: [behaviour(time, { concurrency: 1e6, processor: { cores: 1 }, ...options })],
    rate: 1000 * load,
  });
  bench.run(seconds);
  return 1000 * bench.totals(Math.ceil(seconds / 10)).latency.mean;
}

function close(actual: number, expected: number, share: number): void {
  assert.ok(Math.abs(actual - expected) <= share * expected, `${actual} instead of ${expected}`);
}

test('processor sharing: M/G/1 has the mean 1/(1 − ρ) whatever the service law', () => {
  const veryUneven: DistributionSpec = {
    kind: 'mixture',
    parts: [
      { weight: 9, of: { kind: 'constant', value: 0.5 * MILLISECOND } },
      { weight: 1, of: { kind: 'constant', value: 5.5 * MILLISECOND } },
    ],
  };
  close(shared(exponential, 0.7, 150), 1 / 0.3, 0.04);
  close(shared({ kind: 'constant', value: MILLISECOND }, 0.7, 100), 1 / 0.3, 0.04);
  close(shared(veryUneven, 0.7, 200), 1 / 0.3, 0.04);
});

test('processor sharing of two cores with exponential service is M/M/2', () => {
  close(shared(exponential, 1.6, 150, { processor: { cores: 2 } }), 2.777778, 0.04);
});

/** Ends of requests that begin at time 0 with so much work, in milliseconds. */
function ends(works: readonly number[], cores: number, limit: number): number[] {
  const cpu = new CpuShare(cores, limit, 0);
  works.forEach((work, i) => {
    cpu.add(i + 1, work * MILLISECOND);
  });
  const found = works.map(() => 0);
  while (cpu.count > 0) {
    const now = cpu.next();
    cpu.advance(now);
    for (let row = cpu.take(); row !== 0; row = cpu.take()) found[row - 1] = now / MILLISECOND;
  }
  return found;
}

test('a CPU limit stops all requests when the quota of a period of 100 ms is used up', () => {
  // Half a core: 50 ms in each period.
  assert.deepEqual(ends([30], 4, 0.5), [30]);
  assert.deepEqual(ends([120], 4, 0.5), [220]);
  // Two at once use the 50 ms in 25 ms; of the next 50 ms both use 10 until 105 ms, and the second 30 alone.
  assert.deepEqual(ends([30, 60], 4, 0.5), [105, 135]);
  // Without limit, three requests on one core: shared evenly.
  assert.deepEqual(ends([10, 20, 30], 1, Number.POSITIVE_INFINITY), [30, 50, 60]);
});

test('the last end under a limit is that of the simulation', () => {
  const cpu = new CpuShare(2, 0.5, 0);
  cpu.add(1, 40 * MILLISECOND);
  cpu.add(2, 40 * MILLISECOND);
  // 25 ms of each by 25 ms; then the waiting one follows when both end at 115 ms, and has 20 ms of the second period.
  assert.equal(cpu.lastEnd([30 * MILLISECOND], 2), 210 * MILLISECOND);
  assert.equal(cpu.count, 2);
});

test('property: work is conserved, nobody gets more than a core, nothing exceeds the quota', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 12 }),
      fc.constantFrom(0.5, 1, 2, 8),
      fc.constantFrom(0.1, 0.5, 1.5, Number.POSITIVE_INFINITY),
      (works, cores, limit) => {
        const found = ends(works, cores, limit);
        const total = works.reduce((sum, work) => sum + work, 0);
        const last = Math.max(...found);
        works.forEach((work, i) => {
          assert.ok(found[i]! >= work / Math.min(1, cores) - 1e-3);
        });
        assert.ok(last >= total / cores - 1e-3);
        const period = CFS_PERIOD / MILLISECOND;
        if (limit !== Number.POSITIVE_INFINITY) assert.ok(total <= limit * period * (Math.floor(last / period) + 1) + 1e-3);
        const order = works.map((_, i) => i).sort((a, b) => works[a]! - works[b]!);
        for (let i = 1; i < order.length; i++) assert.ok(found[order[i]!]! >= found[order[i - 1]!]! - 1e-3);
      },
    ),
  );
});

test('the container limit throttles: utilisation stays, latency rises', () => {
  const run = (cpu: number) => {
    const bench = new TrafficBench({
      behaviours: [behaviour({ kind: 'constant', value: 20 * MILLISECOND }, { concurrency: 100, processor: {} })],
      rate: 20,
      limits: { cpu },
    });
    bench.run(300);
    return bench.totals(10).latency;
  };
  assert.equal(Math.round(run(4000).mean * 1000), 20);
  const tight = run(500);
  assert.ok(tight.mean > 0.03 && tight.quantile(0.99) > 0.1, `${tight.mean} ${tight.quantile(0.99)}`);
});

test('killed, cancelled and finished requests leave nothing behind', () => {
  const bench = new TrafficBench({
    behaviours: [behaviour({ kind: 'exponential', mean: 50 * MILLISECOND }, { concurrency: 4, processor: { cores: 1 } })],
    rate: 40,
    timeout: 100 * MILLISECOND,
    limits: { cpu: 700 },
    traffic: { cancels: true, end: 20 * SECOND },
  });
  bench.run(10);
  bench.workload.pods.podStoppedListening(bench.pods[0]!, true, true);
  bench.addPod(0);
  bench.run(60);
  const { requests, byCause } = bench.totals();
  assert.equal(requests, bench.workload.traffic[0]!.sent);
  assert.ok(byCause['out-of-memory']! > 0 && byCause.timeout! > 0);
  assert.equal(bench.workload.pods.requests.used, 0);
});
