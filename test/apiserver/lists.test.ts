import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { ApiRequest, ApiResponse } from '../../src/apiserver/request.js';
import { Answers, configMap, SetLabel } from '../client/harness.js';
import { World } from './real-etcd.js';

const LIST: ApiRequest = { verb: 'list', resource: 'configmaps', namespace: '', name: '' };

function inNamespace(namespace: string, name: string): KubernetesObject {
  const object = configMap(name);
  return { ...object, metadata: { ...object.metadata, namespace } };
}

function ask(world: World, request: ApiRequest, server = 0, patience = 10e9): ApiResponse {
  const answers = new Answers();
  world.clients[server]!.request(request, answers, 0);
  for (let i = 0; i < patience / 1e6 && answers.list.length === 0; i++) world.run(1e6);
  return answers.list[0]!;
}

function filled(counts: Readonly<Record<string, number>>): World {
  const world = new World('lists');
  for (const [namespace, count] of Object.entries(counts)) {
    for (let i = 0; i < count; i++) {
      const body = inNamespace(namespace, `m${(i * 7) % count}`);
      world.clients[0]!.request({ verb: 'create', resource: 'configmaps', namespace, name: body.metadata.name, body }, new Answers(), 0);
    }
  }
  world.run(500e6);
  return world;
}

const versions = (items: readonly KubernetesObject[]) => items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}@${metadata.resourceVersion}`);

test('the pages of a list are of one revision, whatever is written between them, whichever server answers, from cache or etcd', () => {
  const page = fc.record({ server: fc.nat(2), write: fc.nat(29), remove: fc.boolean() });
  const read = { cache: 0, etcd: 0 };
  fc.assert(
    fc.property(fc.array(page, { minLength: 12, maxLength: 12 }), fc.integer({ min: 3, max: 11 }), fc.constantFrom('', 'n', 'n-b'), fc.constantFrom('consistent', 'etcd'), (steps, limit, namespace, source) => {
      const world = filled({ n: 20, 'n-b': 10 });
      let response = ask(world, { ...LIST, namespace, limit, source });
      const { resourceVersion } = response;
      const items: KubernetesObject[] = [...response.items!];
      for (let i = 0; response.continue !== undefined; i++) {
        const { server, write, remove } = steps[i % steps.length]!;
        const object = write < 20 ? { namespace: 'n', name: `m${write}` } : { namespace: 'n-b', name: `m${write - 20}` };
        ask(world, { resource: 'configmaps', ...object, ...(remove ? { verb: 'delete' } : { verb: 'patch', patch: new SetLabel(String(i)) }) });
        const before = world.connections.servers[server]!.metrics.etcdRequests.get('list')?.get('configmaps')?.count ?? 0;
        response = ask(world, { ...LIST, namespace, limit, source, continue: response.continue }, server);
        const after = world.connections.servers[server]!.metrics.etcdRequests.get('list')?.get('configmaps')?.count ?? 0;
        read[after > before ? 'etcd' : 'cache']++;
        assert.equal(response.resourceVersion, resourceVersion);
        assert.ok(response.items!.length > 0 && response.items!.length <= limit);
        items.push(...response.items!);
      }
      world.gather();
      const wanted = [...world.storedAt(resourceVersion!)].filter(([key]) => namespace === '' || key.startsWith(`${namespace}/`)).sort(([a], [b]) => (a < b ? -1 : 1));
      assert.deepEqual(versions(items), wanted.map(([key, revision]) => `${key}@${revision}`));
    }),
    { numRuns: 60, seed: 4 },
  );
  assert.ok(read.cache > 20 && read.etcd > 20, JSON.stringify(read));
});

test('a page whose revision is compacted: 410 Expired in the words of the server', () => {
  const world = filled({ n: 12 });
  const first = ask(world, { ...LIST, limit: 5, source: 'consistent' });
  assert.equal(first.remainingItemCount, 7);
  for (let i = 0; i < 3; i++) ask(world, { verb: 'patch', resource: 'configmaps', namespace: 'n', name: 'm1', patch: new SetLabel(String(i)) });
  world.compact();
  world.run(100e6);
  // The server that has the snapshot does not ask etcd.
  assert.equal(ask(world, { ...LIST, limit: 5, source: 'consistent', continue: first.continue! }).code, 200);
  const { code, reason, message } = ask(world, { ...LIST, limit: 5, source: 'consistent', continue: first.continue! }, 1);
  assert.deepEqual([code, reason], [410, 'Expired']);
  assert.match(message!, /^The provided continue parameter is too old to display a consistent list result\./);
});

test('resourceVersion: "0" takes any state and ignores limits, N waits for it, one that never comes is too large', () => {
  const world = filled({ n: 12 });
  assert.equal(ask(world, { ...LIST, limit: 5 }).items!.length, 12);
  const { resourceVersion = 0 } = ask(world, LIST);
  // Server 1 hears nothing from etcd for a while; a list that must see the write waits until it does.
  for (let member = 0; member < 3; member++) world.network.setLink(member, 1, false);
  ask(world, { verb: 'patch', resource: 'configmaps', namespace: 'n', name: 'm1', patch: new SetLabel('new') });
  const old = ask(world, { ...LIST, resourceVersion }, 1);
  assert.equal(old.resourceVersion, resourceVersion);
  const answers = new Answers();
  world.clients[1]!.request({ ...LIST, resourceVersion: resourceVersion + 1 }, answers, 0);
  world.run(1e9);
  assert.equal(answers.list.length, 0);
  for (let member = 0; member < 3; member++) world.network.setLink(member, 1, true);
  world.run(3e9);
  assert.equal(answers.list[0]?.code, 200);
  assert.ok(answers.list[0].resourceVersion! > resourceVersion);
  const started = world.simulation.now;
  const never = ask(world, { ...LIST, resourceVersion: 1000 }, 0, 60e9);
  assert.equal(`${never.code} ${never.message}`, `504 Too large resource version: 1000, current: ${resourceVersion + 1}`);
  // Ten times more after Retry-After 1, each waits 3 s.
  assert.ok(world.simulation.now - started > 43e9 && world.simulation.now - started < 46e9, String(world.simulation.now - started));
});
