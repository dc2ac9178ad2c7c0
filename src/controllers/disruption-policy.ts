import { isPodReady, type Pod } from '../api/core.js';
import { scaledValue } from '../api/int-or-string.js';
import type { Condition } from '../api/meta.js';
import type { PodDisruptionBudget } from '../api/policy.js';
import { SECOND, type Duration, type Time } from '../kernel/time.js';
import { apiTime } from './conditions.js';
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
  if (minAvailable === undefined) return { expected: pods, desiredHealthy: 1 };
  return { expected: scale, desiredHealthy: scaledValue(minAvailable, scale, true) };
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
    conditions: [allowedCondition(budget, allowed, now)],
  };
}

function allowedCondition(budget: PodDisruptionBudget, allowed: number, now: Time): Condition {
  const status = allowed > 0 ? 'True' : 'False';
  const reason = allowed > 0 ? 'SufficientPods' : 'InsufficientPods';
  const current = budget.status.conditions?.find(({ type }) => type === 'DisruptionAllowed');
  const lastTransitionTime = current?.status === status ? current.lastTransitionTime : undefined;
  return {
    type: 'DisruptionAllowed',
    status,
    reason,
    message: '',
    observedGeneration: budget.metadata.generation,
    lastTransitionTime: lastTransitionTime ?? apiTime(now),
  };
}

/** Whether a status differs in what the real controller compares. */
export function budgetChanged(a: PodDisruptionBudget['status'], b: PodDisruptionBudget['status']): boolean {
  return !equal({ ...a, conditions: undefined }, { ...b, conditions: undefined }) || !equal(a.conditions?.[0]?.status, b.conditions?.[0]?.status);
}

/** What the API server answers to an eviction (pkg/registry/core/pod/storage/eviction.go). */
export type EvictionDecision =
  | { readonly kind: 'delete' }
  /** Delete the pod after this status has been written to the budget. */
  | { readonly kind: 'budget'; readonly status: PodDisruptionBudget['status'] }
  | {
      readonly kind: 'refuse';
      readonly code: 429 | 403 | 500;
      readonly message: string;
      /** Cause text of a 429 (`DisruptionBudget`). */
      readonly cause?: string;
      readonly retryAfterSeconds?: number;
    };

/** Notes of evictions that a budget may hold (MaxDisruptedPodSize). */
const MAX_DISRUPTED = 2000;

/** Decides an eviction, given the budgets that select the pod. */
export function decideEviction(pod: Pod, budgets: readonly PodDisruptionBudget[], now: Time): EvictionDecision {
  const { phase } = pod.status;
  if (phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending' || pod.metadata.deletionTimestamp !== undefined) return { kind: 'delete' };
  if (budgets.length === 0) return { kind: 'delete' };
  if (budgets.length > 1) {
    return { kind: 'refuse', code: 500, message: 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.' };
  }
  const budget = budgets[0]!;
  const { status, spec, metadata } = budget;
  if (!isPodReady(pod)) {
    if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return { kind: 'delete' };
    if (status.currentHealthy >= status.desiredHealthy && status.desiredHealthy > 0) return { kind: 'delete' };
  }
  const message = "Cannot evict pod as it would violate the pod's disruption budget.";
  if ((status.observedGeneration ?? 0) < metadata.generation) {
    return {
      kind: 'refuse',
      code: 429,
      message,
      cause: `The disruption budget ${metadata.name} is still being processed by the server.`,
      retryAfterSeconds: 10,
    };
  }
  if (status.disruptionsAllowed <= 0) {
    const cause = `The disruption budget ${metadata.name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`;
    return { kind: 'refuse', code: 429, message, cause };
  }
  const disrupted = status.disruptedPods ?? {};
  if (Object.keys(disrupted).length > MAX_DISRUPTED) {
    return { kind: 'refuse', code: 403, message: 'DisruptedPods map too big - too many evictions not confirmed by PDB controller' };
  }
  const allowed = status.disruptionsAllowed - 1;
  return {
    kind: 'budget',
    status: {
      ...status,
      disruptionsAllowed: allowed,
      disruptedPods: { ...disrupted, [pod.metadata.name]: apiTime(now) },
      ...(allowed === 0 ? { conditions: [allowedCondition(budget, 0, now)] } : {}),
    },
  };
}
