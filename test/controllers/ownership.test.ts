import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoints } from '../../src/api/cluster-kinds.js';
import type { Pod, Service } from '../../src/api/core.js';
import type { EndpointSlice, ReplicaSet } from '../../src/api/workloads.js';
import { startControllers } from '../../src/controllers/registry.js';
import { SECOND } from '../../src/kernel/time.js';
import { FakeCluster, meta } from './fake-cluster.js';
import { deployment } from './objects.js';

test('deleting a Deployment takes its ReplicaSet and pods with it: GET and DELETE for each', () => {
  const cluster = new FakeCluster();
  startControllers(cluster, ['deployment', 'replicaset', 'garbage-collector']);
  cluster.create('deployments', deployment(3));
  cluster.run(2 * SECOND);
  cluster.delete('deployments', 'default/web');
  cluster.run(4 * SECOND);
  assert.equal(cluster.all('replicasets').length, 0);
  assert.equal(cluster.all('pods').length, 0);
  const collector = cluster.audit.filter((entry) => entry.user === 'generic-garbage-collector');
  assert.deepEqual(
    collector.map(({ request, code }) => `${request.verb} ${request.resource} ${code}`).sort(),
    ['delete pods 200', 'delete pods 200', 'delete pods 200', 'delete replicasets 200', 'get pods 200', 'get pods 200', 'get pods 200', 'get replicasets 200'],
  );
});

test('foreground deletion waits for the dependents, orphaning lets them go', () => {
  for (const propagationPolicy of ['Foreground', 'Orphan'] as const) {
    const cluster = new FakeCluster({ stopAfter: SECOND });
    startControllers(cluster, ['replicaset', 'garbage-collector']);
    const { spec } = deployment(2);
    const set = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: meta('web'),
      spec: { replicas: 2, selector: spec.selector, template: spec.template, minReadySeconds: 0 },
      status: { replicas: 0 },
    } as ReplicaSet;
    cluster.create('replicasets', set);
    cluster.run(2 * SECOND);
    cluster.delete('replicasets', 'default/web', { propagationPolicy });
    cluster.run(2.5 * SECOND);
    if (propagationPolicy === 'Foreground') assert.equal(cluster.all('replicasets').length, 1);
    cluster.run(5 * SECOND);
    assert.equal(cluster.all('replicasets').length, 0);
    assert.equal(cluster.all('pods').length, propagationPolicy === 'Foreground' ? 0 : 2);
  }
});

test('a namespace gets its service account and root certificate, and is emptied before it goes', () => {
  const cluster = new FakeCluster();
  startControllers(cluster, ['namespace', 'serviceaccount', 'root-ca-certificate-publisher']);
  cluster.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: meta('team', '') });
  cluster.run(SECOND);
  assert.ok(cluster.get('serviceaccounts', 'team/default') !== undefined);
  assert.ok(cluster.get('configmaps', 'team/kube-root-ca.crt') !== undefined);
  cluster.delete('namespaces', 'team');
  cluster.run(5 * SECOND);
  assert.ok(cluster.get('namespaces', 'team') !== undefined, 'the first look is 5 s after the deletion');
  cluster.run(30 * SECOND);
  assert.equal(cluster.get('namespaces', 'team'), undefined);
  assert.equal(cluster.get('serviceaccounts', 'team/default'), undefined);
});

