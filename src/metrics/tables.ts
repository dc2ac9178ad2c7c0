import { EVENT_TRACE } from './column-sink.js';
import { HISTOGRAMS } from './histograms.js';
import type { ColumnSpec, TableSpec } from './recorder.js';
import { SCRAPES } from './scrapes.js';

/**
 * Every table a run can record. The specifications are the single place where a column's unit and meaning are stated; the
 * exporters, the report and `docs/outputs.md` read them. In numeric columns NaN means "has not happened" or "does not
 * apply": an empty CSV field, a Parquet null.
 */
function double(name: string, unit: string, description: string): ColumnSpec {
  return { name, type: 'double', unit, description };
}

function integer(name: string, unit: string, description: string): ColumnSpec {
  return { name, type: 'integer', unit, description };
}

function text(name: string, description: string): ColumnSpec {
  return { name, type: 'string', unit: '', description };
}

const second = double('time', 'seconds', 'Start of the second, since the start of the run.');
const instant = double('time', 'seconds', 'Simulated time since the start of the run.');

/** User requests and what became of them, by the second in which they ended. */
export const REQUESTS_BY_SECOND: TableSpec = {
  name: 'requests_by_second',
  description: 'Requests of users by the second in which they ended, by Service and by the version that answered.',
  source: "The traffic model, when a request of a user ends. In a real cluster: the access log of an ingress or mesh, or the users' own metrics.",
  columns: [
    second,
    text('service', 'Service the request was sent to, as namespace/name.'),
    text('version', 'Version (image tag) of the pod that was hit; empty when no pod was reached.'),
    integer('requests', 'requests', 'Requests that ended, errors included.'),
    integer('errors', 'requests', 'Requests that ended in an error.'),
    double('p50', 'seconds', 'Median latency of the requests without error.'),
    double('p99', 'seconds', '99th percentile of the latency of the requests without error.'),
  ],
};

/** Calls between Services. */
export const CALLS_BY_SECOND: TableSpec = {
  name: 'calls_by_second',
  description: 'Calls that applications make to other Services to answer their requests, by the second in which they ended, by caller and Service.',
  source: 'The traffic model, when a call ends at its caller. In a real cluster: the metrics of a mesh (istio_requests_total, reporter="source").',
  columns: [
    second,
    text('caller', "The application that calls: its image's name."),
    text('service', 'Service that is called, as namespace/name.'),
    text('version', 'Version (image tag) of the pod that was hit; empty when no pod was reached.'),
    integer('calls', 'requests', 'Calls that ended, errors included; tries of one call count once.'),
    integer('errors', 'requests', 'Calls that ended in an error.'),
    double('p50', 'seconds', 'Median latency of the calls without error.'),
    double('p99', 'seconds', '99th percentile of the latency of the calls without error.'),
  ],
};

/** Failed user requests by cause. */
export const ERRORS_BY_SECOND: TableSpec = {
  name: 'errors_by_second',
  description: 'Failed requests of users by the second in which they failed and by cause.',
  source: "The traffic model, as above. In a real cluster: the users' own metrics.",
  columns: [
    second,
    text('service', 'Service the request was sent to, as namespace/name.'),
    text('cause', 'Why it failed: no-endpoint, connection-refused, timeout, overload, application, …'),
    integer('errors', 'requests', 'Failed requests.'),
  ],
};

/** Failed user requests by mechanism. */
export const FAILURES_BY_SECOND: TableSpec = {
  name: 'failures_by_second',
  description:
    'Failed requests of users by the second in which they failed, by version, cause and mechanism: what was the matter with the pod, proxy or machine that they met. Sums of this table are the counts in sentences of summary.json, report and terminal.',
  source: 'The traffic model, which knows the state of pod, proxy and machine when a request fails. A real cluster shows the cause only.',
  columns: [
    second,
    text('service', 'Service the request was sent to, as namespace/name.'),
    text('version', 'Version (image tag) of the pod that was hit; empty when no pod was reached.'),
    text('cause', 'As in errors_by_second.'),
    text(
      'mechanism',
      'terminating-pod: sent to a pod that was told to stop and listened no more, by a proxy that had not synced; ended-pod: its process had ended; starting-pod: it did not listen yet; stopped-, ended-, out-of-memory-, node-lost-in-flight: the pod held the request when it stopped; no-ready-pod; proxy-without-endpoints: pods were ready, the proxy had not synced; no-local-endpoint; unreachable-pod, unreachable-entry: a machine was down or cut off; queue-full; timeout-in-queue, -in-service, -on-the-way: where the request was for most of its time; timeout-in-lookup: its user gave up while its name was looked up; version-error; load-error; circuit-open; name-resolution; no-route; failed-dependency: a call to another Service failed; last-resort-pod: no pod was ready, so proxies used one that terminates and listened no more; service-after-client: the Service is newer than the client, which looks for it in its environment; stale-environment: it has another address than the environment says; stale-record: sent to a pod of a headless Service that a kept answer of the DNS still named; no-load-balancer: the cloud had not made it yet; mixed-version: another version had answered the request before of its client.',
    ),
    integer('errors', 'requests', 'Failed requests.'),
    double('lag_mean', 'seconds', 'How long that had been so when they met it: since the pod stopped listening, or the machine was lost. Mean; empty where it does not apply.'),
    double('lag_max', 'seconds', 'The longest of these.'),
  ],
};

