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

/** Labels group, resource. */
export const READ_WAIT: HistogramFamily = {
  name: 'apiserver_watch_cache_read_wait_seconds',
  help: 'Histogram of time spent waiting for a watch cache to become fresh.',
  bounds: [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3],
};

/** Labels group, version, resource, scope. */
export const WATCH_LIST: HistogramFamily = {
  name: 'apiserver_watch_list_duration_seconds',
  help: 'Response latency distribution in seconds for watch list requests broken by group, version, resource and scope.',
  bounds: [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60],
};

/** Labels name, operation, rejected, type. */
export const WEBHOOK_DURATION: HistogramFamily = {
  name: 'apiserver_admission_webhook_admission_duration_seconds',
  help: 'Admission webhook latency histogram in seconds, identified by name and broken out for each operation and API resource and type (validate or admit).',
  bounds: [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25],
};

/** Those with buckets of their own units; labels stand in the comments. Timing histograms count nanoseconds. */
const IN_OWN_UNITS: readonly HistogramFamily[] = [
  // priority_level
  { name: 'apiserver_flowcontrol_demand_seats', help: 'Observations, at the end of every nanosecond, of (the number of seats each priority level could use) / (nominal number of seats for that level)', bounds: [0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.7, 2, 2.8, 4, 6] },
  // phase,priority_level
  { name: 'apiserver_flowcontrol_priority_level_seat_utilization', help: 'Observations, at the end of every nanosecond, of utilization of seats for any stage of execution (but only initial stage for WATCHes)', bounds: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1] },
  // phase,priority_level
  { name: 'apiserver_flowcontrol_priority_level_request_utilization', help: 'Observations, at the end of every nanosecond, of number of requests (as a fraction of the relevant limit) waiting or in any stage of execution (but only initial stage for WATCHes)', bounds: [0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 1] },
  // phase,request_kind
  { name: 'apiserver_flowcontrol_read_vs_write_current_requests', help: 'Observations, at the end of every nanosecond, of the number of requests (as a fraction of the relevant limit) waiting or in regular stage of execution', bounds: [0, 0.001, 0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1] },
  // flow_schema,priority_level
  { name: 'apiserver_flowcontrol_request_queue_length_after_enqueue', help: 'Length of queue in the API Priority and Fairness subsystem, as seen by each request after it is enqueued', bounds: [0, 10, 25, 50, 100, 250, 500, 1000] },
  // flow_schema,priority_level
  { name: 'apiserver_flowcontrol_work_estimated_seats', help: 'Number of estimated seats (maximum of initial and final seats) associated with requests in API Priority and Fairness', bounds: [1, 2, 4, 8, 16, 32, 64, 100] },
  // flow_schema,priority_level
  { name: 'apiserver_flowcontrol_watch_count_samples', help: 'count of watchers for mutating requests in API Priority and Fairness', bounds: [0, 1, 10, 100, 1000, 10000] },
  // component,group,resource,scope,subresource,verb,version
  { name: 'apiserver_response_sizes', help: 'Response size distribution in bytes for each group, version, verb, resource, subresource, scope and component.', bounds: [1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000] },
  // group,resource,verb
  { name: 'apiserver_request_body_size_bytes', help: 'Apiserver request body size in bytes broken out by resource and verb.', bounds: Array.from({ length: 31 }, (_, i) => 50_000 + 100_000 * i) },
  // none
  { name: 'etcd_lease_object_counts', help: 'Number of objects attached to a single etcd lease.', bounds: [10, 50, 100, 500, 1000, 2500, 5000] },
  // group,resource,version
  { name: 'apiserver_watch_events_sizes', help: 'Watch event size distribution in bytes', bounds: [1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072] },
  // host,verb
  { name: 'rest_client_request_size_bytes', help: 'Request size in bytes. Broken down by verb and host.', bounds: [64, 256, 512, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216] },
  // host,verb
  { name: 'rest_client_response_size_bytes', help: 'Response size in bytes. Broken down by verb and host.', bounds: [64, 256, 512, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216] },
];

