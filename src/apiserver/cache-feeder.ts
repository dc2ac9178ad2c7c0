import type { KubernetesObject, ObjectMeta } from '../api/meta.js';
import { resources } from '../api/resources.js';
import type { EtcdClient, EtcdReceiver, EtcdResponse, EtcdWatchReceiver, KeyValue, WatchEvent } from '../etcd/types.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Duration } from '../kernel/time.js';
import { REGISTRY } from './cached-objects.js';
import { WatchCache, type WatchRecord } from './watch-cache.js';

/** Pause before a watch or list of etcd that failed is tried again. */
const RETRY: Duration = 50e6;
/** Tags of watches: life of the process and number of the resource. */
const LIFE_UNIT = 1024;

/** Who is told what the feeder of an API server has learnt. */
export interface FeederOwner {
  readonly name: string;
  /** A change went into a watch cache. */
  cacheChanged(record: WatchRecord, cache: WatchCache): void;
  /** A watch cache is known to be as new as etcd was a moment ago. */
  cacheAdvanced(resource: string): void;
  /** All caches are filled: the server can serve. */
  cachesFilled(): void;
  /** A cache was filled anew while the server runs, because its watch had fallen behind: its watchers must list again. */
  cacheRefilled(resource: string): void;
}

/**
 * Keeps the watch caches of one API server up to date: one etcd watch for each resource, and a list of everything when the process
 * starts (k8s.io/apiserver pkg/storage/cacher).
 */
export class CacheFeeder implements EtcdReceiver, EtcdWatchReceiver {
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly opcodes: { readonly watch: number; readonly list: number };
  private readonly etcd: EtcdClient;
  private readonly owner: FeederOwner;
  private readonly byResource = new Map<string, WatchCache>();
  /** In the order of the resources. */
  readonly caches: WatchCache[] = [];
  private life = 0;
  private running = true;
  /** The cache that was asked for last: a request asks several times. */
  private last: WatchCache | null = null;
  /** Lists that a starting process still waits for. */
  private missing = 0;

  constructor(
    simulation: Simulation,
    target: number,
    opcodes: { readonly watch: number; readonly list: number },
    etcd: EtcdClient,
    owner: FeederOwner,
  ) {
    this.simulation = simulation;
    this.target = target;
    this.opcodes = opcodes;
    this.etcd = etcd;
    this.owner = owner;
    for (const { resource } of resources()) {
      const cache = new WatchCache(resource);
      this.byResource.set(resource, cache);
      this.caches.push(cache);
    }
  }

  /** The watch cache of a resource; throws for one that is not served. */
  cache(resource: string): WatchCache {
    const { last } = this;
    if (last !== null && last.resource === resource) return last;
    const cache = this.byResource.get(resource);
    if (cache === undefined) throw new Error(`resource ${resource} is not served`);
    this.last = cache;
    return cache;
  }

  /** Fills the caches with the content that etcd started with. */
  warmStart(kvs: readonly KeyValue[], revision: number): void {
    const byResource = new Map<string, [string, KubernetesObject][]>();
    for (const kv of kvs) {
      const slash = kv.key.indexOf('/', REGISTRY.length);
      const resource = kv.key.slice(REGISTRY.length, slash);
      const objects = byResource.get(resource) ?? [];
      objects.push([kv.key, objectOf(kv)!]);
      byResource.set(resource, objects);
    }
    for (const cache of this.caches) cache.replace(byResource.get(cache.resource) ?? [], revision, this.simulation.now);
  }

  /** Opens the watches, from where the caches stand. */
  start(): void {
    for (let i = 0; i < this.caches.length; i++) this.openWatch(i);
  }

  private openWatch(index: number): void {
    const cache = this.caches[index]!;
    this.etcd.watch(`${REGISTRY}${cache.resource}/`, cache.revision + 1, this, this.life * LIFE_UNIT + index);
  }

  /** The process died. */
  stop(): void {
    this.life++;
    this.running = false;
  }

