import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, PodSpec } from '../../src/api/core.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import { DEFAULT_KUBELET } from '../../src/api/kubelet-configuration.js';
import { environmentReferences, volumeReferences } from '../../src/api/pod-references.js';
import { at, Bench, constantProfile, testContainer, testPod } from './harness.js';

function bench(requestsTokens = false): Bench {
  const made = new Bench(1, '1', constantProfile(), undefined, undefined, { configuration: { ...DEFAULT_KUBELET, requestsTokens } });
  made.kubelets.warmImages(['app:v1']);
  return made;
}

function put(made: Bench, resource: 'configmaps' | 'secrets', name: string, data: Record<string, string>): void {
  const kind = resource === 'configmaps' ? 'ConfigMap' : 'Secret';
  const metadata = { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: 1, generation: 0, creationTimestamp: 0 };
  made.store.set(`${resource}/default/${name}`, { apiVersion: 'v1', kind, metadata, data } as KubernetesObject);
}

const VOLUMES: PodSpec['volumes'] = [
  { name: 'config', configMap: { name: 'settings' } },
  { name: 'certs', secret: { secretName: 'tls', optional: true } },
  {
    name: 'all',
    projected: { sources: [{ configMap: { name: 'a', items: [{ key: 'k', path: 'k' }] } }, { secret: { name: 'b' } }] },
  },
  { name: 'api', projected: { sources: [{ serviceAccountToken: { expirationSeconds: 3607, path: 'token' } }, { configMap: { name: 'kube-root-ca.crt' } }] } },
  { name: 'scratch', emptyDir: {} },
];

test('references of volumes and environments', () => {
  const spec = testPod('a', { volumes: VOLUMES! }).spec;
  assert.deepEqual(
    volumeReferences(spec).map((each) => `${each.volume} ${each.resource} ${'name' in each ? each.name : each.seconds}`),
    ['config configmaps settings', 'certs secrets tls', 'all configmaps a', 'all secrets b', 'api token 3607'],
  );
  const container: Container = testContainer({
    env: [
      { name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'a' } } },
      { name: 'B', value: 'b' },
      { name: 'C', valueFrom: { secretKeyRef: { name: 'tls', key: 'c', optional: true } } },
    ],
    extra: { envFrom: [{ secretRef: { name: 'all' } }] },
  });
  assert.deepEqual(
    environmentReferences(container).map(({ resource, name, keys, optional }) => [resource, name, keys.join(), optional]),
    [
      ['secrets', 'all', '', false],
      ['configmaps', 'settings', 'a', false],
      ['secrets', 'tls', 'c', true],
    ],
  );
});

test('a volume of a ConfigMap that is missing: ContainerCreating, FailedMount after 0.5, 1, 2, … s; it starts when it is there', () => {
  const made = bench();
  made.add(testPod('a', { volumes: [{ name: 'config', configMap: { name: 'settings' } }] }));
  made.run(130);
  const failures = made.events.filter(({ reason }) => reason === 'FailedMount');
  const setUp = failures.filter(({ message }) => message === 'MountVolume.SetUp failed for volume "config" : configmap "settings" not found').map(({ time }) => at(time));
  // Prepared at 0.06 s; then doubling waits.
  assert.deepEqual(setUp, [0.06, 0.56, 1.56, 3.56, 7.56, 15.56, 31.56, 63.56, 127.56]);
  // The wait of 2 min 3 s ends without an event (kubelet.go: unless it was interrupted), and the sync is tried again.
  assert.equal(failures.length, setUp.length);
  assert.equal(made.pod('a')!.status.containerStatuses![0]!.state.waiting!.reason, 'ContainerCreating');
  put(made, 'configmaps', 'settings', {});
  made.run(260);
  assert.equal(made.pod('a')!.status.phase, 'Running');
  // 127.56 + 122 s.
  assert.ok(at(made.listening[0]!.time) > 249.5 && at(made.listening[0]!.time) < 250.5);
});

test('an optional volume is empty, a missing key is told', () => {
  const made = bench();
  put(made, 'configmaps', 'settings', { a: '1' });
  made.add(testPod('a', { volumes: [{ name: 'certs', secret: { secretName: 'tls', optional: true } }] }));
  made.add(testPod('b', { volumes: [{ name: 'config', configMap: { name: 'settings', items: [{ key: 'b' }] } as never }] }));
  made.run(5);
  assert.equal(made.pod('a')!.status.phase, 'Running');
  assert.equal(made.events.find(({ reason }) => reason === 'FailedMount')!.message, 'MountVolume.SetUp failed for volume "config" : configmap references non-existent config key: b');
});

test('an environment that is missing: CreateContainerConfigError with the message, tried again every 10 to 15 s, no restart is counted', () => {
  const made = bench();
  const env = [{ name: 'A', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } }];
  made.add(testPod('a', { containers: [testContainer({ env })] }));
  made.run(8);
  const waiting = () => made.pod('a')!.status.containerStatuses![0]!.state.waiting;
  assert.deepEqual(waiting(), { reason: 'CreateContainerConfigError', message: 'secret "db" not found' });
  // A second time at once, as the relist has seen the new sandbox.
  assert.deepEqual(made.events.filter(({ reason }) => reason === 'Failed').map(({ message }) => message), ['Error: secret "db" not found', 'Error: secret "db" not found']);
  put(made, 'secrets', 'db', { user: 'x' });
  // The status tells at each sync why the one before failed.
  made.run(40);
  assert.deepEqual(waiting(), { reason: 'CreateContainerConfigError', message: "couldn't find key password in Secret default/db" });
  put(made, 'secrets', 'db', { password: 'x' });
  made.run(65);
  assert.equal(made.pod('a')!.status.phase, 'Running');
  assert.equal(made.pod('a')!.status.containerStatuses![0]!.restartCount, 0);
});

test('a pod that waits for a Secret is deleted: it ends at once, and nothing is left', () => {
  const made = bench();
  made.add(testPod('a', { volumes: [{ name: 's', secret: { secretName: 'none' } }] }));
  made.run(20);
  made.delete('a');
  made.run(24);
  assert.equal(made.pod('a'), undefined);
  made.run(400);
  assert.equal(made.kubelets.fleet.nodes[0]!.pods.size, 0);
});

test('tokens: one request at the start, the next at 80 % of 3607 s, none after the pod has gone', () => {
  const made = bench(true);
  made.add(testPod('a', { serviceAccountName: 'web', volumes: VOLUMES!.slice(3) }));
  const asked = () => made.requests.filter(({ request }) => request.subresource === 'token');
  made.run(10);
  assert.deepEqual(asked().map(({ request }) => [request.verb, request.resource, request.name]), [['create', 'serviceaccounts', 'web']]);
  made.run(6000);
  const [first, second, third] = asked().map(({ time }) => at(time));
  for (const gap of [second! - first!, third! - second!]) assert.ok(gap >= 0.8 * 3607 && gap <= 0.8 * 3607 + 10, `${gap}`);
  made.delete('a');
  made.run(12_000);
  assert.equal(asked().length, 3);
  const without = bench();
  without.add(testPod('a', { volumes: VOLUMES!.slice(3) }));
  without.run(10);
  assert.equal(without.requests.filter(({ request }) => request.subresource === 'token').length, 0);
});
