import { ByteWriter, parquetWrite } from 'hyparquet-writer';
import type { ColumnSpec, Table } from '../metrics/recorder.js';

const CREATED_BY = 'towtank';
const ROWS_PER_GROUP = 100_000;

/**
 * A table as one Parquet file (Snappy; dictionaries where they help). Numbers are DOUBLE, or INT64 for integer columns
 * whose values all are; NaN becomes null. Units and descriptions of the columns are key-value metadata; the file
 * holds no wall-clock time, so that equal tables give equal bytes.
 */
export function tableToParquet(table: Table): Uint8Array {
  const writer = new ByteWriter();
  parquetWrite({
    writer,
    columnData: table.spec.columns.map((column) => source(table, column)),
    rowGroupSize: ROWS_PER_GROUP,
    createdBy: CREATED_BY,
    kvMetadata: [
      { key: 'towtank.table', value: table.spec.name },
      { key: 'towtank.description', value: table.spec.description },
      {
        key: 'towtank.columns',
        value: JSON.stringify(table.spec.columns.map(({ name, unit, description }) => ({ name, unit, description }))),
      },
    ],
  });
  return new Uint8Array(writer.getBuffer());
}

function source(table: Table, column: ColumnSpec) {
  const values = table.column(column.name);
  if (column.type === 'string') {
    return { name: column.name, data: values as string[], type: 'STRING' as const, nullable: false };
  }
  const numbers = values as Float64Array;
  const missing = numbers.some(Number.isNaN);
  if (column.type === 'integer') {
    const data = Array.from(numbers, (value) => (Number.isNaN(value) ? null : BigInt(value)));
    return { name: column.name, data, type: 'INT64' as const, nullable: missing };
  }
  const data = missing ? Array.from(numbers, (value) => (Number.isNaN(value) ? null : value)) : numbers;
  return { name: column.name, data, type: 'DOUBLE' as const, nullable: missing };
}
