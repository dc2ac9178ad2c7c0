import type { Time } from '../kernel/time.js';
import type { TableSpec } from './recorder.js';

/** Takes filled columns of a table, in order; the arrays are reused after the call. */
export interface ColumnSink {
  write(spec: TableSpec, columns: readonly (Float64Array | readonly string[])[]): void;
}

/** Rows a chunk holds unless told otherwise. */
export const CHUNK_ROWS = 65_536;

/** A table of any length in the memory of one chunk: full chunks go to a sink. */
export class ChunkedTable {
  readonly spec: TableSpec;
  /** Rows appended so far. */
  length = 0;
  private readonly sink: ColumnSink;
  private readonly size: number;
  private readonly columns: (Float64Array | string[])[];
  private used = 0;

  constructor(spec: TableSpec, sink: ColumnSink, size = CHUNK_ROWS) {
    this.spec = spec;
    this.sink = sink;
    this.size = size;
    this.columns = spec.columns.map((column) =>
      column.type === 'string' ? new Array<string>(size).fill('') : new Float64Array(size),
    );
  }

  /** Appends a row; values in the order of the columns. */
  append(values: readonly (number | string)[]): void {
    const row = this.used;
    for (let i = 0; i < this.columns.length; i++) (this.columns[i] as (number | string)[])[row] = values[i]!;
    this.used++;
    this.length++;
    if (this.used === this.size) this.flush();
  }

  /** Hands over the rows that are left; call once at the end. */
  flush(): void {
    if (this.used === 0) return;
    const { used, size } = this;
    this.sink.write(this.spec, used === size ? this.columns : this.columns.map((column) => column.slice(0, used)));
    this.used = 0;
  }
}

/** Every event the simulation dispatched. */
export const EVENT_TRACE: TableSpec = {
  name: 'event_trace',
  description:
    'Every event of the simulation since time 0 of the run, in the order it was handled. Recorded when the scenario asks for it (record.eventTrace), as Parquet only.',
  source: 'The dispatcher of the simulation. A real cluster has nothing like it.',
  columns: [
    {
      name: 'event',
      type: 'integer',
      unit: '',
      description: 'Number of the event, from the beginning of the warm start: `run --explain` goes on from it.',
      nullable: false,
    },
    {
      name: 'time',
      type: 'integer',
      unit: 'nanoseconds',
      description: 'Simulated time since the start of the run.',
      nullable: false,
    },
    { name: 'target', type: 'string', unit: '', description: 'Component that handled it.' },
    {
      name: 'opcode',
      type: 'integer',
      unit: '',
      description: 'What the component was asked to do.',
      nullable: false,
      bits: 32,
      unordered: true,
    },
    { name: 'argument', type: 'integer', unit: '', description: 'Argument of the opcode.', nullable: false, unordered: true },
    {
      name: 'cause',
      type: 'integer',
      unit: '',
      description: 'Number of the event that scheduled it; 0 when that was before the trace began.',
      nullable: false,
      unordered: true,
    },
  ],
};

/** A trace sink of the simulation that records every event as a row. */
export class EventTrace {
  private readonly table: ChunkedTable;
  private readonly nameOf: (target: number) => string;
  private readonly names: string[] = [];
  private readonly row: (number | string)[] = [0, 0, '', 0, 0, 0];
  private readonly origin: Time;

  /**
   * @param nameOf name of a component by its number, asked once for each
   * @param origin simulated time that is 0 in the trace
   */
  constructor(sink: ColumnSink, nameOf: (target: number) => string, origin: Time = 0) {
    this.origin = origin;
    this.table = new ChunkedTable(EVENT_TRACE, sink);
    this.nameOf = nameOf;
  }

  event(time: Time, target: number, opcode: number, argument: number, sequence: number, cause: number): void {
    const { row } = this;
    row[0] = sequence;
    row[1] = time - this.origin;
    row[2] = this.names[target] ??= this.nameOf(target);
    row[3] = opcode;
    row[4] = argument;
    row[5] = cause;
    this.table.append(row);
  }

  /** Rows so far. */
  get length(): number {
    return this.table.length;
  }

  /** Hands over what is left; call at the end of the run. */
  end(): void {
    this.table.flush();
  }
}
