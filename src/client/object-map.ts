/** One object, by its key; the same for all its versions. */
export interface Entry<T> {
  readonly key: string;
  /** undefined: it was taken out. */
  object: T | undefined;
  /** Of a pod: its last version is ready. Kept here, as versions that were long ago replaced are far away in memory. */
  ready: boolean;
}

/** Hints above this are not taken: they come from a cache that holds far more than this one. */
const MOST_HINTS = 1 << 20;

/**
 * Objects by key, in order of first arrival: as a Map. Who changes an object and has a number that it had at its last change, its place in
 * the cache of the server that tells of it, saves the look-up: among many thousand objects that change one after another each look-up waits
 * for memory.
 */
export class ObjectMap<T> {
  private readonly entries = new Map<string, Entry<T>>();
  /** Entries by the number with which they were last changed. */
  private readonly hinted: (Entry<T> | null)[] = [];

  get size(): number {
    return this.entries.size;
  }

  get(key: string): T | undefined {
    return this.entries.get(key)?.object;
  }

  has(key: string): boolean {
    return this.entries.has(key);
  }

  /** The entry of a key, made without an object when there is none: the caller is to put one in. `hint`: see above; negative: none. */
  entry(key: string, hint = -1): Entry<T> {
    const { hinted } = this;
    const likely = hint >= 0 && hint < hinted.length ? hinted[hint]! : null;
    if (likely !== null && likely.object !== undefined && likely.key === key) return likely;
    let entry = this.entries.get(key);
    if (entry === undefined) this.entries.set(key, (entry = { key, object: undefined, ready: false }));
    if (hint >= 0 && hint < MOST_HINTS) {
      while (hinted.length <= hint) hinted.push(null);
      hinted[hint] = entry;
    }
    return entry;
  }

  /** Puts an object in; returns the one that was there. `hint`: see above. */
  put(key: string, object: T, hint = -1): T | undefined {
    const entry = this.entry(key, hint);
    const old = entry.object;
    entry.object = object;
    return old;
  }

  /** The entry of a key; undefined: there is none. */
  find(key: string): Entry<T> | undefined {
    return this.entries.get(key);
  }

  /** Takes an object out; who has its entry sees it empty. */
  delete(key: string): void {
    const entry = this.entries.get(key);
    if (entry === undefined) return;
    entry.object = undefined;
    this.entries.delete(key);
  }

  /** All entries, in order. */
  all(): Iterable<Entry<T>> {
    return this.entries.values();
  }

  *values(): Generator<T, void> {
    for (const { object } of this.entries.values()) if (object !== undefined) yield object;
  }

  *[Symbol.iterator](): Generator<[string, T], void> {
    for (const { key, object } of this.entries.values()) if (object !== undefined) yield [key, object];
  }
}
