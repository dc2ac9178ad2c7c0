import { type EventList, type EventRecords, NO_TARGET } from './event-list.js';

/** Cancelled records are swept out when there are more of them than this and than of the others. */
const SWEEP = 1024;

/**
 * A 4-ary heap over event records that leaves a hole at its root after a pop: the push that usually follows sifts down from
 * there, so that a pop and a push cost one pass. Times are beside the record numbers; keys are looked up on ties only.
 */
export class HeapEventList implements EventList {
  private readonly records: EventRecords;
  private dead = 0;
  private times = new Float64Array(1024);
  private order = new Int32Array(1024);
  /** Places in use, the hole included. */
  private length = 0;
  private hole = false;

  constructor(records: EventRecords) {
    this.records = records;
  }

  get bytes(): number {
    return this.times.byteLength + this.order.byteLength;
  }

  push(record: number): void {
    this.insert(record);
  }

  pop(limit: number): number {
    for (;;) {
      this.close();
      if (this.length === 0 || this.times[0]! > limit) return 0;
      const record = this.order[0]!;
      this.hole = true;
      if (this.records.i32[(record << 3) + 5] !== NO_TARGET) return record;
      this.dead--;
      this.records.release(record);
    }
  }

  peekTime(): number {
    for (;;) {
      this.close();
      if (this.length === 0) return Number.POSITIVE_INFINITY;
      const record = this.order[0]!;
      if (this.records.i32[(record << 3) + 5] !== NO_TARGET) return this.times[0]!;
      this.hole = true;
      this.dead--;
      this.records.release(record);
    }
  }

  cancelled(pending: number): void {
    if (++this.dead > SWEEP && this.dead > pending) this.sweep();
  }

  private insert(record: number): void {
    const time = this.records.f64[record << 2]!;
    if (this.hole) {
      this.hole = false;
      this.down(time, record);
      return;
    }
    if (this.length === this.times.length) this.grow();
    const { times, order } = this;
    const { f64 } = this.records;
    const key = f64[(record << 2) + 1]!;
    let place = this.length++;
    while (place > 0) {
      const parent = (place - 1) >> 2;
      const other = times[parent]!;
      if (other < time || (other === time && f64[(order[parent]! << 2) + 1]! < key)) break;
      times[place] = other;
      order[place] = order[parent]!;
      place = parent;
    }
    times[place] = time;
    order[place] = record;
  }

  /** Fills the hole with the last element. */
  private close(): void {
    if (!this.hole) return;
    this.hole = false;
    this.length--;
    if (this.length > 0) this.down(this.times[this.length]!, this.order[this.length]!);
  }

  /** Sifts an element down from the root. */
  private down(time: number, record: number): void {
    const { times, order, length } = this;
    const { f64 } = this.records;
    const key = f64[(record << 2) + 1]!;
    let place = 0;
    for (;;) {
      let other = (place << 2) + 1;
      if (other >= length) break;
      let child = other;
      let least = times[child]!;
      const end = other + 4 < length ? other + 4 : length;
      for (other++; other < end; other++) {
        const candidate = times[other]!;
        if (candidate < least) {
          child = other;
          least = candidate;
        } else if (candidate === least && f64[(order[other]! << 2) + 1]! < f64[(order[child]! << 2) + 1]!) {
          child = other;
        }
      }
      if (time < least || (time === least && key < f64[(order[child]! << 2) + 1]!)) break;
      times[place] = least;
      order[place] = order[child]!;
      place = child;
    }
    times[place] = time;
    order[place] = record;
  }

  /** Releases every cancelled record and builds the heap anew. */
  private sweep(): void {
    this.close();
    const old = this.order.slice(0, this.length);
    this.length = 0;
    for (const record of old) {
      if (this.records.i32[(record << 3) + 5] === NO_TARGET) this.records.release(record);
      else this.insert(record);
    }
    this.dead = 0;
  }

  private grow(): void {
    const size = this.times.length * 2;
    const times = new Float64Array(size);
    times.set(this.times);
    this.times = times;
    const order = new Int32Array(size);
    order.set(this.order);
    this.order = order;
  }
}
