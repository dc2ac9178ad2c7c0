import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnalysisTemplate, Canary } from '../../src/api/rollout-kinds.js';
import { dryRunCanary, dryRunTemplate, type SecondOfRequests } from '../../src/strategies/analysis/dry-run.js';

const metadata = { name: 'x', namespace: 'default', uid: '', resourceVersion: 0, generation: 1, creationTimestamp: 0 };

/** From second 100 on the new version answers ten requests a second, of which two fail from second 150 on. */
const rows: SecondOfRequests[] = [];
for (let second = 0; second < 300; second++) {
  rows.push({ second, version: 'v1', requests: 90, errors: 0, p50: 0.01, p99: 0.05 });
  if (second >= 100) rows.push({ second, version: 'v2', requests: 10, errors: second >= 150 ? 2 : 0, p50: 0.02, p99: 0.08 });
}
const input = { rows, version: 'v2', from: 100, to: 300 };

function template(condition: string, failureLimit: number, query: string): AnalysisTemplate {
  const metric = { name: 'm', interval: '20s', failureLimit, successCondition: condition, provider: { prometheus: { query } } };
  return { apiVersion: 'argoproj.io/v1alpha1', kind: 'AnalysisTemplate', metadata, spec: { metrics: [metric] } };
}

const SUCCESS = 'sum(rate(http_requests_total{job="web",status!~"5.*"}[20s])) / sum(rate(http_requests_total{job="web"}[20s]))';

test('a template says when it would have failed: the share of errors from 150 s on, three bad looks 20 s apart', () => {
  const decided = dryRunTemplate(template('len(result) == 0 || result[0] >= 0.95', 2, SUCCESS), input);
  // Looks at 100 (no data), 120, 140 are good; 160 sees half of its window bad: 90 %.
  assert.deepEqual([decided.phase, decided.decidedAt], ['Failed', 200]);
  assert.deepEqual(decided.measurements.map(({ at, phase }) => [at, phase]), [
    [100, 'Successful'],
    [120, 'Successful'],
    [140, 'Successful'],
    [160, 'Failed'],
    [180, 'Failed'],
    [200, 'Failed'],
  ]);
  assert.equal(decided.measurements[3]!.value, '[0.9]');
  assert.equal(decided.measurements[5]!.value, '[0.8]');
  const lax = dryRunTemplate(template('len(result) == 0 || result[0] >= 0.75', 0, SUCCESS), input);
  assert.deepEqual([lax.phase, lax.decidedAt], ['Running', null]);
});

test('latency is that of the new version', () => {
  const query = 'histogram_quantile(0.99, sum(rate(http_request_duration_seconds_bucket{job="web"}[20s])) by (le))';
  const slow = dryRunTemplate(template('len(result) == 0 || result[0] < 0.06', 0, query), input);
  assert.deepEqual([slow.phase, slow.decidedAt], ['Failed', 120]);
  assert.equal(dryRunTemplate(template('len(result) == 0 || result[0] < 0.1', 0, query), input).decidedAt, null);
});

test('a Canary would have been rolled back after its threshold of failed checks', () => {
  const analysis = { interval: '20s', threshold: 2, maxWeight: 50, stepWeight: 10, metrics: [{ name: 'request-success-rate', interval: '20s', thresholdRange: { min: 95 } }] };
  const canary = { apiVersion: 'flagger.app/v1beta1', kind: 'Canary', metadata, spec: { targetRef: { kind: 'Deployment', name: 'web' }, service: { port: 80 }, analysis }, status: {} } as Canary;
  const decided = dryRunCanary(canary, input);
  // Looks from 140 s on; those at 160 and 180 fail, the next one acts.
  assert.deepEqual([decided.phase, decided.decidedAt], ['Failed', 200]);
});
