import type { EtcdConnection, WatchCall } from './connection.js';
import type { Era } from './key-space.js';
import type { Store } from './mvcc.js';
import type { WatchEvent } from './types.js';

/** Watchers that one pass of the catch-up loop serves (mvcc/watchable_store.go, maxWatchersPerSync). */
export const MAX_WATCHERS_PER_SYNC = 512;
/** Revisions with events for a watcher that one message carries when it catches up (watcher_group.go, watchBatchMaxRevs). */
export const WATCH_BATCH_MAX_REVISIONS = 1000;

/** So many groups are remembered: new keys are mostly of a few kinds. */
const RECENT = 3;

/** One watch of a client on a member. */
export class Watcher {
  readonly call: WatchCall;
  /** The call alone, as messages name those that they are for. */
  readonly calls: readonly WatchCall[];
  readonly connection: EtcdConnection;
  readonly prefix: string;
  /** First revision whose events it has not been sent. */
  nextRevision: number;
  synced = false;
  /** Its buffer was full: it waits with these events, and is in no group until they are sent. */
  victim: readonly WatchEvent[] | null = null;
  cancelled = false;
  /** Nothing was sent since its stream's last round of progress notifications. */
  silent = true;

  constructor(call: WatchCall, nextRevision: number) {
    this.call = call;
    this.calls = [call];
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
  /** Its place among the groups. */
  index: number;
}

/**
 * The watchers of one member: those in step with the store (synced), found by key through the sorted watched prefixes, those
 * that catch up from history (unsynced), and those whose buffer was full (victims).
 */
export class WatchHub {
  /** Groups sorted by prefix. */
  private groups: PrefixGroup[] = [];
  /** The group of a key by its row in the stores: its place + 1; 0: not known, −1: none. As long as `era` lasts. */
  private byRow = new Int16Array(1024);
  private era: Era | null = null;
  /** Groups of keys that were looked for lately, with no other groups inside. */
  private recent: PrefixGroup[] = [];
  private nextRecent = 0;
  readonly unsynced: Watcher[] = [];
  readonly victims: Watcher[] = [];
  /** All watchers. */
  size = 0;

  /** Adds a watcher that is in step with the store. */
  addSynced(watcher: Watcher): void {
    watcher.synced = true;
    this.size++;
    let position = this.position(watcher.prefix);
    if (position < 0 || this.groups[position]!.prefix !== watcher.prefix) {
      this.groups.splice(++position, 0, { prefix: watcher.prefix, watchers: [], parent: null, index: 0 });
      this.linkParents();
    }
    this.groups[position]!.watchers.push(watcher);
  }

  addUnsynced(watcher: Watcher): void {
    this.size++;
    this.unsynced.push(watcher);
  }

  /** Adds a watcher whose buffer had no room for these events. */
  addVictim(watcher: Watcher, events: readonly WatchEvent[]): void {
    this.size++;
    watcher.victim = events;
    this.victims.push(watcher);
  }

  /** Takes a watcher out of whichever group it is in, for good or for another one. */
  remove(watcher: Watcher): void {
    if (watcher.cancelled) return;
    this.size--;
    if (!watcher.synced) {
      const group = watcher.victim === null ? this.unsynced : this.victims;
      group.splice(group.indexOf(watcher), 1);
      watcher.victim = null;
      return;
    }
    watcher.synced = false;
    const position = this.position(watcher.prefix);
    const group = this.groups[position]!;
    group.watchers.splice(group.watchers.indexOf(watcher), 1);
    if (group.watchers.length === 0) {
      this.groups.splice(position, 1);
      this.linkParents();
    }
  }

  /** Connections that carry watches, and events that wait for watchers with full buffers. */
  figures(): { readonly streams: number; readonly pending: number } {
    const streams = new Set<EtcdConnection>();
    for (const group of this.groups) for (const { connection } of group.watchers) streams.add(connection);
    for (const { connection } of this.unsynced) streams.add(connection);
    let pending = 0;
    for (const { connection, victim } of this.victims) {
      streams.add(connection);
      pending += victim!.length;
    }
    return { streams: streams.size, pending };
  }

  /**
   * Appends the synced watchers whose prefix a key has, longest prefix first. `row` (−1: not known) and `era` are those of the key: where they
   * have told the group before, the key is not read.
   */
  matching(key: string, out: Watcher[], row = -1, era: Era | null = null): void {
    let group: PrefixGroup | null;
    if (row < 0) group = this.groupOf(key);
    else {
      if (era !== this.era) this.begin(era);
      const known = row < this.byRow.length ? this.byRow[row]! : 0;
      if (known > 0) group = this.groups[known - 1]!;
      else {
        group = known < 0 ? null : this.groupOf(key);
        if (known === 0) this.learn(row, group);
      }
    }
    for (; group !== null; group = group.parent) {
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
    this.begin(null);
  }

  /** The group of the longest watched prefix that a key has. */
  private groupOf(key: string): PrefixGroup | null {
    const { recent } = this;
    for (let i = 0; i < recent.length; i++) if (key.startsWith(recent[i]!.prefix)) return recent[i]!;
    const group = this.search(key);
    if (group === null || !this.isLeaf(group)) return group;
    if (recent.length < RECENT) recent.push(group);
    else recent[this.nextRecent++ % RECENT] = group;
    return group;
  }

  /** Whether no other watched prefix begins with that of a group: the next one in order would. */
  private isLeaf(group: PrefixGroup): boolean {
    const next = this.groups[group.index + 1];
    return next === undefined || next.parent !== group;
  }

  private search(key: string): PrefixGroup | null {
    const position = this.position(key);
    // Every watched prefix of the key is the greatest watched prefix not above the key, or an ancestor of it.
    let group = position < 0 ? null : this.groups[position]!;
    while (group !== null && !key.startsWith(group.prefix)) group = group.parent;
    return group;
  }

  private learn(row: number, group: PrefixGroup | null): void {
    if (row >= this.byRow.length) {
      const wide = new Int16Array(Math.max(row + 1, 2 * this.byRow.length));
      wide.set(this.byRow);
      this.byRow = wide;
    }
    this.byRow[row] = group === null ? -1 : group.index + 1;
  }

  /** Rows may have changed their keys, or keys their groups. */
  private begin(era: Era | null): void {
    this.byRow.fill(0);
    this.era = era;
    if (this.recent.length > 0) this.recent = [];
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
    this.begin(null);
    let index = 0;
    for (const group of this.groups) {
      group.index = index++;
      while (open.length > 0 && !group.prefix.startsWith(open[open.length - 1]!.prefix)) open.pop();
      group.parent = open.length === 0 ? null : open[open.length - 1]!;
      open.push(group);
    }
  }
}

/**
 * Events of a prefix from a revision on, each revision's kept together, in at most as many revisions as one message carries;
 * `through`: all events up to this revision are among them.
 */
export function eventsFrom(
  store: Store,
  prefix: string,
  from: number,
): { readonly events: WatchEvent[]; readonly through: number } {
  const events: WatchEvent[] = [];
  let revisions = 0;
  for (let revision = from; revision <= store.revision; revision++) {
    const before = events.length;
    for (const event of store.eventsAt(revision)) if (event.kv.key.startsWith(prefix)) events.push(event);
    if (events.length > before && ++revisions === WATCH_BATCH_MAX_REVISIONS) return { events, through: revision };
  }
  return { events, through: store.revision };
}
