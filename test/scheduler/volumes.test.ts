import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../src/api/core.js';
import { SECOND } from '../../src/kernel/time.js';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
} from '../../src/scheduler/cache/cluster-objects.js';
import { findMatchingVolume } from '../../src/scheduler/plugins/volume-common.js';
import { SchedulerCore } from '../../src/scheduler/scheduler-core.js';

import { FakeCluster } from './fake-cluster.js';
import { bound, node, pod } from './objects.js';

const metadata = (name: string, namespace = '') => ({
  name,
  namespace,
  uid: `uid-${name}`,
  resourceVersion: 1,
  generation: 1,
  creationTimestamp: 0,
});

function claim(name: string, storage: string, storageClassName = 'fast', rest: object = {}): PersistentVolumeClaim {
  const spec = { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage } }, ...rest };
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: metadata(name, 'default'), spec };
}

function volume(name: string, storage: string, rest: Partial<PersistentVolume['spec']> = {}): PersistentVolume {
  const spec = { capacity: { storage }, accessModes: ['ReadWriteOnce'], storageClassName: 'fast', ...rest };
  return { apiVersion: 'v1', kind: 'PersistentVolume', metadata: metadata(name), spec, status: { phase: 'Available' } };
}

const inZone = (zone: string) => ({
  nodeAffinity: {
    required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In' as const, values: [zone] }] }] },
  },
});

const late: StorageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: metadata('fast'),
  provisioner: 'csi.example.com',
  volumeBindingMode: 'WaitForFirstConsumer',
};

const user = (name: string, claimName: string): Pod =>
  pod(name, { volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] });

function decide(core: SchedulerCore, subject: Pod) {
  const { result } = core.decide(core.frameworks.get('default-scheduler')!, core.cache.podInfo(subject), {
    next: () => 0,
  });
  const message = result.chosen < 0 ? result.diagnosis.fitError(core.cache.nodes.size) : '';
  return { node: result.chosen < 0 ? undefined : core.cache.nodes.names[result.chosen], message };
}

test('the smallest volume that is large enough, free, of the class and near', () => {
  const volumes = [
    volume('huge', '100Gi'),
    volume('small', '1Gi'),
    volume('right', '10Gi'),
    volume('taken', '5Gi', { claimRef: { namespace: 'default', name: 'other' } }),
    volume('elsewhere', '6Gi', inZone('b')),
    volume('slow', '6Gi', { storageClassName: 'slow' }),
    volume('shared', '6Gi', { accessModes: ['ReadOnlyMany'] }),
  ];
  const here = node('n', { zone: 'a' });
  const find = (list: readonly PersistentVolume[]) =>
    findMatchingVolume(claim('c', '5Gi'), list, here, new Set())?.metadata.name;
  assert.equal(find(volumes), 'right');
  const mine = volume('mine', '50Gi', { claimRef: { namespace: 'default', name: 'c' } });
  assert.equal(find([...volumes, mine]), 'mine');
  assert.equal(find([{ ...mine, spec: { ...mine.spec, ...inZone('b') } }, ...volumes]), undefined);
});

