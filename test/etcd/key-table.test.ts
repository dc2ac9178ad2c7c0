import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KeyName } from '../../src/etcd/key-space.js';
import { KeyTable } from '../../src/etcd/key-table.js';

/** Keys that share their ends, hence their hashes, and keys that differ in them. */
const keys = fc.tuple(fc.nat(3), fc.nat(400)).map(([kind, i]) => `/registry/${'x'.repeat(kind)}/a-long-common-end-of-the-key/${i % 7}-${i}`);

test('a table of keys finds what a Map finds, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), keys), { maxLength: 3000, size: 'max' }), (steps) => {
      const table = new KeyTable();
      const map = new Map<string, KeyName>();
      const names: (KeyName | null)[] = [];
      const free: number[] = [];
      for (const [comes, key] of steps) {
        const known = map.get(key);
        assert.equal(table.find(key, names), known);
        if (comes && known === undefined) {
          const ordinal = free.pop() ?? names.length;
          const name: KeyName = { key, ordinal, holders: 1, place: 0 };
          names[ordinal] = name;
          map.set(key, name);
          table.add(key, ordinal);
        } else if (!comes && known !== undefined) {
          table.remove(key, known.ordinal);
          map.delete(key);
          names[known.ordinal] = null;
          free.push(known.ordinal);
        }
      }
      for (const [key, name] of map) assert.equal(table.find(key, names), name);
    }),
    { numRuns: 30 },
  );
});

test('tens of thousands of keys are found, and no others', () => {
  const table = new KeyTable();
  const names: KeyName[] = [];
  for (let i = 0; i < 30_000; i++) {
    const key = `/registry/pods/default/web-${i}`;
    names.push({ key, ordinal: i, holders: 1, place: 0 });
    table.add(key, i);
  }
  for (let i = 0; i < 30_000; i++) {
    assert.equal(table.find(`/registry/pods/default/web-${i}`, names), names[i]);
    assert.equal(table.find(`/registry/nodes/web-${i}`, names), undefined);
  }
});
