import type { KubernetesObject } from '../api/meta.js';
import type { KeyNote } from '../etcd/types.js';

/** Prefix of everything Kubernetes keeps in etcd (--etcd-prefix). */
export const REGISTRY = '/registry/';

/** One object of a cache, with its names: the same text objects for all its versions, so that looking them up elsewhere compares no text. */
export interface CachedObject extends KeyNote {
  /** `namespace/name`, or `name`. */
  readonly key: string;
  /** Its key in etcd. */
  readonly path: string;
  object: KubernetesObject;
}

/** The objects of one resource by name, in order of first arrival. */
export class CachedObjects {
  /** What the keys in etcd of the resource begin with. */
  readonly prefix: string;
  private readonly byPath = new Map<string, CachedObject>();
  /** The namespace asked for last, and what the keys in etcd of its objects begin with. */
  private namespace = '';
  private namespacePrefix = '';

  constructor(resource: string) {
    this.prefix = `${REGISTRY}${resource}/`;
  }

  get size(): number {
    return this.byPath.size;
  }

  get(key: string): KubernetesObject | undefined {
    return this.byPath.get(this.prefix + key)?.object;
  }

  /** The object of a namespace (empty: none) and name. */
  find(namespace: string, name: string): CachedObject | undefined {
    if (namespace === '') return this.byPath.get(this.prefix + name);
    if (namespace !== this.namespace) {
      this.namespace = namespace;
      this.namespacePrefix = `${this.prefix}${namespace}/`;
    }
    return this.byPath.get(this.namespacePrefix + name);
  }

  /** The object of a key in etcd. */
  at(path: string): CachedObject | undefined {
    return this.byPath.get(path);
  }

  /** Takes in an object that is not there. */
  add(path: string, object: KubernetesObject): CachedObject {
    const cached: CachedObject = { key: path.slice(this.prefix.length), path, object, name: null };
    this.byPath.set(path, cached);
    return cached;
  }

  remove(path: string): void {
    this.byPath.delete(path);
  }

  clear(): void {
    this.byPath.clear();
  }

  *keys(): Iterable<string> {
    for (const { key } of this.byPath.values()) yield key;
  }

  *values(): Iterable<KubernetesObject> {
    for (const { object } of this.byPath.values()) yield object;
  }

  *[Symbol.iterator](): Iterator<[string, KubernetesObject]> {
    for (const { key, object } of this.byPath.values()) yield [key, object];
  }

  /** All objects. */
  all(): KubernetesObject[] {
    const objects: KubernetesObject[] = [];
    for (const { object } of this.byPath.values()) objects.push(object);
    return objects;
  }
}
