import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FailureMetrics } from '../../src/analysis/result.js';
import { study } from '../../src/analysis/study.js';
import { explain, explainStudy } from '../../src/report/explanation.js';
import { metrics, summary } from './sample.js';

const terminating = (errors: number, longestLag = 0.9): FailureMetrics => ({ mechanism: 'terminating-pod', errors, meanLag: longestLag / 2, longestLag });
const unready = (errors: number): FailureMetrics => ({ mechanism: 'no-ready-pod', errors, meanLag: null, longestLag: null });

function measured(failures: readonly FailureMetrics[]) {
  const errors = failures.reduce((sum, each) => sum + each.errors, 0);
  return metrics({ rolloutStart: 30, requests: 10_000, errors, errorShare: errors / 10_000, failures });
}

function result(name: string, failures: readonly FailureMetrics[]) {
  return { name, summary: summary(name, measured(failures), []), tables: [] };
}

test('a sentence a run says what its requests met, and one says what the worst has more than the best', () => {
  const lines = explain([result('blueGreen', []), result('ramped', [terminating(37)]), result('recreate', [terminating(40, 1.1), unready(6000)])]);
  assert.deepEqual(lines, [
    'ramped: 37 errors: requests sent to terminating pods in the 900 ms before proxies synced',
    'recreate: 6,040 errors: 6,000 requests found no pod ready; 40 requests sent to terminating pods in the 1.10 s before proxies synced',
    'recreate has 6,040 errors more than blueGreen: 6,000 more requests found no pod ready (seed 1)',
  ]);
});

test('runs without errors need no words, and equal ones no difference', () => {
  assert.deepEqual(explain([result('a', []), result('b', [])]), []);
  assert.deepEqual(explain([result('a', [unready(1)]), result('b', [unready(1)])]), ['a: 1 error: request found no pod ready', 'b: 1 error: request found no pod ready']);
});

test('over several seeds a difference is named only when the paired interval says that there is one', () => {
  const clear = new Map([
    ['blueGreen', [0, 0, 0, 0].map(() => measured([]))],
    ['ramped', [37, 41, 35, 39].map((errors) => measured([terminating(errors)]))],
  ]);
  assert.deepEqual(explainStudy(study(clear)), [
    'ramped, 4 seeds: 152 errors: requests sent to terminating pods in the 900 ms before proxies synced',
    'ramped has 152 errors more than blueGreen: 152 more requests sent to terminating pods in the 900 ms before proxies synced (over 4 seeds)',
  ]);
  const doubtful = new Map([
    ['a', [30, 50, 20, 60].map((errors) => measured([terminating(errors)]))],
    ['b', [40, 30, 50, 45].map((errors) => measured([terminating(errors)]))],
  ]);
  const said = explainStudy(study(doubtful));
  assert.equal(said.length, 2);
  assert.ok(said.every((line) => !line.includes('more than')));
});
