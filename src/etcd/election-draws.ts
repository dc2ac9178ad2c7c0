import type { Duration } from '../kernel/time.js';
import type { Stream } from '../random/stream.js';

/** Election timeouts and tick phases of one member, drawn from its own stream. */
export class ElectionDraws {
  private readonly stream: Stream;

  constructor(stream: Stream) {
    this.stream = stream;
  }

  /** As raft's RandomSource. */
  next(bound: number): number {
    return this.stream.integer(bound);
  }

  /** A member's ticks start at a random instant of the interval. */
  phase(interval: Duration): Duration {
    return Math.floor(this.stream.next() * interval);
  }
}
