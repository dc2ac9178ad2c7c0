import { scaledValue } from '../api/int-or-string.js';
import type { IntOrString } from '../api/meta.js';
import type { Deployment, ReplicaSet } from '../api/workloads.js';
import { apiTime } from './conditions.js';

/**
 * How a Deployment sizes its ReplicaSets: pure decisions (pkg/controller/deployment/{rolling,recreate,sync}.go and
 * util/deployment_util.go).
 */

export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';

/** A ReplicaSet to be written with a number of replicas (and its size annotations). */
export interface ScaleChange {
  readonly replicaSet: ReplicaSet;
  readonly replicas: number;
}

/** maxSurge and maxUnavailable in pods; 0 and 0 become 0 and 1 (ResolveFenceposts). */
export function resolveFenceposts(
  maxSurge: IntOrString,
  maxUnavailable: IntOrString,
  replicas: number,
): { readonly surge: number; readonly unavailable: number } {
  const surge = scaledValue(maxSurge, replicas, true);
  const unavailable = scaledValue(maxUnavailable, replicas, false);
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
}

function isRollingUpdate(deployment: Deployment): boolean {
  return deployment.spec.strategy.type === 'RollingUpdate';
}

function fenceposts(deployment: Deployment): { readonly surge: number; readonly unavailable: number } {
  const rolling = deployment.spec.strategy.rollingUpdate ?? { maxSurge: '25%', maxUnavailable: '25%' };
  return resolveFenceposts(rolling.maxSurge, rolling.maxUnavailable, deployment.spec.replicas);
}

/** Pods that may exist above the wanted number during a rolling update (MaxSurge). */
export function maxSurge(deployment: Deployment): number {
  return isRollingUpdate(deployment) ? fenceposts(deployment).surge : 0;
}

/** Pods that may be missing during a rolling update, never more than wanted (MaxUnavailable). */
export function maxUnavailable(deployment: Deployment): number {
  const { replicas } = deployment.spec;
  if (!isRollingUpdate(deployment) || replicas === 0) return 0;
  return Math.min(fenceposts(deployment).unavailable, replicas);
}

/** Σ spec.replicas. */
export function specReplicas(replicaSets: Iterable<ReplicaSet>): number {
  let sum = 0;
  for (const replicaSet of replicaSets) sum += replicaSet.spec.replicas;
  return sum;
}

/** Σ status.availableReplicas. */
export function availableReplicas(replicaSets: Iterable<ReplicaSet>): number {
  let sum = 0;
  for (const replicaSet of replicaSets) sum += replicaSet.status.availableReplicas ?? 0;
  return sum;
}

/** ReplicaSets with replicas wanted (FilterActiveReplicaSets). */
export function active(replicaSets: readonly ReplicaSet[]): ReplicaSet[] {
  return replicaSets.filter((replicaSet) => replicaSet.spec.replicas > 0);
}

/** Order by creation in the API's whole seconds, then name (ReplicaSetsByCreationTimestamp). */
export function byCreation(a: ReplicaSet, b: ReplicaSet): number {
  const seconds = apiTime(a.metadata.creationTimestamp) - apiTime(b.metadata.creationTimestamp);
  return seconds !== 0 ? seconds : compareText(a.metadata.name, b.metadata.name);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Replicas the new ReplicaSet may have now (NewRSNewReplicas): as many as the surge leaves room for.
 * `current` is Σ spec.replicas over all ReplicaSets, the new one included.
 */
export function newReplicaSetReplicas(deployment: Deployment, current: number, own: number): number {
  const { replicas } = deployment.spec;
  if (!isRollingUpdate(deployment)) return replicas;
  const limit = replicas + scaledValue(deployment.spec.strategy.rollingUpdate?.maxSurge ?? '25%', replicas, true);
  if (current >= limit) return own;
  return own + Math.min(limit - current, replicas - own);
}

/** Size that the new ReplicaSet should get in this step of a rolling update (reconcileNewReplicaSet). */
export function reconcileNewReplicaSet(deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]): number {
  const { replicas } = deployment.spec;
  const own = newSet.spec.replicas;
  if (own === replicas) return own;
  if (own > replicas) return replicas;
  return newReplicaSetReplicas(deployment, specReplicas(oldSets) + own, own);
}

/** What a step does to the old ReplicaSets. */
export interface OldReplicaSetsStep {
  /** Writes in order; a set may come twice (first its unavailable pods, then others). */
  readonly changes: readonly ScaleChange[];
  /** Whether the step counts as a scale down, after which the sync only writes the status. */
  readonly scaledDown: boolean;
}

/**
 * What the old ReplicaSets lose in this step (reconcileOldReplicaSets): pods that are not available anyway, oldest set first,
 * then as many more as are above the floor. A set whose status still counts more available pods than it should have ends the
 * step, as the real controller's "invalid request to scale down" error does.
 */
