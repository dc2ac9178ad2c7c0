import { isPodReady, type Pod } from '../api/core.js';
import { disruptionAllowedCondition } from '../apiserver/eviction.js';
import { scaledValue } from '../api/int-or-string.js';
import type { PodDisruptionBudget } from '../api/policy.js';
import { SECOND, type Duration, type Time } from '../kernel/time.js';
import { equal } from '../api/equal.js';

/** How many pods of a budget may be disrupted: pure (pkg/controller/disruption/disruption.go). */

/** How long the API server's note that a pod is being evicted counts (DeletionTimeout). */
export const DELETION_TIMEOUT: Duration = 120 * SECOND;

/** Pods expected and the number that must stay healthy (getExpectedPodCount). `scale`: Σ replicas of the pods' controllers. */
export function expectedPods(
  budget: PodDisruptionBudget,
  pods: number,
  scale: number,
): { readonly expected: number; readonly desiredHealthy: number } {
  const { minAvailable, maxUnavailable } = budget.spec;
  if (maxUnavailable !== undefined) {
    return { expected: scale, desiredHealthy: Math.max(0, scale - scaledValue(maxUnavailable, scale, true)) };
  }
  if (typeof minAvailable === 'number') return { expected: pods, desiredHealthy: minAvailable };
  // A budget that says neither allows nothing.
  if (minAvailable === undefined) return { expected: 0, desiredHealthy: 0 };
  return { expected: scale, desiredHealthy: scaledValue(minAvailable, scale, true) };
}

/** Whether a budget counts by the size of the pods' controllers, rather than by the pods. */
export function needsScale({ spec }: PodDisruptionBudget): boolean {
  return spec.maxUnavailable !== undefined || typeof spec.minAvailable === 'string';
}

/** The status when the number of expected pods cannot be told: nothing may be disrupted (failSafe). */
export function failedStatus(budget: PodDisruptionBudget, message: string, now: Time): PodDisruptionBudget['status'] {
  const condition = disruptionAllowedCondition(budget, 0, now);
  const { observedGeneration } = budget.status;
  return {
    ...budget.status,
    disruptionsAllowed: 0,
    conditions: [{ ...condition, reason: 'SyncFailed', message, ...(observedGeneration === undefined ? {} : { observedGeneration }) }],
  };
}

/** Pods that count as healthy: ready, not going, not noted as evicted. */
export function healthyPods(pods: Iterable<Pod>, disrupted: Readonly<Record<string, Time>>, now: Time): number {
  let healthy = 0;
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp !== undefined) continue;
    const since = disrupted[pod.metadata.name];
    if (since !== undefined && since + DELETION_TIMEOUT > now) continue;
    if (isPodReady(pod)) healthy++;
  }
  return healthy;
}

/** Notes of evictions that still count: pods that are there, not yet going, within the timeout; and when the next runs out. */
export function disruptedPods(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  now: Time,
): { readonly disrupted: Readonly<Record<string, Time>>; readonly recheck: Time | undefined; readonly timedOut: readonly Pod[] } {
  const noted = budget.status.disruptedPods ?? {};
  const disrupted: Record<string, Time> = {};
  const timedOut: Pod[] = [];
  let recheck: Time | undefined;
  for (const pod of pods) {
    const { name, deletionTimestamp } = pod.metadata;
    const since = noted[name];
    if (since === undefined || deletionTimestamp !== undefined) continue;
    const until = since + DELETION_TIMEOUT;
    if (until < now) {
      timedOut.push(pod);
      continue;
    }
    disrupted[name] = since;
    if (recheck === undefined || until < recheck) recheck = until;
  }
  return { disrupted, recheck, timedOut };
}

/** The status of a budget (updatePdbStatus). */
export function budgetStatus(
  budget: PodDisruptionBudget,
  counts: { readonly healthy: number; readonly desiredHealthy: number; readonly expected: number },
  disrupted: Readonly<Record<string, Time>>,
  now: Time,
): PodDisruptionBudget['status'] {
  const allowed = counts.expected <= 0 ? 0 : Math.max(0, counts.healthy - counts.desiredHealthy);
  return {
    observedGeneration: budget.metadata.generation,
    ...(Object.keys(disrupted).length === 0 ? {} : { disruptedPods: disrupted }),
    disruptionsAllowed: allowed,
    currentHealthy: counts.healthy,
    desiredHealthy: counts.desiredHealthy,
    expectedPods: counts.expected,
    conditions: [disruptionAllowedCondition(budget, allowed, now)],
  };
}

/** Whether a status differs in what the real controller compares. */
export function budgetChanged(a: PodDisruptionBudget['status'], b: PodDisruptionBudget['status']): boolean {
  return !equal({ ...a, conditions: undefined }, { ...b, conditions: undefined }) || !equal(stateOf(a), stateOf(b));
}

function stateOf({ conditions }: PodDisruptionBudget['status']): readonly unknown[] {
  const condition = conditions?.[0];
  return [condition?.status, condition?.reason, condition?.observedGeneration];
}
