/**
 * Go's `sort.Slice`: pattern-defeating quicksort. It is not stable, and the scheduler sorts by orders in which elements tie
 * (or in which both come before the other), so that what it decides depends on this very algorithm.
 */
export interface Ordering<T> {
  /** Whether `a` must come before `b`. */
  less(a: T, b: T): boolean;
}

const MAXIMUM_INSERTION = 12;
const SHORTEST_NINTHER = 50;
const SHORTEST_SHIFTING = 50;
const MAXIMUM_STEPS = 5;
/** Swaps that choosing a pivot makes on a descending run. */
const DESCENDING_SWAPS = 12;

/** Sorts in place as `sort.Slice` does. */
export function goSort<T>(items: T[], ordering: Ordering<T>): void {
  if (items.length < 2) return;
  new Sorter(items, ordering).sort(0, items.length, bitLength(items.length));
}

function bitLength(value: number): number {
  return 32 - Math.clz32(value);
}

class Sorter<T> {
  private readonly items: T[];
  private readonly ordering: Ordering<T>;
  private swaps = 0;

  constructor(items: T[], ordering: Ordering<T>) {
    this.items = items;
    this.ordering = ordering;
  }

  sort(from: number, to: number, depth: number): void {
    let a = from;
    let b = to;
    let limit = depth;
    let balanced = true;
    let partitioned = true;
    for (;;) {
      const length = b - a;
      if (length <= MAXIMUM_INSERTION) {
        this.insertionSort(a, b);
        return;
      }
      if (limit === 0) {
        this.heapSort(a, b);
        return;
      }
      if (!balanced) {
        this.breakPatterns(a, b);
        limit--;
      }
      let pivot = this.choosePivot(a, b);
      let ascending = this.swaps === 0;
      if (this.swaps === DESCENDING_SWAPS) {
        this.reverse(a, b);
        pivot = b - 1 - (pivot - a);
        ascending = true;
      }
      if (balanced && partitioned && ascending && this.partialInsertionSort(a, b)) return;
      if (a > 0 && !this.less(a - 1, pivot)) {
        a = this.partitionEqual(a, b, pivot);
        continue;
      }
      const [middle, already] = this.partition(a, b, pivot);
      partitioned = already;
      const left = middle - a;
      const right = b - middle;
      const threshold = Math.trunc(length / 8);
      if (left < right) {
        balanced = left >= threshold;
        this.sort(a, middle, limit);
        a = middle + 1;
      } else {
        balanced = right >= threshold;
        this.sort(middle + 1, b, limit);
        b = middle;
      }
    }
  }

  private less(i: number, j: number): boolean {
    return this.ordering.less(this.items[i]!, this.items[j]!);
  }

  private swap(i: number, j: number): void {
    const item = this.items[i]!;
    this.items[i] = this.items[j]!;
    this.items[j] = item;
  }

  private insertionSort(a: number, b: number): void {
    for (let i = a + 1; i < b; i++) for (let j = i; j > a && this.less(j, j - 1); j--) this.swap(j, j - 1);
  }

  private siftDown(low: number, high: number, first: number): void {
    let root = low;
    for (;;) {
      let child = 2 * root + 1;
      if (child >= high) return;
      if (child + 1 < high && this.less(first + child, first + child + 1)) child++;
      if (!this.less(first + root, first + child)) return;
      this.swap(first + root, first + child);
      root = child;
    }
  }

  private heapSort(a: number, b: number): void {
    const high = b - a;
    for (let i = Math.trunc((high - 1) / 2); i >= 0; i--) this.siftDown(i, high, a);
    for (let i = high - 1; i >= 0; i--) {
      this.swap(a, a + i);
      this.siftDown(0, i, a);
    }
  }

  private partition(a: number, b: number, pivot: number): readonly [number, boolean] {
    this.swap(a, pivot);
    let i = a + 1;
    let j = b - 1;
    while (i <= j && this.less(i, a)) i++;
    while (i <= j && !this.less(j, a)) j--;
    if (i > j) {
      this.swap(j, a);
      return [j, true];
    }
    for (;;) {
      this.swap(i, j);
      i++;
      j--;
      while (i <= j && this.less(i, a)) i++;
      while (i <= j && !this.less(j, a)) j--;
      if (i > j) break;
    }
    this.swap(j, a);
    return [j, false];
  }

  /** Elements equal to the pivot to the left; returns where the greater ones begin. */
  private partitionEqual(a: number, b: number, pivot: number): number {
    this.swap(a, pivot);
    let i = a + 1;
    let j = b - 1;
    for (;;) {
      while (i <= j && !this.less(a, i)) i++;
      while (i <= j && this.less(a, j)) j--;
      if (i > j) return i;
      this.swap(i, j);
      i++;
      j--;
    }
  }

  /** Sorts a nearly sorted range with few moves; false when it gives up. */
  private partialInsertionSort(a: number, b: number): boolean {
    let i = a + 1;
    for (let step = 0; step < MAXIMUM_STEPS; step++) {
      while (i < b && !this.less(i, i - 1)) i++;
      if (i === b) return true;
      if (b - a < SHORTEST_SHIFTING) return false;
      this.swap(i, i - 1);
      if (i - a >= 2) for (let j = i - 1; j >= 1 && this.less(j, j - 1); j--) this.swap(j, j - 1);
      if (b - i >= 2) for (let j = i + 1; j < b && this.less(j, j - 1); j++) this.swap(j, j - 1);
    }
    return false;
  }

  /** Scatters three elements after a bad partition, by a xorshift generator seeded with the length. */
  private breakPatterns(a: number, b: number): void {
    const length = b - a;
    let random = BigInt(length);
    const mask = (1n << BigInt(bitLength(length))) - 1n;
    const index = a + Math.trunc(length / 4) * 2 - 1;
    for (let i = 0; i < 3; i++) {
      random = BigInt.asUintN(64, random ^ (random << 13n));
      random ^= random >> 7n;
      random = BigInt.asUintN(64, random ^ (random << 17n));
      let other = Number(random & mask);
      if (other >= length) other -= length;
      this.swap(index - 1 + i, a + other);
    }
  }

  private choosePivot(a: number, b: number): number {
    const length = b - a;
    const quarter = Math.trunc(length / 4);
    this.swaps = 0;
    let i = a + quarter;
    let j = a + quarter * 2;
    let k = a + quarter * 3;
    if (length >= SHORTEST_NINTHER) {
      i = this.median(i - 1, i, i + 1);
      j = this.median(j - 1, j, j + 1);
      k = this.median(k - 1, k, k + 1);
    }
    return this.median(i, j, k);
  }

  private median(first: number, second: number, third: number): number {
    let a = first;
    let b = second;
    let c = third;
    if (this.less(b, a)) {
      [a, b] = [b, a];
      this.swaps++;
    }
    if (this.less(c, b)) {
      [b, c] = [c, b];
      this.swaps++;
    }
    if (this.less(b, a)) {
      [a, b] = [b, a];
      this.swaps++;
    }
    return b;
  }

  private reverse(a: number, b: number): void {
    for (let i = a, j = b - 1; i < j; i++, j--) this.swap(i, j);
  }
}
