import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Recorder } from '../../src/metrics/recorder.js';
import {
  API_REQUESTS_BY_SECOND,
  ETCD_BY_SECOND,
  EVENTS,
  NODE_USAGE,
  PODS,
  REPLICAS_BY_SECOND,
  REQUESTS_BY_SECOND,
  SCHEDULER_ATTEMPTS,
} from '../../src/metrics/tables.js';
import { renderReport } from '../../src/report/html.js';
import { Stream } from '../../src/random/stream.js';
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

test('a report of eight runs of 5,000 nodes over an hour stays under 5 MB', () => {
  const random = new Stream('big', 'report');
  const recorder = new Recorder();
  const seconds = 3600;
  for (let i = 0; i < 20_000; i++) {
    const created = (i * seconds) / 20_000;
    const at = (delay: number): number => created + delay * random.next();
    const name = `app-${i % 50}-6c9d7f${i}`;
    recorder
      .table(PODS)
      .append([
        'default',
        name,
        `ReplicaSet/app-${i % 50}`,
        'v1',
        `node-${i % 5000}`,
        created,
        at(1),
        at(2),
        at(3),
        at(4),
        at(9),
        at(5),
        Number.NaN,
        Number.NaN,
        0,
      ]);
    recorder
      .table(EVENTS)
      .append([
        created,
        'Normal',
        'Scheduled',
        `Pod/default/${name}`,
        `Successfully assigned default/${name} to node-${i % 5000}`,
        1,
      ]);
    recorder
      .table(SCHEDULER_ATTEMPTS)
      .append([created, `default/${name}`, 'scheduled', `node-${i % 5000}`, 1, at(1), at(1), 500, 400, '']);
  }
  for (let t = 0; t < seconds; t++) {
    for (const verb of ['get', 'list', 'create', 'update', 'patch', 'delete']) {
      recorder
        .table(API_REQUESTS_BY_SECOND)
        .append([t, verb, 'pods', 200, 100, random.next() / 100, random.next() / 10]);
    }
    for (const member of ['etcd-0', 'etcd-1', 'etcd-2']) {
      recorder
        .table(ETCD_BY_SECOND)
        .append([t, member, 0, 2, 100, random.next(), random.next(), random.next(), random.next(), 1e8]);
    }
    for (let d = 0; d < 20; d++)
      recorder
        .table(REPLICAS_BY_SECOND)
        .append([t, `default/app-${d}`, `app-${d}-aaa`, 'v1', 100, 100, 100 - (t % 7), 99]);
    recorder
      .table(REQUESTS_BY_SECOND)
      .append([t, 'default/app', 'v1', 500 * random.next(), 0, random.next(), random.next()]);
  }
  for (let t = 0; t < seconds; t += 300) {
    for (let i = 0; i < 5000; i++)
      recorder.table(NODE_USAGE).append([t, `node-${i}`, 10, random.next(), random.next()]);
  }
  const [sample] = sampleResults();
  const one = { ...sample!, tables: recorder.tables, summary: { ...sample!.summary, simulatedSeconds: seconds } };
  const runs = Array.from({ length: 8 }, (_, i) => ({ ...one, name: `strategy-${i}` }));
  const page = renderReport(runs, { title: 'big', toolVersion: '0.1.0' });
  assert.ok(Buffer.byteLength(page) < 5_000_000, `${Buffer.byteLength(page)} bytes`);
});
