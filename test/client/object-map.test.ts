import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ObjectMap } from '../../src/client/object-map.js';

const change = fc.record({
  what: fc.constantFrom('put', 'put', 'delete'),
  key: fc.integer({ min: 0, max: 6 }).map((i) => `n/${i}`),
  hint: fc.integer({ min: -1, max: 4 }),
});

test('hints, right, wrong or out of date, change nothing of what a map of objects holds', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const objects = new ObjectMap<number>();
      const expected = new Map<string, number>();
      changes.forEach(({ what, key, hint }, i) => {
        if (what === 'put') {
          assert.equal(objects.put(key, i, hint), expected.get(key));
          expected.set(key, i);
        } else {
          objects.delete(key);
          expected.delete(key);
        }
        assert.deepEqual([...objects], [...expected]);
        assert.deepEqual([...objects.values()], [...expected.values()]);
        assert.equal(objects.size, expected.size);
        assert.equal(objects.has(key), expected.has(key));
        assert.equal(objects.get(key), expected.get(key));
      });
    }),
  );
});
