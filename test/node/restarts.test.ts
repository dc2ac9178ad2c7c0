import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECOND } from '../../src/kernel/time.js';
import { at, Bench, condition, constantProfile, SERVES, testContainer, testPod, testProbe } from './harness.js';

/** A pod with a readiness probe, ready and settled at 60 s. */
function running(version?: '1.34' | '1.35' | '1.36'): Bench {
  const bench = new Bench(1, '1', constantProfile(), version);
  bench.add(testPod('a', { containers: [testContainer({ readinessProbe: testProbe() })] }));
  bench.run(60);
  assert.equal(condition(bench.pod('a'), 'Ready')?.status, 'True');
  return bench;
}

/** Instants at which the pod's Ready condition changed after 60 s. */
function flips(bench: Bench): [number, string][] {
  const found: [number, string][] = [];
  let last = 'True';
  for (const { time, pod } of bench.history.filter((version) => version.pod.metadata.name === 'a')) {
    const status = condition(pod, 'Ready')?.status ?? '';
    if (time > 60 * SECOND && status !== last) found.push([at(time), status]);
    if (time > 60 * SECOND) last = status;
  }
  return found;
}

test('a kubelet that restarts leaves containers alone; in 1.34 a pod with a readiness probe is unready until its next probe', () => {
  const bench = running();
  bench.kubelets.restartKubelet(0, 0, 10 * SECOND);
  bench.run(120);
  assert.equal(bench.listening.length, 1, 'the application noticed nothing');
  const status = bench.pod('a')!.status.containerStatuses![0]!;
  assert.equal(status.restartCount, 0);
  const changes = flips(bench);
  assert.deepEqual(changes.map(([, state]) => state), ['False', 'True']);
  assert.ok(changes[0]![0] >= 70 && changes[0]![0] < 72);
  // The worker sleeps for up to one period after the start of the kubelet.
  assert.ok(changes[1]![0] - 70 <= 10.1, `${changes[1]![0]}`);
  assert.ok(!bench.events.some(({ reason, time }) => time > 60 * SECOND && ['Created', 'Started', 'Killing'].includes(reason)));
});

test('from 1.35 readiness is kept over a restart of the kubelet', () => {
  const bench = running('1.35');
  bench.kubelets.restartKubelet(0, 0, 10 * SECOND);
  bench.run(120);
  assert.deepEqual(flips(bench), []);
});

test('no lease is renewed while the kubelet is down; it renews at once when it starts', () => {
  const bench = new Bench(1);
  bench.kubelets.start();
  bench.run(60);
  bench.kubelets.restartKubelet(0, 0, 45 * SECOND);
  bench.run(200);
  const leases = bench.requests.filter(({ request }) => request.resource === 'leases').map(({ time }) => at(time));
  assert.deepEqual(leases.filter((time) => time > 60 && time < 105), []);
  assert.ok(leases.includes(105));
  // It registers its node after 100 ms, finds that it is there, reads it, and reports.
  const nodes = bench.requests.filter(({ request, time }) => request.resource === 'nodes' && at(time) >= 105 && at(time) < 106);
  assert.deepEqual(nodes.map(({ request, time, code }) => [request.verb, at(time), code]), [['create', 105.1, 409], ['get', 105.1, 200], ['patch', 105.1, 200]]);
});

test('what happened while the kubelet was away is made good: crashed containers start again, deleted pods stop, new pods start', () => {
  const bench = new Bench(1);
  bench.behaviour.lives.set('crash:v1', (restart) => ({ ...SERVES, runtime: restart === 0 ? 65 * SECOND : Number.POSITIVE_INFINITY, exitCode: 1 }));
  bench.add(testPod('crash', { containers: [testContainer({ image: 'crash:v1' })] }));
  bench.add(testPod('gone'));
  bench.run(60);
  bench.kubelets.restartKubelet(0, 0, 30 * SECOND);
  bench.run(65);
  bench.delete('gone');
  bench.add(testPod('fresh'));
  bench.run(85);
  assert.ok(bench.pod('gone') !== undefined, 'nobody stops it');
  assert.equal(bench.pod('crash')!.status.containerStatuses![0]!.restartCount, 0);
  assert.equal(bench.pod('fresh')!.status.phase, 'Pending');
  bench.run(150);
  assert.equal(bench.pod('gone'), undefined);
  assert.equal(bench.pod('crash')!.status.containerStatuses![0]!.restartCount, 1);
  assert.equal(bench.pod('fresh')!.status.phase, 'Running');
  assert.equal(bench.kubelets.fleet.nodes[0]!.usedPods, 2);
});

test('a pod whose object vanished while the kubelet was away is stopped when it is back', () => {
  const bench = running();
  bench.kubelets.restartKubelet(0, 0, 10 * SECOND);
  bench.run(62);
  bench.remove(bench.pod('a')!);
  bench.run(120);
  assert.deepEqual(bench.listening.map(({ what }) => what), ['start', 'stop', 'kill']);
  assert.equal(bench.kubelets.fleet.nodes[0]!.pods.size, 0);
});

test('a runtime that restarts: containers run on, changes are seen late, the node is not ready after 30 s', () => {
  const bench = running();
  bench.kubelets.start();
  bench.behaviour.lives.set('late:v1', SERVES);
  bench.kubelets.restartRuntime(0, 0, 60 * SECOND);
  bench.run(61);
  bench.add(testPod('late', { containers: [testContainer({ image: 'late:v1' })] }));
  bench.run(118);
  assert.equal(bench.pod('late')!.status.phase, 'Pending');
  const ready = () => condition(bench.store.get('nodes//node-0') as never, 'Ready')?.status;
  assert.equal(ready(), 'False');
  bench.run(150);
  assert.equal(bench.pod('late')!.status.phase, 'Running');
  assert.equal(ready(), 'True');
  assert.equal(bench.listening.filter(({ pod }) => pod === 'a').length, 1);
  assert.deepEqual(flips(bench), []);
});
