import { recordBytes } from './records.js';
import type { WatchEvent } from './types.js';

/** Revisions of one piece of the history: 2^10. */
const PIECE_BITS = 10;
const PIECE = 1 << PIECE_BITS;

/** Events of one revision. */
type Events = readonly WatchEvent[];

/** As they are kept: a single one, as nearly all revisions have, without an array around it. */
type Kept = WatchEvent | Events;

/** What a history was before it was cut. */
export interface Uncut {
  readonly base: number;
  readonly pieces: Kept[][];
  readonly skipped: number;
}

/** What a compaction takes away: versions that newer ones or deletions have superseded, and the deletions themselves, which may be kept. */
export interface Superseded {
  readonly from: number;
  readonly versions: number;
  /** Bytes of the versions in the database. */
  readonly bytes: number;
  readonly deletions: readonly { readonly key: string; readonly revision: number }[];
}

/** Events by revision, from the compacted revision on: older versions are read back from them, and watches catch up. */
export class History {
  /** Events of revision `base + i` at `skipped + i`, in pieces of one size: nothing moves when one more comes. */
  private pieces: Kept[][] = [];
  private skipped = 0;
  private length = 0;
  private base = 2;

  /** The first revision that is kept. */
  get first(): number {
    return this.base;
  }

  /** Begins anew: the next revision to come is `base`, or `revisions` are already there. */
  reset(base: number, revisions: readonly Events[] = []): void {
    this.base = base;
    this.pieces = [];
    this.skipped = 0;
    this.length = 0;
    for (const events of revisions) this.push(events);
  }

  /** Adds the events of the next revision. */
  push(events: Events): void {
    const { pieces } = this;
    const at = (this.skipped + this.length++) >> PIECE_BITS;
    if (at === pieces.length) pieces.push(new Array<Kept>(PIECE).fill(NO_EVENTS));
    pieces[at]![(this.skipped + this.length - 1) & (PIECE - 1)] = events.length === 1 ? events[0]! : events;
  }

  /** Events of a revision; none when it is compacted or in the future. */
  at(revision: number): Events {
    const position = revision - this.base;
    if (position < 0 || position >= this.length) return NO_EVENTS;
    const at = this.skipped + position;
    return eventsOf(this.pieces[at >> PIECE_BITS]![at & (PIECE - 1)]!);
  }

  /** What the revisions from one to another have superseded. */
  superseded(from: number, to: number): Superseded {
    const { pieces } = this;
    const deletions: { key: string; revision: number }[] = [];
    let versions = 0;
    let bytes = 0;
    for (let revision = from; revision <= to; revision++) {
      const at = this.skipped + revision - this.base;
      const kept = pieces[at >> PIECE_BITS]![at & (PIECE - 1)]!;
      const events = 'kv' in kept ? null : kept;
      const count = events === null ? 1 : events.length;
      for (let i = 0; i < count; i++) {
        const { type, kv, previous } = events === null ? (kept as WatchEvent) : events[i]!;
        if (previous !== undefined) {
          bytes += recordBytes(previous);
          versions++;
        }
        if (type === 'DELETE') deletions.push({ key: kv.key, revision });
      }
    }
    return { from, versions, bytes, deletions };
  }

  /** Forgets what is before a revision. Returns what there was before, for `uncut`. */
  cut(revision: number): Uncut {
    const { base, pieces, skipped } = this;
    const count = Math.min(revision - base, this.length);
    if (revision > base) {
      const at = skipped + count;
      this.pieces = pieces.slice(at >> PIECE_BITS);
      this.skipped = at & (PIECE - 1);
      this.length -= count;
      this.base = revision;
    }
    return { base, pieces, skipped };
  }

  /** Takes a cut back, when as many revisions are there again as there were then. */
  uncut({ base, pieces, skipped }: Uncut): void {
    this.length += this.base - base;
    this.base = base;
    this.pieces = pieces;
    this.skipped = skipped;
  }

  /** Takes the newest revision back. */
  pop(): Events {
    if (this.length === 0) return NO_EVENTS;
    const at = this.skipped + --this.length;
    const piece = this.pieces[at >> PIECE_BITS]!;
    const events = piece[at & (PIECE - 1)]!;
    piece[at & (PIECE - 1)] = NO_EVENTS;
    return eventsOf(events);
  }

  /** A copy that shares the events. */
  copy(): readonly Events[] {
    const copy: Events[] = [];
    for (let i = this.skipped; i < this.skipped + this.length; i++) copy.push(eventsOf(this.pieces[i >> PIECE_BITS]![i & (PIECE - 1)]!));
    return copy;
  }
}

function eventsOf(kept: Kept): Events {
  return 'kv' in kept ? [kept] : kept;
}

export const NO_EVENTS: Events = [];
