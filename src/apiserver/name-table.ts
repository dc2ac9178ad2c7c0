/** What a table finds: anything that knows its name. */
interface Named {
  readonly name: string;
}

const SMALLEST = 16;
/** So many last characters of a name decide where it is looked for, and its length. */
const TAIL = 12;
/** When so many others are in the way of a name, all characters count from then on. */
const CROWD = 24;

/**
 * Things by name. As a Map, with less memory on the way of a look-up: what is at a name's place is told apart by a number beside the
 * others of the neighbourhood, and only the thing itself is asked for its text. In a table of many thousand names that were not looked up
 * for a while, each piece of memory that is not at hand costs the processor more than all else.
 */
export class NameTable<T extends Named> {
  /** Things, without those that were removed. */
  size = 0;
  /** Places in use, those of removed things included. */
  private used = 0;
  /** Hashes of names by place; 0: nothing is there, nor was. */
  private hashes = new Int32Array(SMALLEST);
  /** Things by place; null: none is there. */
  private things: (T | null)[] = new Array<T | null>(SMALLEST).fill(null);
  /** All characters of names count. */
  private whole = false;

  find(name: string): T | undefined {
    const { hashes, things } = this;
    const mask = hashes.length - 1;
    const hash = hashOf(name, this.whole);
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const found = hashes[place]!;
      if (found === 0) return undefined;
      if (found !== hash) continue;
      const thing = things[place]!;
      if (thing !== null && thing.name === name) return thing;
    }
  }

  /** Takes in a thing whose name is not there. */
  add(thing: T): void {
    if (2 * (this.used + 1) > this.hashes.length) this.rebuild();
    if (this.place(thing) > CROWD && !this.whole) {
      this.whole = true;
      this.rebuild();
    }
    this.size++;
  }

  /** Removes a thing of this table. */
  remove(thing: T): void {
    const { hashes, things } = this;
    const mask = hashes.length - 1;
    let place = hashOf(thing.name, this.whole) & mask;
    while (things[place] !== thing) place = (place + 1) & mask;
    things[place] = null;
    this.size--;
  }

  /** Puts a thing where there is room; returns how many places were taken. */
  private place(thing: T): number {
    const { hashes, things } = this;
    const mask = hashes.length - 1;
    const hash = hashOf(thing.name, this.whole);
    let taken = 0;
    let place = hash & mask;
    for (; hashes[place] !== 0; place = (place + 1) & mask) taken++;
    hashes[place] = hash;
    things[place] = thing;
    this.used++;
    return taken;
  }

  /** Makes room, and forgets removed things. */
  private rebuild(): void {
    const { things } = this;
    let length = SMALLEST;
    while (length < 4 * (this.size + 1)) length *= 2;
    this.hashes = new Int32Array(length);
    this.things = new Array<T | null>(length).fill(null);
    this.used = 0;
    for (const thing of things) if (thing !== null) this.place(thing);
  }
}

/** Never 0. */
function hashOf(name: string, whole: boolean): number {
  const { length } = name;
  let hash = length;
  for (let i = whole || length < TAIL ? 0 : length - TAIL; i < length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash ^= hash >>> 13;
  return hash === 0 ? 1 : hash;
}
