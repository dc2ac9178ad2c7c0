import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod } from '../../src/api/core.js';
import { readManifest } from '../../src/api/manifest.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import { infoOfKind } from '../../src/api/resources.js';
import type { ResourceQuota } from '../../src/api/policy.js';
import { WebhookServers } from '../../src/apiserver/admission/webhook-calls.js';
import type { ApiResponse, ResponseReceiver } from '../../src/apiserver/request.js';
import type { WebhookBehaviour } from '../../src/scenario/types.js';
import { RestClient } from '../../src/client/rest-client.js';
import { setUp } from '../client/harness.js';

const constant = (value: number) => ({ kind: 'constant', value }) as const;

function manifest(raw: Record<string, unknown>): KubernetesObject {
  const { object, errors } = readManifest(raw);
  assert.deepEqual(errors, []);
  return object;
}

class Answers implements ResponseReceiver {
  readonly list: { readonly tag: number; readonly response: ApiResponse; readonly at: number }[] = [];
  private readonly clock: { readonly now: number };
  constructor(clock: { readonly now: number }) {
    this.clock = clock;
  }
  receive(tag: number, response: ApiResponse): void {
    this.list.push({ tag, response, at: this.clock.now });
  }
}

/** Servers with admission, a namespace with its account, and the objects of a test. */
function world(objects: readonly KubernetesObject[], behaviours: readonly Partial<WebhookBehaviour>[] = [], servers = 1) {
  const webhooks = new WebhookServers(behaviours.map((each) => ({ name: '', failures: 0, denials: 0, message: '', ...each })), constant(0));
  const base = setUp(servers, webhooks);
  const { simulation, client, connections } = base;
  const ask = (object: KubernetesObject, answers = new Answers(simulation), tag = 0) => {
    const { resource } = infoOfKind(object.apiVersion, object.kind)!;
    const { namespace, name } = object.metadata;
    client.request({ verb: 'create', resource, namespace, name, body: object }, answers, tag);
    return answers;
  };
  const create = (object: KubernetesObject) => {
    const sent = simulation.now;
    const answers = ask(object);
    simulation.run(simulation.now + 60e9);
    const [answer] = answers.list;
    return { ...answer!.response, took: answer!.at - sent };
  };
  for (const object of [
    manifest({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { inject: 'yes' } } }),
    manifest({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'shop' } }),
    ...objects,
  ]) {
    assert.equal(create(object).code, 201, object.metadata.name);
  }
  const stored = <T extends KubernetesObject>(resource: string, key: string) => connections.servers[0]!.cache(resource).objects.get(key) as T | undefined;
  return { ...base, webhooks, ask, create, stored };
}

