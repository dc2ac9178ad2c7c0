import { ExactSum } from './exact-sum.js';

/**
 * The average over time of a quantity that changes in steps, such as a queue's length: the exact integral of the value over the
 * time it held. Times are in any one unit, never decreasing.
 */
export class TimeWeighted {
  /** Largest value set so far. */
  maximum: number;
  private level: number;
  private since: number;
  private elapsed = 0;
  private readonly integral = new ExactSum();

  /** @param time start of the observation  @param value the quantity then */
  constructor(time = 0, value = 0) {
    this.since = time;
    this.level = value;
    this.maximum = value;
  }

  /** The quantity now. */
  get value(): number {
    return this.level;
  }

  /** The quantity takes a value at a time. */
  set(time: number, value: number): void {
    this.advance(time);
    this.level = value;
    if (value > this.maximum) this.maximum = value;
  }

  /** The quantity changes by a difference at a time. */
  add(time: number, difference: number): void {
    this.set(time, this.level + difference);
  }

  /** Forgets everything before a time (warm-up cut); the value stays. */
  reset(time: number): void {
    this.advance(time);
    this.integral.merge(negated(this.integral));
    this.elapsed = 0;
    this.maximum = this.level;
  }

  /** Integral of the value up to a time. */
  area(time: number): number {
    this.advance(time);
    return this.integral.value;
  }

  /** Average up to a time; NaN when no time has passed. */
  average(time: number): number {
    return this.area(time) / this.elapsed;
  }

  /** Adds another observation's area and length (shards over disjoint stretches); the value is that of the other, which is later. */
  merge(other: TimeWeighted): void {
    this.integral.merge(other.integral);
    this.elapsed += other.elapsed;
    this.level = other.level;
    this.since = other.since;
    if (other.maximum > this.maximum) this.maximum = other.maximum;
  }

  private advance(time: number): void {
    const span = time - this.since;
    if (!(span >= 0)) throw new RangeError(`time ${time} is before ${this.since}`);
    if (span === 0) return;
    this.integral.add(this.level * span);
    this.elapsed += span;
    this.since = time;
  }
}

function negated(sum: ExactSum): ExactSum {
  return ExactSum.from(sum.toJSON().map((partial) => -partial));
}
