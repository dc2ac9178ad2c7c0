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
  /** By queue: tickets, those that gave up staying in line until they surface, and of these the ones that still wait. */
  private readonly lines: Fifo<Ticket>[] = [];
  private readonly counts: Int32Array;
  /** By queue: seat-seconds of work that waits, and virtual time at which its next request would be dispatched. */
  private readonly work: Float64Array;
  private readonly nextDispatch: Float64Array;
  /** By queue: requests that execute, and seats that they hold. */
  private readonly running: Int32Array;
  private readonly held: Int32Array;
  private activeQueues = 0;
  private enqueues = 0;
  private robin = 0;
  private readonly hands = new Map<string, Hand>();

  constructor(level: PriorityLevel, limit: number) {
    this.level = level;
    this.limit = limit;
    for (let i = 0; i < level.queues; i++) this.lines.push(new Fifo<Ticket>());
    this.counts = new Int32Array(level.queues);
    this.work = new Float64Array(level.queues);
    this.nextDispatch = new Float64Array(level.queues);
    this.running = new Int32Array(level.queues);
    this.held = new Int32Array(level.queues);
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
    if (this.counts[index]! >= this.level.queueLengthLimit) return 'rejected';
    if (this.counts[index] === 0 && this.running[index] === 0) {
      this.nextDispatch[index] = this.virtualTime;
      this.activeQueues++;
    }
    ticket.queue = index;
    if (this.waiting === 0 && this.fits(ticket)) {
      // Nobody waits anywhere: it need not join its queue to leave it at once.
      ticket.length = 1;
      this.robin = index;
      this.start(ticket, index, now, started, true);
      return 'executing';
    }
    this.lines[index]!.push(ticket);
    ticket.length = ++this.counts[index]!;
    this.work[index]! += ticketWork(ticket);
    this.waiting++;
    this.seatsWaiting += seatsOf(ticket);
    this.dispatch(now, started);
    return ticket.state === 'executing' ? 'executing' : 'waiting';
  }

  /** Whether the seats of a request are free; one that is alone gets them in any case. */
  private fits(ticket: Ticket): boolean {
    return this.seatsInUse === 0 || seatsOf(ticket) <= this.limit - this.seatsInUse;
  }

  /** A request that waits no more starts. `alone`: nobody waits in another queue. */
  private start(ticket: Ticket, queue: number, now: Time, started: Ticket[], alone: boolean): void {
    this.noteDispatch(queue, alone);
    this.running[queue]!++;
    this.held[queue]! += seatsOf(ticket);
    this.nextDispatch[queue]! += ticketWork(ticket);
    this.begin(ticket, now);
    started.push(ticket);
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
    const { queue } = ticket;
    this.running[queue]!--;
    this.held[queue]! -= seatsOf(ticket);
    // The queue was charged the estimate when the request was dispatched; now the real duration is known.
    const actual = (ticket.answered - ticket.started) / 1e9;
    this.nextDispatch[queue]! -= ticket.seats * (ESTIMATED_SERVICE_SECONDS - actual);
    ticket.state = 'done';
    if (this.running[queue] === 0 && this.counts[queue] === 0) this.activeQueues--;
    this.dispatch(now, started);
  }

  /** The request gives up waiting. */
  giveUp(ticket: Ticket, now: Time): void {
    if (ticket.state !== 'waiting') return;
    this.advance(now);
    const { queue } = ticket;
    ticket.state = 'done';
    this.leave(queue, ticket);
    if (this.running[queue] === 0 && this.counts[queue] === 0) this.activeQueues--;
  }

  /** Borrowing has changed the seats. */
  setLimit(limit: number, now: Time, started: Ticket[]): void {
    this.advance(now);
    this.limit = limit;
    if (this.level.response === 'queue') this.dispatch(now, started);
  }

  private leave(queue: number, ticket: Ticket): void {
    // Whole sums in the real one (SeatSeconds): nothing is left of rounding when nobody waits.
    this.work[queue] = --this.counts[queue]! === 0 ? 0 : this.work[queue]! - ticketWork(ticket);
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
    let least = this.work[best]!;
    for (let i = 1; i < handSize; i++) {
      if (++card === handSize) card = 0;
      const index = cardOf(hand, card);
      const work = this.work[index]!;
      if (work < least) {
        least = work;
        best = index;
      }
    }
    return best;
  }

  /** Starts what fits. */
  private dispatch(now: Time, started: Ticket[]): void {
    while (this.waiting > 0) {
      const index = this.nextQueue();
      const line = this.lines[index]!;
      const ticket = head(line)!;
      if (!this.fits(ticket)) {
        this.blocked.set(ticket.schema, (this.blocked.get(ticket.schema) ?? 0) + 1);
        return;
      }
      this.robin = index;
      line.shift();
      const alone = this.waiting === 1;
      if (!alone) this.noteOthers(index);
      this.leave(index, ticket);
      this.start(ticket, index, now, started, alone);
    }
  }

  /** Notes a dispatch. `alone`: nobody waits in another queue; else `noteOthers` has looked at them. */
  private noteDispatch(served: number, alone: boolean): void {
    const figures = (this.lastDispatch ??= { r: 0, s: 0, sMinimum: 0, sMaximum: 0, discountedMinimum: 0, discountedMaximum: 0 });
    const s = this.nextDispatch[served]!;
    figures.r = this.virtualTime;
    figures.s = s;
    if (!alone) return;
    const discounted = s - this.held[served]! * ESTIMATED_SERVICE_SECONDS;
    figures.sMinimum = s;
    figures.sMaximum = s;
    figures.discountedMinimum = discounted;
    figures.discountedMaximum = discounted;
  }

  /** Notes the virtual times of all queues in which somebody waits. */
  private noteOthers(served: number): void {
    this.noteDispatch(served, true);
    const figures = this.lastDispatch!;
    for (let queue = 0; queue < this.counts.length; queue++) {
      if (this.counts[queue] === 0) continue;
      const work = this.held[queue]! * ESTIMATED_SERVICE_SECONDS;
      const s = this.nextDispatch[queue]!;
      figures.sMinimum = Math.min(figures.sMinimum, s);
      figures.sMaximum = Math.max(figures.sMaximum, s);
      figures.discountedMinimum = Math.min(figures.discountedMinimum, s - work);
      figures.discountedMaximum = Math.max(figures.discountedMaximum, s - work);
    }
  }

  /** The queue whose head would finish first in virtual time; ties go round. */
  private nextQueue(): number {
    const count = this.counts.length;
    let best = -1;
    let earliest = Number.POSITIVE_INFINITY;
    for (let i = 1; i <= count; i++) {
      const index = (this.robin + i) % count;
      if (this.counts[index] === 0) continue;
      const finish = this.nextDispatch[index]! + ticketWork(head(this.lines[index]!)!);
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
function head(line: Fifo<Ticket>): Ticket | undefined {
  for (;;) {
    const ticket = line.peek();
    if (ticket === undefined || ticket.state === 'waiting') return ticket;
    line.shift();
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