test('an EndpointSlice follows readiness, and a terminating pod stays as serving', () => {
  const cluster = new FakeCluster({ stopAfter: 2 * SECOND });
  startControllers(cluster, ['deployment', 'replicaset', 'endpointslice', 'endpoint']);
  cluster.create('services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta('web'),
    spec: { type: 'ClusterIP', selector: { app: 'a' }, ports: [{ port: 80, targetPort: 'http', protocol: 'TCP' }] },
  } as Service);
  cluster.create('deployments', deployment(120));
  cluster.run(10 * SECOND);
  const slices = cluster.all<EndpointSlice>('endpointslices');
  const endpoints = slices.flatMap((slice) => slice.endpoints);
  assert.equal(endpoints.length, 120);
  assert.ok(slices.every((slice) => slice.endpoints.length <= 100));
  assert.ok(endpoints.every(({ conditions, nodeName, zone }) => conditions.ready && nodeName !== undefined && zone !== undefined));
  assert.deepEqual(slices[0]!.ports, [{ port: 8080, protocol: 'TCP' }]);
  assert.match(slices[0]!.metadata.name, /^web-/);
  cluster.delete('pods', `default/${cluster.all<Pod>('pods')[0]!.metadata.name}`);
  cluster.run(11 * SECOND);
  const going = cluster.all<EndpointSlice>('endpointslices').flatMap((slice) => slice.endpoints).filter(({ conditions }) => conditions.terminating);
  assert.deepEqual(going.map(({ conditions }) => conditions), [{ ready: false, serving: true, terminating: true }]);
  cluster.run(20 * SECOND);
  const legacy = cluster.get<Endpoints>('endpoints', 'default/web')!;
  assert.equal(legacy.subsets![0]!.addresses!.length, 120);
  assert.equal(legacy.subsets![0]!.notReadyAddresses, undefined);
  const after = cluster.all<EndpointSlice>('endpointslices').flatMap((slice) => slice.endpoints);
  assert.equal(after.length, 120);
  assert.equal(new Set(after.map(({ addresses }) => addresses[0])).size, 120);
});

test('Endpoints of a Service without selector are mirrored: one slice for each list of ports and address type', () => {
  const cluster = new FakeCluster();
  startControllers(cluster, ['endpointslice', 'endpointslicemirroring', 'garbage-collector']);
  const service = (selector?: Record<string, string>) =>
    ({ apiVersion: 'v1', kind: 'Service', metadata: meta('db'), spec: { type: 'ClusterIP', ...(selector === undefined ? {} : { selector }), ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }] } }) as Service;
  const ports = [{ port: 5432, protocol: 'TCP' }];
  const endpoints = (subsets: Endpoints['subsets'], labels?: Record<string, string>): Endpoints =>
    ({ apiVersion: 'v1', kind: 'Endpoints', metadata: meta('db', 'default', labels), subsets }) as Endpoints;
  const slices = () => cluster.all<EndpointSlice>('endpointslices');
  cluster.create('services', service());
  cluster.create('endpoints', endpoints([{ addresses: [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }], notReadyAddresses: [{ ip: '192.0.2.2' }], ports }], { team: 'data' }));
  cluster.run(5 * SECOND);
  assert.deepEqual(
    slices().map(({ addressType, endpoints: list }) => `${addressType} ${list.map(({ addresses, conditions }) => `${addresses[0]}=${conditions.ready}`).join()}`).sort(),
    ['IPv4 192.0.2.1=true,192.0.2.2=false', 'IPv6 2001:db8::1=true'],
  );
  const [first] = slices();
  assert.match(first!.metadata.name, /^db-/);
  assert.deepEqual(first!.metadata.labels, { team: 'data', 'kubernetes.io/service-name': 'db', 'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io' });
  // Other ports: the slice that has become free takes them over, the other goes.
  cluster.edit<Endpoints>('endpoints', 'default/db', (object) => ({ ...object, subsets: [{ addresses: [{ ip: '192.0.2.9' }], ports: [{ port: 5433, protocol: 'TCP' }] }] }));
  cluster.run(10 * SECOND);
  assert.deepEqual(slices().map(({ metadata, ports: list }) => `${metadata.name} ${list[0]!.port}`), [`${first!.metadata.name} 5433`]);
  // Somebody deletes it: it is made again.
  cluster.delete('endpointslices', `default/${first!.metadata.name}`);
  cluster.run(15 * SECOND);
  assert.equal(slices().length, 1);
  cluster.edit<Endpoints>('endpoints', 'default/db', (object) => ({ ...object, metadata: { ...object.metadata, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } } }));
  cluster.run(20 * SECOND);
  assert.equal(slices().length, 0);
});
