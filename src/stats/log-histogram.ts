import { ExactSum } from './exact-sum.js';

const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);

/** So many values wait at most before they are sorted into the buckets. */
const WAITING = 32;

/** What a histogram holds, as plain data for shards and files. */
export interface LogHistogramData {
  /** Bits of precision. */
  readonly bits: number;
  /** Partial sums of the exact sum. */
  readonly sum: readonly number[];
  /** Smallest and largest value observed; absent when there is none. */
  readonly minimum?: number;
  readonly maximum?: number;
  /** Bucket numbers, ascending, and their counts. */
  readonly buckets: readonly number[];
  readonly counts: readonly number[];
}

/**
 * A histogram of values ≥ 0 with buckets of constant relative width: each power of two is cut into 2^bits equal parts, so a
 * quantile is within `relativeError` = 2^−(bits+1) of the value of that rank (0.4 % at the default 7 bits). The bucket of a
 * value is the top of its bit pattern: no logarithm. Only buckets in use take memory (12 bytes each), counts are whole numbers and the
 * sum is exact, so merging shards in any grouping gives the same histogram. Values are noted first and sorted into the buckets some at a
 * time: most histograms are seldom in the processor's caches when their turn comes, and a note touches less of them.
 */
export class LogHistogram {
  readonly bits: number;
  private readonly shift: number;
  /** Open-addressing table: bucket number + 1 (0 is empty) and count, by slot. */
  private buckets: Uint32Array = new Uint32Array(0);
  private counts: Float64Array = new Float64Array(0);
  private used = 0;
  /** Bucket numbers in ascending order; null: a bucket has come since they were sorted. */
  private order: Uint32Array | null = null;
  private total = 0;
  private readonly exact = new ExactSum();
  private low = Number.POSITIVE_INFINITY;
  private high = Number.NEGATIVE_INFINITY;
  /** Values that are not in the buckets yet; null: none has come. */
  private waiting: Float64Array | null = null;
  private waits = 0;

  /** @param bits sub-buckets per power of two as a power of two, 0..18 */
  constructor(bits = 7) {
    if (!(Number.isInteger(bits) && bits >= 0 && bits <= 18))
      throw new RangeError(`histogram precision ${bits} is not in 0..18`);
    this.bits = bits;
    this.shift = 20 - bits;
  }

  /** Largest relative distance between a quantile and the value of that rank (for values that are not subnormal). */
  get relativeError(): number {
    return 1 / (1 << (this.bits + 1));
  }

  /** Values observed. */
  get count(): number {
    return this.total + this.waits;
  }

  /** Exact sum of the values, rounded once. */
  get sum(): number {
    this.settle();
    return this.exact.value;
  }

  /** Sum over count; NaN when empty. */
  get mean(): number {
    return this.sum / this.count;
  }

  /** Smallest value observed; Infinity when empty. */
  get minimum(): number {
    this.settle();
    return this.low;
  }

  /** Largest value observed; −Infinity when empty. */
  get maximum(): number {
    this.settle();
    return this.high;
  }

