import { isPodReady, type Pod } from '../api/core.js';
import type { Condition } from '../api/meta.js';
import type { PodDisruptionBudget } from '../api/policy.js';
import { SECOND, type Time } from '../kernel/time.js';

/** Evictions: whether a pod may go now, by the budgets that select it. Pure. */

/** Condition DisruptionAllowed of a budget that allows so many disruptions (pkg/controller UpdateDisruptionAllowedCondition). */
export function disruptionAllowedCondition(budget: PodDisruptionBudget, allowed: number, now: Time): Condition {
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
    lastTransitionTime: lastTransitionTime ?? wholeSeconds(now),
  };
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
      disruptedPods: { ...disrupted, [pod.metadata.name]: wholeSeconds(now) },
      ...(allowed === 0 ? { conditions: [disruptionAllowedCondition(budget, 0, now)] } : {}),
    },
  };
}

/** The API stores times in whole seconds. */
function wholeSeconds(time: Time): Time {
  return Math.floor(time / SECOND) * SECOND;
}
