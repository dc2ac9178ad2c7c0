import type { StatefulSet, StatefulSetStatus } from '../api/apps.js';
import { isPodAvailable, isPodReady, type Pod, podCondition } from '../api/core.js';
import { type Duration, SECOND, type Time } from '../kernel/time.js';
import { scaledValue } from '../api/int-or-string.js';
import { REVISION_LABEL } from './revisions.js';
import { type ClaimLookup, existingClaims, hasStaleClaim, isClaimOwnerUpToDate } from './stateful-set-claims.js';
import { claimsFor, isConsistent, isInRange, ordinalOf, startOrdinal } from './stateful-set-pods.js';

/** What a StatefulSet does next: pure (pkg/controller/statefulset/stateful_set_control.go). */

/** Pods of a set as its ordinals see them. */
export interface StatefulSetView {
  readonly set: StatefulSet;
  /** All owned pods, in any order. */
  readonly pods: readonly Pod[];
  readonly currentRevision: string;
  readonly updateRevision: string;
  /** Gate MaxUnavailableStatefulSet. */
  readonly maxUnavailableGate: boolean;
  /** The volume claims that there are. */
  readonly claims: ClaimLookup;
  readonly now: Time;
}

export interface StatefulPodCreation {
  readonly ordinal: number;
  /** Name of the revision whose template the pod gets. */
  readonly revision: string;
}

export interface StatefulPodDeletion {
  readonly pod: Pod;
  /** Why a finished pod is made anew; absent for scale-downs and updates. */
  readonly reason?: 'RecreatingFailedPod' | 'RecreatingTerminatedPod';
}

/** Something about an existing pod, or its claims, that is not as it should be. */
export interface StatefulFix {
  readonly pod: Pod;
  /** Claims that do not exist are made. */
  readonly makeClaims: boolean;
  /** The pod itself is written too (UpdateStatefulPod). */
  readonly writePod: boolean;
}

/** Writes in order; creations and deletions of one list may go together (Parallel), else there is at most one of each. */
export interface StatefulSetPlan {
  readonly fix: readonly StatefulFix[];
  readonly create: readonly StatefulPodCreation[];
  readonly remove: readonly StatefulPodDeletion[];
  readonly status: StatefulSetStatus;
}

function revisionOf(pod: Pod): string {
  return pod.metadata.labels?.[REVISION_LABEL] ?? '';
}

function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

function isRunningAndReady(pod: Pod): boolean {
  return pod.status.phase === 'Running' && isPodReady(pod);
}

function isAvailable(pod: Pod, set: StatefulSet, now: Time): boolean {
  return pod.status.phase === 'Running' && isPodAvailable(pod, set.spec.minReadySeconds ?? 0, now);
}

function partitionOf(set: StatefulSet): number {
  return set.spec.updateStrategy.rollingUpdate?.partition ?? 0;
}

/** Revision that a new pod gets: the current one below the partition (newVersionedStatefulSetPod). */
function revisionFor(view: StatefulSetView, ordinal: number): string {
  const { set } = view;
  const { type, rollingUpdate } = set.spec.updateStrategy;
  if (type !== 'RollingUpdate') return view.updateRevision;
  // Without a partition the count of pods at the current revision decides, as the status has it (isCurrentRevisionNeeded).
  const below = rollingUpdate === undefined ? (set.status.currentReplicas ?? 0) : partitionOf(set);
  return ordinal < startOrdinal(set) + below ? view.currentRevision : view.updateRevision;
}

/** From now until the next ready pod becomes available; undefined: none will (FindMinNextPodAvailabilityCheck). */
export function nextAvailability(pods: readonly Pod[], minReadySeconds: number, now: Time): Duration | undefined {
  let next: Duration | undefined;
  for (const pod of pods) {
    const since = isPodReady(pod) ? podCondition(pod, 'Ready')?.lastTransitionTime : undefined;
    if (since === undefined) continue;
    const wait = since + minReadySeconds * SECOND - now;
    if (wait > 0 && (next === undefined || wait < next)) next = wait;
  }
  return next;
}

