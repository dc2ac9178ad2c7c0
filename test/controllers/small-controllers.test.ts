import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PersistentVolumeClaim } from '../../src/api/apps.js';
import type { ConfigMap } from '../../src/api/cluster-kinds.js';
import type { Pod } from '../../src/api/core.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { ResourceQuota } from '../../src/api/policy.js';
import { failure } from '../../src/apiserver/call.js';
import { GarbageCollector } from '../../src/controllers/garbage-collector.js';
import { NamespaceDefaultController, ROOT_CERTIFICATE } from '../../src/controllers/namespace-defaults.js';
import { ResourceQuotaController } from '../../src/controllers/resource-quota.js';
import { ClaimProtectionController, usesClaim } from '../../src/controllers/volume-protection.js';
import { SECOND } from '../../src/kernel/time.js';
import { FakeCluster, type FakeOptions, meta } from './fake-cluster.js';
import { template } from './builders.js';

/** Small controllers, by the source of v1.34.4. */

function asked(cluster: FakeCluster, name: string): string[] {
  return cluster.audit.filter(({ user }) => user === name).map(({ request, code }) => `${request.verb} ${request.resource} ${request.name} ${code}`);
}

test('the root certificate: with its description, restored when it is changed or deleted; refused where the namespace goes', () => {
  let terminating = false;
  const refuse: NonNullable<FakeOptions['refuse']> = ({ verb }) =>
    terminating && verb === 'create' ? failure(403, 'configmaps "kube-root-ca.crt" is forbidden: unable to create new content in namespace shop because it is being terminated') : undefined;
  const cluster = new FakeCluster({ nodes: 0, refuse });
  new NamespaceDefaultController(cluster, cluster.client('publisher'), ROOT_CERTIFICATE);
  cluster.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: meta('shop', '') });
  cluster.run(SECOND);
  const key = 'shop/kube-root-ca.crt';
  const made = cluster.get<ConfigMap>('configmaps', key)!;
  assert.match(made.metadata.annotations!['kubernetes.io/description']!, /^Contains a CA bundle that can be used to verify the kube-apiserver/);
  cluster.edit<ConfigMap>('configmaps', key, (map) => ({ ...map, data: { 'ca.crt': 'mine', more: 'x' } }));
  cluster.run(2 * SECOND);
  assert.deepEqual(cluster.get<ConfigMap>('configmaps', key)!.data, made.data);
  cluster.delete('configmaps', key);
  cluster.run(3 * SECOND);
  assert.deepEqual(cluster.get<ConfigMap>('configmaps', key)!.data, made.data);
  terminating = true;
  cluster.delete('configmaps', key);
  cluster.run(60 * SECOND);
  const name = 'configmaps kube-root-ca.crt';
  assert.deepEqual(asked(cluster, 'publisher'), [`create ${name} 201`, `update ${name} 200`, `create ${name} 201`, `create ${name} 403`]);
});

const claim = (name: string, owner?: string): PersistentVolumeClaim =>
  ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { ...meta(name), ...(owner === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: owner, controller: true }] }) },
    spec: {},
  }) as PersistentVolumeClaim;

function user(volume: object, node: string | undefined, metadata: object = {}, phase = 'Running'): Pod {
  const spec = { ...template('a').spec, volumes: [{ name: 'data', ...volume }], ...(node === undefined ? {} : { nodeName: node }) };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...meta('p'), uid: 'uid-p', ...metadata }, spec, status: { phase } } as unknown as Pod;
}

test('who uses a claim: pods on nodes, finished or not; ephemeral volumes their own, until the pod has stopped', () => {
  const named = { persistentVolumeClaim: { claimName: 'c' } };
  assert.equal(usesClaim(user(named, undefined), claim('c')), false);
  assert.equal(usesClaim(user(named, 'n'), claim('c')), true);
  assert.equal(usesClaim(user(named, 'n', {}, 'Succeeded'), claim('c')), true);
  assert.equal(usesClaim(user(named, 'n'), claim('other')), false);
  const own = { ephemeral: {} };
  assert.equal(usesClaim(user(own, 'n'), claim('p-data', 'uid-p')), true);
  assert.equal(usesClaim(user(own, 'n'), claim('p-data', 'somebody')), false);
  assert.equal(usesClaim(user(own, 'n', { deletionTimestamp: 1, deletionGracePeriodSeconds: 0 }), claim('p-data', 'uid-p')), false);
  assert.equal(usesClaim(user(own, 'n', { deletionTimestamp: 1, deletionGracePeriodSeconds: 30 }), claim('p-data', 'uid-p')), true);
});

