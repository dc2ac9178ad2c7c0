import type { Entry, Snapshot } from './types.js';
import { NO_ENTRIES } from './types.js';

/**
 * The end of the log that is not known to be durable: entries from `offset` on, and possibly a received snapshot before them. What has
 * been handed out for writing ("in progress") is below `offsetInProgress`.
 *
 * Arrays handed out never change: parts are copies, and `entries` itself, once handed out as a whole, is replaced before it grows.
 */
export class Unstable {
  snapshot: Snapshot | null = null;
  snapshotInProgress = false;
  entries: readonly Entry[] = [];
  /** Whether others hold `entries`, or may: then it is not ours to change. */
  private shared = false;
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
    if (this.entries.length === inProgress) return NO_ENTRIES;
    return inProgress === 0 ? this.share() : rest(this.entries, inProgress);
  }

  /** All entries, for others to keep. */
  share(): readonly Entry[] {
    this.shared = true;
    return this.entries;
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
    this.entries = count === this.entries.length ? [] : rest(this.entries, count);
    this.shared = false;
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
    this.shared = false;
    this.snapshot = snapshot;
    this.snapshotInProgress = false;
  }

  /** Appends source[start..], replacing what is held from that index on. `lasting`: the source will never change. */
  truncateAndAppend(source: readonly Entry[], start: number, lasting: boolean): void {
    const from = source[start]!.index;
    const end = this.offset + this.entries.length;
    if (from === end && this.entries.length === 0) this.begin(source, start, lasting);
    else if (from === end) {
      if (this.shared) this.entries = joined(this.entries, source, start);
      else for (let i = start; i < source.length; i++) (this.entries as Entry[]).push(source[i]!);
      this.shared = false;
    } else if (from <= this.offset) {
      this.begin(source, start, lasting);
      this.offset = from;
      this.offsetInProgress = from;
    } else {
      // A new array, never truncation in place: the writer may still read the replaced tail.
      const kept = this.entries.slice(0, from - this.offset);
      for (let i = start; i < source.length; i++) kept.push(source[i]!);
      this.entries = kept;
      this.shared = false;
      if (this.offsetInProgress > from) this.offsetInProgress = from;
    }
  }

  private begin(source: readonly Entry[], start: number, lasting: boolean): void {
    this.shared = lasting && start === 0;
    this.entries = this.shared ? source : rest(source, start);
  }
}

/** source[start..] as an array of its own. Nearly all are of one entry. */
function rest(source: readonly Entry[], start: number): readonly Entry[] {
  return start === source.length - 1 ? [source[start]!] : source.slice(start);
}

/** `entries` and source[start..] in a new array. */
function joined(entries: readonly Entry[], source: readonly Entry[], start: number): readonly Entry[] {
  if (entries.length === 1 && start === source.length - 1) return [entries[0]!, source[start]!];
  return entries.concat(start === 0 ? source : source.slice(start));
}
