import type { Duration, Time } from '../kernel/time.js';

/**
 * The CPU cores of one machine as a first-come first-served resource. Because the work of a task is known when it arrives, its
 * end is known at once and queueing costs no events. Members and load generators that share a machine share its processor.
 */
export class Processor {
  /** CPU time handed out so far, nanoseconds. */
  used: Duration = 0;
  protected readonly freeAt: Float64Array;
  private readonly whenBusy: number;
  /** Processes that a fair kernel divides the cores among; 0: all tasks stand in one line. */
  sharers: number;

  /**
   * @param whenBusy share of work beside what anybody waits for that is left when all cores have something to do
   * @param sharers processes that a fair kernel divides the cores among; 0: nobody does
   */
  constructor(cores: number, whenBusy = 1, sharers = 0) {
    if (!(cores >= 1)) throw new RangeError(`a processor needs at least one core, not ${cores}`);
    this.freeAt = new Float64Array(Math.floor(cores));
    this.whenBusy = whenBusy;
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

  /**
   * Work of which a part is done only while a core is idle and makes way at once (threads that look for work, marking of garbage by
   * idle workers): it takes a core for the rest. `idled`: what comes on top because a core is idle now.
   */
  idled(now: Time, cost: Duration): Duration {
    for (let i = 0; i < this.freeAt.length; i++) if (this.freeAt[i]! <= now) return cost - this.remaining(cost);
    return 0;
  }

  /** The part of such work that is always done. */
  remaining(cost: Duration): Duration {
    return Math.round(cost * this.whenBusy);
  }

  /** Runs a task at once, before all that waits; returns when it ends. */
  preempt(now: Time, cost: Duration): Time {
    const end = this.reserve(now, cost);
    return Math.min(end, now + cost);
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
  /** Use beyond its fair share, and as of when. */
  private debt: Duration = 0;
  private since: Time = 0;

  /** @param background work beside that each message costs the process */
  constructor(processor: Processor, background: Duration = 0) {
    this.processor = processor;
    this.background = background;
  }

  /** The process has answered a request, sends one, or has received a watch event; returns when its work for that is done. */
  handled(now: Time): Time {
    this.messages++;
    return this.background > 0 ? this.beside(now, this.background) : now;
  }

  /** Work that is done in full only while a core is idle; returns when what is always done of it is done. */
  beside(now: Time, cost: Duration): Time {
    this.used += this.processor.idled(now, cost);
    return this.reserve(now, this.processor.remaining(cost));
  }

  reserve(now: Time, cost: Duration): Time {
    this.used += cost;
    return this.owes(now, cost) ? this.processor.reserve(now, cost) : this.processor.preempt(now, cost);
  }

  proceed(now: Time, cost: Duration): Time {
    this.used += cost;
    return this.owes(now, cost) ? this.processor.proceed(now, cost) : this.processor.preempt(now, cost);
  }

  /** Whether the process has used more than its share of late, and has to stand in line. */
  private owes(now: Time, cost: Duration): boolean {
    if (this.processor.sharers === 0) return true;
    this.debt = Math.max(0, this.debt - this.processor.fairShare(now - this.since)) + cost;
    this.since = now;
    return this.debt > SLICE;
  }
}

/** The share of a process, by its name. */
export interface NamedShare {
  readonly name: string;
  readonly share: ProcessorShare;
}
