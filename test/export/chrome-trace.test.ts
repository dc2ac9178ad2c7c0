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
