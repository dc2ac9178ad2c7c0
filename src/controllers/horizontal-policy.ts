import { isPodReady, podCondition, type Pod, type ResourceList } from '../api/core.js';
import { podRequests } from '../api/pod-resources.js';
import type { HorizontalPodAutoscaler } from '../api/policy.js';
import { SECOND, type Duration, type Time } from '../kernel/time.js';

/** How many replicas a metric asks for: pure (pkg/controller/podautoscaler/replica_calculator.go). */

/** kube-controller-manager defaults. */
const TOLERANCE = 0.1;
const CPU_INITIALIZATION: Duration = 300 * SECOND;
const INITIAL_READINESS: Duration = 30 * SECOND;

/** Usage of one pod as the metrics pipeline knows it. */
export interface PodMetric {
  /** Millicores, bytes, or the metric's unit. */
  readonly value: number;
  readonly timestamp: Time;
  readonly window: Duration;
}

/** A number of replicas; `average` and `utilization` are for the status. */
export interface Proposal {
  readonly replicas: number;
  /** Percent of what the pods request. */
  readonly utilization: number;
  /** Thousandths of the metric's unit. */
  readonly average: number;
}

/** Why there is no proposal, in the words of the replica calculator. */
export interface NoProposal {
  readonly error: string;
}

/** What a metric of pods is: a resource of theirs, of one container only, or a metric of another kind (`resource` empty). */
export interface PodMetricKind {
  readonly resource: string;
  readonly container?: string;
  /** From 1.35 on a pod without the container is an error. */
  readonly containerMustExist?: boolean;
}

/** What pods should use: a share of their requests in percent, or an amount in the metric's unit. */
export interface PodMetricTarget {
  readonly utilization?: number;
  readonly averageValue?: number;
}

interface Groups {
  readonly ready: number;
  readonly unready: readonly string[];
  readonly missing: readonly string[];
  /** Values of the pods that count, whole numbers (thousandths of a unit, bytes for memory). */
  readonly values: Map<string, number>;
}

const MAX_INT32 = 2147483647;

/** Whole numbers that metrics are counted in, per unit of {@link PodMetric.value}: a custom metric in thousandths, resources in their own unit. */
function countsPerUnit(resource: string): number {
  return resource === '' ? 1000 : 1;
}

/** A value in whole counts, rounded up (Quantity.MilliValue); what floating point has added to a whole number does not count. */
function countsOf(value: number, perUnit: number): number {
  const exact = value * perUnit;
  const nearest = Math.round(exact);
  return Math.abs(exact - nearest) <= 1e-9 * Math.abs(exact) ? nearest : Math.ceil(exact);
}

/** Thousandths per count: of millicores and of custom metrics one, of bytes a thousand. */
function thousandthsPerCount(resource: string): number {
  return resource === '' || resource === 'cpu' ? 1 : 1000;
}

/** Sorts pods for a metric (groupPods); finished and terminating ones do not count. */
function groupPods(pods: readonly Pod[], metrics: ReadonlyMap<string, PodMetric>, resource: string, now: Time): Groups {
  const unready: string[] = [];
  const missing: string[] = [];
  const values = new Map<string, number>();
  for (const pod of pods) {
    const { name, deletionTimestamp } = pod.metadata;
    if (deletionTimestamp !== undefined || pod.status.phase === 'Failed') continue;
    const metric = metrics.get(name);
    if (pod.status.phase === 'Pending') unready.push(name);
    else if (metric === undefined) missing.push(name);
    else if (resource === 'cpu' && isUnready(pod, metric, now)) unready.push(name);
    else values.set(name, countsOf(metric.value, countsPerUnit(resource)));
  }
  return { ready: values.size, unready, missing, values };
}

