import type { CanaryAnalysis, CanaryPhase } from '../../api/rollout-kinds.js';

/**
 * What Flagger does with a Canary each time its analysis interval is over (flagger pkg/controller/scheduler.go advanceCanary), as a
 * pure function: what was observed goes in, what is to be done comes out.
 */

/** All of the traffic. */
export const TOTAL_WEIGHT = 100;
/** Iterations without a mesh, when the manifest gives none. */
const KUBERNETES_ITERATIONS = 10;

/** Weights that the router has been given. */
export interface CanaryRoutes {
  readonly primary: number;
  readonly canary: number;
  readonly mirrored: boolean;
}

/** Progress of a Canary. */
export interface CanaryProgress {
  readonly phase: CanaryPhase | '';
  readonly failedChecks: number;
  readonly iterations: number;
}

/** Whether a Deployment is ready; `retriable` false: its progress deadline is over. */
export interface Readiness {
  readonly ready: boolean;
  readonly retriable: boolean;
  readonly message: string;
}

/** What is asked for when it matters. */
export interface CanaryChecks {
  /** Whether all webhooks of a type let it go on; types that there are none of do, except `rollback`. */
  gate(type: 'confirm-rollout' | 'pre-rollout' | 'confirm-traffic-increase' | 'confirm-promotion' | 'rollback'): boolean;
  /** rollout webhooks and metrics are within their thresholds. */
  analysis(): boolean;
}

export interface CanaryInput {
  readonly analysis: CanaryAnalysis;
  readonly provider: string;
  readonly skipAnalysis: boolean;
  readonly progress: CanaryProgress;
  readonly routes: CanaryRoutes;
  /** The target's template differs from the one last analysed. */
  readonly targetChanged: boolean;
  readonly primary: Readiness;
  readonly canary: Readiness;
}

/** What is to be done, in this order: routes, then workloads, then status. */
export interface CanaryAdvance {
  readonly routes?: CanaryRoutes;
  readonly scaleUp?: true;
  readonly scaleDown?: true;
  /** Copies the target's template to the primary. */
  readonly promote?: true;
  /** Notes the target's template as the one that is analysed. */
  readonly applied?: true;
  readonly progress: CanaryProgress;
  readonly event?: { readonly type: 'Normal' | 'Warning'; readonly message: string };
}

const ACTIVE: readonly (CanaryPhase | '')[] = ['Progressing', 'Waiting', 'WaitingPromotion', 'Promoting', 'Finalising'];

/** Largest weight of the canary before it is promoted. */
export function maxCanaryWeight({ stepWeights = [], maxWeight = 0 }: CanaryAnalysis): number {
  const last = stepWeights.at(-1);
  if (last !== undefined) return Math.min(TOTAL_WEIGHT, last);
  return maxWeight > 0 ? maxWeight : TOTAL_WEIGHT;
}

/** By how much the weight grows next. */
export function nextStepWeight({ stepWeight = 0, stepWeights = [] }: CanaryAnalysis, weight: number): number {
  if (stepWeight > 0 || stepWeights.length === 0) return stepWeight;
  const most = TOTAL_WEIGHT - weight;
  // Nothing is left: any step leads to the promotion.
  if (most === 0) return 1;
  if (weight === 0) return Math.min(most, stepWeights[0]!);
  for (let i = 0; i < stepWeights.length - 1; i++) if (stepWeights[i] === weight) return Math.min(most, stepWeights[i + 1]! - weight);
  return most;
}

/** Weights of the canary in order, one an interval, when every check succeeds. */
export function canaryWeights(analysis: CanaryAnalysis): number[] {
  const weights: number[] = [];
  const most = maxCanaryWeight(analysis);
  let weight = 0;
  while (weight < most) {
    const step = nextStepWeight(analysis, weight);
    if (step <= 0) break;
    weight = Math.min(TOTAL_WEIGHT, weight + step);
    weights.push(weight);
  }
  return weights;
}

