import { Slots } from '../kernel/slots.js';
import { MILLISECOND, SECOND } from '../kernel/time.js';
import { CLIENT_WATCH, type EtcdConnection, type WatchCall, WatchDelivery } from './connection.js';
import type { Member } from './member.js';
import { MEMBER_OPCODE } from './opcodes.js';
import type { WatchEvent } from './types.js';
import { eventsFrom, MAX_WATCHERS_PER_SYNC, Watcher } from './watch.js';
import { WatchProgress } from './watch-progress.js';

/** mvcc/watchable_store.go: the loop that brings unsynced watchers up to date. */
const SYNC_INTERVAL = 100 * MILLISECOND;
/** mvcc/watchable_store.go, syncVictimsLoop: how often victims are tried again. */
const VICTIM_INTERVAL = 10 * MILLISECOND;
/** How long lost watch messages wait before TCP's next attempt. */
const RETRANSMIT_INTERVAL = SECOND;
const FRAME_BYTES = 64;

/** mvcc/watchable_store.go, chanBufLen: messages that wait for one watcher before it becomes a victim. */
const WATCHER_BUFFER = 128;

/** Watch messages of one connection that the network did not take; those behind them wait too, to keep the order. */
interface Stalled {
  readonly connection: EtcdConnection;
  readonly deliveries: Waiting[];
  /** How many of them are each watcher's. */
  readonly waiting: Map<Watcher, number>;
}

interface Waiting {
  readonly watcher: Watcher;
  readonly delivery: WatchDelivery;
}

/** The watch side of a member: creates watches, catches them up, sends events in order. */
export class WatchServer {
  readonly progress: WatchProgress;
  private readonly member: Member;
  private readonly stalled = new Slots<Stalled>();
  private readonly stalledBy = new Map<EtcdConnection, Stalled>();
  private syncing = false;
  private rescuing = false;

  constructor(member: Member) {
    this.member = member;
    this.progress = new WatchProgress(member);
  }

  create(call: WatchCall): void {
    const { member } = this;
    const connection = call.connection!;
    if (!member.requests.greet(connection) || !connection.open) return;
    const next = member.store.revision + 1;
    const start = call.startRevision;
    const watcher = new Watcher(call, start === 0 ? next : start);
    this.progress.opened(watcher);
    member.metrics.watchesOpened++;
    if (start === 0 || start >= next) {
      member.watches.addSynced(watcher);
      return;
    }
    member.watches.addUnsynced(watcher);
    if (!this.syncing) this.arm();
  }

  /** Sends a synced watcher the events of one revision. */
  send(watcher: Watcher, events: readonly WatchEvent[], revision: number): void {
    if (revision < watcher.nextRevision) return;
    const { watches, metrics } = this.member;
    if (!watcher.connection.open) {
      this.end(watcher);
      return;
    }
    watcher.nextRevision = revision + 1;
    if (this.full(watcher)) {
      watches.remove(watcher);
      watches.addVictim(watcher, events);
      metrics.debuggingMvccSlowWatcherTotal++;
      this.rescue();
      return;
    }
    this.sendNow(watcher, events);
  }

  /** One pass of the catch-up loop. */
  sync(): void {
    const { member } = this;
    const { store, watches } = member;
    this.syncing = false;
    for (const watcher of watches.unsynced.slice(0, MAX_WATCHERS_PER_SYNC)) {
      if (!watcher.connection.open) {
        this.end(watcher);
        continue;
      }
      if (watcher.nextRevision < store.compactRevision) {
        this.end(watcher);
        this.deliver(watcher, new WatchDelivery(watcher.calls, null, store.compactRevision));
        continue;
      }
      const { events, through } = eventsFrom(store, watcher.prefix, watcher.nextRevision);
      // A watcher may wait for a revision to come, when a snapshot replaced the store under it.
      watcher.nextRevision = Math.max(watcher.nextRevision, through + 1);
      watches.remove(watcher);
      if (events.length > 0 && this.full(watcher)) {
        watches.addVictim(watcher, events);
        this.rescue();
        continue;
      }
      if (events.length > 0) this.sendNow(watcher, events);
      if (through < store.revision) watches.addUnsynced(watcher);
      else watches.addSynced(watcher);
    }
    member.metrics.debuggingMvccSlowWatcherTotal = watches.unsynced.length + watches.victims.length;
    if (watches.unsynced.length > 0) this.arm();
  }

