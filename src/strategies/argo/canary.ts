import type { CanaryStep, CanaryStrategy } from '../../api/rollout-kinds.js';
import { available, type Draft, isAt, scaleDownAll, scaleDownLater } from './change.js';
import { experimentDone } from './experiment.js';
import { approximateCounts, basicCanary, type ReplicaPair, routedCanary, type SetSize } from './replicas.js';
import type { ReplicaSet } from '../../api/workloads.js';
import {
  abortScaleDownDelay,
  canaryScale,
  currentWeight,
  enoughAvailable,
  limitsOf,
  managedRoutes,
  maxWeight,
  pauseDuration,
  replicasOf,
  rollsBackInWindow,
  scaleDownDelay,
  scaleDownRevisionLimit,
} from './rollout-spec.js';

/** One look at a Rollout with the canary strategy (argo-rollouts rollout/canary.go, trafficrouting.go, sync.go). Pure. */

/** Decides sizes, weights and the step. The ReplicaSet of the template exists, `status` belongs to its hash. */
export function reconcileCanary(draft: Draft, canary: CanaryStrategy, runName: (suffix: string) => string): void {
  const { view } = draft;
  const { hash, sets } = view;
  const steps = canary.steps ?? [];
  const routed = canary.trafficRouting !== undefined && canary.canaryService !== undefined && canary.stableService !== undefined;
  const { stable } = sets;
  if (draft.status.abort === true) draft.set({ currentStepIndex: 0 });
  else if (stable === undefined || draft.status.promoteFull === true || rollsBackInWindow(view)) draft.set({ currentStepIndex: steps.length });
  const index = Math.min(draft.status.currentStepIndex ?? 0, steps.length);
  const size = sizes(draft, canary, index, routed);
  scale(draft, canary, size, routed);
  if (routed) route(draft, canary, index, size, stable === undefined);
  analyseCanary(draft, canary, index, runName);
  if (draft.status.abort === true) return;
  if (stable !== undefined && index < steps.length) {
    if (stepDone(draft, steps[index]!, canary, index, routed, runName)) draft.set({ currentStepIndex: index + 1 });
    return;
  }
  // shouldFullPromote: all steps done and the replicas of the new version available, as many as are asked for.
  const wanted = replicasOf(view.rollout);
  if ((available(sets.current) >= wanted || enoughAvailable(canary, sets.current, wanted)) && draft.status.stableRS !== hash) {
    draft.set({ stableRS: hash, currentStepIndex: steps.length });
    draft.drop('promoteFull');
    draft.stopAnalyses();
    if (routed) draft.selectors.push({ service: canary.stableService!, hash });
  }
}

/** Where sizes are going at a step, whatever the limits on the way. */
function desired(draft: Draft, canary: CanaryStrategy, index: number, routed: boolean): ReplicaPair {
  const replicas = replicasOf(draft.view.rollout);
  if (draft.view.sets.stable === undefined) return { canary: replicas, stable: 0 };
  const weight = currentWeight(canary, draft.status, index);
  if (!routed) return approximateCounts(replicas, weight, limitsOf(draft.view.rollout).surge, maxWeight(canary));
  const asked = draft.status.abort === true ? undefined : canaryScale(canary, index);
  return routedCanary({
    replicas,
    maxWeight: maxWeight(canary),
    weight,
    actualWeight: draft.status.canaryWeight ?? 0,
    ...(asked === undefined ? {} : { scale: asked }),
    dynamicStableScale: canary.dynamicStableScale === true,
    minPods: canary.minPodsPerReplicaSet ?? 0,
    aborted: draft.status.abort === true,
  });
}

function sizes(draft: Draft, canary: CanaryStrategy, index: number, routed: boolean): ReplicaPair {
  if (routed) return desired(draft, canary, index, true);
  const { current, stable, older } = draft.view.sets;
  const { surge, unavailable } = limitsOf(draft.view.rollout);
  return basicCanary({
    replicas: replicasOf(draft.view.rollout),
    weight: currentWeight(canary, draft.status, index),
    surge,
    unavailable,
    canary: sizeOf(current),
    stable: sizeOf(stable),
    older: older.reduce((sum, set) => sum + set.spec.replicas, 0),
  });
}

function sizeOf(set: ReplicaSet | undefined): SetSize | null {
  return set === undefined ? null : { replicas: set.spec.replicas, available: available(set) };
}

function scale(draft: Draft, canary: CanaryStrategy, size: ReplicaPair, routed: boolean): void {
  const { current, stable, older } = draft.view.sets;
  const strategy = draft.view.rollout.spec.strategy;
  const shrinks = current !== undefined && size.canary < current.spec.replicas;
  if (routed && shrinks && stable !== undefined) {
    // Users first: a canary only shrinks when the router sends it no more than it keeps room for.
    if (draft.status.abort === true) {
      if (canary.dynamicStableScale === true) draft.size(current, size.canary);
      else if ((draft.status.canaryWeight ?? 0) === 0) scaleDownLater(draft, current, abortScaleDownDelay(strategy));
    } else draft.size(current, size.canary, null);
  } else draft.size(current, size.canary, routed ? null : undefined);
  draft.size(stable, size.stable);
  if (routed) scaleDownAll(draft, older, canary.dynamicStableScale === true ? 0 : scaleDownDelay(strategy), scaleDownRevisionLimit(strategy));
  else scaleDownOlder(draft);
}

