import { Tally } from './tally.js';
import { TimeWeighted } from './time-weighted.js';

/**
 * Little's law as a check: the mean number in a system is the arrival rate times the mean time in it, whatever the system. Fed with
 * arrivals and departures; `gap` is the relative difference between both sides, which goes to 0 as a run gets long.
 */
export class LittleCheck {
  private readonly number: TimeWeighted;
  private readonly times = new Tally();
  private readonly start: number;

  /** @param time start of the observation, with nobody in the system */
  constructor(time = 0) {
    this.start = time;
    this.number = new TimeWeighted(time, 0);
  }

  arrive(time: number): void {
    this.number.add(time, 1);
  }

  /** @param sojourn time since the arrival of the one who departs */
  depart(time: number, sojourn: number): void {
    this.number.add(time, -1);
    this.times.observe(sojourn);
  }

  /** Mean number in the system up to a time. */
  meanNumber(time: number): number {
    return this.number.average(time);
  }

  /** Mean time in the system of those who departed. */
  get meanTime(): number {
    return this.times.mean;
  }

  /** |L − λW| / L with λ counted by departures. */
  gap(time: number): number {
    const left = this.meanNumber(time);
    const right = (this.times.count / (time - this.start)) * this.times.mean;
    return left === 0 ? 0 : Math.abs(left - right) / left;
  }
}
