import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextChange, offsetAt, timeZone, unknownTimeZone } from '../../src/api/time-zones.js';
import { ZONES } from '../../src/api/time-zone-table.js';
import { nextTime, parseSchedule, rfc3339 } from '../../src/controllers/cron-schedule.js';

/** The table of time zones against the one of the JavaScript engine, and cron schedules on the clock on the wall. */

const at = (text: string): number => Date.parse(text) / 1000;

function engineOffset(format: Intl.DateTimeFormat, instant: number): number {
  const parts = Object.fromEntries(format.formatToParts(instant * 1000).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(parts['year']!, parts['month']! - 1, parts['day']!, parts['hour']!, parts['minute']!, parts['second']!) / 1000 - instant;
}

test('offsets are those of the engine on 40 days from 2021 on, in every zone that it knows', () => {
  const differing = new Set<string>();
  let compared = 0;
  for (const [, names] of ZONES) {
    // The others of an entry are links or have the same rule.
    const name = names.split(' ')[0]!;
    let format: Intl.DateTimeFormat;
    try {
      const fields = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' } as const;
      format = new Intl.DateTimeFormat('en-US', { timeZone: name, hourCycle: 'h23', ...fields });
    } catch {
      continue;
    }
    for (let k = 0; k < 40; k++) {
      const instant = at('2021-01-01T05:00:00Z') + k * 47 * 86400;
      compared++;
      if (offsetAt(timeZone(name)!, instant) !== engineOffset(format, instant)) differing.add(name);
    }
  }
  assert.ok(compared > 3500, `${compared} comparisons`);
  // Engines carry other editions of the database: a zone whose law changed since may differ.
  assert.ok(differing.size <= 4, [...differing].join(' '));
});

test('changes: New York 2025, and the negative saving of Dublin', () => {
  const newYork = timeZone('America/New_York')!;
  assert.equal(nextChange(newYork, at('2025-01-01T00:00:00Z')), at('2025-03-09T07:00:00Z'));
  assert.equal(nextChange(newYork, at('2025-03-09T07:00:00Z')), at('2025-11-02T06:00:00Z'));
  const dublin = timeZone('Europe/Dublin')!;
  assert.equal(offsetAt(dublin, at('2025-07-01T00:00:00Z')), 3600);
  assert.equal(offsetAt(dublin, at('2025-12-01T00:00:00Z')), 0);
});

test('a schedule in a time zone: local midnight, a skipped hour left out, a repeated hour twice', () => {
  const newYork = timeZone('America/New_York')!;
  const times = (text: string, from: string, count: number): string[] => {
    const schedule = parseSchedule(text);
    const list: string[] = [];
    for (let time = at(from), k = 0; k < count; k++) {
      time = nextTime(schedule, time, newYork)!;
      list.push(rfc3339(time, newYork));
    }
    return list;
  };
  assert.deepEqual(times('0 0 * * *', '2025-03-08T12:00:00Z', 2), ['2025-03-09T00:00:00-05:00', '2025-03-10T00:00:00-04:00']);
  assert.deepEqual(times('30 2 * * *', '2025-03-08T12:00:00Z', 2), ['2025-03-10T02:30:00-04:00', '2025-03-11T02:30:00-04:00']);
  assert.deepEqual(times('30 1 * * *', '2025-11-01T12:00:00Z', 3), ['2025-11-02T01:30:00-04:00', '2025-11-02T01:30:00-05:00', '2025-11-03T01:30:00-05:00']);
  assert.deepEqual(times('0 3 9 3 *', '2025-03-01T00:00:00Z', 1), ['2025-03-09T03:00:00-04:00'], 'due in the minute of the change itself');
});

test('an unknown zone is refused with the nearest name', () => {
  assert.equal(timeZone('Europe/Berln'), undefined);
  assert.equal(unknownTimeZone('Europe/Berln'), 'unknown time zone Europe/Berln; did you mean "Europe/Berlin"?');
});
