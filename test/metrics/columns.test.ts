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

test('values take the bytes that they need', () => {
  const rows = 4096 * 20;
  const bytesOf = (value: (row: number) => number): number => {
    const column = new NumberColumn();
    for (let row = 0; row < rows; row++) column.push(value(row));
    return column.bytes;
  };
  // The piece that is being filled.
  const open = 4096 * 8;
  assert.ok(bytesOf((row) => Math.floor(row / 4096)) < open + 1000);
  assert.ok(bytesOf((row) => row % 100) <= open + rows);
  assert.ok(bytesOf((row) => row % 1000) <= open + 2 * rows);
  assert.ok(bytesOf((row) => row) <= open + 4 * rows);
  assert.ok(bytesOf((row) => (row % 15) + 0.5) <= open + rows + 20 * 15 * 8);
  assert.ok(bytesOf((row) => row + 0.5) <= open + 8 * rows);
});

test('a table gives back its columns', () => {
  const column = (name: string, type: 'double' | 'string') => ({ name, type, unit: '', description: '' });
  const table = new TableRecorder({ name: 't', description: '', columns: [column('count', 'double'), column('name', 'string')] });
  for (let row = 0; row < ROWS; row++) table.append([row % 100, row % 2 === 0 ? 'even' : 'odd']);
  assert.equal(table.length, ROWS);
  assert.equal(table.column('count')[ROWS - 1], 99);
  assert.equal(table.column('name')[ROWS - 1], 'odd');
  assert.throws(() => table.column('none'), /has no column none/);
});
