import assert from 'node:assert/strict';
import { test } from 'node:test';
import { join } from 'node:path';
import { type RunMetrics, tableOf } from '../../src/analysis/result.js';
import { loadScenario } from '../../src/scenario/index.js';
import type { Scenario, TrafficSpec } from '../../src/scenario/types.js';
import { root, run } from './scenario.js';

/** Clients that two versions serve in turn: 2w(1 − w) of their requests follow one that the other version answered. */

const base = loadScenario(join(root, 'scenarios', 'strategies', 'rollback.yaml'));
const SECONDS = 120;
const HOLD = 60;
const CLIENTS = 200;

/** A canary that stays at 20 per cent for a minute, and goes on to all; the new version by itself is good. */
function play(traffic: Partial<TrafficSpec>, routing: 'weight' | 'cohort' = 'weight'): { readonly metrics: RunMetrics; readonly atHold: number; readonly all: number } {
  const scenario: Scenario = {
    ...base,
    duration: SECONDS * 1e9,
    behaviours: base.behaviours.map((each) => ({ ...each, request: { ...each.request, errors: 0 } })),
    traffic: [{ ...base.traffic[0]!, ...traffic }],
    rollout: { ...base.rollout!, strategies: [{ name: 'canary', kind: 'canary', routing, steps: [{ weight: 20, pause: HOLD * 1e9 }] }] },
  };
  const result = run(scenario, 'canary');
  // The seconds in which the weight was 20 and every proxy knew.
  const table = tableOf(result, 'failures_by_second')!;
  const [times, mechanisms, errors] = [table.column('time') as Float64Array, table.column('mechanism') as readonly string[], table.column('errors') as Float64Array];
  const sum = (from: number, to: number): number => mechanisms.reduce((total, each, i) => total + (each === 'mixed-version' && times[i]! >= from && times[i]! < to ? errors[i]! : 0), 0);
  return { metrics: result.summary.metrics, atHold: sum(45, 85), all: sum(0, SECONDS) };
}

test('each client meets the other version in 2w(1 − w) of its requests; the share of them that fails does', () => {
  const w = 0.2;
  for (const share of [1, 0.25]) {
    const { metrics, atHold, all } = play({ clients: CLIENTS, mixedVersionErrors: share });
    const expected = 40 * 300 * 2 * w * (1 - w) * share;
    assert.ok(Math.abs(atHold - expected) < 4 * Math.sqrt(expected), `${atHold} of ${expected}`);
    assert.equal(metrics.errorsByCause['mixed-version'], all);
    assert.equal(metrics.failures.find(({ mechanism }) => mechanism === 'mixed-version')!.errors, all);
    // The sum over seconds that every rollout reports knows nothing of clients: it says the same.
    assert.ok(Math.abs(metrics.rollout!.mixedVersionRequests * share - all) < 0.1 * all, `${metrics.rollout!.mixedVersionRequests * share} and ${all}`);
  }
});

test('who keeps to one version meets no other: an A/B test fails only the requests of the change itself', () => {
  const { metrics, atHold, all } = play({ clients: CLIENTS, cohort: 0.2, mixedVersionErrors: 1 }, 'cohort');
  assert.equal(atHold, 0);
  // To the new version and back, and all others once: at most three changes a client, and requests that overtake one another.
  assert.ok(all > 0 && all < 3 * CLIENTS, `${all}`);
  assert.equal(metrics.errorsByCause['mixed-version'], all);
});

test('users of a closed loop are clients; without the key nobody notices', () => {
  const closed = { arrivals: { kind: 'closed', users: 60, think: { kind: 'exponential', mean: 190e6 } } } as const;
  const { metrics, atHold } = play({ ...closed, mixedVersionErrors: 1 });
  const expected = (metrics.requests / SECONDS) * 40 * 2 * 0.2 * 0.8;
  assert.ok(Math.abs(atHold - expected) < 4 * Math.sqrt(expected) + 0.03 * expected, `${atHold} of ${expected}`);
  assert.equal(play({ clients: CLIENTS }).metrics.errorsByCause['mixed-version'], undefined);
});
