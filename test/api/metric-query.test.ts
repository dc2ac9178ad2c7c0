import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readQuery } from '../../src/api/metric-query.js';


test('queries as they stand in analysis templates are read by their form', () => {
  const success = `sum(irate(istio_requests_total{reporter="source",destination_service=~"web",response_code!~"5.*"}[5m])) /
    sum(irate(istio_requests_total{reporter="source",destination_service=~"web"}[5m]))`;
  assert.deepEqual(readQuery(success), { what: 'successRate', window: 300e9, of: 'canary', scale: 1, offset: 0 });
  const errors = 'sum(rate(http_requests_total{status=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))';
  assert.deepEqual(readQuery(errors), { what: 'errorRate', window: 60e9, of: 'canary', scale: 1, offset: 0 });
  const percent = '100 - sum(rate(istio_requests_total{response_code=~"5.*"}[2m])) / sum(rate(istio_requests_total{}[2m])) * 100';
  assert.deepEqual(readQuery(percent), { what: 'errorRate', window: 120e9, of: 'canary', scale: -100, offset: 100 });
  const latency = 'histogram_quantile(0.95, sum(rate(istio_request_duration_milliseconds_bucket{app="web"}[30s])) by (le))';
  assert.deepEqual(readQuery(latency), { what: 'latency', quantile: 0.95, window: 30e9, of: 'canary', scale: 1000, offset: 0 });
  assert.equal(readQuery('sum(rate(http_requests_total{app="web-primary"}[1m]))')!.of, 'stable');
  assert.equal(readQuery('sum(rate(http_requests_total{app="web"}[1m]))')!.what, 'requests');
});

test('restarts: how many in the window, or how many a second', () => {
  const increase = 'sum(increase(kube_pod_container_status_restarts_total{namespace="shop", pod=~"web-canary-.*"}[2m]))';
  assert.deepEqual(readQuery(increase), { what: 'restarts', window: 120e9, of: 'canary', scale: 1, offset: 0 });
  assert.deepEqual(readQuery('rate(kube_pod_container_status_restarts_total[50s])'), { what: 'restarts', window: 50e9, of: 'canary', scale: 0.02, offset: 0 });
});

test('other queries are not understood', () => {
  for (const query of ['up', 'increase(kube_pod_container_status_restarts_total[1m]) / 2', 'kube_pod_container_status_restarts_total', 'avg(container_memory_usage_bytes)', 'sum(rate(a[1m])) / sum(rate(b[1m]))', 'sum(rate(requests{code="500"}[1m]))']) {
    assert.equal(readQuery(query), undefined, query);
  }
});
