import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { OutputDirectory } from '../../src/export/output-directory.js';
import { tableToParquet } from '../../src/export/parquet.js';
import { ParquetSink } from '../../src/export/parquet-sink.js';
import { EVENT_TRACE, EventTrace } from '../../src/metrics/column-sink.js';
import { TableRecorder } from '../../src/metrics/recorder.js';
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

test('an event trace of many chunks streams to one file', async () => {
  const root = mkdtempSync(join(tmpdir(), 'towtank-trace-'));
  try {
    const directory = new OutputDirectory(join(root, 'out'));
    const sink = new ParquetSink(directory, 'canary.');
    const trace = new EventTrace(sink, (target) => `component-${target}`);
    const rows = 150_000;
    for (let i = 1; i <= rows; i++) trace.event(i * 1e9 + 7, i % 3, i % 40, 4294967295 - i, i, i >> 1);
    trace.end();
    sink.finish();
    directory.commit();
    assert.equal(trace.length, rows);
    const bytes = readFileSync(join(root, 'out', 'canary.event_trace.parquet'));
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    assert.equal(parquetMetadata(file).row_groups.length, 3);
    const read = await parquetReadObjects({ file, rowStart: 131_071, rowEnd: 131_073 });
    assert.deepEqual(read[1], {
      event: 131_073n,
      time: 131_073_000_000_007n,
      target: 'component-0',
      opcode: 33,
      argument: 4294836222n,
      cause: 65_536n,
    });
    assert.equal((await parquetReadObjects({ file, columns: ['cause'] })).length, rows);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test('whole numbers keep their value and sign', async () => {
  const table = new TableRecorder({ name: 't', description: '', columns: [EVENT_TRACE.columns[0]!] });
  const values = [0, -1, 1, -4294967297, 9007199254740991, -9007199254740991, 2147483648];
  for (const value of values) table.append([value]);
  const rows = await parquetReadObjects({ file: tableToParquet(table).buffer as ArrayBuffer });
  assert.deepEqual(
    rows.map((row) => Number(row['event'])),
    values,
  );
});
