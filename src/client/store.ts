import type { KubernetesObject } from '../api/meta.js';
import { type Entry, ObjectMap } from './object-map.js';
import type { CacheObserver, Indexer } from './types.js';

const NOTHING: readonly never[] = [];

/** The objects of an index by their value, in order of first arrival. */
type Index<T> = Map<string, Set<Entry<T>>>;

/** The cache of an informer with its indices (client-go tools/cache ThreadSafeStore). */
export class IndexedStore<T extends KubernetesObject> {
  /** Objects by key, in order of first arrival. */
  readonly objects = new ObjectMap<T>();
  private readonly indexers: Indexer<T>[] = [];
  /** null: nobody has asked for it yet. Only of values that objects keep, so that it can still be made in the order of arrival. */
  private readonly indexes: (Index<T> | null)[] = [];
  private readonly observers: CacheObserver<T>[] = [];

  get isIndexed(): boolean {
    return this.indexers.length > 0;
  }

  observe(observer: CacheObserver<T>): void {
    this.observers.push(observer);
  }

  addIndexer(indexer: Indexer<T>): void {
    if (this.indexers.some((other) => other.name === indexer.name)) return;
    this.indexers.push(indexer);
    this.indexes.push(indexer.dependsOn === 0 ? null : this.index(indexer));
  }

  /** Objects of an index value in order of first arrival; undefined: there is no such index. */
  byIndex(name: string, value: string): Iterable<T> | undefined {
    const i = this.indexers.findIndex((indexer) => indexer.name === name);
    if (i < 0) return undefined;
    const index = (this.indexes[i] ??= this.index(this.indexers[i]!));
    const entries = index.get(value);
    return entries === undefined ? NOTHING : objectsOf(entries);
  }

  /** Values of an index under which there are objects, in order of their first arrival; undefined: there is no such index. */
  indexValues(name: string): Iterable<string> | undefined {
    const i = this.indexers.findIndex((indexer) => indexer.name === name);
    return i < 0 ? undefined : (this.indexes[i] ??= this.index(this.indexers[i]!)).keys();
  }

  /** Puts a version into an entry, given what it changes (bits of `Changes`). */
  set(entry: Entry<T>, object: T, changes: number): void {
    const old = entry.object;
    entry.object = object;
    for (let i = 0; i < this.observers.length; i++) this.observers[i]!.cached(object);
    for (let i = 0; i < this.indexers.length; i++) {
      const index = this.indexes[i]!;
      if (index === null) continue;
      const indexer = this.indexers[i]!;
      const { dependsOn } = indexer;
      if (old !== undefined && dependsOn !== undefined && (changes & dependsOn) === 0) continue;
      const after = indexer.valueOf(object);
      const before = old === undefined ? undefined : indexer.valueOf(old);
      if (before === after) continue;
      removeFrom(index, before, entry);
      addTo(index, after, entry);
    }
  }

  /** Takes out what an entry holds. */
  delete(entry: Entry<T>): void {
    const old = entry.object!;
    this.objects.delete(entry.key);
    for (let i = 0; i < this.observers.length; i++) this.observers[i]!.uncached(old);
    for (let i = 0; i < this.indexers.length; i++) {
      const index = this.indexes[i]!;
      if (index !== null) removeFrom(index, this.indexers[i]!.valueOf(old), entry);
    }
  }

  private index(indexer: Indexer<T>): Index<T> {
    const index: Index<T> = new Map();
    for (const entry of this.objects.all()) addTo(index, indexer.valueOf(entry.object!), entry);
    return index;
  }
}

function* objectsOf<T>(entries: Iterable<Entry<T>>): Generator<T, void> {
  for (const { object } of entries) if (object !== undefined) yield object;
}

function addTo<T>(index: Index<T>, value: string | undefined, entry: Entry<T>): void {
  if (value === undefined) return;
  const entries = index.get(value);
  if (entries === undefined) index.set(value, new Set([entry]));
  else entries.add(entry);
}

function removeFrom<T>(index: Index<T>, value: string | undefined, entry: Entry<T>): void {
  if (value === undefined) return;
  const entries = index.get(value);
  entries?.delete(entry);
  if (entries?.size === 0) index.delete(value);
}
