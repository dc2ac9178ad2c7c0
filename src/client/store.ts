import type { KubernetesObject } from '../api/meta.js';
import { ObjectMap } from './object-map.js';
import type { CacheObserver, Indexer } from './types.js';

const EMPTY: ReadonlyMap<string, KubernetesObject> = new Map();

/** The cache of an informer with its indices (client-go tools/cache ThreadSafeStore). */
export class IndexedStore<T extends KubernetesObject> {
  /** Objects by key, in order of first arrival. */
  readonly objects = new ObjectMap<T>();
  private readonly indexers: Indexer<T>[] = [];
  private readonly indexes: Map<string, Map<string, T>>[] = [];
  private readonly observers: CacheObserver<T>[] = [];

  observe(observer: CacheObserver<T>): void {
    this.observers.push(observer);
  }

  addIndexer(indexer: Indexer<T>): void {
    if (this.indexers.some((other) => other.name === indexer.name)) return;
    this.indexers.push(indexer);
    this.indexes.push(new Map());
    for (const [key, object] of this.objects) this.addToIndex(this.indexers.length - 1, key, object);
  }

  /** Objects of an index value in order of first arrival; undefined: there is no such index. */
  byIndex(name: string, value: string): Iterable<T> | undefined {
    const i = this.indexers.findIndex((indexer) => indexer.name === name);
    return i < 0 ? undefined : (this.indexes[i]!.get(value) ?? (EMPTY as ReadonlyMap<string, T>)).values();
  }

  /** Puts an object in; returns what the store held under the key. `hint`: see `ObjectMap`. */
  put(key: string, object: T, hint = -1): T | undefined {
    const old = this.objects.put(key, object, hint);
    for (let i = 0; i < this.observers.length; i++) this.observers[i]!.cached(object);
    for (let i = 0; i < this.indexers.length; i++) {
      const indexer = this.indexers[i]!;
      const after = indexer.valueOf(object);
      const before = old === undefined ? undefined : indexer.valueOf(old);
      if (before === after) {
        if (after !== undefined) this.indexes[i]!.get(after)!.set(key, object);
      } else {
        this.removeFromIndex(i, key, before);
        this.addToIndex(i, key, object);
      }
    }
    return old;
  }

  /** Takes an object out; `old` is what the store holds under the key. */
  delete(key: string, old: T): void {
    this.objects.delete(key);
    for (let i = 0; i < this.observers.length; i++) this.observers[i]!.uncached(old);
    for (let i = 0; i < this.indexers.length; i++) this.removeFromIndex(i, key, this.indexers[i]!.valueOf(old));
  }

  private addToIndex(i: number, key: string, object: T): void {
    const value = this.indexers[i]!.valueOf(object);
    if (value === undefined) return;
    const index = this.indexes[i]!;
    let group = index.get(value);
    if (group === undefined) {
      group = new Map();
      index.set(value, group);
    }
    group.set(key, object);
  }

  private removeFromIndex(i: number, key: string, value: string | undefined): void {
    if (value === undefined) return;
    const index = this.indexes[i]!;
    const group = index.get(value);
    group?.delete(key);
    if (group?.size === 0) index.delete(value);
  }
}
