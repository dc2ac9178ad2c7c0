import { resourceInfo } from '../api/resources.js';
import type { ApiServer } from '../apiserver/api-server.js';
import type { LevelFigures } from '../apiserver/flow-control/level.js';
import { KINDS, type RequestKinds } from '../apiserver/flow-control/request-kinds.js';
import type { WatchCache } from '../apiserver/watch-cache.js';
import type { ReplicatedProcess } from './control-plane.js';
import type { Process } from '../client/process.js';
import {
  FLOW_EXECUTION,
  FLOW_WAIT,
  READ_WAIT,
  REST_CLIENT_DURATION,
  REST_CLIENT_LIMITER,
  WORK_QUEUE_WAIT,
  WATCH_LIST,
  WEBHOOK_DURATION,
  WORK_QUEUE_WORK,
} from '../metrics/apiserver-families.js';
import { ETCD_REQUEST_DURATION, type HistogramFamily, labelText } from '../metrics/histograms.js';
import type { LogHistogram } from '../stats/index.js';

/** Address of the API servers, as their clients' metrics name it. */
const HOST = 'kubernetes.default.svc:443';
/** Nanoseconds as seconds. */
const PER_SECOND = 1e-9;

/** A histogram as counts by bucket, the last one beyond all bounds. */
export interface BucketCounts {
  readonly bounds: Float64Array;
  readonly counts: Float64Array;
  readonly count: number;
  readonly sum: number;
}

/** Takes what a process exports, series by series. */
export interface ScrapeSink {
  /** A counter or gauge; labels as Prometheus writes them. */
  value(name: string, labels: string, value: number): void;
  /** A histogram with the buckets of its family; its numbers have the family's unit. */
  histogram(name: string, labels: string, histogram: BucketCounts): void;
  /** Durations in nanoseconds, shown with the buckets of the family. */
  latencies(family: HistogramFamily, labels: string, durations: LogHistogram): void;
}

type Labels = Readonly<Record<string, string>>;

/** What kube-apiserver's /metrics shows beside apiserver_request_*; a process that is down shows nothing. `databaseBytes`: of its etcd; `watches`: open ones by resource. */
export function scrapeApiServer(server: ApiServer, databaseBytes: number, watches: ReadonlyMap<string, { all: number; one: number }>, sink: ScrapeSink): void {
  if (!server.up) return;
  const common = { job: 'apiserver', instance: server.name };
  scrapeFlows(server, common, sink);
  scrapeStorage(server, common, databaseBytes, sink);
  scrapeRequests(server, common, watches, sink);
  scrapeWebhooks(server, common, sink);
}

function scrapeFlows(server: ApiServer, common: Labels, sink: ScrapeSink): void {
  scrapeKinds(server.seats.kinds, common, sink);
  sink.value('apiserver_flowcontrol_seat_fair_frac', labelText(common), server.seats.fairFraction);
  for (const level of server.seats.figures()) scrapeLevel(level, common, sink);
  for (const flow of server.seats.flows) {
    const own = { ...common, priority_level: flow.level, flow_schema: flow.schema };
    const labels = labelText(own);
    sink.value('apiserver_flowcontrol_dispatched_requests_total', labels, flow.dispatched);
    for (const [reason, count] of flow.rejected) sink.value('apiserver_flowcontrol_rejected_requests_total', labelText({ ...own, reason }), count);
    sink.value('apiserver_flowcontrol_current_inqueue_requests', labels, flow.waiting);
    sink.value('apiserver_flowcontrol_current_inqueue_seats', labels, flow.waitingSeats);
    sink.histogram('apiserver_flowcontrol_work_estimated_seats', labels, flow.estimatedSeats);
    if (flow.queueLengths.count > 0) sink.histogram('apiserver_flowcontrol_request_queue_length_after_enqueue', labels, flow.queueLengths);
    if (flow.watchCounts.count > 0) sink.histogram('apiserver_flowcontrol_watch_count_samples', labels, flow.watchCounts);
    sink.value('apiserver_flowcontrol_current_executing_requests', labels, flow.executing);
    sink.value('apiserver_flowcontrol_current_executing_seats', labels, flow.executingSeats);
    sink.latencies(FLOW_WAIT, labelText({ ...own, execute: 'true' }), flow.waits);
    if (flow.vainWaits.count > 0) sink.latencies(FLOW_WAIT, labelText({ ...own, execute: 'false' }), flow.vainWaits);
    if (flow.execution.count > 0) sink.latencies(FLOW_EXECUTION, labelText({ ...own, type: 'regular' }), flow.execution);
    if (flow.watchExecution.count > 0) sink.latencies(FLOW_EXECUTION, labelText({ ...own, type: 'watch' }), flow.watchExecution);
  }
}

