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
  apiserver_flowcontrol_demand_seats: ['priority_level', [0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.7, 2, 2.8, 4, 6]],
  apiserver_flowcontrol_priority_level_request_utilization: ['phase,priority_level', [0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 1]],
  apiserver_flowcontrol_priority_level_seat_utilization: ['phase,priority_level', [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1]],
  apiserver_flowcontrol_read_vs_write_current_requests: ['phase,request_kind', [0, 0.001, 0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1]],
  apiserver_flowcontrol_request_queue_length_after_enqueue: ['flow_schema,priority_level', [0, 10, 25, 50, 100, 250, 500, 1000]],
  apiserver_flowcontrol_watch_count_samples: ['flow_schema,priority_level', [0, 1, 10, 100, 1000, 10000]],
  apiserver_flowcontrol_work_estimated_seats: ['flow_schema,priority_level', [1, 2, 4, 8, 16, 32, 64, 100]],
  apiserver_request_sli_duration_seconds: ['component,group,resource,scope,subresource,verb,version', [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60]],
  apiserver_request_body_size_bytes: ['group,resource,verb', Array.from({ length: 31 }, (_, i) => 50_000 + 100_000 * i)],
  apiserver_response_sizes: ['component,group,resource,scope,subresource,verb,version', [1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000]],
  apiserver_watch_cache_read_wait_seconds: ['group,resource', [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3]],
  apiserver_watch_events_sizes: ['group,resource,version', [1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072]],
  apiserver_watch_list_duration_seconds: ['group,resource,scope,version', [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60]],
  rest_client_request_size_bytes: ['host,verb', [64, 256, 512, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216]],
  rest_client_response_size_bytes: ['host,verb', [64, 256, 512, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216]],
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
  apiserver_cache_list_total: 'group,index,resource',
  apiserver_cache_list_fetched_objects_total: 'group,index,resource',
  apiserver_cache_list_returned_objects_total: 'group,resource',
  apiserver_current_inflight_requests: 'request_kind',
  apiserver_current_inqueue_requests: 'request_kind',
  apiserver_flowcontrol_current_inqueue_seats: 'flow_schema,priority_level',
  apiserver_flowcontrol_current_r: 'priority_level',
  apiserver_flowcontrol_dispatch_r: 'priority_level',
  apiserver_flowcontrol_latest_s: 'priority_level',
  apiserver_flowcontrol_next_discounted_s_bounds: 'bound,priority_level',
  apiserver_flowcontrol_next_s_bounds: 'bound,priority_level',
  apiserver_flowcontrol_request_dispatch_no_accommodation_total: 'flow_schema,priority_level',
  apiserver_init_events_total: 'group,resource',
  apiserver_longrunning_requests: 'component,group,resource,scope,subresource,verb,version',
  apiserver_resource_objects: 'group,resource',
  apiserver_resource_size_estimate_bytes: 'group,resource',
  apiserver_storage_events_received_total: 'group,resource',
  apiserver_storage_list_evaluated_objects_total: 'group,resource',
  apiserver_storage_list_fetched_objects_total: 'group,resource',
  apiserver_storage_list_returned_objects_total: 'group,resource',
  watch_cache_capacity: 'group,resource',
  watch_cache_capacity_decrease_total: 'group,resource',
  watch_cache_capacity_increase_total: 'group,resource',
  apiserver_watch_cache_events_dispatched_total: 'group,resource',
  apiserver_watch_cache_events_received_total: 'group,resource',
  apiserver_watch_cache_initializations_total: 'group,resource',
  apiserver_watch_cache_resource_version: 'group,resource',
  apiserver_watch_events_total: 'group,resource,version',
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
  etcd_bookmark_counts: 'group,resource',
  etcd_requests_total: 'group,operation,resource',
  leader_election_master_status: 'name',
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
  // What was watched is listed anew afterwards, by streaming lists.
  timeline: [{ at: 2e9, position: '', action: 'restart', index: 0, shutdownDelay: 0, start: 1e9 }],
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
    if (/^(etcd_(?!requests|bookmark)|grpc|process)/.test(metrics[row]!)) continue;
    const names = labelNames(labels[row]!);
    assert.ok(found[metrics[row]!] === undefined || found[metrics[row]!] === names, metrics[row]);
    found[metrics[row]!] = names;
  }
  assert.deepEqual(Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1))), Object.fromEntries(Object.entries(SCALARS).sort(([a], [b]) => (a < b ? -1 : 1))));
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

test('latencies without queues and webhooks are no longer than those with them, and as many', () => {
  const table = tableOf(result, 'histograms')!;
  const [metrics, labels] = [table.column('metric'), table.column('labels')] as [string[], string[]];
  const [times, bounds, counts, sums] = ['time', 'le', 'count', 'sum'].map((name) => table.column(name)) as [Float64Array, Float64Array, Float64Array, Float64Array];
  const last = new Map<string, { count: number; sum: number }>();
  for (let row = 0; row < table.length; row++) {
    if (bounds[row] !== Number.POSITIVE_INFINITY || times[row] !== 15 || !/^apiserver_request_(sli_)?duration/.test(metrics[row]!)) continue;
    last.set(`${metrics[row]} ${labels[row]!.replace(',dry_run=""', '')}`, { count: counts[row]!, sum: sums[row]! });
  }
  let shorter = 0;
  for (const [key, { count, sum }] of last) {
    if (!key.startsWith('apiserver_request_duration')) continue;
    const sli = last.get(key.replace('request_duration', 'request_sli_duration'))!;
    assert.equal(sli.count, count, key);
    assert.ok(sli.sum <= sum + 1e-9, key);
    if (sli.sum < 0.5 * sum) shorter++;
  }
  // The lists of the chatty program wait most of their time.
  assert.ok(shorter > 0);
});

test('timing histograms have an observation for each nanosecond of the divided time', () => {
  const [server] = run.cluster.servers;
  for (const level of server!.seats.figures()) {
    const { demandSeats, seatUtilization, executing } = level;
    assert.equal(demandSeats.count, seatUtilization.count, level.level);
    assert.equal(executing.count, demandSeats.count, level.level);
    assert.ok(demandSeats.count > 0 && demandSeats.count % 10e9 === 0, `${level.level}: ${demandSeats.count}`);
    // Seats in use are part of those wanted.
    assert.ok(seatUtilization.sum <= demandSeats.sum + 1, level.level);
  }
});

test('what the cache takes in is what etcd sends, and what lists return was read', () => {
  for (const { figures, resource } of run.cluster.servers[0]!.caches()) {
    let fetched = 0;
    for (const each of figures.cacheLists.values()) fetched += each.fetched;
    assert.equal(figures.cacheReturned, fetched, resource);
    assert.ok(figures.storageReturned <= figures.storageEvaluated && figures.storageEvaluated <= figures.storageFetched, resource);
  }
  const pods = run.cluster.servers[0]!.cache('pods').figures;
  assert.ok([...pods.cacheLists].reduce((sum, [, { lists }]) => sum + lists, 0) > 1000);
  assert.ok(pods.initializations === 1, 'listed once, when the process started again');
});
