import { entrySize, limitedEnd } from './sizes.js';
import { type Entry, EntryType, NO_ENTRIES, type Snapshot, type Storage, StorageError } from './types.js';
import { Unstable } from './unstable.js';

/**
 * A node's log: the application's storage followed by the unstable tail, with the marks applied <= applying <= committed.
 * Methods that find an inconsistency throw: the protocol excludes them, so it is a defect of the caller or lost data.
 */
export class RaftLog {
  readonly storage: Storage;
  readonly unstable: Unstable;
  /** Highest index known to be on a quorum. */
  committed: number;
  /** Highest index handed to the application. */
  applying: number;
  /** Highest index the application has applied. */
  applied: number;
  /** Byte limit of entries handed out but not yet applied. */
  private readonly maxApplyingSize: number;
  private applyingSize = 0;
  /** Nothing more is handed out until some of it is applied. */
  private applyingPaused = false;
  /** Term of the hint that `findConflictByTerm` found: a second result without an object. */
  hintTerm = 0;
  /** What was last cut from the unstable entries, and where: all followers that keep up are sent the same. */
  private cutFrom: readonly Entry[] = NO_ENTRIES;
  private cutStart = 0;
  private cut: readonly Entry[] = NO_ENTRIES;

  constructor(storage: Storage, maxApplyingSize: number) {
    const compacted = storage.firstIndex() - 1;
    this.storage = storage;
    this.unstable = new Unstable(storage.lastIndex() + 1);
    this.maxApplyingSize = maxApplyingSize;
    this.committed = compacted;
    this.applying = compacted;
    this.applied = compacted;
  }

  firstIndex(): number {
    const { snapshot } = this.unstable;
    return snapshot === null ? this.storage.firstIndex() : snapshot.index + 1;
  }

  lastIndex(): number {
    const last = this.unstable.lastIndex();
    return last > 0 ? last : this.storage.lastIndex();
  }

  lastTerm(): number {
    const term = this.term(this.lastIndex());
    if (term < 0) throw new RangeError(`the term of the last entry ${this.lastIndex()} is unknown`);
    return term;
  }

  /** Term of the entry at `index`, or a {@link StorageError}. Index 0 of an empty log has term 0. */
  term(index: number): number {
    const { unstable } = this;
    const position = index - unstable.offset;
    if (position >= 0 && position < unstable.entries.length) return unstable.entries[position]!.term;
    if (unstable.snapshot === null && position < 0) return this.storage.term(index);
    const term = unstable.term(index);
    if (term > 0) return term;
    if (index + 1 < this.firstIndex()) return StorageError.Compacted;
    if (index > this.lastIndex()) return StorageError.Unavailable;
    return this.storage.term(index);
  }

  matchTerm(term: number, index: number): boolean {
    return this.term(index) === term;
  }

  /** Whether a candidate's log with this last entry holds at least as much as this one. */
  isUpToDate(term: number, index: number): boolean {
    const own = this.lastTerm();
    return term > own || (term === own && index >= this.lastIndex());
  }

  /**
   * A follower's append of `entries` after (prevTerm, prevIndex), with the leader's commit. Returns the index of the last of them,
   * or -1 when the log does not contain the entry before.
   */
  maybeAppend(prevTerm: number, prevIndex: number, entries: readonly Entry[], committed: number): number {
    if (!this.matchTerm(prevTerm, prevIndex)) return -1;
    const last = prevIndex + entries.length;
    const conflict = this.findConflict(entries);
    if (conflict < entries.length) {
      if (prevIndex + 1 + conflict <= this.committed) {
        throw new RangeError(`entry ${prevIndex + 1 + conflict} conflicts with a committed one (${this.committed})`);
      }
      this.append(entries, conflict, true);
    }
    this.commitTo(Math.min(committed, last));
    return last;
  }

  /**
   * Appends source[start..], replacing what the log holds from that index on; returns the last index. `lasting`: the source will
   * never change.
   */
  append(source: readonly Entry[], start: number, lasting = false): number {
    if (start < source.length) {
      if (source[start]!.index <= this.committed) {
        throw new RangeError(`append at ${source[start]!.index} would replace committed entries (${this.committed})`);
      }
      this.unstable.truncateAndAppend(source, start, lasting);
    }
    return this.lastIndex();
  }

  /** Position of the first entry that this log lacks or holds with another term; entries.length: none. */
  private findConflict(entries: readonly Entry[]): number {
    for (let i = 0; i < entries.length; i++) {
      if (!this.matchTerm(entries[i]!.term, entries[i]!.index)) return i;
    }
    return entries.length;
  }

  /**
   * The largest index <= `index` whose term may be <= `term`, with that term in `hintTerm` (0 when it is unknown). Skips whole terms
   * of a diverging tail, so that probing costs one round trip per term at most.
   */
  findConflictByTerm(index: number, term: number): number {
    for (; index > 0; index--) {
      const own = this.term(index);
      if (own <= term) {
        this.hintTerm = Math.max(own, 0);
        return index;
      }
    }
    this.hintTerm = 0;
    return 0;
  }

  commitTo(index: number): void {
    if (this.committed >= index) return;
    if (this.lastIndex() < index) {
      throw new RangeError(
        `commit ${index} is beyond the last entry ${this.lastIndex()}: was the log lost or truncated?`,
      );
    }
    this.committed = index;
  }

