import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '../../src/api/core.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import { Serializer } from '../../src/api/serialize.js';
import { SECOND } from '../../src/kernel/time.js';
import { containerEnvironment } from '../../src/node/container-environment.js';
import { ServiceHistory, serviceVariables } from '../../src/node/service-environment.js';
import { Bench, constantProfile, SERVES, testContainer, testPod } from './harness.js';

function service(name: string, clusterIP: string, ports: Service['spec']['ports'], namespace = 'default'): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, uid: `uid-${name}`, resourceVersion: 1, generation: 0, creationTimestamp: 0 },
    spec: { type: 'ClusterIP', clusterIP, ports },
  };
}

const REDIS = service('redis-primary', '10.0.0.11', [{ port: 6379, targetPort: 6379, protocol: 'TCP' }]);

test("the variables of the documentation's example (kubernetes.io, Service, environment variables)", () => {
  assert.deepEqual(serviceVariables([REDIS]), {
    REDIS_PRIMARY_SERVICE_HOST: '10.0.0.11',
    REDIS_PRIMARY_SERVICE_PORT: '6379',
    REDIS_PRIMARY_PORT: 'tcp://10.0.0.11:6379',
    REDIS_PRIMARY_PORT_6379_TCP: 'tcp://10.0.0.11:6379',
    REDIS_PRIMARY_PORT_6379_TCP_PROTO: 'tcp',
    REDIS_PRIMARY_PORT_6379_TCP_PORT: '6379',
    REDIS_PRIMARY_PORT_6379_TCP_ADDR: '10.0.0.11',
  });
});

test('several ports, their names and protocols; addresses of IPv6', () => {
  // pkg/kubelet/envvars/envvars_test.go, shortened
  const quux = service('q-u-u-x', '9.8.7.6', [
    { name: 'u-d-p', port: 8081, targetPort: 1, protocol: 'UDP' },
    { name: 't-c-p', port: 8082, targetPort: 1, protocol: 'TCP' },
  ]);
  assert.deepEqual(serviceVariables([quux]), {
    Q_U_U_X_SERVICE_HOST: '9.8.7.6',
    Q_U_U_X_SERVICE_PORT: '8081',
    Q_U_U_X_SERVICE_PORT_U_D_P: '8081',
    Q_U_U_X_SERVICE_PORT_T_C_P: '8082',
    Q_U_U_X_PORT: 'udp://9.8.7.6:8081',
    Q_U_U_X_PORT_8081_UDP: 'udp://9.8.7.6:8081',
    Q_U_U_X_PORT_8081_UDP_PROTO: 'udp',
    Q_U_U_X_PORT_8081_UDP_PORT: '8081',
    Q_U_U_X_PORT_8081_UDP_ADDR: '9.8.7.6',
    Q_U_U_X_PORT_8082_TCP: 'tcp://9.8.7.6:8082',
    Q_U_U_X_PORT_8082_TCP_PROTO: 'tcp',
    Q_U_U_X_PORT_8082_TCP_PORT: '8082',
    Q_U_U_X_PORT_8082_TCP_ADDR: '9.8.7.6',
  });
  const six = serviceVariables([service('super', '2001:DB8::', [{ port: 8083, targetPort: 1, protocol: 'TCP' }])]);
  assert.equal(six['SUPER_PORT'], 'tcp://[2001:DB8::]:8083');
  assert.equal(six['SUPER_SERVICE_HOST'], '2001:DB8::');
});

test('a pod knows the Services of its namespace that have addresses, and the API servers', () => {
  const services = new ServiceHistory();
  services.changed(REDIS, false, 0);
  services.changed(service('headless', 'None', []), false, 0);
  services.changed(service('other', '10.0.0.12', [], 'shop'), false, 0);
  const names = (pod: ReturnType<typeof testPod>, time = 0): string[] => services.of(pod, time).map(({ metadata }) => metadata.name);
  assert.deepEqual(names(testPod('a')), ['kubernetes', 'redis-primary']);
  assert.deepEqual(names(testPod('a', { extra: { enableServiceLinks: false } })), ['kubernetes']);
  services.changed(REDIS, true, 50);
  services.changed({ ...REDIS, spec: { ...REDIS.spec, clusterIP: '10.0.0.99' } }, false, 60);
  assert.deepEqual(names(testPod('a'), 49), ['kubernetes', 'redis-primary']);
  assert.deepEqual(names(testPod('a'), 55), ['kubernetes']);
  assert.equal(services.at('default', 'redis-primary', 60)!.spec.clusterIP, '10.0.0.99');
  assert.equal(services.at('default', 'redis-primary', 49)!.spec.clusterIP, '10.0.0.11');
});