function pod(name: string, labels: Record<string, string> = {}): Pod {
  const containers = [{ name: 'c', image: 'nginx:1', resources: { requests: { cpu: '100m' } } }];
  return manifest({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop', labels }, spec: { containers } }) as Pod;
}

function configuration(kind: 'Mutating' | 'Validating', name: string, webhooks: readonly Record<string, unknown>[]): KubernetesObject {
  const rules = [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }];
  return manifest({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}WebhookConfiguration`,
    metadata: { name },
    webhooks: webhooks.map((each) => ({ rules, clientConfig: { url: 'https://hooks.example.com/' }, sideEffects: 'None', admissionReviewVersions: ['v1'], ...each })),
  });
}

test('mutating webhooks add up their time, validating ones cost the longest, and the change is stored', () => {
  const plain = world([]).create(pod('p')).took;
  const { create, stored, webhooks } = world(
    [
      configuration('Mutating', 'b', [{ name: 'second.example.com' }]),
      configuration('Mutating', 'a', [{ name: 'first.example.com' }]),
      configuration('Validating', 'v', [{ name: 'v1.example.com' }, { name: 'v2.example.com' }]),
    ],
    [
      { name: 'first.example.com', latency: constant(3e6), labels: { sidecar: 'on' } },
      { name: 'second.example.com', latency: constant(5e6), annotations: { seen: 'yes' } },
      { name: 'v1.example.com', latency: constant(20e6) },
      { name: 'v2.example.com', latency: constant(7e6) },
    ],
  );
  assert.equal(create(pod('p')).took - plain, 3e6 + 5e6 + 20e6);
  const { labels, annotations } = stored<Pod>('pods', 'shop/p')!.metadata;
  assert.deepEqual([labels, annotations], [{ sidecar: 'on' }, { seen: 'yes' }]);
  assert.deepEqual([...webhooks.figures].map(([name, { calls }]) => [name, calls]), [
    ['first.example.com', 1],
    ['second.example.com', 1],
    ['v1.example.com', 1],
    ['v2.example.com', 1],
  ]);
});

test('a webhook that wants to is asked again when a later one has changed the object', () => {
  const setting = (reinvocationPolicy: string) =>
    world(
      [configuration('Mutating', 'a', [{ name: 'first.example.com', reinvocationPolicy }, { name: 'second.example.com' }])],
      [{ name: 'second.example.com', labels: { late: 'yes' } }],
    );
  for (const [policy, calls] of [['Never', 1], ['IfNeeded', 2]] as const) {
    const { create, webhooks } = setting(policy);
    create(pod('p'));
    assert.equal(webhooks.figures.get('first.example.com')!.calls, calls, policy);
    assert.equal(webhooks.figures.get('second.example.com')!.calls, 1);
  }
});

test('a slow webhook: 500 after its timeout with failurePolicy Fail, no refusal with Ignore; one that is down fails at once', () => {
  const setting = (failurePolicy: string, behaviour: Partial<WebhookBehaviour>) =>
    world([configuration('Validating', 'v', [{ name: 'v.example.com', failurePolicy, timeoutSeconds: 2 }])], [{ name: 'v.example.com', ...behaviour }]);
  const plain = world([]).create(pod('p')).took;
  const slow = setting('Fail', { latency: constant(60e9) }).create(pod('p'));
  assert.equal(slow.code, 500);
  assert.equal(slow.reason, 'InternalError');
  assert.equal(
    slow.message,
    'Internal error occurred: failed calling webhook "v.example.com": failed to call webhook: Post "https://hooks.example.com/?timeout=2s": context deadline exceeded',
  );
  assert.ok(slow.took >= 2e9 && slow.took < 2e9 + plain);
  const ignored = setting('Ignore', { latency: constant(60e9) }).create(pod('p'));
  assert.deepEqual([ignored.code, ignored.took - plain], [201, 2e9]);
  const failing = setting('Fail', { failures: 1 });
  const { code, took } = failing.create(pod('p'));
  assert.equal(code, 500);
  assert.ok(took < plain);
  assert.equal(failing.stored('pods', 'shop/p'), undefined);
  const denied = setting('Fail', { denials: 1, message: 'pods need an owner' }).create(pod('p'));
  assert.deepEqual([denied.code, denied.message], [403, 'admission webhook "v.example.com" denied the request: pods need an owner']);
});

test('namespaces and accounts that come in time are waited for', () => {
  const { ask, simulation } = world([]);
  const late = manifest({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'late' } });
  const config = (namespace: string) => manifest({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace }, data: {} });
  const missing = ask(config('nowhere'));
  const soon = ask(config('late'));
  ask(late);
  const lone = { ...pod('q'), metadata: { ...pod('q').metadata, namespace: 'late' } };
  simulation.run(simulation.now + 30e6);
  const start = simulation.now;
  const waiting = ask(lone);
  simulation.run(simulation.now + 500e6);
  assert.deepEqual([missing.list[0]!.response.code, missing.list[0]!.response.message], [404, 'namespaces "nowhere" not found']);
  assert.equal(soon.list[0]!.response.code, 201);
  assert.equal(waiting.list.length, 0);
  ask(manifest({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'late' } }));
  simulation.run(simulation.now + 1e9);
  assert.equal(waiting.list[0]!.response.code, 201);
  assert.ok(waiting.list[0]!.at - start < 800e6);
});

function quota(hard: Record<string, string>): ResourceQuota {
  return manifest({ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q', namespace: 'shop' }, spec: { hard } }) as ResourceQuota;
}

/** Gives a quota its first status, as its controller does. */
function activate({ client, simulation, stored }: ReturnType<typeof world>): void {
  const current = stored<ResourceQuota>('resourcequotas', 'shop/q')!;
  const { hard } = current.spec;
  const used = Object.fromEntries(Object.keys(hard!).map((name) => [name, 0]));
  const body = { ...current, status: { hard, used } } as ResourceQuota;
  client.request({ verb: 'update', resource: 'resourcequotas', subresource: 'status', namespace: 'shop', name: 'q', body }, new Answers(simulation), 0);
  simulation.run(simulation.now + 1e9);
}

test('a quota lets through what fits, refuses the rest in its words, and one status write serves a batch', () => {
  const all = world([quota({ pods: '3', 'requests.cpu': '1' })]);
  const before = all.create(pod('early'));
  assert.deepEqual([before.code, before.message], [403, 'pods "early" is forbidden: status unknown for quota: q, resources: pods,requests.cpu']);
  activate(all);
  const revision = all.etcd.revision;
  const answers = new Answers(all.simulation);
  for (let i = 0; i < 5; i++) all.ask(pod(`p${i}`), answers, i);
  all.simulation.run(all.simulation.now + 5e9);
  const codes = answers.list.map(({ response }) => response.code).sort();
  assert.deepEqual(codes, [201, 201, 201, 403, 403]);
  const refusal = answers.list.find(({ response }) => response.code === 403)!.response;
  assert.match(refusal.message!, /^pods "p\d" is forbidden: exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3$/);
  assert.deepEqual(all.stored<ResourceQuota>('resourcequotas', 'shop/q')!.status!.used, { pods: 3, 'requests.cpu': 300 });
  const writes = all.etcd.revision - revision - 3;
  assert.ok(writes >= 1 && writes <= 2, `two cores bring requests in pairs: ${writes} status writes`);
});

test('two servers that charge one quota at once never let more through than it allows', () => {
  let conflicts = 0;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.array(fc.nat(1_500_000), { minLength: 5, maxLength: 20 }), (limit, gaps) => {
      const all = world([quota({ pods: String(limit) })], [], 2);
      activate(all);
      const { simulation, connections, clientHost, client } = all;
      const clients = [client, new RestClient(simulation, connections, 'kubernetes-admin', clientHost, 1, 0, 0)];
      const answers = new Answers(simulation);
      gaps.forEach((gap, i) => {
        const name = `p${i}`;
        clients[i % 2]!.request({ verb: 'create', resource: 'pods', namespace: 'shop', name, body: pod(name) }, answers, i);
        simulation.run(simulation.now + gap);
      });
      simulation.run(simulation.now + 20e9);
      const count = (code: number) => answers.list.filter(({ response }) => response.code === code).length;
      assert.equal(count(201) + count(403) + count(409), gaps.length);
      conflicts += count(409);
      for (const server of connections.servers) assert.equal(server.cache('pods').objects.size, count(201));
      assert.ok(count(201) <= limit, `${count(201)} pods, ${limit} allowed`);
      assert.equal(count(201) < limit && count(403) > 0, false, 'nobody is refused while there is room');
      const { used } = all.stored<ResourceQuota>('resourcequotas', 'shop/q')!.status!;
      assert.ok(used!['pods']! >= count(201));
    }),
    { numRuns: 40 },
  );
  assert.ok(conflicts < 40, `${conflicts} requests lost against the other server three times and more`);
});