/** Every measure of every replication; written when a command makes several. */
export const REPLICATIONS: TableSpec = {
  name: 'replications',
  description:
    'The measures of every replication of every strategy or variant (`compare --replications`), one row a measure.',
  source: 'The summary of each replication.',
  columns: [
    integer('replication', '', 'Number of the replication, from 0.'),
    text('seed', 'Seed of its random streams.'),
    text('run', 'Strategy or variant.'),
    text('metric', 'Name of the measure: its path in `metrics` of summary.json.'),
    double('value', '', 'Value, in the unit it has in summary.json; empty when the run gives none.'),
  ],
};

/** Sizes of ReplicaSets over time. */
export const REPLICAS_BY_SECOND: TableSpec = {
  name: 'replicas_by_second',
  description: 'Replicas of each ReplicaSet that wants or has pods, at each sampled second; without a row it has none.',
  source: 'An observer of what the API server stores: ReplicaSets and the conditions of their pods. In a real cluster: kube-state-metrics (kube_replicaset_*).',
  columns: [
    second,
    text('deployment', 'Deployment that owns the ReplicaSet, as namespace/name.'),
    text('replicaset', 'Name of the ReplicaSet.'),
    text('version', 'Version (image tag) of its pod template.'),
    integer('desired', 'pods', 'spec.replicas of the ReplicaSet.'),
    integer('pods', 'pods', 'Pods that exist, terminating ones included.'),
    integer('ready', 'pods', 'Pods with a true Ready condition that are not terminating.'),
    integer('available', 'pods', 'Pods ready for at least minReadySeconds.'),
  ],
};

/** One row a pod: the instants of its life. */
export const PODS: TableSpec = {
  name: 'pods',
  description: 'The life of each pod: one row a pod, one column an instant. Empty: it did not happen in the run.',
  source: "An observer of what the API server stores (created, scheduled, ready, watched, deleted, removed) and the kubelet on the node (sandboxed, pulled, started). In a real cluster: the pod's conditions and the kubelet's pod_start metrics.",
  columns: [
    text('namespace', 'Namespace of the pod.'),
    text('name', 'Name of the pod.'),
    text('owner', 'Controller of the pod, as Kind/name.'),
    text('version', 'Version (image tag) of its first container.'),
    text('node', 'Node it was bound to; empty when it was not.'),
    double('created', 'seconds', 'Stored by the API server.'),
    double('scheduled', 'seconds', 'Bound to a node (PodScheduled became true).'),
    double('sandboxed', 'seconds', 'Sandbox (pause container and network) ready on the node.'),
    double('pulled', 'seconds', 'All images present on the node.'),
    double('started', 'seconds', 'All containers running on the node.'),
    double('ready', 'seconds', 'First Ready by its probes, as the kubelet saw it.'),
    double('watched', 'seconds', 'Its Running status was seen by a watching client.'),
    double('deleted', 'seconds', 'Deletion requested (deletionTimestamp set).'),
    double('removed', 'seconds', 'Removed from the API.'),
    integer('restarts', 'restarts', 'Container restarts.'),
  ],
};

/** Nodes, once. */
export const NODES: TableSpec = {
  name: 'nodes',
  description: 'Nodes of the cluster: one row a node.',
  source: 'The Node objects of the scenario. In a real cluster: `kubectl get nodes -o yaml`.',
  columns: [
    text('name', 'Name of the node.'),
    text('zone', 'Its topology.kubernetes.io/zone label.'),
    text('instance_type', 'Its node.kubernetes.io/instance-type label.'),
    double('cpu', 'cores', 'Allocatable CPU.'),
    double('memory', 'bytes', 'Allocatable memory.'),
    integer('pods', 'pods', 'Allocatable pods.'),
  ],
};

