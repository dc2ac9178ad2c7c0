import type { Time } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';

/** Length of the window in which requests and retries are counted (Finagle RetryBudget: ttl 10 s), in slots of a second. */
const SLOTS = 10;

/**
 * Retries allowed are a share of the requests of the last ten seconds plus a minimum a second (as Finagle's and Linkerd's retry
 * budget): a service that fails altogether meets (1 + share) times its load, not (1 + retries) times.
 */
export class RetryBudget {
  private readonly share: number;
  private readonly minimumRate: number;
  /** Allowance earned less retries spent, by second modulo the window. */
  private readonly slots = new Float64Array(SLOTS);
  private second = 0;

  constructor(share: number, minimumRate: number) {
    this.share = share;
    this.minimumRate = minimumRate;
  }

  /** A request that is no retry was sent. */
  deposit(now: Time): void {
    this.advance(now);
    this.slots[this.second % SLOTS]! += this.share;
  }

  /** Whether a retry may be sent now; counts it if so. */
  withdraw(now: Time): boolean {
    this.advance(now);
    let balance = SLOTS * this.minimumRate;
    for (let i = 0; i < SLOTS; i++) balance += this.slots[i]!;
    if (balance < 1) return false;
    this.slots[this.second % SLOTS]! -= 1;
    return true;
  }

  private advance(now: Time): void {
    const second = Math.floor(now / SECOND);
    for (let i = Math.max(this.second + 1, second - SLOTS + 1); i <= second; i++) this.slots[i % SLOTS] = 0;
    if (second > this.second) this.second = second;
  }
}
