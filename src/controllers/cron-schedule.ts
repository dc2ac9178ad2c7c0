import { nextChange, offsetAt, type TimeZone } from '../api/time-zones.js';

/**
 * Cron schedules on integer time: seconds since 1970-01-01T00:00:00Z, proleptic Gregorian calendar, in UTC or a time zone. Fields and rules of robfig/cron v3 ParseStandard, which the CronJob controller uses. Pure.
 */

/** A parsed schedule: allowed values by field as bit sets in plain arrays, or a fixed interval. */
export interface CronSchedule {
  readonly minutes: readonly boolean[];
  readonly hours: readonly boolean[];
  readonly days: readonly boolean[];
  readonly months: readonly boolean[];
  readonly weekdays: readonly boolean[];
  readonly anyDay: boolean;
  readonly anyWeekday: boolean;
  /** Seconds for `@every`; 0 for calendar schedules. */
  readonly every: number;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const DESCRIPTORS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;
/** Years after which a schedule that never comes true is given up (robfig/cron: five). */
const SEARCH_YEARS = 5;

/** Parses a schedule; throws an Error with the reason when it is none. */
export function parseSchedule(text: string): CronSchedule {
  const spec = text.trim();
  if (spec.startsWith('@every ')) return { ...parseFields('* * * * *'), every: parseInterval(spec.slice(7).trim()) };
  return parseFields(DESCRIPTORS[spec] ?? spec);
}

function parseInterval(text: string): number {
  const pattern = /(\d+(?:\.\d+)?)(h|m|s)/g;
  let seconds = 0;
  let length = 0;
  for (const [whole, amount, unit] of text.matchAll(pattern)) {
    seconds += Number(amount) * (unit === 'h' ? HOUR : unit === 'm' ? MINUTE : 1);
    length += whole.length;
  }
  if (length !== text.length || seconds < 1) throw new Error(`failed to parse duration @every ${text}`);
  return Math.floor(seconds);
}

function parseFields(spec: string): CronSchedule {
  const fields = spec.split(/\s+/);
  if (fields.length !== 5) throw new Error(`expected exactly 5 fields, found ${fields.length}: [${spec}]`);
  return {
    minutes: parseField(fields[0]!, 0, 59),
    hours: parseField(fields[1]!, 0, 23),
    days: parseField(fields[2]!, 1, 31),
    months: parseField(fields[3]!, 1, 12, MONTHS, 1),
    weekdays: parseField(fields[4]!, 0, 6, WEEKDAYS, 0),
    anyDay: isStar(fields[2]!),
    anyWeekday: isStar(fields[4]!),
    every: 0,
  };
}

function isStar(field: string): boolean {
  return field.split(',').some((part) => part === '*' || part === '?' || part.startsWith('*/') || part.startsWith('?/'));
}

function parseField(field: string, low: number, high: number, names: readonly string[] = [], firstName = 0): readonly boolean[] {
  const allowed = new Array<boolean>(high + 1).fill(false);
  for (const part of field.split(',')) {
    const [range, step, ...rest] = part.split('/');
    if (rest.length > 0) throw new Error(`too many slashes: ${part}`);
    const stride = step === undefined ? 1 : whole(step);
    if (stride === 0) throw new Error(`step of range should be a positive number: ${part}`);
    let from: number;
    let to: number;
    if (range === '*' || range === '?') {
      from = low;
      to = high;
    } else {
      const [first, last, ...more] = range!.split('-');
      if (more.length > 0) throw new Error(`too many hyphens: ${part}`);
      from = value(first!, names, firstName);
      to = last === undefined ? (step === undefined ? from : high) : value(last, names, firstName);
    }
    if (from < low) throw new Error(`beginning of range (${from}) below minimum (${low}): ${part}`);
    if (to > high) throw new Error(`end of range (${to}) above maximum (${high}): ${part}`);
    if (from > to) throw new Error(`beginning of range (${from}) beyond end of range (${to}): ${part}`);
    for (let i = from; i <= to; i += stride) allowed[i] = true;
  }
  return allowed;
}

function whole(text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`failed to parse int from ${text}`);
  return Number(text);
}

function value(text: string, names: readonly string[], firstName: number): number {
  const index = names.indexOf(text.toLowerCase());
  return index >= 0 ? index + firstName : whole(text);
}

/** A civil date. */
export interface CivilDate {
  readonly year: number;
  /** 1–12. */
  readonly month: number;
  readonly day: number;
}

/** Date of a day number since 1970-01-01 (Howard Hinnant, chrono-compatible low-level date algorithms). */
export function civilOf(days: number): CivilDate {
  const z = days + 719468;
  const era = Math.floor(z / 146097);
  const dayOfEra = z - era * 146097;
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36524) - Math.floor(dayOfEra / 146096)) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1 };
}

