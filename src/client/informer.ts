import { keyOf, type KubernetesObject } from '../api/meta.js';
import { Call, Caller, TOO_LARGE } from '../apiserver/call.js';
import type { Connections, Watcher } from '../apiserver/connections.js';
import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import type { WatchRecord } from '../apiserver/watch-cache.js';
import type { ProcessorShare } from '../etcd/processor.js';
import { Fifo } from '../kernel/fifo.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import type { Duration, Time } from '../kernel/time.js';
import { type DistributionSpec, sample } from '../random/distribution.js';
import type { Stream } from '../random/stream.js';
import { type ClientFeatures, clientFeatures } from './features.js';
import { InformerCache } from './informer-cache.js';
import type { ClientMeter } from './metrics.js';
import type { CacheObserver, Indexer, Informer, ResourceEventHandler } from './types.js';

const OP_POP = 1;
const OP_LIST = 2;
const OP_WATCH = 3;
const OP_WATCH_TIMEOUT = 4;
const OP_RESYNC = 5;
const OP_ARRIVED = 6;

const TAG_LIST = 0;
const TAG_WATCH = 1;

const EVENT_NAMES: Readonly<Record<number, string>> = {
  [OP_POP]: 'handlers are told of a change',
  [OP_LIST]: 'the reflector lists again',
  [OP_WATCH]: 'the reflector watches again',
  [OP_WATCH_TIMEOUT]: 'a watch has reached its timeout',
  [OP_RESYNC]: 'an informer resyncs',
  [OP_ARRIVED]: 'the reflector takes up a watch event',
};

/** Reflector back-off: 0.8 s doubling to 30 s, jitter 1.0, from the start again when the last was 2 min ago (tools/cache/reflector.go). */
const BACKOFF_BASE: Duration = 0.8e9;
const BACKOFF_MAXIMUM: Duration = 30e9;
const BACKOFF_RESET: Duration = 120e9;
/** A watch that ends so soon without an event is an error: the reflector backs off and lists (VeryShortWatchError). */
const VERY_SHORT_WATCH: Duration = 1e9;
/** A watch ends after 5 to 10 minutes (reflector.go minWatchTimeout). */
const WATCH_TIMEOUT: Duration = 300e9;
export interface InformerOptions {
  readonly features?: ClientFeatures;
  /** Time between two resyncs; 0 (the default): never. */
  readonly resyncPeriod?: Duration;
  /** Counts the reflector's requests. */
  readonly meter?: ClientMeter;
  /** How long a watch event that has arrived waits before the reflector takes it up; absent: not at all. */
  readonly eventDelay?: DistributionSpec;
  /** Cores that its process shares with others; absent: enough for everything. */
  readonly machine?: ProcessorShare;
}

/**
 * A shared informer (client-go tools/cache): a reflector lists and watches one resource (or opens one streaming watch), deltas
 * pass through a queue, the cache is updated and handlers are called one delta at a time, each costing decode and handler time.
 */
export class SharedInformer<T extends KubernetesObject> implements Informer<T>, Watcher, ResponseReceiver, Component {
  readonly name: string;
  readonly resource: string;
  readonly host: number;
  server = -1;
  revision = 0;
  /** Whether the first list has been delivered to the handlers. */
  synced = false;
  /** Lists (and streaming starts), and watches opened so far. */
  lists = 0;
  watches = 0;

  private readonly simulation: Simulation;
  private readonly connections: Connections;
  private readonly target: number;
  readonly user: string;
  private readonly preferredServer: number;
  private readonly eventCost: Duration;
  private readonly stream: Stream;
  private readonly features: ClientFeatures;
  private readonly resyncPeriod: Duration;
  private readonly caller: Caller;
  private readonly eventDelay: DistributionSpec | undefined;
  private readonly machine: ProcessorShare | undefined;
  private readonly cache: InformerCache<T>;
  private popping = false;
  /** The revision it knows is too old everywhere: the next list asks for the newest state. */
  private expired = false;
  /** Back-offs in a row, and when the last one began. */
  private failures = 0;
  private lastBackOff: Time = 0;
  /** When the watch was opened, and events since. */
  private watchingSince: Time = 0;
  private eventsSinceWatch = 0;
  /** Watch events that have arrived and were not taken up yet, and when the last of them will be. */
  private readonly arrived = new Fifo<WatchRecord>();
  private lastTakenUp: Time = 0;
  private timeout = 0;
  private stopped = false;

