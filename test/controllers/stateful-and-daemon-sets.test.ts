import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DaemonSet, StatefulSet } from '../../src/api/apps.js';
import type { Node, Pod } from '../../src/api/core.js';
import { startControllers } from '../../src/controllers/registry.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { FakeCluster, meta, template } from './fake-cluster.js';
import { messages } from './objects.js';

function statefulSet(replicas: number, policy: 'OrderedReady' | 'Parallel', partition = 0): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: meta('db'),
    spec: {
      replicas,
      selector: { matchLabels: { app: 'a' } },
      template: template('db:v1'),
      serviceName: 'db',
      podManagementPolicy: policy,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition } },
      revisionHistoryLimit: 10,
      minReadySeconds: 0,
    },
    status: { replicas: 0 },
  };
}

test('a StatefulSet starts in order, is updated from the top, one at a time, and ends with the update revision', () => {
  const cluster = new FakeCluster({ readyAfter: () => 500 * MILLISECOND });
  startControllers(cluster, ['statefulset']);
  cluster.create('statefulsets', statefulSet(3, 'OrderedReady'));
  cluster.run(5 * SECOND);
  const created = cluster.audit.filter(({ request }) => request.verb === 'create' && request.resource === 'pods' && request.subresource === undefined);
  assert.deepEqual(created.map(({ request }) => request.name), ['db-0', 'db-1', 'db-2']);
  assert.ok(created[1]!.time - created[0]!.time >= 500 * MILLISECOND);
  cluster.edit<StatefulSet>('statefulsets', 'default/db', (set) => ({ ...set, spec: { ...set.spec, template: template('db:v2') } }));
  cluster.run(15 * SECOND);
  const deleted = cluster.audit.filter(({ user, request }) => user === 'statefulset-controller' && request.verb === 'delete');
  assert.deepEqual(deleted.map(({ request }) => request.name), ['db-2', 'db-1', 'db-0']);
  const set = cluster.get<StatefulSet>('statefulsets', 'default/db')!;
  assert.equal(set.status.currentRevision, set.status.updateRevision);
  assert.deepEqual([set.status.replicas, set.status.readyReplicas, set.status.currentReplicas, set.status.updatedReplicas], [3, 3, 3, 3]);
  assert.ok(messages(cluster, 'StatefulSet').includes('SuccessfulCreate: create Pod db-0 in StatefulSet db successful'));
});

test('a status that conflicts is written again 10 ms later, to the object that the cache has by then', () => {
  const cluster: FakeCluster = new FakeCluster({ watchDelay: 6 * MILLISECOND, readyAfter: () => 500 * MILLISECOND });
  startControllers(cluster, ['statefulset']);
  cluster.create('statefulsets', statefulSet(1, 'OrderedReady'));
  cluster.run(5 * SECOND);
  const writes = cluster.audit.filter(({ request }) => request.resource === 'statefulsets' && request.subresource === 'status');
  const conflict = writes.findIndex(({ code }) => code === 409);
  assert.ok(conflict > 0, 'a sync right after a status write does not know of it yet');
  const [failed, again] = [writes[conflict]!, writes[conflict + 1]!];
  assert.equal(again.code, 200);
  assert.equal(again.time - failed.time, 11 * MILLISECOND);
  assert.ok(again.request.body!.metadata.resourceVersion > failed.request.body!.metadata.resourceVersion);
  assert.equal(cluster.get<StatefulSet>('statefulsets', 'default/db')!.status.readyReplicas, 1);
});

