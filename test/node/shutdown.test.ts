import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../src/api/core.js';
import { DEFAULT_KUBELET } from '../../src/api/kubelet-configuration.js';
import { SECOND } from '../../src/kernel/time.js';
import { at, Bench, condition, constantProfile, SERVES, testPod } from './harness.js';

/** Graceful shutdown (pkg/kubelet/nodeshutdown): 30 s, of which 10 s are for critical pods. */
function bench(shutdownGraceSeconds: number, shutdownCriticalSeconds: number) {
  const configuration = { ...DEFAULT_KUBELET, shutdownGraceSeconds, shutdownCriticalSeconds };
  const made = new Bench(1, '1', constantProfile(), undefined, undefined, { configuration });
  made.kubelets.warmImages(['app:v1', 'slow:v1']);
  const off: number[] = [];
  made.kubelets.useMachines({
    switchOff: (node) => {
      off.push(at(made.simulation.now));
      made.kubelets.fail(node);
    },
  });
  made.kubelets.start();
  return { made, off };
}

test('ordinary pods end first, critical ones then; they are Failed with reason Terminated, and the machine goes off', () => {
  const { made, off } = bench(30, 10);
  made.behaviour.lives.set('app:v1', { ...SERVES, shutdown: 4 * SECOND });
  made.add(testPod('plain'));
  made.add(testPod('critical', { priority: 2_000_000_000 }));
  made.run(20);
  made.kubelets.shutDown(0);
  made.run(22);
  made.add(testPod('late'));
  made.run(22.5);
  assert.equal(made.pod('late')!.status.reason, 'NodeShutdown');
  assert.equal(made.pod('late')!.status.message, 'Pod was rejected as the node is shutting down.');
  const ready = (made.store.get('nodes//node-0') as Node).status.conditions!.find(({ type }) => type === 'Ready')!;
  assert.deepEqual([ready.status, ready.reason, ready.message], ['False', 'KubeletNotReady', 'node is shutting down']);
  made.run(60);
  const ended = made.listening.filter(({ what }) => what === 'kill').map(({ pod, time }) => [pod, at(time)]);
  // 4 s to exit; 0.2 s for the sandbox, then the critical pod.
  assert.deepEqual(ended, [
    ['plain', 24],
    ['critical', 28.2],
  ]);
  // Its status is sent first.
  assert.deepEqual(off, [28.5]);
  const { status } = made.pod('plain')!;
  assert.deepEqual([status.phase, status.reason, status.message], ['Failed', 'Terminated', 'Pod was terminated in response to imminent node shutdown.']);
  assert.equal(condition(made.pod('plain'), 'DisruptionTarget')?.reason, 'TerminationByKubelet');
});

test('pods get no more than the time of their group, whatever their own grace period', () => {
  const { made, off } = bench(30, 10);
  made.behaviour.lives.set('slow:v1', { ...SERVES, shutdown: Number.POSITIVE_INFINITY });
  const pod = testPod('slow', { terminationGracePeriodSeconds: 120 });
  made.add({ ...pod, spec: { ...pod.spec, containers: [{ ...pod.spec.containers[0]!, image: 'slow:v1' }] } });
  made.run(20);
  made.kubelets.shutDown(0);
  made.run(100);
  assert.deepEqual(made.listening.filter(({ what }) => what === 'kill').map(({ time }) => at(time)), [40]);
  assert.deepEqual(off, [40]);
});

test('without a shutdownGracePeriod the machine ends at once', () => {
  const { made, off } = bench(0, 0);
  made.add(testPod('a'));
  made.run(20);
  made.kubelets.shutDown(0);
  assert.deepEqual(off, [20]);
  assert.equal(made.listening.at(-1)!.what, 'kill');
});
