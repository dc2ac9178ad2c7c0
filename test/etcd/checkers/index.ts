import type { Checker } from './checker.js';
import { Durability } from './durability.js';
import { LeaseTime } from './lease-time.js';
import { Linearizability } from './linearizability.js';
import { Reads } from './reads.js';
import { Revisions } from './revisions.js';
import { Versions } from './versions.js';
import { WatchAtomic } from './watch-atomic.js';
import { WatchBookmarks } from './watch-bookmarks.js';
import { WatchOrdered } from './watch-ordered.js';
import { WatchReliable } from './watch-reliable.js';
import { WatchResumable } from './watch-resumable.js';
import { WatchUnique } from './watch-unique.js';

/** One of each, fresh; `Revisions` comes first, for it tells what happened. Raft's own are apart, and so is liveness. */
export function allCheckers(): Checker[] {
  return [
    new Revisions(),
    new Durability(),
    new Linearizability(),
    new Reads(),
    new Versions(),
    new LeaseTime(),
    new WatchOrdered(),
    new WatchUnique(),
    new WatchAtomic(),
    new WatchReliable(),
    new WatchResumable(),
    new WatchBookmarks(),
  ];
}
