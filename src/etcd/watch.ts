import type { EtcdConnection, WatchCall } from './connection.js';
import type { Store } from './mvcc.js';
import type { WatchEvent } from './types.js';

/** Watchers that one pass of the catch-up loop serves (mvcc/watchable_store.go, maxWatchersPerSync). */
export const MAX_WATCHERS_PER_SYNC = 512;

/** One watch of a client on a member. */
export class Watcher {
  readonly call: WatchCall;
  readonly connection: EtcdConnection;
  readonly prefix: string;
  /** First revision whose events it has not been sent. */
  nextRevision: number;
  synced = false;
  cancelled = false;

  constructor(call: WatchCall, nextRevision: number) {
    this.call = call;
    this.connection = call.connection!;
    this.prefix = call.prefix;
    this.nextRevision = nextRevision;
  }
}

/** Watchers of one prefix. */
interface PrefixGroup {
  readonly prefix: string;
  readonly watchers: Watcher[];
  /** The group of the longest watched prefix that is a prefix of this one. */
  parent: PrefixGroup | null;
}

/**
 * The watchers of one member: those in step with the store (synced), found by key through the sorted watched prefixes, and
 * those that catch up from history (unsynced).
 */
export class WatchHub {
  /** Groups sorted by prefix. */
  private groups: PrefixGroup[] = [];
  readonly unsynced: Watcher[] = [];
  /** All watchers. */
  size = 0;

  /** Adds a watcher that is in step with the store. */
  addSynced(watcher: Watcher): void {
    watcher.synced = true;
    this.size++;
    let position = this.position(watcher.prefix);
    if (position < 0 || this.groups[position]!.prefix !== watcher.prefix) {
      this.groups.splice(++position, 0, { prefix: watcher.prefix, watchers: [], parent: null });
      this.linkParents();
    }
    this.groups[position]!.watchers.push(watcher);
  }

  addUnsynced(watcher: Watcher): void {
    this.size++;
    this.unsynced.push(watcher);
  }

  /** Removes a watcher from whichever group it is in. */
  remove(watcher: Watcher): void {
    if (watcher.cancelled) return;
    watcher.cancelled = true;
    this.size--;
    if (!watcher.synced) {
      this.unsynced.splice(this.unsynced.indexOf(watcher), 1);
      return;
    }
    const position = this.position(watcher.prefix);
    const group = this.groups[position]!;
    group.watchers.splice(group.watchers.indexOf(watcher), 1);
    if (group.watchers.length === 0) {
      this.groups.splice(position, 1);
      this.linkParents();
    }
  }

  /** Appends the synced watchers whose prefix a key has, longest prefix first. */
  matching(key: string, out: Watcher[]): void {
    const position = this.position(key);
    if (position < 0) return;
    // Every watched prefix of the key is the greatest watched prefix not above the key, or an ancestor of it.
    for (let group: PrefixGroup | null = this.groups[position]!; group !== null; group = group.parent) {
      if (!key.startsWith(group.prefix)) continue;
      const watchers = group.watchers;
      for (let i = 0; i < watchers.length; i++) out.push(watchers[i]!);
    }
  }

  /** Makes all watchers catch up from history: the store was replaced under them. */
  unsyncAll(): void {
    for (const group of this.groups) {
      for (const watcher of group.watchers) {
        watcher.synced = false;
        this.unsynced.push(watcher);
      }
    }
    this.groups = [];
  }

  /** Position of the last group whose prefix is not above `key`; -1 when all are above it. */
  private position(key: string): number {
    let low = -1;
    let high = this.groups.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.groups[middle]!.prefix <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private linkParents(): void {
    const open: PrefixGroup[] = [];
    for (const group of this.groups) {
      while (open.length > 0 && !group.prefix.startsWith(open[open.length - 1]!.prefix)) open.pop();
      group.parent = open.length === 0 ? null : open[open.length - 1]!;
      open.push(group);
    }
  }
}

/** Events of a prefix in a run of revisions, each revision's kept together. */
export function eventsBetween(store: Store, prefix: string, from: number, through: number): WatchEvent[] {
  const out: WatchEvent[] = [];
  for (let revision = from; revision <= through; revision++) {
    for (const event of store.eventsAt(revision)) if (event.kv.key.startsWith(prefix)) out.push(event);
  }
  return out;
}
