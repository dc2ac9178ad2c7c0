import { KeyTable } from './key-table.js';
import { NOWHERE, OrderedKeys } from './ordered-keys.js';
import type { KeyValue } from './types.js';

/** A key that at least one store holds. */
export interface KeyName {
  readonly key: string;
  /** Row of the key in the table of versions; another key's once nobody holds this one. */
  readonly ordinal: number;
  /** Stores that hold the key. */
  holders: number;
  /** A note of the ordered set that it is in. */
  place: number;
}

/** A time in which no row of a space changes its key. */
export class Era {}

/** Newest version of a key in one store; null: deleted and not compacted, undefined: not held. */
export type Newest = KeyValue | null | undefined;

/**
 * The keys of the stores of one cluster: members hold nearly the same ones, so the text, its order and its ordinal are kept once and
 * each store has only a column in one table of versions. A key's versions lie side by side there: members write them shortly one after
 * the other, and the memory around is what the processor then has at hand.
 */
export class KeySpace {
  private readonly byText = new KeyTable();
  private readonly ordered = new OrderedKeys<KeyName>();
  /** By ordinal; null: free. */
  private readonly names: (KeyName | null)[] = [];
  private readonly free: number[] = [];
  /** Versions by ordinal × stride + column. */
  private table: Newest[] = [];
  /** A power of two: columns that there is room for. */
  private shift = 0;
  private present: Era | null = null;
  /** Columns by whether a store has them. */
  private readonly columns: boolean[] = [];

  /** The present era. */
  get era(): Era {
    this.present ??= new Era();
    return this.present;
  }

  /** A store begins: its column, in which no key is held. */
  openColumn(): number {
    const free = this.columns.indexOf(false);
    const column = free < 0 ? this.columns.length : free;
    this.columns[column] = true;
    if (column >> this.shift > 0) this.widen();
    return column;
  }

  /** A store that holds no key any more ends. */
  closeColumn(column: number): void {
    this.columns[column] = false;
  }

  /** Twice as many columns. */
  private widen(): void {
    const { table, shift } = this;
    const wide: Newest[] = [];
    for (let at = 0; at < table.length; at += 1 << shift) {
      for (let i = 0; i < 1 << shift; i++) wide.push(table[at + i]);
      for (let i = 0; i < 1 << shift; i++) wide.push(undefined);
    }
    this.table = wide;
    this.shift++;
  }

  /** What a store has at a row; undefined for rows that are not there. */
  newest(ordinal: number, column: number): Newest {
    const at = (ordinal << this.shift) + column;
    return ordinal >= 0 && at < this.table.length ? this.table[at] : undefined;
  }

  /** Writes what a store has at the row of a key. */
  setNewest(ordinal: number, column: number, version: Newest): void {
    this.table[(ordinal << this.shift) + column] = version;
  }

  /** How many keys are held. */
  get size(): number {
    return this.ordered.size;
  }

  find(key: string): KeyName | undefined {
    return this.byText.find(key, this.names);
  }

  /** As `find`, for a key that was at a row some time ago, perhaps of another space. */
  findAt(ordinal: number, key: string): KeyName | undefined {
    if (ordinal >= 0 && ordinal < this.names.length) {
      const name = this.names[ordinal]!;
      if (name !== null && name.key === key) return name;
    }
    return this.byText.find(key, this.names);
  }

  /** Makes the name of a key that has none; it lasts from its first `hold` to its last `release`. */
  add(key: string): KeyName {
    const ordinal = this.free.pop() ?? this.names.length;
    const name: KeyName = { key, ordinal, holders: 0, place: NOWHERE };
    this.names[ordinal] = name;
    if (ordinal << this.shift === this.table.length)
      for (let i = 0; i < 1 << this.shift; i++) this.table.push(undefined);
    this.byText.add(key, ordinal);
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
    this.byText.remove(name.key, name.ordinal);
    this.ordered.remove(name);
    this.names[name.ordinal] = null;
    this.present = null;
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
