import type { Table } from '../metrics/recorder.js';

/** An event of the Chrome trace format; times in microseconds. */
export interface TraceEvent {
  readonly ph: 'X' | 'C' | 'i' | 'M' | 's' | 'f';
  readonly name: string;
  readonly pid: number;
  readonly tid?: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly s?: 't';
  /** Category and number of a flow, which join its start and its end; `bp` e: it ends in the slice around, not in the next. */
  readonly cat?: string;
  readonly id?: number;
  readonly bp?: 'e';
  readonly args?: Readonly<Record<string, string | number>>;
}

/** Names a process, a group of tracks, and says its place among the others: by number. */
export function* process(pid: number, name: string): Generator<TraceEvent> {
  yield { ph: 'M', name: 'process_name', pid, args: { name } };
  yield { ph: 'M', name: 'process_sort_index', pid, args: { sort_index: pid } };
}

/** Names a thread: a track. */
export function thread(pid: number, tid: number, name: string): TraceEvent {
  return { ph: 'M', name: 'thread_name', pid, tid, args: { name } };
}

/** Seconds as whole nanoseconds, in microseconds. */
export function micros(seconds: number): number {
  return Math.round(seconds * 1e9) / 1000;
}

/** Length of a slice from one instant to another, both rounded as they stand in the file: slices that meet do not overlap. */
export function duration(from: number, to: number): number {
  return (Math.round(to * 1e9) - Math.round(from * 1e9)) / 1000;
}

/** Reads one row of a table by column name. */
export interface Row {
  number(column: string): number;
  text(column: string): string;
}

/** Rows of a table one by one; the object is only good until the next. */
export function* rows(table: Table | undefined): Generator<Row> {
  if (table === undefined) return;
  const columns = new Map(table.spec.columns.map((column) => [column.name, table.column(column.name)]));
  for (let i = 0; i < table.length; i++) {
    yield {
      number: (column) => columns.get(column)![i] as number,
      text: (column) => columns.get(column)![i] as string,
    };
  }
}
