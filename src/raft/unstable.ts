import type { Entry, Snapshot } from './types.js';
import { NO_ENTRIES } from './types.js';

/**
 * The end of the log that is not known to be durable: entries from `offset` on, and possibly a received snapshot before them. What has
 * been handed out for writing ("in progress") is below `offsetInProgress`.
 *
 * Arrays handed out are copies of references: `entries` itself only ever grows at its end or is replaced.
 */
export class Unstable {
  snapshot: Snapshot | null = null;
  snapshotInProgress = false;
  entries: Entry[] = [];
  /** Index of entries[0], or of the next entry when there is none. */
  offset: number;
  offsetInProgress: number;

  constructor(offset: number) {
    this.offset = offset;
    this.offsetInProgress = offset;
  }

  /** Index of the last unstable entry, else of the unstable snapshot; 0: neither. */
  lastIndex(): number {
    if (this.entries.length > 0) return this.offset + this.entries.length - 1;
    return this.snapshot === null ? 0 : this.snapshot.index;
  }

  /** Term of the entry or snapshot at `index`; 0: not here. */
  term(index: number): number {
    if (index < this.offset) {
      return this.snapshot !== null && this.snapshot.index === index ? this.snapshot.term : 0;
    }
    const position = index - this.offset;
    return position < this.entries.length ? this.entries[position]!.term : 0;
  }

  hasNextEntries(): boolean {
    return this.entries.length > this.offsetInProgress - this.offset;
  }

  /** Entries not yet handed out for writing. */
  nextEntries(): readonly Entry[] {
    const inProgress = this.offsetInProgress - this.offset;
    return this.entries.length === inProgress ? NO_ENTRIES : this.entries.slice(inProgress);
  }

  /** The snapshot, unless it has been handed out already. */
  nextSnapshot(): Snapshot | null {
    return this.snapshotInProgress ? null : this.snapshot;
  }

  /** Everything has been handed out for writing. */
  acceptInProgress(): void {
    this.offsetInProgress = this.offset + this.entries.length;
    if (this.snapshot !== null) this.snapshotInProgress = true;
  }

  /** Entries up to this one are durable, if the log still has that entry here: it may have been replaced meanwhile. */
  stableTo(term: number, index: number): void {
    if (index < this.offset || this.term(index) !== term || term === 0) return;
    const count = index + 1 - this.offset;
    this.entries = count === this.entries.length ? [] : this.entries.slice(count);
    this.offset = index + 1;
    if (this.offsetInProgress < this.offset) this.offsetInProgress = this.offset;
  }

  stableSnapshotTo(index: number): void {
    if (this.snapshot !== null && this.snapshot.index === index) {
      this.snapshot = null;
      this.snapshotInProgress = false;
    }
  }

  /** Begins anew after a received snapshot. */
  restore(snapshot: Snapshot): void {
    this.offset = snapshot.index + 1;
    this.offsetInProgress = this.offset;
    this.entries = [];
    this.snapshot = snapshot;
    this.snapshotInProgress = false;
  }

  /** Appends source[start..], replacing what is held from that index on. */
  truncateAndAppend(source: readonly Entry[], start: number): void {
    const from = source[start]!.index;
    const end = this.offset + this.entries.length;
    if (from === end && this.entries.length === 0) this.entries = source.slice(start);
    else if (from === end) {
      for (let i = start; i < source.length; i++) this.entries.push(source[i]!);
    } else if (from <= this.offset) {
      this.entries = source.slice(start);
      this.offset = from;
      this.offsetInProgress = from;
    } else {
      // A new array, never truncation in place: the writer may still read the replaced tail.
      const kept = this.entries.slice(0, from - this.offset);
      for (let i = start; i < source.length; i++) kept.push(source[i]!);
      this.entries = kept;
      if (this.offsetInProgress > from) this.offsetInProgress = from;
    }
  }
}