export function reconcileOldReplicaSets(
  deployment: Deployment,
  newSet: ReplicaSet,
  oldSets: readonly ReplicaSet[],
): OldReplicaSetsStep {
  const sets = active(oldSets);
  const old = specReplicas(sets);
  if (old === 0) return { changes: [], scaledDown: false };
  const floor = deployment.spec.replicas - maxUnavailable(deployment);
  const newUnavailable = newSet.spec.replicas - (newSet.status.availableReplicas ?? 0);
  const budget = old + newSet.spec.replicas - floor - newUnavailable;
  if (budget <= 0) return { changes: [], scaledDown: false };
  const ordered = sets.sort(byCreation);
  const sizes = ordered.map((set) => set.spec.replicas);
  const changes: ScaleChange[] = [];
  if (!cleanUpUnhealthy(ordered, sizes, budget, changes)) return { changes, scaledDown: false };
  let left = availableReplicas(ordered) + (newSet.status.availableReplicas ?? 0) - floor;
  for (let i = 0; i < ordered.length && left > 0; i++) {
    const take = Math.min(sizes[i]!, left);
    if (take === 0) continue;
    sizes[i] = sizes[i]! - take;
    left -= take;
    changes.push({ replicaSet: ordered[i]!, replicas: sizes[i]! });
  }
  return { changes, scaledDown: changes.length > 0 };
}

/** Removes replicas that are not available, which costs no availability (cleanupUnhealthyReplicas); false on its error. */
function cleanUpUnhealthy(ordered: readonly ReplicaSet[], sizes: number[], budget: number, changes: ScaleChange[]): boolean {
  let left = budget;
  for (let i = 0; i < ordered.length && left > 0; i++) {
    const unhealthy = sizes[i]! - (ordered[i]!.status.availableReplicas ?? 0);
    if (sizes[i] === 0 || unhealthy === 0) continue;
    if (unhealthy < 0) return false;
    const take = Math.min(left, unhealthy);
    sizes[i] = sizes[i]! - take;
    left -= take;
    changes.push({ replicaSet: ordered[i]!, replicas: sizes[i]! });
  }
  return true;
}

/** The only active ReplicaSet, or the newest when none is active (FindActiveOrLatest). */
function activeOrLatest(newSet: ReplicaSet | undefined, oldSets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const all = newSet === undefined ? oldSets : [...oldSets, newSet];
  const running = active(all);
  if (running.length === 1) return running[0];
  if (running.length > 1 || all.length === 0) return undefined;
  return newSet ?? [...oldSets].sort((a, b) => byCreation(b, a))[0];
}

/** Whether the new ReplicaSet has all the Deployment wants, available (IsSaturated). */
function saturated(deployment: Deployment, set: ReplicaSet | undefined): boolean {
  if (set === undefined) return false;
  const { replicas } = deployment.spec;
  return (
    set.spec.replicas === replicas &&
    Number(set.metadata.annotations?.[DESIRED_REPLICAS]) === replicas &&
    (set.status.availableReplicas ?? 0) === replicas
  );
}

/**
 * Sizes after the wanted number has changed, or while paused (`scale`): shared out in proportion among the active ReplicaSets
 * of a rolling update. The sets listed are written even when only their annotations change.
 */
export function scaleProportionally(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
): readonly ScaleChange[] {
  const { replicas } = deployment.spec;
  const only = activeOrLatest(newSet, oldSets);
  if (only !== undefined) return only.spec.replicas === replicas ? [] : [{ replicaSet: only, replicas }];
  if (saturated(deployment, newSet)) return active(oldSets).sort(byCreation).map((replicaSet) => ({ replicaSet, replicas: 0 }));
  if (!isRollingUpdate(deployment)) return [];
  const sets = active(newSet === undefined ? oldSets : [...oldSets, newSet]);
  const allowed = replicas > 0 ? replicas + maxSurge(deployment) : 0;
  return shareOut(deployment, sets, allowed - specReplicas(sets));
}

/** Shares `toAdd` replicas (negative: to remove) out among ReplicaSets by size; what is left over goes to the largest. */
export function shareOut(deployment: Deployment, sets: readonly ReplicaSet[], toAdd: number): readonly ScaleChange[] {
  const ordered = [...sets].sort(toAdd > 0 ? bySizeNewer : bySizeOlder);
  const sizes: number[] = [];
  let added = 0;
  for (const set of ordered) {
    const share = toAdd === 0 ? 0 : proportion(deployment, set, toAdd, added);
    sizes.push(set.spec.replicas + share);
    added += share;
  }
  if (toAdd !== 0 && ordered.length > 0) sizes[0] = Math.max(0, sizes[0]! + toAdd - added);
  return ordered.map((replicaSet, i) => ({ replicaSet, replicas: sizes[i]! }));
}