test('a partition keeps the lower ordinals at the old revision; Parallel starts all at once and scales down at once', () => {
  const cluster = new FakeCluster({ readyAfter: () => 500 * MILLISECOND });
  startControllers(cluster, ['statefulset']);
  cluster.create('statefulsets', statefulSet(5, 'Parallel', 3));
  cluster.run(3 * SECOND);
  const created = cluster.audit.filter(({ request }) => request.verb === 'create' && request.resource === 'pods' && request.subresource === undefined);
  assert.equal(created.length, 5);
  assert.ok(created[4]!.time - created[0]!.time < 100 * MILLISECOND);
  cluster.edit<StatefulSet>('statefulsets', 'default/db', (set) => ({ ...set, spec: { ...set.spec, template: template('db:v2') } }));
  cluster.run(10 * SECOND);
  const images = cluster.all<Pod>('pods').sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)).map((pod) => pod.spec.containers[0]!.image);
  assert.deepEqual(images, ['db:v1', 'db:v1', 'db:v1', 'db:v2', 'db:v2']);
  cluster.edit<StatefulSet>('statefulsets', 'default/db', (set) => ({ ...set, spec: { ...set.spec, replicas: 1 } }));
  cluster.run(12 * SECOND);
  assert.deepEqual(cluster.all<Pod>('pods').map((pod) => pod.metadata.name), ['db-0']);
});

test('a DaemonSet puts a pod on every fitting node and renews them as many at a time as allowed', () => {
  const cluster = new FakeCluster({ nodes: 6, readyAfter: () => 500 * MILLISECOND });
  startControllers(cluster, ['daemonset']);
  cluster.edit<Node>('nodes', 'node-5', (node) => ({ ...node, spec: { taints: [{ key: 'dedicated', effect: 'NoSchedule' }] } }));
  const set: DaemonSet = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: meta('agent'),
    spec: {
      selector: { matchLabels: { app: 'a' } },
      template: template('agent:v1'),
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2, maxSurge: 0 } },
      revisionHistoryLimit: 10,
    },
    status: { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 },
  };
  cluster.create('daemonsets', set);
  cluster.run(3 * SECOND);
  assert.equal(cluster.all('pods').length, 5);
  assert.equal(cluster.get<DaemonSet>('daemonsets', 'default/agent')!.status.numberAvailable, 5);
  const from = cluster.history.length;
  cluster.edit<DaemonSet>('daemonsets', 'default/agent', (ds) => ({ ...ds, spec: { ...ds.spec, template: template('agent:v2') } }));
  cluster.run(20 * SECOND);
  const { status } = cluster.get<DaemonSet>('daemonsets', 'default/agent')!;
  assert.deepEqual([status.updatedNumberScheduled, status.numberAvailable, status.numberUnavailable], [5, 5, undefined]);
  for (const object of cluster.history.slice(from)) {
    if (object.kind === 'DaemonSet') assert.ok(((object as DaemonSet).status.numberUnavailable ?? 0) <= 2);
  }
});

test('a DaemonSet with surge waits until the pods beside the old ones are available, and goes on by itself', () => {
  const cluster = new FakeCluster({ nodes: 4, readyAfter: () => 500 * MILLISECOND });
  startControllers(cluster, ['daemonset']);
  const set: DaemonSet = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: meta('agent'),
    spec: {
      selector: { matchLabels: { app: 'a' } },
      template: template('agent:v1'),
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 2 } },
      minReadySeconds: 3,
      revisionHistoryLimit: 10,
    },
    status: { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 },
  };
  cluster.create('daemonsets', set);
  cluster.run(10 * SECOND);
  const from = cluster.history.length;
  cluster.edit<DaemonSet>('daemonsets', 'default/agent', (ds) => ({ ...ds, spec: { ...ds.spec, template: template('agent:v2') } }));
  // Two rounds of ready, 3 s, and the second that the real one adds.
  cluster.run(20 * SECOND);
  const { status } = cluster.get<DaemonSet>('daemonsets', 'default/agent')!;
  assert.deepEqual([status.updatedNumberScheduled, status.numberAvailable], [4, 4]);
  assert.equal(cluster.all('pods').length, 4);
  for (const object of cluster.history.slice(from)) {
    if (object.kind === 'DaemonSet') assert.equal((object as DaemonSet).status.numberAvailable, 4);
  }
});
