import { Fifo } from '../../kernel/fifo.js';
import type { Duration, Time } from '../../kernel/time.js';
import type { PriorityLevel } from './configuration.js';
import { cardOf, dealHand, flowHash, type Hand, keepHand } from './shuffle-shard.js';

/** A request that has not finished is taken to need this long (queueset.go: estimatedServiceDuration 3 ms), in seconds. */
const ESTIMATED_SERVICE_SECONDS = 0.003;

/** Flows whose hands are remembered. */
const REMEMBERED_HANDS = 10_000;

/** A request in a level: waiting or executing. */
export interface Ticket {
  /** The owner's number of the request. */
  readonly id: number;
  readonly seats: number;
  /** Seats held for `extra` after the answer (writes that many watchers are told of). */
  readonly finalSeats: number;
  readonly extra: Duration;
  readonly arrived: Time;
  queue: number;
  started: Time;
  /** When its answer was sent; its seats are free `extra` later. */
  answered: Time;
  /** Waiting, executing, finished or given up. */
  state: 'waiting' | 'executing' | 'done';
  /** Its flow schema. */
  readonly schema: string;
  /** Requests in its queue when it had joined it. */
  length: number;
}

/** Virtual times of the last dispatch: of the level, of the queue that was served, and of all queues in which somebody waited. */
export interface DispatchFigures {
  r: number;
  s: number;
  sMinimum: number;
  sMaximum: number;
  /** The same, less the work in progress. */
  discountedMinimum: number;
  discountedMaximum: number;
}

interface Queue {
  readonly waiting: Fifo<Ticket>;
  /** Tickets in `waiting` that still wait (those that gave up stay in the FIFO until they surface). */
  count: number;
  /** Seat-seconds of work that waits. */
  work: number;
  /** Virtual time at which its next request would be dispatched. */
  nextDispatch: number;
  executing: number;
  /** Seats that its requests hold. */
  seats: number;
}

export type Arrival = 'executing' | 'waiting' | 'rejected';

/**
 * The queues of one priority level: fair queuing in virtual time (k8s.io/apiserver pkg/util/flowcontrol/fairqueuing/queueset).
 * Virtual time advances by the seats that are wanted (at most the limit) divided by the active queues; the queue whose head would
 * finish first in virtual time is served; a head that does not fit holds everything up. Pure: time is an argument.
 */
export class QueueSet {
  readonly level: PriorityLevel;
  /** Seats now; changed by borrowing. */
  limit: number;
  seatsInUse = 0;
  waiting = 0;
  /** Seats that waiting requests want. */
  seatsWaiting = 0;
  /** Requests that were not answered yet. */
  executing = 0;
  /** Times that a request could not start because its seats were not free, by flow schema. */
  readonly blocked = new Map<string, number>();
  /** null: nobody was dispatched from a queue yet. */
  lastDispatch: DispatchFigures | null = null;
  virtualTime = 0;
  private lastUpdate: Time = 0;
  private readonly queues: Queue[] = [];
  private activeQueues = 0;
  private enqueues = 0;
  private robin = 0;
  private readonly hands = new Map<string, Hand>();

  constructor(level: PriorityLevel, limit: number) {
    this.level = level;
    this.limit = limit;
    for (let i = 0; i < level.queues; i++) {
      this.queues.push({ waiting: new Fifo<Ticket>(), count: 0, work: 0, nextDispatch: 0, executing: 0, seats: 0 });
    }
  }

  /** Seats in use and wanted: what borrowing looks at. */
  get demand(): number {
    return this.seatsInUse + this.seatsWaiting;
  }

  /** Takes a request of a flow; those that may start are appended to `started`. `kept`: where the flow's hand is kept for its next request. */
  arrive(ticket: Ticket, flow: string, now: Time, started: Ticket[], kept?: Hand): Arrival {
    if (this.level.response !== 'queue') {
      if (this.seatsInUse + seatsOf(ticket) > this.limit) return 'rejected';
      this.begin(ticket, now);
      started.push(ticket);
      return 'executing';
    }
    this.advance(now);
    const hand = kept ?? this.handOf(flow);
    if (hand.cards < 0) keepHand(hand, dealHand(flowHash(flow), this.level.queues, this.level.handSize));
    const index = this.chooseQueue(hand);
    const queue = this.queues[index]!;
    if (queue.count >= this.level.queueLengthLimit) return 'rejected';
    if (queue.count === 0 && queue.executing === 0) {
      queue.nextDispatch = this.virtualTime;
      this.activeQueues++;
    }
    ticket.queue = index;
    queue.waiting.push(ticket);
    ticket.length = ++queue.count;
    queue.work += ticketWork(ticket);
    this.waiting++;
    this.seatsWaiting += seatsOf(ticket);
    this.dispatch(now, started, this.waiting === 1 ? index : -1);
    return ticket.state === 'executing' ? 'executing' : 'waiting';
  }

  /** The seats of an answered request are free; others may start. */
  finish(ticket: Ticket, now: Time, started: Ticket[]): void {
    this.seatsInUse -= seatsOf(ticket);
    if (ticket.extra === 0) this.executing--;
    if (this.level.response !== 'queue') {
      ticket.state = 'done';
      return;
    }
    this.advance(now);
    const queue = this.queues[ticket.queue]!;
    queue.executing--;
    queue.seats -= seatsOf(ticket);
    // The queue was charged the estimate when the request was dispatched; now the real duration is known.
    const actual = (ticket.answered - ticket.started) / 1e9;
    queue.nextDispatch -= ticket.seats * (ESTIMATED_SERVICE_SECONDS - actual);
    ticket.state = 'done';
    if (queue.executing === 0 && queue.count === 0) this.activeQueues--;
    this.dispatch(now, started);
  }

