import type { Verdict } from '../analysis/result.js';

/** Text for a quantity that does not exist. */
export const NONE = '-';

/** Seconds for people: `850 µs`, `24.1 ms`, `3.20 s`, `1m 52s`, `2h 5m`. */
export function formatSeconds(seconds: number | null): string {
  if (seconds === null) return NONE;
  if (seconds < 0) return `-${formatSeconds(-seconds)}`;
  if (seconds === 0) return '0 s';
  if (seconds < 0.0009995) return `${significant(seconds * 1e6, 3)} us`;
  if (seconds < 0.9995) return `${significant(seconds * 1e3, 3)} ms`;
  if (seconds < 59.95) return `${significant(seconds, 3)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}

/** A share as per cent: `0%`, `0.0412%`, `1.34%`, `100%`. */
export function formatShare(share: number | null): string {
  if (share === null) return NONE;
  if (share === 0) return '0%';
  const percent = share * 100;
  return `${percent >= 99.95 && percent < 100 ? '99.9' : significant(percent, 3)}%`;
}

/** A whole or large number with commas between thousands: `1,234,567`; small ones with three digits. */
export function formatCount(value: number | null): string {
  if (value === null) return NONE;
  if (!Number.isInteger(value) && Math.abs(value) < 100) return significant(value, 3);
  const text = Math.abs(Math.round(value)).toFixed(0);
  const grouped = text.replace(/\B(?=(\d{3})+$)/g, ',');
  return value < 0 ? `-${grouped}` : grouped;
}

/** A value in the unit of a verdict. */
export function formatInUnit(value: number | null, unit: string): string {
  if (value === null) return NONE;
  if (unit === 'seconds') return formatSeconds(value);
  if (unit === 'share') return formatShare(value);
  return `${formatCount(value)} ${unit}`;
}

/** A value of a measure, whose name says what is counted. */
export function formatMeasure(value: number, unit: string): string {
  if (unit === 'seconds') return formatSeconds(value);
  if (unit === 'share') return formatShare(value);
  if (unit === 'bytes') return `${formatCount(value / 1048576)} MiB`;
  return unit === 'money' && value !== 0 ? significant(value, 3) : formatCount(value);
}

/** A measure with the unit that its values do not show. */
export function measureName({ name, unit }: { readonly name: string; readonly unit: string }): string {
  return unit.endsWith('-seconds') ? `${name}, ${unit}` : name;
}

/** `errors < 0.1% (measured 1.34%)`. */
export function describeVerdict(verdict: Verdict): string {
  const measured = verdict.value === null ? (verdict.met ? 'none in the run' : 'not reached') : `measured ${formatInUnit(verdict.value, verdict.unit)}`;
  return `${verdict.objective} (${measured})`;
}

/** `a`, `a and b`, `a, b and c`. */
export function list(names: readonly string[]): string {
  if (names.length < 2) return names.join('');
  return `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}`;
}

/** At most `digits` significant digits without exponent; no digits after the point beyond 100. */
function significant(value: number, digits: number): string {
  const text = value.toPrecision(digits);
  return text.includes('e') ? value.toFixed(value < 1 ? 9 : 0) : text;
}