/** Whether a pod's cpu does not count yet: it is starting, or was never ready. */
function isUnready(pod: Pod, metric: PodMetric, now: Time): boolean {
  const condition = podCondition(pod, 'Ready');
  const { startTime } = pod.status;
  if (condition === undefined || startTime === undefined) return true;
  const changed = condition.lastTransitionTime ?? 0;
  const notReady = condition.status === 'False';
  if (startTime + CPU_INITIALIZATION > now) return notReady || metric.timestamp < changed + metric.window;
  return notReady && startTime + INITIAL_READINESS > changed;
}

/** Replicas for a metric of pods: utilization or average of a resource, or average of a Pods metric. */
export function podMetricProposal(
  kind: PodMetricKind,
  target: PodMetricTarget,
  current: number,
  pods: readonly Pod[],
  metrics: ReadonlyMap<string, PodMetric>,
  now: Time,
  tolerance: Tolerances = { up: TOLERANCE, down: TOLERANCE },
): Proposal | NoProposal {
  const { resource } = kind;
  if (pods.length === 0) return { error: NO_PODS };
  const { ready, unready, missing, values } = groupPods(pods, metrics, resource, now);
  if (values.size === 0) return { error: 'did not receive metrics for targeted pods (pods might be unready)' };
  const requests = target.utilization === undefined ? NO_REQUESTS : requestsOf(kind, pods);
  if (typeof requests === 'string') return { error: requests };
  const first = usageRatio(resource, target, values, requests);
  if (first === undefined) return { error: 'no metrics returned matched known pods' };
  const keep = { replicas: current, utilization: first.utilization, average: first.average };
  const rising = unready.length > 0 && first.ratio > 1;
  if (!rising && missing.length === 0) {
    return isTolerated(first.ratio, tolerance) ? keep : { ...keep, replicas: replicasFor(first.ratio * ready) };
  }
  fillIn(resource, target, first.ratio, missing, requests, values);
  if (rising) for (const name of unready) values.set(name, 0);
  const { ratio } = usageRatio(resource, target, values, requests)!;
  if (isTolerated(ratio, tolerance) || (first.ratio < 1 && ratio > 1) || (first.ratio > 1 && ratio < 1)) return keep;
  const replicas = replicasFor(ratio * values.size);
  return (ratio < 1 && replicas > current) || (ratio > 1 && replicas < current) ? keep : { ...keep, replicas };
}

const NO_PODS = 'no pods returned by selector while calculating replica count';
const NO_REQUESTS: ReadonlyMap<string, number> = new Map();

/** Rounded up, and no more than an int32 holds. */
function replicasFor(exact: number): number {
  return Math.min(MAX_INT32, Math.ceil(exact));
}

/** Requests by pod name (calculateRequests), or what is missing. */
function requestsOf(kind: PodMetricKind, pods: readonly Pod[]): ReadonlyMap<string, number> | string {
  const requests = new Map<string, number>();
  for (const pod of pods) {
    const request = requestOf(kind, pod);
    if (typeof request === 'string') return request;
    requests.set(pod.metadata.name, request);
  }
  return requests;
}

/** Of the pod itself where it has requests of its own, else of its containers and sidecars; every one must have a request. */
function requestOf({ resource, container, containerMustExist }: PodMetricKind, pod: Pod): number | string {
  const { name } = pod.metadata;
  if (container === undefined && hasPodRequests(pod.spec.resources?.requests)) {
    return podRequests(pod.spec)[resource] ?? `missing pod-level request for ${resource} in Pod ${name}`;
  }
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  let sum = 0;
  let found = false;
  for (const { name: candidate, resources } of [...pod.spec.containers, ...sidecars]) {
    if (container !== undefined && candidate !== container) continue;
    // Requests that are not given take the value of the limit (SetDefaults_Pod).
    const request = resources?.requests?.[resource] ?? resources?.limits?.[resource];
    if (request === undefined) return `missing request for ${resource} in container ${candidate} of Pod ${name}`;
    sum += request;
    found = true;
  }
  return !found && containerMustExist === true ? `container ${container} not found in Pod ${name}` : sum;
}