  /** The process starts again: every resource is listed from etcd. False when it is at that already. */
  restart(): boolean {
    if (this.missing > 0) return false;
    this.missing = this.caches.length;
    for (let i = 0; i < this.caches.length; i++) this.list(i);
    return true;
  }

  private list(index: number): void {
    this.etcd.request({ op: 'range', key: `${REGISTRY}${this.caches[index]!.resource}/`, prefix: true }, this, this.life * LIFE_UNIT + index);
  }

  /** The pause after a failure is over. */
  retry(opcode: number, argument: number): void {
    if (Math.floor(argument / LIFE_UNIT) !== this.life) return;
    if (opcode === this.opcodes.list) this.list(argument % LIFE_UNIT);
    else if (this.running) this.openWatch(argument % LIFE_UNIT);
  }

  etcdResponse(tag: number, response: EtcdResponse): void {
    if (Math.floor(tag / LIFE_UNIT) !== this.life) return;
    if (response.error !== undefined) {
      this.simulation.schedule(RETRY, this.target, this.opcodes.list, tag);
      return;
    }
    const index = tag % LIFE_UNIT;
    const cache = this.caches[index]!;
    cache.figures.listedByStorage(response.kvs?.length ?? 0, response.kvs?.length ?? 0);
    cache.replace((response.kvs ?? []).map((kv) => [kv.key, objectOf(kv)!] as const), response.revision, this.simulation.now);
    if (this.running) {
      this.openWatch(index);
      this.owner.cacheRefilled(cache.resource);
      return;
    }
    if (--this.missing > 0) return;
    this.running = true;
    this.start();
    this.owner.cachesFilled();
  }

  watchEvents(tag: number, events: readonly WatchEvent[], _revision: number): void {
    if (!this.running || Math.floor(tag / LIFE_UNIT) !== this.life) return;
    const cache = this.caches[tag % LIFE_UNIT]!;
    // Events of one revision (the end of a lease deletes all its keys at once) are told apart by fractions: each comes after the one before.
    let group = 1;
    let left = 0;
    for (let i = 0; i < events.length; i++) {
      const { type, kv, note } = events[i]!;
      if (left > 0) left--;
      else {
        group = sameRevision(events, i);
        left = group - 1;
      }
      const record = cache.applyAt(kv.key, type === 'PUT' ? objectOf(kv) : undefined, kv.modRevision - left / group, this.simulation.now, note);
      if (record !== undefined) this.owner.cacheChanged(record, cache);
    }
  }

  watchProgress(tag: number, revision: number): void {
    if (!this.running || Math.floor(tag / LIFE_UNIT) !== this.life) return;
    const cache = this.caches[tag % LIFE_UNIT]!;
    cache.advance(revision, this.simulation.now);
    this.owner.cacheAdvanced(cache.resource);
  }

  watchCancelled(tag: number, compactRevision: number): void {
    if (!this.running || Math.floor(tag / LIFE_UNIT) !== this.life) return;
    // What the watch missed is compacted: the resource is listed again, as at the start (cacher.go, reflector of the watch cache).
    if (compactRevision > 0) this.list(tag % LIFE_UNIT);
    else this.simulation.schedule(RETRY, this.target, this.opcodes.watch, tag);
  }
}

/** Events from the `i`-th on that have its revision. */
function sameRevision(events: readonly WatchEvent[], i: number): number {
  const { modRevision } = events[i]!.kv;
  let end = i + 1;
  while (end < events.length && events[end]!.kv.modRevision === modRevision) end++;
  return end - i;
}

/**
 * The object of a key-value, with its revision as resourceVersion. The API server that stored it made its metadata for this
 * write alone, so the revision is filled in place, once, as decoding from etcd would.
 */
export function objectOf(kv: KeyValue | undefined): KubernetesObject | undefined {
  if (kv === undefined) return undefined;
  const object = kv.value as KubernetesObject;
  stamp(object, kv.modRevision);
  return object;
}

/** Fills a revision in, see `objectOf`. */
export function stamp(object: KubernetesObject, revision: number): void {
  (object.metadata as { -readonly [K in keyof ObjectMeta]: ObjectMeta[K] }).resourceVersion = revision;
}