  constructor(
    simulation: Simulation,
    connections: Connections,
    user: string,
    resource: string,
    host: number,
    preferredServer: number,
    eventCost: Duration,
    stream: Stream,
    options: InformerOptions = {},
  ) {
    this.simulation = simulation;
    this.connections = connections;
    this.user = user;
    this.name = `${user}/informer/${resource}`;
    this.resource = resource;
    this.host = host;
    this.preferredServer = preferredServer;
    this.eventCost = eventCost;
    this.stream = stream;
    this.features = options.features ?? clientFeatures('1.34', user);
    this.resyncPeriod = options.resyncPeriod ?? 0;
    this.caller = new Caller(user, host, options.meter ?? null);
    this.eventDelay = options.eventDelay;
    this.machine = options.machine;
    this.cache = new InformerCache(this.features);
    this.target = simulation.add(this);
  }

  /** Lists, then watches. */
  start(): void {
    this.relist();
    if (this.resyncPeriod > 0) this.simulation.post(this.resyncPeriod, this.target, OP_RESYNC);
  }

  /** The process ends: nothing is sent, received or told to handlers any more. */
  stop(): void {
    this.stopped = true;
    // Whoever polls for the caches of a dead process finds them filled, and has nothing to do.
    this.synced = true;
    this.connections.unwatch(this);
  }

  private relist(): void {
    this.lists++;
    // relistResourceVersion: any state at first ("0"), then one that is not older than what it knows, after a 410 the newest.
    const seen: Pick<ApiRequest, 'source' | 'resourceVersion'> = this.expired ? { source: 'consistent' } : this.revision > 0 ? { resourceVersion: this.revision } : {};
    if (this.features.streamingLists) this.send({ verb: 'watch', sendInitialEvents: true, ...seen }, TAG_LIST);
    else this.send({ verb: 'list', ...seen }, TAG_LIST);
  }

  private openWatch(): void {
    this.send({ verb: 'watch' }, TAG_WATCH);
  }

  private send(part: Pick<ApiRequest, 'verb' | 'sendInitialEvents' | 'source' | 'resourceVersion'>, tag: number): void {
    const call = new Call({ ...part, resource: this.resource, namespace: '', name: '' }, this.caller, this, tag);
    this.connections.submit(call, this.preferredServer, 0);
  }

  receive(tag: number, response: ApiResponse): void {
    if (this.stopped) return;
    if (!succeeded(response)) {
      if (response.reason === TOO_LARGE) this.expired = true;
      this.backOff(tag === TAG_WATCH ? OP_WATCH : OP_LIST);
      return;
    }
    if (tag === TAG_WATCH) {
      this.connect();
      return;
    }
    const listed = new Map<string, KubernetesObject>();
    for (const object of response.items!) listed.set(keyOf(object), object);
    this.expired = false;
    this.revision = response.resourceVersion!;
    this.cache.replace(listed, this.revision);
    this.noteSynced();
    this.wake();
    // A streaming list is the watch already; after a LIST the watch is a request of its own.
    if (this.features.streamingLists) this.connect();
    else this.openWatch();
  }

  /** The server has accepted the watch: events after the last revision flow. */
  private connect(): void {
    const opening = this.connections.watch(this, this.preferredServer);
    if (opening !== 'watching') {
      // No server any more: watch again later. "Too old resource version": only a new list helps.
      if (opening === 'expired') this.expired = true;
      this.backOff(opening === 'expired' ? OP_LIST : OP_WATCH);
      return;
    }
    this.watches++;
    this.watchingSince = this.simulation.now;
    this.eventsSinceWatch = 0;
    this.simulation.cancel(this.timeout);
    this.timeout = this.simulation.schedule(WATCH_TIMEOUT * (1 + this.stream.next()), this.target, OP_WATCH_TIMEOUT);
  }

