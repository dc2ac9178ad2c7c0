import { sweepChain } from './chains.js';
import type { EventRecords } from './event-list.js';

/** The unsorted top of a ladder: a chain of far events in order of arrival, with what is needed to deal it out. */
export class FarEvents {
  count = 0;
  /** Least and greatest time, and the sum of all times. */
  minimum: number = Number.POSITIVE_INFINITY;
  maximum: number = Number.NEGATIVE_INFINITY;
  sum = 0.5;
  private readonly records: EventRecords;
  private first = 0;
  private last = 0;

  constructor(records: EventRecords) {
    this.records = records;
    // Begins as a fraction, so that the engine keeps the sum unboxed from the start.
    this.sum = 0;
  }

  /** Appends an event. */
  push(record: number, time: number): void {
    const { i32 } = this.records;
    i32[(record << 3) + 4] = 0;
    if (this.count++ === 0) this.first = record;
    else i32[(this.last << 3) + 4] = record;
    this.last = record;
    this.sum += time;
    if (time < this.minimum) this.minimum = time;
    if (time > this.maximum) this.maximum = time;
  }

  /** The whole chain, oldest first; leaves nothing. */
  takeAll(): number {
    const chain = this.first;
    this.count = 0;
    this.sum = 0;
    this.minimum = Number.POSITIVE_INFINITY;
    this.maximum = Number.NEGATIVE_INFINITY;
    return chain;
  }

  /** Releases the cancelled events. */
  sweep(): void {
    const { records } = this;
    let chain = this.count === 0 ? 0 : sweepChain(records, this.first);
    this.takeAll();
    while (chain !== 0) {
      const next = records.i32[(chain << 3) + 4]!;
      this.push(chain, records.f64[chain << 2]!);
      chain = next;
    }
  }
}
