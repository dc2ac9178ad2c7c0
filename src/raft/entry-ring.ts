import type { Entry } from './types.js';

const SMALLEST = 64;

/** Entries of a log in order, on a ring: adding at the end and forgetting from either end move nothing, and leave no array behind. */
export class EntryRing {
  length = 0;
  /** Its size is a power of two, or 0; null: no entry. */
  private items: (Entry | null)[] = [];
  private head = 0;

  push(entry: Entry): void {
    if (this.length === this.items.length) this.grow();
    this.items[(this.head + this.length++) & (this.items.length - 1)] = entry;
  }

  /** The k-th entry of a ring that has so many. */
  at(k: number): Entry {
    return this.items[(this.head + k) & (this.items.length - 1)]!;
  }

  /** Forgets all but the first `length` entries. */
  truncate(length: number): void {
    const mask = this.items.length - 1;
    while (this.length > length) this.items[(this.head + --this.length) & mask] = null;
  }

  /** Forgets the first `count` entries. */
  drop(count: number): void {
    const mask = this.items.length - 1;
    for (let k = 0; k < count; k++) this.items[(this.head + k) & mask] = null;
    this.head = (this.head + count) & mask;
    this.length -= count;
  }

  /** The entries from `start` up to `end`. */
  slice(start: number, end: number): Entry[] {
    if (end === start + 1) return [this.at(start)];
    const entries: Entry[] = [];
    for (let k = start; k < end; k++) entries.push(this.at(k));
    return entries;
  }

  private grow(): void {
    const items: (Entry | null)[] = this.slice(0, this.length);
    const size = Math.max(SMALLEST, 2 * this.length);
    while (items.length < size) items.push(null);
    this.items = items;
    this.head = 0;
  }
}
