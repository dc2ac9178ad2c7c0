import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoints } from '../../src/api/cluster-kinds.js';
import type { Pod, Service } from '../../src/api/core.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import { failure } from '../../src/apiserver/call.js';
import { EndpointsController, endpointState, ServiceAddresses } from '../../src/controllers/endpoints.js';
import { EndpointSliceMirroringController } from '../../src/controllers/endpoint-slice-mirroring.js';
import type { EndpointSlice } from '../../src/api/workloads.js';
import { podEndpoint } from '../../src/controllers/endpoint-slice-policy.js';
import { SECOND } from '../../src/kernel/time.js';
import { FakeCluster, type FakeOptions, meta } from './fake-cluster.js';
import { template } from './builders.js';

/** The legacy Endpoints controller, by pkg/controller/endpoint/endpoints_controller.go of v1.34.4. */

function service(name: string, spec: object = {}): Service {
  const ports = [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }];
  return { apiVersion: 'v1', kind: 'Service', metadata: meta(name, 'default', { team: 'a' }), spec: { type: 'ClusterIP', ports, selector: { app: 'a' }, ...spec } } as unknown as Service;
}

function pod(name: string, address: string, ready: boolean, more: { spec?: object; metadata?: object } = {}): Pod {
  const { spec } = template('a');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...meta(name, 'default', { app: 'a' }), uid: `uid-${name}`, ...more.metadata },
    spec: { ...spec, nodeName: 'node-0', ...more.spec },
    status: { phase: 'Running', podIP: address, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  } as unknown as Pod;
}

class Services extends FakeCluster {
  constructor(options: FakeOptions = {}) {
    super({ nodes: 1, ...options });
    new EndpointsController(this, this.client('endpoint-controller'));
  }

  endpoints(name: string): Endpoints {
    return this.get<Endpoints>('endpoints', `default/${name}`)!;
  }

  asked(): string[] {
    return this.audit.filter(({ user }) => user === 'endpoint-controller').map(({ request, code }) => `${request.verb} ${request.name} ${code}`);
  }
}

test('labels: those of the Service, who manages the object, and headless where there is no address', () => {
  const cluster = new Services();
  cluster.create('services', service('web'));
  cluster.create('services', service('db', { clusterIP: 'None' }));
  cluster.run(SECOND);
  const managed = { team: 'a', 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' };
  assert.deepEqual(cluster.endpoints('web').metadata.labels, managed);
  assert.deepEqual(cluster.endpoints('db').metadata.labels, { ...managed, 'service.kubernetes.io/headless': '' });
});

test('which pods count: not those that go, unless addresses that are not ready are published', () => {
  const plain = service('web');
  const all = service('web', { publishNotReadyAddresses: true });
  const going = pod('p', '10.1.0.1', true, { metadata: { deletionTimestamp: 1 } });
  assert.equal(endpointState(plain, pod('p', '10.1.0.1', true)), 'ready');
  assert.equal(endpointState(plain, pod('p', '10.1.0.1', false)), 'notReady');
  assert.equal(endpointState(all, pod('p', '10.1.0.1', false)), 'ready');
  assert.equal(endpointState(plain, going), undefined);
  assert.equal(endpointState(all, going), 'ready');
  assert.equal(endpointState(all, pod('p', '', true)), undefined);
});

test('pods whose subdomain is the Service have their hostname in both kinds of objects', () => {
  const named = pod('db-0', '10.1.0.1', true, { spec: { hostname: 'db-0', subdomain: 'db' } });
  const addresses = new ServiceAddresses();
  addresses.put(service('db'), 'a', named, 'ready');
  assert.equal(addresses.subsets().subsets[0]!.addresses![0]!.hostname, 'db-0');
  assert.equal(podEndpoint(named, 'a', service('db'))!.hostname, 'db-0');
  assert.equal(podEndpoint(named, 'a', service('other'))!.hostname, undefined);
});

test('over the capacity: ready addresses first, each group of ports its share, rounded up', () => {
  const web = service('web', { ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 'http' }] });
  const addresses = new ServiceAddresses();
  const put = (from: number, count: number, containerPort: number, state: 'ready' | 'notReady') => {
    const containers = [{ ...template('a').spec.containers[0], ports: [{ name: 'http', containerPort, protocol: 'TCP' }] }];
    for (let i = from; i < from + count; i++) addresses.put(web, `uid-${i}`, pod(`p${i}`, `10.${i >> 8}.${i & 255}.1`, true, { spec: { containers } }), state);
  };
  const lengths = () => addresses.subsets().subsets.map((subset) => [subset.addresses?.length ?? 0, subset.notReadyAddresses?.length ?? 0]);
  put(0, 500, 8080, 'ready');
  put(500, 200, 9090, 'ready');
  put(700, 400, 8080, 'notReady');
  put(1100, 50, 9090, 'notReady');
  assert.equal(addresses.subsets().truncated, true);
  // 300 places for 450: ceil(400 / 450 × 300) = 267, and the 33 that are left.
  assert.deepEqual(lengths(), [[500, 267], [200, 33]]);
  put(1200, 700, 9090, 'ready');
  // 1,400 ready: ceil(500 / 1400 × 1000) = 358, and the 642 that are left.
  assert.deepEqual(lengths(), [[358, 0], [642, 0]]);
});

