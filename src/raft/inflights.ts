/**
 * Append messages on their way to one follower: a ring of (last index, payload bytes), limited in number and in bytes. A message may
 * exceed the byte limit; the next one then waits.
 */
export class Inflights {
  private readonly maxMessages: number;
  private readonly maxBytes: number;
  private start = 0;
  private indexes: number[] = [];
  private sizes: number[] = [];
  private bytes = 0;
  count = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.maxMessages = maxMessages;
    this.maxBytes = maxBytes;
  }

  isFull(): boolean {
    return this.count === this.maxMessages || this.bytes >= this.maxBytes;
  }

  /** `index`: of the last entry in the message. */
  add(index: number, bytes: number): void {
    if (this.isFull()) throw new RangeError('more messages in flight than the window allows');
    let at = this.start + this.count;
    if (at >= this.maxMessages) at -= this.maxMessages;
    // The ring fills from 0 upwards, so `at` is at most one past the end: the arrays never get holes.
    this.indexes[at] = index;
    this.sizes[at] = bytes;
    this.count++;
    this.bytes += bytes;
  }

  /** Messages up to this index have been acknowledged. */
  freeTo(index: number): void {
    while (this.count > 0 && this.indexes[this.start]! <= index) {
      this.bytes -= this.sizes[this.start]!;
      this.count--;
      if (++this.start === this.maxMessages) this.start = 0;
    }
    if (this.count === 0) this.start = 0;
  }

  reset(): void {
    this.start = 0;
    this.count = 0;
    this.bytes = 0;
  }
}
