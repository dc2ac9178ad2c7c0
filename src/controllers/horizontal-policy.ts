import { isPodReady, podCondition, type Pod } from '../api/core.js';
import { podRequests } from '../api/pod-resources.js';
import type { HorizontalPodAutoscaler, ScalingPolicy, ScalingRules } from '../api/policy.js';
import { SECOND, type Duration, type Time } from '../kernel/time.js';

/** How many replicas a HorizontalPodAutoscaler wants: pure (pkg/controller/podautoscaler/{replica_calculator,horizontal}.go). */

/** kube-controller-manager defaults. */
export const SYNC_PERIOD: Duration = 15 * SECOND;
const TOLERANCE = 0.1;
const CPU_INITIALIZATION: Duration = 300 * SECOND;
const INITIAL_READINESS: Duration = 30 * SECOND;
export const DOWNSCALE_STABILIZATION: Duration = 300 * SECOND;

/** Usage of one pod as the metrics pipeline knows it. */
export interface PodMetric {
  /** Millicores, bytes, or the metric's unit. */
  readonly value: number;
  readonly timestamp: Time;
  readonly window: Duration;
}

export interface Proposal {
  readonly replicas: number;
  /** Utilization in percent, or average value; for the status. */
  readonly utilization: number;
  readonly average: number;
}

interface Groups {
  readonly ready: number;
  readonly unready: readonly Pod[];
  readonly missing: readonly Pod[];
}

/** Sorts pods for a metric (groupPods); finished and terminating ones do not count. */
function groupPods(pods: readonly Pod[], metrics: ReadonlyMap<string, PodMetric>, cpu: boolean, now: Time): Groups {
  let ready = 0;
  const unready: Pod[] = [];
  const missing: Pod[] = [];
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp !== undefined || pod.status.phase === 'Failed') continue;
    if (pod.status.phase === 'Pending') {
      unready.push(pod);
      continue;
    }
    const metric = metrics.get(pod.metadata.name);
    if (metric === undefined) missing.push(pod);
    else if (cpu && isUnready(pod, metric, now)) unready.push(pod);
    else ready++;
  }
  return { ready, unready, missing };
}

/** Whether a pod's cpu does not count yet: it is starting, or was never ready. */
function isUnready(pod: Pod, metric: PodMetric, now: Time): boolean {
  const condition = podCondition(pod, 'Ready');
  const { startTime } = pod.status;
  if (condition === undefined || startTime === undefined) return true;
  const changed = condition.lastTransitionTime ?? 0;
  if (startTime + CPU_INITIALIZATION > now) return !isPodReady(pod) || metric.timestamp < changed + metric.window;
  return !isPodReady(pod) && startTime + INITIAL_READINESS > changed;
}

/** Replicas for the utilization or average value of a resource; undefined when no metric is known. */
export function resourceProposal(
  resource: string,
  target: { readonly utilization?: number; readonly averageValue?: number },
  current: number,
  pods: readonly Pod[],
  metrics: ReadonlyMap<string, PodMetric>,
  now: Time,
  tolerance: Tolerances = { up: TOLERANCE, down: TOLERANCE },
): Proposal | undefined {
  const groups = groupPods(pods, metrics, resource === 'cpu', now);
  const left = new Set([...groups.unready, ...groups.missing].map((pod) => pod.metadata.name));
  const values = new Map<string, number>();
  for (const pod of pods) {
    const metric = metrics.get(pod.metadata.name);
    if (metric !== undefined && !left.has(pod.metadata.name) && pod.metadata.deletionTimestamp === undefined && pod.status.phase !== 'Failed') {
      values.set(pod.metadata.name, metric.value);
    }
  }
  if (values.size === 0) return undefined;
  const requests = new Map<string, number>();
  for (const pod of pods) requests.set(pod.metadata.name, podRequests(pod.spec)[resource] ?? 0);
  const first = usageRatio(target, values, requests);
  const keep = { replicas: current, utilization: first.utilization, average: first.average };
  const rising = groups.unready.length > 0 && first.ratio > 1;
  if (!rising && groups.missing.length === 0) {
    if (isTolerated(first.ratio, tolerance)) return keep;
    return { ...keep, replicas: Math.ceil(first.ratio * groups.ready) };
  }
  fillIn(target, first.ratio, rising, groups, requests, values);
  const { ratio } = usageRatio(target, values, requests);
  if (isTolerated(ratio, tolerance) || (first.ratio < 1 && ratio > 1) || (first.ratio > 1 && ratio < 1)) return keep;
  const replicas = Math.ceil(ratio * values.size);
  return (ratio < 1 && replicas > current) || (ratio > 1 && replicas < current) ? keep : { ...keep, replicas };
}

