import type { HistogramFamily } from './histograms.js';
import type { ScalarFamily } from './scrapes.js';

/**
 * Metrics of kube-apiserver 1.34 and of client-go in the processes that use it: k8s.io/apiserver pkg/util/flowcontrol/metrics,
 * pkg/storage/etcd3/metrics, pkg/storage/cacher/metrics; component-base metrics/prometheus/{workqueue,restclient}.
 */

const FLOW_SECONDS = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const REST_SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];
/** client_golang's ExponentialBuckets(10e-9, 10, 10). */
const WORK_QUEUE_SECONDS = [1e-8, 1e-7, 1e-6, 9.999999999999999e-6, 9.999999999999999e-5, 0.001, 0.01, 0.1, 1, 10];

/** Labels priority_level, flow_schema, execute. */
export const FLOW_WAIT: HistogramFamily = {
  name: 'apiserver_flowcontrol_request_wait_duration_seconds',
  help: 'Length of time a request spent waiting in its queue',
  bounds: FLOW_SECONDS,
};

/** Labels priority_level, flow_schema, type. */
export const FLOW_EXECUTION: HistogramFamily = {
  name: 'apiserver_flowcontrol_request_execution_seconds',
  help: 'Duration of initial stage (for a WATCH) or any (for a non-WATCH) stage of request execution in the API Priority and Fairness subsystem',
  bounds: FLOW_SECONDS,
};

/** Label name. */
export const WORK_QUEUE_WAIT: HistogramFamily = {
  name: 'workqueue_queue_duration_seconds',
  help: 'How long in seconds an item stays in workqueue before being requested.',
  bounds: WORK_QUEUE_SECONDS,
};

/** Label name. */
export const WORK_QUEUE_WORK: HistogramFamily = {
  name: 'workqueue_work_duration_seconds',
  help: 'How long in seconds processing an item from workqueue takes.',
  bounds: WORK_QUEUE_SECONDS,
};

/** Labels verb (the HTTP method), host. */
export const REST_CLIENT_DURATION: HistogramFamily = {
  name: 'rest_client_request_duration_seconds',
  help: 'Request latency in seconds. Broken down by verb, and host.',
  bounds: REST_SECONDS,
};

/** Labels verb, host. */
export const REST_CLIENT_LIMITER: HistogramFamily = {
  name: 'rest_client_rate_limiter_duration_seconds',
  help: 'Client side rate limiter latency in seconds. Broken down by verb, and host.',
  bounds: REST_SECONDS,
};

/** Those that are read when Prometheus scrapes. */
export const APISERVER_HISTOGRAMS: readonly HistogramFamily[] = [
  FLOW_WAIT,
  FLOW_EXECUTION,
  WORK_QUEUE_WAIT,
  WORK_QUEUE_WORK,
  REST_CLIENT_DURATION,
  REST_CLIENT_LIMITER,
];

function gauge(name: string, help: string): ScalarFamily {
  return { name, type: 'gauge', help };
}

function counter(name: string, help: string): ScalarFamily {
  return { name, type: 'counter', help };
}

/** Counters and gauges; labels stand in the comments. */
export const APISERVER_SCALARS: readonly ScalarFamily[] = [
  // priority_level, flow_schema
  counter('apiserver_flowcontrol_dispatched_requests_total', 'Number of requests executed by API Priority and Fairness subsystem'),
  // priority_level, flow_schema, reason
  counter('apiserver_flowcontrol_rejected_requests_total', 'Number of requests rejected by API Priority and Fairness subsystem'),
  // priority_level, flow_schema
  gauge('apiserver_flowcontrol_current_inqueue_requests', 'Number of requests currently pending in queues of the API Priority and Fairness subsystem'),
  gauge('apiserver_flowcontrol_current_executing_requests', 'Number of requests in initial (for a WATCH) or any (for a non-WATCH) execution stage in the API Priority and Fairness subsystem'),
  gauge('apiserver_flowcontrol_current_executing_seats', 'Concurrency (number of seats) occupied by the currently executing (initial stage for a WATCH, any stage otherwise) requests in the API Priority and Fairness subsystem'),
  // priority_level
  gauge('apiserver_flowcontrol_lower_limit_seats', 'Configured lower bound on number of execution seats available to each priority level'),
  gauge('apiserver_flowcontrol_upper_limit_seats', 'Configured upper bound on number of execution seats available to each priority level'),
  gauge('apiserver_flowcontrol_demand_seats_high_watermark', 'High watermark, over last adjustment period, of demand_seats'),
  gauge('apiserver_flowcontrol_demand_seats_average', 'Time-weighted average, over last adjustment period, of demand_seats'),
  gauge('apiserver_flowcontrol_demand_seats_stdev', 'Time-weighted standard deviation, over last adjustment period, of demand_seats'),
  gauge('apiserver_flowcontrol_demand_seats_smoothed', 'Smoothed seat demands'),
  gauge('apiserver_flowcontrol_target_seats', 'Seat allocation targets'),
  gauge('apiserver_flowcontrol_nominal_limit_seats', 'Nominal number of execution seats configured for each priority level'),
  gauge('apiserver_flowcontrol_current_limit_seats', 'current derived number of execution seats available to each priority level'),
  // none
  gauge('apiserver_flowcontrol_seat_fair_frac', 'Fair fraction of server\'s concurrency to allocate to each priority level that can use it'),
  // resource
  gauge('apiserver_storage_objects', 'Number of stored objects at the time of last check split by kind.'),
  // storage_cluster_id
  gauge('apiserver_storage_size_bytes', 'Size of the storage database file physically allocated in bytes.'),
  // resource, group
  counter('apiserver_storage_list_total', 'Number of LIST requests served from storage'),
  counter('apiserver_cache_list_total', 'Number of LIST requests served from watch cache'),
  // resource, group, success, fallback
  counter('apiserver_watch_cache_consistent_read_total', 'Counter for consistent reads from cache.'),
  // operation, resource, group
  counter('etcd_requests_total', 'Etcd request counts for each operation and object type.'),
  // name
  gauge('workqueue_depth', 'Current depth of workqueue'),
  counter('workqueue_adds_total', 'Total number of adds handled by workqueue'),
  counter('workqueue_retries_total', 'Total number of retries handled by workqueue'),
  gauge('workqueue_unfinished_work_seconds', 'How many seconds of work has done that is in progress and hasn\'t been observed by work_duration. Large values indicate stuck threads. One can deduce the number of stuck threads by observing the rate at which this increases.'),
  gauge('workqueue_longest_running_processor_seconds', 'How many seconds has the longest running processor for workqueue been running.'),
  // code, method, host
  counter('rest_client_requests_total', 'Number of HTTP requests, partitioned by status code, method, and host.'),
];
