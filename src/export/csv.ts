import { stringify } from 'csv-stringify/sync';
import type { Table } from '../metrics/recorder.js';

/**
 * A number as text: the shortest decimal that reads back as the same double (ECMAScript Number::toString, the same in every
 * engine and locale). NaN, "has not happened", is the empty field.
 */
export function formatNumber(value: number): string {
  return Number.isNaN(value) ? '' : String(value);
}

const ROWS_AT_ONCE = 8192;

/**
 * A table as RFC 4180 CSV in parts: header with the column names first, line feeds, fields quoted only where needed. Parts
 * so that a big table never exists as one text.
 */
export function* tableToCsv(table: Table): Generator<string> {
  const columns = table.spec.columns.map((column) => table.column(column.name));
  yield stringify([table.spec.columns.map((column) => column.name)]);
  for (let from = 0; from < table.length; from += ROWS_AT_ONCE) {
    const to = Math.min(table.length, from + ROWS_AT_ONCE);
    const rows: string[][] = [];
    for (let row = from; row < to; row++) {
      rows.push(columns.map((column) => field(column[row]!)));
    }
    yield stringify(rows);
  }
}

function field(value: number | string): string {
  return typeof value === 'number' ? formatNumber(value) : value;
}
