import type { Time } from '../../kernel/time.js';
import type { LevelDemand } from './borrowing.js';
import { smoothDemand } from './borrowing.js';
import { maximumSeats, nominalSeats, type PriorityLevel } from './configuration.js';
import { type Arrival, type DispatchFigures, QueueSet, type Ticket } from './queue-set.js';
import type { Hand } from './shuffle-shard.js';
import { TimeByValue, TimingHistogram } from './time-by-value.js';

/** Buckets of the timing histograms (util/flowcontrol/metrics/metrics.go). */
export const SEAT_UTILIZATION = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1];
export const REQUEST_UTILIZATION = [0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 1];
export const DEMAND_SEATS = [0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.7, 2, 2.8, 4, 6];

/** What a level without seats is measured by: a tenth of the server's (apf_controller.go concurrencyDenominator). */
const WITHOUT_SEATS = 0.1;

/** Seats and queues of one level. */
export interface LevelFigures {
  readonly level: string;
  readonly nominal: number;
  /** Seats that it keeps whatever others want, and may have if nobody else wants any. */
  readonly lower: number;
  readonly upper: number;
  /** Seats in force; of the exempt level the most that were taken in the last period. */
  readonly limit: number;
  readonly inUse: number;
  readonly waiting: number;
  readonly seatsWaiting: number;
  /** Seats wanted in the last period: most, mean, standard deviation, smoothed, and what was aimed at. */
  readonly demand: { readonly highWatermark: number; readonly average: number; readonly deviation: number; readonly smoothed: number; readonly target: number };
  readonly dispatched: number;
  readonly rejected: number;
  /** Virtual time at its last change, and at the last dispatch (null: there was none). */
  readonly virtualTime: number;
  readonly dispatch: DispatchFigures | null;
  /** Times that a request could not start because its seats were not free, by flow schema. */
  readonly blocked: ReadonlyMap<string, number>;
  /** Shares of the limit, by nanosecond: seats wanted, seats taken, requests executing; requests waiting, of all that may. */
  readonly demandSeats: TimingHistogram;
  readonly seatUtilization: TimingHistogram;
  readonly executing: TimingHistogram;
  readonly queued: TimingHistogram;
}

/** One level at work on one server. */
export class Level implements LevelDemand {
  readonly config: PriorityLevel;
  readonly nominal: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly maximumPerRequest: number;
  readonly set: QueueSet;
  /** Rejected because the queue was full or the wait too long. */
  rejected = 0;
  dispatched = 0;
  /** Most seats wanted in the last period; smoothed demand. */
  highest = 0;
  smoothed = 0;
  private average = 0;
  private deviation = 0;
  private target = 0;
  private readonly serverLimit: number;
  private limit = 0;
  private peak = 0;
  private periodStart: Time;
  private readonly demand: TimeByValue;
  private readonly seats: TimeByValue;
  private readonly executing: TimeByValue;
  private readonly waiting: TimeByValue;
  private readonly demandSeats = new TimingHistogram(DEMAND_SEATS);
  private readonly seatUtilization = new TimingHistogram(SEAT_UTILIZATION);
  private readonly executingShare = new TimingHistogram(REQUEST_UTILIZATION);
  private readonly waitingShare = new TimingHistogram(REQUEST_UTILIZATION);

  constructor(config: PriorityLevel, serverLimit: number, now: Time) {
    this.config = config;
    this.serverLimit = serverLimit;
    this.nominal = nominalSeats(config, serverLimit);
    this.minimum = this.nominal - Math.round((this.nominal * config.lendablePercent) / 100);
    this.maximum = this.nominal + serverLimit;
    this.maximumPerRequest = maximumSeats(config, this.nominal);
    this.set = new QueueSet(config, config.response === 'exempt' ? Number.POSITIVE_INFINITY : this.nominal);
    this.periodStart = now;
    this.demand = new TimeByValue(now);
    this.seats = new TimeByValue(now);
    this.executing = new TimeByValue(now);
    this.waiting = new TimeByValue(now);
  }

