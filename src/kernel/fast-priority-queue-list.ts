import FastPriorityQueue from 'fastpriorityqueue';
import { type EventList, type EventRecords, NO_TARGET } from './event-list.js';

interface Entry {
  readonly time: number;
  readonly key: number;
  readonly record: number;
}

/** The order of the library's heap. */
export function earlier(a: Entry, b: Entry): boolean {
  return a.time < b.time || (a.time === b.time && a.key < b.key);
}

/** The library `fastpriorityqueue` behind the event-list interface: an independent oracle for the order of events. */
export class FastPriorityQueueEventList implements EventList {
  private readonly records: EventRecords;
  private readonly queue = new FastPriorityQueue<Entry>(earlier);

  constructor(records: EventRecords) {
    this.records = records;
  }

  /** The library's entries are objects: an estimate of 40 bytes each. */
  get bytes(): number {
    return this.queue.size * 40;
  }

  push(record: number): void {
    this.queue.add({ time: this.records.f64[record << 2]!, key: this.records.f64[(record << 2) + 1]!, record });
  }

  pop(limit: number): number {
    if (this.peekTime() > limit) return 0;
    const entry = this.queue.poll();
    if (entry === undefined) return 0;
    return entry.record;
  }

  peekTime(): number {
    for (let entry = this.queue.peek(); entry !== undefined; entry = this.queue.peek()) {
      if (this.records.i32[(entry.record << 3) + 5] !== NO_TARGET) return entry.time;
      this.queue.poll();
      this.records.release(entry.record);
    }
    return Number.POSITIVE_INFINITY;
  }

  cancelled(): void {}
}
