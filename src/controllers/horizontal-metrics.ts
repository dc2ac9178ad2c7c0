import type { Pod } from '../api/core.js';
import type { LabelSelector } from '../api/meta.js';
import type { MetricSource, MetricSpec, MetricStatus, MetricValue, ScaleTargetReference } from '../api/policy.js';
import type { Time } from '../kernel/time.js';
import {
  type NoProposal,
  type PodMetric,
  podMetricProposal,
  type Proposal,
  type TargetSize,
  type Tolerances,
  valueProposal,
} from './horizontal-policy.js';

/** What the autoscaler makes of each metric of its specification (computeReplicasForMetric). */

/** Where the autoscaler gets metrics from: metrics-server and adapters of the cluster, or a test. Implementations hold data only. */
export interface MetricsSource {
  /** Usage by pod name of a resource (millicores, bytes), of one container if named; pods without a sample are left out (metrics.k8s.io). */
  resource(pods: readonly Pod[], resource: string, now: Time, container?: string): ReadonlyMap<string, PodMetric>;
  /** Values by pod name of a custom metric of pods, of series with these labels (custom.metrics.k8s.io). */
  pods(namespace: string, pods: readonly Pod[], metric: string, now: Time, selector?: LabelSelector): ReadonlyMap<string, PodMetric>;
  /** Value of an Object metric, or sum of the series of an External one (no object); undefined when it is not known. */
  value(namespace: string, metric: string, now: Time, selector?: LabelSelector, object?: ScaleTargetReference): number | undefined;
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

/** What all metrics of an autoscaler are evaluated for. */
export interface MetricsContext {
  readonly source: MetricsSource;
  readonly namespace: string;
  readonly size: TargetSize;
  /** Pods that the target's selector matches. */
  readonly pods: readonly Pod[];
  readonly tolerance: Tolerances;
  /** From 1.35 on a pod without the container of a ContainerResource metric is an error. */
  readonly containerMustExist: boolean;
  readonly now: Time;
}

/** A metric's proposal. */
export interface MetricResult {
  readonly proposal: Proposal;
  /** As messages call the metric. */
  readonly name: string;
  readonly status: NonNullable<MetricStatus>;
}

/** Why a metric gave none. */
export interface MetricFailure {
  /** Of the event and of condition ScalingActive. */
  readonly reason: string;
  readonly message: string;
  /** The same error as the caller passes it on, with what it was about. */
  readonly error: string;
}

export function hasFailed(result: MetricResult | MetricFailure): result is MetricFailure {
  return 'error' in result;
}

/** Evaluates one metric of an autoscaler. */
export function metricResult(context: MetricsContext, metric: MetricSpec): MetricResult | MetricFailure {
  switch (metric.type) {
    case 'Resource':
    case 'ContainerResource':
      return ofResource(context, metric);
    case 'Pods':
      return ofPods(context, metric);
    case 'Object':
      return ofObject(context, metric);
    case 'External':
      return ofExternal(context, metric);
  }
}

function statusOf({ target: _, ...source }: MetricSpec, current: MetricValue): NonNullable<MetricStatus> {
  return { ...(source satisfies MetricSource), current };
}

function ofResource(context: MetricsContext, metric: MetricSpec): MetricResult | MetricFailure {
  const { name, target, type, container } = metric;
  const whole = type === 'Resource';
  const reason = whole ? 'FailedGetResourceMetric' : 'FailedGetContainerResourceMetric';
  const fail = (message: string): MetricFailure => ({
    reason,
    message,
    error: whole ? `failed to get ${name} resource metric value: ${message}` : `failed to get ${container} container metric value: ${message}`,
  });
  const { averageUtilization, averageValue } = target;
  const plain = averageValue !== undefined;
  if (!plain && averageUtilization === undefined) {
    return fail('invalid resource metric source: neither an average utilization target nor an average value (usage) target was set');
  }
  const values = context.source.resource(context.pods, name, context.now, container);
  const kind = { resource: name, containerMustExist: context.containerMustExist, ...(container === undefined ? {} : { container }) };
  const proposal: Proposal | NoProposal =
    values.size === 0
      ? { error: `unable to get metrics for resource ${name}: no metrics returned from resource metrics API` }
      : ofPodValues(context, kind, plain ? { averageValue } : { utilization: averageUtilization! }, values);
  if ('error' in proposal) return fail(`failed to get ${name} ${plain ? 'usage' : 'utilization'}: ${proposal.error}`);
  const { utilization, average } = proposal;
  const text = `${name}${whole ? '' : ' container'} resource utilization (percentage of request)`;
  return {
    proposal,
    name: plain ? `${name} resource` : text,
    status: statusOf(metric, plain ? { averageValue: average } : { averageUtilization: utilization, averageValue: average }),
  };
}

function ofPodValues(
  { size, pods, now, tolerance }: MetricsContext,
  kind: Parameters<typeof podMetricProposal>[0],
  target: Parameters<typeof podMetricProposal>[1],
  values: ReadonlyMap<string, PodMetric>,
): Proposal | NoProposal {
  return podMetricProposal(kind, target, size.current, pods, values, now, tolerance);
}

function ofPods(context: MetricsContext, metric: MetricSpec): MetricResult | MetricFailure {
  const { name, target, selector } = metric;
  const { source, namespace, pods, now } = context;
  const values = source.pods(namespace, pods, name, now, selector);
  const proposal: Proposal | NoProposal =
    values.size === 0
      ? { error: `unable to get metric ${name}: no metrics returned from custom metrics API` }
      : ofPodValues(context, { resource: '' }, { averageValue: target.averageValue ?? 0 }, values);
  if ('error' in proposal) {
    return { reason: 'FailedGetPodsMetric', message: proposal.error, error: `failed to get pods metric value: ${proposal.error}` };
  }
  return { proposal, name: `pods metric ${name}`, status: statusOf(metric, { averageValue: proposal.average }) };
}

function ofObject(context: MetricsContext, metric: MetricSpec): MetricResult | MetricFailure {
  const { name, target, selector } = metric;
  const { namespace, source, now, size, pods, tolerance } = context;
  const object = metric.describedObject ?? { kind: '', name: '' };
  const each = target.type === 'AverageValue';
  const fail = (message: string, wrapped = message): MetricFailure => ({
    reason: 'FailedGetObjectMetric',
    message,
    error: `failed to get object metric value: ${wrapped}`,
  });
  if ((each ? target.averageValue : target.value) === undefined) {
    return fail('invalid object metric source: neither a value target nor an average value target was set');
  }
  const usage = source.value(namespace, name, now, selector, object);
  const proposal: Proposal | NoProposal =
    usage === undefined
      ? {
          // The real text has its parts in this order.
          error: `unable to get metric ${name}: ${object.kind} on ${namespace} ${object.name}/unable to fetch metrics from custom metrics API: the server could not find the metric ${name} for ${resourceOf(object)} ${object.name}`,
        }
      : valueProposal(usage, each ? { averageValue: target.averageValue! } : { value: target.value! }, size, pods, tolerance);
  if ('error' in proposal) return fail(proposal.error, each ? `failed to get ${name} object metric: ${proposal.error}` : proposal.error);
  return {
    proposal,
    name: each ? `external metric ${name}(${selectorDump(selector)})` : `${object.kind} metric ${name}`,
    status: statusOf(metric, each ? { averageValue: proposal.average } : { value: proposal.average }),
  };
}

function ofExternal(context: MetricsContext, metric: MetricSpec): MetricResult | MetricFailure {
  const { name, target, selector } = metric;
  const { namespace, source, now, size, pods, tolerance } = context;
  const each = target.averageValue !== undefined;
  const fail = (message: string, wrapped = message): MetricFailure => ({
    reason: 'FailedGetExternalMetric',
    message,
    error: `failed to get ${name} external metric value: ${wrapped}`,
  });
  if (!each && target.value === undefined) {
    return fail('invalid external metric source: neither a value target nor an average value target was set');
  }
  const usage = source.value(namespace, name, now, selector);
  const labels = selectorDump(selector);
  const proposal: Proposal | NoProposal =
    usage === undefined
      ? { error: `unable to get external metric ${namespace}/${name}/${labels}: no metrics returned from external metrics API` }
      : valueProposal(usage, each ? { averageValue: target.averageValue } : { value: target.value! }, size, pods, tolerance);
  if ('error' in proposal) {
    const what = each ? `failed to get ${name} external metric` : `failed to get external metric ${name}`;
    return fail(proposal.error, `${what}: ${proposal.error}`);
  }
  return {
    proposal,
    name: `external metric ${name}(${labels})`,
    status: statusOf(metric, each ? { averageValue: proposal.average } : { value: proposal.average }),
  };
}

/** Plural and group of an object's kind, as adapters name it: `services`, `ingresses.networking.k8s.io`. */
function resourceOf({ kind, apiVersion = '' }: ScaleTargetReference): string {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  const lower = kind.toLowerCase();
  const plural = lower.endsWith('s') ? `${lower}es` : `${lower}s`;
  return group === '' ? plural : `${plural}.${group}`;
}

/** A selector as Go prints it into messages (generated String method): `nil`, or all of its fields. */
export function selectorDump(selector: LabelSelector | undefined): string {
  if (selector === undefined) return 'nil';
  const labels = Object.entries(selector.matchLabels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value},`);
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) => `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`;
}