test('a claim in use is protected, also one made without the plugin; it goes after its last pod, once the API server has been asked', () => {
  const cluster = new FakeCluster({ readyAfter: () => -1 });
  new ClaimProtectionController(cluster, cluster.client('protection'));
  cluster.create('persistentvolumeclaims', claim('c'));
  cluster.create('pods', user({ persistentVolumeClaim: { claimName: 'c' } }, undefined));
  cluster.run(SECOND);
  assert.deepEqual(cluster.get('persistentvolumeclaims', 'default/c')!.metadata.finalizers, ['kubernetes.io/pvc-protection']);
  cluster.delete('persistentvolumeclaims', 'default/c');
  cluster.run(2 * SECOND);
  assert.notEqual(cluster.get('persistentvolumeclaims', 'default/c')!.metadata.deletionTimestamp, undefined);
  cluster.delete('pods', 'default/p');
  cluster.run(3 * SECOND);
  assert.equal(cluster.get('persistentvolumeclaims', 'default/c'), undefined);
  assert.deepEqual(asked(cluster, 'protection'), ['update persistentvolumeclaims c 200', 'list pods  200', 'update persistentvolumeclaims c 200']);
});

test('quotas count objects of any kind by name, and Services that become load balancers', () => {
  const cluster = new FakeCluster({ nodes: 0 });
  new ResourceQuotaController(cluster, cluster.client('quota'));
  const hard = { 'count/daemonsets.apps': 5, 'count/configmaps': 9, 'services.loadbalancers': 2 };
  const add = (resource: string, object: object) => assert.equal(cluster.create(resource, object as KubernetesObject).code, 201);
  const daemons = (name: string) => ({ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: meta(name), spec: { selector: { matchLabels: { app: 'a' } }, template: template('a'), updateStrategy: { type: 'OnDelete' } }, status: {} });
  add('daemonsets', daemons('a'));
  add('daemonsets', daemons('b'));
  add('services', { apiVersion: 'v1', kind: 'Service', metadata: meta('s'), spec: { type: 'ClusterIP', ports: [{ name: 'a', port: 80, protocol: 'TCP', targetPort: 80 }], selector: { app: 'a' } } });
  add('resourcequotas', { apiVersion: 'v1', kind: 'ResourceQuota', metadata: meta('q'), spec: { hard } });
  cluster.run(SECOND);
  const used = () => cluster.get<ResourceQuota>('resourcequotas', 'default/q')!.status!.used;
  assert.deepEqual(used(), { 'count/daemonsets.apps': 2, 'count/configmaps': 0, 'services.loadbalancers': 0 });
  cluster.delete('daemonsets', 'default/a', { propagationPolicy: 'Background' });
  cluster.edit<KubernetesObject & { spec: object }>('services', 'default/s', (service) => ({ ...service, spec: { ...service.spec, type: 'LoadBalancer' } }));
  cluster.run(2 * SECOND);
  assert.deepEqual(used(), { 'count/daemonsets.apps': 1, 'count/configmaps': 0, 'services.loadbalancers': 1 });
});

test('owners in other namespaces: the dependent goes with an event, the owner’s own dependents stay', () => {
  const cluster = new FakeCluster({ nodes: 0 });
  new GarbageCollector(cluster, cluster.client('collector'));
  const map = (name: string, namespace: string, owner?: KubernetesObject['metadata']) =>
    cluster.create('configmaps', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...meta(name, namespace), ...(owner === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: owner.name, uid: owner.uid }] }) },
    } as KubernetesObject).object!.metadata;
  const owner = map('owner', 'a');
  cluster.run(SECOND);
  map('near', 'a', owner);
  map('far', 'b', owner);
  cluster.run(10 * SECOND);
  assert.equal(cluster.get('configmaps', 'b/far'), undefined);
  const message = `ownerRef [v1/ConfigMap, namespace: b, name: owner, uid: ${owner.uid}] does not exist in namespace "b"`;
  assert.deepEqual(cluster.events, [{ object: 'ConfigMap/far', type: 'Warning', reason: 'OwnerRefInvalidNamespace', message }]);
  // That it is not in b says nothing of a.
  map('later', 'a', owner);
  cluster.run(20 * SECOND);
  assert.notEqual(cluster.get('configmaps', 'a/near'), undefined);
  assert.notEqual(cluster.get('configmaps', 'a/later'), undefined);
  cluster.delete('configmaps', 'a/owner', { propagationPolicy: 'Background' });
  cluster.run(30 * SECOND);
  assert.deepEqual(cluster.all('configmaps'), []);
});

test('a dependent that is seen before its owner, which turns out to be elsewhere; and one without namespace, which is left alone', () => {
  const cluster = new FakeCluster({ nodes: 0 });
  const owner = cluster.create('configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: meta('owner', 'a') } as KubernetesObject).object!.metadata;
  const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.uid }];
  cluster.create('secrets', { apiVersion: 'v1', kind: 'Secret', metadata: { ...meta('far', 'b'), ownerReferences } } as KubernetesObject);
  cluster.create('persistentvolumes', { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { ...meta('wide', ''), ownerReferences }, spec: { capacity: { storage: '1Gi' } } } as KubernetesObject);
  new GarbageCollector(cluster, cluster.client('collector'));
  cluster.run(20 * SECOND);
  assert.equal(cluster.get('secrets', 'b/far'), undefined);
  assert.notEqual(cluster.get('persistentvolumes', 'wide'), undefined);
});