/** Plans one sync. */
export function planStatefulSet(view: StatefulSetView): StatefulSetPlan {
  const { set } = view;
  const start = startOrdinal(set);
  const replicas: (Pod | undefined)[] = new Array<Pod | undefined>(set.spec.replicas).fill(undefined);
  const condemned: Pod[] = [];
  for (const pod of view.pods) {
    const ordinal = ordinalOf(pod);
    if (ordinal < 0) continue;
    if (isInRange(pod, set)) replicas[ordinal - start] = pod;
    else condemned.push(pod);
  }
  condemned.sort((a, b) => ordinalOf(b) - ordinalOf(a));
  const status = statusOf(view, replicas, condemned);
  const fix: StatefulFix[] = [];
  const create: StatefulPodCreation[] = [];
  const remove: StatefulPodDeletion[] = [];
  const plan = { fix, create, remove, status };
  if (set.metadata.deletionTimestamp !== undefined) return plan;
  const monotonic = set.spec.podManagementPolicy !== 'Parallel';
  if (planReplicas(view, replicas, monotonic, plan)) return plan;
  for (const pod of condemned) if (!claimsMatchPolicy(view, pod)) fix.push({ pod, makeClaims: false, writePod: false });
  if (planCondemned(view, condemned, firstUnhealthy(view, replicas, condemned), monotonic, remove)) return plan;
  if (set.spec.updateStrategy.type === 'OnDelete') return plan;
  return { ...plan, status: planUpdate(view, replicas, status, remove) };
}

/** Ascending ordinals; true when the sync ends here. */
function planReplicas(
  view: StatefulSetView,
  replicas: readonly (Pod | undefined)[],
  monotonic: boolean,
  { fix, create, remove }: { fix: StatefulFix[]; create: StatefulPodCreation[]; remove: StatefulPodDeletion[] },
): boolean {
  const { set } = view;
  const start = startOrdinal(set);
  for (let i = 0; i < replicas.length; i++) {
    const pod = replicas[i];
    if (pod === undefined) {
      const ordinal = start + i;
      // A claim that goes with the pod of that name before has to go first.
      if (!hasStaleClaim(set, ordinal, view.claims)) create.push({ ordinal, revision: revisionFor(view, ordinal) });
      if (monotonic) return true;
      continue;
    }
    const { phase } = pod.status;
    if (phase === 'Failed' || phase === 'Succeeded') {
      const reason = phase === 'Failed' ? 'RecreatingFailedPod' : 'RecreatingTerminatedPod';
      if (!isTerminating(pod)) remove.push({ pod, reason });
      if (monotonic) return true;
      continue;
    }
    const ownersFit = claimsMatchPolicy(view, pod);
    if (phase === 'Pending' && (!ownersFit || lacksClaim(view, pod))) fix.push({ pod, makeClaims: true, writePod: false });
    if (monotonic && (isTerminating(pod) || !isRunningAndReady(pod) || !isAvailable(pod, set, view.now))) return true;
    if (!ownersFit || !isConsistent(set, pod)) fix.push({ pod, makeClaims: !isConsistent(set, pod), writePod: true });
  }
  return false;
}

function claimsMatchPolicy({ set, claims }: StatefulSetView, pod: Pod): boolean {
  return existingClaims(set, pod, claims).every((claim) => isClaimOwnerUpToDate(claim, set, pod));
}

function lacksClaim({ set, claims }: StatefulSetView, pod: Pod): boolean {
  return claimsFor(set, ordinalOf(pod)).some(({ metadata }) => claims.get(`${metadata.namespace}/${metadata.name}`) === undefined);
}

function firstUnhealthy(view: StatefulSetView, replicas: readonly (Pod | undefined)[], condemned: readonly Pod[]): Pod | undefined {
  const isUnhealthy = (pod: Pod | undefined): boolean => pod !== undefined && (isTerminating(pod) || !isAvailable(pod, view.set, view.now));
  return replicas.find(isUnhealthy) ?? [...condemned].reverse().find(isUnhealthy);
}

