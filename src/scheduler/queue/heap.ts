/** What a heap holds: it notes its place in it, so that it can be taken out of the middle. */
export interface HeapItem {
  /** Index in the heap; −1: in none. */
  heapIndex: number;
}

/** A binary heap whose items can be removed wherever they are; subclasses say which comes first. */
export abstract class IndexedHeap<T extends HeapItem> {
  private readonly items: T[] = [];

  protected abstract before(a: T, b: T): boolean;

  get size(): number {
    return this.items.length;
  }

  peek(): T | undefined {
    return this.items[0];
  }

  push(item: T): void {
    item.heapIndex = this.items.push(item) - 1;
    this.up(item.heapIndex);
  }

  pop(): T | undefined {
    const first = this.items[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  remove(item: T): void {
    const index = item.heapIndex;
    item.heapIndex = -1;
    const last = this.items.pop()!;
    if (last === item) return;
    this.items[index] = last;
    last.heapIndex = index;
    this.up(index);
    this.down(last.heapIndex);
  }

  private up(start: number): void {
    const { items } = this;
    const item = items[start]!;
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.before(item, items[parent]!)) break;
      items[index] = items[parent]!;
      items[index]!.heapIndex = index;
      index = parent;
    }
    items[index] = item;
    item.heapIndex = index;
  }

  private down(start: number): void {
    const { items } = this;
    const item = items[start]!;
    let index = start;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.before(items[child + 1]!, items[child]!)) child++;
      if (!this.before(items[child]!, item)) break;
      items[index] = items[child]!;
      items[index]!.heapIndex = index;
      index = child;
    }
    items[index] = item;
    item.heapIndex = index;
  }
}
