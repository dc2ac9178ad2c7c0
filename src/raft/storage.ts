import { limitedEnd } from './sizes.js';
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

/** Dead entries in front of the log are dropped once there are this many and they are the larger half. */
const COMPACTION_SLACK = 1024;

/**
 * The log, hard state and newest snapshot in memory, as etcd keeps them beside its WAL. Entries are kept in one array with dead room in
 * front, so that compacting often costs a constant per entry.
 */
export class MemoryStorage implements Storage {
  private hardState: HardState = { term: 0, vote: 0, commit: 0 };
  private newest: Snapshot = EMPTY_SNAPSHOT;
  private log: Entry[] = [];
  /** Position of the first live entry in `log`. */
  private head = 0;
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
    return this.compactedIndex + this.log.length - this.head;
  }

  term(index: number): number {
    if (index <= this.compactedIndex) {
      return index === this.compactedIndex ? this.compactedTerm : StorageError.Compacted;
    }
    const position = this.head + index - this.compactedIndex - 1;
    return position < this.log.length ? this.log[position]!.term : StorageError.Unavailable;
  }

  entries(lo: number, hi: number, maxSize: number): Entry[] | number {
    if (lo <= this.compactedIndex) return StorageError.Compacted;
    if (hi > this.lastIndex() + 1) throw new RangeError(`entries up to ${hi} wanted, the last is ${this.lastIndex()}`);
    if (this.log.length === this.head) return StorageError.Unavailable;
    const base = this.head - this.compactedIndex - 1;
    return this.log.slice(base + lo, limitedEnd(this.log, base + lo, base + hi, maxSize));
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
    this.log = [];
    this.head = 0;
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
    const head = this.head + index - this.compactedIndex;
    this.compactedIndex = index;
    if (head >= COMPACTION_SLACK && head * 2 >= this.log.length) {
      this.log = this.log.slice(head);
      this.head = 0;
    } else {
      // Dead entries must not keep their payloads alive: they share one live neighbour's reference, or none.
      const filler = this.log[head - 1]!;
      const stub: Entry = { term: filler.term, index: filler.index, type: filler.type, data: null, dataLength: -1 };
      this.log.fill(stub, this.head, head);
      this.head = head;
    }
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
    const position = this.head + from + skip - this.compactedIndex - 1;
    if (position < this.log.length) this.log.length = position;
    for (let i = skip; i < count; i++) this.log.push(entries[i]!);
  }
}
