import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { tableOf } from '../../src/analysis/result.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { APISERVER_SCALARS } from '../../src/metrics/apiserver-families.js';
import { HISTOGRAM_FAMILIES } from '../../src/metrics/histograms.js';
import { loadScenario } from '../../src/scenario/index.js';
import { finish, root } from './scenario.js';

/** A family as the /metrics of the real component had it. */
interface Family {
  readonly type: string;
  readonly labels: readonly string[];
  /** Bounds of buckets. */
  readonly le?: readonly number[];
}

/** The families of kube-apiserver, kube-controller-manager, kube-scheduler 1.34.4 and etcd 3.6.5. */
const recorded = JSON.parse(gunzipSync(readFileSync(join(root, 'test', 'data', 'calibration', 'metric-families.json.gz'))).toString()) as Readonly<Record<string, Family>>;

/** Families that a component shows only when there is something to show, which there was not: k8s.io/apiserver pkg/admission/metrics, etcd3/metrics, … */
const NOT_RECORDED: Readonly<Record<string, string>> = {
  apiserver_admission_webhook_admission_duration_seconds: 'name,operation,rejected,type',
  apiserver_admission_webhook_fail_open_count: 'name,type',
  apiserver_admission_webhook_rejection_count: 'error_type,name,operation,rejection_code,type',
  apiserver_admission_webhook_request_total: 'code,name,operation,rejected,type',
  apiserver_flowcontrol_rejected_requests_total: 'flow_schema,priority_level,reason',
  apiserver_flowcontrol_request_dispatch_no_accommodation_total: 'flow_schema,priority_level',
  etcd_request_errors_total: 'group,operation,resource',
  rest_client_request_retries_total: 'code,host,verb',
  watch_cache_capacity_decrease_total: 'group,resource',
};

const WEBHOOK_BOUNDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25];

const [ignore] = loadScenario(join(root, 'scenarios', 'apiserver', 'webhook.yaml')).variants!.filter(({ variant }) => variant === 'too slow and Ignore');
const run = new ScenarioRun({
  ...ignore!,
  duration: 90e9,
  cluster: { ...ignore!.cluster, nodes: ignore!.cluster.nodes.slice(0, 10), eventTtl: 200e9 },
  // Without a quorum etcd answers with errors.
  timeline: [ignore!.timeline[0]!, ...[0, 1].map((index) => ({ at: 60e9, position: '', action: 'fail', target: { kind: 'etcd', index } }) as const)],
});
const result = finish(run);

function series(table: string): Map<string, { labels: Set<string>; bounds: Set<number> }> {
  const found = new Map<string, { labels: Set<string>; bounds: Set<number> }>();
  const rows = tableOf(result, table)!;
  const [metrics, texts] = [rows.column('metric'), rows.column('labels')] as [string[], string[]];
  const bounds = table === 'histograms' ? (rows.column('le') as Float64Array) : undefined;
  for (let row = 0; row < rows.length; row++) {
    const name = metrics[row]!;
    let family = found.get(name);
    if (family === undefined) found.set(name, (family = { labels: new Set(), bounds: new Set() }));
    for (const [, label] of texts[row]!.matchAll(/(\w+)="/g)) if (label !== 'job' && label !== 'instance') family.labels.add(label!);
    if (bounds !== undefined && bounds[row] !== Number.POSITIVE_INFINITY) family.bounds.add(bounds[row]!);
  }
  return found;
}

const OURS = /^(apiserver_|watch_cache_|workqueue_|rest_client_|leader_election_|etcd_(request|bookmark|lease_object))/;
const SCALARS = new Map([...APISERVER_SCALARS].map(({ name, type }) => [name, type]));
const ascending = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b);

test('every family of the API server and of clients has the labels and buckets of a recorded /metrics', () => {
  const [scalars, histograms] = [series('scrapes'), series('histograms')];
  let compared = 0;
  for (const [name, { labels, bounds }] of [...scalars, ...histograms]) {
    if (!OURS.test(name)) continue;
    const real = recorded[name];
    const names = [...labels].sort().join();
    if (real === undefined) {
      assert.equal(names, NOT_RECORDED[name], `${name} is neither recorded nor named here`);
      continue;
    }
    assert.equal(names, real.labels.join(), name);
    assert.equal(histograms.has(name), real.type === 'histogram', name);
    if (histograms.has(name)) assert.deepEqual(ascending(bounds), real.le, name);
    else assert.equal(SCALARS.get(name) ?? real.type, real.type, name);
    compared++;
  }
  assert.ok(compared > 70, `${compared}`);
  assert.deepEqual(HISTOGRAM_FAMILIES.find(({ name }) => name === 'apiserver_admission_webhook_admission_duration_seconds')!.bounds, WEBHOOK_BOUNDS);
});

/** What the families of this table leave out, because the model has no such thing: filters of the handler chain apart, encryption at rest, plugins for credentials, pools of connections. */
const LEFT_OUT = [
  'apiserver_request_filter_duration_seconds',
  'apiserver_request_timestamp_comparison_time',
  'apiserver_storage_data_key_generation_duration_seconds',
  'apiserver_storage_data_key_generation_failures_total',
  'apiserver_storage_envelope_transformation_cache_misses_total',
  'rest_client_exec_plugin_certificate_rotation_age',
  'rest_client_exec_plugin_ttl_seconds',
  'rest_client_transport_cache_entries',
  'rest_client_transport_create_calls_total',
];

test('of the families of requests, flow control, storage, etcd, work queues and clients none is missing', () => {
  const ours = new Set([...APISERVER_SCALARS, ...HISTOGRAM_FAMILIES].map(({ name }) => name));
  // Counted each second in a table of its own.
  ours.add('apiserver_request_total');
  const missing = Object.keys(recorded).filter((name) => /^(apiserver_(request|flowcontrol|storage|watch_cache|watch_events|watch_list)_|etcd_request|workqueue_|rest_client_|leader_election_)/.test(name) && !ours.has(name));
  assert.deepEqual(missing, LEFT_OUT);
});

test('webhooks that miss their timeout: calls, and what failurePolicy Ignore let pass', () => {
  const { admission } = run.cluster.servers[0]!.writes;
  const { durations, requests, rejections, failOpen } = admission!.webhooks;
  const [request] = [...requests.values()];
  assert.ok(request !== undefined && requests.size === 1);
  assert.deepEqual(request.labels, { name: 'pods.example.com', code: '503', operation: 'CREATE', rejected: 'false', type: 'validating' });
  assert.ok(request.count > 50);
  assert.equal([...failOpen.values()][0]!.count, request.count);
  assert.equal(rejections.size, 0);
  assert.equal([...durations.values()][0]!.durations.count, request.count);
});