/** From the highest ordinal above the wanted ones; true when the sync ends here. */
function planCondemned(
  view: StatefulSetView,
  condemned: readonly Pod[],
  unhealthy: Pod | undefined,
  monotonic: boolean,
  remove: StatefulPodDeletion[],
): boolean {
  for (const pod of condemned) {
    if (isTerminating(pod)) {
      if (monotonic) return true;
      continue;
    }
    if (monotonic && pod !== unhealthy && (!isRunningAndReady(pod) || !isAvailable(pod, view.set, view.now))) return true;
    remove.push({ pod });
    if (monotonic) return true;
  }
  return false;
}

/** From the highest ordinal down to the partition: one outdated pod, when all above are available. */
function planUpdate(
  view: StatefulSetView,
  replicas: readonly (Pod | undefined)[],
  status: StatefulSetStatus,
  remove: StatefulPodDeletion[],
): StatefulSetStatus {
  const { set } = view;
  const isUnavailable = (pod: Pod | undefined): boolean => pod === undefined || isTerminating(pod) || !isAvailable(pod, set, view.now);
  let allowed = 1;
  const counting = view.maxUnavailableGate;
  if (counting) {
    const { maxUnavailable = 1 } = set.spec.updateStrategy.rollingUpdate ?? {};
    allowed = Math.max(1, scaledValue(maxUnavailable, set.spec.replicas, false));
    // Pods that are unavailable anyway use up the allowance, those that are still to be updated too.
    for (const pod of replicas) if (isUnavailable(pod)) allowed--;
  }
  let removed = 0;
  for (let i = replicas.length - 1; i >= partitionOf(set) && removed < allowed; i--) {
    const pod = replicas[i];
    if (pod !== undefined && revisionOf(pod) !== view.updateRevision && !isTerminating(pod)) {
      remove.push({ pod });
      removed++;
      if (!counting) break;
      continue;
    }
    if (!counting && isUnavailable(pod)) break;
  }
  if (removed === 0) return status;
  const current = (status.currentReplicas ?? 0) - removed;
  const { currentReplicas: _, ...rest } = status;
  return current > 0 ? { ...rest, currentReplicas: current } : rest;
}

/** Counters from all pods, and the end of a rolling update (updateStatus, completeRollingUpdate). */
function statusOf(view: StatefulSetView, replicas: readonly (Pod | undefined)[], condemned: readonly Pod[]): StatefulSetStatus {
  const { set } = view;
  let count = 0;
  let ready = 0;
  let available = 0;
  let current = 0;
  let updated = 0;
  for (const pod of [...replicas, ...condemned]) {
    if (pod === undefined) continue;
    count++;
    if (isRunningAndReady(pod)) {
      ready++;
      if (isAvailable(pod, set, view.now)) available++;
    }
    if (isTerminating(pod)) continue;
    if (revisionOf(pod) === view.currentRevision) current++;
    if (revisionOf(pod) === view.updateRevision) updated++;
  }
  return {
    observedGeneration: set.metadata.generation,
    replicas: count,
    ...(ready > 0 ? { readyReplicas: ready } : {}),
    ...(current > 0 ? { currentReplicas: current } : {}),
    ...(updated > 0 ? { updatedReplicas: updated } : {}),
    availableReplicas: available,
    currentRevision: view.currentRevision,
    updateRevision: view.updateRevision,
    collisionCount: set.status.collisionCount ?? 0,
    ...(set.status.conditions === undefined ? {} : { conditions: set.status.conditions }),
  };
}

/** The status with the update revision as the current one, when all replicas have it and are ready (completeRollingUpdate). */
export function completeRollingUpdate(set: StatefulSet, status: StatefulSetStatus): StatefulSetStatus {
  const { replicas } = set.spec;
  const complete =
    set.spec.updateStrategy.type === 'RollingUpdate' &&
    (status.updatedReplicas ?? 0) === replicas &&
    (status.readyReplicas ?? 0) === replicas &&
    status.replicas === replicas;
  if (!complete) return status;
  const { currentReplicas: _, ...rest } = status;
  const updated = status.updatedReplicas ?? 0;
  return { ...rest, ...(updated > 0 ? { currentReplicas: updated } : {}), ...(status.updateRevision === undefined ? {} : { currentRevision: status.updateRevision }) };
}