  /** Counts a finite value ≥ 0, `times` times. */
  observe(value: number, times = 1): void {
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY))
      throw new RangeError(`histogram of values ≥ 0 given ${value}`);
    if (times !== 1) {
      this.take(value, times);
      return;
    }
    this.waiting ??= new Float64Array(WAITING);
    this.waiting[this.waits++] = value;
    if (this.waits === WAITING) this.settle();
  }

  /** Sorts the values that wait into the buckets. */
  private settle(): void {
    const { waiting, waits } = this;
    this.waits = 0;
    for (let i = 0; i < waits; i++) this.take(waiting![i]!, 1);
  }

  private take(value: number, times: number): void {
    float[0] = value;
    this.increase((words[1]! & 0x7fffffff) >>> this.shift, times);
    this.total += times;
    this.exact.add(times === 1 ? value : value * times);
    if (value < this.low) this.low = value;
    if (value > this.high) this.high = value;
  }

  /** Forgets all values; the memory of the buckets is kept for those to come. */
  clear(): void {
    this.waits = 0;
    this.buckets.fill(0);
    this.used = 0;
    this.order = null;
    this.total = 0;
    this.exact.clear();
    this.low = Number.POSITIVE_INFINITY;
    this.high = Number.NEGATIVE_INFINITY;
  }

  /** Adds everything another histogram of the same precision holds. */
  merge(other: LogHistogram): void {
    if (other.bits !== this.bits)
      throw new RangeError(`histograms of ${this.bits} and ${other.bits} bits do not merge`);
    other.settle();
    const { buckets, counts } = other;
    for (let slot = 0; slot < buckets.length; slot++) {
      if (buckets[slot] !== 0) this.increase(buckets[slot]! - 1, counts[slot]!);
    }
    this.total += other.total;
    this.exact.merge(other.exact);
    if (other.low < this.low) this.low = other.low;
    if (other.high > this.high) this.high = other.high;
  }

  /**
   * The value of rank ⌈q·count⌉ (the nearest-rank quantile), within `relativeError`; the middle of its bucket, kept inside the values
   * observed. NaN when empty.
   */
  quantile(q: number): number {
    if (!(q >= 0 && q <= 1)) throw new RangeError(`quantile ${q} is not in 0..1`);
    this.settle();
    if (this.total === 0) return Number.NaN;
    const rank = Math.max(1, Math.ceil(q * this.total));
    if (rank >= this.total) return this.high;
    let seen = 0;
    const order = this.sorted();
    for (let i = 0; i < order.length; i++) {
      seen += this.countOf(order[i]!);
      if (seen >= rank) return Math.min(this.high, Math.max(this.low, this.middle(order[i]!)));
    }
    return this.high;
  }

  /** Number of values in buckets that lie wholly at or below a bound: exact when the bound is a bucket's edge. */
  countAtMost(bound: number): number {
    return this.countsAtMost([bound])[0]!;
  }

  /** As `countAtMost`, for bounds in ascending order, in one pass. */
  countsAtMost(bounds: readonly number[]): number[] {
    const buckets = this.sorted();
    let at = 0;
    let seen = 0;
    return bounds.map((bound) => {
      if (bound >= this.high) return this.total;
      while (at < buckets.length && this.edge(buckets[at]! + 1) <= bound) seen += this.countOf(buckets[at++]!);
      return seen;
    });
  }

  /** Buckets in ascending order: lower edge (inclusive), upper edge (exclusive), count. */
  entries(): { from: number; to: number; count: number }[] {
    return Array.from(this.sorted(), (bucket) => ({ from: this.edge(bucket), to: this.edge(bucket + 1), count: this.countOf(bucket) }));
  }

  /** Plain data, independent of the order of observation. */
  toJSON(): LogHistogramData {
    this.settle();
    const sorted = this.sorted();
    return {
      bits: this.bits,
      sum: this.exact.toJSON(),
      ...(this.total === 0 ? {} : { minimum: this.low, maximum: this.high }),
      buckets: [...sorted],
      counts: Array.from(sorted, (bucket) => this.countOf(bucket)),
    };
  }

  /** A histogram from plain data. */
  static from(data: LogHistogramData): LogHistogram {
    const histogram = new LogHistogram(data.bits);
    for (let i = 0; i < data.buckets.length; i++) {
      histogram.increase(data.buckets[i]!, data.counts[i]!);
      histogram.total += data.counts[i]!;
    }
    histogram.exact.merge(ExactSum.from(data.sum));
    histogram.low = data.minimum ?? Number.POSITIVE_INFINITY;
    histogram.high = data.maximum ?? Number.NEGATIVE_INFINITY;
    return histogram;
  }

  /** Buckets in use, ascending. */
  private sorted(): Uint32Array {
    this.settle();
    if (this.order !== null) return this.order;
    const order = new Uint32Array(this.used);
    let next = 0;
    for (let slot = 0; slot < this.buckets.length; slot++) {
      if (this.buckets[slot] !== 0) order[next++] = this.buckets[slot]! - 1;
    }
    this.order = order.sort();
    return order;
  }

  /** Count of a bucket in use. */
  private countOf(bucket: number): number {
    const mask = this.buckets.length - 1;
    let slot = Math.imul(bucket, 0x9e3779b1) & mask;
    while (this.buckets[slot] !== bucket + 1) slot = (slot + 1) & mask;
    return this.counts[slot]!;
  }

  /** Lower edge of a bucket. */
  private edge(bucket: number): number {
    words[0] = 0;
    words[1] = bucket << this.shift;
    return float[0]!;
  }

  private middle(bucket: number): number {
    return bucket === 0 ? 0 : (this.edge(bucket) + this.edge(bucket + 1)) / 2;
  }

  private increase(bucket: number, by: number): void {
    const key = bucket + 1;
    let mask = this.buckets.length - 1;
    if (mask >= 0) {
      for (let slot = Math.imul(bucket, 0x9e3779b1) & mask; ; slot = (slot + 1) & mask) {
        const found = this.buckets[slot]!;
        if (found === key) {
          this.counts[slot] = this.counts[slot]! + by;
          return;
        }
        if (found === 0) break;
      }
    }
    if (4 * (this.used + 1) > 3 * this.buckets.length) {
      this.grow();
      mask = this.buckets.length - 1;
    }
    this.used++;
    this.order = null;
    this.put(key, by, mask);
  }

  private put(key: number, count: number, mask: number): void {
    let slot = Math.imul(key - 1, 0x9e3779b1) & mask;
    while (this.buckets[slot] !== 0) slot = (slot + 1) & mask;
    this.buckets[slot] = key;
    this.counts[slot] = count;
  }

  private grow(): void {
    const { buckets, counts } = this;
    const size = buckets.length === 0 ? 32 : buckets.length * 2;
    this.buckets = new Uint32Array(size);
    this.counts = new Float64Array(size);
    for (let slot = 0; slot < buckets.length; slot++) {
      if (buckets[slot] !== 0) this.put(buckets[slot]!, counts[slot]!, size - 1);
    }
  }
}
