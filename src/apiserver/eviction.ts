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

/** A refusal of an eviction. */
export interface EvictionRefusal {
  readonly kind: 'refuse';
  readonly code: 429 | 403 | 500;
  readonly message: string;
  /** Cause text of a 429 (`DisruptionBudget`). */
  readonly cause?: string;
  readonly retryAfterSeconds?: number;
}

/** What the API server answers to an eviction (pkg/registry/core/pod/storage/eviction.go). */
export type EvictionDecision =
  /** Delete the pod; with a guard only if it is unchanged, else the whole is tried again or refused (429). */
  | { readonly kind: 'delete'; readonly guard?: 'retry' | 'refuse' }
  /** Delete the pod after this status has been written to the budget. */
  | { readonly kind: 'budget'; readonly status: PodDisruptionBudget['status'] }
  | EvictionRefusal;

/** Notes of evictions that a budget may hold (MaxDisruptedPodSize). */
const MAX_DISRUPTED = 2000;
const WOULD_VIOLATE = "Cannot evict pod as it would violate the pod's disruption budget.";

/** Pods that no budget protects: finished, going, or not started yet (canIgnorePDB). */
export function ignoresBudgets(pod: Pod): boolean {
  const { phase } = pod.status;
  return phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending' || pod.metadata.deletionTimestamp !== undefined;
}

/** The 429 of a budget whose status is not up to date (createTooManyRequestsError). */
export function stillProcessing(name: string): EvictionRefusal {
  const cause = `The disruption budget ${name} is still being processed by the server.`;
  return { kind: 'refuse', code: 429, message: WOULD_VIOLATE, cause, retryAfterSeconds: 10 };
}

function forbidden(name: string, why: string): EvictionRefusal {
  return { kind: 'refuse', code: 403, message: `poddisruptionbudget.policy "${name}" is forbidden: ${why}` };
}

/** Why a budget allows nothing now: from 1.35 on only the lack of healthy pods is named as such. */
function exhausted({ metadata, status }: PodDisruptionBudget, version: string): EvictionRefusal {
  const { currentHealthy, desiredHealthy, conditions } = status;
  let cause = `The disruption budget ${metadata.name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  if (version !== '1.34' && currentHealthy > desiredHealthy) {
    const condition = conditions?.find(({ type }) => type === 'DisruptionAllowed');
    const failed = condition?.status === 'False' && condition.reason === 'SyncFailed';
    cause = `The disruption budget ${metadata.name} does not allow evicting pods currently${failed ? ` because it failed sync: ${condition.message ?? ''}` : ''}`;
  }
  return { kind: 'refuse', code: 429, message: WOULD_VIOLATE, cause };
}

/** Decides an eviction, given the budgets that select the pod. */
export function decideEviction(pod: Pod, budgets: readonly PodDisruptionBudget[], now: Time, version = '1.34'): EvictionDecision {
  if (ignoresBudgets(pod)) return pod.status.phase === 'Pending' && pod.metadata.deletionTimestamp === undefined ? { kind: 'delete', guard: 'retry' } : { kind: 'delete' };
  if (budgets.length === 0) return { kind: 'delete' };
  if (budgets.length > 1) {
    return { kind: 'refuse', code: 500, message: 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.' };
  }
  const budget = budgets[0]!;
  const { status, spec, metadata } = budget;
  if (!isPodReady(pod)) {
    if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return { kind: 'delete', guard: 'refuse' };
    if (status.currentHealthy >= status.desiredHealthy && status.desiredHealthy > 0) return { kind: 'delete', guard: 'refuse' };
  }
  if ((status.observedGeneration ?? 0) < metadata.generation) return stillProcessing(metadata.name);
  if (status.disruptionsAllowed < 0) return forbidden(metadata.name, 'pdb disruptions allowed is negative');
  const disrupted = status.disruptedPods ?? {};
  if (Object.keys(disrupted).length > MAX_DISRUPTED) {
    return forbidden(metadata.name, 'DisruptedPods map too big - too many evictions not confirmed by PDB controller');
  }
  if (status.disruptionsAllowed === 0) return exhausted(budget, version);
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
