import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toChromeTrace } from '../../src/export/chrome-trace.js';
import { sampleResults } from '../report/sample.js';

interface Event {
  ph: string;
  name: string;
  pid: number;
  tid?: number;
  ts?: number;
  dur?: number;
  s?: string;
  id?: number;
  cat?: string;
  bp?: string;
  args?: Record<string, unknown>;
}

const result = sampleResults()[3]!;
const trace = JSON.parse([...toChromeTrace(result)].join('')) as { traceEvents: Event[] };

test('every pod has a track of its node, and its phases follow one another', () => {
  const names = new Map(
    trace.traceEvents.filter((event) => event.name === 'thread_name').map((event) => [event.tid, event.args!.name]),
  );
  const track = [...names].find(([, name]) => name === 'default/frontend-84b5cc-new0')![0];
  const phases = trace.traceEvents.filter((event) => event.ph === 'X' && event.tid === track && event.pid >= 100);
  assert.deepEqual(
    phases.map((event) => event.name),
    ['scheduling', 'sandbox', 'image pull', 'container start', 'until ready', 'ready'],
  );
  for (let i = 1; i < phases.length; i++) {
    assert.ok(Math.abs(phases[i - 1]!.ts! + phases[i - 1]!.dur! - phases[i]!.ts!) < 0.01);
  }
});

test('nodes are in order of their numbers, after the control plane', () => {
  const order = new Map(trace.traceEvents.filter((event) => event.name === 'process_sort_index').map((event) => [event.pid, event.args!.sort_index as number]));
  const names = trace.traceEvents.filter((event) => event.name === 'process_name').sort((a, b) => order.get(a.pid)! - order.get(b.pid)!);
  const nodes = names.map((event) => String(event.args!.name)).filter((name) => /\d$/.test(name));
  const numbers = nodes.map((name) => Number(/\d+$/.exec(name)![0]));
  assert.ok(numbers.length > 10 && numbers.every((number, i) => i === 0 || numbers[i - 1]! < number), nodes.join(' '));
  assert.equal(names[0]!.args!.name, 'rollout');
});

test('Raft leaders as slices, the steps of the rollout as marks, users as counters', () => {
  const reigns = trace.traceEvents.filter((event) => event.name.startsWith('leads term'));
  assert.deepEqual(
    reigns.map((event) => [event.name, event.ts, event.dur]),
    [
      ['leads term 2', 0, 150e6],
      ['leads term 3', 150e6, 150e6],
    ],
  );
  assert.ok(trace.traceEvents.some((event) => event.ph === 'i' && event.args?.message === 'weight 25%'));
  const counters = trace.traceEvents.filter((event) => event.ph === 'C' && event.name === 'requests');
  assert.equal(counters.length, 300);
  assert.deepEqual(Object.keys(counters[100]!.args!), ['v0.10.3', 'v0.11.0']);
});

/**
 * What trace viewers ask of a file (Trace Event Format, Google 2016): the fields of each kind of event, slices of a track that
 * nest or follow one another, and flows that begin and end inside a slice.
 */
function checkFormat(events: readonly Event[]): { flows: number; tracks: number } {
  const tracks = new Map<string, Event[]>();
  const starts = new Map<number, Event>();
  const ends = new Map<number, Event>();
  const processes = new Set<number>();
  for (const event of events) {
    const what = JSON.stringify(event);
    assert.ok(['X', 'C', 'i', 'M', 's', 'f'].includes(event.ph) && Number.isInteger(event.pid) && event.name !== '', what);
    if (event.ph === 'M') {
      if (event.name === 'process_sort_index') assert.ok(Number.isInteger(event.args!.sort_index), what);
      else assert.ok(['process_name', 'thread_name'].includes(event.name) && typeof event.args!.name === 'string', what);
      if (event.name === 'process_name') processes.add(event.pid);
      continue;
    }
    assert.ok(Number.isFinite(event.ts) && event.ts! >= 0, what);
    if (event.ph === 'C') {
      assert.ok(Object.values(event.args!).every((value) => Number.isFinite(value)), what);
      continue;
    }
    assert.ok(Number.isInteger(event.tid), what);
    if (event.ph === 'i') assert.ok(['g', 'p', 't'].includes(event.s!), what);
    if (event.ph === 'X') {
      assert.ok(Number.isFinite(event.dur) && event.dur! >= 0, what);
      const key = `${event.pid}/${event.tid}`;
      if (!tracks.has(key)) tracks.set(key, []);
      tracks.get(key)!.push(event);
    }
    if (event.ph === 's' || event.ph === 'f') {
      const flows = event.ph === 's' ? starts : ends;
      assert.ok(typeof event.cat === 'string' && !flows.has(event.id!), what);
      flows.set(event.id!, event);
    }
  }
  for (const [key, slices] of tracks) {
    assert.ok(processes.has(slices[0]!.pid), `the process of track ${key} has a name`);
    slices.sort((a, b) => a.ts! - b.ts! || b.dur! - a.dur!);
    const open: number[] = [];
    for (const { ts, dur, name } of slices) {
      while (open.length > 0 && open.at(-1)! <= ts! + 1e-3) open.pop();
      assert.ok(open.length === 0 || ts! + dur! <= open.at(-1)! + 1e-3, `track ${key}: ${name} at ${ts} overlaps`);
      open.push(ts! + dur!);
    }
  }
  assert.deepEqual([...starts.keys()], [...ends.keys()]);
  for (const [id, start] of starts) {
    const end = ends.get(id)!;
    assert.ok(start.ts! <= end.ts! && start.name === end.name && start.cat === end.cat && end.bp === 'e');
    for (const point of [start, end]) {
      const around = tracks.get(`${point.pid}/${point.tid}`)!.find((slice) => slice.ts! <= point.ts! && point.ts! <= slice.ts! + slice.dur!);
      assert.equal(around?.name, point.name, `flow ${id}`);
    }
  }
  return { flows: starts.size, tracks: tracks.size };
}

test('the whole file is what trace viewers ask for', () => {
  const { flows, tracks } = checkFormat(trace.traceEvents);
  assert.equal(flows, 21);
  assert.ok(tracks > 40);
  const broken = { ph: 'X', name: 'x', pid: 1, tid: 1, ts: 61e6, dur: 3e9 };
  assert.throws(() => checkFormat([...trace.traceEvents, broken]), /overlaps/);
});

test('requests are flows from the track of their client to that of the server', () => {
  const named = new Map(
    trace.traceEvents.filter((event) => event.name === 'thread_name').map((event) => [`${event.pid}/${event.tid}`, String(event.args!.name)]),
  );
  const ends = (ph: string) =>
    trace.traceEvents.filter((event) => event.ph === ph && event.name === 'create pods').map(({ pid, tid }) => named.get(`${pid}/${tid}`));
  // Ten at intervals of 1 ms that take 4.7 ms each: five at once.
  const lanes = ['', ' (2)', ' (3)', ' (4)', ' (5)'];
  assert.deepEqual([...new Set(ends('s'))], lanes.map((lane) => `replicaset-controller${lane}`));
  assert.deepEqual([...new Set(ends('f'))], lanes.map((lane) => `kube-apiserver-0${lane}`));
  const limited = trace.traceEvents.find((event) => event.name === 'delete pods' && event.ph === 'X')!;
  assert.equal(limited.args!['rate limiter ms'], 400);
  assert.ok([...named.values()].includes('kubelets'), 'kubelets share tracks');
  assert.equal(trace.traceEvents.filter((event) => event.name === 'get pods').length, 1, 'a request that reached no server has no flow');
});
