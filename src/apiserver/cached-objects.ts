import type { KubernetesObject } from '../api/meta.js';
import type { KeyNote } from '../etcd/types.js';
import { NameTable } from './name-table.js';

/** Prefix of everything Kubernetes keeps in etcd (--etcd-prefix). */
export const REGISTRY = '/registry/';

/** So many places of removed objects may stay empty before the others move up. */
const SLACK = 256;

/** One object of a cache, with its names: the same text objects for all its versions, so that looking them up elsewhere compares no text. */
export interface CachedObject extends KeyNote {
  /** `namespace/name`, or `name`; empty: nobody has asked for it (`keyOf`). */
  key: string;
  /** Its name in its namespace. */
  readonly name: string;
  /** Its key in etcd. */
  readonly path: string;
  object: KubernetesObject;
  /** The cache that has it, or will; null: it was removed. */
  home: CachedObjects | null;
  /** Its place in the order of arrival; negative: it is not there yet. */
  place: number;
}

/** `namespace/name`, or `name`, of an object that is, or was, in a cache of a resource. Most events are never asked for theirs. */
export function keyOf(cached: CachedObject, resource: string): string {
  if (cached.key === '') cached.key = cached.path.slice(REGISTRY.length + resource.length + 1);
  return cached.key;
}

/** The objects of one resource by namespace and name, in order of first arrival. */
export class CachedObjects {
  /** What the keys in etcd of the resource begin with. */
  readonly prefix: string;
  private readonly resource: string;
  size = 0;
  /** By namespace (empty: the resource has none), then name. */
  private readonly byNamespace = new Map<string, NameTable<CachedObject>>();
  /** In order of arrival; null: removed. */
  private order: (CachedObject | null)[] = [];
  /** The namespace asked for last, what the keys in etcd of its objects begin with, and its objects. */
  private namespace = '';
  private namespacePrefix = '';
  private names: NameTable<CachedObject> | undefined = undefined;

  constructor(resource: string) {
    this.resource = resource;
    this.prefix = `${REGISTRY}${resource}/`;
    this.namespacePrefix = this.prefix;
  }

  get(key: string): KubernetesObject | undefined {
    const slash = key.indexOf('/');
    return (slash < 0 ? this.find('', key) : this.find(key.slice(0, slash), key.slice(slash + 1)))?.object;
  }

  /** The object of a namespace (empty: none) and name. */
  find(namespace: string, name: string): CachedObject | undefined {
    if (namespace !== this.namespace) this.turnTo(namespace);
    return this.names === undefined ? undefined : this.names.find(name);
  }

  /** The object of a key in etcd. */
  at(path: string): CachedObject | undefined {
    const name = this.nameIn(path);
    return this.names === undefined ? undefined : this.names.find(name);
  }

  /** Takes in an object that is not there. */
  add(path: string, object: KubernetesObject): CachedObject {
    const written = this.nameIn(path);
    // The text that others look the object up by is most likely the one that it has itself.
    const own = object.metadata.name;
    const cached = this.entry(own === written ? own : written, path, object);
    this.enter(cached);
    return cached;
  }

  /** An object that is about to be made in etcd: it is taken in (`insert`) when etcd tells of it. */
  prepare(object: KubernetesObject): CachedObject {
    const { namespace, name } = object.metadata;
    if (namespace !== this.namespace) this.turnTo(namespace);
    return this.entry(name, this.namespacePrefix + name, object);
  }

  /** Takes in an object that was prepared; returns it, or the one that has its key, should there be one. */
  insert(cached: CachedObject): CachedObject {
    const { namespace } = cached.object.metadata;
    if (namespace !== this.namespace) this.turnTo(namespace);
    const there = this.names === undefined ? undefined : this.names.find(cached.name);
    if (there !== undefined) return there;
    this.enter(cached);
    return cached;
  }

  private entry(name: string, path: string, object: KubernetesObject): CachedObject {
    return { key: '', name, path, object, row: -1, keyBytes: path.length, home: this, place: -1 };
  }

  /** Takes in an object of the namespace turned to. */
  private enter(cached: CachedObject): void {
    if (this.names === undefined) this.byNamespace.set(this.namespace, (this.names = new NameTable()));
    this.names.add(cached);
    cached.place = this.order.length;
    this.order.push(cached);
    this.size++;
  }

  /** Removes an object of this cache. */
  remove(cached: CachedObject): void {
    this.nameIn(cached.path);
    this.names!.remove(cached);
    if (this.names!.size === 0) {
      this.byNamespace.delete(this.namespace);
      this.names = undefined;
    }
    cached.home = null;
    this.order[cached.place] = null;
    this.size--;
    if (this.order.length > 2 * this.size + SLACK) this.moveUp();
  }

  clear(): void {
    for (const cached of this.order) if (cached !== null) cached.home = null;
    this.byNamespace.clear();
    this.names = undefined;
    this.order = [];
    this.size = 0;
  }

  *keys(): Iterable<string> {
    for (const cached of this.order) if (cached !== null) yield keyOf(cached, this.resource);
  }

  *values(): Iterable<KubernetesObject> {
    for (const cached of this.order) if (cached !== null) yield cached.object;
  }

  *[Symbol.iterator](): Iterator<[string, KubernetesObject]> {
    for (const cached of this.order) if (cached !== null) yield [keyOf(cached, this.resource), cached.object];
  }

  /** All objects. */
  all(): KubernetesObject[] {
    const objects: KubernetesObject[] = [];
    for (const cached of this.order) if (cached !== null) objects.push(cached.object);
    return objects;
  }

  /** Turns to the namespace of a key in etcd; returns the name in it. */
  private nameIn(path: string): string {
    const { prefix, namespacePrefix } = this;
    if (path.startsWith(namespacePrefix) && path.indexOf('/', namespacePrefix.length) < 0) return path.slice(namespacePrefix.length);
    const slash = path.indexOf('/', prefix.length);
    this.turnTo(slash < 0 ? '' : path.slice(prefix.length, slash));
    return path.slice(slash < 0 ? prefix.length : slash + 1);
  }

  private turnTo(namespace: string): void {
    this.namespace = namespace;
    this.namespacePrefix = namespace === '' ? this.prefix : `${this.prefix}${namespace}/`;
    this.names = this.byNamespace.get(namespace);
  }

  private moveUp(): void {
    const order: CachedObject[] = [];
    for (const cached of this.order) {
      if (cached === null) continue;
      cached.place = order.length;
      order.push(cached);
    }
    this.order = order;
  }
}