function scrapeLevel(figures: LevelFigures, common: Labels, sink: ScrapeSink): void {
  const own = { ...common, priority_level: figures.level };
  const labels = labelText(own);
  const { demand, dispatch } = figures;
  const gauge = (name: string, value: number): void => sink.value(`apiserver_flowcontrol_${name}`, labels, value);
  gauge('lower_limit_seats', figures.lower);
  gauge('upper_limit_seats', figures.upper);
  gauge('nominal_limit_seats', figures.nominal);
  gauge('current_limit_seats', figures.limit);
  gauge('demand_seats_high_watermark', demand.highWatermark);
  gauge('demand_seats_average', demand.average);
  gauge('demand_seats_stdev', demand.deviation);
  gauge('demand_seats_smoothed', demand.smoothed);
  gauge('target_seats', demand.target);
  gauge('current_r', figures.virtualTime);
  if (dispatch !== null) {
    gauge('dispatch_r', dispatch.r);
    gauge('latest_s', dispatch.s);
    for (const bound of ['min', 'max'] as const) {
      const bounded = labelText({ ...own, bound });
      sink.value('apiserver_flowcontrol_next_s_bounds', bounded, bound === 'min' ? dispatch.sMinimum : dispatch.sMaximum);
      sink.value('apiserver_flowcontrol_next_discounted_s_bounds', bounded, bound === 'min' ? dispatch.discountedMinimum : dispatch.discountedMaximum);
    }
  }
  for (const [flow_schema, count] of figures.blocked) sink.value('apiserver_flowcontrol_request_dispatch_no_accommodation_total', labelText({ ...own, flow_schema }), count);
  sink.histogram('apiserver_flowcontrol_demand_seats', labels, figures.demandSeats);
  sink.histogram('apiserver_flowcontrol_priority_level_seat_utilization', labelText({ ...own, phase: 'executing' }), figures.seatUtilization);
  sink.histogram('apiserver_flowcontrol_priority_level_request_utilization', labelText({ ...own, phase: 'executing' }), figures.executing);
  if (figures.limit > 0 && figures.level !== 'exempt') {
    sink.histogram('apiserver_flowcontrol_priority_level_request_utilization', labelText({ ...own, phase: 'waiting' }), figures.queued);
  }
}

function scrapeKinds(kinds: RequestKinds, common: Labels, sink: ScrapeSink): void {
  for (const [i, request_kind] of KINDS.entries()) {
    const own = { ...common, request_kind };
    sink.value('apiserver_current_inflight_requests', labelText(own), kinds.executing[i]!.watermark);
    sink.value('apiserver_current_inqueue_requests', labelText(own), kinds.waiting[i]!.watermark);
    sink.histogram('apiserver_flowcontrol_read_vs_write_current_requests', labelText({ ...own, phase: 'executing' }), kinds.executing[i]!.share);
    sink.histogram('apiserver_flowcontrol_read_vs_write_current_requests', labelText({ ...own, phase: 'waiting' }), kinds.waiting[i]!.share);
  }
}

