import type { Time } from '../kernel/time.js';
import { type Call, type CallTable, twinOf } from './call.js';
import { type Deadlines, TIMED_OUT } from './deadlines.js';
import { SlotList } from './slot-list.js';

/** Calls that one server works on, in order of arrival, for the case that it dies; with those that have been answered 504 and are still worked on. */
export class InFlight {
  private readonly calls: CallTable;
  private readonly slots = new SlotList();
  private readonly abandoned = new Set<number>();

  constructor(calls: CallTable) {
    this.calls = calls;
  }

  /** Calls that somebody waits for. */
  get size(): number {
    return this.slots.size;
  }

  /** A call has arrived. */
  add(slot: number): void {
    this.slots.add(slot);
  }

  /** A call is answered. */
  delete(slot: number): void {
    this.slots.delete(slot);
  }

  /** A call that nobody waits for any more, which is forgotten; null: somebody does. */
  takeAbandoned(slot: number): Call | null {
    if (this.abandoned.size === 0 || !this.abandoned.delete(slot)) return null;
    return this.calls.take(slot);
  }

  /** Calls that have taken too long. */
  due(deadlines: Deadlines): readonly number[] {
    return deadlines.due(this.slots, this.calls);
  }

  /** Nobody waits for a call any more, which arrived at a time; returns the slot of its twin, which is answered in its place. */
  abandon(slot: number, arrivedAt: Time): number {
    const twin = twinOf(this.calls.get(slot));
    twin.response = TIMED_OUT;
    this.slots.delete(slot);
    this.abandoned.add(slot);
    const other = this.calls.put(twin);
    this.calls.arrivedAt[other] = arrivedAt;
    return other;
  }

  /** The process died: the calls that somebody waits for. All are forgotten here. */
  takeAll(): readonly number[] {
    const waited = [...this.slots];
    this.slots.clear();
    for (const slot of this.abandoned) this.calls.take(slot);
    this.abandoned.clear();
    return waited;
  }
}
