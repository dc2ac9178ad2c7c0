/**
 * The pending events of a simulation. Events are 32-byte records in one buffer; an event list orders the numbers of records by
 * (time, key). `key` is phase × 2^48 + scheduling count, so that events of one instant run by phase and, inside a phase, in the order in
 * which they were scheduled.
 */

/** Largest number of records: their numbers take 24 bits of a handle. */
export const MAXIMUM_RECORDS = 2 ** 24;

/** Target of a record that no event uses: free, or cancelled and not yet let go of by the event list. */
export const NO_TARGET = -1;

const FIRST_CAPACITY = 1024;
/** Above this many records the pool grows by a quarter, so that memory stays near what is pending. */
const SLOW_GROWTH = 1 << 20;

/**
 * The pool of event records. Record k is doubles 4k (time) and 4k+1 (key), and words 8k+4 (next), 8k+5 (target), 8k+6 (opcode)
 * and 8k+7 (argument). One buffer for all fields: a record is half a cache line, so touching an event costs one miss. Record 0
 * is never used: number 0 says "none".
 */
export class EventRecords {
  /** The buffer as doubles and as 32-bit words. */
  f64: Float64Array = new Float64Array(4 * FIRST_CAPACITY);
  i32: Int32Array = new Int32Array(this.f64.buffer);
  /** First record of the free list, chained through `next`; 0 when empty. */
  free = 0;
  /** Records from here on were never used. */
  fresh = 1;
  /** Ordinal of the event that scheduled each record's event; null unless a trace asks for it. */
  causes: Float64Array | null = null;

  /** Bytes of the records. */
  get bytes(): number {
    return this.f64.byteLength + (this.causes === null ? 0 : this.causes.byteLength);
  }

  /** Takes a record. */
  take(): number {
    const record = this.free;
    if (record !== 0) {
      this.free = this.i32[(record << 3) + 4]!;
      return record;
    }
    if (this.fresh << 2 === this.f64.length) this.grow();
    return this.fresh++;
  }

  /** Gives a record back. */
  release(record: number): void {
    const word = record << 3;
    this.i32[word + 4] = this.free;
    this.i32[word + 5] = NO_TARGET;
    this.free = record;
  }

  /** Allocates the column of causes. */
  keepCauses(): void {
    this.causes ??= new Float64Array(this.f64.length >> 2);
  }

  private grow(): void {
    const size = this.f64.length >> 2;
    const wanted = Math.min(MAXIMUM_RECORDS, size < SLOW_GROWTH ? size * 2 : size + (size >> 2));
    if (wanted === size) throw new RangeError(`more than ${MAXIMUM_RECORDS} pending events`);
    const f64 = new Float64Array(4 * wanted);
    f64.set(this.f64);
    this.f64 = f64;
    this.i32 = new Int32Array(f64.buffer);
    if (this.causes !== null) {
      const causes = new Float64Array(wanted);
      causes.set(this.causes);
      this.causes = causes;
    }
  }
}

/**
 * An order over event records. All implementations give the same order: by time, then by key. Cancelling is O(1): the simulation
 * marks the record with `NO_TARGET` and tells the list, which releases the record when it meets it.
 */
export interface EventList {
  /** @param time the record's time, which the caller has at hand */
  push(record: number, time: number): void;
  /** The earliest record whose time is at most `limit`, removed but not released; 0 when there is none. */
  pop(limit: number): number;
  /** Time of the earliest event; Infinity when empty. */
  peekTime(): number;
  /** Bytes of its own arrays. */
  readonly bytes: number;
  /** One record of the list was marked as cancelled; so many events are still pending. */
  cancelled(pending: number): void;
}

/** Names accepted by `--event-list`. */
export const EVENT_LISTS = ['ladder', 'heap', 'fastpriorityqueue'] as const;
export type EventListName = (typeof EVENT_LISTS)[number];
