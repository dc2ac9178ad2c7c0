import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { exp } from '../../src/random/portable.js';
import { Randomness } from '../../src/random/stream.js';
import { ScenarioBehaviour } from '../../src/workload/behaviour.js';
import { slowness } from '../../src/workload/service-time.js';
import { at, Bench, constantProfile, testContainer, testPod } from '../node/harness.js';
import { behaviour, IMAGE, TrafficBench } from './harness.js';

const quick = { kind: 'constant', value: 10 * MILLISECOND } as const;
const MEBIBYTE = 1048576;

test('a slow version takes its factor longer', () => {
  const bench = new TrafficBench({ behaviours: [behaviour(quick, { concurrency: 100, slower: 3 })], rate: 50 });
  bench.run(20);
  assert.equal(Math.round(bench.totals().latency.mean * 1000), 30);
});

test('a version warms up: 1 + (F − 1)·e^(−t/τ)', () => {
  const bench = new TrafficBench({
    behaviours: [behaviour(quick, { concurrency: 1000, warmUp: { factor: 5, time: 20 * SECOND } })],
    rate: 100,
  });
  bench.run(100);
  for (const second of [0, 20, 60]) {
    const expected = 10 * (1 + 4 * exp(-(second + 0.5) / 20));
    const { mean } = bench.totals(second, second + 1).latency;
    assert.ok(Math.abs(mean * 1000 - expected) < 0.02 * expected, `${mean * 1000} instead of ${expected}`);
  }
  assert.equal(slowness({ time: quick, concurrency: 1, queue: 1, errors: 0, slower: 2 }, 5), 2);
});

test('a version that fails only under load fails at no load that it can take', () => {
  const errors = (rate: number) => {
    const bench = new TrafficBench({
      behaviours: [behaviour(quick, { concurrency: 4, overload: { above: 10, errors: 0.5 } })],
      rate,
    });
    bench.run(60);
    const totals = bench.totals(5);
    assert.equal(totals.errors, totals.byCause.application ?? 0);
    return totals.errors / totals.requests;
  };
  assert.equal(errors(100), 0);
  assert.ok(Math.abs(errors(600) - 0.5) < 0.02);
});

test('a leak is killed at the memory limit, restarts with reason OOMKilled, and again', () => {
  const leaking = { ...behaviour(quick), memory: { base: 64 * MEBIBYTE, leakPerSecond: MEBIBYTE } };
  const application = new ScenarioBehaviour([leaking], new Randomness('1'));
  let reasons = 0;
  const bench = new Bench(1, '1', constantProfile(), '1.34', () => ({
    behaviour: application,
    lifecycle: {
      podListening() {},
      podStoppedListening(_pod, killed, outOfMemory) {
        if (killed && outOfMemory === true) reasons++;
      },
    },
  }));
  bench.kubelets.warmImages([IMAGE]);
  bench.add(testPod('web', { containers: [testContainer({ image: IMAGE, resources: { limits: { memory: 128 * MEBIBYTE } } })] }));
  bench.run(200);
  const [status] = bench.pod('web')!.status.containerStatuses!;
  const last = status!.lastState!.terminated!;
  assert.equal(last.reason, 'OOMKilled');
  assert.equal(last.exitCode, 137);
  // 64 MiB at 1 MiB a second.
  assert.equal(at(last.finishedAt - last.startedAt), 64);
  assert.equal(status!.restartCount, 2);
  assert.equal(reasons, 2 + (status!.state.terminated === undefined ? 0 : 1));
});

test('a leak without a limit, or a limit below the base', () => {
  const leaking = { ...behaviour(quick), memory: { base: 64 * MEBIBYTE, leakPerSecond: MEBIBYTE } };
  const application = new ScenarioBehaviour([leaking], new Randomness('1'));
  const life = (limit?: number) => {
    const container = testContainer({ image: IMAGE, ...(limit === undefined ? {} : { resources: { limits: { memory: limit } } }) });
    return application.life(testPod('web', { containers: [container] }), container, 0, 0);
  };
  assert.equal(life().runtime, Number.POSITIVE_INFINITY);
  assert.equal(life().outOfMemory, undefined);
  assert.deepEqual([life(MEBIBYTE).runtime, life(MEBIBYTE).exitCode, life(MEBIBYTE).outOfMemory], [0, 137, true]);
});
