import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { tableToParquet } from '../../src/export/parquet.js';
import { PODS } from '../../src/metrics/tables.js';
import { sampleResults } from '../report/sample.js';

const result = sampleResults()[1]!;

test('another reader finds every row of every table', async () => {
  for (const table of result.tables) {
    const bytes = tableToParquet(table);
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    const rows = await parquetReadObjects({ file });
    assert.equal(rows.length, table.length, table.spec.name);
    for (const column of table.spec.columns) {
      const values = table.column(column.name);
      for (let row = 0; row < table.length; row++) {
        const expected = values[row]!;
        const read: unknown = rows[row]![column.name];
        if (typeof expected === 'string') assert.equal(read, expected);
        else if (Number.isNaN(expected)) assert.equal(read, null, `${table.spec.name}.${column.name} of row ${row}`);
        else assert.equal(Number(read), expected);
      }
    }
  }
});

test('the file describes itself and holds no wall-clock time', () => {
  const pods = result.tables.find((table) => table.spec === PODS)!;
  const bytes = tableToParquet(pods);
  const metadata = parquetMetadata(bytes.buffer as ArrayBuffer);
  assert.equal(metadata.created_by, 'towtank');
  const described = metadata.key_value_metadata!.find((entry) => entry.key === 'towtank.columns')!;
  assert.deepEqual(JSON.parse(described.value!)[5], {
    name: 'created',
    unit: 'seconds',
    description: 'Stored by the API server.',
  });
  assert.deepEqual(tableToParquet(pods), bytes, 'equal tables give equal bytes');
});
