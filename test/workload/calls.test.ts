import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import type { TrafficSpec } from '../../src/scenario/types.js';
import { RetryBudget } from '../../src/workload/retry-budget.js';
import { behaviour, TrafficBench } from './harness.js';

const quick = { kind: 'constant', value: 10 * MILLISECOND } as const;
const backOff = { base: MILLISECOND, maximum: 10 * MILLISECOND };

function bench(traffic: Partial<TrafficSpec>, request: Parameters<typeof behaviour>[1] = {}, rate = 100, pods = 1) {
  return new TrafficBench({ behaviours: [behaviour(quick, { concurrency: 100, ...request })], rate, pods, timeout: 10 * SECOND, traffic });
}

test('retries: of failures with probability p a share p^(r+1) is left, and (1 − p^(r+1))/(1 − p) tries are sent', () => {
  const run = bench({ retries: { maximum: 2, backOff } }, { errors: 0.3 });
  run.run(500);
  const { requests, errors, byCause } = run.totals();
  const calls = run.workload.traffic[0]!.calls!;
  assert.equal(byCause.application, errors);
  assert.ok(Math.abs(errors / requests - 0.027) < 0.003, `left ${errors / requests}`);
  assert.ok(Math.abs(calls.tries / requests / 1.39 - 1) < 0.01, `tries ${calls.tries / requests}`);
  assert.ok(Math.abs(calls.tries - calls.retries - requests) <= 5);
});

test('a retry budget of 20 % caps the tries at 1.2 times the requests', () => {
  const run = bench({ retries: { maximum: 3, backOff, budget: { share: 0.2, minimumRate: 0 } } }, { errors: 1 });
  run.run(200);
  const { requests, errors } = run.totals();
  const calls = run.workload.traffic[0]!.calls!;
  assert.equal(errors, requests);
  assert.ok(Math.abs(calls.tries / requests - 1.2) < 0.01, `${calls.tries / requests}`);
  assert.ok(calls.overBudget > 0);
});

test('the budget counts a window of ten seconds', () => {
  const budget = new RetryBudget(0.5, 0);
  for (let i = 0; i < 4; i++) budget.deposit(0);
  assert.equal(budget.withdraw(9.9 * SECOND), true);
  assert.equal(budget.withdraw(9.9 * SECOND), true);
  assert.equal(budget.withdraw(9.9 * SECOND), false);
  const late = new RetryBudget(0.5, 0);
  for (let i = 0; i < 4; i++) late.deposit(0);
  assert.equal(late.withdraw(10 * SECOND), false);
  assert.equal(new RetryBudget(0, 0.1).withdraw(1e6 * SECOND), true);
});

test('a try that hangs is given up and sent again; the back-off stays inside its bounds', () => {
  const run = new TrafficBench({
    behaviours: [behaviour({ kind: 'constant', value: 100 * SECOND }, { concurrency: 100 })],
    rate: 1,
    timeout: 10 * SECOND,
    traffic: {
      arrivals: { kind: 'constant' },
      end: 1.5 * SECOND,
      retries: { maximum: 3, tryTimeout: SECOND, backOff: { base: 100 * MILLISECOND, maximum: 150 * MILLISECOND } },
    },
  });
  run.run(20);
  const [row, ...rest] = [...run.workload.statistics()[0]!.errorRows()];
  assert.deepEqual(rest, []);
  assert.deepEqual(row!.slice(1), ['timeout', 1]);
  // Entered at 1 s; four tries of a second and three waits of at most 100, 150 and 150 ms.
  assert.ok(row![0] === 5, `ended in second ${row![0]}`);
});

test('hedging: of exponential service times the least of two counts', () => {
  const run = new TrafficBench({
    behaviours: [behaviour({ kind: 'exponential', mean: 100 * MILLISECOND }, { concurrency: 1000 })],
    rate: 200,
    traffic: { hedge: { after: 0, maximum: 1 } },
  });
  run.run(300);
  assert.ok(Math.abs(run.totals(1).latency.mean / 0.05 - 1) < 0.02, `${run.totals(1).latency.mean}`);
  const calls = run.workload.traffic[0]!.calls!;
  assert.equal(calls.tries, 2 * calls.hedges);
});

