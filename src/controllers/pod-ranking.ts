import { isPodReady, podCondition, type ContainerStatus, type Pod } from '../api/core.js';
import { SECOND, type Time } from '../kernel/time.js';

/** Which pods go first when there are too many: pure (controller_utils.go ActivePodsWithRanks). */

/** Annotation by which a pod says how dear its deletion is (core/v1 PodDeletionCost). */
export const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

/** A pod with what its rank depends on; computed once for each comparison run. */
export interface RankedPod {
  readonly pod: Pod;
  /** Active pods of the same owner's ReplicaSets on the same node. */
  readonly rank: number;
}

/** Phases in order of deletion. */
export const PHASE_ORDER: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/** Order of deletion: negative when `a` goes first. */
export function compareForDeletion(a: RankedPod, b: RankedPod, now: Time): number {
  const left = a.pod;
  const right = b.pod;
  const assigned = Number(isAssigned(left)) - Number(isAssigned(right));
  if (assigned !== 0) return assigned;
  const phase = (PHASE_ORDER[left.status.phase] ?? 0) - (PHASE_ORDER[right.status.phase] ?? 0);
  if (phase !== 0) return phase;
  const leftReady = isPodReady(left);
  const ready = Number(leftReady) - Number(isPodReady(right));
  if (ready !== 0) return ready;
  const cost = deletionCost(left) - deletionCost(right);
  if (cost !== 0) return cost;
  if (a.rank !== b.rank) return b.rank - a.rank;
  if (leftReady) {
    const order = compareAges(readySince(left), readySince(right), left, right, now);
    if (order !== 0) return order;
  }
  const restarts = maxContainerRestarts(right) - maxContainerRestarts(left);
  if (restarts !== 0) return restarts;
  const sidecars = maxRestarts(right.status.initContainerStatuses) - maxRestarts(left.status.initContainerStatuses);
  if (sidecars !== 0) return sidecars;
  return compareAges(seconds(left.metadata.creationTimestamp), seconds(right.metadata.creationTimestamp), left, right, now);
}

/** Younger first, by power-of-two buckets of the age; within a bucket the lower uid. 0 when the times are equal. */
function compareAges(left: Time, right: Time, a: Pod, b: Pod, now: Time): number {
  if (left === right) return 0;
  const buckets = ageBucket(now - left) - ageBucket(now - right);
  if (buckets !== 0) return buckets;
  return a.metadata.uid < b.metadata.uid ? -1 : 1;
}

/** trunc(log2(nanoseconds)); −1 for nothing or less. */
export function ageBucket(age: number): number {
  if (!(age > 0)) return -1;
  let bucket = 0;
  let rest = Math.floor(age / 4294967296);
  if (rest > 0) bucket = 32;
  else rest = age >>> 0;
  return bucket + 31 - Math.clz32(rest);
}

/** API timestamps have whole seconds. */
function seconds(time: Time): Time {
  return Math.floor(time / SECOND) * SECOND;
}

function readySince(pod: Pod): Time {
  return seconds(podCondition(pod, 'Ready')?.lastTransitionTime ?? 0);
}

/** Whether a pod has a node. */
export function isAssigned(pod: Pod): boolean {
  return pod.spec.nodeName !== undefined && pod.spec.nodeName !== '';
}

/** Deletion cost of a pod; 0 when it states none. */
export function deletionCost(pod: Pod): number {
  const cost = pod.metadata.annotations?.[DELETION_COST];
  return cost === undefined || cost === '' ? 0 : Number(cost);
}

/** Highest restart count among a pod's containers. */
export function maxContainerRestarts(pod: Pod): number {
  return maxRestarts(pod.status.containerStatuses);
}

function maxRestarts(statuses: readonly ContainerStatus[] | undefined): number {
  let maximum = 0;
  for (const status of statuses ?? []) maximum = Math.max(maximum, status.restartCount);
  return maximum;
}

/** Related active pods by node. */
export interface RanksByNode {
  rank(node: string): number;
}

/**
 * The `count` pods to delete, first one first (getPodsToDelete). `related` counts related active pods by node name. When all
 * go, their order is the one given.
 */
export function podsToDelete(pods: readonly Pod[], related: RanksByNode, count: number, now: Time): readonly Pod[] {
  if (count >= pods.length) return pods;
  const ranked = pods.map((pod): RankedPod => ({ pod, rank: related.rank(pod.spec.nodeName ?? '') }));
  return ranked
    .sort((a, b) => compareForDeletion(a, b, now))
    .slice(0, count)
    .map((entry) => entry.pod);
}
