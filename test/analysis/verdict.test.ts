import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summarizeLatency } from '../../src/analysis/latency.js';
import { allMet, judge, serviceLevels } from '../../src/analysis/verdict.js';
import { describeVerdict } from '../../src/report/format.js';
import type { Objective } from '../../src/scenario/types.js';
import { metrics } from '../report/sample.js';

function objective(text: string, fields: Omit<Objective, 'text' | 'position'>): Objective {
  return { text, position: 'scenario.yaml:1:1', ...fields };
}

test('objectives are judged in their own unit', () => {
  const measured = metrics({
    errorShare: 0.0004,
    rolloutDuration: 95,
    lowestAvailableShare: 0.9,
    surgePodSeconds: 400,
  });
  const verdicts = judge(
    [
      objective('errors < 0.1%', { metric: 'errors', comparison: '<', limit: 0.001 }),
      objective('latency p95 < 250ms', { metric: 'latency', quantile: 0.95, comparison: '<', limit: 250e6 }),
      objective('rollout duration < 90s', { metric: 'rolloutDuration', comparison: '<', limit: 90e9 }),
      objective('availability >= 90%', { metric: 'availability', comparison: '>=', limit: 0.9 }),
      objective('surge <= 300', { metric: 'surge', comparison: '<=', limit: 300 }),
    ],
    measured,
    (p) => (p === 0.95 ? 0.2 : null),
  );
  assert.deepEqual(
    verdicts.map((verdict) => [verdict.met, verdict.value, verdict.limit, verdict.unit]),
    [
      [true, 0.0004, 0.001, 'share'],
      [true, 0.2, 0.25, 'seconds'],
      [false, 95, 90, 'seconds'],
      [true, 0.9, 0.9, 'share'],
      [false, 400, 300, 'pod-seconds'],
    ],
  );
  assert.equal(allMet(verdicts), false);
});

test('the control plane: quantiles of its latencies, errors as a share of its requests', () => {
  const verdicts = judge(
    [
      objective('api write p99 < 50ms', { metric: 'apiWrite', quantile: 0.99, comparison: '<', limit: 50e6 }),
      objective('etcd commit p50 < 5ms', { metric: 'etcdCommit', quantile: 0.5, comparison: '<', limit: 5e6 }),
      objective('api errors < 1%', { metric: 'apiErrors', comparison: '<', limit: 0.01 }),
      objective('api unanswered < 30%', { metric: 'apiUnanswered', comparison: '<', limit: 0.3 }),
    ],
    metrics({ apiRequests: 200, apiErrors: 4, apiUnanswered: 50 }),
    () => null,
    { apiWrite: (p) => (p === 0.99 ? 0.04 : null), etcdCommit: (p) => (p === 0.5 ? 0.006 : null), podStartup: () => null },
  );
  assert.deepEqual(
    verdicts.map((verdict) => [verdict.met, verdict.value, verdict.limit, verdict.unit]),
    [
      [true, 0.04, 0.05, 'seconds'],
      [false, 0.006, 0.005, 'seconds'],
      [false, 0.02, 0.01, 'share'],
      [true, 0.2, 0.3, 'share'],
    ],
  );
});

test('a quantity the run does not give misses its objective', () => {
  const verdicts = judge(
    [objective('rollout duration > 1s', { metric: 'rolloutDuration', comparison: '>', limit: 1e9 })],
    metrics({ rolloutDuration: null }),
    () => null,
  );
  assert.equal(verdicts[0]!.met, false);
  assert.equal(verdicts[0]!.value, null);
});

test('official service levels, only where something was measured', () => {
  const startup = metrics({}).podStartup;
  const levels = serviceLevels({ single: 1.5, list: null }, { ...startup, pod_startup: summarizeLatency([4]) });
  assert.deepEqual(
    levels.map((level) => [level.metric, level.met, level.limit]),
    [
      ['apiLatency', false, 1],
      ['apiListLatency', true, 30],
      ['podStartup', true, 5],
    ],
  );
  assert.equal(describeVerdict(levels[1]!), 'API latency p99 <= 30s (lists) (none in the run)');
  assert.equal(serviceLevels({ single: null, list: 31 }, startup)[1]!.met, false);
});
