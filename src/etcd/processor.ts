import type { Duration, Time } from '../kernel/time.js';

/**
 * The CPU cores of one machine as a first-come first-served resource. Because the work of a task is known when it arrives, its
 * end is known at once and queueing costs no events. Members and load generators that share a machine share its processor.
 */
export class Processor {
  /** CPU time handed out so far, nanoseconds. */
  used: Duration = 0;
  protected readonly freeAt: Float64Array;
  /** Processes that a fair kernel divides the cores among; 0: all tasks stand in one line. */
  sharers: number;

  /** @param sharers processes that a fair kernel divides the cores among; 0: nobody does */
  constructor(cores: number, sharers = 0) {
    if (!(cores >= 1)) throw new RangeError(`a processor needs at least one core, not ${cores}`);
    this.freeAt = new Float64Array(Math.floor(cores));
    this.sharers = sharers;
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

  /** Whether a core has nothing to do. */
  isIdle(now: Time): boolean {
    for (let i = 0; i < this.freeAt.length; i++) if (this.freeAt[i]! <= now) return true;
    return false;
  }

  /** Core time that each of its sharers may have of an interval. */
  fairShare(interval: Duration): Duration {
    return (interval * this.freeAt.length) / this.sharers;
  }

  /** As `reserve`, for a thread that goes on with its next piece of work and need not be woken. */
  proceed(now: Time, cost: Duration): Time {
    return this.reserve(now, cost);
  }
}

/** How far a process may go beyond its share before others come first: a slice of Linux' scheduler (sysctl_sched_base_slice). */
const SLICE: Duration = 3e6;

/**
 * A process's use of a machine's cores: counts its own CPU time. Where a fair kernel divides them among processes, one that uses no
 * more than its share is served when it wakes up, and only those that want more stand in line (Linux kernel/sched/fair.c).
 */
export class ProcessorShare {
  /** CPU time of the process so far, nanoseconds. */
  used: Duration = 0;
  /** Requests that it has answered or sent, and watch events that it has received. */
  messages = 0;
  private readonly processor: Processor;
  private readonly background: Duration;
  private readonly whenBusy: number;
  /** Use beyond its fair share, and as of when. */
  private debt: Duration = 0;
  private since: Time = 0;

  /**
   * @param background work beside that each message costs the process
   * @param whenBusy share of work beside that is left when all cores have something to do
   */
  constructor(processor: Processor, background: Duration = 0, whenBusy = 1) {
    this.processor = processor;
    this.background = background;
    this.whenBusy = whenBusy;
  }

  /** The process has answered a request, sends one, or has received a watch event; returns when its work for that is done. */
  handled(now: Time): Time {
    this.messages++;
    return this.background > 0 ? this.beside(now, this.background) : now;
  }

  /**
   * Work of which a part is done only while a core is idle and makes way at once (threads that look for work, marking of garbage by
   * idle workers); returns when the rest of it, which is always done, is done.
   */
  beside(now: Time, cost: Duration): Time {
    const rest = Math.round(cost * this.whenBusy);
    if (this.processor.isIdle(now)) this.used += cost - rest;
    return this.reserve(now, rest);
  }

  reserve(now: Time, cost: Duration): Time {
    this.used += cost;
    if (this.processor.sharers === 0) return this.processor.reserve(now, cost);
    const turn = this.turn(now, cost);
    return Math.min(this.processor.reserve(now, cost), turn + cost);
  }

  proceed(now: Time, cost: Duration): Time {
    this.used += cost;
    if (this.processor.sharers === 0) return this.processor.proceed(now, cost);
    const turn = this.turn(now, cost);
    return Math.min(this.processor.proceed(now, cost), turn + cost);
  }

  /** When it is the turn of the process whoever else is in line: once its share has grown over what it has used beyond it of late. */
  private turn(now: Time, cost: Duration): Time {
    this.debt = Math.max(0, this.debt - this.processor.fairShare(now - this.since)) + cost;
    this.since = now;
    return now + Math.round(Math.max(0, this.debt - SLICE) / this.processor.fairShare(1));
  }
}

/** The share of a process, by its name. */
export interface NamedShare {
  readonly name: string;
  readonly share: ProcessorShare;
}
