import type { Condition, LabelSelector } from '../api/meta.js';
import type { ReplicaSet, ReplicaSetStatus } from '../api/workloads.js';
import { SECOND, type Duration, type Time } from '../kernel/time.js';
import { apiTime, findCondition, withoutCondition } from './conditions.js';
import { equal } from '../api/equal.js';

/** What a ReplicaSet does about its number of pods: pure (pkg/controller/replicaset/replica_set.go, replica_set_utils.go). */

/** Pods created or deleted in one sync at most (BurstReplicas). */
export const BURST_REPLICAS = 500;
/** First batch of a slow start (SlowStartInitialBatchSize). */
export const SLOW_START_BATCH = 1;

/** Selector of a ReplicaSet; a ReplicationController's is a plain map, kept as `matchLabels` by its adapter. */
export function selectorOf(set: ReplicaSet): LabelSelector {
  const { selector } = set.spec;
  if (set.kind === 'ReplicaSet') return selector;
  return { matchLabels: selector as unknown as Record<string, string> };
}

/** Pods to create (positive) or delete (negative) in this sync. */
export function podsToChange(wanted: number, active: number): number {
  return Math.max(-BURST_REPLICAS, Math.min(BURST_REPLICAS, wanted - active));
}

/** Size of the next batch of a slow start: twice the one before, never more than what is left. */
export function nextBatch(previous: number, left: number): number {
  return Math.min(previous === 0 ? SLOW_START_BATCH : previous * 2, left);
}

/** Counts of a ReplicaSet's active pods. */
export interface PodCounts {
  readonly active: number;
  readonly fullyLabeled: number;
  readonly ready: number;
  readonly available: number;
  /** Pods being deleted; counted in the status from 1.35 on. */
  readonly terminating: number;
}

/** Status of a ReplicaSet (calculateStatus); counters that are 0 are left out, as in Go. */
export function replicaSetStatus(
  set: ReplicaSet,
  counts: PodCounts,
  failure: string | undefined,
  countTerminating: boolean,
  now: Time,
): ReplicaSetStatus {
  return {
    replicas: counts.active,
    ...(counts.fullyLabeled > 0 ? { fullyLabeledReplicas: counts.fullyLabeled } : {}),
    ...(counts.ready > 0 ? { readyReplicas: counts.ready } : {}),
    ...(counts.available > 0 ? { availableReplicas: counts.available } : {}),
    ...(countTerminating ? { terminatingReplicas: counts.terminating } : {}),
    observedGeneration: set.metadata.generation,
    ...conditionsWith(set, counts.active, failure, now),
  };
}

function conditionsWith(
  set: ReplicaSet,
  active: number,
  failure: string | undefined,
  now: Time,
): { conditions?: readonly Condition[] } {
  const { conditions } = set.status;
  const current = findCondition(conditions, 'ReplicaFailure');
  if (failure !== undefined && current === undefined) {
    const reason = active < set.spec.replicas ? 'FailedCreate' : 'FailedDelete';
    const condition: Condition = {
      type: 'ReplicaFailure',
      status: 'True',
      reason,
      message: failure,
      lastTransitionTime: apiTime(now),
    };
    return { conditions: [...(conditions ?? []), condition] };
  }
  if (failure === undefined && current !== undefined) {
    const rest = withoutCondition(conditions, 'ReplicaFailure');
    return rest.length === 0 ? {} : { conditions: rest };
  }
  return conditions === undefined ? {} : { conditions };
}

/** Whether a status differs from the stored one, so that it must be written (updateReplicaSetStatus). */
export function statusChanged(set: ReplicaSet, status: ReplicaSetStatus): boolean {
  return !equal(set.status, status);
}

/** When the next pod becomes available, from the ready time of the one that waits longest; never before 0. */
export function availabilityCheck(readySince: Time, minReadySeconds: number, now: Time): Duration {
  return Math.max(0, readySince + minReadySeconds * SECOND - now);
}
