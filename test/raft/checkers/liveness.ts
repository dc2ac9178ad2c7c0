import { Violation } from './checker.js';

/** Ticks within which a healed group must elect a leader and commit: dozens of election timeouts. */
const PATIENCE = 200;
/** Rounds of messages that this may take in all: talking without result is a failure too. */
const TALK = 12_000;

/**
 * Once the faults are over a leader is elected, and reads and writes get through, in bounded time. Unlike the other promises this one is
 * about what must happen at last, so the schedule's last phase keeps it informed.
 */
export class Liveness {
  private readonly when: string;
  private ticks = 0;
  private rounds = 0;

  /** `when`: who takes part, for the report. */
  constructor(when: string) {
    this.when = when;
  }

  /** One more tick has passed, with this many rounds of messages, and `what` has not got through yet. */
  waited(rounds: number, what: string): void {
    this.rounds += rounds;
    if (++this.ticks < PATIENCE && this.rounds < TALK) return;
    throw new Violation(
      'liveness',
      `no ${what} got through in ${this.ticks} ticks and ${this.rounds} rounds with ${this.when}`,
    );
  }
}
