import { NumberColumn, TextColumn } from './columns.js';

/** What a table column holds; units are stated once, in the specification, and reach the documentation of outputs. */
export interface ColumnSpec {
  readonly name: string;
  readonly type: 'double' | 'integer' | 'string';
  /** `seconds`, `bytes`, `requests`, … ; empty when the column has none. */
  readonly unit: string;
  readonly description: string;
  /** Numbers only: false when NaN never occurs. */
  readonly nullable?: boolean;
  /** Whole numbers only: 32 when they fit in 32 signed bits. */
  readonly bits?: 32;
  /** Values come in no order, so that the least and the largest of some rows help nobody to find one. */
  readonly unordered?: boolean;
}

export interface TableSpec {
  readonly name: string;
  readonly description: string;
  /** Where its rows come from in the simulation, and what shows the same in a real cluster. */
  readonly source?: string;
  readonly columns: readonly ColumnSpec[];
}

/** A recorded table: columns of equal length. String columns hold texts, the others doubles. */
export interface Table {
  readonly spec: TableSpec;
  readonly length: number;
  /** Values of a column; throws when the table has no such column. */
  column(name: string): Float64Array | readonly string[];
}

/** Growing columns of one table. */
export class TableRecorder implements Table {
  readonly spec: TableSpec;
  length = 0;
  private readonly columns: readonly (NumberColumn | TextColumn)[];
  private readonly kept: boolean;

  /** @param kept false: rows are dropped, for a table that nobody wants */
  constructor(spec: TableSpec, kept = true) {
    this.spec = spec;
    this.kept = kept;
    this.columns = spec.columns.map((column) => (column.type === 'string' ? new TextColumn() : new NumberColumn()));
  }

  /** Appends a row; values in the order of the columns. */
  append(values: readonly (number | string)[]): void {
    if (!this.kept) return;
    this.length++;
    const { columns } = this;
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i]!;
      if (column instanceof NumberColumn) column.push(values[i] as number);
      else column.push(String(values[i]));
    }
  }

  /** Appends `count` rows at once, column by column: a value that all of them have, or a list of one for each. */
  appendRows(count: number, values: readonly (number | string | ArrayLike<number>)[]): void {
    if (!this.kept) return;
    this.length += count;
    const { columns } = this;
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i]!;
      const value = values[i]!;
      if (!(column instanceof NumberColumn)) column.fill(String(value), count);
      else if (typeof value === 'number') column.fill(value, count);
      else column.pushAll(value as ArrayLike<number>);
    }
  }

  /** Values of a column, put together from its pieces. */
  column(name: string): Float64Array | readonly string[] {
    const i = this.spec.columns.findIndex((column) => column.name === name);
    if (i < 0) throw new Error(`table ${this.spec.name} has no column ${name}`);
    return this.columns[i]!.values();
  }
}

/** All tables of a run, by name, in order of creation. */
export class Recorder {
  private readonly byName = new Map<string, TableRecorder>();
  private readonly without: readonly string[];

  /** @param without names of tables that are left out: what is appended to them is dropped */
  constructor(without: readonly string[] = []) {
    this.without = without;
  }

  /** Whether a table is wanted; who makes rows only for one that is not may leave it. */
  records(spec: TableSpec): boolean {
    return !this.without.includes(spec.name);
  }

  /** The table of a specification; created on first use. */
  table(spec: TableSpec): TableRecorder {
    let table = this.byName.get(spec.name);
    if (table === undefined) {
      table = new TableRecorder(spec, this.records(spec));
      this.byName.set(spec.name, table);
    }
    return table;
  }

  get tables(): readonly TableRecorder[] {
    return [...this.byName.values()].filter((table) => this.records(table.spec));
  }
}
