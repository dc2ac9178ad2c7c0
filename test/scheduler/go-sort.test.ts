import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { goSort } from '../../src/scheduler/go-sort.js';
import { popTies, topOfHeap } from '../../src/scheduler/ties.js';

const byKey = { less: (a: { key: number }, b: { key: number }) => a.key < b.key };

test('sorts whatever it is given, short and long, with many equal elements', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(8), { maxLength: 300 }), (keys) => {
      const items = keys.map((key, index) => ({ key, index }));
      goSort(items, byKey);
      assert.deepEqual(
        items.map((item) => item.key),
        [...keys].sort((a, b) => a - b),
      );
      assert.equal(new Set(items.map((item) => item.index)).size, keys.length);
    }),
    { seed: 1, numRuns: 300 },
  );
});

test('up to twelve elements it is an insertion sort: an order that is always true turns them round', () => {
  const items = [1, 2, 3, 4, 5];
  goSort(items, { less: () => true });
  assert.deepEqual(items, [5, 4, 3, 2, 1]);
});

test('ties leave the heap in the order of Go container/heap', () => {
  // By hand: heapify [5 9 9 1 9] sifts 9 (index 1) up; pops then take the last element to the root each time.
  assert.deepEqual(popTies(Float64Array.of(5, 9, 9, 1, 9)), [1, 4, 2]);
  assert.equal(topOfHeap(Float64Array.of(5, 9, 9, 1, 9)), 1);
  assert.deepEqual(popTies(Float64Array.of(7)), [0]);
});
