import type { Simulation } from '../kernel/simulation.js';
import { SECOND, type Time } from '../kernel/time.js';
import { type CallTable, failure } from './call.js';

/** --request-timeout: what a request may take that is no watch. */
export const REQUEST_TIMEOUT = 60 * SECOND;

/** The answer to a request that took too long (endpoints/handlers/finisher). */
export const TIMED_OUT = failure(504, 'Timeout: request did not complete within requested timeout - context deadline exceeded');

/** Watches over the requests in flight: they arrive in order, so the oldest is the next to time out, and one event at a time is enough. */
export class Deadlines {
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly opcode: number;
  private armed = false;

  constructor(simulation: Simulation, target: number, opcode: number) {
    this.simulation = simulation;
    this.target = target;
    this.opcode = opcode;
  }

  /** A request has arrived. */
  watch(): void {
    if (!this.armed) this.arm(this.simulation.now);
  }

  private arm(arrivedAt: Time): void {
    this.armed = true;
    this.simulation.scheduleAt(arrivedAt + REQUEST_TIMEOUT, this.target, this.opcode);
  }

  /** The deadline of some request: slots of those (in order of arrival) whose time is over. */
  due(inFlight: Iterable<number>, calls: CallTable): readonly number[] {
    const over: number[] = [];
    this.armed = false;
    for (const slot of inFlight) {
      const arrivedAt = calls.arrivedAt[slot]!;
      if (arrivedAt + REQUEST_TIMEOUT > this.simulation.now) {
        this.arm(arrivedAt);
        break;
      }
      over.push(slot);
    }
    return over;
  }
}
