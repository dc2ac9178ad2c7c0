import type { Duration, Time } from '../../kernel/time.js';

/**
 * How long a whole number has had each of its values: what time-weighted averages and the timing histograms of priority and fairness
 * ("observations, at the end of every nanosecond") are made of. Taking note of a change is one addition; `pass` brings it up to date before it is looked at.
 */
export class TimeByValue {
  private times = new Float64Array(64);
  private current = 0;
  /** Since when it has been counted. */
  private since: Time;

  constructor(now: Time = 0) {
    this.since = now;
  }

  get value(): number {
    return this.current;
  }

  /** The value is another one from now on. */
  become(value: number, now: Time): void {
    if (value === this.current) return;
    this.pass(now);
    if (value >= this.times.length) this.grow(value);
    this.current = value;
  }

  /** Counts the time up to now. */
  pass(now: Time): void {
    const { since, current } = this;
    if (now <= since) return;
    this.times[current]! += now - since;
    this.since = now;
  }

  private grow(value: number): void {
    const times = new Float64Array(2 * value);
    times.set(this.times);
    this.times = times;
  }

  /** Average and standard deviation over all the time; NaN when there is none. */
  moments(): { readonly average: number; readonly deviation: number } {
    let time = 0;
    let first = 0;
    let second = 0;
    for (let value = 0; value < this.times.length; value++) {
      const spent = this.times[value]!;
      time += spent;
      first += value * spent;
      second += value * value * spent;
    }
    const average = first / time;
    return { average, deviation: Math.sqrt(Math.max(0, second / time - average * average)) };
  }

  /** Moves the time of each value, as a share of `denominator`, into a histogram, and forgets it. */
  moveTo(histogram: TimingHistogram, denominator: number): void {
    for (let value = 0; value < this.times.length; value++) {
      const time = this.times[value]!;
      if (time === 0) continue;
      histogram.add(value / denominator, time);
      this.times[value] = 0;
    }
  }
}

/** A histogram of a ratio in which each nanosecond is an observation (component-base metrics/prometheusextension TimingHistogram). */
export class TimingHistogram {
  readonly bounds: Float64Array;
  /** By bucket, the last one beyond all bounds. */
  readonly counts: Float64Array;
  count = 0;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = Float64Array.from(bounds);
    this.counts = new Float64Array(bounds.length + 1);
  }

  add(value: number, time: Duration): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket++;
    this.counts[bucket]! += time;
    this.count += time;
    this.sum += value * time;
  }
}
