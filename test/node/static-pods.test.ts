import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../src/api/core.js';
import { staticPodReference } from '../../src/api/pod-references.js';
import { SECOND } from '../../src/kernel/time.js';
import { staticPod } from '../../src/node/static-pod-policy.js';
import { at, Bench, condition, constantProfile, SERVES, testContainer, testPod } from './harness.js';

function manifest(name: string, spec: Partial<Pod['spec']> = {}): Pod {
  const pod = testPod(name, { containers: [testContainer({ image: `${name}:v1` })], ...spec });
  const { nodeName: _, ...rest } = pod.spec;
  return { ...pod, metadata: { ...pod.metadata, namespace: 'kube-system', uid: '' }, spec: rest };
}

function machine(...staticPods: Pod[]): Bench {
  const bench = new Bench(1, '1', constantProfile(), undefined, undefined, { machines: { 'node-0': { staticPods } } });
  bench.kubelets.warmImages(['proxy:v1', 'proxy:v2', 'app:v1', 'dns:v1']);
  return bench;
}

const mirrorOf = (bench: Bench, name = 'proxy-node-0'): Pod | undefined => bench.store.get(`pods/kube-system/${name}`) as Pod | undefined;

test('a static pod is named after its node, bound to it, tolerates NoExecute and has its hash as uid', () => {
  const pod = staticPod(manifest('proxy'), 'Node-0', 5);
  assert.equal(pod.metadata.name, 'proxy-node-0');
  assert.equal(pod.spec.nodeName, 'Node-0');
  assert.match(pod.metadata.uid, /^[0-9a-f]{32}$/);
  assert.equal(pod.metadata.annotations!['kubernetes.io/config.hash'], pod.metadata.uid);
  assert.equal(pod.metadata.annotations!['kubernetes.io/config.source'], 'file');
  assert.deepEqual(pod.spec.tolerations, [{ operator: 'Exists', effect: 'NoExecute' }]);
  assert.equal(staticPod(manifest('proxy'), 'Node-0', 9).metadata.uid, pod.metadata.uid, 'of the same file');
  assert.notEqual(staticPod(manifest('proxy', { terminationGracePeriodSeconds: 5 }), 'Node-0', 5).metadata.uid, pod.metadata.uid);
  assert.notEqual(staticPod(manifest('proxy'), 'node-1', 5).metadata.uid, pod.metadata.uid);
});

test('what needs the API cannot be a static pod', () => {
  assert.equal(staticPodReference(manifest('proxy')), undefined);
  assert.equal(staticPodReference(manifest('proxy', { serviceAccountName: 'x' })), 'serviceaccounts');
  assert.equal(staticPodReference(manifest('proxy', { volumes: [{ name: 'v', configMap: { name: 'c' } }] })), 'configmaps');
  assert.equal(staticPodReference(manifest('proxy', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] })), 'persistentvolumeclaims');
  const env = [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }];
  assert.equal(staticPodReference(manifest('proxy', { containers: [testContainer({ env })] })), 'secrets');
});

test('the mirror of a static pod: its annotations, its owner, and the status of the pod', () => {
  const bench = machine(manifest('proxy'));
  bench.kubelets.start();
  bench.run(15);
  const mirror = mirrorOf(bench)!;
  const { annotations, ownerReferences } = mirror.metadata;
  assert.equal(annotations!['kubernetes.io/config.mirror'], annotations!['kubernetes.io/config.hash']);
  assert.deepEqual(ownerReferences, [{ apiVersion: 'v1', kind: 'Node', name: 'node-0', uid: 'uid-node-0', controller: true }]);
  assert.equal(mirror.spec.nodeName, 'node-0');
  assert.equal(mirror.status.phase, 'Running');
  assert.equal(condition(mirror, 'Ready')?.status, 'True');
  assert.equal(mirror.spec.priority, undefined);
  assert.equal(bench.kubelets.fleet.nodes[0]!.usedPods, 1);
});

test('a mirror that is deleted comes back with a new uid, gracefully deleted or not; the pod runs on', () => {
  for (const grace of [undefined, 0]) {
    const bench = machine(manifest('proxy'));
    bench.kubelets.start();
    bench.run(30);
    const before = mirrorOf(bench)!;
    if (grace === 0) bench.remove(before);
    else bench.put({ ...before, metadata: { ...before.metadata, deletionTimestamp: 60 * SECOND, deletionGracePeriodSeconds: 30 } });
    bench.run(50);
    const after = mirrorOf(bench)!;
    assert.notEqual(after.metadata.uid, before.metadata.uid);
    assert.equal(after.metadata.deletionTimestamp, undefined);
    assert.equal(after.status.phase, 'Running');
    assert.equal(after.status.containerStatuses![0]!.restartCount, 0);
    assert.equal(bench.listening.length, 1, 'nothing was stopped');
  }
});

