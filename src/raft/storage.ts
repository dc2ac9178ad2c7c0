import { EntryRing } from './entry-ring.js';
import { entrySize } from './sizes.js';
import { type ConfState, type Entry, type HardState, type Snapshot, type Storage, StorageError } from './types.js';

export const EMPTY_CONF_STATE: ConfState = Object.freeze({
  voters: Object.freeze([]) as readonly number[],
  learners: Object.freeze([]) as readonly number[],
  votersOutgoing: Object.freeze([]) as readonly number[],
  learnersNext: Object.freeze([]) as readonly number[],
  autoLeave: false,
});

const EMPTY_SNAPSHOT: Snapshot = Object.freeze({
  index: 0,
  term: 0,
  confState: EMPTY_CONF_STATE,
  data: null,
  dataLength: 0,
});

/** The log, hard state and newest snapshot in memory, as etcd keeps them beside its WAL. */
export class MemoryStorage implements Storage {
  private hardState: HardState = { term: 0, vote: 0, commit: 0 };
  private newest: Snapshot = EMPTY_SNAPSHOT;
  private log = new EntryRing();
  /** The entry just before the first live one: compacted away, but its term is still known. */
  private compactedIndex = 0;
  private compactedTerm = 0;
  /** Membership a restarted node begins with, when it is not the snapshot's. */
  private confState: ConfState | null = null;

  initialHardState(): HardState {
    return this.hardState;
  }

  initialConfState(): ConfState {
    return this.confState ?? this.newest.confState;
  }

  firstIndex(): number {
    return this.compactedIndex + 1;
  }

  lastIndex(): number {
    return this.compactedIndex + this.log.length;
  }

  term(index: number): number {
    if (index <= this.compactedIndex) {
      return index === this.compactedIndex ? this.compactedTerm : StorageError.Compacted;
    }
    const position = index - this.compactedIndex - 1;
    return position < this.log.length ? this.log.at(position).term : StorageError.Unavailable;
  }

  entries(lo: number, hi: number, maxSize: number): Entry[] | number {
    if (lo <= this.compactedIndex) return StorageError.Compacted;
    if (hi > this.lastIndex() + 1) throw new RangeError(`entries up to ${hi} wanted, the last is ${this.lastIndex()}`);
    if (this.log.length === 0) return StorageError.Unavailable;
    const start = lo - this.compactedIndex - 1;
    return this.log.slice(start, this.limitedEnd(start, hi - this.compactedIndex - 1, maxSize));
  }

  /** End of the longest run from `start` within `maxSize` bytes; one entry is always taken if there is any. */
  private limitedEnd(start: number, end: number, maxSize: number): number {
    if (end - start <= 1) return end;
    const { log } = this;
    let size = entrySize(log.at(start));
    for (let i = start + 1; i < end; i++) {
      size += entrySize(log.at(i));
      if (size > maxSize) return i;
    }
    return end;
  }

  snapshot(): Snapshot {
    return this.newest;
  }

  setHardState(hardState: HardState): void {
    this.hardState = hardState;
  }

  /** Membership as of the applied index, which a restarting node is given instead of the snapshot's. */
  setConfState(confState: ConfState): void {
    this.confState = confState;
  }

  /** Replaces the log by a received snapshot. False: it is older than the one held. */
  applySnapshot(snapshot: Snapshot): boolean {
    if (this.newest.index >= snapshot.index) return false;
    this.newest = snapshot;
    this.confState = null;
    this.compactedIndex = snapshot.index;
    this.compactedTerm = snapshot.term;
    this.log = new EntryRing();
    return true;
  }

  /** Records a snapshot of the application at `index`, which must be in the log. Null: a newer one is held already. */
  createSnapshot(index: number, confState: ConfState, data: unknown, dataLength: number): Snapshot | null {
    if (index <= this.newest.index) return null;
    if (index > this.lastIndex())
      throw new RangeError(`snapshot at ${index}, but the last entry is ${this.lastIndex()}`);
    this.newest = { index, term: this.term(index), confState, data, dataLength };
    return this.newest;
  }

  /** Forgets the entries up to and including `index`. False: they are gone already. */
  compact(index: number): boolean {
    if (index <= this.compactedIndex) return false;
    if (index > this.lastIndex())
      throw new RangeError(`compaction to ${index}, but the last entry is ${this.lastIndex()}`);
    this.compactedTerm = this.term(index);
    this.log.drop(index - this.compactedIndex);
    this.compactedIndex = index;
    return true;
  }

  /** Appends, replacing whatever the log holds from the first entry's index on. */
  append(entries: readonly Entry[]): void {
    const count = entries.length;
    if (count === 0) return;
    const from = entries[0]!.index;
    const last = from + count - 1;
    if (last <= this.compactedIndex) return;
    if (from > this.lastIndex() + 1) throw new RangeError(`append at ${from} after ${this.lastIndex()} leaves a gap`);
    const skip = from <= this.compactedIndex ? this.compactedIndex + 1 - from : 0;
    this.log.truncate(from + skip - this.compactedIndex - 1);
    for (let i = skip; i < count; i++) this.log.push(entries[i]!);
  }
}
