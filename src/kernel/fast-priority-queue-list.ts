import FastPriorityQueue from 'fastpriorityqueue';
import type { EventColumns, EventList } from './event-list.js';

interface Entry {
  readonly time: number;
  readonly key: number;
  readonly index: number;
}

/** The library `fastpriorityqueue` behind the event-list interface: an independent oracle for the order of events. */
export class FastPriorityQueueEventList implements EventList {
  private columns!: EventColumns;
  private readonly queue = new FastPriorityQueue<Entry>((a, b) => a.time < b.time || (a.time === b.time && a.key < b.key));

  get size(): number {
    return this.queue.size;
  }

  attach(columns: EventColumns): void {
    this.columns = columns;
  }

  push(index: number): void {
    this.queue.add({ time: this.columns.time[index]!, key: this.columns.key[index]!, index });
  }

  pop(): number {
    const entry = this.queue.poll();
    return entry === undefined ? -1 : entry.index;
  }

  peekTime(): number {
    return this.queue.peek()?.time ?? Number.POSITIVE_INFINITY;
  }

  remove(index: number): void {
    this.queue.removeOne((entry) => entry.index === index);
  }
}
