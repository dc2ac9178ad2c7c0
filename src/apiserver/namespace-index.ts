import type { KubernetesObject } from '../api/meta.js';
import { resourceNumber, resources } from '../api/resources.js';
import type { AdmissionView } from './admission/attributes.js';
import type { WatchCache, WatchRecord } from './watch-cache.js';

/** Where the watch caches are. */
export interface WatchCaches {
  cache(resource: string): WatchCache;
}

const NONE: readonly KubernetesObject[] = [];

/** Objects of one resource by namespace, for those that look again and again. */
export class ObjectsByNamespace {
  /** Grows with each change: what was derived from the objects holds while it stays. */
  version = 0;
  private readonly namespaces = new Map<string, Map<string, KubernetesObject>>();

  /** Objects of a namespace (empty: of a resource without namespaces), in order of first arrival. */
  in(namespace: string): Iterable<KubernetesObject> {
    return this.namespaces.get(namespace)?.values() ?? NONE;
  }

  /** How many there are. */
  count(namespace: string): number {
    return this.namespaces.size === 0 ? 0 : (this.namespaces.get(namespace)?.size ?? 0);
  }

  /** Takes these in instead of all others. */
  replace(objects: Iterable<KubernetesObject>): void {
    this.namespaces.clear();
    for (const object of objects) this.put(object);
    this.version++;
  }

  change({ type, object }: WatchRecord): void {
    this.version++;
    if (type !== 'DELETED') {
      this.put(object);
      return;
    }
    const { namespace, name } = object.metadata;
    const names = this.namespaces.get(namespace);
    names?.delete(name);
    if (names?.size === 0) this.namespaces.delete(namespace);
  }

  private put(object: KubernetesObject): void {
    const { namespace, name } = object.metadata;
    let names = this.namespaces.get(namespace);
    if (names === undefined) this.namespaces.set(namespace, (names = new Map()));
    names.set(name, object);
  }
}

/**
 * Objects of the watch caches by namespace, for the few kinds that requests look up by it: the listers of admission and of
 * evictions. A change costs one look-up.
 */
export class NamespaceIndex implements AdmissionView {
  private readonly caches: WatchCaches;
  private readonly byResource = new Map<string, ObjectsByNamespace>();
  /** The same by number of the resource; null: it is not indexed. */
  private readonly byNumber = new Array<ObjectsByNamespace | null>(resources().length).fill(null);

  constructor(caches: WatchCaches, indexed: readonly string[]) {
    this.caches = caches;
    for (const resource of indexed) {
      const objects = new ObjectsByNamespace();
      this.byResource.set(resource, objects);
      this.byNumber[resourceNumber(resource)] = objects;
    }
  }

  /** Fills the index from the watch caches. */
  rebuild(): void {
    for (const [resource, objects] of this.byResource) objects.replace(this.caches.cache(resource).objects.values());
  }

  /** A change went into the watch cache of the resource of a number. */
  changed(record: WatchRecord, number: number): void {
    const objects = this.byNumber[number]!;
    if (objects !== null) objects.change(record);
  }

  /** Objects of a resource that is indexed. */
  of(resource: string): ObjectsByNamespace {
    return this.byResource.get(resource)!;
  }

  /** The watch cache of a resource. */
  cache(resource: string): WatchCache {
    return this.caches.cache(resource);
  }

  get(resource: string, key: string): KubernetesObject | undefined {
    return this.caches.cache(resource).objects.get(key);
  }

  /** Objects of a resource in a namespace (empty: of a resource without namespaces), in order of first arrival. */
  in(resource: string, namespace: string): Iterable<KubernetesObject> {
    return this.of(resource).in(namespace);
  }

  /** How many there are. */
  count(resource: string, namespace: string): number {
    return this.of(resource).count(namespace);
  }

  /** A number that grows with each change of a resource: what was derived from it holds while it stays. */
  version(resource: string): number {
    return this.byResource.get(resource)?.version ?? 0;
  }
}
