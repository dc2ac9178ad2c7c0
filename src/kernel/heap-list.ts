import type { EventColumns, EventList } from './event-list.js';

/** A 4-ary heap with hole percolation over event records; positions are kept so that removal is exact. */
export class HeapEventList implements EventList {
  private columns!: EventColumns;
  private heap = new Uint32Array(1024);
  /** Position of a record in the heap, by record index. */
  private position = new Uint32Array(1024);
  size = 0;

  attach(columns: EventColumns): void {
    this.columns = columns;
    if (this.position.length < columns.time.length) {
      const position = new Uint32Array(columns.time.length);
      position.set(this.position);
      this.position = position;
    }
  }

  push(index: number): void {
    if (this.size === this.heap.length) {
      const heap = new Uint32Array(this.heap.length * 2);
      heap.set(this.heap);
      this.heap = heap;
    }
    this.up(this.size++, index);
  }

  pop(): number {
    if (this.size === 0) return -1;
    const top = this.heap[0]!;
    const last = this.heap[--this.size]!;
    if (this.size > 0) this.down(0, last);
    return top;
  }

  peekTime(): number {
    return this.size === 0 ? Number.POSITIVE_INFINITY : this.columns.time[this.heap[0]!]!;
  }

  remove(index: number): void {
    const hole = this.position[index]!;
    const last = this.heap[--this.size]!;
    if (hole === this.size) return;
    if (hole > 0 && this.less(last, this.heap[(hole - 1) >> 2]!)) this.up(hole, last);
    else this.down(hole, last);
  }

  private less(a: number, b: number): boolean {
    const { time, key } = this.columns;
    const timeA = time[a]!;
    const timeB = time[b]!;
    return timeA < timeB || (timeA === timeB && key[a]! < key[b]!);
  }

  private up(hole: number, index: number): void {
    const { heap, position } = this;
    while (hole > 0) {
      const parent = (hole - 1) >> 2;
      const above = heap[parent]!;
      if (!this.less(index, above)) break;
      heap[hole] = above;
      position[above] = hole;
      hole = parent;
    }
    heap[hole] = index;
    position[index] = hole;
  }

  private down(hole: number, index: number): void {
    const { heap, position, size } = this;
    for (;;) {
      const first = (hole << 2) + 1;
      if (first >= size) break;
      let child = first;
      const end = first + 4 < size ? first + 4 : size;
      for (let other = first + 1; other < end; other++) if (this.less(heap[other]!, heap[child]!)) child = other;
      const below = heap[child]!;
      if (!this.less(below, index)) break;
      heap[hole] = below;
      position[below] = hole;
      hole = child;
    }
    heap[hole] = index;
    position[index] = hole;
  }
}
