import type { Time } from '../../../src/kernel/time.js';
import { Violation } from '../../raft/checkers/checker.js';

/** Once the faults are over a leader is elected, reads and writes get through, and watches catch up, in bounded time. */
export class Liveness {
  private readonly deadline: Time;
  private readonly what: string;

  constructor(what: string, deadline: Time) {
    this.what = what;
    this.deadline = deadline;
  }

  /** It has not happened yet. */
  waited(now: Time): void {
    if (now > this.deadline) throw new Violation('liveness', `in time, ${this.what}`);
  }
}