  /** The request gives up waiting. */
  giveUp(ticket: Ticket, now: Time): void {
    if (ticket.state !== 'waiting') return;
    this.advance(now);
    const queue = this.queues[ticket.queue]!;
    ticket.state = 'done';
    this.leave(queue, ticket);
    if (queue.executing === 0 && queue.count === 0) this.activeQueues--;
  }

  /** Borrowing has changed the seats. */
  setLimit(limit: number, now: Time, started: Ticket[]): void {
    this.advance(now);
    this.limit = limit;
    if (this.level.response === 'queue') this.dispatch(now, started);
  }

  private leave(queue: Queue, ticket: Ticket): void {
    // Whole sums in the real one (SeatSeconds): nothing is left of rounding when nobody waits.
    queue.work = --queue.count === 0 ? 0 : queue.work - ticketWork(ticket);
    this.waiting--;
    this.seatsWaiting -= seatsOf(ticket);
  }

  private advance(now: Time): void {
    if (this.activeQueues > 0) {
      const rate = Math.min(this.demand, this.limit) / this.activeQueues;
      this.virtualTime += rate * ((now - this.lastUpdate) / 1e9);
    }
    this.lastUpdate = now;
  }

  /** The hand of a flow; those of recent flows are remembered. */
  private handOf(flow: string): Hand {
    let hand = this.hands.get(flow);
    if (hand === undefined) {
      hand = { cards: -1, moreCards: 0 };
      if (this.hands.size >= REMEMBERED_HANDS) this.hands.clear();
      this.hands.set(flow, hand);
    }
    return hand;
  }

  /** Of the flow's hand, the queue with the least waiting work; the scan starts at another card each time. */
  private chooseQueue(hand: Hand): number {
    const { handSize } = this.level;
    let card = this.enqueues++ % handSize;
    let best = cardOf(hand, card);
    // Nobody waits anywhere: the first one has as little work as any.
    if (this.waiting === 0) return best;
    let least = this.queues[best]!.work;
    for (let i = 1; i < handSize; i++) {
      if (++card === handSize) card = 0;
      const index = cardOf(hand, card);
      const { work } = this.queues[index]!;
      if (work < least) {
        least = work;
        best = index;
      }
    }
    return best;
  }

  /** Starts what fits. `only`: the queue of the only request that waits, when that is known. */
  private dispatch(now: Time, started: Ticket[], only = -1): void {
    while (this.waiting > 0) {
      const index = only >= 0 ? only : this.nextQueue();
      const queue = this.queues[index]!;
      const ticket = head(queue)!;
      if (this.seatsInUse > 0 && seatsOf(ticket) > this.limit - this.seatsInUse) {
        this.blocked.set(ticket.schema, (this.blocked.get(ticket.schema) ?? 0) + 1);
        return;
      }
      this.robin = index;
      this.noteDispatch(queue, only >= 0);
      queue.waiting.shift();
      this.leave(queue, ticket);
      queue.executing++;
      queue.seats += seatsOf(ticket);
      queue.nextDispatch += ticketWork(ticket);
      this.begin(ticket, now);
      started.push(ticket);
    }
  }

  /** `alone`: nobody waits in another queue. */
  private noteDispatch(served: Queue, alone: boolean): void {
    const figures = (this.lastDispatch ??= { r: 0, s: 0, sMinimum: 0, sMaximum: 0, discountedMinimum: 0, discountedMaximum: 0 });
    const s = served.nextDispatch;
    const discounted = s - served.seats * ESTIMATED_SERVICE_SECONDS;
    figures.r = this.virtualTime;
    figures.s = s;
    figures.sMinimum = s;
    figures.sMaximum = s;
    figures.discountedMinimum = discounted;
    figures.discountedMaximum = discounted;
    if (alone || this.waiting === 1) return;
    for (const queue of this.queues) {
      if (queue.count === 0) continue;
      const work = queue.seats * ESTIMATED_SERVICE_SECONDS;
      figures.sMinimum = Math.min(figures.sMinimum, queue.nextDispatch);
      figures.sMaximum = Math.max(figures.sMaximum, queue.nextDispatch);
      figures.discountedMinimum = Math.min(figures.discountedMinimum, queue.nextDispatch - work);
      figures.discountedMaximum = Math.max(figures.discountedMaximum, queue.nextDispatch - work);
    }
  }

  /** The queue whose head would finish first in virtual time; ties go round. */
  private nextQueue(): number {
    const count = this.queues.length;
    let best = -1;
    let earliest = Number.POSITIVE_INFINITY;
    for (let i = 1; i <= count; i++) {
      const index = (this.robin + i) % count;
      const queue = this.queues[index]!;
      if (queue.count === 0) continue;
      const finish = queue.nextDispatch + ticketWork(head(queue)!);
      if (finish < earliest) {
        earliest = finish;
        best = index;
      }
    }
    return best;
  }

  private begin(ticket: Ticket, now: Time): void {
    ticket.state = 'executing';
    ticket.started = now;
    this.executing++;
    this.seatsInUse += seatsOf(ticket);
  }
}

/** The oldest ticket that still waits; those that gave up are dropped on the way. */
function head(queue: Queue): Ticket | undefined {
  for (;;) {
    const ticket = queue.waiting.peek();
    if (ticket === undefined || ticket.state === 'waiting') return ticket;
    queue.waiting.shift();
  }
}

/** Seats that a request holds from its start until `extra` after its answer. */
export function seatsOf(ticket: Ticket): number {
  return Math.max(ticket.seats, ticket.finalSeats);
}

/** Estimated seat-seconds of a request. */
function ticketWork(ticket: Ticket): number {
  return ticket.seats * ESTIMATED_SERVICE_SECONDS + ticket.finalSeats * (ticket.extra / 1e9);
}
