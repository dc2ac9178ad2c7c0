import { keyOf, type KubernetesObject } from '../api/meta.js';
import { Call } from '../apiserver/call.js';
import type { Connections, Watcher } from '../apiserver/connections.js';
import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import type { WatchRecord } from '../apiserver/watch-cache.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import type { Duration } from '../kernel/time.js';
import type { Stream } from '../random/stream.js';
import { RealFifo } from './real-fifo.js';
import type { Indexer, Informer, ResourceEventHandler } from './types.js';

const OP_POP = 1;
const OP_LIST = 2;

/** Reflector back-off: 0.8 s doubling to 30 s, jitter 1.0 (client-go tools/cache/reflector.go). */
const BACKOFF_BASE: Duration = 0.8e9;
const BACKOFF_MAXIMUM: Duration = 30e9;

const EMPTY: ReadonlyMap<string, KubernetesObject> = new Map();

/**
 * A shared informer (client-go tools/cache): a reflector lists and watches one resource, deltas pass through a RealFIFO, the
 * cache is updated and handlers are called one delta at a time, each costing decode and handler time.
 */
export class SharedInformer<T extends KubernetesObject> implements Informer<T>, Watcher, ResponseReceiver, Component {
  readonly name: string;
  readonly resource: string;
  readonly host: number;
  server = -1;
  /** Whether the first list has been delivered to the handlers. */
  synced = false;

  private readonly simulation: Simulation;
  private readonly connections: Connections;
  private readonly target: number;
  private readonly user: string;
  private readonly preferredServer: number;
  private readonly eventCost: Duration;
  private readonly stream: Stream;
  private readonly cache = new Map<string, T>();
  private readonly fifo = new RealFifo();
  private readonly handlers: ResourceEventHandler<T>[] = [];
  private readonly indexers: Indexer<T>[] = [];
  private readonly indexes: Map<string, Map<string, T>>[] = [];
  private popping = false;
  private lastRevision = 0;
  private failures = 0;
  private initialItems = -1;

  constructor(
    simulation: Simulation,
    connections: Connections,
    process: string,
    resource: string,
    host: number,
    preferredServer: number,
    eventCost: Duration,
    stream: Stream,
  ) {
    this.simulation = simulation;
    this.connections = connections;
    this.user = process;
    this.name = `${process}/informer/${resource}`;
    this.resource = resource;
    this.host = host;
    this.preferredServer = preferredServer;
    this.eventCost = eventCost;
    this.stream = stream;
    this.target = simulation.add(this);
  }

  /** Lists, then watches. */
  start(): void {
    const request: ApiRequest = { verb: 'list', resource: this.resource, namespace: '', name: '' };
    this.connections.submit(new Call(request, this.user, this.host, this, 0), this.preferredServer, 0);
  }

  receive(_tag: number, response: ApiResponse): void {
    if (!succeeded(response)) {
      this.backOff();
      return;
    }
    this.failures = 0;
    const listed = new Map<string, KubernetesObject>();
    for (const object of response.items!) listed.set(keyOf(object), object);
    this.fifo.replace(listed, this.cache as ReadonlyMap<string, KubernetesObject>);
    if (this.initialItems < 0) this.initialItems = this.fifo.length;
    this.lastRevision = response.resourceVersion!;
    if (this.initialItems === 0) this.synced = true;
    this.wake();
    if (!this.connections.watch(this, this.preferredServer, this.lastRevision)) this.backOff();
  }

  watchEvent(record: WatchRecord): void {
    if (record.revision <= this.lastRevision) return;
    this.lastRevision = record.revision;
    const type = record.type === 'ADDED' ? 'Added' : record.type === 'MODIFIED' ? 'Updated' : 'Deleted';
    this.fifo.add(type, record.key, record.object);
    this.wake();
  }

  watchLost(): void {
    // A broken watch is opened again where it stopped; only when that is too old does the reflector list again.
    if (!this.connections.watch(this, this.preferredServer, this.lastRevision)) this.backOff();
  }

