import type { Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import type { Duration, Time } from '../kernel/time.js';
import { type Call, failure } from './call.js';
import { type Flow, FLOW_SCHEMA_COUNT, flowOf } from './flow-control/configuration.js';
import { BORROWING_PERIOD, FlowControl, MAXIMUM_WAIT } from './flow-control/flow-control.js';
import { FlowFigures } from './flow-control/flow-figures.js';
import type { Level } from './flow-control/level.js';
import { seatsOf, type Ticket } from './flow-control/queue-set.js';
import { estimateWork, ONE_SEAT, type WorkEstimate } from './flow-control/work-estimate.js';
import { RequestKinds } from './flow-control/request-kinds.js';
import type { ApiResponse } from './request.js';
import type { RequestKind } from './request-kind.js';

/** Where the calls of a flow schema go. */
interface Lane {
  readonly figures: FlowFigures;
  /** null: none, there is no priority and fairness. */
  readonly level: Level | null;
}

/** Of calls that priority and fairness has nothing to do with. */
const UNCOUNTED: Lane = { figures: new FlowFigures('', ''), level: null };

/**
 * What a call holds in priority and fairness, from its arrival until its seats are free. Its number as a ticket is the call's slot. Seats
 * that nobody knows any more are used again.
 */
class Seat implements Ticket {
  id = 0;
  lane = UNCOUNTED;
  schema = '';
  life = 0;
  mutating = false;
  watch = false;
  seats = 0;
  finalSeats = 0;
  extra: Duration = 0;
  arrived: Time = 0;
  started: Time = 0;
  answered: Time = 0;
  queue = -1;
  length = 0;
  state: Ticket['state'] = 'waiting';
  queued = false;
  /** It has waited, so an event knows it. */
  known = false;

  /** A call arrives. */
  take(slot: number, lane: Lane, life: number, kind: RequestKind, work: WorkEstimate, now: Time): this {
    this.id = slot;
    this.lane = lane;
    this.schema = lane.figures.schema;
    this.life = life;
    this.mutating = kind.mutating;
    this.watch = kind.verb === 'watch';
    this.seats = work.seats;
    this.finalSeats = work.finalSeats;
    this.extra = work.extra;
    this.arrived = now;
    this.started = now;
    this.answered = now;
    this.queue = -1;
    this.length = 0;
    this.state = 'waiting';
    return this;
  }
}

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
  private readonly spare: Seat[] = [];
  private life = 0;
  /** Figures by flow schema, in the order in which they were first used. */
  readonly flows: FlowFigures[] = [];
  /** By number of the schema; null: not used yet. */
  private readonly lanes: (Lane | null)[] = new Array<Lane | null>(FLOW_SCHEMA_COUNT).fill(null);
  /** Requests by kind, executing and waiting. */
  readonly kinds = new RequestKinds();
  /** An event will divide the seats; while nobody wants any, it is made up for later. */
  private borrowing = false;
  /** When the seats were divided last. */
  private dividedAt: Time = 0;
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

  /** Divisions of the seats that fell into times when nobody wanted one. */
  private catchUp(): void {
    const { now } = this.simulation;
    while (this.dividedAt + BORROWING_PERIOD <= now) {
      this.dividedAt += BORROWING_PERIOD;
      this.control.borrow(this.dividedAt, this.startedTickets);
    }
  }

  /**
   * A call arrives. `bytes`: what a list will return; `watchers`: how many a write will be sent to. Calls that may start now are
   * appended to `started`. False: rejected (429).
   */
  arrive(slot: number, call: Call, bytes: number, watchers: number, started: number[]): boolean {
    if (this.limits !== null) return this.count(slot, call, this.limits, started);
    if (!this.borrowing) this.armBorrowing();
    const { kind } = call;
    const where = flowOf(call.request, kind, call.namespace, call.caller);
    const lane = this.lanes[where.number] ?? this.laneOf(where);
    const { figures } = lane;
    const level = lane.level!;
    const { now } = this.simulation;
    const work = estimateWork(kind, bytes, watchers, level.maximumPerRequest);
    const seat = (this.spare.pop() ?? new Seat()).take(slot, lane, this.life, kind, work, now);
    this.keep(slot, seat);
    if (seat.mutating) figures.watchCounts.observeValue(watchers);
    figures.estimatedSeats.observeValue(Math.max(work.seats, work.finalSeats));
    const arrival = level.enter(seat, where.flow, now, this.startedTickets, where);
    if (seat.length > 0) figures.queueLengths.observeValue(seat.length);
    this.report(started);
    if (arrival === 'rejected') {
      figures.reject(level.config.response === 'reject' ? 'concurrency-limit' : 'queue-full', 0);
      this.bySlot[slot] = null;
      return false;
    }
    if (arrival === 'waiting') {
      seat.queued = true;
      seat.known = true;
      figures.waiting++;
      figures.waitingSeats += Math.max(work.seats, work.finalSeats);
      this.kinds.change(true, seat.mutating, 1, now);
      this.simulation.schedule(MAXIMUM_WAIT, this.target, this.opcodes.waitOver, this.seats.put(seat));
    }
    return true;
  }

  private armBorrowing(): void {
    this.catchUp();
    this.borrowing = true;
    this.simulation.scheduleAt(this.dividedAt + BORROWING_PERIOD, this.target, this.opcodes.borrow, this.life);
  }

  private keep(slot: number, seat: Seat): void {
    const { bySlot } = this;
    while (bySlot.length <= slot) bySlot.push(null);
    bySlot[slot] = seat;
  }

  /** Without priority and fairness: a request is served or refused at once. Watches and system:masters are not counted. */
  private count(slot: number, call: Call, limits: readonly [number, number], started: number[]): boolean {
    const kind = call.kind.mutating ? 1 : 0;
    const counted = call.kind.verb !== 'watch' && call.user !== 'system:masters';
    if (counted && this.inFlight[kind] >= limits[kind]) return false;
    if (counted) {
      this.inFlight[kind]++;
      this.kinds.change(false, kind === 1, 1, this.simulation.now);
      this.keep(slot, new Seat().take(slot, UNCOUNTED, this.life, call.kind, ONE_SEAT, this.simulation.now));
    }
    started.push(slot);
    return true;
  }

  /** A call has been answered: its seats are free now, or later if it is a write that many watch. */
  answered(slot: number, started: number[]): void {
    const seat = this.bySlot[slot] ?? null;
    if (seat === null) return;
    this.bySlot[slot] = null;
    const { now } = this.simulation;
    this.kinds.change(false, seat.mutating, -1, now);
    if (this.limits !== null) {
      this.inFlight[seat.mutating ? 1 : 0]--;
      return;
    }
    seat.answered = now;
    const { figures, level } = seat.lane;
    (seat.watch ? figures.watchExecution : figures.execution).observe(now - seat.started);
    figures.executing--;
    if (seat.extra > 0) {
      level!.answered(now);
      this.simulation.schedule(seat.extra, this.target, this.opcodes.seatsFree, this.seats.put(seat));
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
    const { figures, level } = seat.lane;
    figures.executingSeats -= seatsOf(seat);
    level!.finish(seat, this.simulation.now, this.startedTickets);
    this.report(started);
    if (!seat.known) this.spare.push(seat);
  }

  /** The longest wait of a call is over: its slot if it still waits (answer it 429), else −1. */
  waitOver(argument: number): number {
    const seat = this.seats.take(argument);
    if (seat.life !== this.life || seat.state !== 'waiting') return -1;
    seat.lane.level!.giveUp(seat, this.simulation.now);
    this.bySlot[seat.id] = null;
    this.leaveQueue(seat);
    seat.lane.figures.reject('time-out', MAXIMUM_WAIT);
    return seat.id;
  }

  private leaveQueue(seat: Seat): void {
    seat.lane.figures.waiting--;
    seat.lane.figures.waitingSeats -= seatsOf(seat);
    this.kinds.change(true, seat.mutating, -1, this.simulation.now);
  }

  /** Seats are divided anew, every 10 s from the start of the process. */
  borrow(life: number, started: number[]): void {
    if (life !== this.life) return;
    this.dividedAt = this.simulation.now;
    this.control.borrow(this.dividedAt, this.startedTickets);
    this.report(started);
    this.borrowing = !this.control.idle;
    if (this.borrowing) this.simulation.schedule(BORROWING_PERIOD, this.target, this.opcodes.borrow, life);
  }

  /** Seats and queues by level (apiserver_flowcontrol_*). */
  figures(): ReturnType<FlowControl['figures']> {
    if (!this.borrowing) this.catchUp();
    this.kinds.fold(this.simulation.now, ...this.control.capacity());
    return this.control.figures(this.simulation.now);
  }

  /** apiserver_flowcontrol_seat_fair_frac. */
  get fairFraction(): number {
    return this.control.fairFraction;
  }

  /** The process died: nobody waits or executes any more. */
  reset(): void {
    this.life++;
    this.borrowing = false;
    this.dividedAt = this.simulation.now;
    this.kinds.clear(this.dividedAt);
    this.inFlight = [0, 0];
    this.bySlot.length = 0;
    for (const flow of this.flows) flow.clear();
    this.lanes.fill(null);
    this.control = new FlowControl(this.serverLimit, this.dividedAt);
  }

  private laneOf({ number, level, schema }: Flow): Lane {
    let figures = this.flows.find((each) => each.schema === schema);
    if (figures === undefined) this.flows.push((figures = new FlowFigures(level, schema)));
    return (this.lanes[number] = { figures, level: this.control.level(level) });
  }

  private report(started: number[]): void {
    const tickets = this.startedTickets;
    for (let i = 0; i < tickets.length; i++) {
      const ticket = tickets[i]!;
      const seat = this.bySlot[ticket.id]!;
      if (seat.queued) {
        seat.queued = false;
        this.leaveQueue(seat);
      }
      this.kinds.change(false, seat.mutating, 1, this.simulation.now);
      seat.lane.figures.start(seatsOf(ticket), this.simulation.now - ticket.arrived);
      started.push(ticket.id);
    }
    // Not `length = 0`, which would give the array's memory back.
    while (tickets.length > 0) tickets.pop();
  }
}
