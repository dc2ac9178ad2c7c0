/** A binary heap by a number; equal numbers in the order of arrival. */
export class Heap<T> {
  private readonly items: { readonly at: number; readonly order: number; readonly item: T }[] = [];
  private count = 0;

  get size(): number {
    return this.items.length;
  }

  get least(): number {
    return this.items[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  push(at: number, item: T): void {
    const { items } = this;
    items.push({ at, order: this.count++, item });
    for (let i = items.length - 1; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (!this.before(i, parent)) return;
      this.swap(i, parent);
      i = parent;
    }
  }

  pop(): T {
    const { items } = this;
    const first = items[0]!;
    const last = items.pop()!;
    if (items.length === 0) return first.item;
    items[0] = last;
    for (let i = 0; ; ) {
      const left = 2 * i + 1;
      if (left >= items.length) return first.item;
      const child = left + 1 < items.length && this.before(left + 1, left) ? left + 1 : left;
      if (!this.before(child, i)) return first.item;
      this.swap(i, child);
      i = child;
    }
  }

  private before(a: number, b: number): boolean {
    const x = this.items[a]!;
    const y = this.items[b]!;
    return x.at < y.at || (x.at === y.at && x.order < y.order);
  }

  private swap(a: number, b: number): void {
    [this.items[a], this.items[b]] = [this.items[b]!, this.items[a]!];
  }
}