  private backOff(): void {
    let delay = BACKOFF_BASE;
    for (let i = 0; i < this.failures && delay < BACKOFF_MAXIMUM; i++) delay *= 2;
    this.failures++;
    this.simulation.schedule(Math.min(delay, BACKOFF_MAXIMUM) * (1 + this.stream.next()), this.target, OP_LIST);
  }

  private wake(): void {
    if (this.popping || this.fifo.length === 0) return;
    this.popping = true;
    this.simulation.schedule(this.eventCost, this.target, OP_POP);
  }

  describe(opcode: number): string {
    return opcode === OP_POP ? 'handlers are told of a change' : 'the reflector lists again';
  }

  handle(opcode: number): void {
    if (opcode === OP_LIST) {
      this.start();
      return;
    }
    const delta = this.fifo.pop()!;
    const object = delta.object as T;
    const old = this.cache.get(delta.key);
    if (delta.type === 'Deleted') {
      if (old !== undefined) this.remove(delta.key, old, object);
    } else if (old === undefined) this.insert(delta.key, object);
    else this.replace(delta.key, old, object);
    if (!this.synced && --this.initialItems <= 0) this.synced = true;
    this.popping = false;
    this.wake();
  }

  private insert(key: string, object: T): void {
    this.cache.set(key, object);
    for (let i = 0; i < this.indexers.length; i++) this.addToIndex(i, key, object);
    for (const handler of this.handlers) handler.onAdd(object);
  }

  private replace(key: string, old: T, object: T): void {
    this.cache.set(key, object);
    for (let i = 0; i < this.indexers.length; i++) {
      const indexer = this.indexers[i]!;
      const before = indexer.valueOf(old);
      const after = indexer.valueOf(object);
      if (before !== after) {
        this.removeFromIndex(i, key, before);
        this.addToIndex(i, key, object);
      } else if (after !== undefined) this.indexes[i]!.get(after)!.set(key, object);
    }
    for (const handler of this.handlers) handler.onUpdate(old, object);
  }

  private remove(key: string, old: T, object: T): void {
    this.cache.delete(key);
    for (let i = 0; i < this.indexers.length; i++) this.removeFromIndex(i, key, this.indexers[i]!.valueOf(old));
    for (const handler of this.handlers) handler.onDelete(object);
  }

  private addToIndex(i: number, key: string, object: T): void {
    const value = this.indexers[i]!.valueOf(object);
    if (value === undefined) return;
    const index = this.indexes[i]!;
    let group = index.get(value);
    if (group === undefined) {
      group = new Map();
      index.set(value, group);
    }
    group.set(key, object);
  }

  private removeFromIndex(i: number, key: string, value: string | undefined): void {
    if (value === undefined) return;
    const index = this.indexes[i]!;
    const group = index.get(value);
    group?.delete(key);
    if (group?.size === 0) index.delete(value);
  }

  get(key: string): T | undefined {
    return this.cache.get(key);
  }

  list(): Iterable<T> {
    return this.cache.values();
  }

  get size(): number {
    return this.cache.size;
  }

  addIndexer(indexer: Indexer<T>): void {
    if (this.indexers.some((other) => other.name === indexer.name)) return;
    this.indexers.push(indexer);
    this.indexes.push(new Map());
    for (const [key, object] of this.cache) this.addToIndex(this.indexers.length - 1, key, object);
  }

  byIndex(indexName: string, value: string): Iterable<T> {
    const i = this.indexers.findIndex((indexer) => indexer.name === indexName);
    if (i < 0) throw new Error(`informer of ${this.resource} has no index ${indexName}`);
    return (this.indexes[i]!.get(value) ?? (EMPTY as ReadonlyMap<string, T>)).values();
  }

  addEventHandler(handler: ResourceEventHandler<T>): void {
    this.handlers.push(handler);
    for (const object of this.cache.values()) handler.onAdd(object);
  }
}
