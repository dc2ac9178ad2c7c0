import type { Duration, Time } from '../../kernel/time.js';
import { divideSeats, fairFraction, smoothDemand } from './borrowing.js';
import { type Classification, maximumSeats, nominalSeats, PRIORITY_LEVELS, type PriorityLevel } from './configuration.js';
import { type Arrival, QueueSet, type Ticket } from './queue-set.js';
import type { WorkEstimate } from './work-estimate.js';

/** A request waits at most a quarter of the request timeout of 60 s for seats (config.go). */
export const MAXIMUM_WAIT: Duration = 15e9;
/** Seats are divided anew every 10 s (apf_controller.go borrowingAdjustmentPeriod). */
export const BORROWING_PERIOD: Duration = 10e9;

/** One level at work on one server. */
class Level {
  readonly config: PriorityLevel;
  readonly nominal: number;
  readonly maximumPerRequest: number;
  readonly set: QueueSet;
  /** Rejected because the queue was full or the wait too long (apiserver_flowcontrol_rejected_requests_total). */
  rejected = 0;
  dispatched = 0;
  /** Demand in the current period: time integral of value and square, highest, and since when it is what it is. */
  private integral = 0;
  private squares = 0;
  private highest = 0;
  private demand = 0;
  private since: Time = 0;
  private periodStart: Time = 0;
  private smoothed = 0;
  /** Of the last period that ended (apiserver_flowcontrol_demand_seats_*). */
  readonly demandSeats = { highWatermark: 0, average: 0, deviation: 0, smoothed: 0, target: 0 };

  constructor(config: PriorityLevel, serverLimit: number) {
    this.config = config;
    this.nominal = nominalSeats(config, serverLimit);
    this.maximumPerRequest = maximumSeats(config, this.nominal);
    this.set = new QueueSet(config, config.response === 'exempt' ? Number.POSITIVE_INFINITY : this.nominal);
  }

  get minimum(): number {
    return this.nominal - Math.round((this.nominal * this.config.lendablePercent) / 100);
  }

  /** Notes that the demand may have changed. */
  observe(now: Time): void {
    this.accumulate(now);
    this.demand = this.set.demand;
    if (this.demand > this.highest) this.highest = this.demand;
  }

  private accumulate(now: Time): void {
    const elapsed = now - this.since;
    this.integral += this.demand * elapsed;
    this.squares += this.demand * this.demand * elapsed;
    this.since = now;
  }

  /** Ends the period; returns the smoothed demand. */
  endPeriod(now: Time): number {
    this.accumulate(now);
    const length = now - this.periodStart;
    if (length > 0) {
      const average = this.integral / length;
      const deviation = Math.sqrt(Math.max(0, this.squares / length - average * average));
      this.smoothed = smoothDemand(this.smoothed, average, deviation, this.highest);
      const target = Math.max(this.minimum, this.smoothed);
      Object.assign(this.demandSeats, { highWatermark: this.highest, average, deviation, smoothed: this.smoothed, target });
    }
    this.integral = 0;
    this.squares = 0;
    this.highest = this.demand;
    this.periodStart = now;
    return this.smoothed;
  }
}

/** Seats and queues of one level. */
export interface LevelFigures {
  readonly level: string;
  readonly nominal: number;
  /** Seats that it keeps whatever others want, and may have if nobody else wants any. */
  readonly lower: number;
  readonly upper: number;
  readonly limit: number;
  readonly inUse: number;
  readonly waiting: number;
  readonly seatsWaiting: number;
  /** Seats wanted in the last period: most, mean, standard deviation, smoothed, and what was aimed at. */
  readonly demand: { readonly highWatermark: number; readonly average: number; readonly deviation: number; readonly smoothed: number; readonly target: number };
  readonly dispatched: number;
  readonly rejected: number;
}

/** API Priority and Fairness of one server: levels with their queues, and the borrowing between them. Pure: time is an argument. */
export class FlowControl {
  private readonly levels = new Map<string, Level>();
  private readonly limited: Level[] = [];
  private readonly serverLimit: number;
  /** By which all targets were multiplied at the last division (apiserver_flowcontrol_seat_fair_frac). */
  fairFraction = 0;

  /** @param serverLimit --max-requests-inflight + --max-mutating-requests-inflight */
  constructor(serverLimit: number) {
    this.serverLimit = serverLimit;
    for (const config of PRIORITY_LEVELS) {
      const level = new Level(config, serverLimit);
      this.levels.set(config.name, level);
      if (config.response !== 'exempt') this.limited.push(level);
    }
  }

  /** Most seats that one request of a level may take. */
  maximumSeats(level: string): number {
    return this.level(level).maximumPerRequest;
  }

  /** Takes a request; those that may start now, itself among them perhaps, are appended to `started`. */
  arrive(id: number, where: Classification, work: WorkEstimate, now: Time, started: Ticket[]): { arrival: Arrival; ticket: Ticket } {
    const level = this.level(where.level);
    const ticket: Ticket = { id, ...work, arrived: now, queue: -1, started: now, answered: now, state: 'waiting' };
    const before = started.length;
    const arrival = level.set.arrive(ticket, where.flow, now, started);
    level.dispatched += started.length - before;
    if (arrival === 'rejected') level.rejected++;
    level.observe(now);
    return { arrival, ticket };
  }

  /** The seats of an answered request are free. */
  finish(level: string, ticket: Ticket, now: Time, started: Ticket[]): void {
    const before = started.length;
    const found = this.level(level);
    found.set.finish(ticket, now, started);
    found.dispatched += started.length - before;
    found.observe(now);
  }

  /** A request has waited too long. */
  giveUp(level: string, ticket: Ticket, now: Time): void {
    const found = this.level(level);
    found.set.giveUp(ticket, now);
    found.rejected++;
    found.observe(now);
  }

  /** Divides the seats among the levels by their recent demand. */
  borrow(now: Time, started: Ticket[]): void {
    const claims = this.limited.map((level) => {
      const smoothed = level.endPeriod(now);
      const minimum = level.minimum;
      return { minimum, maximum: level.nominal + this.serverLimit, target: Math.max(minimum, smoothed) };
    });
    let total = 0;
    for (const level of this.limited) total += level.nominal;
    const seats = divideSeats(claims, total);
    this.fairFraction = fairFraction(claims, total);
    this.limited.forEach((level, i) => {
      level.set.setLimit(seats[i]!, now, started);
      level.observe(now);
    });
  }

  /** Whether a level turns requests away instead of letting them wait. */
  rejects(level: string): boolean {
    return this.level(level).config.response === 'reject';
  }

  /** Seats in force, in use and wanted, and what was turned away, by level. */
  figures(): LevelFigures[] {
    return [...this.levels.values()].map(({ config, set, nominal, minimum, demandSeats, dispatched, rejected }) => ({
      level: config.name,
      nominal: nominal ?? 0,
      lower: minimum,
      upper: config.response === 'exempt' ? this.serverLimit : nominal + this.serverLimit,
      limit: set.limit,
      seatsWaiting: set.seatsWaiting,
      demand: demandSeats,
      inUse: set.seatsInUse,
      waiting: set.waiting,
      dispatched,
      rejected,
    }));
  }

  private level(name: string): Level {
    return this.levels.get(name)!;
  }
}
