import type { Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import { DISTANCES, type Network } from '../network/network.js';
import type { ApiServer } from './api-server.js';
import type { WatchRecord } from './watch-cache.js';
import { WatcherTable } from './watcher-table.js';
import type { Watcher } from './watchers.js';

/**
 * Carries watch events from the API servers to those who watch them. Watchers at one distance from a server get a change by one
 * event: each has its copy on the link, and the copies arrive together, in the order of the server's log.
 */
export class WatchDelivery {
  private readonly simulation: Simulation;
  private readonly network: Network;
  private readonly target: number;
  private readonly opcode: number;
  private readonly tables: WatcherTable[] = [];
  /** Events on their way: watchers and record, by slots that are taken and given back together. */
  private readonly receivers = new Slots<readonly Watcher[]>();
  private readonly records = new Slots<WatchRecord>();
  /** Streams by server × distances + distance; −1: not open yet. */
  private readonly streams: number[] = [];

  /** Arrivals are events `opcode` of component `target`. */
  constructor(simulation: Simulation, network: Network, target: number, opcode: number) {
    this.simulation = simulation;
    this.network = network;
    this.target = target;
    this.opcode = opcode;
  }

  addServer(): void {
    this.tables.push(new WatcherTable());
    for (let i = 0; i < DISTANCES; i++) this.streams.push(-1);
  }

  /** Connects a watcher to a server and sends it what it has missed. */
  open(server: ApiServer, watcher: Watcher, missed: readonly WatchRecord[]): void {
    const distance = this.network.distance(server.host, watcher.host);
    this.tables[server.index]!.add(watcher, distance);
    watcher.server = server.index;
    server.cache(watcher.resource).figures.initEvents += missed.length;
    for (const record of missed) {
      if (watcher.key === undefined || watcher.key === record.key) this.send(server, [watcher], distance, record, server.recordBytes(record));
    }
  }

  /** Ends a watch; what is on its way still arrives. */
  close(watcher: Watcher): void {
    if (watcher.server < 0) return;
    this.tables[watcher.server]!.remove(watcher);
    watcher.server = -1;
  }

  /** Ends all watches at a server, or those of a resource; returns whose they were. */
  closeAll(server: ApiServer, resource?: string): Watcher[] {
    const watchers = this.tables[server.index]!.takeAll(resource);
    for (const watcher of watchers) watcher.server = -1;
    return watchers;
  }

  /** How many watch, at a server, all objects of a resource or the one of a namespace and name. */
  count(server: ApiServer, resource: string, namespace: string, name: string): number {
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

  /** Sends a change to those who watch it at a server; returns how many they are. */
  dispatch(server: ApiServer, record: WatchRecord, bytes: number): number {
    const table = this.tables[server.index]!;
    let receivers = 0;
    const audiences = table.audiences(record.resource);
    for (let i = 0; i < audiences.length; i++) {
      const { watchers, distance } = audiences[i]!;
      receivers += watchers.length;
      this.send(server, watchers, distance, record, bytes);
    }
    const single = table.ofOne(record.resource, record.key);
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

  private send(server: ApiServer, watchers: readonly Watcher[], distance: number, record: WatchRecord, bytes: number): void {
    const { network } = this;
    const reached = network.whole ? watchers : watchers.filter((watcher) => network.reachable(server.host, watcher.host));
    if (reached.length === 0) return;
    const key = server.index * DISTANCES + distance;
    if (this.streams[key]! < 0) this.streams[key] = network.openStream(server.host, reached[0]!.host);
    const arrival = network.arrivalOn(this.streams[key]!, bytes * reached.length);
    this.records.put(record);
    this.simulation.postAt(arrival, this.target, this.opcode, this.receivers.put(reached));
  }
}