/** Assumes for pods without a metric what speaks against scaling. */
function fillIn(
  target: { readonly utilization?: number; readonly averageValue?: number },
  ratio: number,
  rising: boolean,
  groups: Groups,
  requests: ReadonlyMap<string, number>,
  values: Map<string, number>,
): void {
  if (groups.missing.length > 0) {
    const share = target.utilization === undefined ? 0 : Math.max(100, target.utilization);
    for (const { metadata } of groups.missing) {
      const high = target.utilization === undefined ? target.averageValue! : Math.floor((requests.get(metadata.name)! * share) / 100);
      if (ratio < 1) values.set(metadata.name, high);
      else if (ratio > 1) values.set(metadata.name, 0);
    }
  }
  if (rising) for (const { metadata } of groups.unready) values.set(metadata.name, 0);
}

function usageRatio(
  target: { readonly utilization?: number; readonly averageValue?: number },
  values: ReadonlyMap<string, number>,
  requests: ReadonlyMap<string, number>,
): { readonly ratio: number; readonly utilization: number; readonly average: number } {
  let usage = 0;
  let requested = 0;
  for (const [name, value] of values) {
    usage += value;
    requested += requests.get(name) ?? 0;
  }
  const average = Math.trunc(usage / values.size);
  if (target.utilization === undefined) return { ratio: usage / values.size / target.averageValue!, utilization: 0, average };
  const utilization = requested === 0 ? 0 : Math.trunc((usage * 100) / requested);
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

/**
 * Replicas for one value of an Object or External metric (GetObjectMetricReplicas, GetObjectPerPodMetricReplicas and their like
 * for external metrics). `value` targets grow with the pods that are ready, `averageValue` ones with the metric alone.
 */
export function valueProposal(
  usage: number,
  target: { readonly value?: number; readonly averageValue?: number },
  size: { readonly current: number; readonly inStatus: number },
  pods: readonly Pod[],
  tolerance: Tolerances,
): Proposal {
  if (target.averageValue !== undefined) {
    const ratio = usage / (target.averageValue * size.inStatus);
    const replicas = isTolerated(ratio, tolerance) ? size.inStatus : Math.ceil(usage / target.averageValue);
    return { replicas, utilization: 0, average: size.inStatus === 0 ? 0 : usage / size.inStatus };
  }
  const ratio = usage / (target.value ?? 0);
  if (size.current === 0) return { replicas: Math.ceil(ratio), utilization: 0, average: usage };
  if (isTolerated(ratio, tolerance)) return { replicas: size.current, utilization: 0, average: usage };
  let ready = 0;
  for (const pod of pods) if (pod.status.phase === 'Running' && isPodReady(pod)) ready++;
  return { replicas: Math.ceil(ratio * ready), utilization: 0, average: usage };
}

function isTolerated(ratio: number, tolerance: Tolerances): boolean {
  return ratio >= 1 - tolerance.down && ratio <= 1 + tolerance.up;
}

/** A recommendation, or a change of size, with its time. */
export interface Timestamped {
  readonly time: Time;
  readonly replicas: number;
}

/** What the controller remembers of one autoscaler. */
export interface ScalingHistory {
  readonly recommendations: readonly Timestamped[];
  /** Pods added and removed. */
  readonly ups: readonly Timestamped[];
  readonly downs: readonly Timestamped[];
}

export const EMPTY_HISTORY: ScalingHistory = { recommendations: [], ups: [], downs: [] };

export interface Normalized {
  readonly replicas: number;
  readonly stabilized: 'up' | 'down' | undefined;
  /** Reason of ScalingLimited; undefined: within range. */
  readonly limit: 'TooManyReplicas' | 'TooFewReplicas' | 'ScaleUpLimit' | 'ScaleDownLimit' | undefined;
  readonly recommendations: readonly Timestamped[];
}

/** Size after stabilisation and limits, with the autoscaler's behaviour or on the legacy path without one. */
export function normalize(
  autoscaler: HorizontalPodAutoscaler,
  current: number,
  desired: number,
  history: ScalingHistory,
  now: Time,
): Normalized {
  return autoscaler.spec.behavior === undefined
    ? normalizeLegacy(autoscaler, current, desired, history, now)
    : normalizeWithBehavior(autoscaler, current, desired, history, now);
}

function remember(history: readonly Timestamped[], desired: number, window: Duration, now: Time): readonly Timestamped[] {
  return [...history.filter(({ time }) => time > now - window), { time: now, replicas: desired }];
}

function normalizeLegacy(autoscaler: HorizontalPodAutoscaler, current: number, desired: number, history: ScalingHistory, now: Time): Normalized {
  const recommendations = remember(history.recommendations, desired, DOWNSCALE_STABILIZATION, now);
  let highest = desired;
  for (const { replicas } of recommendations) highest = Math.max(highest, replicas);
  const { minReplicas, maxReplicas } = autoscaler.spec;
  const scaleUpLimit = Math.max(2 * current, 4);
  const maximum = Math.min(maxReplicas, scaleUpLimit);
  const stabilized = highest === desired ? undefined : ('down' as const);
  if (highest < minReplicas) return { replicas: minReplicas, stabilized, limit: 'TooFewReplicas', recommendations };
  if (highest > maximum) {
    const limit = maxReplicas > scaleUpLimit ? 'ScaleUpLimit' : 'TooManyReplicas';
    return { replicas: maximum, stabilized, limit, recommendations };
  }
  return { replicas: highest, stabilized, limit: undefined, recommendations };
}

const DEFAULT_UP: Required<Omit<ScalingRules, 'tolerance'>> = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
const DEFAULT_DOWN: Required<Omit<ScalingRules, 'tolerance'>> = {
  stabilizationWindowSeconds: 300,
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
};

function normalizeWithBehavior(autoscaler: HorizontalPodAutoscaler, current: number, desired: number, history: ScalingHistory, now: Time): Normalized {
  const up = { ...DEFAULT_UP, ...autoscaler.spec.behavior?.scaleUp };
  const down = { ...DEFAULT_DOWN, ...autoscaler.spec.behavior?.scaleDown };
  const upWindow = up.stabilizationWindowSeconds * SECOND;
  const downWindow = down.stabilizationWindowSeconds * SECOND;
  let lowest = desired;
  let highest = desired;
  for (const { time, replicas } of history.recommendations) {
    if (time > now - upWindow) lowest = Math.min(lowest, replicas);
    if (time > now - downWindow) highest = Math.max(highest, replicas);
  }
  const stable = current < lowest ? lowest : current > highest ? highest : current;
  const recommendations = remember(history.recommendations, desired, Math.max(upWindow, downWindow), now);
  const stabilized = stable === desired ? undefined : desired < stable ? ('down' as const) : ('up' as const);
  const limited = limitRate(autoscaler, current, stable, up, down, history, now);
  return { ...limited, stabilized, recommendations };
}

function limitRate(
  autoscaler: HorizontalPodAutoscaler,
  current: number,
  desired: number,
  up: Required<Omit<ScalingRules, 'tolerance'>>,
  down: Required<Omit<ScalingRules, 'tolerance'>>,
  history: ScalingHistory,
  now: Time,
): Pick<Normalized, 'replicas' | 'limit'> {
  const { minReplicas, maxReplicas } = autoscaler.spec;
  if (desired > current) {
    const rate = Math.max(current, upLimit(current, up, history, now));
    const maximum = Math.min(maxReplicas, rate);
    if (desired > maximum) return { replicas: maximum, limit: rate < maxReplicas ? 'ScaleUpLimit' : 'TooManyReplicas' };
  } else if (desired < current) {
    const rate = Math.min(current, downLimit(current, down, history, now));
    const minimum = Math.max(minReplicas, rate);
    if (desired < minimum) return { replicas: minimum, limit: rate > minReplicas ? 'ScaleDownLimit' : 'TooFewReplicas' };
  }
  if (desired > maxReplicas) return { replicas: maxReplicas, limit: 'TooManyReplicas' };
  if (desired < minReplicas) return { replicas: minReplicas, limit: 'TooFewReplicas' };
  return { replicas: desired, limit: undefined };
}

/** Σ changes in a policy's period. */
function changed(events: readonly Timestamped[], { periodSeconds }: ScalingPolicy, now: Time): number {
  let sum = 0;
  for (const { time, replicas } of events) if (time > now - periodSeconds * SECOND) sum += replicas;
  return sum;
}

function upLimit(current: number, rules: Required<Omit<ScalingRules, 'tolerance'>>, history: ScalingHistory, now: Time): number {
  if (rules.selectPolicy === 'Disabled') return current;
  const limits = rules.policies.map((policy) => {
    const start = current - changed(history.ups, policy, now) + changed(history.downs, policy, now);
    return policy.type === 'Pods' ? start + policy.value : Math.ceil(start * (1 + policy.value / 100));
  });
  return rules.selectPolicy === 'Min' ? Math.min(...limits) : Math.max(...limits);
}

function downLimit(current: number, rules: Required<Omit<ScalingRules, 'tolerance'>>, history: ScalingHistory, now: Time): number {
  if (rules.selectPolicy === 'Disabled') return current;
  const limits = rules.policies.map((policy) => {
    const start = current - changed(history.ups, policy, now) + changed(history.downs, policy, now);
    return policy.type === 'Pods' ? start - policy.value : Math.trunc(start * (1 - policy.value / 100));
  });
  // "Max" means the greatest change, which for a scale down is the lowest number.
  return rules.selectPolicy === 'Min' ? Math.max(...limits) : Math.min(...limits);
}