function pad(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/** `2025-01-01T00:05:00Z` of seconds since 1970 (RFC 3339), in a time zone with its offset: `2025-01-01T01:05:00+01:00`. */
export function rfc3339(seconds: number, zone?: TimeZone): string {
  const offset = zone === undefined ? 0 : offsetAt(zone, seconds);
  const local = seconds + offset;
  const { year, month, day } = civilOf(Math.floor(local / DAY));
  const east = Math.abs(offset);
  const suffix = offset === 0 ? 'Z' : `${offset < 0 ? '-' : '+'}${pad(Math.floor(east / HOUR))}:${pad(Math.floor((east % HOUR) / MINUTE))}`;
  return `${year}-${pad(month)}-${pad(day)}T${clockText(local)}${suffix}`;
}

/** `Wed, 01 Jan 2025 00:05:00 +0000` (Go's time.RFC1123Z). */
export function rfc1123(seconds: number): string {
  const days = Math.floor(seconds / DAY);
  const { year, month, day } = civilOf(days);
  const weekday = WEEKDAYS[(((days + 4) % 7) + 7) % 7]!;
  return `${title(weekday)}, ${pad(day)} ${title(MONTHS[month - 1]!)} ${year} ${clockText(seconds)} +0000`;
}

function clockText(seconds: number): string {
  const inDay = Math.floor(seconds) - Math.floor(seconds / DAY) * DAY;
  return `${pad(Math.floor(inDay / HOUR))}:${pad(Math.floor((inDay % HOUR) / MINUTE))}:${pad(inDay % MINUTE)}`;
}

function title(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/**
 * The first time after `after` (seconds since 1970) at which the schedule is due; undefined when there is none in five years. In
 * a time zone the clock on the wall counts: what falls into a skipped hour is left out, what falls into a repeated one comes twice.
 */
export function nextTime(schedule: CronSchedule, after: number, zone?: TimeZone): number | undefined {
  if (schedule.every > 0) return Math.floor(after) + schedule.every;
  if (zone === undefined) return nextOnWall(schedule, after);
  const limit = after + SEARCH_YEARS * 366 * DAY;
  for (let from = after; from < limit; ) {
    const offset = offsetAt(zone, from);
    const change = nextChange(zone, from);
    const local = nextOnWall(schedule, from + offset);
    if (local !== undefined && local - offset < change) return local - offset;
    if (change === Number.POSITIVE_INFINITY) return undefined;
    // The minute of the change itself is the first with the new offset.
    const fresh = nextOnWall(schedule, change + offsetAt(zone, change) - 1);
    if (fresh !== undefined && fresh - offsetAt(zone, change) === change) return change;
    from = change;
  }
  return undefined;
}

/** The first time of the clock on the wall after one. */
function nextOnWall(schedule: CronSchedule, after: number): number | undefined {
  let time = Math.floor(after / MINUTE) * MINUTE + MINUTE;
  const limit = time + SEARCH_YEARS * 366 * DAY;
  while (time < limit) {
    const day = Math.floor(time / DAY);
    const date = civilOf(day);
    if (schedule.months[date.month] !== true || !dayMatches(schedule, day, date)) {
      time = (day + 1) * DAY;
      continue;
    }
    const inDay = time - day * DAY;
    const hour = Math.floor(inDay / HOUR);
    if (schedule.hours[hour] !== true) {
      time = day * DAY + (hour + 1) * HOUR;
      continue;
    }
    if (schedule.minutes[Math.floor((inDay - hour * HOUR) / MINUTE)] === true) return time;
    time += MINUTE;
  }
  return undefined;
}

/** Day of month and day of week: both must fit when one is a star, else either. */
function dayMatches(schedule: CronSchedule, day: number, date: CivilDate): boolean {
  const monthDay = schedule.days[date.day] === true;
  const weekDay = schedule.weekdays[(((day + 4) % 7) + 7) % 7] === true;
  return schedule.anyDay || schedule.anyWeekday ? monthDay && weekDay : monthDay || weekDay;
}

/** The most recent due time up to `now`, and how many were missed since `earliest`; undefined when none is due. */
export function mostRecent(
  schedule: CronSchedule,
  earliest: number,
  now: number,
  zone?: TimeZone,
): { readonly time: number; readonly missed: number } | undefined {
  let time = nextTime(schedule, earliest, zone);
  if (time === undefined || time > now) return undefined;
  let missed = 1;
  let last = time;
  for (;;) {
    time = nextTime(schedule, last, zone);
    if (time === undefined || time > now) return { time: last, missed };
    missed++;
    last = time;
    // Long outages: jump close to now; only the last time matters, and that there were too many.
    if (missed === 101) {
      const back = schedule.every > 0 ? last + Math.floor((now - last) / schedule.every) * schedule.every : latestBefore(schedule, now, last, zone);
      return { time: back, missed };
    }
  }
}

function latestBefore(schedule: CronSchedule, now: number, known: number, zone: TimeZone | undefined): number {
  for (let span = HOUR; ; span *= 2) {
    const from = Math.max(known, now - span);
    let time = nextTime(schedule, from, zone);
    let last: number | undefined;
    while (time !== undefined && time <= now) {
      last = time;
      time = nextTime(schedule, time, zone);
    }
    if (last !== undefined || from === known) return last ?? known;
  }
}