function hasPodRequests(requests: ResourceList | undefined): boolean {
  for (const _ in requests) return true;
  return false;
}

/** Assumes for pods without a metric what speaks against scaling. */
function fillIn(
  resource: string,
  target: PodMetricTarget,
  ratio: number,
  missing: readonly string[],
  requests: ReadonlyMap<string, number>,
  values: Map<string, number>,
): void {
  if (ratio === 1) return;
  const share = Math.max(100, target.utilization ?? 0);
  const plain = Math.round((target.averageValue ?? 0) * countsPerUnit(resource));
  for (const name of missing) {
    const high = target.utilization === undefined ? plain : Math.floor((requests.get(name)! * share) / 100);
    values.set(name, ratio < 1 ? high : 0);
  }
}

function usageRatio(
  resource: string,
  target: PodMetricTarget,
  values: ReadonlyMap<string, number>,
  requests: ReadonlyMap<string, number>,
): { readonly ratio: number; readonly utilization: number; readonly average: number } | undefined {
  let usage = 0;
  let requested = 0;
  for (const [name, value] of values) {
    usage += value;
    requested += requests.get(name) ?? 0;
  }
  const scale = thousandthsPerCount(resource);
  const average = Math.floor(usage / values.size) * scale + Math.floor(((usage % values.size) * scale) / values.size);
  if (target.utilization === undefined) {
    return { ratio: average / (Math.round((target.averageValue ?? 0) * countsPerUnit(resource)) * scale), utilization: 0, average };
  }
  if (requested === 0) return undefined;
  const utilization = Math.trunc((usage * 100) / requested);
  return { ratio: utilization / target.utilization, utilization, average };
}

/** How far a metric may be from its target without a change, in either direction. */
export interface Tolerances {
  readonly up: number;
  readonly down: number;
}

/** The tolerances of an autoscaler's behaviour, or kube-controller-manager's own. */
export function tolerances(behavior: HorizontalPodAutoscaler['spec']['behavior']): Tolerances {
  return { up: behavior?.scaleUp?.tolerance ?? TOLERANCE, down: behavior?.scaleDown?.tolerance ?? TOLERANCE };
}

/** Size of the target: what its specification and its status say. */
export interface TargetSize {
  readonly current: number;
  readonly inStatus: number;
}

/**
 * Replicas for one value of an Object or External metric (GetObjectMetricReplicas, GetObjectPerPodMetricReplicas and their like
 * for external metrics). `value` targets grow with the pods that are ready, `averageValue` ones with the metric alone.
 */
export function valueProposal(
  value: number,
  target: { readonly value?: number; readonly averageValue?: number },
  size: TargetSize,
  pods: readonly Pod[],
  tolerance: Tolerances,
): Proposal | NoProposal {
  const usage = countsOf(value, 1000);
  if (target.averageValue !== undefined) {
    const wanted = Math.round(target.averageValue * 1000);
    const ratio = usage / (wanted * size.inStatus);
    const replicas = isTolerated(ratio, tolerance) ? size.inStatus : replicasFor(usage / wanted);
    return { replicas, utilization: 0, average: size.inStatus === 0 ? 0 : Math.ceil(usage / size.inStatus) };
  }
  const ratio = usage / Math.round((target.value ?? 0) * 1000);
  const keep = { replicas: size.current, utilization: 0, average: usage };
  if (size.current === 0) return { ...keep, replicas: replicasFor(ratio) };
  if (isTolerated(ratio, tolerance)) return keep;
  if (pods.length === 0) return { error: `unable to calculate ready pods: ${NO_PODS}` };
  let ready = 0;
  for (const pod of pods) if (pod.status.phase === 'Running' && isPodReady(pod)) ready++;
  return { ...keep, replicas: replicasFor(ratio * ready) };
}

function isTolerated(ratio: number, tolerance: Tolerances): boolean {
  return ratio >= 1 - tolerance.down && ratio <= 1 + tolerance.up;
}
