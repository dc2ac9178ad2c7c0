import type { Pod } from '../api/core.js';
import type { MetricSpec } from '../api/policy.js';
import type { Time } from '../kernel/time.js';
import { type PodMetric, type Proposal, resourceProposal, type Tolerances, valueProposal } from './horizontal-policy.js';

/** What the autoscaler makes of each metric of its specification (computeReplicasForMetric). */

/** Where the autoscaler gets metrics from: metrics-server and adapters of the cluster, or a test. Implementations hold data only. */
export interface MetricsSource {
  /** Usage by pod name of a resource (millicores, bytes); pods without a sample are left out (metrics.k8s.io). */
  resource(pods: readonly Pod[], resource: string, now: Time): ReadonlyMap<string, PodMetric>;
  /** Values by pod name of a custom metric of pods (custom.metrics.k8s.io). */
  pods(namespace: string, pods: readonly Pod[], metric: string, now: Time): ReadonlyMap<string, PodMetric>;
  /** Value of an Object or External metric; undefined when it is not known. */
  value(namespace: string, metric: string, now: Time): number | undefined;
}

const NOTHING: ReadonlyMap<string, PodMetric> = new Map();

/** A source that knows nothing: without metrics-server. */
export class NoMetrics implements MetricsSource {
  resource(): ReadonlyMap<string, PodMetric> {
    return NOTHING;
  }

  pods(): ReadonlyMap<string, PodMetric> {
    return NOTHING;
  }

  value(): undefined {
    return undefined;
  }
}

/** The outcome for one metric: a proposal with its status, or why there is none. */
export interface MetricResult {
  readonly proposal?: Proposal;
  /** As messages call the metric. */
  readonly name: string;
  /** Entry of `status.currentMetrics`. */
  readonly status?: unknown;
  /** Reason and message of the failure; empty when there is a proposal. */
  readonly reason: string;
  readonly message: string;
}

/** Evaluates one metric of an autoscaler at `now`. */
export function metricResult(
  source: MetricsSource,
  namespace: string,
  metric: MetricSpec,
  size: { readonly current: number; readonly inStatus: number },
  pods: readonly Pod[],
  tolerance: Tolerances,
  now: Time,
): MetricResult {
  if (metric.type === 'Resource') return ofResource(source, metric, size.current, pods, tolerance, now);
  if (metric.type === 'Pods') return ofPods(source, namespace, metric, size.current, pods, tolerance, now);
  const { name, target, type } = metric;
  const external = type === 'External';
  const usage = source.value(namespace, name, now);
  if (usage === undefined) {
    const api = external ? 'external' : 'object';
    const from = external ? 'external metrics API' : 'custom metrics API';
    const message = `failed to get ${name} ${api} metric value: unable to get ${api} metric ${namespace}/${name}: no metrics returned from ${from}`;
    return { name, reason: external ? 'FailedGetExternalMetric' : 'FailedGetObjectMetric', message };
  }
  const proposal = valueProposal(usage, target, size, pods, tolerance);
  const current = target.averageValue === undefined ? { value: usage } : { averageValue: proposal.average };
  const key = external ? 'external' : 'object';
  const text = external ? `external metric ${name}(nil)` : `object metric ${name}`;
  return { proposal, name: text, status: { type, [key]: { metric: { name }, current } }, reason: '', message: '' };
}

function ofResource(
  source: MetricsSource,
  { name, target }: MetricSpec,
  current: number,
  pods: readonly Pod[],
  tolerance: Tolerances,
  now: Time,
): MetricResult {
  const { averageUtilization, averageValue } = target;
  const wanted = {
    ...(averageUtilization === undefined ? {} : { utilization: averageUtilization }),
    ...(averageValue === undefined ? {} : { averageValue }),
  };
  const proposal = resourceProposal(name, wanted, current, pods, source.resource(pods, name, now), now, tolerance);
  if (proposal === undefined) {
    const what = averageUtilization === undefined ? 'resource metric value' : `${name} utilization`;
    const message = `failed to get ${what}: unable to get metrics for resource ${name}: no metrics returned from resource metrics API`;
    return { name, reason: 'FailedGetResourceMetric', message };
  }
  const { utilization, average } = proposal;
  const amounts = averageUtilization === undefined ? { averageValue: average } : { averageUtilization: utilization, averageValue: average };
  const text = averageUtilization === undefined ? `${name} resource` : `${name} resource utilization (percentage of request)`;
  return { proposal, name: text, status: { type: 'Resource', resource: { name, current: amounts } }, reason: '', message: '' };
}

function ofPods(
  source: MetricsSource,
  namespace: string,
  { name, target }: MetricSpec,
  current: number,
  pods: readonly Pod[],
  tolerance: Tolerances,
  now: Time,
): MetricResult {
  const values = source.pods(namespace, pods, name, now);
  // The metric's own name never is `cpu` here: pods that start count like others (calcPlainMetricReplicas).
  const wanted = { averageValue: target.averageValue ?? 0 };
  const proposal = resourceProposal('', wanted, current, pods, values, now, tolerance);
  if (proposal === undefined) {
    const message = `failed to get pods metric value: unable to get metric ${name}: no metrics returned from custom metrics API`;
    return { name, reason: 'FailedGetPodsMetric', message };
  }
  const status = { type: 'Pods', pods: { metric: { name }, current: { averageValue: proposal.average } } };
  return { proposal, name: `pods metric ${name}`, status, reason: '', message: '' };
}
