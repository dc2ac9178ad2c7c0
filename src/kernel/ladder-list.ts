import { reverseTies, sortChain, sweepChain } from './chains.js';
import { type EventList, type EventRecords, NO_TARGET } from './event-list.js';
import { FarEvents } from './far-events.js';
import { Rungs } from './rungs.js';

/** A bucket with more events than this is dealt into a rung of its own; a smaller one is sorted into the bottom. */
const THRESHOLD = 48;
/** The bottom is dealt into a rung when pushes make it longer than this. */
const SPILL = 128;
/** Buckets are sorted into the bottom until it holds so many events. */
const BATCH = 3;
/** How many events a bucket of the first rung is meant to hold, at the rate at which events came lately. */
const PER_BUCKET = 2;
/** How far the events that are dealt from the top reach at least and at most, in units of their mean distance from the first. */
const LEAST_REACH = 0.5;
const MOST_REACH = 10;
/** Up to so many events, the top is dealt into five times as many buckets; above, memory and cache count for more. */
const SPARSE = 1 << 17;
/** Cancelled records are swept out when there are more of them than this and than of the others. */
const SWEEP = 1024;

/**
 * Ladder queue (Tang, Goh and Thng 2005) with first-in-first-out runs of ties. Far events wait unsorted in `top`; when they
 * are needed they are dealt into the buckets of a rung, a crowded bucket into a deeper rung, and only the few events of the next
 * bucket are ordered, by insertion into a sorted array (`bottom`). A bucket whose events all have one time becomes a `run`, put in order of key
 * once and consumed from its head; events scheduled meanwhile for that time join its tail. So a push and a pop cost O(1) amortized.
 *
 * Every chain goes through the records' `next`. All events of one time are in one place below the top, except between run and bottom,
 * which `pop` compares.
 */
export class LadderEventList implements EventList {
  private readonly records: EventRecords;
  private dead = 0;

  private readonly top: FarEvents;
  /** First time in the top when it was last opened, and events sorted since: the recent rate. */
  private lastOpening = 0;
  private served = 0;
  /** Events after this time go to the top. */
  private topStart: number = Number.NEGATIVE_INFINITY;

  private readonly rungs: Rungs;
  /** The arrays of the rungs, one step nearer. */
  private readonly shape: Float64Array;
  private readonly heads: Int32Array[];

  /** The next events in order, from `bottomAt` to before `bottomEnd`. */
  private bottomTimes = new Float64Array(2 * SPILL);
  private bottomRecords = new Int32Array(2 * SPILL);
  private bottomAt = 0;
  private bottomEnd = 0;
  private spillAt = SPILL;
  /** Time of an event that was taken and whose place another has taken; no event to come is before it. */
  private handled: number = Number.NEGATIVE_INFINITY;

  private run = 0;
  private runTail = 0;
  private runTime: number = Number.NEGATIVE_INFINITY;

  constructor(records: EventRecords) {
    this.records = records;
    this.top = new FarEvents(records);
    this.rungs = new Rungs(records);
    this.shape = this.rungs.shape;
    this.heads = this.rungs.heads;
  }

  get bytes(): number {
    return this.rungs.bytes + this.bottomTimes.byteLength + this.bottomRecords.byteLength;
  }

  push(record: number, time: number): void {
    const end = this.bottomEnd;
    // Most are among the next few: before the last of the bottom there is nothing in rungs and top.
    if (this.bottomAt < end && time < this.bottomTimes[end - 1]!) {
      this.pushNear(time, record);
      return;
    }
    if (time > this.topStart) {
      this.top.push(record, time);
      return;
    }
    const { i32 } = this.records;
    const { shape } = this;
    const { count } = this.rungs;
    for (let rung = 0, at = 0; rung < count; rung++, at += 4) {
      const position = (time - shape[at]!) * shape[at + 1]!;
      if (position >= shape[at + 2]!) {
        const heads = this.heads[rung]!;
        const buckets = shape[at + 3]!;
        const bucket = position < buckets ? position | 0 : buckets - 1;
        if (bucket < shape[at + 2]!) continue;
        i32[(record << 3) + 4] = heads[bucket]!;
        heads[bucket] = record;
        return;
      }
    }
    this.pushNear(time, record);
  }