test('cancelled requests free their server; others keep it busy', () => {
  const served = (cancels: boolean) => {
    const run = new TrafficBench({
      behaviours: [behaviour({ kind: 'constant', value: 10 * SECOND })],
      rate: 1,
      timeout: SECOND,
      traffic: { arrivals: { kind: 'constant' }, end: 2.5 * SECOND, cancels },
    });
    run.run(2.9);
    const before = run.workload.pods.requests.used;
    run.run(3.5);
    return [before, run.workload.pods.requests.used, run.totals().byCause.timeout];
  };
  assert.deepEqual(served(true), [1, 0, 2]);
  assert.deepEqual(served(false).slice(0, 2), [2, 2]);
});

test('the breaker refuses what is beyond its limit at once', () => {
  const run = new TrafficBench({
    behaviours: [behaviour({ kind: 'constant', value: 100 * SECOND }, { concurrency: 100 })],
    rate: 10,
    nodes: 1,
    timeout: 1000 * SECOND,
    traffic: { arrivals: { kind: 'constant' }, breaker: { maximumRequests: 7, ejection: SECOND, maximumEjected: 1 } },
  });
  run.run(5.05);
  assert.deepEqual(run.totals().byCause, { 'circuit-open': 43 });
  assert.equal(run.workload.pods.requests.used, 7);
});

test('an endpoint that fails is ejected; its share of the requests is spared while it is', () => {
  const bad = { ...behaviour(quick, { concurrency: 100, errors: 1 }), image: '*/web:bad' };
  const run = new TrafficBench({
    behaviours: [bad, behaviour(quick, { concurrency: 100 })],
    rate: 100,
    pods: 3,
    nodes: 1,
    traffic: { breaker: { consecutiveErrors: 5, ejection: 30 * SECOND, maximumEjected: 0.1 } },
  });
  run.tell([...run.pods, run.addPod(3, 'registry.example/web:bad')]);
  run.run(28);
  const first = run.totals().errors;
  assert.ok(first >= 5 && first <= 9, `${first} errors before the ejection`);
  run.run(90);
  // Back for a moment at 30 s, and then away for 60 s.
  const second = run.totals().errors - first;
  assert.ok(second >= 5 && second <= 9, `${second} errors after it`);
});

test('property: with retries, hedges, cancellation and breakers every request is counted once, and nothing is left over', () => {
  fc.assert(
    fc.property(
      fc.record({
        seed: fc.nat(1000),
        maximum: fc.integer({ min: 1, max: 3 }),
        hedged: fc.boolean(),
        cancels: fc.boolean(),
        balancing: fc.constantFrom('random', 'roundRobin', 'leastConnections', 'powerOfTwo'),
        kill: fc.array(fc.record({ at: fc.integer({ min: 1, max: 90 }), pod: fc.nat(2), killed: fc.boolean() }), { maxLength: 4 }),
      }),
      ({ seed, maximum, hedged, cancels, balancing, kill }) => {
        const run = new TrafficBench({
          behaviours: [behaviour({ kind: 'exponential', mean: 100 * MILLISECOND }, { concurrency: 2, queue: 3, errors: 0.1 })],
          rate: 40,
          pods: 3,
          seed: String(seed),
          timeout: 400 * MILLISECOND,
          traffic: {
            end: 10 * SECOND,
            balancing,
            cancels,
            retries: { maximum, tryTimeout: 150 * MILLISECOND, backOff },
            ...(hedged ? { hedge: { after: 60 * MILLISECOND, maximum: 1 } } : {}),
            breaker: { maximumRequests: 8, consecutiveErrors: 3, ejection: SECOND, maximumEjected: 0.5 },
          },
        });
        for (const step of [...kill].sort((a, b) => a.at - b.at)) {
          run.run(step.at / 10);
          run.workload.pods.podStoppedListening(run.pods[step.pod]!, step.killed);
        }
        run.run(60);
        const [traffic] = run.workload.traffic;
        assert.equal(run.totals().requests, traffic!.sent);
        assert.equal(traffic!.calls!.used, 0);
        assert.equal(run.workload.pods.requests.used, 0);
        for (const pod of run.pods) {
          const server = run.workload.pods.of(pod.metadata.uid);
          assert.deepEqual([server?.inService ?? 0, server?.queued ?? 0], [0, 0]);
        }
      },
    ),
    { numRuns: 25 },
  );
});
