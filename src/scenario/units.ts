import { parseQuantity, quantityValue } from '../api/quantity.js';
import type { Duration } from '../kernel/time.js';
import { HOUR, MICROSECOND, MILLISECOND, MINUTE, NANOSECOND, SECOND } from '../kernel/time.js';

/** Numbers with units as people write them in scenarios and profiles. */

/** `250ms`, `5m`, `1h30m`, `0s`; the same shape is in the JSON Schema. */
export const DURATION_PATTERN = /^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d))+$/;
/** `500/s`, `30/m`, `1.5/s`. */
export const RATE_PATTERN = /^\d+(\.\d+)?\/(s|m|h)$/;
/** `0.5%`. */
export const PERCENT_PATTERN = /^\d+(\.\d+)?%$/;

const units: Readonly<Record<string, Duration>> = {
  ns: NANOSECOND,
  us: MICROSECOND,
  µs: MICROSECOND,
  ms: MILLISECOND,
  s: SECOND,
  m: MINUTE,
  h: HOUR,
  d: 24 * HOUR,
};

/** Whole nanoseconds of a duration text; undefined when it is none. */
export function parseDuration(text: string): Duration | undefined {
  if (!DURATION_PATTERN.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)/g))
    total += Number(amount) * units[unit!]!;
  return Math.round(total);
}

/** Duration of a text that the schema has checked. */
export function duration(text: string): Duration {
  const value = parseDuration(text);
  if (value === undefined) throw new Error(`unchecked duration ${text}`);
  return value;
}

/** Events a second of a rate text that the schema has checked. */
export function rate(text: string): number {
  const [amount, per] = text.split('/') as [string, string];
  return (Number(amount) * SECOND) / units[per]!;
}

/** Share in 0..1 of `0.5%` or of a number. */
export function share(value: string | number): number {
  return typeof value === 'number' ? value : Number(value.slice(0, -1)) / 100;
}

/** Bytes of a quantity such as `150Mi`. Throws QuantityError. */
export function bytes(value: string | number): number {
  return typeof value === 'number' ? value : quantityValue(parseQuantity(value));
}

/** A duration for people: the largest units that say it exactly, `1h30m`, `250ms`. */
export function durationText(value: Duration): string {
  if (value === 0) return '0s';
  let rest = value;
  let text = '';
  for (const unit of ['h', 'm'] as const) {
    const count = Math.floor(rest / units[unit]!);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * units[unit]!;
  }
  if (rest === 0) return text;
  for (const unit of ['s', 'ms', 'us', 'ns'] as const) {
    const amount = rest / units[unit]!;
    if (amount >= 1) return `${text}${amount}${unit}`;
  }
  return `${text}${rest}ns`;
}
