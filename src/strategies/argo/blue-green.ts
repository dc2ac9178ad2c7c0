import type { BlueGreenStrategy } from '../../api/rollout-kinds.js';
import { SECOND } from '../../kernel/time.js';
import { available, type Draft, scaleDownAll, scaleDownLater } from './change.js';
import { abortScaleDownDelay, replicasOf, rollsBackInWindow, scaleDownDelay, scaleDownRevisionLimit } from './rollout-spec.js';

/** One look at a Rollout with the blue/green strategy (argo-rollouts rollout/bluegreen.go). Pure. */
export function reconcileBlueGreen(draft: Draft, strategy: BlueGreenStrategy, runName: (suffix: string) => string): void {
  const { view } = draft;
  const { hash, sets } = view;
  const replicas = replicasOf(view.rollout);
  const { current, stable, older } = sets;
  const state = draft.status.blueGreen ?? {};
  const aborted = draft.status.abort === true;
  const active = state.activeSelector;
  draft.size(stable, replicas, null);
  scaleDownAll(draft, older, scaleDownDelay(view.rollout.spec.strategy), scaleDownRevisionLimit(view.rollout.spec.strategy));
  if (strategy.previewService !== undefined) {
    draft.selectors.push({ service: strategy.previewService, hash: aborted && stable !== undefined ? draft.status.stableRS! : hash });
  }
  if (aborted && stable !== undefined) {
    draft.selectors.push({ service: strategy.activeService, hash: draft.status.stableRS! });
    draft.set({ blueGreen: { activeSelector: draft.status.stableRS! } });
    draft.stopAnalyses();
    if (current !== undefined) scaleDownLater(draft, current, abortScaleDownDelay(view.rollout.spec.strategy));
    return;
  }
  const preview = stable !== undefined && active !== hash && state.scaledUp !== true ? (strategy.previewReplicaCount ?? replicas) : replicas;
  draft.size(current, preview, null);
  if (active !== undefined) draft.selectors.push({ service: strategy.activeService, hash: active });
  if (active !== hash) {
    if (available(current) < preview || !maySwitch(draft, strategy, preview, replicas, runName)) return;
    draft.selectors.push({ service: strategy.activeService, hash });
    draft.set({ blueGreen: { activeSelector: hash, promotedAt: view.now } });
  }
  if (draft.status.stableRS === hash) return;
  if (stable !== undefined && !analysed(draft, strategy.postPromotionAnalysis, 'postPromotion', runName('-post'))) return;
  if (available(current) < replicas) return;
  draft.set({ stableRS: hash });
  draft.drop('promoteFull');
}

/** Promoted in full, or back to a version of the window. */
function isFast({ status, view }: Draft): boolean {
  return status.promoteFull === true || rollsBackInWindow(view);
}

/** Whether the active Service may go to the new version: analysed, approved, and of full size. */
function maySwitch(draft: Draft, strategy: BlueGreenStrategy, preview: number, replicas: number, runName: (suffix: string) => string): boolean {
  const { status, view } = draft;
  // The first version has nothing to wait for; a version that was promoted in full skips what is left.
  if (view.sets.stable !== undefined && !isFast(draft) && status.blueGreen?.scaledUp !== true) {
    if (!analysed(draft, strategy.prePromotionAnalysis, 'prePromotion', runName('-pre'))) return false;
    if (strategy.autoPromotionEnabled === false && !approved(draft, strategy)) return false;
  }
  if (preview >= replicas) return true;
  draft.set({ blueGreen: { ...status.blueGreen, scaledUp: true } });
  draft.size(view.sets.current, replicas, null);
  return false;
}

function analysed(
  draft: Draft,
  analysis: BlueGreenStrategy['prePromotionAnalysis'],
  role: 'prePromotion' | 'postPromotion',
  name: string,
): boolean {
  if (analysis === undefined || isFast(draft)) return true;
  const phase = draft.analysis(role, name);
  if (phase === undefined) draft.analyse(role, name, analysis);
  return phase === 'Successful' || (phase === 'Inconclusive' && draft.promoted('InconclusiveAnalysisRun'));
}

function approved(draft: Draft, { autoPromotionSeconds }: BlueGreenStrategy): boolean {
  const { now } = draft.view;
  const since = draft.pausedBy('BlueGreenPause')?.startTime;
  if (since === undefined) {
    if (draft.promoted('BlueGreenPause')) {
      draft.drop('controllerPause');
      return true;
    }
    draft.pause('BlueGreenPause');
    if (autoPromotionSeconds !== undefined) draft.later(now + autoPromotionSeconds * SECOND);
    return false;
  }
  if (autoPromotionSeconds === undefined) return false;
  const until = since + autoPromotionSeconds * SECOND;
  if (now < until) {
    draft.later(until);
    return false;
  }
  draft.resume('BlueGreenPause');
  return true;
}
