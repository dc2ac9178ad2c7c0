import { NOWHERE, OrderedKeys } from './ordered-keys.js';

/** A key that at least one store holds. */
export interface KeyName {
  readonly key: string;
  /** Place of the key in the columns of all stores; another key's once nobody holds this one. */
  readonly ordinal: number;
  /** Stores that hold the key. */
  holders: number;
  /** A note of the ordered set that it is in. */
  place: number;
  readonly space: KeySpace;
}

/**
 * The keys of the stores of one cluster: members hold nearly the same ones, so the text, its order and its ordinal are kept once and
 * each store has only a column of versions by ordinal.
 */
export class KeySpace {
  private readonly byText = new Map<string, KeyName>();
  private readonly ordered = new OrderedKeys<KeyName>();
  /** By ordinal; null: free. */
  private readonly names: (KeyName | null)[] = [];
  private readonly free: number[] = [];

  /** How many keys are held. */
  get size(): number {
    return this.ordered.size;
  }

  find(key: string): KeyName | undefined {
    return this.byText.get(key);
  }

  /** Whether a name that was found earlier is still that of its key here. */
  knows(name: KeyName): boolean {
    return name.space === this && name.holders > 0;
  }

  /** Makes the name of a key that has none; it lasts from its first `hold` to its last `release`. */
  add(key: string): KeyName {
    const ordinal = this.free.pop() ?? this.names.length;
    const name: KeyName = { key, ordinal, holders: 0, place: NOWHERE, space: this };
    this.names[ordinal] = name;
    this.byText.set(key, name);
    this.ordered.insert(name);
    return name;
  }

  /** One store more holds a key. */
  hold(name: KeyName): void {
    name.holders++;
  }

  /** One store less holds a key; the last one takes it away. */
  release(name: KeyName): void {
    if (--name.holders > 0) return;
    this.byText.delete(name.key);
    this.ordered.remove(name);
    this.names[name.ordinal] = null;
    this.free.push(name.ordinal);
  }

  /** Appends the first `limit` names with a prefix, behind `after` unless that is empty, that `accepts` accepts, in key order. */
  scan(prefix: string, limit: number, out: KeyName[], accepts: (name: KeyName) => boolean, after = ''): void {
    this.ordered.scan(prefix, limit, out, accepts, after);
  }

  /** How many keys with a prefix are held by any store. */
  count(prefix: string): number {
    return this.ordered.count(prefix);
  }

  /** Names by ordinal; null where none is. */
  get all(): readonly (KeyName | null)[] {
    return this.names;
  }
}
