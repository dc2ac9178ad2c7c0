import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DaemonSet, PersistentVolumeClaim, StatefulSet } from '../../src/api/apps.js';
import type { Namespace, Secret } from '../../src/api/cluster-kinds.js';
import type { Pod } from '../../src/api/core.js';
import { controllerOf, type KubernetesObject } from '../../src/api/meta.js';
import { isClaimOwnerUpToDate, withClaimOwners } from '../../src/controllers/stateful-set-claims.js';
import { startControllers } from '../../src/controllers/registry.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { FakeCluster, meta, template } from './fake-cluster.js';
import { deployment, messages } from './objects.js';

type Retention = NonNullable<StatefulSet['spec']['persistentVolumeClaimRetentionPolicy']>;

function statefulSet(replicas: number, retention?: Retention): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: meta('db'),
    spec: {
      replicas,
      selector: { matchLabels: { app: 'a' } },
      template: template('db:v1'),
      serviceName: 'db',
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      revisionHistoryLimit: 10,
      minReadySeconds: 0,
      volumeClaimTemplates: [{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: meta('data', ''), spec: {} }],
      ...(retention === undefined ? {} : { persistentVolumeClaimRetentionPolicy: retention }),
    },
    status: { replicas: 0 },
  };
}

function daemonSet(): DaemonSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: meta('agent'),
    spec: {
      selector: { matchLabels: { app: 'a' } },
      template: template('agent:v1'),
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      revisionHistoryLimit: 10,
    },
    status: { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 },
  };
}

for (const [resource, make] of [['statefulsets', () => statefulSet(3)], ['daemonsets', daemonSet]] as const) {
  test(`${resource}: pods left behind by --cascade=orphan are taken over by a successor, not made anew`, () => {
    const cluster = new FakeCluster();
    startControllers(cluster, ['statefulset', 'daemonset', 'garbage-collector']);
    const set = make();
    const key = `default/${set.metadata.name}`;
    cluster.create(resource, set);
    cluster.run(5 * SECOND);
    const pods = cluster.all<Pod>('pods').map(({ metadata }) => metadata.uid);
    assert.equal(pods.length, 3);
    cluster.delete(resource, key, { propagationPolicy: 'Orphan' });
    cluster.run(6 * SECOND);
    assert.ok(cluster.all('pods').every((pod) => controllerOf(pod) === undefined));
    cluster.create(resource, make());
    cluster.run(12 * SECOND);
    const { uid } = cluster.get(resource, key)!.metadata;
    assert.deepEqual(cluster.all<Pod>('pods').map(({ metadata }) => metadata.uid), pods);
    for (const object of [...cluster.all('pods'), ...cluster.all('controllerrevisions')]) assert.equal(controllerOf(object)?.uid, uid, object.metadata.name);
    assert.equal(cluster.all('controllerrevisions').length, 1);
    // Before it adopts, the controller reads itself past its cache.
    const controller = cluster.audit.filter(({ user, time }) => user.startsWith(resource === 'daemonsets' ? 'daemon' : 'stateful') && time > 6 * SECOND);
    assert.equal(controller[0]!.request.verb, 'get');
    assert.ok(!controller.some(({ request }) => request.verb === 'create'));
  });

  test(`${resource}: a pod whose labels are changed is let go and replaced`, () => {
    const cluster = new FakeCluster();
    startControllers(cluster, ['statefulset', 'daemonset']);
    const set = make();
    cluster.create(resource, set);
    cluster.run(5 * SECOND);
    const name = cluster.all<Pod>('pods')[1]!.metadata.name;
    cluster.edit<Pod>('pods', `default/${name}`, (pod) => ({ ...pod, metadata: { ...pod.metadata, labels: { app: 'other' } } }));
    cluster.run(6 * SECOND);
    assert.equal(controllerOf(cluster.get('pods', `default/${name}`)!), undefined);
    // The name of a StatefulSet's pod is taken as long as the stranger lives.
    const owned = cluster.all('pods').filter((pod) => controllerOf(pod) !== undefined);
    assert.equal(owned.length, resource === 'statefulsets' ? 2 : 3);
    if (resource !== 'statefulsets') return;
    cluster.delete('pods', `default/${name}`);
    cluster.run(30 * SECOND);
    assert.equal(cluster.all('pods').filter((pod) => controllerOf(pod) !== undefined).length, 3);
  });
}

