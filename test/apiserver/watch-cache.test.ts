import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubernetesObject } from '../../src/api/meta.js';
import { WatchCache } from '../../src/apiserver/watch-cache.js';

function object(name: string, revision: number): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'n', uid: name, resourceVersion: revision, generation: 1, creationTimestamp: 0 },
  };
}

test('a watch from any revision in the window gets every later change once, in order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ name: fc.integer({ min: 0, max: 5 }), remove: fc.boolean() }), { minLength: 1, maxLength: 300 }),
      fc.nat(300),
      (changes, from) => {
        const cache = new WatchCache('pods');
        const live = new Map<string, number>();
        const expected: number[] = [];
        changes.forEach(({ name, remove }, i) => {
          const revision = i + 1;
          const key = `n/p${name}`;
          if (remove && !live.has(key)) return;
          if (remove) live.delete(key);
          else live.set(key, revision);
          cache.apply(key, remove ? undefined : object(`p${name}`, revision), revision, i * 1e9);
          if (revision > from) expected.push(revision);
        });
        const records = cache.since(from);
        if (records !== undefined) assert.deepEqual(records.map((record) => record.revision), expected);
        assert.deepEqual([...cache.objects.keys()].sort(), [...live.keys()].sort());
      },
    ),
  );
});

test('the window keeps events of the last 75 s, then says "too old"', () => {
  const cache = new WatchCache('pods');
  for (let i = 1; i <= 1000; i++) cache.apply('n/p', object('p', i), i, i * 1e9);
  assert.equal(cache.since(100), undefined);
  const records = cache.since(925);
  assert.equal(records?.length, 75);
});

test('the type of a change follows from what was there', () => {
  const cache = new WatchCache('pods');
  assert.equal(cache.apply('n/p', object('p', 1), 1, 0)?.type, 'ADDED');
  assert.equal(cache.apply('n/p', object('p', 2), 2, 0)?.type, 'MODIFIED');
  assert.equal(cache.apply('n/p', object('p', 2), 2, 0), undefined, 'a revision seen before is no change');
  const deleted = cache.apply('n/p', undefined, 3, 0);
  assert.equal(deleted?.type, 'DELETED');
  assert.equal(deleted?.object.metadata.resourceVersion, 3);
});
