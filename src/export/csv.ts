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
/** Values of a column whose fields are remembered: in most columns few differ. */
const REMEMBERED = 16_384;

/**
 * A table as RFC 4180 CSV in parts: header with the column names first, line feeds, fields quoted only where needed. Parts
 * so that a big table never exists as one text.
 */
export function* tableToCsv(table: Table): Generator<string> {
  const columns = table.spec.columns.map((column) => table.column(column.name));
  const fields = columns.map(() => new Fields());
  yield stringify([table.spec.columns.map((column) => column.name)]);
  for (let from = 0; from < table.length; from += ROWS_AT_ONCE) {
    const to = Math.min(table.length, from + ROWS_AT_ONCE);
    let part = '';
    for (let row = from; row < to; row++) {
      for (let i = 0; i < columns.length; i++) {
        if (i > 0) part += ',';
        part += fields[i]!.of(columns[i]![row]!);
      }
      part += '\n';
    }
    yield part;
  }
}

/** The values of a column as fields, each made once where they come again and again. */
class Fields {
  private readonly known = new Map<number | string, string>();
  private hits = 0;
  private remembers = true;
  private last: number | string = '';
  private lastField = '';

  of(value: number | string): string {
    if (value === this.last && value !== '') return this.lastField;
    this.last = value;
    this.lastField = this.remembers ? this.find(value) : toField(value);
    return this.lastField;
  }

  private find(value: number | string): string {
    const { known } = this;
    let field = known.get(value);
    if (field !== undefined) {
      this.hits++;
      return field;
    }
    field = toField(value);
    if (known.size === REMEMBERED) {
      this.remembers = this.hits > REMEMBERED;
      this.hits = 0;
      known.clear();
    }
    known.set(value, field);
    return field;
  }
}

/** A number needs no quotes. */
function toField(value: number | string): string {
  return typeof value === 'number' ? formatNumber(value) : stringify([[value]]).slice(0, -1);
}