test('what the manifest says holds over Services; $(NAME) and fields of the pod are put in', () => {
  const env = [
    { name: 'REDIS_PRIMARY_SERVICE_HOST', value: 'cache.example.com' },
    { name: 'URL', value: 'redis://$(REDIS_PRIMARY_SERVICE_HOST):$(REDIS_PRIMARY_SERVICE_PORT)/$$(X)$(MISSING)' },
    { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
    { name: 'TIER', valueFrom: { fieldRef: { fieldPath: "metadata.labels['tier']" } } },
    { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
  ];
  const pod = testPod('a');
  const labelled = { ...pod, metadata: { ...pod.metadata, labels: { tier: 'web' } } };
  const result = containerEnvironment(labelled, testContainer({ env }), { services: [REDIS], objects: null, allocatable: {} });
  assert.equal(result['REDIS_PRIMARY_SERVICE_HOST'], 'cache.example.com');
  assert.equal(result['URL'], 'redis://cache.example.com:6379/$(X)$(MISSING)');
  assert.equal(result['NODE'], 'node-0');
  assert.equal(result['TIER'], 'web');
  assert.equal('PASSWORD' in result, false);
});

test('contents of ConfigMaps and Secrets: envFrom with prefixes first, env over it, texts only, Secrets decoded; what is optional may be missing', () => {
  const container = testContainer({
    env: [
      { name: 'URL', value: 'http://$(APP_HOST):$(PORT)/$(NONE)' },
      { name: 'PORT', valueFrom: { configMapKeyRef: { name: 'settings', key: 'port' } } },
      { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } },
      { name: 'GONE', valueFrom: { secretKeyRef: { name: 'db', key: 'none', optional: true } } },
      { name: 'NOWHERE', valueFrom: { configMapKeyRef: { name: 'none', key: 'k', optional: true } } },
      { name: 'user', value: 'root' },
    ],
    extra: { envFrom: [{ prefix: 'APP_', configMapRef: { name: 'settings' } }, { secretRef: { name: 'db' } }, { configMapRef: { name: 'none', optional: true } }] },
  });
  const settings = { data: { HOST: 'web', port: '8080' }, binaryData: { blob: 'AAEC' } };
  // echo -n 'grüße' | base64, and a user of stringData.
  const db = { data: { password: 'Z3LDvMOfZQ==' }, stringData: { user: 'admin' } };
  const objects = [settings, db, null, settings, db, db, null];
  const result = containerEnvironment(testPod('a'), container, { services: [], objects, allocatable: {} });
  assert.deepEqual(result, {
    APP_HOST: 'web',
    APP_port: '8080',
    password: 'grüße',
    user: 'root',
    // PORT comes after it.
    URL: 'http://web:$(PORT)/$(NONE)',
    PORT: '8080',
    PASSWORD: 'grüße',
  });
});

test('resources of the downward API: rounded up to the divisor; limits that are not there are those of the node', () => {
  const field = (resource: string, divisor?: string, containerName?: string) => ({
    name: `${resource}/${divisor}`,
    valueFrom: { resourceFieldRef: { resource, ...(divisor === undefined ? {} : { divisor }), ...(containerName === undefined ? {} : { containerName }) } },
  });
  const env = [field('limits.cpu'), field('limits.cpu', '1m'), field('limits.memory'), field('requests.memory', '1Mi'), field('requests.cpu', '1m'), field('limits.memory', '1Gi', 'other')];
  const container = testContainer({ env, resources: { limits: { cpu: 1500 }, requests: { cpu: 250, memory: 100 * 1048576 + 1 } } });
  const pod = testPod('a', { containers: [container, testContainer({ name: 'other', resources: { limits: { memory: 2 * 1073741824 } } })] });
  const result = containerEnvironment(pod, container, { services: [], objects: null, allocatable: { cpu: 4000, memory: 16e9 } });
  assert.deepEqual(Object.values(result), ['2', '1500', '16000000000', '101', '250', '2']);
});

test('a container keeps what its ConfigMap said when it was created, until it starts again; what is missing is waited for, texts only count', () => {
  const bench = new Bench(1);
  bench.behaviour.lives.set('app:v1', (restart) => ({ ...SERVES, runtime: restart === 0 ? 60 * SECOND : Number.POSITIVE_INFINITY, exitCode: 1 }));
  bench.kubelets.warmImages(['app:v1']);
  const put = (parts: object): void => {
    const metadata = { name: 'settings', namespace: 'default', uid: 'settings', resourceVersion: 1, generation: 0, creationTimestamp: 0 };
    bench.store.set('configmaps/default/settings', { apiVersion: 'v1', kind: 'ConfigMap', metadata, ...parts } as KubernetesObject);
  };
  const colour = (): string | undefined => bench.kubelets.endpoints(0, new Serializer(0)).environments['default/a']?.['server']?.['COLOUR'];
  put({ binaryData: { colour: 'AAEC' } });
  bench.add(testPod('a', { containers: [testContainer({ env: [{ name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } }] })] }));
  bench.run(5);
  assert.deepEqual(bench.pod('a')!.status.containerStatuses![0]!.state.waiting, { reason: 'CreateContainerConfigError', message: "couldn't find key colour in ConfigMap default/settings" });
  put({ data: { colour: 'blue' } });
  bench.run(20);
  assert.equal(colour(), 'blue');
  put({ data: { colour: 'green' } });
  bench.run(60);
  assert.equal(colour(), 'blue');
  bench.run(120);
  assert.equal(bench.pod('a')!.status.containerStatuses![0]!.restartCount, 1);
  assert.equal(colour(), 'green');
});