test('unbound claims: the reasons in the words of kube-scheduler', () => {
  const core = new SchedulerCore('1.34', { next: () => 0 });
  core.cache.nodes.setNode(node('n', { zone: 'a' }));
  const { objects } = core;
  assert.match(
    decide(core, user('p', 'gone')).message,
    /nodes are available: persistentvolumeclaim "gone" not found\./,
  );
  objects.claims.set(claim('now', '1Gi', 'none'));
  assert.match(decide(core, user('p', 'now')).message, /pod has unbound immediate PersistentVolumeClaims/);
  objects.storageClasses.set({ ...late, provisioner: 'kubernetes.io/no-provisioner' });
  objects.claims.set(claim('c', '1Gi'));
  assert.match(decide(core, user('p', 'c')).message, /1 node\(s\) didn't find available persistent volumes to bind/);
  objects.volumes.set(volume('v', '1Gi', inZone('b')));
  assert.match(decide(core, user('p', 'c')).message, /1 node\(s\) didn't find available persistent volumes to bind/);
  objects.volumes.set(volume('w', '1Gi', inZone('a')));
  assert.equal(decide(core, user('p', 'c')).node, 'n');
});

test('ReadWriteOncePod: one pod at a time', () => {
  const core = new SchedulerCore('1.34', { next: () => 0 });
  core.cache.nodes.setNode(node('n'));
  const annotations = { 'pv.kubernetes.io/bind-completed': 'yes' };
  const alone = claim('c', '1Gi', 'fast', { accessModes: ['ReadWriteOncePod'], volumeName: 'v' });
  core.objects.claims.set({ ...alone, metadata: { ...alone.metadata, annotations } });
  core.objects.volumes.set(volume('v', '1Gi'));
  assert.equal(decide(core, user('p', 'c')).node, 'n');
  core.cache.set(bound(user('first', 'c'), 'n'));
  assert.match(decide(core, user('p', 'c')).message, /ReadWriteOncePod access mode already in-use by another pod/);
  core.cache.delete('default/first');
  assert.equal(decide(core, user('p', 'c')).node, 'n');
});

test('a pod takes a volume that is there, announces it and waits for the binding', () => {
  const cluster = new FakeCluster();
  cluster.setNode(node('n', { zone: 'a' }));
  cluster.scheduler.core.objects.storageClasses.set(late);
  cluster.set('persistentvolumes', volume('v', '10Gi', inZone('a')));
  cluster.scheduler.core.objects.claims.set(claim('c', '5Gi'));
  cluster.create(user('p', 'c'));
  cluster.simulation.run(20 * 1e6);
  const announced = cluster.requests.find(({ request }) => request.resource === 'persistentvolumes');
  assert.equal(announced!.request.name, 'v');
  assert.equal(
    cluster.requests.some(({ request }) => request.subresource === 'binding'),
    false,
  );
  assert.equal(cluster.scheduler.bindingsInFlight, 1);
  const annotations = { 'pv.kubernetes.io/bind-completed': 'yes' };
  const done = claim('c', '5Gi', 'fast', { volumeName: 'v' });
  cluster.set('persistentvolumeclaims', {
    ...done,
    metadata: { ...done.metadata, annotations },
  } as PersistentVolumeClaim);
  cluster.simulation.run(5 * SECOND);
  assert.equal(cluster.pod('default/p')!.spec.nodeName, 'n');
});

test('from 1.35 on the expected node is written before the volumes are waited for', () => {
  const requestsIn = (kubernetesVersion: '1.34' | '1.35') => {
    const cluster = new FakeCluster({ kubernetesVersion });
    cluster.setNode(node('n', { zone: 'a' }));
    cluster.scheduler.core.objects.storageClasses.set(late);
    cluster.set('persistentvolumes', volume('v', '10Gi', inZone('a')));
    cluster.scheduler.core.objects.claims.set(claim('c', '5Gi'));
    cluster.create(user('p', 'c'));
    cluster.simulation.run(20 * 1e6);
    return cluster.requests.map(({ request }) => `${request.verb} ${request.resource}`);
  };
  assert.deepEqual(requestsIn('1.34'), ['patch persistentvolumes']);
  assert.deepEqual(requestsIn('1.35'), ['patch pods', 'patch persistentvolumes']);
});

test('a claim of someone else does not bring a waiting pod back, its own does', () => {
  const cluster = new FakeCluster();
  cluster.setNode(node('n'));
  cluster.create(user('p', 'c'));
  cluster.simulation.run(5 * SECOND);
  assert.equal(cluster.scheduler.queueLengths().unschedulable, 1);
  cluster.set('persistentvolumeclaims', claim('other', '1Gi'));
  assert.equal(cluster.scheduler.queueLengths().unschedulable, 1);
  cluster.set('persistentvolumeclaims', claim('c', '1Gi'));
  assert.equal(cluster.scheduler.queueLengths().unschedulable, 0);
});
