import { sweepChain } from './chains.js';
import type { EventRecords } from './event-list.js';

/** Deepest nesting of rungs. */
const MAXIMUM_RUNGS = 16;

/** The rungs of a ladder: each cuts a stretch of time into buckets of equal width; a deeper one lies inside a consumed bucket of the one above. */
export class Rungs {
  /** Rungs in use. */
  count = 0;
  /** For each rung: start of its first bucket, buckets per nanosecond, first bucket not consumed, number of buckets. */
  readonly shape = new Float64Array(4 * MAXIMUM_RUNGS);
  /** For each rung: head of each bucket's chain. */
  readonly heads: Int32Array[] = [];
  private readonly records: EventRecords;

  constructor(records: EventRecords) {
    this.records = records;
    for (let rung = 0; rung < MAXIMUM_RUNGS; rung++) this.heads.push(new Int32Array(64));
  }

  /** Is there no room for another rung? */
  get full(): boolean {
    return this.count === MAXIMUM_RUNGS;
  }

  /** Bytes of the arrays. */
  get bytes(): number {
    let bytes = this.shape.byteLength;
    for (const heads of this.heads) bytes += heads.byteLength;
    return bytes;
  }

  /** Deals a chain into a new rung of as many buckets as events; false when there is no room or its times do not spread. */
  deal(chain: number, count: number, minimum: number, maximum: number): boolean {
    const inverse = count / (maximum - minimum);
    if (this.full || !(inverse < Number.POSITIVE_INFINITY)) return false;
    const heads = this.open(count, minimum, inverse);
    const { f64, i32 } = this.records;
    while (chain !== 0) {
      const word = (chain << 3) + 4;
      const next = i32[word]!;
      const position = (f64[chain << 2]! - minimum) * inverse;
      const bucket = position < count ? position | 0 : count - 1;
      i32[word] = heads[bucket]!;
      heads[bucket] = chain;
      chain = next;
    }
    return true;
  }

  /** A new deepest rung of empty buckets. */
  open(buckets: number, start: number, inverse: number): Int32Array {
    const rung = this.count++;
    let heads = this.heads[rung]!;
    if (heads.length < buckets) heads = this.heads[rung] = new Int32Array(buckets + (buckets >> 3));
    else heads.fill(0, 0, buckets);
    const at = rung << 2;
    this.shape[at] = start;
    this.shape[at + 1] = inverse;
    this.shape[at + 2] = 0;
    this.shape[at + 3] = buckets;
    return heads;
  }

  /** Releases the cancelled events of all buckets. */
  sweep(): void {
    for (let rung = 0; rung < this.count; rung++) {
      const heads = this.heads[rung]!;
      for (let bucket = this.shape[4 * rung + 2]!; bucket < this.shape[4 * rung + 3]!; bucket++) {
        if (heads[bucket] !== 0) heads[bucket] = sweepChain(this.records, heads[bucket]!);
      }
    }
  }
}
