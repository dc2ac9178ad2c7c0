import type { Rollout, RolloutStatusFields } from '../../api/rollout-kinds.js';
import { reconcileBlueGreen } from './blue-green.js';
import { reconcileCanary } from './canary.js';
import { tidyExperiments } from './experiment.js';
import { available, counts, Draft, isHealthy, isOpen, type RolloutChange, type RolloutView } from './change.js';
import { historyLimit, progressDeadline, replicasOf } from './rollout-spec.js';

/** What a look at a Rollout leads to (argo-rollouts rollout/controller.go syncHandler). Pure. */
export function reconcileRollout(view: RolloutView): RolloutChange {
  const draft = new Draft(view);
  const { rollout, hash, sets, now } = view;
  if (draft.status.currentPodHash !== hash) newVersion(draft);
  draft.set({ ...counts(view), observedGeneration: String(rollout.metadata.generation) });
  draft.set(progress(draft));
  if (sets.current === undefined) {
    draft.create = true;
    return done(draft);
  }
  if (rollout.spec.paused === true) return done(draft);
  if (draft.status.abort === true && draft.status.abortedAt === undefined) abortedByUser(draft);
  if (draft.status.promoteFull === true) draft.drop('pauseConditions', 'controllerPause');
  readAnalyses(draft);
  checkDeadline(draft);
  const attempt = draft.status.abortedAt === undefined || draft.status.abort === true ? '' : `.${Math.floor(draft.status.abortedAt / 1e9)}`;
  const runName = (suffix: string): string => `${rollout.metadata.name}-${hash}${suffix}${attempt}`;
  const { canary, blueGreen } = rollout.spec.strategy;
  if (canary !== undefined) reconcileCanary(draft, canary, runName);
  else if (blueGreen !== undefined) reconcileBlueGreen(draft, blueGreen, runName);
  // The time of a pause does not count.
  if (rollout.status.controllerPause === true && draft.status.controllerPause !== true) draft.set({ progressedAt: now });
  draft.later(deadlineAt(draft));
  tidyExperiments(draft);
  removeHistory(draft);
  if (draft.again <= now) draft.again = now;
  return done(draft);
}

/** A user has set the flag alone. */
function abortedByUser(draft: Draft): void {
  draft.set({ abort: false });
  draft.abort('RolloutAborted: aborted by a user');
}

/** The template is new: the steps begin again, and what belonged to the version before ends. */
function newVersion(draft: Draft): void {
  const { hash, rollout, now } = draft.view;
  draft.stopAnalyses();
  draft.drop('pauseConditions', 'controllerPause', 'abort', 'abortedAt', 'promoteFull', 'analyses', 'experiment', 'message');
  const steps = rollout.spec.strategy.canary?.steps?.length ?? 0;
  // The stable version comes back: its pods are there, so that no steps are needed.
  const currentStepIndex = draft.status.stableRS === hash ? steps : 0;
  const { activeSelector } = draft.status.blueGreen ?? {};
  draft.set({ currentPodHash: hash, currentStepIndex, progressedAt: now });
  if (activeSelector !== undefined) draft.set({ blueGreen: { activeSelector } });
}

/** Whether pods came nearer to what is wanted since the last look. */
function progress(draft: Draft): RolloutStatusFields {
  const before = draft.view.rollout.status;
  const { status } = draft;
  const moved =
    status.updatedReplicas !== before.updatedReplicas ||
    status.availableReplicas !== before.availableReplicas ||
    status.replicas !== before.replicas;
  return moved || status.progressedAt === undefined ? { progressedAt: draft.view.now } : {};
}

function deadlineAt(draft: Draft): number {
  const { status, view } = draft;
  const waits = status.controllerPause === true || status.abort === true || isHealthy(view, status);
  const since = status.progressedAt;
  return waits || since === undefined ? Number.POSITIVE_INFINITY : since + progressDeadline(view.rollout);
}

function checkDeadline(draft: Draft): void {
  const { rollout, now, sets } = draft.view;
  const late = now >= deadlineAt(draft) && available(sets.current) < replicasOf(rollout);
  if (!late) return;
  const message = `ReplicaSet "${sets.current!.metadata.name}" has timed out progressing.`;
  if (rollout.spec.progressDeadlineAbort === true) draft.abort(`RolloutAborted: ${message}`);
  else draft.set({ message: `ProgressDeadlineExceeded: ${message}` });
}

/** Takes over the phases of the analysis runs: failed ones abort, inconclusive ones pause until somebody promotes. */
function readAnalyses(draft: Draft): void {
  const { phases } = draft.view;
  const { analyses } = draft.status;
  if (analyses === undefined) return;
  let changed = false;
  const next = analyses.map((each) => {
    const phase = phases.get(each.name);
    if (phase === undefined || phase === '' || phase === each.phase) return each;
    changed = true;
    return { ...each, phase };
  });
  if (!changed) return;
  draft.set({ analyses: next });
  if (draft.status.abort === true) return;
  for (const { role, name, phase } of next) {
    if (isOpen(phase) || analyses.some((each) => each.name === name && each.phase === phase)) continue;
    if (phase === 'Failed' || phase === 'Error') draft.abort(`RolloutAborted: ${ROLES[role]} analysis ${name} ${phase === 'Failed' ? 'failed' : 'ended in error'}`);
    else if (phase === 'Inconclusive') draft.pause('InconclusiveAnalysisRun');
  }
}

const ROLES = { step: 'step-based', background: 'background', prePromotion: 'pre-promotion', postPromotion: 'post-promotion', experiment: 'experiment' } as const;

/** Old ReplicaSets without pods beyond the limit of the history are deleted, oldest first. */
function removeHistory(draft: Draft): void {
  const { older } = draft.view.sets;
  const empty = older.filter((set) => set.spec.replicas === 0 && set.status.replicas === 0);
  const extra = empty.length - historyLimit(draft.view.rollout);
  for (const set of empty.slice(0, Math.max(0, extra))) draft.remove.push(set);
}

function done(draft: Draft): RolloutChange {
  const { status, view } = draft;
  draft.set({ phase: phaseOf(draft) });
  if (status.abort !== true && !(status.message ?? '').startsWith('ProgressDeadlineExceeded')) draft.drop('message');
  else if (isHealthy(view, status)) draft.drop('message');
  return draft.finish();
}

function phaseOf(draft: Draft): NonNullable<RolloutStatusFields['phase']> {
  const { status, view } = draft;
  if (status.abort === true) return 'Degraded';
  if (status.controllerPause === true || view.rollout.spec.paused === true) return 'Paused';
  if (isHealthy(view, status)) return 'Healthy';
  return (status.message ?? '').startsWith('ProgressDeadlineExceeded') ? 'Degraded' : 'Progressing';
}

/** What `kubectl argo rollouts status` waits for. */
export function rolloutPhase(rollout: Rollout): { readonly done: boolean; readonly failed: boolean; readonly message: string } {
  const { status, metadata } = rollout;
  const seen = status.observedGeneration === String(metadata.generation);
  const phase = seen ? (status.phase ?? 'Progressing') : 'Progressing';
  return { done: phase === 'Healthy', failed: phase === 'Degraded', message: status.message ?? phase };
}
