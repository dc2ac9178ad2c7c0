import type { Pod } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import { resourceInfo } from '../api/resources.js';
import { EtcdError } from '../etcd/errors.js';
import type { EtcdClient, EtcdReceiver, EtcdResponse } from '../etcd/types.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Duration, Time } from '../kernel/time.js';
import { objectOf } from './cache-feeder.js';
import { REGISTRY } from './cached-objects.js';
import { type CallTable, failure, TOO_LARGE } from './call.js';
import { ListSnapshots } from './list-snapshots.js';
import type { RequestMetrics } from './metrics.js';
import type { ApiRequest, ApiResponse, ContinueToken } from './request.js';
import type { WatchCache, WatchRecord } from './watch-cache.js';

/** A consistent list asks for progress that often, and waits that long for the cache before it reads etcd (cacher/progress, blockTimeout). */
const PROGRESS_PERIOD: Duration = 100e6;
const CACHE_WAIT: Duration = 3e9;
/** Seats of a list from the cache are reckoned from this many bytes at most (request/list_work_estimator.go, 1.34). */
const CACHED_BYTES = 1_000_000;
/** What etcd says of a revision that is compacted. */
const COMPACTED = EtcdError.Compacted;
/** Index of the watch cache by which pods of a node are found (registry/core/pod/strategy.go Indexers). */
const NODE_INDEX = 'f:spec.nodeName';
/** Tags of etcd requests: slot of the call and life of the process. */
const LIVES = 64;

/** The server that lists belong to. */
export interface ListOwner {
  readonly metrics: RequestMetrics;
  cache(resource: string): WatchCache;
  respond(slot: number, response: ApiResponse): void;
  /** One way of a message on the server's machine. */
  messageDelay(): Duration;
}

/** A list that waits until its cache has a revision. */
interface Waiting {
  readonly slot: number;
  readonly resource: string;
  readonly revision: number;
  readonly until: Time;
  readonly since: Time;
  /** It asked for what etcd has now: etcd answers when the cache does not catch up. */
  readonly consistent: boolean;
}

/**
 * Lists and the beginnings of watches: from the watch cache as it is, from the cache once it is as new as etcd (consistent reads
 * from cache), or from etcd (k8s.io/apiserver pkg/storage/cacher). Pods of one node are found by an index.
 */
export class ListPath implements EtcdReceiver {
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly opcode: number;
  private readonly calls: CallTable;
  private readonly etcd: EtcdClient;
  private readonly owner: ListOwner;
  private waiting: Waiting[] = [];
  private armed = false;
  private life = 0;
  private readonly snapshots = new ListSnapshots();
  /** Pods by node and key; null until somebody lists the pods of a node. */
  private podsByNode: Map<string, Map<string, Pod>> | null = null;

  /** Progress is asked for at events `opcode` of component `target`. */
  constructor(simulation: Simulation, target: number, opcode: number, calls: CallTable, etcd: EtcdClient, owner: ListOwner) {
    this.simulation = simulation;
    this.target = target;
    this.opcode = opcode;
    this.calls = calls;
    this.etcd = etcd;
    this.owner = owner;
  }

  /** Objects that a request reads and encodes. */
  objects(request: ApiRequest): number {
    if (request.verb !== 'list' && !request.sendInitialEvents) return 0;
    if (request.nodeName !== undefined) return this.podsOf(request.nodeName).length;
    if (request.name !== '') return 1;
    const all = this.owner.cache(request.resource).objects.size;
    return paged(request) ? Math.min(request.limit!, all) : all;
  }

  /** Bytes from which priority and fairness reckons the seats of a list: what it goes through, not what it selects. */
  bytes(request: ApiRequest): number {
    if (request.verb !== 'list') return 0;
    const size = resourceInfo(request.resource).typicalBytes;
    if (request.name !== '') return size;
    const all = this.owner.cache(request.resource).objects.size;
    const bytes = (paged(request) ? Math.min(request.limit!, all) : all) * size;
    return request.source === 'etcd' ? bytes : Math.min(bytes, CACHED_BYTES);
  }

  /** Begins a list, or a watch with its first objects. */
  begin(slot: number): void {
    const { request } = this.calls.get(slot);
    const cache = this.owner.cache(request.resource);
    if (request.verb === 'watch' && request.sendInitialEvents !== true) {
      // The events themselves are carried by the connections; this is what opening the stream costs.
      this.owner.respond(slot, { code: 200, resourceVersion: cache.revision });
    } else if (request.continue !== undefined) this.nextPage(slot, request, request.continue);
    else if (request.source !== undefined) this.read(slot, request, request.source === 'etcd');
    else if ((request.resourceVersion ?? 0) > cache.revision) this.wait(slot, request.resource, request.resourceVersion!, false);
    else {
      if ((request.resourceVersion ?? 0) > 0) cache.figures.readWaits.observe(0);
      this.fromCache(slot);
    }
  }