  /** Takes a request of a flow that waits for nothing yet; those that may start now, itself among them perhaps, are appended to `started`. `hand`: where the hand of its flow is kept. */
  enter(ticket: Ticket, flow: string, now: Time, started: Ticket[], hand?: Hand): Arrival {
    const before = started.length;
    const arrival = this.set.arrive(ticket, flow, now, started, hand);
    this.dispatched += started.length - before;
    if (arrival === 'rejected') this.rejected++;
    this.observe(now);
    return arrival;
  }

  /** The seats of an answered request are free. */
  finish(ticket: Ticket, now: Time, started: Ticket[]): void {
    const before = started.length;
    this.set.finish(ticket, now, started);
    this.dispatched += started.length - before;
    this.observe(now);
  }

  /** A request has waited too long. */
  giveUp(ticket: Ticket, now: Time): void {
    this.set.giveUp(ticket, now);
    this.rejected++;
    this.observe(now);
  }

  /** A request is answered, and its seats stay taken for a while. */
  answered(now: Time): void {
    this.set.executing--;
    this.observe(now);
  }

  /** Notes that the demand may have changed. */
  observe(now: Time): void {
    const { set } = this;
    const demand = set.demand;
    this.demand.become(demand, now);
    this.seats.become(set.seatsInUse, now);
    this.executing.become(set.executing, now);
    this.waiting.become(set.waiting, now);
    if (demand > this.peak) this.peak = demand;
  }

  private pass(now: Time): void {
    this.demand.pass(now);
    this.seats.pass(now);
    this.executing.pass(now);
    this.waiting.pass(now);
  }

  /** Nobody wants a seat, or has wanted one in this period. */
  get idle(): boolean {
    return this.peak === 0;
  }

  /** Ends the period: the figures of its demand are those that seats are divided by. */
  endPeriod(now: Time): void {
    this.pass(now);
    this.highest = this.peak;
    if (now > this.periodStart) {
      const { average, deviation } = this.demand.moments();
      this.average = average;
      this.deviation = deviation;
      this.smoothed = smoothDemand(this.smoothed, average, deviation);
    }
    this.fold();
    this.peak = this.demand.value;
    this.periodStart = now;
  }

  /** Moves times into histograms: they are shares of the limit that was in force. */
  private fold(): void {
    const limit = this.limit > 0 ? this.limit : Math.max(1, Math.round(this.serverLimit * WITHOUT_SEATS));
    this.demand.moveTo(this.demandSeats, limit);
    this.seats.moveTo(this.seatUtilization, limit);
    this.executing.moveTo(this.executingShare, limit);
    this.waiting.moveTo(this.waitingShare, Math.max(1, this.config.queues) * Math.max(1, this.config.queueLengthLimit));
  }

  /** Seats of the next period. */
  setLimit(seats: number, target: number, now: Time, started: Ticket[]): void {
    this.limit = seats;
    this.target = target;
    if (this.config.response !== 'exempt') this.set.setLimit(seats, now, started);
    this.observe(now);
  }

  figures(now: Time): LevelFigures {
    const { config, set, nominal, minimum, maximum, dispatched, rejected, executingShare, waitingShare } = this;
    const { highest, average, deviation, smoothed, target, demandSeats, seatUtilization } = this;
    // The demand is folded at the end of its period only, because its moments are asked for then.
    this.pass(now);
    return {
      level: config.name,
      nominal,
      lower: minimum,
      upper: maximum,
      limit: this.limit,
      seatsWaiting: set.seatsWaiting,
      demand: { highWatermark: highest, average, deviation, smoothed, target },
      inUse: set.seatsInUse,
      waiting: set.waiting,
      dispatched,
      rejected,
      virtualTime: set.virtualTime,
      dispatch: set.lastDispatch,
      blocked: set.blocked,
      demandSeats,
      seatUtilization,
      executing: executingShare,
      queued: waitingShare,
    };
  }
}
