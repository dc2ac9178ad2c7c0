const NONE = -1;
const ABSENT = -2;

/**
 * Slots in the order in which they were added: as a Set of numbers, for numbers that are small and used again. May not be changed while it
 * is gone through.
 */
export class SlotList {
  size = 0;
  private first = NONE;
  private last = NONE;
  /** Neighbours by slot; `next` is ABSENT for slots that are not in the list. */
  private next = new Int32Array(0);
  private previous = new Int32Array(0);

  /** Adds a slot at the end, unless it is in the list. */
  add(slot: number): void {
    if (slot >= this.next.length) this.grow(slot);
    else if (this.next[slot] !== ABSENT) return;
    this.next[slot] = NONE;
    this.previous[slot] = this.last;
    if (this.last === NONE) this.first = slot;
    else this.next[this.last] = slot;
    this.last = slot;
    this.size++;
  }

  /** Takes a slot out, if it is in the list. */
  delete(slot: number): void {
    if (slot >= this.next.length || this.next[slot] === ABSENT) return;
    const next = this.next[slot]!;
    const previous = this.previous[slot]!;
    if (previous === NONE) this.first = next;
    else this.next[previous] = next;
    if (next === NONE) this.last = previous;
    else this.previous[next] = previous;
    this.next[slot] = ABSENT;
    this.size--;
  }

  clear(): void {
    this.next.fill(ABSENT);
    this.first = NONE;
    this.last = NONE;
    this.size = 0;
  }

  *[Symbol.iterator](): Iterator<number> {
    for (let slot = this.first; slot !== NONE; slot = this.next[slot]!) yield slot;
  }

  private grow(slot: number): void {
    const size = Math.max(64, 2 * slot);
    const next = new Int32Array(size).fill(ABSENT);
    next.set(this.next);
    this.next = next;
    const previous = new Int32Array(size);
    previous.set(this.previous);
    this.previous = previous;
  }
}
