import { LogHistogram } from '../stats/log-histogram.js';
import { APISERVER_HISTOGRAMS } from './apiserver-families.js';
import { ETCD_HISTOGRAMS } from './etcd-families.js';
import { NETWORK_HISTOGRAMS } from './network-families.js';
import type { Recorder, TableRecorder, TableSpec } from './recorder.js';

/** Cumulative histograms as the components export them, at each scrape. */
export const HISTOGRAMS: TableSpec = {
  name: 'histograms',
  description:
    'Histograms of the control plane (latencies, sizes, shares of seats), cumulative since the start of the run, at each scrape: one row a bucket, under the names and with the buckets of the real components.',
  source: "The components' own histograms, read at each scrape. In a real cluster: their /metrics.",
  columns: [
    { name: 'time', type: 'double', unit: 'seconds', description: 'Simulated time since the start of the run.' },
    {
      name: 'metric',
      type: 'string',
      unit: '',
      description: 'Name of the metric: apiserver_request_duration_seconds, …',
    },
    {
      name: 'labels',
      type: 'string',
      unit: '',
      description: 'Labels as Prometheus writes them: verb="POST",resource="pods".',
    },
    {
      name: 'le',
      type: 'double',
      unit: 'seconds',
      description: 'Upper bound of the bucket, inclusive; Infinity for all. Bytes, seats or shares where the metric says so.',
    },
    {
      name: 'count',
      type: 'integer',
      unit: 'observations',
      description: 'Observations so far that are at most the bound.',
    },
    {
      name: 'sum',
      type: 'double',
      unit: 'seconds',
      description: 'Sum of all observations so far, in the last bucket only.',
    },
  ],
};

/** A histogram of the real components. */
export interface HistogramFamily {
  readonly name: string;
  readonly help: string;
  /** Upper bounds, ascending, without Infinity: seconds unless the name says otherwise. */
  readonly bounds: readonly number[];
}

/** `count` bounds from `first`, each `factor` times the one before: client_golang's ExponentialBuckets. */
function exponential(first: number, factor: number, count: number): number[] {
  const bounds = [first];
  while (bounds.length < count) bounds.push(bounds[bounds.length - 1]! * factor);
  return bounds;
}

/** kube-apiserver (staging/src/k8s.io/apiserver/pkg/endpoints/metrics): labels verb, dry_run, scope, group, version, resource, subresource, component. */
export const API_REQUEST_DURATION: HistogramFamily = {
  name: 'apiserver_request_duration_seconds',
  help: 'Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.',
  bounds: [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60],
};

/** kube-apiserver: labels verb, scope, group, version, resource, subresource, component; without time at webhooks and in queues of priority and fairness. */
export const API_REQUEST_SLI: HistogramFamily = {
  name: 'apiserver_request_sli_duration_seconds',
  help: 'Response latency distribution (not counting webhook duration and priority & fairness queue wait times) in seconds for each verb, group, version, resource, subresource, scope and component.',
  bounds: [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60],
};

/** kube-apiserver: labels operation, group, resource. */
export const ETCD_REQUEST_DURATION: HistogramFamily = {
  name: 'etcd_request_duration_seconds',
  help: 'Etcd request latency in seconds for each operation and object type.',
  bounds: [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60],
};

/** kube-scheduler (pkg/scheduler/metrics). */
export const SCHEDULING_ALGORITHM_DURATION: HistogramFamily = {
  name: 'scheduler_scheduling_algorithm_duration_seconds',
  help: 'Scheduling algorithm latency in seconds',
  bounds: exponential(0.001, 2, 15),
};

/** kubelet (pkg/kubelet/metrics): from the kubelet seeing a pod to its containers running. */
export const POD_START_DURATION: HistogramFamily = {
  name: 'kubelet_pod_start_duration_seconds',
  help: 'Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run',
  bounds: [
    0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600,
  ],
};

/** All families, for exporters. */
export const HISTOGRAM_FAMILIES: readonly HistogramFamily[] = [
  API_REQUEST_DURATION,
  API_REQUEST_SLI,
  ETCD_REQUEST_DURATION,
  ...APISERVER_HISTOGRAMS,
  ...ETCD_HISTOGRAMS,
  SCHEDULING_ALGORITHM_DURATION,
  POD_START_DURATION,
  ...NETWORK_HISTOGRAMS,
];

/** Labels in the way Prometheus writes them, in the order given. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${SPECIAL.test(value) ? escaped(value) : value}"`)
    .join(',');
}

const SPECIAL = /[\\\n"]/;

function escaped(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"');
}

/** Appends one histogram to `HISTOGRAMS`: what is at most each bound, and all with their sum. */
export function appendHistogram(
  table: TableRecorder,
  time: number,
  name: string,
  labels: string,
  bounds: ArrayLike<number>,
  counts: ArrayLike<number>,
  count: number,
  sum: number,
): void {
  table.appendRows(bounds.length, [time, name, labels, bounds, counts, Number.NaN]);
  table.append([time, name, labels, Number.POSITIVE_INFINITY, count, sum]);
}

/** One labelled histogram of a component: takes what the component counted, and is scraped now and then. */
export class ScrapedHistogram {
  private readonly family: HistogramFamily;
  private readonly labels: string;
  /** In nanoseconds. */
  private readonly bounds: readonly number[];
  private total: LogHistogram;

  constructor(family: HistogramFamily, labels: Readonly<Record<string, string>>, bits = 7) {
    this.family = family;
    this.labels = labelText(labels);
    this.bounds = family.bounds.map((bound) => bound * 1e9);
    this.total = new LogHistogram(bits);
  }

  /** Shows what a component itself has counted so far, in nanoseconds, from now on. */
  show(total: LogHistogram): void {
    this.total = total;
  }

  /** Adds a component's observations in nanoseconds since the last call. */
  add(observations: LogHistogram): void {
    this.total.merge(observations);
  }

  /**
   * Appends the state at `time` seconds. A bound that is not an edge of the underlying histogram counts the buckets below it, which
   * moves at most the observations within that histogram's relative error of the bound.
   */
  scrape(recorder: Recorder, time: number): void {
    const { family, labels, total } = this;
    appendHistogram(recorder.table(HISTOGRAMS), time, family.name, labels, family.bounds, total.countsAtMost(this.bounds), total.count, total.sum * 1e-9);
  }
}
