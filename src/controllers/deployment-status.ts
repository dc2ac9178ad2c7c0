import type { Condition } from '../api/meta.js';
import type { Deployment, DeploymentStatus, ReplicaSet } from '../api/workloads.js';
import { SECOND, type Duration, type Time } from '../kernel/time.js';
import { findCondition, newCondition, setCondition, withoutCondition } from './conditions.js';
import { availableReplicas, maxUnavailable, specReplicas } from './deployment-rollout.js';
import { equal } from '../api/equal.js';

/** Status and conditions of a Deployment: pure (pkg/controller/deployment/{sync,progress}.go). */

export const PROGRESSING = 'Progressing';
export const AVAILABLE = 'Available';
export const REPLICA_FAILURE = 'ReplicaFailure';
export const NEW_REPLICA_SET_AVAILABLE = 'NewReplicaSetAvailable';
export const TIMED_OUT = 'ProgressDeadlineExceeded';
const MAX_INT32 = 2147483647;

/** Whether progress is watched at all (MaxInt32 means no deadline). */
export function hasProgressDeadline(deployment: Deployment): boolean {
  return deployment.spec.progressDeadlineSeconds !== undefined && deployment.spec.progressDeadlineSeconds !== MAX_INT32;
}

/** Counters and the Available condition from the ReplicaSets as read (calculateStatus). Counters that are 0 are left out, as in Go. */
export function calculateStatus(
  deployment: Deployment,
  replicaSets: readonly ReplicaSet[],
  newSet: ReplicaSet | undefined,
  now: Time,
): DeploymentStatus {
  let replicas = 0;
  let ready = 0;
  for (const set of replicaSets) {
    replicas += set.status.replicas;
    ready += set.status.readyReplicas ?? 0;
  }
  const available = availableReplicas(replicaSets);
  const unavailable = Math.max(0, specReplicas(replicaSets) - available);
  const updated = newSet?.status.replicas ?? 0;
  const enough = available >= deployment.spec.replicas - maxUnavailable(deployment);
  const condition = enough
    ? newCondition(AVAILABLE, 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.', now)
    : newCondition(AVAILABLE, 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.', now);
  return {
    observedGeneration: deployment.metadata.generation,
    ...(replicas > 0 ? { replicas } : {}),
    ...(updated > 0 ? { updatedReplicas: updated } : {}),
    ...(ready > 0 ? { readyReplicas: ready } : {}),
    ...(available > 0 ? { availableReplicas: available } : {}),
    ...(unavailable > 0 ? { unavailableReplicas: unavailable } : {}),
    ...(deployment.status.collisionCount === undefined ? {} : { collisionCount: deployment.status.collisionCount }),
    conditions: setCondition(deployment.status.conditions, condition),
  };
}

/** Whether the rollout has reached its end (DeploymentComplete). */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const { replicas } = deployment.spec;
  return (
    (status.updatedReplicas ?? 0) === replicas &&
    (status.replicas ?? 0) === replicas &&
    (status.availableReplicas ?? 0) === replicas &&
    (status.observedGeneration ?? 0) >= deployment.metadata.generation
  );
}

/** Whether the new status shows progress over the stored one (DeploymentProgressing). */
function isProgressing(old: DeploymentStatus, status: DeploymentStatus): boolean {
  const updated = status.updatedReplicas ?? 0;
  const oldUpdated = old.updatedReplicas ?? 0;
  return (
    updated > oldUpdated ||
    (status.replicas ?? 0) - updated < (old.replicas ?? 0) - oldUpdated ||
    (status.readyReplicas ?? 0) > (old.readyReplicas ?? 0) ||
    (status.availableReplicas ?? 0) > (old.availableReplicas ?? 0)
  );
}

/** Whether the deadline has passed since the last progress (DeploymentTimedOut). */
function isTimedOut(deployment: Deployment, status: DeploymentStatus, now: Time): boolean {
  const condition = findCondition(status.conditions, PROGRESSING);
  if (condition === undefined || condition.reason === NEW_REPLICA_SET_AVAILABLE) return false;
  if (condition.reason === TIMED_OUT) return true;
  return (condition.lastUpdateTime ?? 0) + deployment.spec.progressDeadlineSeconds * SECOND < now;
}

/** The status to store at the end of a rollout step (syncRolloutStatus). */
export function rolloutStatus(
  deployment: Deployment,
  replicaSets: readonly ReplicaSet[],
  newSet: ReplicaSet | undefined,
  now: Time,
): DeploymentStatus {
  const status = calculateStatus(deployment, replicaSets, newSet, now);
  let conditions: readonly Condition[] = status.conditions!;
  const current = findCondition(deployment.status.conditions, PROGRESSING);
  if (!hasProgressDeadline(deployment)) {
    conditions = withoutCondition(conditions, PROGRESSING);
  } else if (!((status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === NEW_REPLICA_SET_AVAILABLE)) {
    conditions = progressCondition(deployment, status, newSet, current, now);
  }
  conditions = replicaFailure(conditions, replicaSets, newSet);
  return { ...status, conditions };
}

function progressCondition(
  deployment: Deployment,
  status: DeploymentStatus,
  newSet: ReplicaSet | undefined,
  current: Condition | undefined,
  now: Time,
): readonly Condition[] {
  const conditions = status.conditions!;
  const subject = newSet === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${newSet.metadata.name}"`;
  if (isComplete(deployment, status)) {
    const done = newCondition(PROGRESSING, 'True', NEW_REPLICA_SET_AVAILABLE, `${subject} has successfully progressed.`, now);
    return setCondition(conditions, done);
  }
  if (isProgressing(deployment.status, status)) {
    const progress = newCondition(PROGRESSING, 'True', 'ReplicaSetUpdated', `${subject} is progressing.`, now);
    if (current === undefined) return setCondition(conditions, progress);
    const kept =
      current.status === 'True' && current.lastTransitionTime !== undefined
        ? { ...progress, lastTransitionTime: current.lastTransitionTime }
        : progress;
    return [...withoutCondition(conditions, PROGRESSING), kept];
  }
  if (isTimedOut(deployment, status, now)) {
    return setCondition(conditions, newCondition(PROGRESSING, 'False', TIMED_OUT, `${subject} has timed out progressing.`, now));
  }
  return conditions;
}

/** Failures of ReplicaSets show on the Deployment: the new set's first, else any (getReplicaFailures). */
function replicaFailure(
  conditions: readonly Condition[],
  replicaSets: readonly ReplicaSet[],
  newSet: ReplicaSet | undefined,
): readonly Condition[] {
  let failure = findCondition(newSet?.status.conditions, REPLICA_FAILURE);
  for (const set of replicaSets) failure ??= findCondition(set.status.conditions, REPLICA_FAILURE);
  return failure === undefined ? withoutCondition(conditions, REPLICA_FAILURE) : setCondition(conditions, failure);
}

/** Whether two statuses are the same as stored. */
export function equalStatus(a: DeploymentStatus, b: DeploymentStatus): boolean {
  return equal({ ...a, conditions: a.conditions ?? [] }, { ...b, conditions: b.conditions ?? [] });
}

/**
 * When to look again at a Deployment that does not progress (requeueStuckDeployment): nanoseconds, 0 for now but rate
 * limited, negative for never.
 */
export function stuckCheck(deployment: Deployment, status: DeploymentStatus, now: Time): Duration {
  const current = findCondition(deployment.status.conditions, PROGRESSING);
  if (!hasProgressDeadline(deployment) || current === undefined) return -1;
  if (isComplete(deployment, status) || current.reason === TIMED_OUT) return -1;
  const after = (current.lastUpdateTime ?? 0) + deployment.spec.progressDeadlineSeconds * SECOND - now;
  return after < SECOND ? 0 : after + SECOND;
}