test('a Service that is created after a container is not in its environment, until the container starts again', () => {
  const bench = new Bench(1);
  bench.behaviour.lives.set('app:v1', (restart) => ({ ...SERVES, runtime: restart === 0 ? 30 * SECOND : Number.POSITIVE_INFINITY, exitCode: 1 }));
  const { kubelets } = bench;
  kubelets.warmImages(['app:v1']);
  bench.add(testPod('a'));
  bench.run(10);
  kubelets.serviceChanged(REDIS, false);
  assert.equal(kubelets.serviceInEnvironment(0, 'uid-a', 'default', 'redis-primary'), 'missing');
  const redis = (): string | undefined => kubelets.endpoints(0, new Serializer(0)).environments['default/a']!['server']!['REDIS_PRIMARY_SERVICE_HOST'];
  assert.equal(redis(), undefined);
  bench.run(60);
  assert.equal(bench.pod('a')!.status.containerStatuses![0]!.restartCount, 1);
  assert.equal(kubelets.serviceInEnvironment(0, 'uid-a', 'default', 'redis-primary'), 'current');
  assert.equal(redis(), '10.0.0.11');
  kubelets.serviceChanged(REDIS, true);
  kubelets.serviceChanged({ ...REDIS, spec: { ...REDIS.spec, clusterIP: '10.0.0.12' } }, false);
  assert.equal(kubelets.serviceInEnvironment(0, 'uid-a', 'default', 'redis-primary'), 'stale');
  assert.equal(redis(), '10.0.0.11');
});

test('/healthz, /pods and /spec of a kubelet', () => {
  const manifest = testPod('proxy');
  const { nodeName: _, ...spec } = manifest.spec;
  const staticPods = [{ ...manifest, metadata: { ...manifest.metadata, uid: '' }, spec }];
  const bench = new Bench(1, '1', constantProfile(), undefined, undefined, { machines: { 'node-0': { staticPods } } });
  bench.kubelets.start();
  bench.add(testPod('a'));
  bench.run(30);
  const serializer = new Serializer(Date.UTC(2025, 0, 1));
  const served = bench.kubelets.endpoints(0, serializer);
  assert.equal(served.time, '2025-01-01T00:00:30.000Z');
  assert.deepEqual(served['/healthz'], { code: 200, body: 'ok' });
  const { kind, items } = served['/pods'] as { kind: string; items: { metadata: { name: string; annotations: Record<string, string> }; status: { phase: string; containerStatuses: { state: unknown }[] } }[] };
  assert.equal(kind, 'PodList');
  assert.deepEqual(items.map(({ metadata, status }) => [metadata.name, metadata.annotations['kubernetes.io/config.source'], status.phase]), [
    ['proxy-node-0', 'file', 'Running'],
    ['a', 'api', 'Running'],
  ]);
  assert.equal(items[0]!.metadata.annotations['kubernetes.io/config.mirror'], undefined, 'pods, not their mirrors');
  assert.match(items[0]!.metadata.annotations['kubernetes.io/config.seen']!, /^2025-01-01T00:00:00/);
  const machine = served['/spec'] as Record<string, unknown>;
  assert.deepEqual([machine['num_cores'], machine['memory_capacity'], machine['cloud_provider'], machine['instance_id']], [4, 16e9, 'Unknown', 'None']);
  JSON.stringify(served);
});

test('what a kubelet serves while its runtime is away for long, and while it is down itself', () => {
  const bench = new Bench(1, '1', constantProfile(), undefined, undefined, { machines: { 'node-0': { unsupervised: true } } });
  bench.kubelets.start();
  bench.run(10);
  const healthz = (): Record<string, unknown> => bench.kubelets.endpoints(0, new Serializer(0))['/healthz'];
  bench.kubelets.kill(0, 'runtime');
  bench.run(10 + 330);
  assert.equal(healthz()['code'], 200);
  bench.run(10 + 331);
  assert.deepEqual(healthz(), { code: 500, body: '[+]ping ok\n[+]log ok\n[-]syncloop failed: reason withheld\nhealthz check failed\n' });
  bench.kubelets.kill(0, 'kubelet');
  assert.deepEqual(healthz(), { error: 'dial tcp 172.16.0.0:10248: connect: connection refused' });
  bench.kubelets.fail(0);
  assert.deepEqual(healthz(), { error: 'dial tcp 172.16.0.0:10248: i/o timeout' });
});