  /** Asks etcd for the objects (`whole`), or for its revision only. */
  private read(slot: number, { resource, namespace, limit, continue: token }: ApiRequest, whole: boolean): void {
    this.calls.etcdSentAt[slot] = this.simulation.now;
    const root = `${REGISTRY}${resource}/`;
    const key = namespace === '' || !whole ? root : `${root}${namespace}/`;
    // One more than the page holds tells whether there is another.
    const most = !whole ? { limit: 1 } : limit === undefined ? {} : { limit: limit + 1 };
    const page = token === undefined || !whole ? {} : { after: root + token.after, revision: token.resourceVersion };
    this.etcd.request({ op: 'range', key, prefix: true, ...most, ...page }, this, (slot * LIVES + (this.life % LIVES)) * 2 + (whole ? 1 : 0));
  }

  /** A page after the first is of the revision of the first: from the cache's snapshot of it, else from etcd. */
  private nextPage(slot: number, request: ApiRequest, token: ContinueToken): void {
    const snapshot = request.source === 'etcd' ? undefined : this.snapshots.at(this.owner.cache(request.resource), token.resourceVersion);
    if (snapshot === undefined) this.read(slot, request, true);
    else this.answer(slot, this.owner.cache(request.resource), snapshot.page(request));
  }

  private wait(slot: number, resource: string, revision: number, consistent: boolean): void {
    this.waiting.push({ slot, resource, revision, until: this.simulation.now + CACHE_WAIT, since: this.simulation.now, consistent });
    if (!this.armed) this.ask();
  }

  etcdResponse(tag: number, response: EtcdResponse): void {
    const key = tag >> 1;
    if (key % LIVES !== this.life % LIVES) return;
    const slot = Math.floor(key / LIVES);
    const call = this.calls.get(slot);
    const { resource } = call.kind;
    this.owner.metrics.observeEtcd(tag % 2 === 1 ? 'list' : 'get', call.kind, this.simulation.now - this.calls.etcdSentAt[slot]!, response.error !== undefined);
    if (response.error !== undefined) {
      this.owner.respond(slot, response.error === COMPACTED ? tooOldToContinue() : failure(500, response.error, 'Unknown'));
      return;
    }
    const cache = this.owner.cache(resource);
    if (tag % 2 === 1) {
      const page = pageOfEtcd(call.request, response);
      cache.figures.listedByStorage(response.kvs?.length ?? 0, page.items!.length);
      this.owner.respond(slot, page);
      return;
    }
    cache.figures.storageLists++;
    if (cache.revision >= response.revision) {
      cache.figures.readWaits.observe(0);
      this.owner.metrics.consistentRead(resource, true);
      this.fromCache(slot);
      return;
    }
    this.wait(slot, resource, response.revision, true);
  }

  private ask(): void {
    this.armed = true;
    this.etcd.requestProgress?.();
    // The next period begins once the request is written: periods keep no step with the rates of clients.
    this.simulation.post(PROGRESS_PERIOD + this.owner.messageDelay(), this.target, this.opcode, this.life);
  }

  /** Another period is over: those who have waited too long read etcd. */
  due(life: number): void {
    if (life !== this.life) return;
    this.armed = false;
    const { now } = this.simulation;
    const late = this.waiting.filter(({ until }) => until <= now);
    this.waiting = this.waiting.filter(({ until }) => until > now);
    for (const { slot, resource, revision, since, consistent } of late) {
      this.owner.cache(resource).figures.readWaits.observe(now - since);
      if (!consistent) {
        this.owner.respond(slot, tooLarge(revision, this.owner.cache(resource).revision));
        continue;
      }
      this.owner.metrics.consistentRead(resource, false);
      this.read(slot, this.calls.get(slot).request, true);
    }
    if (this.waiting.length > 0) this.ask();
  }

  /** A cache may be new enough now. */
  advanced(resource: string): void {
    if (this.waiting.length === 0) return;
    const { revision, figures } = this.owner.cache(resource);
    const ready = this.waiting.filter((each) => each.resource === resource && each.revision <= revision);
    if (ready.length === 0) return;
    this.waiting = this.waiting.filter((each) => each.resource !== resource || each.revision > revision);
    for (const { slot, since, consistent } of ready) {
      figures.readWaits.observe(this.simulation.now - since);
      if (consistent) this.owner.metrics.consistentRead(resource, true);
      this.fromCache(slot);
    }
  }

