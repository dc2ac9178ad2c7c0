import { scaledValue } from '../../api/int-or-string.js';
import { goDuration } from '../../api/go-duration.js';
import type { PodTemplateSpec } from '../../api/core.js';
import type { BlueGreenStrategy, CanaryStep, CanaryStrategy, Rollout, RolloutStatusFields } from '../../api/rollout-kinds.js';
import type { ReplicaSet } from '../../api/workloads.js';
import { SECOND, type Duration } from '../../kernel/time.js';

/** What a Rollout's spec means: Argo's defaults (argo-rollouts utils/defaults/defaults.go) and its steps. Pure. */

/** Label that tells ReplicaSets of one Rollout apart, on their pods and in the selectors of its Services. */
export const ROLLOUT_HASH = 'rollouts-pod-template-hash';

const DEFAULT_PROGRESS_DEADLINE = 600;
const DEFAULT_SCALE_DOWN_DELAY = 30;
const DEFAULT_MAX_SURGE = '25%';
const DEFAULT_HISTORY = 10;

export function replicasOf(rollout: Rollout): number {
  return rollout.spec.replicas ?? 1;
}

export function progressDeadline(rollout: Rollout): Duration {
  return (rollout.spec.progressDeadlineSeconds ?? DEFAULT_PROGRESS_DEADLINE) * SECOND;
}

export function historyLimit(rollout: Rollout): number {
  return rollout.spec.revisionHistoryLimit ?? DEFAULT_HISTORY;
}

/** maxSurge and maxUnavailable in pods; both 0 become 0 and 1. */
export function limitsOf(rollout: Rollout): { readonly surge: number; readonly unavailable: number } {
  const { canary } = rollout.spec.strategy;
  const replicas = replicasOf(rollout);
  const surge = scaledValue(canary?.maxSurge ?? DEFAULT_MAX_SURGE, replicas, true);
  const unavailable = Math.min(replicas, scaledValue(canary?.maxUnavailable ?? DEFAULT_MAX_SURGE, replicas, false));
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
}

/** How long old pods stay after a promotion: 30 s where traffic is switched by a selector or router, else not at all. */
export function scaleDownDelay(strategy: { readonly canary?: CanaryStrategy; readonly blueGreen?: BlueGreenStrategy }): Duration {
  const { canary, blueGreen } = strategy;
  if (blueGreen !== undefined) return (blueGreen.scaleDownDelaySeconds ?? DEFAULT_SCALE_DOWN_DELAY) * SECOND;
  if (canary?.trafficRouting === undefined) return 0;
  return (canary.scaleDownDelaySeconds ?? DEFAULT_SCALE_DOWN_DELAY) * SECOND;
}

/** How long pods of an aborted version stay; Infinity: they are never scaled down (0 in the manifest). */
export function abortScaleDownDelay(strategy: { readonly canary?: CanaryStrategy; readonly blueGreen?: BlueGreenStrategy }): Duration {
  const seconds = (strategy.blueGreen ?? strategy.canary)?.abortScaleDownDelaySeconds ?? DEFAULT_SCALE_DOWN_DELAY;
  return seconds === 0 ? Number.POSITIVE_INFINITY : seconds * SECOND;
}

export function maxWeight(canary: CanaryStrategy): number {
  return canary.trafficRouting?.maxTrafficWeight ?? 100;
}

export function pauseDuration(step: CanaryStep): Duration | undefined {
  const duration = step.pause?.duration;
  return duration === undefined ? undefined : (goDuration(duration) ?? 0);
}

/** Weight of the step that a rollout is at: the last setWeight up to it, all after the last step, none when aborted. */
export function currentWeight(canary: CanaryStrategy, status: RolloutStatusFields, index: number): number {
  if (status.abort === true) return 0;
  const steps = canary.steps ?? [];
  if (index >= steps.length) return maxWeight(canary);
  for (let i = index; i >= 0; i--) {
    const weight = steps[i]!.setWeight;
    if (weight !== undefined) return weight;
  }
  return 0;
}

