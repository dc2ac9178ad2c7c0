import { ExactSum } from './exact-sum.js';

/**
 * Count, mean, variance and extremes of a series (Welford 1962; merging by Chan, Golub and LeVeque 1983). The sum is exact; the second
 * moment depends on the grouping in its last bits, so shards are merged in index order.
 */
export class Tally {
  count = 0;
  /** Smallest value; Infinity when empty. */
  minimum: number = Number.POSITIVE_INFINITY;
  /** Largest value; −Infinity when empty. */
  maximum: number = Number.NEGATIVE_INFINITY;
  private running = 0;
  private squares = 0;
  private readonly exact = new ExactSum();

  /** Counts a finite value. */
  observe(value: number): void {
    this.count++;
    const delta = value - this.running;
    this.running += delta / this.count;
    this.squares += delta * (value - this.running);
    this.exact.add(value);
    if (value < this.minimum) this.minimum = value;
    if (value > this.maximum) this.maximum = value;
  }

  /** Adds everything another tally holds. */
  merge(other: Tally): void {
    if (other.count === 0) return;
    const count = this.count + other.count;
    const delta = other.running - this.running;
    this.squares += other.squares + delta * delta * ((this.count * other.count) / count);
    this.running += (delta * other.count) / count;
    this.count = count;
    this.exact.merge(other.exact);
    if (other.minimum < this.minimum) this.minimum = other.minimum;
    if (other.maximum > this.maximum) this.maximum = other.maximum;
  }

  /** Exact sum, rounded once. */
  get sum(): number {
    return this.exact.value;
  }

  /** Mean; NaN when empty. */
  get mean(): number {
    return this.exact.value / this.count;
  }

  /** Sample variance (divisor n − 1); NaN with fewer than two values. */
  get variance(): number {
    return this.count < 2 ? Number.NaN : this.squares / (this.count - 1);
  }

  /** Sample standard deviation. */
  get deviation(): number {
    return Math.sqrt(this.variance);
  }
}