  private fromCache(slot: number): void {
    const { request } = this.calls.get(slot);
    const cache = this.owner.cache(request.resource);
    if (paged(request) && request.nodeName === undefined && request.name === '' && cache.objects.size > request.limit!) {
      this.answer(slot, cache, this.snapshots.take(cache).page(request));
      return;
    }
    this.answer(slot, cache, { code: 200, items: this.select(request), resourceVersion: cache.revision });
  }

  private answer(slot: number, { figures }: WatchCache, response: ApiResponse): void {
    const { request } = this.calls.get(slot);
    const objects = response.items!.length;
    if (request.verb === 'watch') figures.initEvents += objects;
    else figures.listedByCache(request.nodeName === undefined ? '' : NODE_INDEX, objects);
    this.owner.respond(slot, response);
  }

  private select(request: ApiRequest): readonly KubernetesObject[] {
    if (request.nodeName !== undefined) return this.podsOf(request.nodeName);
    const { objects } = this.owner.cache(request.resource);
    if (request.name !== '') {
      const one = objects.find(request.namespace, request.name);
      return one === undefined ? [] : [one.object];
    }
    if (request.namespace === '') return objects.all();
    const items: KubernetesObject[] = [];
    for (const object of objects.values()) if (object.metadata.namespace === request.namespace) items.push(object);
    return items;
  }

  /** Pods bound to a node, in order of arrival. */
  podsOf(nodeName: string): readonly Pod[] {
    if (this.podsByNode === null) {
      this.podsByNode = new Map();
      for (const [key, pod] of this.owner.cache('pods').objects) this.put(key, pod as Pod);
    }
    return [...(this.podsByNode.get(nodeName)?.values() ?? [])];
  }

  private put(key: string, pod: Pod): void {
    const { nodeName } = pod.spec;
    if (nodeName === undefined) return;
    let pods = this.podsByNode!.get(nodeName);
    if (pods === undefined) this.podsByNode!.set(nodeName, (pods = new Map()));
    pods.set(key, pod);
  }

  /** A change went into a cache. */
  changed(record: WatchRecord): void {
    const { resource, type, object } = record;
    if (this.waiting.length > 0) this.advanced(resource);
    if (this.podsByNode === null || resource !== 'pods') return;
    const pod = object as Pod;
    if (type !== 'DELETED') this.put(record.key, pod);
    else if (pod.spec.nodeName !== undefined) this.podsByNode.get(pod.spec.nodeName)?.delete(record.key);
  }

  /** A cache was filled anew. */
  refilled(): void {
    this.podsByNode = null;
  }

  /** The process died. */
  reset(): void {
    this.life++;
    this.armed = false;
    this.waiting = [];
    this.podsByNode = null;
    this.snapshots.clear();
  }
}

/** Whether a limit counts: a list that any state answers (resourceVersion "0") comes whole (cacher.go shouldDelegateList). */
function paged({ limit, source, resourceVersion }: ApiRequest): boolean {
  return limit !== undefined && (source !== undefined || (resourceVersion ?? 0) > 0);
}

/** A list, or a page of it, as etcd gave it. */
function pageOfEtcd(request: ApiRequest, { kvs = [], revision }: EtcdResponse): ApiResponse {
  const { limit, continue: token, resource } = request;
  const resourceVersion = token?.resourceVersion ?? revision;
  const more = limit !== undefined && kvs.length > limit;
  const items = (more ? kvs.slice(0, limit) : kvs).map((kv) => objectOf(kv)!).filter((object) => wanted(request, object));
  const after = more ? kvs[limit - 1]!.key.slice(REGISTRY.length + resource.length + 1) : '';
  return { code: 200, items, resourceVersion, ...(more ? { continue: { resourceVersion, after } } : {}) };
}

/** Field selectors are applied to what etcd gives. */
function wanted({ name, nodeName }: ApiRequest, object: KubernetesObject): boolean {
  if (name !== '' && object.metadata.name !== name) return false;
  return nodeName === undefined || (object as Pod).spec.nodeName === nodeName;
}

/** storage/errors.go NewTooLargeResourceVersionError. */
function tooLarge(wanted: number, current: number): ApiResponse {
  return { ...failure(504, `Too large resource version: ${wanted}, current: ${current}`, TOO_LARGE), retryAfterSeconds: 1 };
}

/** storage/etcd3/errors.go handleExpiredLimitedContinue. */
function tooOldToContinue(): ApiResponse {
  return failure(410, 'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.');
}