/** One look at a Canary whose primary exists. */
export function advanceCanary(input: CanaryInput, checks: CanaryChecks): CanaryAdvance {
  const { progress, primary, canary } = input;
  const { phase } = progress;
  const active = ACTIVE.includes(phase);
  if (!active && !input.targetChanged) return { progress };
  if (!input.skipAnalysis && !primary.ready) return primary.retriable ? wait(progress, primary.message) : rollback(input, primary.message);
  if (!active || phase === 'Waiting') return begin(progress, checks);
  if (input.targetChanged && (phase === 'Progressing' || phase === 'WaitingPromotion')) return restart();
  if (!canary.ready) {
    return canary.retriable ? wait(progress, canary.message) : rollback(input, `progress deadline exceeded ${canary.message}`);
  }
  if (input.skipAnalysis) return skip();
  if ((phase === 'Progressing' || phase === 'WaitingPromotion') && checks.gate('rollback')) return rollback(input, 'manual webhook invoked');
  if (phase === 'Promoting') return shiftBack(input);
  if (phase === 'Finalising') {
    return { scaleDown: true, progress: { ...progress, phase: 'Succeeded' }, event: normal('Promotion completed!') };
  }
  if (progress.failedChecks >= (input.analysis.threshold ?? 0)) {
    return rollback(input, `failed checks threshold reached ${progress.failedChecks}`);
  }
  return analyse(input, checks);
}

function normal(message: string): NonNullable<CanaryAdvance['event']> {
  return { type: 'Normal', message };
}

function warning(message: string): NonNullable<CanaryAdvance['event']> {
  return { type: 'Warning', message };
}

function wait(progress: CanaryProgress, message: string): CanaryAdvance {
  return { progress, event: warning(message) };
}

/** A new version: its pods start; the analysis begins an interval later. */
function begin(progress: CanaryProgress, checks: CanaryChecks): CanaryAdvance {
  if (!checks.gate('confirm-rollout')) return { progress: { ...progress, phase: 'Waiting' } };
  const fresh = { phase: 'Progressing' as const, failedChecks: 0, iterations: 0 };
  return { scaleUp: true, applied: true, progress: fresh, event: normal('New revision detected! Scaling up the canary') };
}

function restart(): CanaryAdvance {
  return {
    routes: { primary: TOTAL_WEIGHT, canary: 0, mirrored: false },
    applied: true,
    progress: { phase: 'Progressing', failedChecks: 0, iterations: 0 },
    event: normal('New revision detected! Restarting analysis'),
  };
}

function rollback({ progress }: CanaryInput, message: string): CanaryAdvance {
  return {
    routes: { primary: TOTAL_WEIGHT, canary: 0, mirrored: false },
    scaleDown: true,
    progress: { ...progress, phase: 'Failed' },
    event: warning(`Rolling back: ${message}`),
  };
}

function skip(): CanaryAdvance {
  return {
    routes: { primary: TOTAL_WEIGHT, canary: 0, mirrored: false },
    promote: true,
    scaleDown: true,
    progress: { phase: 'Succeeded', failedChecks: 0, iterations: 0 },
    event: normal('Promotion completed! Canary analysis was skipped'),
  };
}

/** The primary runs the new version: traffic goes back to it, at once or by stepWeightPromotion (runPromotionTrafficShift). */
function shiftBack({ analysis, provider, progress, routes }: CanaryInput): CanaryAdvance {
  const finalising = { ...progress, phase: 'Finalising' as const };
  if (provider === 'kubernetes') return { progress: finalising };
  const step = analysis.stepWeightPromotion ?? 0;
  if (step === 0) {
    return { routes: { primary: TOTAL_WEIGHT, canary: 0, mirrored: false }, progress: finalising, event: normal('Routing all traffic to primary') };
  }
  const primary = Math.min(TOTAL_WEIGHT, routes.primary + step);
  const canary = Math.max(0, routes.canary - step);
  return {
    routes: { primary, canary, mirrored: false },
    progress: primary === TOTAL_WEIGHT ? finalising : progress,
    event: normal(`Advance primary weight ${primary}`),
  };
}

