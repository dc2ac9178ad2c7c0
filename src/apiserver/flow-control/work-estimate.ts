import type { Duration } from '../../kernel/time.js';
import type { Verb } from '../request.js';

/** A list of this many bytes takes one seat; no list more than this many seats (request/list_work_estimator.go, 1.34). */
const BYTES_PER_SEAT = 100_000;
const MAXIMUM_LIST_SEATS = 100;
/** Watchers told of a write: one seat for each ten, ten at most, for 5 ms per ten watchers in all (mutating_work_estimator.go). */
const WATCHERS_PER_SEAT = 10;
const MAXIMUM_FINAL_SEATS = 10;
const TIME_PER_SEAT: Duration = 5e6;
/** Seats of a request while it executes, and after its answer. */
export interface WorkEstimate {
  readonly seats: number;
  readonly finalSeats: number;
  readonly extra: Duration;
}

/**
 * What a request will cost, before it runs. `bytes` is the size of what a list returns, `watchers` how many watchers a write will be
 * sent to, `maximum` the level's limit for one request.
 */
export function estimateWork({ verb }: { readonly verb: Verb }, bytes: number, watchers: number, maximum: number): WorkEstimate {
  if (verb === 'list') {
    const seats = Math.max(1, Math.min(Math.ceil(bytes / BYTES_PER_SEAT), MAXIMUM_LIST_SEATS, maximum));
    return { seats, finalSeats: 0, extra: 0 };
  }
  if (verb === 'get' || verb === 'watch') return ONE_SEAT;
  // Nothing waits for the seats of an exempt request.
  if (watchers < WATCHERS_PER_SEAT || maximum < 1) return ONE_SEAT;
  const tens = Math.ceil(watchers / WATCHERS_PER_SEAT);
  const finalSeats = Math.min(tens, MAXIMUM_FINAL_SEATS, maximum);
  return { seats: 1, finalSeats, extra: Math.round((tens * TIME_PER_SEAT) / finalSeats) };
}

/** What nearly all requests take. */
export const ONE_SEAT: WorkEstimate = { seats: 1, finalSeats: 0, extra: 0 };