/** Those that are read when Prometheus scrapes. */
export const APISERVER_HISTOGRAMS: readonly HistogramFamily[] = [
  FLOW_WAIT,
  FLOW_EXECUTION,
  READ_WAIT,
  WATCH_LIST,
  WEBHOOK_DURATION,
  ...IN_OWN_UNITS,
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
  // group, index, resource
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
  // flow_schema,priority_level
  gauge('apiserver_flowcontrol_current_inqueue_seats', 'Number of seats currently pending in queues of the API Priority and Fairness subsystem'),
  // flow_schema,priority_level
  counter('apiserver_flowcontrol_request_dispatch_no_accommodation_total', 'Number of times a dispatch attempt resulted in a non accommodation due to lack of available seats'),
  // priority_level
  gauge('apiserver_flowcontrol_current_r', 'R(time of last change)'),
  // priority_level
  gauge('apiserver_flowcontrol_dispatch_r', 'R(time of last dispatch)'),
  // priority_level
  gauge('apiserver_flowcontrol_latest_s', 'S(most recently dispatched request)'),
  // bound,priority_level
  gauge('apiserver_flowcontrol_next_s_bounds', 'min and max, over queues, of S(oldest waiting request in queue)'),
  // bound,priority_level
  gauge('apiserver_flowcontrol_next_discounted_s_bounds', 'min and max, over queues, of S(oldest waiting request in queue) - estimated work in progress'),
  // request_kind
  gauge('apiserver_current_inflight_requests', 'Maximal number of currently used inflight request limit of this apiserver per request kind in last second.'),
  // request_kind
  gauge('apiserver_current_inqueue_requests', 'Maximal number of queued requests in this apiserver per request kind in last second.'),
  // component,group,resource,scope,subresource,verb,version
  gauge('apiserver_longrunning_requests', 'Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. Not all requests are tracked this way.'),
  // group,resource
  gauge('apiserver_resource_objects', 'Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1.'),
  // group,resource
  gauge('apiserver_resource_size_estimate_bytes', 'Estimated size of stored objects in database. Estimate is based on sum of last observed sizes of serialized objects. In case of a fetching error, the value will be -1.'),
  // group,resource
  gauge('etcd_bookmark_counts', 'Number of etcd bookmarks (progress notify events) split by kind.'),
  // operation, resource, group
  counter('etcd_request_errors_total', 'Etcd failed request counts for each operation and object type.'),
  // code, name, operation, rejected, type
  counter('apiserver_admission_webhook_request_total', 'Admission webhook request total, identified by name and broken out for each admission type (validating or mutating) and operation. Additional labels specify whether the request was rejected or not and an HTTP status code. Codes greater than 600 are truncated to 600, to keep the metrics cardinality bounded.'),
  // error_type, name, operation, rejection_code, type
  counter('apiserver_admission_webhook_rejection_count', 'Admission webhook rejection count, identified by name and broken out for each admission type (validating or admit) and operation. Additional labels specify an error type (calling_webhook_error or apiserver_internal_error if an error occurred; no_error otherwise) and optionally a non-zero rejection code if the webhook rejects the request with an HTTP status code (honored by the apiserver when the code is greater or equal to 400). Codes greater than 600 are truncated to 600, to keep the metrics cardinality bounded.'),
  // name, type
  counter('apiserver_admission_webhook_fail_open_count', 'Admission webhook fail open count, identified by name and broken out for each admission type (validating or admit).'),
  // name
  gauge('leader_election_master_status', "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master. 'name' is the string used to identify the lease. Please make sure to group by name."),
  // group,resource
  counter('apiserver_storage_events_received_total', 'Number of etcd events received split by kind.'),
  // group,resource
  counter('apiserver_storage_list_fetched_objects_total', 'Number of objects read from storage in the course of serving a LIST request'),
  // group,resource
  counter('apiserver_storage_list_evaluated_objects_total', 'Number of objects tested in the course of serving a LIST request from storage'),
  // group,resource
  counter('apiserver_storage_list_returned_objects_total', 'Number of objects returned for a LIST request from storage'),
  // group,index,resource
  counter('apiserver_cache_list_fetched_objects_total', 'Number of objects read from watch cache in the course of serving a LIST request'),
  // group,resource
  counter('apiserver_cache_list_returned_objects_total', 'Number of objects returned for a LIST request from watch cache'),
  // group,resource
  counter('apiserver_init_events_total', 'Counter of init events processed in watch cache broken by resource type.'),
  // group,resource
  counter('apiserver_watch_cache_events_received_total', 'Counter of events received in watch cache broken by resource type.'),
  // group,resource
  counter('apiserver_watch_cache_events_dispatched_total', 'Counter of events dispatched in watch cache broken by resource type.'),
  // group,resource
  gauge('apiserver_watch_cache_resource_version', 'Current resource version of watch cache broken by resource type.'),
  // group,resource
  gauge('watch_cache_capacity', 'Total capacity of watch cache broken by resource type.'),
  // group,resource
  counter('watch_cache_capacity_increase_total', 'Total number of watch cache capacity increase events broken by resource type.'),
  // group,resource
  counter('watch_cache_capacity_decrease_total', 'Total number of watch cache capacity decrease events broken by resource type.'),
  // group,resource
  counter('apiserver_watch_cache_initializations_total', 'Counter of watch cache initializations broken by resource type.'),
  // group,resource,version
  counter('apiserver_watch_events_total', 'Number of events sent in watch clients'),
  // code,host,verb
  counter('rest_client_request_retries_total', 'Number of request retries, partitioned by status code, verb, and host.'),
];
