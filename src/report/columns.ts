import type { Table } from '../metrics/recorder.js';

/** A column for the browser: numbers (null for "has not happened"), or texts as indices into a dictionary. */
export type BrowserColumn =
  | readonly (number | null)[]
  | { readonly dictionary: readonly string[]; readonly index: readonly number[] };

/** A table for the browser. */
export interface BrowserTable {
  readonly length: number;
  readonly columns: Readonly<Record<string, BrowserColumn>>;
}

/** Chosen rows of a table, all columns; numbers with five significant digits, which no figure can show more of. */
export function takeRows(table: Table, rows: ArrayLike<number>, names = columnNames(table)): BrowserTable {
  const columns: Record<string, BrowserColumn> = {};
  for (const name of names) {
    const values = table.column(name);
    columns[name] = pick(values, rows);
  }
  return { length: rows.length, columns };
}

/** All rows of a table. */
export function allRows(table: Table): Uint32Array {
  return Uint32Array.from({ length: table.length }, (_, row) => row);
}

/** At most `limit` of the rows, evenly spread, first and last included. */
export function spread(rows: ArrayLike<number>, limit: number): Uint32Array {
  if (rows.length <= limit) return Uint32Array.from(rows);
  const step = (rows.length - 1) / (limit - 1);
  return Uint32Array.from({ length: limit }, (_, i) => rows[Math.round(i * step)]!);
}

/** How a column of several rows becomes one value. */
export type Aggregation = 'sum' | 'max' | 'min' | 'last' | 'mean' | { readonly meanBy: string };

/**
 * Rows of equal keys within windows of `width` seconds as one row, in order of first appearance. The `time` is the start of
 * the window. NaN counts as no observation.
 */
export function byWindow(
  table: Table,
  width: number,
  keys: readonly string[],
  aggregations: Readonly<Record<string, Aggregation>>,
): BrowserTable {
  const times = table.column('time') as Float64Array;
  const keyColumns = keys.map((key) => table.column(key));
  const names = Object.keys(aggregations);
  const cells = names.map((name) => new Aggregator(table, name, aggregations[name]!));
  const groups = new Map<string, number>();
  const first: number[] = [];
  const windows: number[] = [];
  for (let row = 0; row < table.length; row++) {
    const window = Math.floor(times[row]! / width) * width;
    let key = String(window);
    for (const column of keyColumns) key += `\u0000${column[row]}`;
    let group = groups.get(key);
    if (group === undefined) {
      group = first.length;
      groups.set(key, group);
      first.push(row);
      windows.push(window);
    }
    for (const cell of cells) cell.add(group, row);
  }
  const columns: Record<string, BrowserColumn> = { time: windows };
  keys.forEach((key, i) => {
    columns[key] = pick(keyColumns[i]!, first);
  });
  names.forEach((name, i) => {
    columns[name] = cells[i]!.values();
  });
  return { length: first.length, columns };
}

class Aggregator {
  private readonly column: Float64Array;
  private readonly weights: Float64Array | undefined;
  private readonly kind: 'sum' | 'max' | 'min' | 'last' | 'mean';
  private readonly totals: number[] = [];
  private readonly counts: number[] = [];

  constructor(table: Table, name: string, aggregation: Aggregation) {
    this.column = table.column(name) as Float64Array;
    this.kind = typeof aggregation === 'string' ? aggregation : 'mean';
    this.weights = typeof aggregation === 'string' ? undefined : (table.column(aggregation.meanBy) as Float64Array);
  }

  add(group: number, row: number): void {
    const value = this.column[row]!;
    const weight = this.weights === undefined ? 1 : this.weights[row]!;
    while (this.totals.length <= group) {
      this.totals.push(0);
      this.counts.push(0);
    }
    if (Number.isNaN(value)) return;
    const total = this.totals[group]!;
    const isFirst = this.counts[group] === 0;
    if (this.kind === 'sum') this.totals[group] = total + value;
    else if (this.kind === 'mean') this.totals[group] = total + value * weight;
    else if (this.kind === 'last' || isFirst) this.totals[group] = value;
    else this.totals[group] = this.kind === 'max' ? Math.max(total, value) : Math.min(total, value);
    this.counts[group] = this.counts[group]! + weight;
  }

  values(): (number | null)[] {
    return this.totals.map((total, group) => {
      const count = this.counts[group]!;
      if (count === 0) return null;
      return shorten(this.kind === 'mean' ? total / count : total);
    });
  }
}

function pick(values: Float64Array | readonly string[], rows: ArrayLike<number>): BrowserColumn {
  if (values instanceof Float64Array) return Array.from(rows, (row) => shorten(values[row]!));
  const numbers = new Map<string, number>();
  const index = Array.from(rows, (row) => {
    const text = values[row]!;
    let number = numbers.get(text);
    if (number === undefined) numbers.set(text, (number = numbers.size));
    return number;
  });
  return { dictionary: [...numbers.keys()], index };
}

function columnNames(table: Table): string[] {
  return table.spec.columns.map((column) => column.name);
}

function shorten(value: number): number | null {
  if (!Number.isFinite(value)) return null;
  return Number.isInteger(value) && Math.abs(value) < 1e6 ? value : Number(value.toPrecision(5));
}
