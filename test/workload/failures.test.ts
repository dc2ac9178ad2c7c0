import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../src/api/core.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { Recorder } from '../../src/metrics/recorder.js';
import { behaviour, TrafficBench } from './harness.js';

const TIME = { kind: 'constant', value: 10 * MILLISECOND } as const;
const deleted = (pod: Pod): Pod => ({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: 1 } });

/** Errors by mechanism of a bench. */
function failures(bench: TrafficBench): Record<string, number> {
  return Object.fromEntries(bench.workload.failures(0, Number.POSITIVE_INFINITY).map(({ mechanism, errors }) => [mechanism, errors]));
}

test('a refused connection is told apart by what became of its pod: it terminates, it has ended, it does not listen yet', () => {
  const bench = new TrafficBench({ behaviours: [behaviour(TIME, { concurrency: 8 })], rate: 400, pods: 4 });
  bench.run(10);
  assert.deepEqual(failures(bench), {});
  const { pods } = bench.workload;
  pods.podStoppedListening(deleted(bench.pods[0]!), false);
  pods.podStoppedListening(bench.pods[1]!, true);
  // An endpoint at whose address nothing has ever listened.
  const absent = { ...bench.pods[3]!, status: { ...bench.pods[3]!.status, podIP: '10.9.9.9' } };
  bench.tell([...bench.pods.slice(0, 3), absent]);
  bench.run(20);
  const found = failures(bench);
  assert.deepEqual(Object.keys(found).filter((name) => !name.endsWith('in-flight')).sort(), ['ended-pod', 'starting-pod', 'terminating-pod']);
  // A quarter of 400 a second each for 10 s: 1,000 and five standard deviations.
  for (const name of ['ended-pod', 'terminating-pod']) assert.ok(Math.abs(found[name]! - 1000) < 160, `${name} ${found[name]}`);
  const all = bench.workload.failures(0, Number.POSITIVE_INFINITY);
  const terminating = all.find(({ mechanism }) => mechanism === 'terminating-pod')!;
  assert.ok(terminating.longestLag! > 9.5 && terminating.longestLag! <= 10);
  // Requests come evenly over the 10 s, so their mean lag is half of it.
  assert.ok(Math.abs(terminating.meanLag! - 5) < 0.5);
});

test('what a pod holds when it stops is lost by its own end, by its deletion, or with its machine', () => {
  const bench = new TrafficBench({ behaviours: [behaviour({ kind: 'constant', value: 2 * SECOND }, { concurrency: 1000 })], rate: 200, pods: 4 });
  bench.run(10);
  const { pods } = bench.workload;
  pods.podStoppedListening(deleted(bench.pods[0]!), true);
  pods.podStoppedListening(bench.pods[1]!, true);
  pods.podStoppedListening(bench.pods[2]!, true, true);
  bench.network.setUp(3, false);
  pods.podStoppedListening(bench.pods[3]!, true);
  const found = failures(bench);
  for (const name of ['stopped-in-flight', 'ended-in-flight', 'out-of-memory-in-flight', 'node-lost-in-flight']) {
    // 50 a second for 2 s are in service at each pod.
    assert.ok(Math.abs(found[name]! - 100) < 50, `${name} ${found[name]}`);
  }
});

test('a timeout is of the queue or of the service, whichever took longer', () => {
  const slow = new TrafficBench({ behaviours: [behaviour({ kind: 'constant', value: 3 * SECOND }, { concurrency: 1000 })], rate: 20, timeout: SECOND });
  slow.run(20);
  assert.deepEqual(Object.keys(failures(slow)), ['timeout-in-service']);
  // One at a time, 100 ms each, twice as many as it can serve.
  const full = new TrafficBench({ behaviours: [behaviour({ kind: 'constant', value: 100 * MILLISECOND })], rate: 20, timeout: SECOND });
  full.run(60);
  assert.deepEqual(Object.keys(failures(full)), ['timeout-in-queue']);
});

test('requests that are followed and tried again fail by the mechanism of their last try', () => {
  const traffic = { retries: { maximum: 1, backOff: { base: MILLISECOND, maximum: MILLISECOND }, tryTimeout: 500 * MILLISECOND } };
  const bench = new TrafficBench({ behaviours: [behaviour({ kind: 'constant', value: 3 * SECOND }, { concurrency: 1000 })], rate: 20, timeout: 10 * SECOND, traffic });
  bench.run(20);
  assert.deepEqual(Object.keys(failures(bench)), ['timeout-in-service']);
  const refused = new TrafficBench({ behaviours: [behaviour(TIME)], rate: 20, pods: 1, traffic });
  refused.run(5);
  refused.workload.pods.podStoppedListening(deleted(refused.pods[0]!), true);
  refused.run(20);
  assert.ok((failures(refused)['terminating-pod'] ?? 0) > 100);
});

test('the rows of failures_by_second add up to the errors, by cause and by mechanism', () => {
  const bench = new TrafficBench({ behaviours: [behaviour({ kind: 'exponential', mean: 300 * MILLISECOND }, { errors: 0.1, queue: 3 })], rate: 20, pods: 4, timeout: SECOND });
  bench.run(30);
  bench.workload.pods.podStoppedListening(deleted(bench.pods[0]!), true);
  bench.run(60);
  const recorder = new Recorder();
  bench.workload.writeTables(recorder);
  const table = recorder.tables.find(({ spec }) => spec.name === 'failures_by_second')!;
  const byCause: Record<string, number> = {};
  const byMechanism: Record<string, number> = {};
  for (let row = 0; row < table.length; row++) {
    const cause = String(table.column('cause')[row]);
    const mechanism = String(table.column('mechanism')[row]);
    const errors = Number(table.column('errors')[row]);
    byCause[cause] = (byCause[cause] ?? 0) + errors;
    byMechanism[mechanism] = (byMechanism[mechanism] ?? 0) + errors;
  }
  const totals = bench.totals();
  assert.ok(Object.keys(byMechanism).length >= 4);
  assert.deepEqual(Object.fromEntries(Object.entries(byCause).sort()), Object.fromEntries(Object.entries(totals.byCause).sort()));
  assert.deepEqual(Object.fromEntries(Object.entries(byMechanism).sort()), Object.fromEntries(Object.entries(failures(bench)).sort()));
});
