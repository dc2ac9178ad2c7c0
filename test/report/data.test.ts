import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Recorder } from '../../src/metrics/recorder.js';
import { EVENTS, REQUESTS_BY_SECOND } from '../../src/metrics/tables.js';
import { byWindow, spread } from '../../src/report/columns.js';
import { reportData } from '../../src/report/data.js';
import { sampleResults } from './sample.js';

test('windows keep sums, peaks and weighted means', () => {
  const table = new Recorder().table(REQUESTS_BY_SECOND);
  table.append([0, 's', 'v1', 10, 1, 0.1, 0.5]);
  table.append([1, 's', 'v1', 30, 0, 0.3, 0.4]);
  table.append([1, 's', 'v2', 5, 5, Number.NaN, Number.NaN]);
  table.append([2, 's', 'v1', 7, 0, 0.2, 0.6]);
  const made = byWindow(table, 2, ['service', 'version'], { requests: 'sum', p50: { meanBy: 'requests' }, p99: 'max' });
  assert.deepEqual(made, {
    length: 3,
    columns: {
      time: [0, 0, 2],
      service: { dictionary: ['s'], index: [0, 0, 0] },
      version: { dictionary: ['v1', 'v2'], index: [0, 1, 0] },
      requests: [40, 5, 7],
      p50: [0.25, null, 0.2],
      p99: [0.5, null, 0.6],
    },
  });
});

test('a spread choice keeps the first and the last', () => {
  assert.deepEqual([...spread([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 4)], [0, 3, 6, 9]);
  assert.deepEqual([...spread([4, 5], 4)], [4, 5]);
});

test('too many events: every warning stays, in order of time', () => {
  const recorder = new Recorder();
  const events = recorder.table(EVENTS);
  for (let i = 0; i < 10_000; i++) events.append([i, i % 100 === 0 ? 'Warning' : 'Normal', 'R', `Pod/a/${i}`, '', 1]);
  const [sample] = sampleResults();
  const [run] = reportData([{ ...sample!, tables: recorder.tables }]).runs;
  const table = run!.tables.events!;
  assert.deepEqual(run!.shown.events, [2000, 10_000]);
  const types = table.columns.type as { dictionary: string[]; index: number[] };
  assert.equal(types.index.filter((i) => types.dictionary[i] === 'Warning').length, 100);
  const times = table.columns.time as number[];
  assert.ok(times.every((time, i) => i === 0 || time > times[i - 1]!));
});

test('numbers are short and finite', () => {
  const text = JSON.stringify(reportData(sampleResults()).runs.map((run) => run.tables));
  const fractions = text.replace(/"[^"]*"/g, '').match(/-?\d+\.\d+(e-?\d+)?/g)!;
  assert.ok(fractions.length > 1000);
  for (const fraction of fractions) assert.equal(Number(Number(fraction).toPrecision(5)), Number(fraction));
  assert.ok(!text.includes('NaN'));
});
