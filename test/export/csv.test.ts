import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatNumber, tableToCsv } from '../../src/export/csv.js';
import { TableRecorder, type TableSpec } from '../../src/metrics/recorder.js';

const SPEC: TableSpec = {
  name: 'sample',
  description: '',
  columns: [
    { name: 'time', type: 'double', unit: 'seconds', description: '' },
    { name: 'message', type: 'string', unit: '', description: '' },
    { name: 'count', type: 'integer', unit: '', description: '' },
  ],
};

test('quotes where needed, empty for what has not happened', () => {
  const table = new TableRecorder(SPEC);
  table.append([0.1, 'plain', 1]);
  table.append([Number.NaN, 'with "quotes", commas\nand lines', 1_000_000_000_000]);
  assert.equal(
    [...tableToCsv(table)].join(''),
    'time,message,count\n0.1,plain,1\n,"with ""quotes"", commas\nand lines",1000000000000\n',
  );
});

test('an empty table has its header', () => {
  assert.equal([...tableToCsv(new TableRecorder(SPEC))].join(''), 'time,message,count\n');
});

test('parts join without loss at any size', () => {
  const table = new TableRecorder(SPEC);
  for (let i = 0; i < 20_000; i++) table.append([i / 8, `row ${i}`, i]);
  const lines = [...tableToCsv(table)].join('').split('\n');
  assert.equal(lines.length, 20_002);
  assert.equal(lines[8193], '1024,row 8192,8192');
  assert.equal(lines[20_000], '2499.875,row 19999,19999');
});

test('numbers read back as the same double', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true }), (value) => {
      assert.ok(Object.is(Number(formatNumber(value)), value === 0 ? 0 : value));
    }),
  );
});
