import { resourceInfo } from '../api/resources.js';
import type { ApiServer } from '../apiserver/api-server.js';
import type { Process } from '../client/process.js';
import {
  FLOW_EXECUTION,
  FLOW_WAIT,
  REST_CLIENT_DURATION,
  REST_CLIENT_LIMITER,
  WORK_QUEUE_WAIT,
  WORK_QUEUE_WORK,
} from '../metrics/apiserver-families.js';
import { ETCD_REQUEST_DURATION, type HistogramFamily, labelText } from '../metrics/histograms.js';
import type { LogHistogram } from '../stats/index.js';

/** Address of the API servers, as their clients' metrics name it. */
const HOST = 'kubernetes.default.svc:443';
/** Nanoseconds as seconds. */
const PER_SECOND = 1e-9;

/** Takes what a process exports, series by series. */
export interface ScrapeSink {
  /** A counter or gauge; labels as Prometheus writes them. */
  value(name: string, labels: string, value: number): void;
  /** Durations in nanoseconds, shown with the buckets of the family. */
  latencies(family: HistogramFamily, labels: string, durations: LogHistogram): void;
}

type Labels = Readonly<Record<string, string>>;

/** What kube-apiserver's /metrics shows beside apiserver_request_*; a process that is down shows nothing. `databaseBytes`: of its etcd. */
export function scrapeApiServer(server: ApiServer, databaseBytes: number, sink: ScrapeSink): void {
  if (!server.up) return;
  const common = { job: 'apiserver', instance: server.name };
  scrapeFlows(server, common, sink);
  scrapeStorage(server, common, databaseBytes, sink);
}

function scrapeFlows(server: ApiServer, common: Labels, sink: ScrapeSink): void {
  sink.value('apiserver_flowcontrol_seat_fair_frac', labelText(common), server.seats.fairFraction);
  for (const { level, nominal, lower, upper, limit, demand } of server.seats.figures()) {
    if (!Number.isFinite(limit)) continue;
    const labels = labelText({ ...common, priority_level: level });
    sink.value('apiserver_flowcontrol_lower_limit_seats', labels, lower);
    sink.value('apiserver_flowcontrol_upper_limit_seats', labels, upper);
    sink.value('apiserver_flowcontrol_demand_seats_high_watermark', labels, demand.highWatermark);
    sink.value('apiserver_flowcontrol_demand_seats_average', labels, demand.average);
    sink.value('apiserver_flowcontrol_demand_seats_stdev', labels, demand.deviation);
    sink.value('apiserver_flowcontrol_demand_seats_smoothed', labels, demand.smoothed);
    sink.value('apiserver_flowcontrol_target_seats', labels, demand.target);
    sink.value('apiserver_flowcontrol_nominal_limit_seats', labels, nominal);
    sink.value('apiserver_flowcontrol_current_limit_seats', labels, limit);
  }
  for (const flow of server.seats.flows) {
    const own = { ...common, priority_level: flow.level, flow_schema: flow.schema };
    const labels = labelText(own);
    sink.value('apiserver_flowcontrol_dispatched_requests_total', labels, flow.dispatched);
    for (const [reason, count] of flow.rejected) sink.value('apiserver_flowcontrol_rejected_requests_total', labelText({ ...own, reason }), count);
    sink.value('apiserver_flowcontrol_current_inqueue_requests', labels, flow.waiting);
    sink.value('apiserver_flowcontrol_current_executing_requests', labels, flow.executing);
    sink.value('apiserver_flowcontrol_current_executing_seats', labels, flow.executingSeats);
    sink.latencies(FLOW_WAIT, labelText({ ...own, execute: 'true' }), flow.waits);
    if (flow.vainWaits.count > 0) sink.latencies(FLOW_WAIT, labelText({ ...own, execute: 'false' }), flow.vainWaits);
    sink.latencies(FLOW_EXECUTION, labelText({ ...own, type: 'regular' }), flow.execution);
  }
}

function scrapeStorage(server: ApiServer, common: Labels, databaseBytes: number, sink: ScrapeSink): void {
  const { etcdRequests, consistentReads } = server.metrics;
  sink.value('apiserver_storage_size_bytes', labelText({ ...common, storage_cluster_id: 'etcd-0' }), databaseBytes);
  for (const { resource, objects } of server.caches()) {
    const { group } = resourceInfo(resource);
    sink.value('apiserver_storage_objects', labelText({ ...common, resource: group === '' ? resource : `${resource}.${group}` }), objects.size);
  }
  for (const [operation, byResource] of etcdRequests) {
    for (const [resource, durations] of byResource) {
      const labels = labelText({ ...common, operation, group: resourceInfo(resource).group, resource });
      sink.value('etcd_requests_total', labels, durations.count);
      sink.latencies(ETCD_REQUEST_DURATION, labels, durations);
    }
  }
  for (const { verb, resource, count } of server.metrics.totals.values()) {
    if (verb !== 'list') continue;
    const stored = etcdRequests.get('list')?.get(resource)?.count ?? 0;
    const labels = labelText({ ...common, group: resourceInfo(resource).group, resource });
    sink.value('apiserver_storage_list_total', labels, stored);
    sink.value('apiserver_cache_list_total', labels, Math.max(0, count - stored));
  }
  for (const [resource, { fromCache, fallback }] of consistentReads) {
    const own = { ...common, group: resourceInfo(resource).group, resource };
    sink.value('apiserver_watch_cache_consistent_read_total', labelText({ ...own, success: 'true', fallback: 'false' }), fromCache);
    if (fallback > 0) sink.value('apiserver_watch_cache_consistent_read_total', labelText({ ...own, success: 'false', fallback: 'true' }), fallback);
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
  for (const [verb, durations] of restClient.rest_client_request_duration_seconds) sink.latencies(REST_CLIENT_DURATION, labelText({ ...common, verb, host: HOST }), durations);
  for (const [verb, durations] of restClient.rest_client_rate_limiter_duration_seconds) sink.latencies(REST_CLIENT_LIMITER, labelText({ ...common, verb, host: HOST }), durations);
}
