import type { ApiRequest, ResponseReceiver } from '../apiserver/request.js';
import type { KubernetesObject } from '../api/meta.js';

/** One client of the API: its own user agent and token bucket (client-go `rest.Config` QPS and Burst). */
export interface ApiClient {
  /** `system:serviceaccount:kube-system:deployment-controller`, `system:node:node-17`, … */
  readonly user: string;
  /** Sends a request after the client-side limiter lets it; the receiver is told once, also when the connection fails. */
  request(request: ApiRequest, receiver: ResponseReceiver, tag: number): void;
}

/**
 * Told of changes that an informer has put into its cache, in order (client-go ResourceEventHandler). `key` is that of the cache, the same
 * text object for all versions. What it says of itself spares it being told of what it would make nothing of.
 */
export interface ResourceEventHandler<T extends KubernetesObject> {
  /** It makes nothing of updates that change none of this (bits of `Changes`), resyncs included; absent: it wants all. */
  readonly updates?: number;
  /** It makes nothing of objects that a controller of another kind has; absent: it wants all. */
  readonly controllerKind?: string;
  onAdd(object: T, key: string): void;
  /** `changes`: what differs, as bits of `Changes`. */
  onUpdate(old: T, object: T, key: string, changes: number): void;
  /** `finalStateUnknown`: the deletion itself was missed; `object` may be older than the last state (DeletedFinalStateUnknown). */
  onDelete(object: T, finalStateUnknown: boolean, key: string): void;
}

/** Told of changes of an informer's cache itself, which shows them before handlers are told. */
export interface CacheObserver<T extends KubernetesObject> {
  /** The cache holds this version from now on. */
  cached(object: T): void;
  /** The cache has this object no more. */
  uncached(object: T): void;
}

/** Names a value under which an index groups objects (client-go IndexFunc); a class with data only, so that it can be saved. */
export interface Indexer<T extends KubernetesObject> {
  readonly name: string;
  /**
   * What must change for the value to change (bits of `Changes`); absent: anything. 0: an object keeps its value; such an index is made
   * when it is first asked for.
   */
  readonly dependsOn?: number;
  /** The value of an object in this index; undefined: not indexed. */
  valueOf(object: T): string | undefined;
}

/** Read side of an informer's cache (client-go Lister and Indexer). Lags behind the API server. */
export interface Informer<T extends KubernetesObject> {
  readonly resource: string;
  readonly synced: boolean;
  /** resourceVersion that the cache shows; absent: it does not know (before AtomicFIFO, 1.36). */
  readonly resourceVersion?: number | undefined;
  get(key: string): T | undefined;
  /** All cached objects in order of first arrival. */
  list(): Iterable<T>;
  readonly size: number;
  addIndexer(indexer: Indexer<T>): void;
  /** Objects of an index value in order of first arrival. */
  byIndex(indexName: string, value: string): Iterable<T>;
  /** Values of an index under which there are objects, in order of their first arrival (client-go ListIndexFuncValues). */
  indexValues(indexName: string): Iterable<string>;
  addEventHandler(handler: ResourceEventHandler<T>): void;
  /** Tells an observer of the changes of the cache from now on. */
  observe(observer: CacheObserver<T>): void;
}

/** The informers of one process, one per resource, started together (client-go SharedInformerFactory). */
export interface InformerFactory {
  informer<T extends KubernetesObject>(resource: string): Informer<T>;
}

/** Records events about objects, with client-go's aggregation and spam filter (tools/record). */
export interface EventRecorder {
  event(object: KubernetesObject, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

/** Told by a work queue that a key can be taken. */
export interface WorkQueueConsumer {
  workAvailable(): void;
}

/** client-go's rate-limited, delaying, deduplicating queue (util/workqueue); implemented in `work-queue.ts`. */
export interface WorkQueue {
  readonly name: string;
  readonly length: number;
  add(key: string): void;
  addAfter(key: string, delay: number): void;
  /** Adds after max(5 ms · 2^failures, overall bucket 10/s burst 100). */
  addRateLimited(key: string): void;
  /** Failures counted for a key. */
  retries(key: string): number;
  forget(key: string): void;
  /** Takes the next key; undefined when none is ready. Call `done` with it afterwards. */
  get(): string | undefined;
  done(key: string): void;
}