test('volume claims: who owns them by policy and ordinal, worked through', () => {
  const pod = (ordinal: number): Pod => ({ apiVersion: 'v1', kind: 'Pod', metadata: { ...meta(`db-${ordinal}`), uid: 'pod' }, spec: {}, status: {} }) as unknown as Pod;
  const claim = (...owners: KubernetesObject[]): PersistentVolumeClaim => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      ...meta('data-db-0'),
      ownerReferences: owners.map(({ apiVersion, kind, metadata }) => ({ apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true })),
    },
    spec: {},
  });
  // Owners by (whenDeleted, whenScaled) of a pod in range and of one that is scaled away (stateful_set_utils.go updateClaimOwnerRefForSetAndPod).
  const table: readonly [Retention, string, string][] = [
    [{ whenDeleted: 'Retain', whenScaled: 'Retain' }, '', ''],
    [{ whenDeleted: 'Delete', whenScaled: 'Retain' }, 'StatefulSet', 'StatefulSet'],
    [{ whenDeleted: 'Retain', whenScaled: 'Delete' }, '', 'Pod'],
    [{ whenDeleted: 'Delete', whenScaled: 'Delete' }, 'StatefulSet', 'Pod'],
  ];
  for (const [policy, inRange, away] of table) {
    const set = { ...statefulSet(1, policy), metadata: { ...meta('db'), uid: 'set' } };
    for (const [ordinal, wanted] of [[0, inRange], [1, away]] as const) {
      for (const before of [claim(), claim(set), claim(pod(ordinal))]) {
        const after = withClaimOwners(before, set, pod(ordinal));
        assert.equal((after.metadata.ownerReferences ?? []).map(({ kind }) => kind).join(), wanted, JSON.stringify([policy, ordinal]));
        assert.equal(isClaimOwnerUpToDate(after, set, pod(ordinal)), true);
        const was = (before.metadata.ownerReferences ?? []).map(({ kind }) => kind).join();
        assert.equal(isClaimOwnerUpToDate(before, set, pod(ordinal)), was === wanted);
      }
    }
    // Another's claims, and those of an earlier set of the name, are left alone.
    const former = { ...set, metadata: { ...set.metadata, uid: 'former' } };
    assert.equal(isClaimOwnerUpToDate(claim(former), set, pod(0)), true);
  }
});

test('volume claims go with the pods that are scaled away, or with the set, or stay', () => {
  for (const whenScaled of ['Retain', 'Delete'] as const) {
    for (const whenDeleted of ['Retain', 'Delete'] as const) {
      const cluster = new FakeCluster();
      startControllers(cluster, ['statefulset', 'garbage-collector']);
      cluster.create('statefulsets', statefulSet(3, { whenScaled, whenDeleted }));
      cluster.run(6 * SECOND);
      const names = () => cluster.all('persistentvolumeclaims').map(({ metadata }) => metadata.name).sort();
      assert.deepEqual(names(), ['data-db-0', 'data-db-1', 'data-db-2']);
      cluster.edit<StatefulSet>('statefulsets', 'default/db', (set) => ({ ...set, spec: { ...set.spec, replicas: 1 } }));
      cluster.run(20 * SECOND);
      assert.deepEqual(names(), whenScaled === 'Delete' ? ['data-db-0'] : ['data-db-0', 'data-db-1', 'data-db-2']);
      cluster.delete('statefulsets', 'default/db');
      cluster.run(40 * SECOND);
      const left = whenScaled === 'Delete' ? ['data-db-0'] : ['data-db-0', 'data-db-1', 'data-db-2'];
      assert.deepEqual(names(), whenDeleted === 'Delete' ? [] : left);
      assert.equal(cluster.all('pods').length, 0);
    }
  }
});

test('a pod waits for its claim that is being deleted, and the set says so', () => {
  const cluster = new FakeCluster();
  startControllers(cluster, ['statefulset']);
  const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { ...meta('data-db-0'), finalizers: ['kubernetes.io/pvc-protection'] }, spec: {} };
  cluster.create('persistentvolumeclaims', claim as KubernetesObject);
  cluster.delete('persistentvolumeclaims', 'default/data-db-0');
  cluster.create('statefulsets', statefulSet(1));
  cluster.run(SECOND);
  assert.equal(cluster.all('pods').length, 0);
  assert.ok(messages(cluster, 'StatefulSet').includes('FailedCreate: create Pod db-0 in StatefulSet db failed error: pvc data-db-0 is being deleted'));
});

