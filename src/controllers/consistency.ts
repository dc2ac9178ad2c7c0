import type { KubernetesObject } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { Informer } from '../client/types.js';

/**
 * What a controller has written for each of its keys, so that a sync waits until the caches show it
 * (pkg/controller/util/consistency, gates StaleControllerConsistency*, on since 1.36). Deletions leave no mark.
 */
export class ConsistencyStore {
  private readonly informers: readonly Informer<KubernetesObject>[];
  /** Newest resourceVersion written, by key and place of the resource in `informers`. */
  private readonly writes = new Map<string, number[]>();

  /** @param informers caches of the resources that count: pods and the controller's own kind */
  constructor(informers: readonly Informer<KubernetesObject>[]) {
    this.informers = informers;
  }

  /** Notes the answer to a request that a sync of `key` has made. */
  wrote(key: string, request: ApiRequest, response: ApiResponse): void {
    const { verb } = request;
    if ((verb !== 'create' && verb !== 'update' && verb !== 'patch') || !succeeded(response)) return;
    const place = this.informers.findIndex(({ resource }) => resource === request.resource);
    if (place < 0 || response.object === undefined) return;
    let versions = this.writes.get(key);
    if (versions === undefined) {
      versions = this.informers.map(() => 0);
      this.writes.set(key, versions);
    }
    versions[place] = Math.max(versions[place]!, response.object.metadata.resourceVersion);
  }

  /** Whether the caches show all that was written for a key; then it is forgotten (EnsureReady). */
  isReady(key: string): boolean {
    const versions = this.writes.get(key);
    if (versions === undefined) return true;
    for (let i = 0; i < versions.length; i++) {
      // A cache that does not know its resourceVersion holds nobody up.
      const shown = this.informers[i]!.resourceVersion;
      if (shown !== undefined && shown < versions[i]!) return false;
    }
    this.writes.delete(key);
    return true;
  }
}
