/** A first-in, first-out queue with O(1) amortized operations and no shifting of elements. */
export class Fifo<T> {
  private items: (T | undefined)[] = [];
  private head = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  push(item: T): void {
    this.items.push(item);
  }

  /** Takes the oldest element; undefined when empty. */
  shift(): T | undefined {
    if (this.head === this.items.length) return undefined;
    const item = this.items[this.head] as T;
    this.items[this.head++] = undefined;
    if (this.head === this.items.length) {
      this.items.length = 0;
      this.head = 0;
    } else if (this.head > 1024 && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return item;
  }

  peek(): T | undefined {
    return this.items[this.head];
  }

  clear(): void {
    this.items.length = 0;
    this.head = 0;
  }

  /** The elements, oldest first. */
  toArray(): T[] {
    return this.items.slice(this.head) as T[];
  }

  /** Takes out the elements for which a condition holds. */
  removeIf(condition: (item: T) => boolean): void {
    this.items = this.toArray().filter((item) => !condition(item));
    this.head = 0;
  }
}