  pop(limit: number): number {
    for (;;) {
      let record: number;
      if (this.run !== 0) {
        record = this.popRunOrBottom(limit);
        if (record === 0) return 0;
      } else {
        const at = this.bottomAt;
        if (at === this.bottomEnd) {
          if (!this.refill()) return 0;
          continue;
        }
        if (this.bottomTimes[at]! > limit) return 0;
        record = this.bottomRecords[at]!;
        this.bottomAt = at + 1;
      }
      if (this.records.i32[(record << 3) + 5] !== NO_TARGET) return record;
      this.dead--;
      this.records.release(record);
    }
  }

  peekTime(): number {
    for (;;) {
      const empty = this.bottomAt === this.bottomEnd;
      if (this.run === 0 && empty) {
        if (!this.refill()) return Number.POSITIVE_INFINITY;
        continue;
      }
      const fromRun = this.run !== 0 && (empty || this.bottomTimes[this.bottomAt]! >= this.runTime);
      const record = fromRun ? this.run : this.bottomRecords[this.bottomAt]!;
      if (this.records.i32[(record << 3) + 5] !== NO_TARGET) return this.records.f64[record << 2]!;
      if (fromRun) this.run = this.records.i32[(record << 3) + 4]!;
      else this.bottomAt++;
      this.dead--;
      this.records.release(record);
    }
  }

  cancelled(pending: number): void {
    if (++this.dead > SWEEP && this.dead > pending) this.sweep();
  }

  /** A record not after everything in top and rungs: it joins the run of its time, or the bottom. */
  private pushNear(time: number, record: number): void {
    if (time === this.runTime && this.run !== 0) {
      const { f64, i32 } = this.records;
      if (f64[(record << 2) + 1]! > f64[(this.runTail << 2) + 1]!) {
        i32[(record << 3) + 4] = 0;
        i32[(this.runTail << 3) + 4] = record;
        this.runTail = record;
        return;
      }
    }
    this.served++;
    this.pushBottom(time, record);
    if (this.bottomEnd - this.bottomAt > this.spillAt) this.spill();
  }

  private popRunOrBottom(limit: number): number {
    const { f64, i32 } = this.records;
    const record = this.run;
    const at = this.bottomAt;
    if (at < this.bottomEnd) {
      const time = this.bottomTimes[at]!;
      const first = this.bottomRecords[at]!;
      if (time < this.runTime || (time === this.runTime && f64[(first << 2) + 1]! < f64[(record << 2) + 1]!)) {
        if (time > limit) return 0;
        this.bottomAt = at + 1;
        return first;
      }
    }
    if (this.runTime > limit) return 0;
    this.run = i32[(record << 3) + 4]!;
    return record;
  }

  private pushBottom(time: number, record: number): void {
    if (this.bottomEnd === this.bottomTimes.length) this.growBottom();
    const times = this.bottomTimes;
    const order = this.bottomRecords;
    const { f64 } = this.records;
    const first = this.bottomAt;
    const end = this.bottomEnd;
    let place: number;
    if (first > 0 && time < times[(first + end) >> 1]! && first < end) {
      // Nearer to the front, where there is room since events were taken: the few before it move down.
      place = this.bottomAt = first - 1;
      if (times[place]! > this.handled) this.handled = times[place]!;
      for (;;) {
        const other = times[place + 1]!;
        if (other > time || (other === time && f64[(order[place + 1]! << 2) + 1]! > f64[(record << 2) + 1]!)) break;
        times[place] = other;
        order[place] = order[place + 1]!;
        place++;
      }
      times[place] = time;
      order[place] = record;
      return;
    }
    place = this.bottomEnd++;
    while (place > first) {
      const other = times[place - 1]!;
      if (other < time || (other === time && f64[(order[place - 1]! << 2) + 1]! < f64[(record << 2) + 1]!)) break;
      times[place] = other;
      order[place] = order[place - 1]!;
      place--;
    }
    times[place] = time;
    order[place] = record;
  }

