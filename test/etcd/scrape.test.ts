import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PrometheusHistogram } from '../../src/etcd/metrics.js';
import { type MetricsSink, scrapeMember } from '../../src/etcd/scrape.js';
import { SECOND } from '../../src/kernel/time.js';
import { ETCD_HISTOGRAMS, ETCD_SCALARS } from '../../src/metrics/etcd-families.js';
import { COSTS, Harness } from './harness.js';

class Sink implements MetricsSink {
  readonly values = new Map<string, number>();
  readonly histograms = new Map<string, PrometheusHistogram>();

  value(name: string, labels: string, value: number): void {
    assert.ok(!this.values.has(`${name}{${labels}}`), `twice: ${name}{${labels}}`);
    this.values.set(`${name}{${labels}}`, value);
  }

  histogram(name: string, labels: string, histogram: PrometheusHistogram): void {
    this.histograms.set(`${name}{${labels}}`, histogram);
  }
}

function scraped(harness: Harness, member = 0): Sink {
  const sink = new Sink();
  scrapeMember(harness.cluster.members[member]!, sink);
  return sink;
}

function busy(): Harness {
  const harness = new Harness();
  for (let i = 0; i < 50; i++) harness.put(`/k/${i}`);
  harness.call({ op: 'range', key: '/k/1', prefix: false });
  harness.call({ op: 'txn', key: '/k/1', expectedModRevision: 1, then: 'put', value: 0, bytes: 10 });
  harness.call({ op: 'leaseGrant', id: 7, ttlSeconds: 60 });
  harness.call({ op: 'compact', revision: 1_000_000 });
  harness.client.watch('/k/', 0, harness, 0);
  harness.run(10 * SECOND);
  return harness;
}

test("a member exports every metric that etcd's rooms declare, with etcd's buckets, and no other", () => {
  const sink = scraped(busy());
  const name = (series: string) => series.slice(0, series.indexOf('{'));
  const values = new Set([...sink.values.keys()].map(name));
  assert.deepEqual([...values].sort(), ETCD_SCALARS.map((family) => family.name).sort());
  const bounds = new Map([...sink.histograms].map(([series, histogram]) => [name(series), [...histogram.bounds]]));
  assert.deepEqual([...bounds.keys()].sort(), ETCD_HISTOGRAMS.map((family) => family.name).sort());
  for (const family of ETCD_HISTOGRAMS) assert.deepEqual(bounds.get(family.name), family.bounds, family.name);
});

test('the numbers are those of what was done', () => {
  const harness = busy();
  const sink = scraped(harness);
  const own = 'job="etcd",instance="etcd-0"';
  const at = (name: string, labels = '') => sink.values.get(`${name}{${own}${labels}}`);
  assert.equal(at('etcd_server_is_leader'), 1);
  assert.equal(at('etcd_mvcc_put_total'), 50);
  assert.equal(at('etcd_debugging_mvcc_keys_total'), 50);
  assert.equal(at('etcd_debugging_mvcc_watcher_total'), 1);
  assert.equal(at('etcd_debugging_mvcc_watch_stream_total'), 1);
  assert.equal(at('etcd_debugging_lease_granted_total'), 1);
  const kv = (method: string) => `,grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="${method}"`;
  assert.equal(at('grpc_server_started_total', kv('Put')), 50);
  assert.equal(at('grpc_server_handled_total', `${kv('Put')},grpc_code="OK"`), 50);
  assert.equal(at('grpc_server_handled_total', `${kv('Compact')},grpc_code="OutOfRange"`), 1);
  const applied = sink.histograms.get(
    `etcd_server_apply_duration_seconds{${own},version="v3",op="Put",success="true"}`,
  )!;
  assert.equal(applied.count, 50);
  assert.ok(Math.abs(applied.sum - 50 * COSTS.applyCpu * 1e-9) < 1e-9, String(applied.sum));
  assert.equal(
    sink.histograms.get(`etcd_server_apply_duration_seconds{${own},version="v3",op="Compaction",success="false"}`)!
      .count,
    1,
  );
  assert.equal(sink.histograms.get(`etcd_debugging_lease_ttl_total{${own}}`)!.sum, 60);
  const sent = at('etcd_network_peer_sent_bytes_total', ',To="2"')!;
  const follower = scraped(harness, 1);
  const received = follower.values.get(
    'etcd_network_peer_received_bytes_total{job="etcd",instance="etcd-1",From="1"}',
  )!;
  assert.ok(sent > 50 * 256);
  assert.ok(Math.abs(sent - received) < 1000, 'nothing is lost but what is under way');
  assert.equal(follower.values.get('etcd_server_is_leader{job="etcd",instance="etcd-1"}'), 0);
  const cpu = at('process_cpu_seconds_total')!;
  assert.ok(cpu > 50 * 1e-9 * (COSTS.requestCpu + COSTS.readyCpu + COSTS.applyCpu) && cpu < 0.1, String(cpu));
});

test('a peer that dies is a disconnected one; a process that is down exports nothing; counting can begin anew', () => {
  const harness = busy();
  harness.cluster.fail(2);
  harness.run(SECOND);
  const sink = scraped(harness);
  assert.equal(
    sink.values.get('etcd_network_disconnected_peers_total{job="etcd",instance="etcd-0",Local="1",Remote="3"}'),
    1,
  );
  assert.equal(sink.values.get('etcd_network_active_peers{job="etcd",instance="etcd-0",Local="1",Remote="3"}'), 0);
  assert.ok(sink.values.get('etcd_network_peer_sent_failures_total{job="etcd",instance="etcd-0",To="3"}')! > 0);
  assert.equal(scraped(harness, 2).values.size, 0);
  harness.cluster.members[0]!.resetMetrics();
  const fresh = scraped(harness);
  assert.equal(fresh.values.get('etcd_mvcc_put_total{job="etcd",instance="etcd-0"}'), 0);
  assert.equal(fresh.values.get('process_cpu_seconds_total{job="etcd",instance="etcd-0"}'), 0);
  assert.ok(fresh.values.get('etcd_server_proposals_committed_total{job="etcd",instance="etcd-0"}')! > 50);
});
