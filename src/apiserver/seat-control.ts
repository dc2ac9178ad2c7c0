import { isMutating } from './answers.js';
import type { Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import { type Call, failure } from './call.js';
import { Classifier } from './flow-control/configuration.js';
import { BORROWING_PERIOD, FlowControl, MAXIMUM_WAIT } from './flow-control/flow-control.js';
import { FlowFigures } from './flow-control/flow-figures.js';
import type { Ticket } from './flow-control/queue-set.js';
import { estimateWork } from './flow-control/work-estimate.js';
import type { ApiResponse } from './request.js';

/** What a call holds in priority and fairness, from its arrival until its seats are free. */
class Seat {
  readonly slot: number;
  readonly level: string;
  readonly life: number;
  readonly figures: FlowFigures;
  ticket: Ticket | null = null;
  queued = false;

  constructor(slot: number, level: string, life: number, figures: FlowFigures) {
    this.figures = figures;
    this.slot = slot;
    this.level = level;
    this.life = life;
  }
}

/** Figures of requests that priority and fairness has nothing to do with. */
const UNCOUNTED = new FlowFigures('', '');

/** What a client is told when priority and fairness turns it away (Retry-After: 1). */
export const TOO_MANY_REQUESTS: ApiResponse = {
  ...failure(429, 'the server has received too many requests and has asked us to try again later'),
  retryAfterSeconds: 1,
};

/** Opcodes of the server under which its seat control gets its events. */
export interface SeatOpcodes {
  readonly waitOver: number;
  readonly seatsFree: number;
  readonly borrow: number;
}

/**
 * Priority and fairness at work on one server: calls wait for seats, hold them while they execute and, for writes that many watch,
 * a while after. The owner starts the calls that `started` names.
 */
export class SeatControl {
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly opcodes: SeatOpcodes;
  private readonly serverLimit: number;
  private control: FlowControl;
  private readonly seats = new Slots<Seat>();
  /** Seats by slot of the call: a call is in one place at a time. */
  private readonly bySlot: (Seat | null)[] = [];
  private readonly startedTickets: Ticket[] = [];
  private readonly classifier = new Classifier();
  private life = 0;
  /** Figures by flow schema, in the order in which they were first used. */
  readonly flows: FlowFigures[] = [];
  private readonly flowOf = new Map<string, FlowFigures>();
  private borrowing = false;
  /** Limits of reading and writing requests in flight without priority and fairness; null: with it. */
  private readonly limits: readonly [number, number] | null;
  private inFlight: [number, number] = [0, 0];

  /** `limits`: those of reading and writing requests (server/filters/maxinflight.go), instead of priority and fairness. */
  constructor(simulation: Simulation, target: number, opcodes: SeatOpcodes, serverLimit: number, limits: readonly [number, number] | null = null) {
    this.limits = limits;
    this.simulation = simulation;
    this.target = target;
    this.opcodes = opcodes;
    this.serverLimit = serverLimit;
    this.control = new FlowControl(serverLimit);
  }

  /**
   * A call arrives. `bytes`: what a list will return; `watchers`: how many a write will be sent to. Calls that may start now are
   * appended to `started`. False: rejected (429).
   */
  arrive(slot: number, call: Call, bytes: number, watchers: number, started: number[]): boolean {
    if (this.limits !== null) return this.count(slot, call, this.limits, started);
    const where = this.classifier.classify(call.request, call.user);
    const figures = this.figuresOf(where.level, where.schema);
    const seat = new Seat(slot, where.level, this.life, figures);
    this.keep(slot, seat);
    const work = estimateWork(call.request, bytes, watchers, this.control.maximumSeats(where.level));
    const { now } = this.simulation;
    const { arrival, ticket } = this.control.arrive(slot, where, work, now, this.startedTickets);
    seat.ticket = ticket;
    this.report(started);
    if (arrival === 'rejected') {
      figures.reject(this.control.rejects(where.level) ? 'concurrency-limit' : 'queue-full', 0);
      this.bySlot[slot] = null;
      return false;
    }
    if (arrival === 'waiting') {
      seat.queued = true;
      figures.waiting++;
      this.simulation.schedule(MAXIMUM_WAIT, this.target, this.opcodes.waitOver, this.seats.put(seat));
      if (!this.borrowing) {
        this.borrowing = true;
        this.simulation.schedule(BORROWING_PERIOD, this.target, this.opcodes.borrow);
      }
    }
    return true;
  }

  private keep(slot: number, seat: Seat): void {
    const { bySlot } = this;
    while (bySlot.length <= slot) bySlot.push(null);
    bySlot[slot] = seat;
  }

  /** Without priority and fairness: a request is served or refused at once. Watches and system:masters are not counted. */
  private count(slot: number, call: Call, limits: readonly [number, number], started: number[]): boolean {
    const kind = isMutating(call.request) ? 1 : 0;
    const counted = call.request.verb !== 'watch' && call.user !== 'system:masters';
    if (counted && this.inFlight[kind] >= limits[kind]) return false;
    if (counted) {
      this.inFlight[kind]++;
      this.keep(slot, new Seat(slot, kind === 1 ? 'mutating' : 'readOnly', this.life, UNCOUNTED));
    }
    started.push(slot);
    return true;
  }

  /** A call has been answered: its seats are free now, or later if it is a write that many watch. */
  answered(slot: number, started: number[]): void {
    const seat = this.bySlot[slot] ?? null;
    if (seat === null) return;
    this.bySlot[slot] = null;
    if (this.limits !== null) {
      this.inFlight[seat.level === 'mutating' ? 1 : 0]--;
      return;
    }
    const ticket = seat.ticket!;
    ticket.answered = this.simulation.now;
    seat.figures.execution.observe(ticket.answered - ticket.started);
    seat.figures.executing--;
    if (ticket.extra > 0) {
      this.simulation.schedule(ticket.extra, this.target, this.opcodes.seatsFree, this.seats.put(seat));
      return;
    }
    this.release(seat, started);
  }

  /** The seats of an answered write are free. */
  seatsFree(argument: number, started: number[]): void {
    const seat = this.seats.take(argument);
    if (seat.life === this.life) this.release(seat, started);
  }

  private release(seat: Seat, started: number[]): void {
    seat.figures.executingSeats -= seat.ticket!.seats;
    this.control.finish(seat.level, seat.ticket!, this.simulation.now, this.startedTickets);
    this.report(started);
  }

  /** The longest wait of a call is over: its slot if it still waits (answer it 429), else −1. */
  waitOver(argument: number): number {
    const seat = this.seats.take(argument);
    if (seat.life !== this.life || seat.ticket!.state !== 'waiting') return -1;
    this.control.giveUp(seat.level, seat.ticket!, this.simulation.now);
    this.bySlot[seat.slot] = null;
    seat.figures.waiting--;
    seat.figures.reject('time-out', MAXIMUM_WAIT);
    return seat.slot;
  }

  /** Seats are divided anew; goes on every 10 s once requests have had to wait. */
  borrow(started: number[]): void {
    this.control.borrow(this.simulation.now, this.startedTickets);
    this.report(started);
    this.simulation.schedule(BORROWING_PERIOD, this.target, this.opcodes.borrow);
  }

  /** Seats and queues by level (apiserver_flowcontrol_*). */
  figures(): ReturnType<FlowControl['figures']> {
    return this.control.figures();
  }

  /** apiserver_flowcontrol_seat_fair_frac. */
  get fairFraction(): number {
    return this.control.fairFraction;
  }

  /** The process died: nobody waits or executes any more. */
  reset(): void {
    this.life++;
    this.inFlight = [0, 0];
    this.bySlot.length = 0;
    for (const flow of this.flows) flow.clear();
    this.control = new FlowControl(this.serverLimit);
  }

  private figuresOf(level: string, schema: string): FlowFigures {
    let figures = this.flowOf.get(schema);
    if (figures === undefined) {
      figures = new FlowFigures(level, schema);
      this.flowOf.set(schema, figures);
      this.flows.push(figures);
    }
    return figures;
  }

  private report(started: number[]): void {
    const tickets = this.startedTickets;
    for (let i = 0; i < tickets.length; i++) {
      const ticket = tickets[i]!;
      const seat = this.bySlot[ticket.id]!;
      if (seat.queued) {
        seat.queued = false;
        seat.figures.waiting--;
      }
      seat.figures.start(ticket.seats, this.simulation.now - ticket.arrived);
      started.push(ticket.id);
    }
    // Not `length = 0`, which would give the array's memory back.
    while (tickets.length > 0) tickets.pop();
  }
}