/** The setCanaryScale in force at a step; undefined: the weight decides (UseSetCanaryScale). */
export function canaryScale(canary: CanaryStrategy, index: number): CanaryStep['setCanaryScale'] {
  const steps = canary.steps ?? [];
  if (canary.trafficRouting === undefined || index >= steps.length) return undefined;
  for (let i = index; i >= 0; i--) {
    const scale = steps[i]!.setCanaryScale;
    if (scale !== undefined) return scale.matchTrafficWeight === true ? undefined : scale;
  }
  return undefined;
}

/** The mirror and header routes in force at a step: the last of each name holds; one without match or percentage removes it. */
export function managedRoutes(canary: CanaryStrategy, index: number): { readonly mirror: number; readonly header: boolean } {
  const mirrors = new Map<string, number>();
  const headers = new Map<string, boolean>();
  for (const { setMirrorRoute, setHeaderRoute } of (canary.steps ?? []).slice(0, index + 1)) {
    if (setMirrorRoute !== undefined) mirrors.set(setMirrorRoute.name, setMirrorRoute.match === undefined ? 0 : (setMirrorRoute.percentage ?? 100));
    if (setHeaderRoute !== undefined) headers.set(setHeaderRoute.name, (setHeaderRoute.match?.length ?? 0) > 0);
  }
  return { mirror: Math.max(0, ...mirrors.values()), header: [...headers.values()].includes(true) };
}

const PER_CENT = 100;

/** Whether so many available pods of the canary are enough to go on when `desired` are wanted (ReplicaProgressThresholdMet). */
export function enoughAvailable(canary: CanaryStrategy, set: ReplicaSet | undefined, desired: number): boolean {
  const threshold = canary.replicaProgressThreshold;
  const there = set?.status.availableReplicas ?? 0;
  if (threshold === undefined || set === undefined || threshold.value < 0) return set !== undefined && set.spec.replicas === desired && there === desired;
  if (threshold.type !== 'Percent') return there >= threshold.value;
  return desired === 0 || there * PER_CENT >= threshold.value * desired;
}

/** ReplicaSets of a Rollout as its controller tells them apart. */
export interface RolloutSets {
  readonly current: ReplicaSet | undefined;
  /** Undefined also when it is the current one. */
  readonly stable: ReplicaSet | undefined;
  readonly older: readonly ReplicaSet[];
}

/** Sorts ReplicaSets by their hashes. */
export function sortSets(sets: readonly ReplicaSet[], currentHash: string, stableHash: string): RolloutSets {
  const hash = (set: ReplicaSet): string | undefined => set.metadata.labels?.[ROLLOUT_HASH];
  const current = sets.find((set) => hash(set) === currentHash);
  const stable = stableHash === currentHash ? undefined : sets.find((set) => hash(set) === stableHash);
  return { current, stable, older: sets.filter((set) => set !== current && set !== stable) };
}

/**
 * Whether the template is that of a version before the stable one, by less than so many revisions: then no steps, pauses or analyses are
 * needed (isRollbackWithinWindow).
 */
export function rollsBackInWindow({ rollout, sets: { current, stable, older } }: { readonly rollout: Rollout; readonly sets: RolloutSets }): boolean {
  const revisions = rollout.spec.rollbackWindow?.revisions ?? 0;
  if (revisions <= 0 || current === undefined || stable === undefined) return false;
  const [from, to] = [current.metadata.creationTimestamp, stable.metadata.creationTimestamp];
  return from < to && older.filter(({ metadata: { creationTimestamp } }) => creationTimestamp > from && creationTimestamp < to).length < revisions;
}

/** How many old ReplicaSets may keep their pods for the delay; the others lose them at once. */
export function scaleDownRevisionLimit({ canary, blueGreen }: { readonly canary?: CanaryStrategy; readonly blueGreen?: BlueGreenStrategy }): number {
  return (blueGreen ?? canary)?.scaleDownDelayRevisionLimit ?? Number.POSITIVE_INFINITY;
}

/** A template with the hash among its labels. */
export function hashedTemplate(template: PodTemplateSpec, hash: string): PodTemplateSpec {
  return { ...template, metadata: { ...template.metadata, labels: { ...template.metadata.labels, [ROLLOUT_HASH]: hash } } };
}
