/**
 * Values waiting for an event: an event carries one unsigned 32-bit argument, and `Slots` turns a value into such a number and
 * back. Slots are reused last in, first out, so that the numbers depend only on the order of use.
 */
export class Slots<T> {
  private readonly values: (T | undefined)[] = [];
  private readonly free: number[] = [];

  /** Keeps a value; returns its slot. */
  put(value: T): number {
    const slot = this.free.pop();
    if (slot === undefined) return this.values.push(value) - 1;
    this.values[slot] = value;
    return slot;
  }

  /** The value of a slot in use. */
  get(slot: number): T {
    return this.values[slot] as T;
  }

  /** The value of a slot; undefined when the slot is not in use. */
  find(slot: number): T | undefined {
    return this.values[slot];
  }

  /** The value of a slot, which is freed. */
  take(slot: number): T {
    const value = this.values[slot] as T;
    this.values[slot] = undefined;
    this.free.push(slot);
    return value;
  }

  /** Slots in use. */
  get size(): number {
    return this.values.length - this.free.length;
  }
}
