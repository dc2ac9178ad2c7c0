import type { WatchEvent } from './types.js';

/** Events by revision, from the compacted revision on: older versions are read back from them, and watches catch up. */
export class History {
  /** Events of revision `base + i`. */
  private revisions: (readonly WatchEvent[])[] = [];
  private base = 2;

  /** The first revision that is kept. */
  get first(): number {
    return this.base;
  }

  /** Begins anew: the next revision to come is `base`, or `revisions` are already there. */
  reset(base: number, revisions: readonly (readonly WatchEvent[])[] = []): void {
    this.base = base;
    this.revisions = revisions.slice();
  }

  /** Adds the events of the next revision. */
  push(events: readonly WatchEvent[]): void {
    this.revisions.push(events);
  }

  /** Events of a revision; none when it is compacted or in the future. */
  at(revision: number): readonly WatchEvent[] {
    return this.revisions[revision - this.base] ?? NO_EVENTS;
  }

  /** Forgets what is before a revision. Returns the revisions from then on and before, for `uncut`. */
  cut(revision: number): readonly (readonly WatchEvent[])[] {
    const before = this.revisions;
    if (revision > this.base) {
      this.revisions = before.slice(revision - this.base);
      this.base = revision;
    }
    return before;
  }

  /** Takes a cut back, when as many revisions are there again as there were then. */
  uncut(base: number, before: readonly (readonly WatchEvent[])[]): void {
    const newest = this.base + this.revisions.length;
    this.base = base;
    this.revisions = before.slice(0, newest - base);
  }

  /** Takes the newest revision back. */
  pop(): readonly WatchEvent[] {
    return this.revisions.pop() ?? NO_EVENTS;
  }

  /** A copy that shares the events. */
  copy(): readonly (readonly WatchEvent[])[] {
    return this.revisions.slice();
  }
}

export const NO_EVENTS: readonly WatchEvent[] = [];