function bySizeNewer(a: ReplicaSet, b: ReplicaSet): number {
  return b.spec.replicas - a.spec.replicas || byCreation(b, a);
}

function bySizeOlder(a: ReplicaSet, b: ReplicaSet): number {
  return b.spec.replicas - a.spec.replicas || byCreation(a, b);
}

/** Share of one ReplicaSet, bounded by what is left (GetReplicaSetProportion). */
function proportion(deployment: Deployment, set: ReplicaSet, toAdd: number, added: number): number {
  if (set.spec.replicas === 0 || toAdd === added) return 0;
  const fraction = replicaSetFraction(deployment, set);
  return toAdd > 0 ? Math.min(fraction, toAdd - added) : Math.max(fraction, toAdd - added);
}

/** What a ReplicaSet would gain if all grew alike (getReplicaSetFraction). */
function replicaSetFraction(deployment: Deployment, set: ReplicaSet): number {
  if (deployment.spec.replicas === 0) return -set.spec.replicas;
  const maximum = deployment.spec.replicas + maxSurge(deployment);
  const annotated = Number(set.metadata.annotations?.[MAX_REPLICAS] ?? 0);
  const before = annotated !== 0 ? annotated : (deployment.status.replicas ?? 0);
  if (before === 0) return 0;
  return roundHalfAway((set.spec.replicas * maximum) / before) - set.spec.replicas;
}

function roundHalfAway(value: number): number {
  return value < 0 ? -Math.floor(0.5 - value) : Math.floor(value + 0.5);
}

/** Whether the wanted number has changed since an active ReplicaSet was last sized (isScalingEvent). */
export function isScalingEvent(deployment: Deployment, replicaSets: readonly ReplicaSet[]): boolean {
  for (const set of replicaSets) {
    if (set.spec.replicas === 0) continue;
    const desired = set.metadata.annotations?.[DESIRED_REPLICAS];
    if (desired !== undefined && Number(desired) !== deployment.spec.replicas) return true;
  }
  return false;
}

/** Old ReplicaSets to delete so that revisionHistoryLimit is kept (cleanupDeployment). */
export function historyToDelete(deployment: Deployment, oldSets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const cleanable = oldSets.filter((set) => set.metadata.deletionTimestamp === undefined);
  const excess = cleanable.length - deployment.spec.revisionHistoryLimit;
  if (excess <= 0) return [];
  const ordered = [...cleanable].sort((a, b) => revisionOf(a) - revisionOf(b));
  return ordered
    .slice(0, excess)
    .filter(
      (set) =>
        set.status.replicas === 0 &&
        set.spec.replicas === 0 &&
        set.metadata.generation <= (set.status.observedGeneration ?? 0),
    );
}

export const REVISION = 'deployment.kubernetes.io/revision';

/** Revision number of a ReplicaSet; 0 when it has none. */
export function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.[REVISION] ?? 0);
}

/** A ReplicaSet to be made, or sizes to be written, in one sync. */
export interface DeploymentDecision {
  /** Replicas of the new ReplicaSet when it has to be made first. */
  readonly create: number | undefined;
  readonly changes: readonly ScaleChange[];
}

/**
 * All sizes that one sync writes, given what it reads: the decision that the recordings of real controllers show
 * (syncDeployment without its writes of status). `newSet` is the set with the Deployment's template, if there is one;
 * `oldPodsRunning` whether a Recreate has to wait.
 */
export function decideDeployment(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
  oldPodsRunning = false,
): DeploymentDecision {
  const all = newSet === undefined ? oldSets : [...oldSets, newSet];
  if (deployment.spec.paused === true || isScalingEvent(deployment, all)) {
    return { create: undefined, changes: scaleProportionally(deployment, newSet, oldSets) };
  }
  if (!isRollingUpdate(deployment)) {
    const down = active(oldSets).map((replicaSet) => ({ replicaSet, replicas: 0 }));
    if (down.length > 0 || oldPodsRunning) return { create: undefined, changes: down };
    const { replicas } = deployment.spec;
    if (newSet === undefined) return { create: replicas, changes: [] };
    return { create: undefined, changes: newSet.spec.replicas === replicas ? [] : [{ replicaSet: newSet, replicas }] };
  }
  if (newSet === undefined) return { create: newReplicaSetReplicas(deployment, specReplicas(oldSets), 0), changes: [] };
  const replicas = reconcileNewReplicaSet(deployment, newSet, oldSets);
  if (replicas !== newSet.spec.replicas) return { create: undefined, changes: [{ replicaSet: newSet, replicas }] };
  return { create: undefined, changes: reconcileOldReplicaSets(deployment, newSet, oldSets).changes };
}