test('1.36: a sync waits until the caches show what the controller wrote; before, it does not look', () => {
  for (const version of ['1.35', '1.36'] as const) {
    const cluster = new FakeCluster({ version, watchDelay: 200 * MILLISECOND });
    const controllers = startControllers(cluster, ['replicaset', 'deployment']);
    cluster.create('deployments', deployment(4));
    cluster.run(20 * SECOND);
    const { workers } = controllers.get('replicaset') as unknown as { workers: { staleSyncs: number } };
    assert.equal(workers.staleSyncs > 0, version === '1.36', version);
    assert.equal(cluster.all('pods').length, 4);
    const refused = cluster.audit.filter(({ user, code }) => user === 'replicaset-controller' && code === 409).length;
    assert.equal(refused > 0, version === '1.35', `${version}: ${refused} conflicts`);
  }
});

test('token Secrets are filled for their account and go with it', () => {
  const cluster = new FakeCluster();
  startControllers(cluster, ['serviceaccount-token']);
  const secret = (account: string): Secret => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...meta(`${account}-token`), annotations: { 'kubernetes.io/service-account.name': account } },
    type: 'kubernetes.io/service-account-token',
  });
  cluster.create('serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta('robot') });
  cluster.create('secrets', secret('robot'));
  cluster.create('secrets', secret('nobody'));
  cluster.create('secrets', { ...secret('other'), type: 'Opaque' } as Secret);
  cluster.run(SECOND);
  const filled = cluster.get<Secret>('secrets', 'default/robot-token')!;
  assert.deepEqual(Object.keys(filled.data ?? {}).sort(), ['ca.crt', 'namespace', 'token']);
  assert.equal(filled.metadata.annotations?.['kubernetes.io/service-account.uid'], cluster.get('serviceaccounts', 'default/robot')!.metadata.uid);
  assert.deepEqual(cluster.all('secrets').map(({ metadata }) => metadata.name), ['robot-token', 'other-token']);
  cluster.delete('serviceaccounts', 'default/robot');
  cluster.run(2 * SECOND);
  assert.deepEqual(cluster.all('secrets').map(({ metadata }) => metadata.name), ['other-token']);
});

test('a namespace that cannot be emptied says in its conditions what is left', () => {
  const cluster = new FakeCluster();
  startControllers(cluster, ['namespace']);
  cluster.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: meta('team', '') });
  const held = { ...meta('held', 'team'), finalizers: ['example.com/keep'] };
  cluster.create('configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: held });
  cluster.delete('namespaces', 'team');
  cluster.run(10 * SECOND);
  const conditions = () => (cluster.get<Namespace>('namespaces', 'team')?.status?.conditions ?? []).map(({ type, status, reason, message }) => `${type}=${status} ${reason}: ${message}`);
  assert.deepEqual(conditions(), [
    'NamespaceDeletionDiscoveryFailure=False ResourcesDiscovered: All resources successfully discovered',
    'NamespaceDeletionGroupVersionParsingFailure=False ParsedGroupVersions: All legacy kube types successfully parsed',
    'NamespaceDeletionContentFailure=False ContentDeleted: All content successfully deleted, may be waiting on finalization',
    'NamespaceContentRemaining=True SomeResourcesRemain: Some resources are remaining: configmaps. has 1 resource instances',
    'NamespaceFinalizersRemaining=True SomeFinalizersRemain: Some content in the namespace has finalizers remaining: example.com/keep in 1 resource instances',
  ]);
  const verbs = cluster.audit.filter(({ user, request }) => user === 'namespace-controller' && request.resource === 'configmaps').map(({ request }) => request.verb);
  assert.deepEqual(verbs.slice(0, 2), ['deletecollection', 'list']);
  cluster.edit('configmaps', 'team/held', (object) => ({ ...object, metadata: { ...object.metadata, finalizers: [] } }));
  cluster.run(30 * SECOND);
  assert.equal(cluster.get('namespaces', 'team'), undefined);
});
