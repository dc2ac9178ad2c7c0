import type { Duration, Time } from '../kernel/time.js';
import { MILLISECOND } from '../kernel/time.js';

/** kubelet --cpu-cfs-quota-period: a container may use limit × period of processor time in each period. */
export const CFS_PERIOD: Duration = 100 * MILLISECOND;

/** Differences of accumulated work below this, in nanoseconds, are rounding. */
const ROUNDING = 0.5;

/**
 * The processor time of one container: requests in service share the cores evenly (egalitarian processor sharing, at most one
 * core each), and all of them stand still from the exhaustion of the quota until the next period begins (CFS bandwidth control,
 * kernel/sched/fair.c, without its slices of 5 ms). Work is kept in virtual time: the work that each request in service has had.
 */
export class CpuShare {
  /** Requests in service. */
  count = 0;
  /** Processor time used so far, nanoseconds. */
  used = 0;
  private readonly cores: number;
  /** Processor nanoseconds of a period; Infinity: no limit. */
  private readonly quota: number;
  private readonly origin: Time;
  private left: number;
  private period = 0;
  private now: Time;
  private virtual = 0;
  /** Requests by virtual time of their end: a binary heap, ties by order of arrival. */
  private rows: number[] = [];
  private ends: number[] = [];
  private orders: number[] = [];
  private order = 0;

  /** @param limit cores of the container's CPU limit, Infinity: none  @param start when the container's periods begin */
  constructor(cores: number, limit: number, start: Time) {
    this.cores = cores;
    this.quota = limit * CFS_PERIOD;
    this.left = this.quota;
    this.origin = start;
    this.now = start;
  }

  /** Accounts for the time until `now`: at most until `next()` while there are requests. */
  advance(now: Time): void {
    const elapsed = now - this.now;
    this.now = now;
    const rate = this.rate();
    this.virtual += elapsed * rate;
    const used = elapsed * rate * this.count;
    this.used += used;
    this.left -= used;
    const period = Math.floor((now - this.origin) / CFS_PERIOD);
    if (period === this.period) return;
    this.period = period;
    this.left = this.quota;
  }

  /** A request with so much work begins. Call `advance` before. */
  add(row: number, work: number): void {
    if (this.count === 0) this.virtual = 0;
    this.rows.push(row);
    this.ends.push(this.virtual + work);
    this.orders.push(this.order++);
    this.rise(this.count++);
  }

  /** Takes out a request, whatever work is left of it. Call `advance` before. */
  remove(row: number): void {
    const place = this.rows.indexOf(row);
    if (place >= 0) this.removeAt(place);
  }

  /** Takes out a request whose work is done; 0 when there is none. Call `advance` before. */
  take(): number {
    if (this.count === 0 || this.ends[0]! > this.virtual + ROUNDING) return 0;
    const row = this.rows[0]!;
    this.removeAt(0);
    return row;
  }

  /** When something happens next: a request ends, the quota is used up, or a period begins. Infinity: nothing. */
  next(): Time {
    if (this.count === 0) return Number.POSITIVE_INFINITY;
    const boundary = this.quota === Number.POSITIVE_INFINITY ? this.quota : this.origin + (this.period + 1) * CFS_PERIOD;
    const rate = this.rate();
    if (rate === 0) return boundary;
    const done = Math.max(0, (this.ends[0]! - this.virtual) / rate);
    const exhausted = this.left / (rate * this.count);
    return Math.min(this.now + Math.ceil(Math.min(done, exhausted)), boundary);
  }

  /** When the last request ends if those in service are followed by `waiting` ones with so much work, `places` at once. */
  lastEnd(waiting: readonly number[], places: number): Time {
    const copy = new CpuShare(this.cores, this.quota / CFS_PERIOD, this.origin);
    copy.left = this.left;
    copy.period = this.period;
    copy.now = this.now;
    copy.virtual = this.virtual;
    copy.count = this.count;
    copy.rows = [...this.rows];
    copy.ends = [...this.ends];
    copy.orders = [...this.orders];
    copy.order = this.order;
    let begun = 0;
    for (;;) {
      while (copy.take() !== 0);
      while (copy.count < places && begun < waiting.length) copy.add(1, waiting[begun++]!);
      if (copy.count === 0) return copy.now;
      copy.advance(copy.next());
    }
  }

  /** Work that each request in service gets in a unit of time. */
  private rate(): number {
    if (this.count === 0 || this.left <= ROUNDING) return 0;
    return this.count <= this.cores ? 1 : this.cores / this.count;
  }

  private removeAt(place: number): void {
    this.count--;
    const last = this.count;
    if (place !== last) this.swap(place, last);
    this.rows.pop();
    this.ends.pop();
    this.orders.pop();
    if (place === last) return;
    this.rise(place);
    this.sink(place);
  }

  private before(a: number, b: number): boolean {
    const difference = this.ends[a]! - this.ends[b]!;
    return difference === 0 ? this.orders[a]! < this.orders[b]! : difference < 0;
  }

  private rise(place: number): void {
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.before(place, parent)) return;
      this.swap(place, parent);
      place = parent;
    }
  }

  private sink(place: number): void {
    for (;;) {
      let least = 2 * place + 1;
      if (least >= this.count) return;
      if (least + 1 < this.count && this.before(least + 1, least)) least++;
      if (!this.before(least, place)) return;
      this.swap(place, least);
      place = least;
    }
  }

  private swap(a: number, b: number): void {
    const { rows, ends, orders } = this;
    const row = rows[a]!;
    const end = ends[a]!;
    const order = orders[a]!;
    rows[a] = rows[b]!;
    ends[a] = ends[b]!;
    orders[a] = orders[b]!;
    rows[b] = row;
    ends[b] = end;
    orders[b] = order;
  }
}
