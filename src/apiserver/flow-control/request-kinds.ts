import type { Duration, Time } from '../../kernel/time.js';
import { TimeByValue, TimingHistogram } from './time-by-value.js';

/** Kinds of requests (endpoints/metrics: ReadOnlyKind, MutatingKind), by number. */
export const KINDS = ['readOnly', 'mutating'] as const;
const READ_ONLY = 0;
const MUTATING = 1;

const SHARES = [0, 0.001, 0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1];

/** Requests of one kind in one phase: how many there are, and have been. */
class Phase {
  readonly now = new TimeByValue();
  readonly share = new TimingHistogram(SHARES);
  private peak = 0;
  /** Most at once in the second before (filters/maxinflight.go startWatermarkMaintenance). */
  watermark = 0;

  add(change: number): void {
    const value = this.now.value + change;
    this.now.value = value;
    if (value > this.peak) this.peak = value;
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
  private since: Time = 0;

  /** Requests begin (1) or end (−1) to execute, or to wait. */
  change(waiting: boolean, mutating: boolean, change: number, now: Time): void {
    this.pass(now);
    (waiting ? this.waiting : this.executing)[mutating ? MUTATING : READ_ONLY].add(change);
  }

  private pass(now: Time): void {
    const elapsed: Duration = now - this.since;
    if (elapsed <= 0) return;
    this.since = now;
    this.executing[READ_ONLY].now.pass(elapsed);
    this.executing[MUTATING].now.pass(elapsed);
    this.waiting[READ_ONLY].now.pass(elapsed);
    this.waiting[MUTATING].now.pass(elapsed);
  }

  /** A second is over. */
  endSecond(): void {
    for (const phase of this.executing) phase.endSecond();
    for (const phase of this.waiting) phase.endSecond();
  }

  /** Brings the shares up to date, given how many requests may execute and wait. */
  fold(now: Time, executing: number, waiting: number): void {
    this.pass(now);
    for (const { now: times, share } of this.executing) times.moveTo(share, executing);
    for (const { now: times, share } of this.waiting) times.moveTo(share, waiting);
  }

  /** The process died. */
  clear(now: Time): void {
    this.pass(now);
    for (const phase of [...this.executing, ...this.waiting]) phase.add(-phase.now.value);
  }
}
