import type { Duration, Time } from '../kernel/time.js';

/**
 * The CPU cores of one machine as a first-come first-served resource. Because the work of a task is known when it arrives, its
 * end is known at once and queueing costs no events. Members and load generators that share a machine share its processor.
 */
export class Processor {
  /** CPU time handed out so far, nanoseconds. */
  used: Duration = 0;
  protected readonly freeAt: Float64Array;

  constructor(cores: number) {
    if (!(cores >= 1)) throw new RangeError(`a processor needs at least one core, not ${cores}`);
    this.freeAt = new Float64Array(Math.floor(cores));
  }

  /** Runs a task of `cost` on the core that is free first; returns when it ends. */
  reserve(now: Time, cost: Duration): Time {
    if (cost === 0) return now;
    const freeAt = this.freeAt;
    let best = 0;
    let earliest = freeAt[0]!;
    for (let i = 1; i < freeAt.length && earliest > now; i++) {
      const free = freeAt[i]!;
      if (free < earliest) {
        earliest = free;
        best = i;
      }
    }
    const end = (earliest > now ? earliest : now) + cost;
    freeAt[best] = end;
    this.used += cost;
    return end;
  }

  /** As `reserve`, for a thread that goes on with its next piece of work and need not be woken. */
  proceed(now: Time, cost: Duration): Time {
    return this.reserve(now, cost);
  }
}

/** A process's use of a machine's cores: counts its own CPU time. */
export class ProcessorShare {
  /** CPU time of the process so far, nanoseconds. */
  used: Duration = 0;
  private readonly processor: Processor;

  constructor(processor: Processor) {
    this.processor = processor;
  }

  reserve(now: Time, cost: Duration): Time {
    this.used += cost;
    return this.processor.reserve(now, cost);
  }

  proceed(now: Time, cost: Duration): Time {
    this.used += cost;
    return this.processor.proceed(now, cost);
  }
}
