import { PrometheusHistogram } from '../etcd/metrics.js';
import { LogHistogram } from '../stats/index.js';

/** Buckets of apiserver_watch_events_sizes (endpoints/metrics/metrics.go), bytes. */
export const WATCH_EVENT_SIZES = Float64Array.of(1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072);

/** Lists served by an index of the watch cache, and objects read for them. */
export interface IndexFigures {
  lists: number;
  fetched: number;
}

/**
 * What one API server counts for one resource between etcd and those who list and watch it: storage/etcd3/metrics, storage/cacher/metrics,
 * apiserver_watch_events_*. Counts since the start of the run.
 */
export class CacheFigures {
  /** Events that etcd sent (apiserver_storage_events_received_total, apiserver_watch_cache_events_received_total). */
  received = 0;
  /** Progress that etcd reported. */
  bookmarks = 0;
  /** Times that the cache was filled. */
  initializations = 0;
  /** Changes of the capacity of the event window. */
  grown = 0;
  shrunk = 0;
  /** Events with which watches began (apiserver_init_events_total). */
  initEvents = 0;
  /** Lists by etcd: requests, objects read, objects tested, objects returned. */
  storageLists = 0;
  storageFetched = 0;
  storageEvaluated = 0;
  storageReturned = 0;
  /** Lists by the cache, by index (empty: none), and objects they returned. */
  readonly cacheLists = new Map<string, IndexFigures>();
  cacheReturned = 0;
  /** Events sent to watchers, by size. */
  sizes = new PrometheusHistogram(WATCH_EVENT_SIZES);
  /** How long reads waited for the cache to be as new as they asked, nanoseconds. */
  readWaits = new LogHistogram();

  /** An event of so many bytes goes to so many watchers. */
  sent(watchers: number, bytes: number): void {
    this.sizes.observeTimes(bytes, watchers);
  }

  /** etcd has answered a list with so many objects; `returned` passed the selectors. */
  listedByStorage(fetched: number, returned: number): void {
    this.storageLists++;
    this.storageFetched += fetched;
    this.storageEvaluated += fetched;
    this.storageReturned += returned;
  }

  /** The cache has answered a list, by an index (empty: none). */
  listedByCache(index: string, objects: number): void {
    let figures = this.cacheLists.get(index);
    if (figures === undefined) this.cacheLists.set(index, (figures = { lists: 0, fetched: 0 }));
    figures.lists++;
    figures.fetched += objects;
    this.cacheReturned += objects;
  }
}
