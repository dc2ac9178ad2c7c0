import type { Duration, Time } from '../kernel/time.js';

/**
 * Token bucket with reservations (golang.org/x/time/rate, as client-go's flowcontrol uses it): tokens = min(burst, tokens +
 * q·dt); a caller that finds none waits (1 − tokens)/q, and later callers wait behind it.
 */
export class TokenBucket {
  private tokens: number;
  private last: Time = 0;
  private readonly perNanosecond: number;
  private readonly burst: number;

  /** @param qps tokens a second; 0 or less: no limit @param burst most tokens that gather */
  constructor(qps: number, burst: number) {
    this.perNanosecond = qps / 1e9;
    this.burst = burst;
    this.tokens = burst;
  }

  /** Takes a token; returns how long the caller must wait before it may act (whole nanoseconds). */
  reserve(now: Time): Duration {
    if (this.perNanosecond <= 0) return 0;
    this.tokens = Math.min(this.burst, this.tokens + (now - this.last) * this.perNanosecond);
    this.last = now;
    this.tokens -= 1;
    return this.tokens >= 0 ? 0 : Math.ceil(-this.tokens / this.perNanosecond);
  }
}
