import type { Condition, ConditionStatus } from '../api/meta.js';
import { SECOND, type Time } from '../kernel/time.js';

/** An instant as the API stores it in conditions: metav1.Time has whole seconds. */
export function apiTime(time: Time): Time {
  return Math.floor(time / SECOND) * SECOND;
}

/** The condition of a type. */
export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** The conditions without one type. */
export function withoutCondition(conditions: readonly Condition[] | undefined, type: string): readonly Condition[] {
  if (conditions === undefined) return [];
  return conditions.some((condition) => condition.type === type)
    ? conditions.filter((condition) => condition.type !== type)
    : conditions;
}

/**
 * Puts a condition at the end in place of the one of its type; the same array when status and reason are unchanged, and the
 * old transition time when only the reason changed (deployment_util.go SetDeploymentCondition).
 */
export function setCondition(conditions: readonly Condition[] | undefined, condition: Condition): readonly Condition[] {
  const current = findCondition(conditions, condition.type);
  if (current !== undefined && current.status === condition.status && current.reason === condition.reason) return conditions!;
  const kept: Condition =
    current !== undefined && current.status === condition.status && current.lastTransitionTime !== undefined
      ? { ...condition, lastTransitionTime: current.lastTransitionTime }
      : condition;
  return [...withoutCondition(conditions, condition.type), kept];
}

/** A new condition with both times set to now. */
export function newCondition(type: string, status: ConditionStatus, reason: string, message: string, now: Time): Condition {
  const time = apiTime(now);
  return { type, status, reason, message, lastUpdateTime: time, lastTransitionTime: time };
}
