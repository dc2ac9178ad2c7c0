import type { Duration, Time } from '../../kernel/time.js';
import { divide } from './borrowing.js';
import { type Classification, PRIORITY_LEVELS } from './configuration.js';
import { Level, type LevelFigures } from './level.js';
import type { Arrival, Ticket } from './queue-set.js';
import type { WorkEstimate } from './work-estimate.js';

/** A request waits at most a quarter of the request timeout of 60 s for seats (config.go). */
export const MAXIMUM_WAIT: Duration = 15e9;
/** Seats are divided anew every 10 s (apf_controller.go borrowingAdjustmentPeriod). */
export const BORROWING_PERIOD: Duration = 10e9;

/** API Priority and Fairness of one server: levels with their queues, and the borrowing between them. Pure: time is an argument. */
export class FlowControl {
  private readonly levels = new Map<string, Level>();
  private readonly limited: Level[] = [];
  private exempt!: Level;
  /** By which all targets were multiplied at the last division (apiserver_flowcontrol_seat_fair_frac). */
  fairFraction = 0;

  /** @param serverLimit --max-requests-inflight + --max-mutating-requests-inflight @param now when the process starts */
  constructor(serverLimit: number, now: Time = 0) {
    for (const config of PRIORITY_LEVELS) {
      const level = new Level(config, serverLimit, now);
      this.levels.set(config.name, level);
      if (config.response === 'exempt') this.exempt = level;
      else this.limited.push(level);
    }
    // The seats are divided as soon as the configuration is known (apf_controller.go finishQueueSetReconfigsLocked).
    this.borrow(now, []);
  }

  /** A level by name. */
  level(name: string): Level {
    return this.levels.get(name)!;
  }

  /** Takes a request; those that may start now, itself among them perhaps, are appended to `started`. */
  arrive(id: number, where: Classification, work: WorkEstimate, now: Time, started: Ticket[]): { arrival: Arrival; ticket: Ticket } {
    const { seats, finalSeats, extra } = work;
    const ticket: Ticket = { id, seats, finalSeats, extra, arrived: now, queue: -1, started: now, answered: now, state: 'waiting', schema: where.schema, length: 0 };
    return { arrival: this.level(where.level).enter(ticket, where.flow, now, started), ticket };
  }

  /** The seats of an answered request are free. */
  finish(level: string, ticket: Ticket, now: Time, started: Ticket[]): void {
    this.level(level).finish(ticket, now, started);
  }

  /** Divides the seats among the levels by their recent demand. */
  borrow(now: Time, started: Ticket[]): void {
    this.exempt.endPeriod(now);
    for (const level of this.limited) level.endPeriod(now);
    const { seats, targets, fraction } = divide(this.limited, this.exempt.highest);
    this.fairFraction = fraction;
    this.exempt.setLimit(this.exempt.highest, 0, now, started);
    for (let i = 0; i < seats.length; i++) this.limited[i]!.setLimit(seats[i]!, targets[i]!, now, started);
  }

  /** Whether nobody wants a seat, and nobody has wanted one since the last division. */
  get idle(): boolean {
    return this.exempt.idle && this.limited.every((level) => level.idle);
  }

  /** Requests that may execute, and that may wait. */
  capacity(): [executing: number, waiting: number] {
    let executing = 0;
    let waiting = 0;
    for (const { nominal, config } of this.limited) {
      executing += nominal;
      waiting += config.queues * config.queueLengthLimit;
    }
    return [executing, waiting];
  }

  /** Seats in force, in use and wanted, and what was turned away, by level. */
  figures(now: Time): LevelFigures[] {
    return [...this.levels.values()].map((level) => level.figures(now));
  }
}
