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
