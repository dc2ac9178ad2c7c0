import { nearestName } from './nearest.js';
import { ZONES } from './time-zone-table.js';

/** Time zones on integer time, from a table that belongs to the project: no machine's own data, no Date. Pure. */

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

/** A day of the year and a time of it, as POSIX rules say it: `M3.2.0/2`. */
interface YearlyChange {
  readonly month: number;
  /** 1–5; 5: the last. */
  readonly week: number;
  /** 0: Sunday. */
  readonly weekday: number;
  /** Seconds of local time; negative and beyond a day too. */
  readonly time: number;
}

/** A time zone: fixed changes, then a rule for ever. Offsets are seconds east of UTC. */
export interface TimeZone {
  readonly name: string;
  /** Seconds since 1970, ascending; the rule holds from the last one on. */
  readonly changes: readonly { readonly at: number; readonly offset: number }[];
  readonly standard: number;
  readonly saving?: { readonly offset: number; readonly start: YearlyChange; readonly end: YearlyChange };
}

const rules = new Map<string, string>();
for (const [rule, names] of ZONES) for (const name of names.split(' ')) rules.set(name, rule);
const zones = new Map<string, TimeZone>();

/** The zone of a name (IANA, links too); undefined when there is none. */
export function timeZone(name: string): TimeZone | undefined {
  let zone = zones.get(name);
  if (zone !== undefined) return zone;
  const rule = rules.get(name);
  if (rule === undefined) return undefined;
  zone = parseZone(name, rule);
  zones.set(name, zone);
  return zone;
}

/** Why a name is no time zone, in Go's words, with the nearest name that is one. */
export function unknownTimeZone(name: string): string {
  const nearest = nearestName(name, [...rules.keys()]);
  return `unknown time zone ${name}${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`;
}

/** Seconds east of UTC at an instant (seconds since 1970). Before 2020 what held at its beginning. */
export function offsetAt(zone: TimeZone, instant: number): number {
  const { changes } = zone;
  const last = changes.at(-1);
  if (last === undefined || instant >= last.at) return ruleAt(zone, instant);
  let { offset } = changes[0]!;
  for (const change of changes) {
    if (change.at > instant) break;
    offset = change.offset;
  }
  return offset;
}

/** The first instant after one at which the offset may change; Infinity: never. */
export function nextChange(zone: TimeZone, instant: number): number {
  for (const { at } of zone.changes) if (at > instant) return at;
  if (zone.saving === undefined) return Number.POSITIVE_INFINITY;
  const year = yearOf(instant);
  for (let y = year - 1; ; y++) {
    const [first, second] = yearChanges(zone, y);
    if (first > instant) return first;
    if (second > instant) return second;
  }
}

function ruleAt(zone: TimeZone, instant: number): number {
  const { saving, standard } = zone;
  if (saving === undefined) return standard;
  let latest = Number.NEGATIVE_INFINITY;
  let offset = standard;
  const year = yearOf(instant);
  for (let y = year - 1; y <= year + 1; y++) {
    const start = changeOf(y, saving.start) - standard;
    const end = changeOf(y, saving.end) - saving.offset;
    if (start <= instant && start > latest) {
      latest = start;
      offset = saving.offset;
    }
    if (end <= instant && end > latest) {
      latest = end;
      offset = standard;
    }
  }
  return offset;
}

/** Both changes of a year, in order. */
function yearChanges({ saving, standard }: TimeZone, year: number): readonly [number, number] {
  const start = changeOf(year, saving!.start) - standard;
  const end = changeOf(year, saving!.end) - saving!.offset;
  return start < end ? [start, end] : [end, start];
}

function yearOf(instant: number): number {
  // Good to a day at the ends of years, where no zone changes.
  return 1970 + Math.floor(instant / (365.2425 * DAY));
}

/** Days since 1970 of a date (Howard Hinnant, days_from_civil). */
function daysOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return era * 146097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719468;
}

/** Local seconds since 1970 of a yearly change. */
function changeOf(year: number, { month, week, weekday, time }: YearlyChange): number {
  const first = daysOf(year, month, 1);
  const next = month === 12 ? daysOf(year + 1, 1, 1) : daysOf(year, month + 1, 1);
  const firstWeekday = (((first + 4) % 7) + 7) % 7;
  let day = first + ((weekday - firstWeekday + 7) % 7) + 7 * (week - 1);
  while (day >= next) day -= 7;
  return day * DAY + time;
}

function parseZone(name: string, text: string): TimeZone {
  const [rule, ...fixed] = text.split(' ');
  const changes = fixed.map((change) => {
    const [at, offset] = change.split(':');
    return { at: Number(at) * MINUTE, offset: Number(offset) * MINUTE };
  });
  const match = /^(?:<[^>]+>|[A-Za-z]+)([-+\d:]+)(?:(?:<[^>]+>|[A-Za-z]+)([-+\d:]*),([^,]+),(.+))?$/.exec(rule!);
  if (match === null) throw new Error(`time zone ${name} has the rule ${rule}`);
  const [, west, savingWest, start, end] = match;
  const standard = 0 - seconds(west!);
  if (start === undefined || end === undefined) return { name, changes, standard };
  const offset = savingWest === undefined || savingWest === '' ? standard + HOUR : 0 - seconds(savingWest);
  return { name, changes, standard, saving: { offset, start: parseChange(start), end: parseChange(end) } };
}

function parseChange(text: string): YearlyChange {
  const [day, time] = text.split('/');
  const [month, week, weekday] = day!.slice(1).split('.').map(Number);
  return { month: month!, week: week!, weekday: weekday!, time: time === undefined ? 2 * HOUR : seconds(time) };
}

/** Seconds of `-3:30`. */
function seconds(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  const [hours, minutes = 0] = text.replace(/^[-+]/, '').split(':').map(Number);
  return sign * (hours! * HOUR + minutes * MINUTE);
}
