import type { Duration, Time } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';
import type { DrawCursor } from '../node/draws.js';
import { exp, log } from '../random/portable.js';
import type { ArrivalSpec, BurstState, ProfilePoint, TraceRow } from '../scenario/types.js';

/** Draws of an arrival: the unit exponential (or uniform) of its gap; the stay in a state, by number of the stay. */
const DRAW_GAP = 0;
const DRAW_STAY = 192;
/** Draw of an arrival for how many are passed over before it. */
const DRAW_SKIP = 14;

/** An open stream of arrivals: state and arithmetic only, draws are handed in. */
export interface Arrivals {
  /** The stream begins at `start`; `origin` is time 0 of the scenario. */
  begin(start: Time, origin: Time): void;
  /**
   * Time of arrival `number` when the one before came at `from`; Infinity: none comes any more. Called once for each number, in order.
   * With a `share` below 1, of arrivals of which each counts with that probability: those in between are passed over.
   */
  next(from: Time, number: number, draws: DrawCursor, share?: number): Time;
}

/** The arrivals of a specification; Poisson of `rate` a second when there is none. A closed loop has no arrivals of its own. */
export function openArrivals(spec: Exclude<ArrivalSpec, { kind: 'closed' }> | undefined, rate: number): Arrivals {
  switch (spec?.kind) {
    case undefined:
      return new PoissonArrivals(rate);
    case 'constant':
      return new ConstantArrivals(rate);
    case 'bursts':
      return new BurstArrivals(spec.states);
    case 'profile':
      return new ProfileArrivals(spec.points, spec.period);
    case 'trace':
      return new TraceArrivals(spec.rows, spec.repeat);
  }
}

function unitExponential(number: number, draws: DrawCursor): number {
  return -log(draws.at(number, DRAW_GAP).next());
}

/** The place, counted from 1, of the next arrival that counts when each does with probability `share`: geometric. */
function placeOfNext(share: number, number: number, draws: DrawCursor): number {
  if (share >= 1) return 1;
  return 1 + Math.floor(log(draws.at(number, DRAW_SKIP).next()) / log(1 - share));
}

/** Exponential gaps. */
class PoissonArrivals implements Arrivals {
  private readonly meanGap: number;

  constructor(rate: number) {
    this.meanGap = SECOND / rate;
  }

  begin(): void {}

  next(from: Time, number: number, draws: DrawCursor, share = 1): Time {
    return Math.round(from + (unitExponential(number, draws) * this.meanGap) / share);
  }
}

/** Equal gaps; the first arrival comes one gap after the start. Multiples of the gap are rounded, so that no error adds up. */
class ConstantArrivals implements Arrivals {
  private readonly gap: number;
  private start: Time = 0;
  /** Gaps so far. */
  private gaps = 0;

  constructor(rate: number) {
    this.gap = SECOND / rate;
  }

  begin(start: Time): void {
    this.start = start;
  }

  next(_from: Time, number: number, draws: DrawCursor, share = 1): Time {
    this.gaps += placeOfNext(share, number, draws);
    return Math.round(this.start + this.gaps * this.gap);
  }
}

/** A Poisson process modulated by states that follow each other: the unit exponential is used up at the rate of the state. */
class BurstArrivals implements Arrivals {
  private readonly states: readonly BurstState[];
  /** Number of the stay, and its end. */
  private stay = 0;
  private end: Time = -1;
  private start: Time = 0;

  constructor(states: readonly BurstState[]) {
    this.states = states;
  }

  begin(start: Time): void {
    this.start = start;
    this.end = -1;
  }

  next(from: Time, number: number, draws: DrawCursor, share = 1): Time {
    let left = unitExponential(number, draws) / share;
    if (this.end < 0) this.end = this.start + this.length(draws);
    for (;;) {
      const rate = this.states[this.stay % this.states.length]!.rate / SECOND;
      const room = (this.end - from) * rate;
      if (left <= room) return Math.round(from + left / rate);
      left -= room;
      from = this.end;
      this.stay++;
      this.end = from + this.length(draws);
    }
  }

  private length(draws: DrawCursor): Duration {
    return draws.sample(this.states[this.stay % this.states.length]!.stay, this.stay, DRAW_STAY);
  }
}

/** A Poisson process of a rate that is linear between points and periodic: the cumulated rate is inverted exactly. */
class ProfileArrivals implements Arrivals {
  private readonly points: readonly ProfilePoint[];
  private readonly period: Duration;
  private origin: Time = 0;
  /** Period and segment in which the last arrival was. */
  private turn = 0;
  private segment = 0;

  constructor(points: readonly ProfilePoint[], period: Duration) {
    this.points = points;
    this.period = period;
  }

  begin(_start: Time, origin: Time): void {
    this.origin = origin - (this.points[0]!.at > 0 ? this.period : 0);
    this.turn = 0;
    this.segment = 0;
  }

  next(from: Time, number: number, draws: DrawCursor, share = 1): Time {
    const { points, period } = this;
    let left = unitExponential(number, draws) / share;
    for (;;) {
      const first = points[this.segment]!;
      const last = this.segment + 1 === points.length;
      const next = last ? points[0]! : points[this.segment + 1]!;
      const base = this.origin + this.turn * period;
      const begin = base + first.at;
      const end = base + next.at + (last ? period : 0);
      if (from < end) {
        const low = first.rate / SECOND;
        const slope = (next.rate / SECOND - low) / (end - begin);
        const rate = low + slope * (from - begin);
        const length = end - from;
        const room = length * (rate + (slope * length) / 2);
        // left = rate·d + slope·d²/2, solved without cancellation.
        if (left <= room) return Math.round(from + (2 * left) / (rate + Math.sqrt(Math.max(0, rate * rate + 2 * slope * left))));
        left -= room;
        from = end;
      }
      if (last) {
        this.segment = 0;
        this.turn++;
      } else this.segment++;
    }
  }
}

/** Recorded arrivals. Of n arrivals left in the rest of a slot, the next comes at the least of n uniform instants. */
class TraceArrivals implements Arrivals {
  private readonly rows: readonly TraceRow[];
  private readonly repeat: Duration | undefined;
  private start: Time = 0;
  private row = 0;
  /** Requests of the row that have arrived, and of all rows. */
  private done = 0;
  private arrived = 0;

  constructor(rows: readonly TraceRow[], repeat: Duration | undefined) {
    this.rows = rows;
    this.repeat = repeat;
  }

  begin(start: Time): void {
    this.start = start;
  }

  next(from: Time, number: number, draws: DrawCursor, share = 1): Time {
    let at = from;
    for (let left = placeOfNext(share, number, draws); left > 0; left--) at = this.one(at, this.arrived++, draws);
    return at;
  }

  private one(from: Time, number: number, draws: DrawCursor): Time {
    while (this.row < this.rows.length && this.done >= this.rows[this.row]!.count) {
      this.done = 0;
      this.row++;
      if (this.row < this.rows.length || this.repeat === undefined) continue;
      this.row = 0;
      this.start += this.repeat;
    }
    const row = this.rows[this.row];
    if (row === undefined) return Number.POSITIVE_INFINITY;
    const begin = Math.max(this.start + row.at, from);
    const left = row.count - this.done++;
    if (row.slot === 0) return begin;
    const rest = this.start + row.at + row.slot - begin;
    return Math.round(begin + rest * (1 - exp(log(draws.at(number, DRAW_GAP).next()) / left)));
  }
}