  /** Victims whose buffer has room again get what they waited with, and go on from there. */
  retryVictims(): void {
    const { member } = this;
    const { watches } = member;
    this.rescuing = false;
    for (const watcher of watches.victims.slice()) {
      if (!watcher.connection.open) {
        this.end(watcher);
        continue;
      }
      if (this.full(watcher)) continue;
      const events = watcher.victim!;
      watches.remove(watcher);
      this.sendNow(watcher, events);
      if (watcher.nextRevision <= member.store.revision) {
        watches.addUnsynced(watcher);
        if (!this.syncing) this.arm();
      } else {
        watches.addSynced(watcher);
        member.metrics.debuggingMvccSlowWatcherTotal--;
      }
    }
  }

  /** Tries again to send what the network did not take. */
  retry(slot: number): void {
    const stalled = this.stalled.take(slot);
    if (this.stalledBy.get(stalled.connection) !== stalled) return;
    this.stalledBy.delete(stalled.connection);
    if (stalled.connection.incarnation !== this.member.incarnation) return;
    if (stalled.connection.open)
      for (const { watcher, delivery } of stalled.deliveries) this.deliver(watcher, delivery);
    this.rescue();
  }

  /** The store was replaced by a snapshot of the leader's. */
  storeReplaced(): void {
    this.member.watches.unsyncAll();
    if (!this.syncing && this.member.watches.unsynced.length > 0) this.arm();
  }

  clear(): void {
    this.stalledBy.clear();
    this.progress.clear();
    this.syncing = false;
    this.rescuing = false;
  }

  private sendNow(watcher: Watcher, events: readonly WatchEvent[]): void {
    watcher.silent = false;
    this.deliver(watcher, new WatchDelivery(watcher.calls, events, watcher.nextRevision - 1));
  }

  /** Whether a watcher's buffer has no room. */
  private full(watcher: Watcher): boolean {
    if (this.stalledBy.size === 0) return false;
    const stalled = this.stalledBy.get(watcher.connection);
    return stalled !== undefined && (stalled.waiting.get(watcher) ?? 0) >= WATCHER_BUFFER;
  }

  private end(watcher: Watcher): void {
    this.member.watches.remove(watcher);
    watcher.cancelled = true;
    this.progress.closed(watcher);
  }

  /** Schedules the next try of the victims. While their streams stall it would find every buffer full, and is left out. */
  private rescue(): void {
    const { member } = this;
    if (this.rescuing || !member.watches.victims.some((watcher) => !this.full(watcher) || !watcher.connection.open))
      return;
    this.rescuing = true;
    const { now } = member.simulation;
    const at = (Math.floor(now / VICTIM_INTERVAL) + 1) * VICTIM_INTERVAL;
    member.simulation.scheduleAt(at, member.target, MEMBER_OPCODE.Victims, member.incarnation);
  }

  private arm(): void {
    const { member } = this;
    this.syncing = true;
    const { now } = member.simulation;
    const at = (Math.floor(now / SYNC_INTERVAL) + 1) * SYNC_INTERVAL;
    member.simulation.scheduleAt(at, member.target, MEMBER_OPCODE.WatchSync, member.incarnation);
  }

  /** Sends a message on the stream of a watcher's connection, behind those that wait there. */
  deliver(watcher: Watcher, delivery: WatchDelivery): void {
    const { member } = this;
    const { connection } = watcher;
    const waiting = this.stalledBy.size === 0 ? undefined : this.stalledBy.get(connection);
    if (waiting !== undefined) {
      wait(waiting, watcher, delivery);
      return;
    }
    const { now } = member.simulation;
    const { events } = delivery;
    let bytes = FRAME_BYTES;
    let cost = member.costs.watchEventCpu;
    if (events !== null) {
      for (let i = 0; i < events.length; i++) bytes += eventBytes(events[i]!);
      cost *= events.length;
    }
    const after = member.processor.reserve(now, cost) - now;
    const slot = connection.keepDelivery(delivery);
    member.metrics.networkClientGrpcSentBytesTotal += bytes;
    member.metrics.watchMessages++;
    if (member.network.sendOnStream(connection.watchStream, bytes, connection.clientTarget, CLIENT_WATCH, slot, after))
      return;
    connection.deliveryLost(slot);
    const stalled: Stalled = { connection, deliveries: [], waiting: new Map() };
    wait(stalled, watcher, delivery);
    this.stalledBy.set(connection, stalled);
    member.simulation.schedule(RETRANSMIT_INTERVAL, member.target, MEMBER_OPCODE.WatchRetry, this.stalled.put(stalled));
  }
}

function wait(stalled: Stalled, watcher: Watcher, delivery: WatchDelivery): void {
  stalled.deliveries.push({ watcher, delivery });
  stalled.waiting.set(watcher, (stalled.waiting.get(watcher) ?? 0) + 1);
}

/** Bytes of key and value. */
function eventBytes({ kv, note }: WatchEvent): number {
  return (note === undefined ? kv.key.length : note.keyBytes) + kv.bytes;
}