  /** Makes the next events available in run or bottom; false when there are none anywhere. */
  private refill(): boolean {
    this.spillAt = SPILL;
    this.bottomAt = 0;
    this.bottomEnd = 0;
    for (;;) {
      if (this.rungs.count > 0) {
        const chain = this.gather(this.rungs.count - 1);
        if (this.bottomEnd > 0) return true;
        if (chain === 0) this.rungs.count--;
        else if (this.settle(chain)) return true;
      } else {
        if (this.top.count === 0) return false;
        if (this.openTop()) return true;
      }
    }
  }

  /**
   * Sorts the events of a rung's next buckets into the empty bottom until it holds a batch. A bucket that is crowded or begins with a tie
   * ends the batch; when it is the first, it is taken out and returned for `settle`. 0 with an empty bottom: the rung is used up.
   */
  private gather(rung: number): number {
    const { f64, i32 } = this.records;
    const { shape } = this;
    const times = this.bottomTimes;
    const order = this.bottomRecords;
    const heads = this.heads[rung]!;
    const at = rung << 2;
    const buckets = shape[at + 3]! | 0;
    let bucket = shape[at + 2]! | 0;
    let end = 0;
    let crowded = 0;
    for (; bucket < buckets && end < BATCH; bucket++) {
      let chain = heads[bucket]!;
      if (chain === 0) continue;
      const next = i32[(chain << 3) + 4]!;
      let time = f64[chain << 2]!;
      if (next === 0) {
        heads[bucket] = 0;
        times[end] = time;
        order[end++] = chain;
        continue;
      }
      const first = end;
      const last = end + THRESHOLD;
      if (f64[next << 2] !== time) {
        for (; chain !== 0 && end < last; chain = i32[(chain << 3) + 4]!) {
          time = f64[chain << 2]!;
          let place = end++;
          while (place > first) {
            const other = times[place - 1]!;
            if (other < time || (other === time && f64[(order[place - 1]! << 2) + 1]! < f64[(chain << 2) + 1]!)) break;
            times[place] = other;
            order[place] = order[place - 1]!;
            place--;
          }
          times[place] = time;
          order[place] = chain;
        }
        if (chain === 0) {
          heads[bucket] = 0;
          continue;
        }
        end = first;
      }
      if (end === 0) {
        crowded = heads[bucket]!;
        heads[bucket++] = 0;
      }
      break;
    }
    shape[at + 2] = bucket;
    this.bottomEnd = end;
    this.served += end;
    return crowded;
  }

  /** Brings the near part of the top into a rung (false), or all of it into bottom or run (true). */
  private openTop(): boolean {
    const { f64, i32 } = this.records;
    const { count, minimum, maximum } = this.top;
    const buckets = count < SPARSE ? 5 * count : count;
    const distance = this.top.sum / count - minimum;
    const wanted = (PER_BUCKET * buckets * (minimum - this.lastOpening)) / (this.served + 1);
    const reach = minimum + Math.min(MOST_REACH * distance, Math.max(LEAST_REACH * distance, wanted));
    this.lastOpening = minimum;
    this.served = 0;
    let chain = this.top.takeAll();
    if (count <= THRESHOLD || !(reach > minimum)) {
      this.topStart = maximum;
      return this.settle(chain);
    }
    this.topStart = reach;
    const inverse = buckets / (reach - minimum);
    const heads = this.rungs.open(buckets, minimum, inverse);
    while (chain !== 0) {
      const word = (chain << 3) + 4;
      const next = i32[word]!;
      const time = f64[chain << 2]!;
      if (time > reach) {
        this.top.push(chain, time);
      } else {
        const position = (time - minimum) * inverse;
        const bucket = position < buckets ? position | 0 : buckets - 1;
        i32[word] = heads[bucket]!;
        heads[bucket] = chain;
      }
      chain = next;
    }
    return false;
  }

