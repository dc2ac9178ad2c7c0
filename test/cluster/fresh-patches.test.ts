import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { KubernetesObject, ObjectMeta } from '../../src/api/meta.js';
import { decide, type RegistryContext } from '../../src/apiserver/registry.js';
import type { ApiRequest, Patch } from '../../src/apiserver/request.js';
import { LabelPatch } from '../../src/cluster/scheduler-perf/patches.js';
import { AddFinalizerPatch } from '../../src/controllers/attachment-patches.js';
import { RemoveFinalizerPatch } from '../../src/controllers/garbage-collector.js';
import { AdoptPatch } from '../../src/controllers/ownership.js';
import { root } from './scenario.js';

const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'r', controller: true };

/** Patches that say that what they make is fresh, with what they change. */
const fresh: Readonly<Record<string, [Patch, Partial<ObjectMeta>]>> = {
  LabelPatch: [new LabelPatch('zone', 'b'), { labels: { app: 'a', zone: 'b' } }],
  AddFinalizerPatch: [new AddFinalizerPatch('f'), { finalizers: ['kept', 'f'] }],
  RemoveFinalizerPatch: [new RemoveFinalizerPatch('kept'), { finalizers: [] }],
  AdoptPatch: [new AdoptPatch(owner, 'f'), { ownerReferences: [owner], finalizers: ['kept', 'f'] }],
};

const context: RegistryContext = {
  now: 5e9,
  newUid: () => 'new',
  newNameSuffix: () => 'abcde',
  newClusterIP: () => '10.96.0.1',
  newNodePort: () => 30_001,
};

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const inner of Object.values(Object.freeze(value))) frozen(inner);
  return value;
}

const stored = frozen({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: 'c',
    namespace: 'n',
    uid: 'u',
    resourceVersion: 7,
    generation: 3,
    creationTimestamp: 1,
    labels: { app: 'a' },
    finalizers: ['kept'],
  },
  spec: { data: 'x' },
  extra: { deep: 1 },
} as KubernetesObject);

function patched(patch: Patch): KubernetesObject {
  const request: ApiRequest = { verb: 'patch', resource: 'configmaps', namespace: 'n', name: 'c', patch };
  const decision = decide(request, stored, context);
  assert.equal(decision.kind, 'put');
  return (decision as { readonly object: KubernetesObject }).object;
}

test('all fresh patches are known here', () => {
  const found: string[] = [];
  const folder = join(root, 'src');
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const parts = readFileSync(join(folder, file), 'utf8').split(/class (\w+)/);
    for (let i = 1; i < parts.length; i += 2) if (/readonly fresh = true/.test(parts[i + 1]!)) found.push(parts[i]!);
  }
  assert.deepEqual(found.sort(), Object.keys(fresh).sort());
});

for (const [name, [patch, change]] of Object.entries(fresh)) {
  test(`${name}: the server writes into what the patch made, and nothing that is stored`, () => {
    frozen(patch);
    const first = patched(patch);
    const second = patched(patch);
    assert.deepEqual({ ...first }, { ...stored, metadata: { ...stored.metadata, ...change } });
    assert.notEqual(first.metadata, stored.metadata);
    assert.notEqual(first.metadata, second.metadata, 'metadata of two writes is shared');
    assert.ok(!Object.isFrozen(first) && !Object.isFrozen(first.metadata));
  });
}

class Careless implements Patch {
  readonly bytes = 1;
  readonly fresh = true;

  apply(current: KubernetesObject): KubernetesObject {
    return { ...current, metadata: { ...current.metadata, uid: 'forged', resourceVersion: 99, creationTimestamp: 99, generation: 99, labels: { a: 'b' } } };
  }
}

test('a fresh result gets what the server owns, and an object with the old metadata a copy', () => {
  const { uid, resourceVersion, creationTimestamp, generation, labels } = patched(new Careless()).metadata;
  assert.deepEqual({ uid, resourceVersion, creationTimestamp, generation, labels }, { uid: 'u', resourceVersion: 7, creationTimestamp: 1, generation: 3, labels: { a: 'b' } });
  const data: Patch = { bytes: 1, fresh: true, apply: (current) => ({ ...current, extra: 1 }) as KubernetesObject };
  const object = patched(data);
  assert.notEqual(object.metadata, stored.metadata);
  assert.deepEqual(object.metadata, stored.metadata);
});
