import { Slots } from '../kernel/slots.js';
import { MILLISECOND, SECOND } from '../kernel/time.js';
import { CLIENT_WATCH, type EtcdConnection, type WatchCall, WatchDelivery } from './connection.js';
import type { Member } from './member.js';
import { MEMBER_OPCODE } from './opcodes.js';
import type { WatchEvent } from './types.js';
import { eventsBetween, MAX_WATCHERS_PER_SYNC, Watcher } from './watch.js';

/** mvcc/watchable_store.go: the loop that brings unsynced watchers up to date. */
const SYNC_INTERVAL = 100 * MILLISECOND;
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
  private readonly member: Member;
  private readonly stalled = new Slots<Stalled>();
  private readonly stalledBy = new Map<EtcdConnection, Stalled>();
  private syncing = false;

  constructor(member: Member) {
    this.member = member;
  }

  create(call: WatchCall): void {
    const { member } = this;
    const connection = call.connection!;
    if (!member.requests.greet(connection) || !connection.open) return;
    const next = member.store.revision + 1;
    const start = call.startRevision;
    const watcher = new Watcher(call, start === 0 ? next : start);
    if (start === 0 || start >= next) {
      member.watches.addSynced(watcher);
      return;
    }
    member.watches.addUnsynced(watcher);
    if (!this.syncing) this.arm();
  }

  /** Sends the events of one or more whole revisions. */
  send(watcher: Watcher, events: readonly WatchEvent[], revision: number): void {
    if (events[events.length - 1]!.kv.modRevision < watcher.nextRevision) return;
    if (!watcher.connection.open) {
      this.member.watches.remove(watcher);
      return;
    }
    if (this.buffer(watcher)) return;
    watcher.nextRevision = revision + 1;
    this.deliver(watcher, new WatchDelivery(watcher.call, events, revision));
  }

  /** Whether a watcher's buffer is full: then it is a victim, and reads these events from history when it can send again. */
  private buffer(watcher: Watcher): boolean {
    const stalled = this.stalledBy.get(watcher.connection);
    if (stalled === undefined || (stalled.waiting.get(watcher) ?? 0) < WATCHER_BUFFER) return false;
    const { watches, metrics } = this.member;
    if (watcher.synced) {
      metrics.debuggingMvccSlowWatcherTotal++;
      watches.remove(watcher);
      watcher.cancelled = false;
      watcher.synced = false;
      watches.addUnsynced(watcher);
      if (!this.syncing) this.arm();
    }
    return true;
  }

  /** One pass of the catch-up loop. */
  sync(): void {
    const { member } = this;
    const { store, watches } = member;
    this.syncing = false;
    for (const watcher of watches.unsynced.slice(0, MAX_WATCHERS_PER_SYNC)) {
      watches.remove(watcher);
      if (!watcher.connection.open) continue;
      watcher.cancelled = false;
      if (watcher.nextRevision < store.compactRevision) {
        watcher.cancelled = true;
        this.deliver(watcher, new WatchDelivery(watcher.call, null, store.compactRevision));
        continue;
      }
      const events = eventsBetween(store, watcher.prefix, watcher.nextRevision, store.revision);
      if (events.length > 0 && this.buffer(watcher)) {
        watches.addUnsynced(watcher);
        continue;
      }
      if (events.length > 0) this.send(watcher, events, store.revision);
      watcher.nextRevision = Math.max(watcher.nextRevision, store.revision + 1);
      watches.addSynced(watcher);
    }
    if (watches.unsynced.length > 0) this.arm();
  }

  /** Tries again to send what the network did not take. */
  retry(slot: number): void {
    const stalled = this.stalled.take(slot);
    if (this.stalledBy.get(stalled.connection) !== stalled) return;
    this.stalledBy.delete(stalled.connection);
    if (!stalled.connection.open || stalled.connection.incarnation !== this.member.incarnation) return;
    for (const { watcher, delivery } of stalled.deliveries) this.deliver(watcher, delivery);
  }

  /** The store was replaced by a snapshot of the leader's. */
  storeReplaced(): void {
    this.member.watches.unsyncAll();
    if (!this.syncing && this.member.watches.unsynced.length > 0) this.arm();
  }

  clear(): void {
    this.stalledBy.clear();
    this.syncing = false;
  }

  private arm(): void {
    const { member } = this;
    this.syncing = true;
    const { now } = member.simulation;
    const at = (Math.floor(now / SYNC_INTERVAL) + 1) * SYNC_INTERVAL;
    member.simulation.scheduleAt(at, member.target, MEMBER_OPCODE.WatchSync, member.incarnation);
  }

  private deliver(watcher: Watcher, delivery: WatchDelivery): void {
    const { member } = this;
    const connection = delivery.call.connection!;
    const waiting = this.stalledBy.get(connection);
    if (waiting !== undefined) {
      wait(waiting, watcher, delivery);
      return;
    }
    const { now } = member.simulation;
    const { events } = delivery;
    let bytes = FRAME_BYTES;
    let cost = member.costs.watchEventCpu;
    if (events !== null) {
      for (let i = 0; i < events.length; i++) bytes += events[i]!.kv.key.length + events[i]!.kv.bytes;
      cost *= events.length;
    }
    const after = member.processor.reserve(now, cost) - now;
    const slot = connection.keepDelivery(delivery);
    member.metrics.networkClientGrpcSentBytesTotal += bytes;
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
