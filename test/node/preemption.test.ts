import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, ResourceList } from '../../src/api/core.js';
import { SECOND } from '../../src/kernel/time.js';
import { podsToPreempt } from '../../src/node/preemption-policy.js';
import { at, Bench, condition, constantProfile, SERVES, testContainer, testPod } from './harness.js';

/** The pods of pkg/kubelet/preemption/preemption_test.go: millicores and MiB. */
const pod = (name: string, qos: 'Guaranteed' | 'Burstable' | 'BestEffort', cpu = 0, memory = 0) => ({ name, qos, requests: { cpu, memory } as ResourceList });
const BEST_EFFORT = pod('best effort', 'BestEffort');
const TINY = pod('tiny', 'Burstable', 1, 1);
const BURSTABLE = pod('burstable', 'Burstable', 100, 100);
const HIGH = pod('high request', 'Burstable', 300, 300);
const GUARANTEED = pod('guaranteed', 'Guaranteed', 100, 100);
const HIGH_GUARANTEED = pod('high guaranteed', 'Guaranteed', 300, 300);

const names = (pods: Parameters<typeof podsToPreempt>[0], cpu: number, memory: number, count = 0): string[] | undefined =>
  podsToPreempt(pods, [
    ...(cpu > 0 ? [{ resource: 'cpu', quantity: cpu }] : []),
    ...(memory > 0 ? [{ resource: 'memory', quantity: memory }] : []),
    ...(count > 0 ? [{ resource: 'pods', quantity: count }] : []),
  ])?.map((each) => (each as typeof TINY).name);

test('which pods go: the examples of preemption_test.go', () => {
  assert.deepEqual(names([], 100, 0), undefined);
  assert.deepEqual(names([TINY], 0, 0), []);
  assert.deepEqual(names([BURSTABLE], 100, 0), ['burstable']);
  assert.deepEqual(names([TINY, BURSTABLE, BEST_EFFORT, GUARANTEED], 100, 100), ['burstable']);
  assert.deepEqual(names([HIGH, BURSTABLE, GUARANTEED], 100, 100), ['burstable'], 'of those that are enough the smaller one');
  assert.deepEqual(names([BURSTABLE, HIGH, HIGH_GUARANTEED], 500, 500), ['high request', 'high guaranteed']);
  assert.deepEqual(names([BEST_EFFORT, BURSTABLE], 0, 0, 1), ['best effort'], 'any pod frees a place');
  assert.deepEqual(names([BURSTABLE], 200, 0), undefined);
});

function guest(name: string, cpu: number, spec: Partial<Pod['spec']> = {}): Pod {
  return testPod(name, { containers: [testContainer({ resources: { requests: { cpu } } })], ...spec });
}

test('a critical pod without room: others are ended one after the other, then it starts', () => {
  const bench = new Bench(1, '1', constantProfile());
  bench.kubelets.warmImages(['app:v1']);
  bench.behaviour.lives.set('app:v1', { ...SERVES, shutdown: 4 * SECOND });
  for (const name of ['a', 'b', 'c']) bench.add(guest(name, 1300));
  bench.run(30);
  bench.add(guest('vital', 2000, { priority: 2_000_001_000 }));
  bench.run(32);
  assert.equal(bench.pod('vital')!.status.phase, 'Pending');
  bench.run(60);
  const preempted = bench.events.filter(({ reason }) => reason === 'Preempting');
  // 100 of 4,000 millicores are free: two pods of 1,300 must go.
  assert.equal(preempted.length, 2);
  assert.ok(preempted[1]!.time - preempted[0]!.time >= 4 * SECOND, 'the second when the first has ended');
  for (const { pod: name, message } of preempted) {
    assert.equal(message, 'Preempted in order to admit critical pod');
    const { status } = bench.pod(name)!;
    assert.deepEqual([status.phase, status.reason, status.message], ['Failed', 'Preempting', message]);
    assert.equal(condition(bench.pod(name), 'DisruptionTarget')?.message, 'Pod was preempted by Kubelet to accommodate a critical pod.');
  }
  assert.equal(bench.pod('vital')!.status.phase, 'Running');
  assert.ok(at(bench.listening.findLast(({ what }) => what === 'start')!.time) >= 38);
  assert.equal(bench.kubelets.fleet.nodes[0]!.used['cpu'], 3300);
});

test('nobody is ended for an ordinary pod, nor where that would not be enough, nor by a critical one', () => {
  const bench = new Bench(1, '1', constantProfile());
  bench.add(guest('a', 3000, { priority: 2_000_000_000 }));
  bench.add(guest('b', 500));
  bench.run(30);
  bench.add(guest('ordinary', 1000));
  bench.add(guest('vital', 2000, { priority: 2_000_001_000 }));
  bench.run(60);
  assert.deepEqual(bench.events.filter(({ reason }) => reason === 'Preempting'), []);
  assert.equal(bench.pod('ordinary')!.status.reason, 'OutOfcpu');
  assert.equal(bench.pod('vital')!.status.reason, 'OutOfcpu');
  assert.equal(bench.pod('b')!.status.phase, 'Running');
});

test('a file of a static pod appears on a full node', () => {
  const bench = new Bench(1, '1', constantProfile());
  bench.kubelets.start();
  bench.kubelets.warmImages(['app:v1']);
  for (const name of ['a', 'b']) bench.add(guest(name, 2000));
  bench.run(30);
  const { nodeName: _, ...spec } = guest('proxy', 1000).spec;
  bench.kubelets.writeStaticPod(0, { ...guest('proxy', 1000), spec });
  bench.run(60);
  assert.equal(bench.pod('proxy-node-0')!.status.phase, 'Running');
  assert.equal(bench.events.filter(({ reason }) => reason === 'Preempting').length, 1);
});
