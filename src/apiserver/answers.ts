import type { KubernetesObject } from '../api/meta.js';
import { resourceInfo } from '../api/resources.js';
import { typicalBytes } from './object-size.js';
import type { ApiRequest, ApiResponse } from './request.js';
import type { WatchCache } from './watch-cache.js';

/** Whether a request may change something. */
export function isMutating(request: ApiRequest): boolean {
  return request.verb !== 'get' && request.verb !== 'list' && request.verb !== 'watch';
}

/** Cached objects of a namespace, or of all when it is empty. */
export function selectItems(cache: WatchCache, namespace: string): readonly KubernetesObject[] {
  const items: KubernetesObject[] = [];
  for (const object of cache.objects.values()) {
    if (namespace === '' || object.metadata.namespace === namespace) items.push(object);
  }
  return items;
}

/** Bytes of an answer's body. */
export function responseBytes(request: ApiRequest, response: ApiResponse): number {
  if (response.items !== undefined) return response.items.length * resourceInfo(request.resource).typicalBytes;
  return response.object === undefined ? 0 : typicalBytes(request.resource, response.object);
}
