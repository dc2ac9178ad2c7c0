import { keyOf, type KubernetesObject } from '../api/meta.js';
import type { ApiRequest, ApiResponse } from './request.js';
import type { WatchCache } from './watch-cache.js';

/** Snapshots that are kept of all resources together; pages of older ones come from etcd. */
const KEPT = 16;

/** The objects of a resource at one revision, by key (gate ListFromCacheSnapshot, cacher/store_btree.go): what pages are cut from. */
export class ListSnapshot {
  readonly resource: string;
  readonly revision: number;
  private readonly keys: readonly string[];
  private readonly objects: readonly KubernetesObject[];

  constructor(cache: WatchCache) {
    this.resource = cache.resource;
    this.revision = cache.revision;
    const sorted = [...cache.objects].sort(([a], [b]) => (a < b ? -1 : 1));
    this.keys = sorted.map(([key]) => key);
    this.objects = sorted.map(([, object]) => object);
  }

  /** The page that a request with a limit asks for. */
  page({ namespace, limit, continue: token }: ApiRequest): ApiResponse {
    const { keys, objects, revision } = this;
    const [first, end] = namespace === '' ? [0, keys.length] : [this.above(namespace + BEFORE_SLASH), this.above(namespace + SLASH)];
    const begin = token === undefined ? first : Math.max(first, this.above(token.after));
    const stop = Math.min(end, begin + limit!);
    const rest = end - stop;
    const items = objects.slice(begin, stop);
    if (rest <= 0) return { code: 200, items, resourceVersion: revision };
    const after = keyOf(objects[stop - 1]!);
    return { code: 200, items, resourceVersion: revision, continue: { resourceVersion: revision, after }, remainingItemCount: rest };
  }

  /** How many keys are not above one. */
  private above(key: string): number {
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.keys[middle]! <= key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Keys of a namespace lie between these two: "." comes before "/", and no name begins above "\uffff". */
const BEFORE_SLASH = '.\uffff';
const SLASH = '/\uffff';

/** The snapshots that one server has at hand. */
export class ListSnapshots {
  private snapshots: ListSnapshot[] = [];

  /** A snapshot of what a cache holds now. */
  take(cache: WatchCache): ListSnapshot {
    const known = this.at(cache, cache.revision);
    if (known !== undefined) return known;
    const snapshot = new ListSnapshot(cache);
    if (this.snapshots.length >= KEPT) this.snapshots.shift();
    this.snapshots.push(snapshot);
    return snapshot;
  }

  /** The snapshot of a revision; undefined: there is none (any more). */
  at({ resource }: WatchCache, revision: number): ListSnapshot | undefined {
    return this.snapshots.find((each) => each.resource === resource && each.revision === revision);
  }

  /** The process died. */
  clear(): void {
    this.snapshots = [];
  }
}