/** Older sets go as far as enough other pods are available (scaleDownOldReplicaSetsForCanary). */
function scaleDownOlder(draft: Draft): void {
  const { current, stable, older } = draft.view.sets;
  const { rollout } = draft.view;
  const floor = replicasOf(rollout) - limitsOf(rollout).unavailable;
  const all = [current, stable, ...older];
  let spare = all.reduce((sum, set) => sum + available(set), 0) - floor;
  for (const set of older) {
    if (set.spec.replicas === 0) continue;
    const broken = set.spec.replicas - Math.min(set.spec.replicas, available(set));
    const take = Math.min(set.spec.replicas, broken + Math.max(0, spare));
    if (take === 0) continue;
    spare -= Math.max(0, take - broken);
    draft.size(set, set.spec.replicas - take);
  }
}

/** Weights that the router gets: those of the step once its canary pods are there, what they were before (reconcileTrafficRouting). */
function route(draft: Draft, canary: CanaryStrategy, index: number, size: ReplicaPair, promoted: boolean): void {
  const { status, view } = draft;
  const { current, stable } = view.sets;
  const before = status.canaryWeight ?? 0;
  let weight = before;
  let mirror = 0;
  let header = false;
  if (promoted || status.abort === true || available(current) === 0) weight = 0;
  else {
    if (enoughAvailable(canary, current, size.canary) || canary.dynamicStableScale === true) {
      weight = Math.min(currentWeight(canary, status, index), shareAvailable(draft, canary));
    }
    ({ mirror, header } = managedRoutes(canary, index));
  }
  if (stable === undefined && status.stableRS !== view.hash && status.stableRS !== undefined) return;
  draft.route = { canary: weight, mirror, header };
  draft.set({ canaryWeight: weight });
  draft.selectors.push({ service: canary.canaryService!, hash: view.hash });
  draft.selectors.push({ service: canary.stableService!, hash: stable === undefined || status.stableRS === undefined ? view.hash : status.stableRS });
}

/** With dynamicStableScale the weight follows the pods that are there. */
function shareAvailable(draft: Draft, canary: CanaryStrategy): number {
  const most = maxWeight(canary);
  if (canary.dynamicStableScale !== true) return most;
  return Math.floor((most * available(draft.view.sets.current)) / Math.max(1, replicasOf(draft.view.rollout)));
}

function analyseCanary(draft: Draft, canary: CanaryStrategy, index: number, runName: (suffix: string) => string): void {
  const steps = canary.steps ?? [];
  const { stable } = draft.view.sets;
  const open = stable !== undefined && index < steps.length && draft.status.abort !== true;
  if (!open) {
    draft.stopAnalyses();
    return;
  }
  if (canary.analysis !== undefined && index >= (canary.analysis.startingStep ?? 0)) {
    const name = runName('');
    if (draft.analysis('background', name) === undefined) draft.analyse('background', name, canary.analysis);
  }
}

/** Whether the step that the rollout is at is over (completedCurrentCanaryStep). */
function stepDone(
  draft: Draft,
  step: CanaryStep,
  canary: CanaryStrategy,
  index: number,
  routed: boolean,
  runName: (suffix: string) => string,
): boolean {
  if (draft.pausedBy('InconclusiveAnalysisRun') !== undefined) return false;
  if (step.pause !== undefined) return pauseDone(draft, step);
  if (step.analysis !== undefined) {
    const name = runName(`-${index}`);
    const phase = draft.analysis('step', name);
    if (phase === undefined) draft.analyse('step', name, step.analysis);
    return phase === 'Successful' || (phase === 'Inconclusive' && draft.promoted('InconclusiveAnalysisRun'));
  }
  if (step.experiment !== undefined) return experimentDone(draft, step.experiment, runName(`-${index}`));
  if (step.setWeight === undefined && step.setCanaryScale === undefined) return true;
  const { current, stable, older } = draft.view.sets;
  const goal = desired(draft, canary, index, routed);
  const there = enoughAvailable(canary, current, goal.canary) && isAt(stable, goal.stable) && (routed || older.every((set) => available(set) === 0));
  return there && (step.setWeight === undefined || !routed || (draft.view.rollout.status.canaryWeight ?? 0) === step.setWeight);
}

function pauseDone(draft: Draft, step: CanaryStep): boolean {
  const { now } = draft.view;
  const since = draft.pausedBy('CanaryPauseStep')?.startTime;
  if (since === undefined) {
    if (draft.promoted('CanaryPauseStep')) {
      draft.drop('controllerPause');
      return true;
    }
    draft.pause('CanaryPauseStep');
    const duration = pauseDuration(step);
    if (duration !== undefined) draft.later(now + duration);
    return false;
  }
  const duration = pauseDuration(step);
  if (duration === undefined) return false;
  if (now < since + duration) {
    draft.later(since + duration);
    return false;
  }
  draft.resume('CanaryPauseStep');
  return true;
}
