import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NumberColumn, TextColumn } from '../../src/metrics/columns.js';
import { TableRecorder } from '../../src/metrics/recorder.js';

/** More than one piece, and part of another. */
const ROWS = 10_000;

function numbers(value: (row: number) => number): void {
  const column = new NumberColumn();
  const expected: number[] = [];
  for (let row = 0; row < ROWS; row++) {
    column.push(value(row));
    expected.push(value(row));
  }
  // deepEqual tells minus zero from zero, and finds NaN equal to NaN.
  assert.deepEqual([...column.values()], expected);
}

test('a column of numbers gives back exactly what was pushed, whatever its pieces hold', () => {
  numbers(() => 7);
  numbers(() => Number.NaN);
  numbers(() => -0);
  numbers((row) => row % 128);
  numbers((row) => (row % 2 === 0 ? -128 : 127));
  numbers((row) => (row % 2 === 0 ? -129 : 0));
  numbers((row) => (row % 2 === 0 ? 128 : 0));
  numbers((row) => (row % 2 === 0 ? 32_767 : -32_768));
  numbers((row) => (row % 2 === 0 ? 32_768 : 0));
  numbers((row) => (row % 2 === 0 ? 2 ** 31 - 1 : -(2 ** 31)));
  numbers((row) => (row % 2 === 0 ? 2 ** 31 : 0));
  numbers((row) => row * 0.1);
  numbers((row) => [0.005, 0.25, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY][row % 4]!);
  numbers((row) => (row % 15 === 14 ? row + 0.5 : Number.NaN));
  numbers((row) => (row % 256) + 0.5);
  numbers((row) => (row % 257) + 0.5);
  // Minus zero is not zero, wherever it stands.
  numbers((row) => (row === 5 ? -0 : 0));
  numbers((row) => (row === 5 ? -0 : 0.5));
  numbers((row) => (row === 4095 ? 2 ** 53 : 1));
});

test('any numbers, in any order of kinds', () => {
  const kinds = [fc.constant(1), fc.integer(), fc.double(), fc.constantFrom(0, -0, Number.NaN, 0.5)];
  fc.assert(
    fc.property(fc.array(fc.nat({ max: kinds.length - 1 }), { minLength: 1, maxLength: 3 }), fc.integer(), (chosen, seed) => {
      const column = new NumberColumn();
      const expected: number[] = [];
      for (const [i, kind] of chosen.entries()) expected.push(...fc.sample(kinds[kind]! as fc.Arbitrary<number>, { numRuns: 4096, seed: seed + i }));
      for (const value of expected) column.push(value);
      assert.deepEqual([...column.values()], expected);
    }),
    { numRuns: 10 },
  );
});

test('a column of texts gives back what was pushed, with few different texts and with many', () => {
  for (const different of [1, 256, 257, 2000, 3000, 70_000, 1_000_000]) {
    const column = new TextColumn();
    const rows = different >= 70_000 ? 150_000 : ROWS;
    const expected: string[] = [];
    for (let row = 0; row < rows; row++) {
      const text = `text ${(row * 7) % different}`;
      column.push(text);
      expected.push(text);
    }
    assert.deepEqual(column.values(), expected);
  }
});

test('texts that stop coming again are kept as they are', () => {
  const column = new TextColumn();
  const expected = Array.from({ length: 30_000 }, (_, row) => (row < 10_000 ? `a${row % 3}` : row < 25_000 ? `b${row}` : 'a1'));
  for (const text of expected) column.push(text);
  assert.deepEqual(column.values(), expected);
});

test('whole numbers of a table take the bytes that they need', () => {
  const table = new TableRecorder({
    name: 't',
    description: '',
    columns: [
      { name: 'time', type: 'double', unit: '', description: '' },
      { name: 'count', type: 'integer', unit: '', description: '' },
      { name: 'name', type: 'string', unit: '', description: '' },
    ],
  });
  const rows = 200_000;
  const before = process.memoryUsage().arrayBuffers;
  for (let row = 0; row < rows; row++) table.append([Math.floor(row / 10_000), row % 100, row % 2 === 0 ? 'even' : 'odd']);
  // At most one byte a row each, and the pieces that are being filled; eight each would be 4.8 MB.
  assert.ok(process.memoryUsage().arrayBuffers - before < 4 * rows);
  assert.equal(table.length, rows);
  assert.equal((table.column('count') as Float64Array)[rows - 1], 99);
  assert.equal(table.column('name')[rows - 1], 'odd');
});
