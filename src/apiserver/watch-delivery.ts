import type { Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import type { Duration, Time } from '../kernel/time.js';
import { DISTANCES, type Network } from '../network/network.js';
import type { ApiServer } from './api-server.js';
import type { WatchRecord } from './watch-cache.js';
import { WatcherTable } from './watcher-table.js';
import type { Watcher } from './watchers.js';

/** A watch gets a bookmark about so often, in buckets of a second (cacher.go defaultBookmarkFrequency, watcherBookmarkTimeBuckets). */
const BOOKMARK_PERIOD: Duration = 60e9;
const BUCKET: Duration = 1e9;

/** Told of watches whose link is cut. */
export interface WatchOwner {
  /** What was sent to a watcher does not arrive: its connection is dead, which it will notice by itself. */
  watchDead(watcher: Watcher): void;
}

/**
 * Carries watch events from the API servers to those who watch them. Watchers at one distance from a server get a change by one
 * event: each has its copy on the link, and the copies arrive together, in the order of the server's log. Bookmarks, which tell a watcher of
 * few changes how far the server is, are worked out when its watch ends, for only then do they matter; they cost nothing.
 */
export class WatchDelivery {
  private readonly simulation: Simulation;
  private readonly network: Network;
  private readonly target: number;
  private readonly opcode: number;
  private readonly owner: WatchOwner;
  private readonly tables: WatcherTable[] = [];
  /** Events on their way: watchers and record, by slots that are taken and given back together. */
  private readonly receivers = new Slots<readonly Watcher[]>();
  private readonly records = new Slots<WatchRecord>();
  /** Streams by server × distances + distance; −1: not open yet. */
  private readonly streams: number[] = [];
  /** When the last event sent on a stream arrives. */
  private readonly lastArrivals: Time[] = [];
  /** When watches were opened. */
  private readonly opened = new Map<Watcher, Time>();

  /** Arrivals are events `opcode` of component `target`. */
  constructor(simulation: Simulation, network: Network, target: number, opcode: number, owner: WatchOwner) {
    this.owner = owner;
    this.simulation = simulation;
    this.network = network;
    this.target = target;
    this.opcode = opcode;
  }

  addServer(): void {
    this.tables.push(new WatcherTable());
    for (let i = 0; i < DISTANCES; i++) {
      this.streams.push(-1);
      this.lastArrivals.push(0);
    }
  }

  /** Connects a watcher to a server and sends it what it has missed. */
  open(server: ApiServer, watcher: Watcher, missed: readonly WatchRecord[]): void {
    const distance = this.network.distance(server.host, watcher.host);
    this.tables[server.index]!.add(watcher, distance);
    watcher.server = server.index;
    this.opened.set(watcher, this.simulation.now);
    server.cache(watcher.resource).figures.initEvents += missed.length;
    for (const record of missed) {
      if (watcher.key === undefined || watcher.key === record.key) this.send(server, [watcher], distance, record, server.recordBytes(record));
    }
  }

  /** Ends a watch; what is on its way still arrives. */
  close(server: ApiServer, watcher: Watcher): void {
    this.tables[server.index]!.remove(watcher);
    this.ended(server, watcher);
  }

  /** A watch is over: its next one goes on from the last event or bookmark. */
  private ended(server: ApiServer, watcher: Watcher): void {
    watcher.server = -1;
    const { now } = this.simulation;
    const opened = this.opened.get(watcher)!;
    this.opened.delete(watcher);
    // Not one that may still be on its way behind events.
    const bookmarks = Math.floor((now - BUCKET - opened) / BOOKMARK_PERIOD);
    if (bookmarks < 1) return;
    if (this.lastArrivals[server.index * DISTANCES + this.network.distance(server.host, watcher.host)]! > now) return;
    const revision = server.cache(watcher.resource).revisionAt(opened + bookmarks * BOOKMARK_PERIOD);
    if (revision > watcher.revision) watcher.revision = revision;
  }

  /** Ends all watches at a server, or those of a resource; returns whose they were. */
  closeAll(server: ApiServer, resource?: string): Watcher[] {
    const watchers = this.tables[server.index]!.takeAll(resource);
    for (const watcher of watchers) this.ended(server, watcher);
    return watchers;
  }

  /** How many watch, at a server, all objects of the resource of a number or the one of a namespace and name. */
  count(server: ApiServer, resource: number, namespace: string, name: string): number {
    return this.tables[server.index]!.count(resource, namespace, name);
  }

  /** Watches open at a server by resource, of all objects and of single ones. */
  byResource(server: ApiServer): { readonly resource: string; readonly all: number; readonly one: number }[] {
    return this.tables[server.index]!.byResource();
  }

  /** How many watches are open at a server. */
  countAll(server: ApiServer): number {
    return this.tables[server.index]!.size;
  }

  /** Sends a change of the resource of a number to those who watch it at a server; returns how many they are. */
  dispatch(server: ApiServer, record: WatchRecord, resource: number, bytes: number): number {
    const table = this.tables[server.index]!;
    let receivers = 0;
    const audiences = table.audiences(resource);
    for (let i = 0; i < audiences.length; i++) {
      const { watchers, distance } = audiences[i]!;
      receivers += watchers.length;
      this.send(server, watchers, distance, record, bytes);
    }
    const single = table.ofOne(record, resource);
    for (let i = 0; i < single.length; i++) {
      const watcher = single[i]!;
      receivers++;
      this.send(server, [watcher], this.network.distance(server.host, watcher.host), record, bytes);
    }
    return receivers;
  }

  /** An event arrives. */
  arrived(slot: number): void {
    const record = this.records.take(slot);
    const { revision } = record;
    const watchers = this.receivers.take(slot);
    for (let i = 0; i < watchers.length; i++) {
      const watcher = watchers[i]!;
      // A server that was behind when the watch began sends what the watcher knows from another one (cache_watcher.go process).
      if (revision <= watcher.revision) continue;
      watcher.revision = revision;
      watcher.watchEvent(record);
    }
  }

  /** Whether an event gets to a watcher. Where a link is cut, or the one back that acknowledges, the stream has a gap, so the watch is over; a machine that is down hears of nothing. */
  private reaches(server: ApiServer, watcher: Watcher): boolean {
    const { network } = this;
    if (network.reachable(server.host, watcher.host) && network.reachable(watcher.host, server.host)) return true;
    if (watcher.server !== server.index || !network.isUp(watcher.host) || !network.isUp(server.host)) return false;
    this.tables[server.index]!.remove(watcher);
    watcher.server = -1;
    this.opened.delete(watcher);
    this.owner.watchDead(watcher);
    return false;
  }

  private send(server: ApiServer, watchers: readonly Watcher[], distance: number, record: WatchRecord, bytes: number): void {
    const { network } = this;
    const reached = network.whole ? watchers : watchers.filter((watcher) => this.reaches(server, watcher));
    if (reached.length === 0) return;
    const key = server.index * DISTANCES + distance;
    if (this.streams[key]! < 0) this.streams[key] = network.openStream(server.host, reached[0]!.host);
    const arrival = network.arrivalOn(this.streams[key]!, bytes * reached.length);
    this.lastArrivals[key] = arrival;
    this.records.put(record);
    this.simulation.postAt(arrival, this.target, this.opcode, this.receivers.put(reached));
  }
}