function analyse(input: CanaryInput, checks: CanaryChecks): CanaryAdvance {
  const { analysis, progress, routes } = input;
  const first = routes.canary === 0 && progress.iterations === 0 && !(analysis.mirror === true && routes.mirrored);
  if (!(first ? checks.gate('pre-rollout') : checks.analysis())) {
    return { progress: { ...progress, failedChecks: progress.failedChecks + 1 }, event: warning('Halt advancement: a check failed') };
  }
  const mesh = input.provider !== 'kubernetes';
  const iterations = mesh ? (analysis.iterations ?? 0) : Math.max(analysis.iterations ?? 0, 0) || KUBERNETES_ITERATIONS;
  if (mesh && (analysis.match?.length ?? 0) > 0 && iterations > 0) return runAb(input, iterations, checks);
  if (iterations > 0) return runBlueGreen(input, iterations, mesh, checks);
  if (nextStepWeight(analysis, routes.canary) <= 0) return { progress };
  if (!routes.mirrored && progress.phase !== 'WaitingPromotion' && !checks.gate('confirm-traffic-increase')) return { progress };
  return runCanary(input, checks);
}

function promote(progress: CanaryProgress, checks: CanaryChecks): CanaryAdvance {
  if (!checks.gate('confirm-promotion')) return { progress: { ...progress, phase: 'WaitingPromotion' } };
  return { promote: true, progress: { ...progress, phase: 'Promoting' }, event: normal('Copying the template spec to the primary') };
}

function runCanary({ analysis, progress, routes }: CanaryInput, checks: CanaryChecks): CanaryAdvance {
  if (routes.canary >= maxCanaryWeight(analysis)) return promote(progress, checks);
  const step = nextStepWeight(analysis, routes.canary);
  // One interval of mirroring comes before the first weight.
  if (analysis.mirror === true && routes.canary === 0 && !routes.mirrored) {
    return { routes: { primary: TOTAL_WEIGHT, canary: 0, mirrored: true }, progress, event: normal('Start traffic mirroring') };
  }
  const canary = Math.min(TOTAL_WEIGHT, routes.canary + step);
  return { routes: { primary: TOTAL_WEIGHT - canary, canary, mirrored: false }, progress, event: normal(`Advance canary weight ${canary}`) };
}

/** Users that match go to the canary for some intervals (runAB). */
function runAb({ progress }: CanaryInput, iterations: number, checks: CanaryChecks): CanaryAdvance {
  if (progress.iterations >= iterations) return promote(progress, checks);
  const done = progress.iterations + 1;
  return {
    routes: { primary: 0, canary: TOTAL_WEIGHT, mirrored: false },
    progress: { ...progress, iterations: done },
    event: normal(`Advance canary iteration ${done}/${iterations}`),
  };
}

/** The canary is tested for some intervals, then takes all traffic, then is promoted (runBlueGreen). */
function runBlueGreen({ analysis, progress, routes }: CanaryInput, iterations: number, mesh: boolean, checks: CanaryChecks): CanaryAdvance {
  if (progress.iterations < iterations) {
    const done = progress.iterations + 1;
    const mirrors = mesh && analysis.mirror === true && !routes.mirrored;
    return {
      ...(mirrors ? { routes: { primary: TOTAL_WEIGHT, canary: 0, mirrored: true } } : {}),
      progress: { ...progress, iterations: done },
      event: normal(`Advance canary iteration ${done}/${iterations}`),
    };
  }
  if (progress.iterations > iterations) return promote(progress, checks);
  if (!checks.gate('confirm-promotion')) return { progress: { ...progress, phase: 'WaitingPromotion' } };
  return {
    ...(mesh ? { routes: { primary: 0, canary: TOTAL_WEIGHT, mirrored: false }, event: normal('Routing all traffic to canary') } : {}),
    progress: { ...progress, iterations: progress.iterations + 1 },
  };
}
