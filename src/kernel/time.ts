/**
 * Simulated time: whole nanoseconds since the start of the simulation, held in a double (exact for 104 days).
 * Durations are rounded once, when they enter; seconds appear only where people read or write them.
 */

/** An instant: whole nanoseconds since the start. Negative before the start (ages of objects that a warm start finds). */
export type Time = number;

/** A span of simulated time in whole nanoseconds. */
export type Duration = number;

export const NANOSECOND = 1;
export const MICROSECOND = 1_000;
export const MILLISECOND = 1_000_000;
export const SECOND = 1_000_000_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

/** Whole nanoseconds of a number of seconds. */
export function seconds(value: number): Duration {
  return Math.round(value * SECOND);
}

/** Seconds of a duration, for output. */
export function toSeconds(duration: Duration): number {
  return duration / SECOND;
}
