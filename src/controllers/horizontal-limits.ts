import type { HorizontalPodAutoscaler, ScalingPolicy, ScalingRules } from '../api/policy.js';
import { SECOND, type Duration, type Time } from '../kernel/time.js';

/** What an autoscaler makes of the replicas that its metrics ask for: windows and limits, pure (pkg/controller/podautoscaler/horizontal.go). */

/** kube-controller-manager defaults. */
export const SYNC_PERIOD: Duration = 15 * SECOND;
const DOWNSCALE_STABILIZATION: Duration = 300 * SECOND;

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
  return [...history.filter(({ time }) => time >= now - window), { time: now, replicas: desired }];
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
