import { ByteWriter, type ColumnSource, ParquetWriter, type SchemaElement } from 'hyparquet-writer';
import type { ColumnSpec, Table, TableSpec } from '../metrics/recorder.js';

const CREATED_BY = 'towtank';

/** Rows of a row group: what a reader must hold at once, and what a writer does. */
export const ROWS_PER_GROUP = 100_000;

/** Columns of some rows of a table, in the order of its specification. */
export type ColumnChunk = readonly (Float64Array | readonly string[])[];

/**
 * Writes a table as Parquet row group by row group, so that a table of any length needs the memory of one (Snappy; dictionaries where
 * they help, differences of whole numbers that are never null). Numbers are DOUBLE, whole numbers INT64, texts UTF-8; NaN is null. Units and descriptions are key-value metadata. The file
 * holds no wall-clock time: equal rows in equal chunks give equal bytes.
 */
export class ParquetStream {
  private readonly spec: TableSpec;
  private readonly bytes = new ByteWriter(1 << 20);
  private readonly writer: ParquetWriter;

  constructor(spec: TableSpec) {
    this.spec = spec;
    const elements = spec.columns.map(schemaElement);
    this.writer = new ParquetWriter({
      writer: this.bytes,
      schema: [{ name: 'root', num_children: elements.length }, ...elements],
      createdBy: CREATED_BY,
      kvMetadata: [
        { key: 'towtank.table', value: spec.name },
        { key: 'towtank.description', value: spec.description },
        {
          key: 'towtank.columns',
          value: JSON.stringify(spec.columns.map(({ name, unit, description }) => ({ name, unit, description }))),
        },
      ],
    });
  }

  /** Adds rows as one row group and returns the bytes to append to the file; none for no rows. */
  write(columns: ColumnChunk): Uint8Array {
    if (columns[0] !== undefined && columns[0].length > 0) {
      const columnData = this.spec.columns.map((column, i) => source(column, columns[i]!));
      this.writer.write({ columnData, rowGroupSize: columns[0].length });
    }
    return this.take();
  }

  /** The end of the file. */
  finish(): Uint8Array {
    this.writer.finish();
    return this.take();
  }

  private take(): Uint8Array {
    const part = this.bytes.getBytes().slice();
    this.bytes.index = 0;
    return part;
  }
}

/** A table as one Parquet file, in parts. */
export function* parquetParts(table: Table): Generator<Uint8Array> {
  const stream = new ParquetStream(table.spec);
  const columns = table.spec.columns.map((column) => table.column(column.name));
  for (let from = 0; from < table.length; from += ROWS_PER_GROUP) {
    yield stream.write(columns.map((column) => column.slice(from, Math.min(table.length, from + ROWS_PER_GROUP))));
  }
  yield stream.finish();
}

/** A table as the bytes of one Parquet file. */
export function tableToParquet(table: Table): Uint8Array {
  return Uint8Array.from(Buffer.concat([...parquetParts(table)]));
}

function schemaElement(column: ColumnSpec): SchemaElement {
  const { name, type } = column;
  if (type === 'string') return { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' };
  const physical = type === 'double' ? 'DOUBLE' : column.bits === 32 ? 'INT32' : 'INT64';
  return { name, type: physical, repetition_type: column.nullable === false ? 'REQUIRED' : 'OPTIONAL' };
}

function source(column: ColumnSpec, values: Float64Array | readonly string[]): ColumnSource {
  const { name, type } = column;
  if (type === 'string') return { name, data: values as string[], statistics: false };
  const numbers = values as Float64Array;
  if (column.nullable !== false && numbers.some(Number.isNaN)) {
    const whole = type === 'integer' && column.bits !== 32;
    return { name, data: Array.from(numbers, (value) => (Number.isNaN(value) ? null : whole ? BigInt(value) : value)) };
  }
  if (type === 'double') return { name, data: numbers };
  // Bounds of a row group help a reader only where values are in some order.
  const statistics = column.unordered !== true;
  if (column.bits === 32) return { name, data: Int32Array.from(numbers), statistics };
  // Numbers and times of rows rise by little: their differences take a third of the space, and less time to write.
  return { name, data: toInt64(numbers), statistics, ...(column.nullable === false ? { encoding: 'DELTA_BINARY_PACKED' as const } : {}) };
}

const TWO_32 = 4294967296;

/** Whole numbers as 64-bit integers, in two halves: a BigInt for each would take several times as long. */
function toInt64(numbers: Float64Array): BigInt64Array {
  const halves = new Int32Array(numbers.length * 2);
  for (let i = 0; i < numbers.length; i++) {
    const high = Math.floor(numbers[i]! / TWO_32);
    halves[2 * i] = numbers[i]! - high * TWO_32;
    halves[2 * i + 1] = high;
  }
  return new BigInt64Array(halves.buffer);
}