function scrapeStorage(server: ApiServer, common: Labels, databaseBytes: number, sink: ScrapeSink): void {
  const { etcdRequests, consistentReads } = server.metrics;
  sink.value('apiserver_storage_size_bytes', labelText({ ...common, storage_cluster_id: 'etcd-0' }), databaseBytes);
  for (const cache of server.caches()) scrapeCache(cache, common, sink);
  for (const [operation, byResource] of etcdRequests) {
    for (const [resource, durations] of byResource) {
      const labels = labelText({ ...common, operation, group: resourceInfo(resource).group, resource });
      sink.value('etcd_requests_total', labels, durations.count);
      sink.latencies(ETCD_REQUEST_DURATION, labels, durations);
    }
  }
  for (const [key, count] of server.metrics.etcdErrors) {
    const [operation = '', resource = ''] = key.split(' ');
    sink.value('etcd_request_errors_total', labelText({ ...common, operation, group: resourceInfo(resource).group, resource }), count);
  }
  const leases = server.writes.eventLeases;
  if (leases !== null && leases.objects.count > 0) sink.histogram('etcd_lease_object_counts', labelText(common), leases.objects);
  for (const [resource, { fromCache, fallback }] of consistentReads) {
    const own = { ...common, group: resourceInfo(resource).group, resource };
    sink.value('apiserver_watch_cache_consistent_read_total', labelText({ ...own, success: 'true', fallback: 'false' }), fromCache);
    if (fallback > 0) sink.value('apiserver_watch_cache_consistent_read_total', labelText({ ...own, success: 'false', fallback: 'true' }), fallback);
  }
}

/** One resource between etcd and those who list and watch it; a resource that nobody uses has no rows. */
function scrapeCache(cache: WatchCache, common: Labels, sink: ScrapeSink): void {
  const { resource, objects, figures, revision, capacity } = cache;
  const { group, version } = resourceInfo(resource);
  sink.value('apiserver_storage_objects', labelText({ ...common, resource: group === '' ? resource : `${resource}.${group}` }), objects.size);
  const own = { ...common, group, resource };
  const labels = labelText(own);
  sink.value('apiserver_resource_objects', labels, objects.size);
  // Events are in no watch cache, which keeps the sizes.
  sink.value('apiserver_resource_size_estimate_bytes', labels, resource === 'events' ? -1 : cache.bytes);
  if (objects.size + figures.received + figures.storageLists + figures.cacheLists.size === 0) return;
  const value = (name: string, count: number): void => sink.value(`apiserver_${name}`, labels, count);
  value('storage_events_received_total', figures.received);
  value('storage_list_total', figures.storageLists);
  value('storage_list_fetched_objects_total', figures.storageFetched);
  value('storage_list_evaluated_objects_total', figures.storageEvaluated);
  value('storage_list_returned_objects_total', figures.storageReturned);
  for (const [index, { lists, fetched }] of figures.cacheLists) {
    const indexed = labelText({ ...own, index });
    sink.value('apiserver_cache_list_total', indexed, lists);
    sink.value('apiserver_cache_list_fetched_objects_total', indexed, fetched);
  }
  value('cache_list_returned_objects_total', figures.cacheReturned);
  sink.value('etcd_bookmark_counts', labels, figures.bookmarks);
  value('init_events_total', figures.initEvents);
  value('watch_cache_events_received_total', figures.received);
  // Progress of etcd goes through the same channel (cacher.go dispatchEvents).
  value('watch_cache_events_dispatched_total', figures.received + figures.bookmarks);
  value('watch_cache_resource_version', revision);
  sink.value('watch_cache_capacity', labels, capacity);
  sink.value('watch_cache_capacity_increase_total', labels, figures.grown);
  sink.value('watch_cache_capacity_decrease_total', labels, figures.shrunk);
  value('watch_cache_initializations_total', figures.initializations);
  const versioned = labelText({ ...common, group, version, resource });
  sink.value('apiserver_watch_events_total', versioned, figures.sizes.count);
  if (figures.sizes.count > 0) sink.histogram('apiserver_watch_events_sizes', versioned, figures.sizes);
  if (figures.readWaits.count > 0) sink.latencies(READ_WAIT, labels, figures.readWaits);
}

/** What webhooks did to requests. */
function scrapeWebhooks(server: ApiServer, common: Labels, sink: ScrapeSink): void {
  const { admission } = server.writes;
  if (admission === null) return;
  const { durations, requests, rejections, failOpen } = admission.webhooks;
  for (const taken of durations.values()) sink.latencies(WEBHOOK_DURATION, labelText({ ...common, ...taken.labels }), taken.durations);
  for (const { labels, count } of requests.values()) sink.value('apiserver_admission_webhook_request_total', labelText({ ...common, ...labels }), count);
  for (const { labels, count } of rejections.values()) sink.value('apiserver_admission_webhook_rejection_count', labelText({ ...common, ...labels }), count);
  for (const { labels, count } of failOpen.values()) sink.value('apiserver_admission_webhook_fail_open_count', labelText({ ...common, ...labels }), count);
}

