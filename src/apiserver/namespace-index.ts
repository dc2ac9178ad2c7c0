import type { KubernetesObject } from '../api/meta.js';
import type { AdmissionView } from './admission/attributes.js';
import type { WatchCache, WatchRecord } from './watch-cache.js';

/** Where the watch caches are. */
export interface WatchCaches {
  cache(resource: string): WatchCache;
}

/**
 * Objects of the watch caches by namespace, for the few kinds that requests look up by it: the listers of admission and of
 * evictions. A change costs one look-up.
 */
export class NamespaceIndex implements AdmissionView {
  private readonly caches: WatchCaches;
  private readonly byResource = new Map<string, Map<string, Map<string, KubernetesObject>>>();
  /** Raised at each change of a resource that is indexed. */
  private readonly versions = new Map<string, number>();

  constructor(caches: WatchCaches, resources: readonly string[]) {
    this.caches = caches;
    for (const resource of resources) this.byResource.set(resource, new Map());
  }

  /** Fills the index from the watch caches. */
  rebuild(): void {
    for (const [resource, namespaces] of this.byResource) {
      namespaces.clear();
      for (const object of this.caches.cache(resource).objects.values()) this.put(resource, object);
      this.touch(resource);
    }
  }

  /** A change went into a watch cache. */
  changed({ resource, type, object }: WatchRecord): void {
    const namespaces = this.byResource.get(resource);
    if (namespaces === undefined) return;
    this.touch(resource);
    const { namespace, name } = object.metadata;
    if (type !== 'DELETED') {
      this.put(resource, object);
      return;
    }
    const names = namespaces.get(namespace);
    names?.delete(name);
    if (names?.size === 0) namespaces.delete(namespace);
  }

  get(resource: string, key: string): KubernetesObject | undefined {
    return this.caches.cache(resource).objects.get(key);
  }

  /** Objects of a resource in a namespace (empty: of a resource without namespaces), in order of first arrival. */
  in(resource: string, namespace: string): Iterable<KubernetesObject> {
    return this.byResource.get(resource)!.get(namespace)?.values() ?? [];
  }

  /** How many there are. */
  count(resource: string, namespace: string): number {
    return this.byResource.get(resource)!.get(namespace)?.size ?? 0;
  }

  /** A number that grows with each change of a resource: what was derived from it holds while it stays. */
  version(resource: string): number {
    return this.versions.get(resource) ?? 0;
  }

  private touch(resource: string): void {
    this.versions.set(resource, this.version(resource) + 1);
  }

  private put(resource: string, object: KubernetesObject): void {
    const namespaces = this.byResource.get(resource)!;
    const { namespace, name } = object.metadata;
    let names = namespaces.get(namespace);
    if (names === undefined) namespaces.set(namespace, (names = new Map()));
    names.set(name, object);
  }
}
