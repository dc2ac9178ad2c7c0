/**
 * The heap over total scores that the real scheduler pops nodes from (schedule_one.go nodeScoreHeap with Go's container/heap):
 * its order among equal totals decides in 1.35 and later, and orders the draws in 1.34.
 */

function siftDown(heap: Int32Array, size: number, start: number, totals: Float64Array): void {
  let parent = start;
  for (;;) {
    const left = 2 * parent + 1;
    if (left >= size) return;
    let child = left;
    if (left + 1 < size && totals[heap[left + 1]!]! > totals[heap[left]!]!) child = left + 1;
    if (!(totals[heap[child]!]! > totals[heap[parent]!]!)) return;
    const moved = heap[parent]!;
    heap[parent] = heap[child]!;
    heap[child] = moved;
    parent = child;
  }
}

function heapify(totals: Float64Array): Int32Array {
  const size = totals.length;
  const heap = new Int32Array(size);
  for (let i = 0; i < size; i++) heap[i] = i;
  for (let i = (size >> 1) - 1; i >= 0; i--) siftDown(heap, size, i, totals);
  return heap;
}

/** Position of the total at the top of the heap: the choice of 1.35 and later without extenders. */
export function topOfHeap(totals: Float64Array): number {
  return heapify(totals)[0]!;
}

/** Positions of all maximal totals in the order in which the heap gives them up. */
export function popTies(totals: Float64Array): readonly number[] {
  const heap = heapify(totals);
  const ties: number[] = [];
  for (let size = heap.length; size > 0 && totals[heap[0]!] === totals[ties[0] ?? heap[0]!]; size--) {
    ties.push(heap[0]!);
    heap[0] = heap[size - 1]!;
    siftDown(heap, size - 1, 0, totals);
  }
  return ties;
}

/** Names that a heap over their totals gives up, best first. */
export class ScoredHeap {
  size: number;
  private readonly heap: Int32Array;
  private readonly totals: Float64Array;
  private readonly names: readonly string[];

  constructor(totals: Float64Array, names: readonly string[]) {
    this.totals = totals.slice();
    this.names = names;
    this.heap = heapify(this.totals);
    this.size = names.length;
  }

  pop(): string {
    const top = this.heap[0]!;
    this.size--;
    this.heap[0] = this.heap[this.size]!;
    siftDown(this.heap, this.size, 0, this.totals);
    return this.names[top]!;
  }
}
