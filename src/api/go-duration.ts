import { HOUR, MICROSECOND, MILLISECOND, MINUTE, NANOSECOND, SECOND, type Duration } from '../kernel/time.js';

/** Durations as Go writes them (`1m30s`), or whole seconds (`10`, `"10"`), as custom resources take them. */

const UNITS: Readonly<Record<string, Duration>> = { ns: NANOSECOND, us: MICROSECOND, µs: MICROSECOND, ms: MILLISECOND, s: SECOND, m: MINUTE, h: HOUR, d: 24 * HOUR };
const PATTERN = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d))+$/;

/** Nanoseconds; undefined when the text is no duration. */
export function goDuration(value: number | string): Duration | undefined {
  if (typeof value === 'number') return value * SECOND;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Number(text) * SECOND;
  if (!PATTERN.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)/g)) total += Number(amount) * UNITS[unit!]!;
  return Math.round(total);
}

/** A duration of a second and more as Go prints it: `3m4.25s`, `1h0m0s` (time.Duration.String). */
export function goDurationText(duration: Duration): string {
  const hours = Math.floor(duration / HOUR);
  const minutes = Math.floor((duration % HOUR) / MINUTE);
  const rest = duration % MINUTE;
  const fraction = `${rest % SECOND}`.padStart(9, '0').replace(/0+$/, '');
  const seconds = `${Math.floor(rest / SECOND)}${fraction === '' ? '' : `.${fraction}`}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