/** Sampled use of nodes. */
export const NODE_USAGE: TableSpec = {
  name: 'node_usage',
  description: 'Use of nodes at each sampling instant.',
  source: 'An observer that adds up the requests of the pods bound to each node. In a real cluster: kube-state-metrics (kube_pod_container_resource_requests).',
  columns: [
    instant,
    text('node', 'Name of the node.'),
    integer('pods', 'pods', 'Pods bound to the node.'),
    double('cpu_requested', 'share', 'CPU requested by its pods as a share of the allocatable CPU.'),
    double('memory_requested', 'share', 'Memory requested by its pods as a share of the allocatable memory.'),
  ],
};

/** How full the cluster is, for runs with a pod trace. */
export const ALLOCATION: TableSpec = {
  name: 'allocation',
  description: 'What the pods bound to nodes ask for, by resource, at each sampling instant of a run with a pod trace.',
  source: 'The same observer, by resource; fragmentation is computed from the free amounts.',
  columns: [
    instant,
    text('resource', 'Resource: cpu in cores, memory in bytes, extended resources in pieces.'),
    double('allocatable', '', 'Allocatable amount of all nodes.'),
    double('allocated', '', 'Requests of the pods bound to nodes.'),
    double('rate', 'share', 'Allocated by allocatable.'),
    double(
      'fragmented',
      '',
      'Amount that is free but of no use to the pods of the trace, in the mean over them: the free amount of the nodes that a pod does not fit on, or that it asks none of (fragmentation of Weng et al., USENIX ATC 2023, with what a node has of a resource taken as one amount).',
    ),
    double('fragmented_share', 'share', 'Fragmented by free; empty when nothing is free.'),
    integer('bound', 'pods', 'Pods of the trace that are bound to nodes.'),
    integer('pending', 'pods', 'Pods of the trace that wait for a node.'),
  ],
};

/** Requests at the API servers. */
export const API_REQUESTS_BY_SECOND: TableSpec = {
  name: 'api_requests_by_second',
  description: 'Requests at the kube-apiservers by the second in which they ended; watches count when they are opened.',
  source: "The API servers' own counters and latency histograms, read each second. In a real cluster: apiserver_request_total and apiserver_request_duration_seconds.",
  columns: [
    second,
    text('verb', 'get, list, watch, create, update, patch or delete.'),
    text('resource', 'Resource, with its subresource after a slash (pods/status).'),
    integer('code', '', 'HTTP status code of the answer.'),
    integer('requests', 'requests', 'Requests that ended.'),
    double('mean', 'seconds', 'Mean latency at the server.'),
    double('p99', 'seconds', '99th percentile of the latency at the server.'),
  ],
};

/** Single requests to the API, a sample. */
export const API_REQUESTS: TableSpec = {
  name: 'api_requests',
  description:
    'Single requests to the API on their way from client to server and back: of each kind (verb and resource) evenly chosen ones, at most as many as the scenario says (record.apiRequests). In order of sending.',
  source: "The connections between clients and API servers, when an answer reaches its client. In a real cluster: the audit log (arrived, answered) and the client's own trace.",
  columns: [
    double('sent', 'seconds', 'Handed by the component to its client library.'),
    double('limited', 'seconds', 'Waited at the rate limiter of the client for this long.'),
    double('arrived', 'seconds', 'Reached the kube-apiserver; empty when none was reached.'),
    double('answered', 'seconds', 'The answer left the kube-apiserver; empty when none was reached.'),
    double('received', 'seconds', 'The answer reached the client.'),
    text('user', 'Who asked, such as system:kube-scheduler.'),
    text('server', 'The kube-apiserver that answered.'),
    text('verb', 'get, list, watch, create, update, patch or delete.'),
    text('resource', 'Resource, with its subresource after a slash (pods/status).'),
    text('object', 'Object asked for, as namespace/name; empty for lists.'),
    integer('code', '', 'HTTP status code of the answer; 0 when the connection failed.'),
  ],
};

/** The members of etcd. */
export const ETCD_BY_SECOND: TableSpec = {
  name: 'etcd_by_second',
  description: 'State and latencies of each etcd member, by second; none while it is down.',
  source: 'Each member, read each second: its Raft state, and what it measured since. In a real cluster: etcd_server_is_leader, etcd_server_proposals_*, etcd_disk_wal_fsync_duration_seconds, etcd_mvcc_db_total_size_in_bytes.',
  columns: [
    second,
    text('member', 'Name of the member.'),
    integer('leader', '', '1 when the member leads at the end of the second, else 0.'),
    integer('term', '', 'Raft term of the member.'),
    integer('puts', 'requests', 'Write transactions that this member proposed and that were applied.'),
    double('commit_p50', 'seconds', 'Median time from proposal to commit of the writes it led.'),
    double('commit_p99', 'seconds', '99th percentile of the time from proposal to commit.'),
    double('fsync_p50', 'seconds', 'Median duration of its WAL fdatasyncs.'),
    double('fsync_p99', 'seconds', '99th percentile of the duration of its WAL fdatasyncs.'),
    double('db_bytes', 'bytes', 'Size of its database.'),
  ],
};

