/**
 * The pending events of a simulation. Events are 32-byte records in typed arrays (time, key, next, target, opcode,
 * generation, argument); an event list orders indexes of records by (time, key). `key` is phase × 2^48 + sequence number, so
 * that events of one instant run by phase and, inside a phase, in the order in which they were scheduled.
 */

/** Columns of the event records, shared by the pool and the event list that orders them. */
export interface EventColumns {
  /** Time of occurrence, nanoseconds. */
  time: Float64Array;
  /** phase × 2^48 + sequence number. */
  key: Float64Array;
  /** Free-list link, or a link an event list may use for its own chains. */
  next: Uint32Array;
  target: Uint32Array;
  opcode: Uint16Array;
  generation: Uint16Array;
  argument: Uint32Array;
}

/**
 * An order over event records. All implementations give the same order: by time, then by key.
 * `remove` takes a record out that has not been popped; an implementation may do so lazily as long as `size` is right and a
 * removed record is never returned by `pop` (the record's index is not reused before the list has let go of it).
 */
export interface EventList {
  readonly size: number;
  /** Told when the columns were reallocated because the pool grew. */
  attach(columns: EventColumns): void;
  push(index: number): void;
  /** Index of the earliest record, removed; -1 when empty. */
  pop(): number;
  /** Time of the earliest record; Infinity when empty. */
  peekTime(): number;
  remove(index: number): void;
}

/** Names accepted by `--event-list`. */
export type EventListName = 'heap' | 'fastpriorityqueue';
