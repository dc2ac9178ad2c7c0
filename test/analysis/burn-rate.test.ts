import assert from 'node:assert/strict';
import { test } from 'node:test';
import { burnAlerts } from '../../src/analysis/burn-rate.js';
import { requestsToTell, tellableShare } from '../../src/analysis/power.js';

const seconds = (length: number, value: (second: number) => number): number[] => Array.from({ length }, (_, second) => value(second));

test('alerts of burn rates: both windows must burn so fast', () => {
  const rate = 100;
  const allowed = 0.001;
  // All requests fail from second 60 on: 14.4 · 0.001 · 3600 s = 51.84 s of them are in the last hour.
  const all = burnAlerts(seconds(600, () => rate), seconds(600, (second) => (second >= 60 ? rate : 0)), 60, allowed);
  assert.deepEqual(all, { page1h: 52, page6h: 130, ticket3d: 260 });
  // 1 % fails, ten times the budget: never 14.4 times; 6 times over 6 h after 0.6 of them (12,960 s); over 3 d after a tenth.
  const long = 30_000;
  const some = burnAlerts(seconds(long, () => rate), seconds(long, (second) => (second >= 100 ? 1 : 0)), 100, allowed);
  assert.deepEqual(some, { page1h: null, page6h: 12_960, ticket3d: 25_920 });
  // Errors that are over: the short window lets no alert begin.
  const over = burnAlerts(seconds(long, () => rate), seconds(long, (second) => (second < 40 ? rate : 0)), 0, allowed);
  assert.equal(over.page1h, null);
  assert.deepEqual(burnAlerts([], [], 0, allowed), { page1h: null, page6h: null, ticket3d: null });
});

test('requests of each version that tell 1 % of errors from 0.1 %: 831', () => {
  assert.equal(Math.ceil(requestsToTell(0.001, 0.01)), 831);
  const share = tellableShare(0.001, 831)!;
  assert.ok(Math.abs(share - 0.01) < 1e-5, `${share}`);
  // The more requests, the less; too few tell nothing.
  const shares = [20, 100, 1000, 1e6].map((requests) => tellableShare(0.001, requests)!);
  assert.deepEqual([...shares].sort((a, b) => b - a), shares);
  assert.equal(tellableShare(0.001, 0), null);
  assert.equal(tellableShare(0.9, 10), null);
});