test('an object over the capacity says so, and no longer once it is not', () => {
  const cluster = new Services({ readyAfter: () => -1 });
  const add = (i: number) => cluster.create('pods', pod(`p${i}`, `10.${i >> 8}.${i & 255}.1`, true));
  for (let i = 0; i < 1001; i++) add(i);
  // The store of this cluster clears the status of new pods: what the kubelets report is shown at once.
  for (const each of cluster.all<Pod>('pods')) {
    const i = Number(each.metadata.name.slice(1));
    cluster.do({ verb: 'update', resource: 'pods', subresource: 'status', namespace: 'default', name: each.metadata.name, body: { ...each, status: pod('', `10.${i >> 8}.${i & 255}.1`, true).status } as Pod });
  }
  cluster.create('services', service('web'));
  cluster.run(5 * SECOND);
  const count = () => cluster.endpoints('web').subsets!.reduce((sum, { addresses = [], notReadyAddresses = [] }) => sum + addresses.length + notReadyAddresses.length, 0);
  assert.equal(count(), 1000);
  assert.equal(cluster.endpoints('web').metadata.annotations!['endpoints.kubernetes.io/over-capacity'], 'truncated');
  cluster.delete('pods', 'default/p7', { gracePeriodSeconds: 0 });
  cluster.run(10 * SECOND);
  assert.equal(count(), 1000);
  assert.equal(cluster.endpoints('web').metadata.annotations, undefined);
});

test('an object that somebody deletes comes back; that of a Service goes with it; the namespace goes silently; other failures are told', () => {
  let answer: ReturnType<typeof failure> | undefined;
  const cluster = new Services({ refuse: ({ resource, verb }) => (resource === 'endpoints' && verb === 'create' ? answer : undefined) });
  cluster.create('services', service('web'));
  cluster.run(SECOND);
  cluster.delete('endpoints', 'default/web');
  cluster.run(2 * SECOND);
  assert.notEqual(cluster.endpoints('web'), undefined);
  cluster.delete('services', 'default/web');
  cluster.run(3 * SECOND);
  assert.equal(cluster.endpoints('web'), undefined);
  assert.deepEqual(cluster.asked(), ['create web 201', 'create web 201', 'delete web 200', 'delete web 404']);
  answer = failure(403, 'endpoints "late" is forbidden: unable to create new content in namespace default because it is being terminated');
  cluster.create('services', service('late'));
  cluster.run(60 * SECOND);
  assert.equal(cluster.asked().filter((line) => line === 'create late 403').length, 1);
  assert.deepEqual(cluster.events, []);
  answer = failure(500, 'etcdserver: request timed out');
  cluster.create('services', service('sick'));
  cluster.run(61 * SECOND);
  const message = 'Failed to create endpoint for service default/sick: etcdserver: request timed out';
  assert.deepEqual(cluster.events[0], { object: 'Endpoints/sick', type: 'Warning', reason: 'FailedToCreateEndpoint', message });
});

test('what a Service has left behind while nobody looked goes at the start', () => {
  const cluster = new FakeCluster({ nodes: 0 });
  const informer = cluster.informer<Endpoints>('endpoints') as { synced: boolean };
  informer.synced = false;
  assert.equal(cluster.create('endpoints', { apiVersion: 'v1', kind: 'Endpoints', metadata: meta('orphan') } as KubernetesObject).code, 201);
  new EndpointsController(cluster, cluster.client('endpoint-controller'));
  cluster.run(SECOND / 100);
  assert.notEqual(cluster.get('endpoints', 'default/orphan'), undefined);
  informer.synced = true;
  cluster.run(SECOND);
  assert.equal(cluster.get('endpoints', 'default/orphan'), undefined);
});

test('mirrored slices: hostnames and annotations too, but not what is no address', () => {
  const cluster = new FakeCluster({ nodes: 0 });
  new EndpointSliceMirroringController(cluster, cluster.client('mirroring'));
  const { selector: _, ...spec } = service('db').spec;
  cluster.create('services', { ...service('db'), spec } as Service);
  const addresses = [{ ip: '10.0.0.1', hostname: 'first' }, { ip: 'nowhere' }, { ip: '10.0.0.256' }, { ip: '2001:db8::1' }];
  const metadata = { ...meta('db'), annotations: { team: 'data', 'endpoints.kubernetes.io/last-change-trigger-time': 'x', 'kubectl.kubernetes.io/last-applied-configuration': '{}' } };
  cluster.create('endpoints', { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets: [{ addresses, ports: [{ port: 5432, protocol: 'TCP' }] }] } as KubernetesObject);
  cluster.run(5 * SECOND);
  const slices = cluster.all<EndpointSlice>('endpointslices');
  assert.deepEqual(slices.map(({ addressType }) => addressType).sort(), ['IPv4', 'IPv6']);
  const [four] = slices.filter(({ addressType }) => addressType === 'IPv4');
  assert.deepEqual(four!.endpoints.map(({ addresses: [ip], hostname }) => [ip, hostname]), [['10.0.0.1', 'first']]);
  assert.deepEqual(four!.metadata.annotations, { team: 'data' });
  const message = 'Skipped 2 invalid IP addresses when mirroring to EndpointSlices';
  // With each look.
  for (const event of cluster.events) assert.deepEqual(event, { object: 'Endpoints/db', type: 'Warning', reason: 'InvalidIPAddress', message });
  assert.ok(cluster.events.length > 0);
});
