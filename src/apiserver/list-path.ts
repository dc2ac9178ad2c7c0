import type { Pod } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import { resourceInfo } from '../api/resources.js';
import type { EtcdClient, EtcdReceiver, EtcdResponse } from '../etcd/types.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Duration, Time } from '../kernel/time.js';
import { objectOf, REGISTRY } from './cache-feeder.js';
import { type CallTable, failure } from './call.js';
import type { ApiRequest, ApiResponse } from './request.js';
import type { WatchCache, WatchRecord } from './watch-cache.js';

/** A consistent list asks for progress that often, and waits that long for the cache before it reads etcd (cacher/progress, blockTimeout). */
const PROGRESS_PERIOD: Duration = 100e6;
const CACHE_WAIT: Duration = 3e9;
/** Seats of a list from the cache are reckoned from this many bytes at most (request/list_work_estimator.go, 1.34). */
const CACHED_BYTES = 1_000_000;
/** Tags of etcd requests: slot of the call and life of the process. */
const LIVES = 64;

/** The server that lists belong to. */
export interface ListOwner {
  cache(resource: string): WatchCache;
  respond(slot: number, response: ApiResponse): void;
  observeEtcd(operation: string, resource: string, latency: Duration): void;
  /** A consistent list was served from the cache (true), or from etcd because the cache did not catch up (false). */
  consistentRead(resource: string, fromCache: boolean): void;
}

/** A list that waits until its cache has a revision. */
interface Waiting {
  readonly slot: number;
  readonly resource: string;
  readonly revision: number;
  readonly until: Time;
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
    return request.limit === undefined ? all : Math.max(0, Math.min(request.limit, all - (request.skip ?? 0)));
  }

  /** Bytes from which priority and fairness reckons the seats of a list: what it goes through, not what it selects. */
  bytes(request: ApiRequest): number {
    if (request.verb !== 'list') return 0;
    const size = resourceInfo(request.resource).typicalBytes;
    if (request.name !== '') return size;
    const all = this.owner.cache(request.resource).objects.size;
    const bytes = (request.limit === undefined ? all : Math.min(request.limit, all)) * size;
    return request.source === 'etcd' ? bytes : Math.min(bytes, CACHED_BYTES);
  }

  /** Begins a list, or a watch with its first objects. */
  begin(slot: number): void {
    const { request } = this.calls.get(slot);
    const cache = this.owner.cache(request.resource);
    if (request.verb === 'list' && request.source !== undefined) {
      this.calls.get(slot).etcdSentAt = this.simulation.now;
      this.read(slot, request, request.source === 'etcd');
      return;
    }
    if (request.verb === 'list') this.fromCache(slot);
    else {
      // The events themselves are carried by the connections; this is what opening the stream costs.
      const items = request.sendInitialEvents ? { items: this.select(request) } : {};
      this.owner.respond(slot, { code: 200, resourceVersion: cache.revision, ...items });
    }
  }

  private read(slot: number, { resource, limit }: ApiRequest, whole: boolean): void {
    const most = whole ? limit : 1;
    this.etcd.request({ op: 'range', key: `${REGISTRY}${resource}/`, prefix: true, ...(most === undefined ? {} : { limit: most }) }, this, (slot * LIVES + (this.life % LIVES)) * 2 + (whole ? 1 : 0));
  }

  etcdResponse(tag: number, response: EtcdResponse): void {
    const key = tag >> 1;
    if (key % LIVES !== this.life % LIVES) return;
    const slot = Math.floor(key / LIVES);
    const call = this.calls.get(slot);
    const { resource } = call.request;
    this.owner.observeEtcd(tag % 2 === 1 ? 'list' : 'get', resource, this.simulation.now - call.etcdSentAt);
    if (response.error !== undefined) {
      this.owner.respond(slot, failure(500, response.error, 'Unknown'));
      return;
    }
    if (tag % 2 === 1) {
      const items = (response.kvs ?? []).map((kv) => objectOf(kv)!).filter((object) => selected(call.request, object));
      this.owner.respond(slot, { code: 200, items, resourceVersion: response.revision });
      return;
    }
    if (this.owner.cache(resource).revision >= response.revision) {
      this.owner.consistentRead(resource, true);
      this.fromCache(slot);
      return;
    }
    this.waiting.push({ slot, resource, revision: response.revision, until: this.simulation.now + CACHE_WAIT });
    if (!this.armed) this.ask();
  }

  private ask(): void {
    this.armed = true;
    this.etcd.requestProgress?.();
    this.simulation.post(PROGRESS_PERIOD, this.target, this.opcode, this.life);
  }

  /** Another period is over: those who have waited too long read etcd. */
  due(life: number): void {
    if (life !== this.life) return;
    this.armed = false;
    const { now } = this.simulation;
    const late = this.waiting.filter(({ until }) => until <= now);
    this.waiting = this.waiting.filter(({ until }) => until > now);
    for (const { resource } of late) this.owner.consistentRead(resource, false);
    for (const { slot } of late) this.read(slot, this.calls.get(slot).request, true);
    if (this.waiting.length > 0) this.ask();
  }

  /** A cache may be new enough now. */
  advanced(resource: string): void {
    if (this.waiting.length === 0) return;
    const { revision } = this.owner.cache(resource);
    const ready = this.waiting.filter((each) => each.resource === resource && each.revision <= revision);
    if (ready.length === 0) return;
    this.waiting = this.waiting.filter((each) => each.resource !== resource || each.revision > revision);
    for (const { slot } of ready) {
      this.owner.consistentRead(resource, true);
      this.fromCache(slot);
    }
  }

  private fromCache(slot: number): void {
    const { request } = this.calls.get(slot);
    const cache = this.owner.cache(request.resource);
    const items = this.select(request);
    const end = (request.skip ?? 0) + items.length;
    const more = request.limit !== undefined && end < cache.objects.size ? { continueAt: end } : {};
    this.owner.respond(slot, { code: 200, items, resourceVersion: cache.revision, ...more });
  }

  private select(request: ApiRequest): readonly KubernetesObject[] {
    if (request.nodeName !== undefined) return this.podsOf(request.nodeName);
    const { objects } = this.owner.cache(request.resource);
    if (request.name !== '') {
      const one = objects.get(request.namespace === '' ? request.name : `${request.namespace}/${request.name}`);
      return one === undefined ? [] : [one];
    }
    const items: KubernetesObject[] = [];
    const skip = request.skip ?? 0;
    const end = request.limit === undefined ? Number.POSITIVE_INFINITY : skip + request.limit;
    let index = 0;
    for (const object of objects.values()) {
      if (!selected(request, object)) continue;
      if (index >= skip && index < end) items.push(object);
      if (++index >= end) break;
    }
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
  changed({ resource, type, key, object }: WatchRecord): void {
    if (this.waiting.length > 0) this.advanced(resource);
    if (this.podsByNode === null || resource !== 'pods') return;
    const pod = object as Pod;
    if (type !== 'DELETED') this.put(key, pod);
    else if (pod.spec.nodeName !== undefined) this.podsByNode.get(pod.spec.nodeName)?.delete(key);
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
  }
}

function selected({ namespace }: ApiRequest, object: KubernetesObject): boolean {
  return namespace === '' || object.metadata.namespace === namespace;
}
