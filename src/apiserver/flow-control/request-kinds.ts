import type { Time } from '../../kernel/time.js';
import { TimeByValue, TimingHistogram } from './time-by-value.js';

/** Kinds of requests (endpoints/metrics: ReadOnlyKind, MutatingKind), by number. */
export const KINDS = ['readOnly', 'mutating'] as const;
const READ_ONLY = 0;
const MUTATING = 1;

const SHARES = [0, 0.001, 0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1];

/** Requests of one kind in one phase: how many there are, and have been. */
class Phase {
  private readonly now = new TimeByValue();
  readonly share = new TimingHistogram(SHARES);
  private peak = 0;
  /** Most at once in the second before (filters/maxinflight.go startWatermarkMaintenance). */
  watermark = 0;

  add(change: number, now: Time): void {
    const value = this.now.value + change;
    this.now.become(value, now);
    if (value > this.peak) this.peak = value;
  }

  /** Brings the shares up to date, given how many there may be. */
  fold(now: Time, most: number): void {
    this.now.pass(now);
    this.now.moveTo(this.share, most);
  }

  /** The process died: there is none any more. */
  clear(now: Time): void {
    this.now.become(0, now);
  }

  endSecond(): void {
    this.watermark = this.peak;
    this.peak = 0;
  }
}

/** Requests by kind that wait or execute (apiserver_current_inflight_requests, apiserver_current_inqueue_requests and their shares). */
export class RequestKinds {
  readonly executing = [new Phase(), new Phase()] as const;
  readonly waiting = [new Phase(), new Phase()] as const;

  /** Requests begin (1) or end (−1) to execute, or to wait. */
  change(waiting: boolean, mutating: boolean, change: number, now: Time): void {
    (waiting ? this.waiting : this.executing)[mutating ? MUTATING : READ_ONLY].add(change, now);
  }

  /** A second is over. */
  endSecond(): void {
    for (const phase of this.executing) phase.endSecond();
    for (const phase of this.waiting) phase.endSecond();
  }

  /** Brings the shares up to date, given how many requests may execute and wait. */
  fold(now: Time, executing: number, waiting: number): void {
    for (const phase of this.executing) phase.fold(now, executing);
    for (const phase of this.waiting) phase.fold(now, waiting);
  }

  /** The process died. */
  clear(now: Time): void {
    for (const phase of [...this.executing, ...this.waiting]) phase.clear(now);
  }
}
