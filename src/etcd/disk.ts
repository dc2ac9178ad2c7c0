import type { Duration, Time } from '../kernel/time.js';

/**
 * One disk as a first-come first-served resource: an operation (a write with its flush) starts when those before it are done.
 * A member's log and backend share one unless the log has a disk of its own (--wal-dir); members of several clusters on one
 * machine may share one too. As with `Processor`, the end of an operation is known when it arrives.
 */
export class Disk {
  /** Multiplies every operation: a slow disk. */
  factor = 1;
  /** Time spent on operations so far, nanoseconds. */
  used: Duration = 0;
  private freeAt: Time = 0;

  /** Queues an operation that takes `duration` on an idle disk as fast as usual; returns when it ends. */
  operate(now: Time, duration: Duration): Time {
    const work = Math.round(duration * this.factor);
    this.used += work;
    const start = this.freeAt > now ? this.freeAt : now;
    this.freeAt = start + work;
    return this.freeAt;
  }
}