  watchEvent(record: WatchRecord): void {
    if (this.stopped) return;
    this.eventsSinceWatch++;
    this.machine?.handled(this.simulation.now);
    if (this.eventDelay === undefined) {
      this.takeUp(record);
      return;
    }
    this.arrived.push(record);
    this.lastTakenUp = Math.max(this.lastTakenUp, this.simulation.now + Math.round(sample(this.eventDelay, this.stream)));
    this.simulation.postAt(this.lastTakenUp, this.target, OP_ARRIVED);
  }

  private takeUp(record: WatchRecord): void {
    const type = record.type === 'ADDED' ? 'Added' : record.type === 'MODIFIED' ? 'Updated' : 'Deleted';
    this.cache.add(type, record.key, record.object, record.place);
    this.wake();
  }

  watchLost(): void {
    if (this.stopped) return;
    // A broken watch is opened again where it stopped; only when that is too old does the reflector list again.
    if (this.eventsSinceWatch > 0 || this.simulation.now - this.watchingSince >= VERY_SHORT_WATCH) this.openWatch();
    else this.backOff(OP_LIST);
  }

  private backOff(opcode: number): void {
    const { now } = this.simulation;
    if (now - this.lastBackOff > BACKOFF_RESET) this.failures = 0;
    this.lastBackOff = now;
    let delay = BACKOFF_BASE;
    for (let i = 0; i < this.failures && delay < BACKOFF_MAXIMUM; i++) delay *= 2;
    this.failures++;
    this.simulation.post(Math.min(delay, BACKOFF_MAXIMUM) * (1 + this.stream.next()), this.target, opcode);
  }

  private wake(): void {
    if (this.popping || this.cache.isIdle) return;
    this.popping = true;
    const { simulation, machine, eventCost } = this;
    simulation.post(machine === undefined ? eventCost : machine.reserve(simulation.now, eventCost) - simulation.now, this.target, OP_POP);
  }

  describe(opcode: number): string {
    return EVENT_NAMES[opcode] ?? `opcode ${opcode}`;
  }

  handle(opcode: number): void {
    if (this.stopped) return;
    switch (opcode) {
      case OP_POP:
        this.popping = false;
        this.cache.process();
        this.noteSynced();
        this.wake();
        return;
      case OP_ARRIVED: {
        const record = this.arrived.shift()!;
        if (record.revision > this.cache.listedRevision) this.takeUp(record);
        return;
      }
      case OP_LIST:
        this.relist();
        return;
      case OP_WATCH:
        this.openWatch();
        return;
      case OP_WATCH_TIMEOUT:
        if (this.server < 0) return;
        this.connections.unwatch(this);
        this.openWatch();
        return;
      case OP_RESYNC:
        this.cache.resync();
        this.wake();
        this.simulation.post(this.resyncPeriod, this.target, OP_RESYNC);
        return;
      default:
        throw new Error(`${this.name}: unknown opcode ${opcode}`);
    }
  }

  private noteSynced(): void {
    if (!this.synced) this.synced = this.cache.isFilled;
  }

  get resourceVersion(): number | undefined {
    return this.features.atomicRelist ? this.cache.shownRevision : undefined;
  }

  get(key: string): T | undefined {
    return this.cache.store.objects.get(key);
  }

  list(): Iterable<T> {
    return this.cache.store.objects.values();
  }

  get size(): number {
    return this.cache.store.objects.size;
  }

  addIndexer(indexer: Indexer<T>): void {
    this.cache.store.addIndexer(indexer);
  }

  observe(observer: CacheObserver<T>): void {
    this.cache.store.observe(observer);
  }

  byIndex(indexName: string, value: string): Iterable<T> {
    const found = this.cache.store.byIndex(indexName, value);
    if (found === undefined) throw new Error(`informer of ${this.resource} has no index ${indexName}`);
    return found;
  }

  indexValues(indexName: string): Iterable<string> {
    const values = this.cache.store.indexValues(indexName);
    if (values === undefined) throw new Error(`informer of ${this.resource} has no index ${indexName}`);
    return values;
  }

  addEventHandler(handler: ResourceEventHandler<T>): void {
    this.cache.audience.add(handler, this.cache.store.objects);
  }
}
