import { resourceInfo } from '../api/resources.js';
import type { ApiServerMemoryCosts } from '../scenario/types.js';
import type { Call } from './call.js';
import type { WatchCache } from './watch-cache.js';

/** What fills the memory of a kube-apiserver process. */
export interface MemoryUse {
  readonly caches: readonly WatchCache[];
  /** Watches open at it. */
  readonly watches: number;
  /** Requests in flight. */
  readonly requests: number;
  /** Encoded bytes of the lists in flight that etcd was read for, and of those that are written from the cache. */
  readonly etcdListBytes: number;
  readonly cachedListBytes: number;
}

/**
 * Resident bytes of a kube-apiserver: objects in the watch caches and in their windows of events, decoded; lists in flight; watches;
 * and the room that Go's collector needs on top of what lives.
 */
export function memoryOf(use: MemoryUse, costs: ApiServerMemoryCosts): number {
  let stored = 0;
  for (const cache of use.caches) stored += (cache.objects.size + cache.windowLength) * resourceInfo(cache.resource).typicalBytes;
  const decoded = (stored + use.etcdListBytes) * costs.decodedFactor;
  const encoded = use.etcdListBytes + use.cachedListBytes * costs.cachedListFactor;
  const live = decoded + encoded + use.watches * costs.watch + use.requests * costs.request;
  return Math.round(costs.base + live * costs.collectorFactor);
}

/** Encoded bytes of the lists that a server works on: read from etcd, and written from the watch cache. */
export class Listing {
  private stored = 0;
  private cached = 0;
  private storedPeak = 0;
  private cachedPeak = 0;

  /** A list of so many objects begins. */
  begin(call: Call, objects: number): void {
    const bytes = objects * resourceInfo(call.request.resource).typicalBytes;
    if (call.request.source === 'etcd') {
      call.listBytes = bytes;
      this.stored += bytes;
      this.storedPeak = Math.max(this.storedPeak, this.stored);
    } else {
      call.listBytes = -bytes;
      this.cached += bytes;
      this.cachedPeak = Math.max(this.cachedPeak, this.cached);
    }
  }

  /** A list is answered, or nobody waits for it any more. */
  end(call: Call): void {
    if (call.listBytes > 0) this.stored -= call.listBytes;
    else this.cached += call.listBytes;
    call.listBytes = 0;
  }

  /** The most there was at a time since the last call. */
  takePeak(): { readonly etcdListBytes: number; readonly cachedListBytes: number } {
    const { storedPeak, cachedPeak } = this;
    this.storedPeak = this.stored;
    this.cachedPeak = this.cached;
    return { etcdListBytes: storedPeak, cachedListBytes: cachedPeak };
  }

  /** The process died. */
  reset(): void {
    this.stored = 0;
    this.cached = 0;
    this.storedPeak = 0;
    this.cachedPeak = 0;
  }
}