  /** Brings a chain into the bottom or the run (true), or into a deeper rung (false). */
  private settle(chain: number): boolean {
    const { f64, i32 } = this.records;
    let next = i32[(chain << 3) + 4]!;
    if (next !== 0 && f64[next << 2]! === f64[chain << 2]!) {
      const head = reverseTies(this.records, chain);
      if (head > 0) {
        this.run = head;
        this.runTail = chain;
        this.runTime = f64[chain << 2]!;
        return true;
      }
      chain = -head;
    }
    let minimum = Number.POSITIVE_INFINITY;
    let maximum = Number.NEGATIVE_INFINITY;
    let count = 0;
    for (let record = chain; record !== 0; record = i32[(record << 3) + 4]!) {
      const time = f64[record << 2]!;
      if (time < minimum) minimum = time;
      if (time > maximum) maximum = time;
      count++;
    }
    if (minimum === maximum) {
      this.sortRun(chain, minimum);
      return true;
    }
    if (count > THRESHOLD && this.rungs.deal(chain, count, minimum, maximum)) return false;
    for (; chain !== 0; chain = next) {
      next = i32[(chain << 3) + 4]!;
      this.pushBottom(f64[chain << 2]!, chain);
    }
    return true;
  }

  /**
   * Deals the bottom into a rung, when many events turned out to be nearer than the nearest bucket. The rung begins at the event handled
   * last, so that it takes what is still to come; what ties with the run stays in the bottom.
   */
  private spill(): void {
    const { i32 } = this.records;
    const times = this.bottomTimes;
    const order = this.bottomRecords;
    const end = this.bottomEnd;
    let first = this.bottomAt;
    let start = Math.max(this.runTime, this.handled, first > 0 ? times[first - 1]! : this.handled);
    if (this.run !== 0) while (first < end && times[first]! <= this.runTime) first++;
    // A look ahead may have passed cancelled events that lie after those scheduled since.
    if (!(start > Number.NEGATIVE_INFINITY) || start > times[first]!) start = times[first]!;
    const count = end - first;
    let chain = 0;
    if (count > THRESHOLD && !this.rungs.full && times[end - 1]! > times[first]!) {
      for (let i = first; i < end; i++) {
        i32[(order[i]! << 3) + 4] = chain;
        chain = order[i]!;
      }
      this.bottomEnd = first;
      this.rungs.deal(chain, count, start, times[end - 1]!);
    } else {
      this.spillAt = 2 * (end - this.bottomAt);
    }
  }

  /** Makes a chain of ties the run, in order of key. */
  private sortRun(chain: number, time: number): void {
    const { i32 } = this.records;
    this.run = sortChain(this.records, chain);
    this.runTime = time;
    for (let record = this.run; record !== 0; record = i32[(record << 3) + 4]!) this.runTail = record;
  }

  /** Releases every cancelled record. */
  private sweep(): void {
    this.top.sweep();
    this.rungs.sweep();
    this.run = sweepChain(this.records, this.run);
    for (let record = this.run; record !== 0; record = this.records.i32[(record << 3) + 4]!) this.runTail = record;
    let kept = this.bottomAt;
    for (let at = kept; at < this.bottomEnd; at++) {
      const record = this.bottomRecords[at]!;
      if (this.records.i32[(record << 3) + 5] === NO_TARGET) {
        this.records.release(record);
      } else {
        this.bottomTimes[kept] = this.bottomTimes[at]!;
        this.bottomRecords[kept++] = record;
      }
    }
    this.bottomEnd = kept;
    this.dead = 0;
  }

  private growBottom(): void {
    const size = this.bottomTimes.length * 2;
    const times = new Float64Array(size);
    times.set(this.bottomTimes);
    this.bottomTimes = times;
    const order = new Int32Array(size);
    order.set(this.bottomRecords);
    this.bottomRecords = order;
  }
}