/** One row an attempt of the scheduler. */
export const SCHEDULER_ATTEMPTS: TableSpec = {
  name: 'scheduler_attempts',
  description: 'Attempts of kube-scheduler to place a pod, at the end of their scheduling cycle.',
  source: 'kube-scheduler, when a scheduling cycle ends. In a real cluster: its log and scheduler_schedule_attempts_total.',
  columns: [
    instant,
    text('pod', 'Pod, as namespace/name.'),
    text('result', 'scheduled, unschedulable or error.'),
    text('node', 'Chosen node; empty without one.'),
    integer('attempt', '', 'Number of the attempt for this pod, from 1.'),
    double('queued', 'seconds', 'Time since the pod entered the active queue for this attempt.'),
    double('duration', 'seconds', 'Scheduling algorithm: from the pop to the decision.'),
    integer('evaluated_nodes', 'nodes', 'Nodes that were filtered.'),
    integer('feasible_nodes', 'nodes', 'Nodes that passed the filters.'),
    text('message', 'Why it was not placed, in the words of kube-scheduler.'),
  ],
};

/** Lengths of the scheduler's queues. */
export const SCHEDULER_BY_SECOND: TableSpec = {
  name: 'scheduler_by_second',
  description: 'Pods in the queues of kube-scheduler at the end of each second (scheduler_pending_pods).',
  source: "kube-scheduler's queues, read each second. In a real cluster: scheduler_pending_pods.",
  columns: [
    second,
    integer('active', 'pods', 'Pods in the active queue.'),
    integer('backoff', 'pods', 'Pods waiting out their back-off.'),
    integer('unschedulable', 'pods', 'Pods that were found unschedulable and wait for a change.'),
    integer('gated', 'pods', 'Pods with scheduling gates.'),
  ],
};

/** Kubernetes events. */
export const EVENTS: TableSpec = {
  name: 'events',
  description: 'Kubernetes events as stored, one row a creation or update of the series.',
  source: 'An observer of the Event objects that the API server stores. In a real cluster: `kubectl get events -A`.',
  columns: [
    instant,
    text('type', 'Normal or Warning.'),
    text('reason', 'Machine-readable reason.'),
    text('object', 'Object concerned, as Kind/namespace/name.'),
    text('message', 'Message of the component.'),
    integer('count', 'events', 'Occurrences so far.'),
  ],
};

/** The steps of a rollout. */
export const ROLLOUT: TableSpec = {
  name: 'rollout',
  description: 'Steps of the rollout strategy and of the timeline, in order of time.',
  source: "The rollout's pipeline and the scenario's timeline.",
  columns: [
    instant,
    text('phase', 'Name of the step: start, scale, pause, switch, promote, complete, fail, heal, …'),
    text('message', 'What was done or observed.'),
  ],
};

/** What a rollout cost and risked, a line each. */
export const ROLLOUT_METRICS: TableSpec = {
  name: 'rollout_metrics',
  description: 'What the rollout cost and risked: the figures of the summary, a line each.',
  source: 'Computed at the end from requests, pods and the log of the rollout.',
  columns: [
    text('metric', 'Name as in summary.json.'),
    double('value', '', 'Value; empty: it does not apply.'),
    text('unit', 'seconds, requests, share, pod-seconds, …; empty for counts.'),
  ],
};

/** All specifications, in the order of the documentation. */
export const TABLES: readonly TableSpec[] = [
  REQUESTS_BY_SECOND,
  CALLS_BY_SECOND,
  ERRORS_BY_SECOND,
  FAILURES_BY_SECOND,
  REPLICAS_BY_SECOND,
  ROLLOUT,
  ROLLOUT_METRICS,
  PODS,
  NODES,
  NODE_USAGE,
  ALLOCATION,
  API_REQUESTS_BY_SECOND,
  API_REQUESTS,
  ETCD_BY_SECOND,
  SCHEDULER_ATTEMPTS,
  SCHEDULER_BY_SECOND,
  EVENTS,
  REPLICATIONS,
  HISTOGRAMS,
  SCRAPES,
  EVENT_TRACE,
];
