import type { KeyName } from './key-space.js';

/** Slots at first; a power of two. */
const FIRST_SLOTS = 1024;
/** Characters at the end of a key that its hash is made of: where the names are. */
const HASHED = 24;

/**
 * Rows of keys by their text: open addressing with linear probing, hash and row of a slot side by side. Where a Map reads a key or two of each
 * place it looks at, all over the memory, this reads a key only when its hash is the wanted one: most keys that are looked for by
 * their text are new.
 */
export class KeyTable {
  /** Hash, and row + 1 (0: free), by slot. */
  private slots = new Int32Array(2 * FIRST_SLOTS);
  private used = 0;
  /** The key that was hashed last: what is not found is added next. */
  private lastKey = '';
  private lastHash = hashOf('');

  /** The name of a key among those by row; undefined: it is not here. */
  find(key: string, names: readonly (KeyName | null)[]): KeyName | undefined {
    const hash = this.hash(key);
    const { slots } = this;
    const mask = slots.length - 1;
    for (let at = (hash << 1) & mask; slots[at + 1] !== 0; at = (at + 2) & mask) {
      if (slots[at] !== hash) continue;
      const name = names[slots[at + 1]! - 1]!;
      if (name.key === key) return name;
    }
    return undefined;
  }

  /** Adds a key that is not here. */
  add(key: string, row: number): void {
    if (4 * ++this.used > this.slots.length) this.grow();
    this.put(this.hash(key), row);
  }

  /** Takes out a key that is here. */
  remove(key: string, row: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let at = (this.hash(key) << 1) & mask;
    while (slots[at + 1] !== row + 1) at = (at + 2) & mask;
    this.used--;
    // Those behind it move up, unless they would come before the slot where their search begins.
    for (let next = (at + 2) & mask; slots[next + 1] !== 0; next = (next + 2) & mask) {
      const home = (slots[next]! << 1) & mask;
      if (((next - home) & mask) < ((next - at) & mask)) continue;
      slots[at] = slots[next]!;
      slots[at + 1] = slots[next + 1]!;
      at = next;
    }
    slots[at + 1] = 0;
  }

  private put(hash: number, row: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let at = (hash << 1) & mask;
    while (slots[at + 1] !== 0) at = (at + 2) & mask;
    slots[at] = hash;
    slots[at + 1] = row + 1;
  }

  private grow(): void {
    const { slots } = this;
    this.slots = new Int32Array(2 * slots.length);
    for (let at = 0; at < slots.length; at += 2) if (slots[at + 1] !== 0) this.put(slots[at]!, slots[at + 1]! - 1);
  }

  private hash(key: string): number {
    if (key !== this.lastKey) {
      this.lastKey = key;
      this.lastHash = hashOf(key);
    }
    return this.lastHash;
  }
}

function hashOf(key: string): number {
  const { length } = key;
  let hash = length;
  for (let i = length > HASHED ? length - HASHED : 0; i < length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}