  /** A leader's commit: only entries of its own term are counted; older ones follow with them. */
  maybeCommit(term: number, index: number): boolean {
    if (term === 0 || index <= this.committed || !this.matchTerm(term, index)) return false;
    this.commitTo(index);
    return true;
  }

  /** The application has applied everything up to `index`; `size` encoded bytes are off its hands. */
  appliedTo(index: number, size: number): void {
    if (this.committed < index || index < this.applied) {
      throw new RangeError(`applied ${index} is outside [${this.applied}, ${this.committed}]`);
    }
    this.applied = index;
    if (this.applying < index) this.applying = index;
    this.applyingSize = this.applyingSize > size ? this.applyingSize - size : 0;
    this.applyingPaused = this.applyingSize >= this.maxApplyingSize;
  }

  /** Entries up to `index`, of `size` encoded bytes, are on their way to the application. */
  acceptApplying(index: number, size: number, allowUnstable: boolean): void {
    if (this.committed < index) throw new RangeError(`applying ${index} beyond the commit ${this.committed}`);
    this.applying = index;
    this.applyingSize += size;
    // A batch cut short by the limit means that the limit is reached, even if a smaller entry would fit.
    this.applyingPaused = this.applyingSize >= this.maxApplyingSize || index < this.maxAppliable(allowUnstable);
  }

  hasNextCommitted(allowUnstable: boolean): boolean {
    if (this.applyingPaused || this.unstable.snapshot !== null) return false;
    return this.applying < this.maxAppliable(allowUnstable);
  }

  /** Committed entries to hand to the application next. Synchronous storage allows those not yet durable: they are in the same Ready. */
  nextCommitted(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommitted(allowUnstable)) return NO_ENTRIES;
    const maxSize = this.maxApplyingSize - this.applyingSize;
    const entries = this.slice(this.applying + 1, this.maxAppliable(allowUnstable) + 1, maxSize);
    if (typeof entries === 'number') throw new RangeError(`committed entries from ${this.applying + 1} are gone`);
    return entries;
  }

  private maxAppliable(allowUnstable: boolean): number {
    const durable = this.unstable.offset - 1;
    return allowUnstable || this.committed < durable ? this.committed : durable;
  }

  /** The newest snapshot; null: temporarily unavailable. */
  snapshot(): Snapshot | null {
    return this.unstable.snapshot ?? this.storage.snapshot();
  }

  restore(snapshot: Snapshot): void {
    this.committed = snapshot.index;
    this.unstable.restore(snapshot);
  }

  /** Entries from `index` to the end within `maxSize` bytes (at least one if any), or StorageError.Compacted. */
  entries(index: number, maxSize: number): readonly Entry[] | number {
    const last = this.lastIndex();
    if (index > last) return NO_ENTRIES;
    const { unstable } = this;
    const start = index - unstable.offset;
    if (start < 0 || unstable.entries.length === 0) return this.slice(index, last + 1, maxSize);
    return this.cutUnstable(start, limitedEnd(unstable.entries, start, unstable.entries.length, maxSize));
  }

  /** Whether a configuration change is among the entries that are committed and not yet applied. */
  hasUnappliedConfChange(): boolean {
    let lo = this.applied + 1;
    while (lo <= this.committed) {
      const page = this.slice(lo, this.committed + 1, this.maxApplyingSize);
      if (typeof page === 'number') throw new RangeError(`unapplied entries from ${lo} are gone`);
      for (let i = 0; i < page.length; i++) if (page[i]!.type !== EntryType.Normal) return true;
      lo += page.length;
    }
    return false;
  }

  /** Entries [lo, hi) within `maxSize` bytes, or StorageError.Compacted. */
  slice(lo: number, hi: number, maxSize: number): readonly Entry[] | number {
    if (lo < this.firstIndex()) return StorageError.Compacted;
    if (hi > this.lastIndex() + 1) throw new RangeError(`entries up to ${hi} wanted, the last is ${this.lastIndex()}`);
    if (lo >= hi) return NO_ENTRIES;
    const { unstable } = this;
    const { offset } = unstable;
    if (lo >= offset) {
      return this.cutUnstable(lo - offset, limitedEnd(unstable.entries, lo - offset, hi - offset, maxSize));
    }
    const cut = Math.min(hi, offset);
    const entries = this.storage.entries(lo, cut, maxSize);
    if (typeof entries === 'number') {
      if (entries === StorageError.Compacted) return entries;
      throw new RangeError(`entries [${lo}, ${cut}) are missing from the storage`);
    }
    if (hi > offset && entries.length === cut - lo) this.extend(entries, hi - offset, maxSize);
    return entries;
  }

  private cutUnstable(start: number, end: number): readonly Entry[] {
    const { entries } = this.unstable;
    if (start === 0 && end === entries.length) return this.unstable.share();
    if (entries !== this.cutFrom || start !== this.cutStart || end - start !== this.cut.length) {
      this.cutFrom = entries;
      this.cutStart = start;
      this.cut = entries.slice(start, end);
    }
    return this.cut;
  }

  /** Adds the first `count` unstable entries to stable ones, as far as the limit allows (here not even one for free). */
  private extend(entries: Entry[], count: number, maxSize: number): void {
    let size = 0;
    for (let i = 0; i < entries.length; i++) size += entrySize(entries[i]!);
    if (size >= maxSize) return;
    const tail = this.unstable.entries;
    for (let i = 0; i < count; i++) {
      size += entrySize(tail[i]!);
      if (size > maxSize) return;
      entries.push(tail[i]!);
    }
  }
}
