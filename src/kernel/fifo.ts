const SMALLEST = 4;
/** A larger ring that is three quarters empty is halved. */
const LARGE = 1024;

/** A first-in, first-out queue on a ring: a queue that is emptied and filled again and again allocates nothing. */
export class Fifo<T> {
  /** Elements that wait. */
  length = 0;
  /** Its size is a power of two, or 0. */
  private items: (T | undefined)[] = [];
  private head = 0;

  push(item: T): void {
    if (this.length === this.items.length) this.resize(Math.max(SMALLEST, 2 * this.length));
    this.items[(this.head + this.length++) & (this.items.length - 1)] = item;
  }

  /** Takes the oldest element; undefined when empty. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.items[this.head];
    this.items[this.head] = undefined;
    this.head = (this.head + 1) & (this.items.length - 1);
    this.length--;
    if (this.items.length > LARGE && this.length * 4 < this.items.length) this.resize(this.items.length >> 1);
    return item;
  }

  peek(): T | undefined {
    return this.length === 0 ? undefined : this.items[this.head];
  }

  /** The k-th element from the front, of a queue that has so many. */
  at(k: number): T {
    return this.items[(this.head + k) & (this.items.length - 1)] as T;
  }

  clear(): void {
    this.items = [];
    this.head = 0;
    this.length = 0;
  }

  /** The elements, oldest first. */
  toArray(): T[] {
    const items: T[] = [];
    for (let k = 0; k < this.length; k++) items.push(this.at(k));
    return items;
  }

  /** Takes out the elements for which a condition holds. */
  removeIf(condition: (item: T) => boolean): void {
    const kept = this.toArray().filter((item) => !condition(item));
    this.clear();
    for (const item of kept) this.push(item);
  }

  private resize(size: number): void {
    const items: (T | undefined)[] = this.toArray();
    while (items.length < size) items.push(undefined);
    this.items = items;
    this.head = 0;
  }
}