test('static pods run without the API, and get their mirrors when it is there again', () => {
  const bench = machine(manifest('proxy'));
  bench.broken = 500;
  bench.kubelets.start();
  bench.run(30);
  assert.deepEqual(bench.listening.map(({ pod, what }) => [pod, what]), [['proxy-node-0', 'start']]);
  assert.ok(bench.listening[0]!.time < 2 * SECOND);
  assert.equal(mirrorOf(bench), undefined);
  bench.broken = 0;
  // The next regular sync comes after 60 to 90 s.
  bench.run(125);
  assert.equal(mirrorOf(bench)!.status.phase, 'Running');
});

test('after a crash of the machine static pods run before the API has told of any pod', () => {
  const bench = machine(manifest('proxy'));
  bench.kubelets.start();
  bench.add(testPod('a'));
  bench.run(60);
  const uid = mirrorOf(bench)!.metadata.uid;
  bench.kubelets.fail(0);
  bench.run(100);
  bench.kubelets.heal(0);
  bench.run(110);
  const since = bench.listening.filter(({ time }) => time > 60 * SECOND);
  assert.deepEqual(since.map(({ pod, what }) => [pod, what]), [['proxy-node-0', 'start']]);
  bench.relistNode(0);
  bench.run(130);
  assert.equal(mirrorOf(bench)!.metadata.uid, uid);
  assert.equal(mirrorOf(bench)!.status.containerStatuses![0]!.restartCount, 1);
  assert.equal(bench.pod('a')!.status.phase, 'Running');
});

test('a kubelet that starts again finds its static pods running and keeps their mirrors', () => {
  const bench = machine(manifest('proxy'));
  bench.kubelets.start();
  bench.run(60);
  const { uid } = mirrorOf(bench)!.metadata;
  bench.kubelets.kill(0, 'kubelet');
  bench.run(200);
  assert.equal(bench.listening.length, 1);
  assert.equal(mirrorOf(bench)!.metadata.uid, uid);
  assert.equal(bench.kubelets.fleet.nodes[0]!.usedPods, 1);
});

test('files that appear, change and disappear: pods start, are replaced after their end, and end with their mirrors', () => {
  const bench = machine();
  bench.behaviour.lives.set('proxy:v1', { ...SERVES, shutdown: 4 * SECOND });
  bench.kubelets.start();
  bench.run(30);
  bench.kubelets.writeStaticPod(0, manifest('proxy'));
  bench.run(60);
  const first = mirrorOf(bench)!;
  assert.equal(first.status.phase, 'Running');
  bench.kubelets.writeStaticPod(0, manifest('proxy'));
  bench.run(61);
  assert.equal(mirrorOf(bench)!.metadata.uid, first.metadata.uid, 'the same file');
  bench.kubelets.writeStaticPod(0, manifest('proxy', { containers: [testContainer({ image: 'proxy:v2' })] }));
  bench.run(90);
  const second = mirrorOf(bench)!;
  assert.notEqual(second.metadata.uid, first.metadata.uid);
  assert.equal(second.spec.containers[0]!.image, 'proxy:v2');
  assert.equal(second.status.phase, 'Running');
  const [, stop, kill, start] = bench.listening;
  assert.deepEqual([stop!.what, kill!.what, start!.what], ['stop', 'kill', 'start']);
  assert.ok(start!.time >= kill!.time);
  assert.ok(at(kill!.time) >= 65);
  assert.equal(bench.kubelets.removeStaticPod(0, 'kube-system/proxy'), true);
  assert.equal(bench.kubelets.removeStaticPod(0, 'kube-system/proxy'), false);
  bench.run(120);
  assert.equal(mirrorOf(bench), undefined);
  assert.equal(bench.kubelets.fleet.nodes[0]!.usedPods, 0);
});

test('a mirror without a static pod is deleted', () => {
  const bench = machine(manifest('proxy'));
  bench.kubelets.start();
  bench.run(30);
  const mirror = mirrorOf(bench)!;
  bench.put({ ...mirror, metadata: { ...mirror.metadata, name: 'other-node-0', uid: 'other' } });
  bench.run(40);
  assert.equal(mirrorOf(bench, 'other-node-0'), undefined);
  assert.ok(mirrorOf(bench) !== undefined);
});

test('static pods have their share of the machine before pods of the API', () => {
  const bench = machine(manifest('proxy', { containers: [testContainer({ image: 'proxy:v1', resources: { requests: { cpu: 3000 } } })] }));
  bench.kubelets.start();
  bench.add(testPod('a', { containers: [testContainer({ resources: { requests: { cpu: 2000 } } })] }));
  bench.run(30);
  assert.equal(bench.pod('a')!.status.reason, 'OutOfcpu');
  assert.equal(mirrorOf(bench)!.status.phase, 'Running');
});

test('a pod of the API with the name of a static pod: both run, and there is no mirror', () => {
  const bench = machine(manifest('proxy'));
  const pod = testPod('proxy-node-0');
  bench.put({ ...pod, metadata: { ...pod.metadata, namespace: 'kube-system', uid: 'mine' } });
  bench.kubelets.start();
  bench.run(30);
  assert.equal(mirrorOf(bench)!.metadata.uid, 'mine');
  assert.equal(bench.listening.length, 2);
});