/** Whether the replicas of a process lead; those that are not running show nothing. */
export function scrapeElection({ name, electors }: ReplicatedProcess, sink: ScrapeSink): void {
  electors.forEach(({ running, leading }, replica) => {
    if (running) sink.value('leader_election_master_status', labelText({ job: name, instance: `${name}-${replica}`, name }), leading ? 1 : 0);
  });
}

/** Watches that are open, how long streaming lists took to begin, and how large answers were. */
function scrapeRequests(server: ApiServer, common: Labels, watches: ReadonlyMap<string, { all: number; one: number }>, sink: ScrapeSink): void {
  const component = 'apiserver';
  for (const [resource, { all, one }] of watches) {
    const { group, version } = resourceInfo(resource);
    const open = (scope: string, count: number): void => sink.value('apiserver_longrunning_requests', labelText({ ...common, component, verb: 'WATCH', scope, group, version, resource, subresource: '' }), count);
    if (all > 0) open('cluster', all);
    if (one > 0) open('resource', one);
  }
  for (const [key, durations] of server.metrics.watchLists) {
    const [resource = '', scope = ''] = key.split(' ');
    const { group, version } = resourceInfo(resource);
    sink.latencies(WATCH_LIST, labelText({ ...common, group, version, resource, scope }), durations);
  }
  for (const [key, sizes] of server.metrics.bodySizes()) {
    const [verb = '', resource = ''] = key.split(' ');
    sink.histogram('apiserver_request_body_size_bytes', labelText({ ...common, group: resourceInfo(resource).group, resource, verb }), sizes);
  }
  for (const { verb, resource: full, scope, sizes } of server.metrics.responseSizes()) {
    const [resource = '', subresource = ''] = full.split('/');
    const { group, version } = resourceInfo(resource);
    sink.histogram('apiserver_response_sizes', labelText({ ...common, component, verb: verb === 'list' ? 'LIST' : 'GET', scope, group, version, resource, subresource }), sizes);
  }
}

/** What the client machinery of a process shows: workqueue_* and rest_client_*. */
export function scrapeProcess(process: Process, sink: ScrapeSink): void {
  if (process.stopped) return;
  const common = { job: process.name };
  const { restClient, workQueues } = process.figures();
  for (const queue of workQueues) {
    const labels = labelText({ ...common, name: queue.name });
    sink.value('workqueue_depth', labels, queue.workqueue_depth);
    sink.value('workqueue_adds_total', labels, queue.workqueue_adds_total);
    sink.value('workqueue_retries_total', labels, queue.workqueue_retries_total);
    sink.value('workqueue_unfinished_work_seconds', labels, queue.workqueue_unfinished_work_seconds * PER_SECOND);
    sink.value('workqueue_longest_running_processor_seconds', labels, queue.workqueue_longest_running_processor_seconds * PER_SECOND);
    sink.latencies(WORK_QUEUE_WAIT, labels, queue.workqueue_queue_duration_seconds);
    sink.latencies(WORK_QUEUE_WORK, labels, queue.workqueue_work_duration_seconds);
  }
  for (const [key, count] of restClient.rest_client_requests_total) {
    const [code = '', method = ''] = key.split(' ');
    sink.value('rest_client_requests_total', labelText({ ...common, code, method, host: HOST }), count);
  }
  for (const [key, count] of restClient.rest_client_request_retries_total) {
    const [code = '', verb = ''] = key.split(' ');
    sink.value('rest_client_request_retries_total', labelText({ ...common, code, verb, host: HOST }), count);
  }
  for (const [verb, sizes] of restClient.rest_client_request_size_bytes) sink.histogram('rest_client_request_size_bytes', labelText({ ...common, verb, host: HOST }), sizes);
  for (const [verb, sizes] of restClient.rest_client_response_size_bytes) sink.histogram('rest_client_response_size_bytes', labelText({ ...common, verb, host: HOST }), sizes);
  for (const [verb, durations] of restClient.rest_client_request_duration_seconds) sink.latencies(REST_CLIENT_DURATION, labelText({ ...common, verb, host: HOST }), durations);
  for (const [verb, durations] of restClient.rest_client_rate_limiter_duration_seconds) sink.latencies(REST_CLIENT_LIMITER, labelText({ ...common, verb, host: HOST }), durations);
}
