import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { tableOf } from '../../src/analysis/result.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { HISTOGRAM_FAMILIES } from '../../src/metrics/histograms.js';
import { loadScenario } from '../../src/scenario/index.js';
import { finish, root } from './scenario.js';

/** Names, types, labels and buckets as the /metrics of Kubernetes 1.34.4 have them (job and instance are the scraper's). */
const FLOW = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const QUEUE = [1e-8, 1e-7, 1e-6, 9.999999999999999e-6, 9.999999999999999e-5, 0.001, 0.01, 0.1, 1, 10];
const REQUEST = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
const REST = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];
const HISTOGRAMS: Readonly<Record<string, readonly [labels: string, bounds: readonly number[]]>> = {
  apiserver_flowcontrol_request_execution_seconds: ['flow_schema,priority_level,type', FLOW],
  apiserver_flowcontrol_request_wait_duration_seconds: ['execute,flow_schema,priority_level', FLOW],
  apiserver_request_duration_seconds: ['component,dry_run,group,resource,scope,subresource,verb,version', REQUEST],
  etcd_request_duration_seconds: ['group,operation,resource', REQUEST],
  rest_client_rate_limiter_duration_seconds: ['host,verb', REST],
  rest_client_request_duration_seconds: ['host,verb', REST],
  workqueue_queue_duration_seconds: ['name', QUEUE],
  workqueue_work_duration_seconds: ['name', QUEUE],
};
const SCALARS: Readonly<Record<string, string>> = {
  apiserver_cache_list_total: 'group,resource',
  apiserver_flowcontrol_current_executing_requests: 'flow_schema,priority_level',
  apiserver_flowcontrol_current_executing_seats: 'flow_schema,priority_level',
  apiserver_flowcontrol_current_inqueue_requests: 'flow_schema,priority_level',
  apiserver_flowcontrol_current_limit_seats: 'priority_level',
  apiserver_flowcontrol_demand_seats_average: 'priority_level',
  apiserver_flowcontrol_demand_seats_high_watermark: 'priority_level',
  apiserver_flowcontrol_demand_seats_smoothed: 'priority_level',
  apiserver_flowcontrol_demand_seats_stdev: 'priority_level',
  apiserver_flowcontrol_dispatched_requests_total: 'flow_schema,priority_level',
  apiserver_flowcontrol_lower_limit_seats: 'priority_level',
  apiserver_flowcontrol_nominal_limit_seats: 'priority_level',
  apiserver_flowcontrol_rejected_requests_total: 'flow_schema,priority_level,reason',
  apiserver_flowcontrol_seat_fair_frac: '',
  apiserver_flowcontrol_target_seats: 'priority_level',
  apiserver_flowcontrol_upper_limit_seats: 'priority_level',
  apiserver_storage_list_total: 'group,resource',
  apiserver_storage_objects: 'resource',
  apiserver_storage_size_bytes: 'storage_cluster_id',
  apiserver_watch_cache_consistent_read_total: 'fallback,group,resource,success',
  etcd_requests_total: 'group,operation,resource',
  rest_client_requests_total: 'code,host,method',
  workqueue_adds_total: 'name',
  workqueue_depth: 'name',
  workqueue_longest_running_processor_seconds: 'name',
  workqueue_retries_total: 'name',
  workqueue_unfinished_work_seconds: 'name',
};

const chatty = loadScenario(join(root, 'scenarios', 'apiserver', 'chatty.yaml')).variants!.find(({ variant }) => variant === 'chatty')!;
const consistent = { ...chatty.clients![0]!, name: 'consistent', rate: 5, concurrency: 2, source: 'consistent' as const };
const run = new ScenarioRun({
  ...chatty,
  clients: [{ ...chatty.clients![0]!, rate: 20_000, concurrency: 4000 }, consistent],
  duration: 15e9,
  timeline: [],
  cluster: { ...chatty.cluster, controlPlaneCores: 2, nodes: chatty.cluster.nodes.slice(0, 10) },
});
const result = finish(run);

function labelNames(text: string): string {
  return [...text.matchAll(/(\w+)="/g)].map((match) => match[1]!).filter((name) => name !== 'job' && name !== 'instance').sort().join(',');
}

test('counters and gauges have the names and labels of the real components', () => {
  const table = tableOf(result, 'scrapes')!;
  const [metrics, labels] = [table.column('metric'), table.column('labels')] as [string[], string[]];
  const found: Record<string, string> = {};
  for (let row = 0; row < table.length; row++) {
    if (/^(etcd_(?!requests)|grpc|process)/.test(metrics[row]!)) continue;
    const names = labelNames(labels[row]!);
    assert.ok(found[metrics[row]!] === undefined || found[metrics[row]!] === names, metrics[row]);
    found[metrics[row]!] = names;
  }
  assert.deepEqual(Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1))), SCALARS);
});

test('histograms have the names, labels and buckets of the real components', () => {
  const table = tableOf(result, 'histograms')!;
  const [metrics, labels] = [table.column('metric'), table.column('labels')] as [string[], string[]];
  const bounds = table.column('le') as Float64Array;
  const found: Record<string, [string, number[]]> = {};
  const first = new Map<string, string>();
  for (let row = 0; row < table.length; row++) {
    const name = metrics[row]!;
    if (HISTOGRAMS[name] === undefined) continue;
    const series = first.get(name) ?? labels[row]!;
    first.set(name, series);
    found[name] ??= [labelNames(series), []];
    if (labels[row] === series && !found[name][1].includes(bounds[row]!) && bounds[row] !== Number.POSITIVE_INFINITY) found[name][1].push(bounds[row]!);
  }
  assert.deepEqual(found, Object.fromEntries(Object.entries(HISTOGRAMS).filter(([name]) => found[name] !== undefined)));
  assert.deepEqual(Object.keys(found).sort(), Object.keys(HISTOGRAMS).sort());
  for (const [name, [, expected]] of Object.entries(HISTOGRAMS)) assert.deepEqual(HISTOGRAM_FAMILIES.find((family) => family.name === name)!.bounds, expected);
});

test('the numbers agree with each other', () => {
  const [server] = run.cluster.servers;
  const { flows } = server!.seats;
  assert.ok(flows.every((flow) => flow.waits.count === flow.dispatched));
  const rejected = flows.reduce((sum, flow) => sum + [...flow.rejected.values()].reduce((a, b) => a + b, 0), 0);
  assert.ok(rejected > 0);
  for (const flow of flows) assert.ok(flow.waiting >= 0 && flow.executing >= 0 && flow.executingSeats >= flow.executing, flow.schema);
  const inUse = new Map<string, number>();
  for (const flow of flows) inUse.set(flow.level, (inUse.get(flow.level) ?? 0) + flow.waiting);
  for (const { level, waiting } of server!.seats.figures()) assert.equal(inUse.get(level) ?? 0, waiting, level);
});
