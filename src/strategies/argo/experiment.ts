import type { PodTemplateSpec } from '../../api/core.js';
import { goDuration } from '../../api/go-duration.js';
import type { Labels } from '../../api/meta.js';
import type { ExperimentStep, Rollout } from '../../api/rollout-kinds.js';
import type { ReplicaSet } from '../../api/workloads.js';
import { templateHash } from '../../controllers/hash.js';
import { controllerReference } from '../../controllers/ownership.js';
import { SECOND } from '../../kernel/time.js';
import { type Draft, isAt, scaleDownLater } from './change.js';
import { progressDeadline, ROLLOUT_HASH } from './rollout-spec.js';

/**
 * Steps that are experiments (argo-rollouts rollout/experiment.go and experiments/experiment.go): pods of the old and of the new version
 * beside those of the rollout, for a while or until their analyses are done. Their ReplicaSets belong to the Rollout itself. Pure.
 */

/** Annotation of a ReplicaSet with the name of its experiment. */
export const EXPERIMENT_NAME = 'experiment.argoproj.io/name';

/** DefaultScaleDownDelaySeconds. */
const SCALE_DOWN_DELAY = 30 * SECOND;

type ExperimentTemplate = NonNullable<ExperimentStep['templates']>[number];

/** A ReplicaSet that an experiment needs. */
export interface ExperimentSet {
  readonly experiment: string;
  readonly template: ExperimentTemplate;
}

/** Whether the experiment of a step is over; starts it, and what it needs, when it is not there. */
export function experimentDone(draft: Draft, step: ExperimentStep, name: string): boolean {
  const { view } = draft;
  let state = draft.status.experiment;
  if (state?.name !== name) draft.set({ experiment: (state = { name, phase: 'Pending', createdAt: view.now }) });
  if (state.phase === 'Successful') return true;
  const templates = step.templates ?? [];
  const sets = templates.map((template) => view.experiments.find(({ metadata }) => metadata.name === `${name}-${template.name}`));
  sets.forEach((set, i) => {
    if (set === undefined) draft.experiments.push({ experiment: name, template: templates[i]! });
  });
  if (state.availableAt === undefined) {
    if (!sets.every((set, i) => isAt(set, templates[i]!.replicas ?? 1))) {
      const late = state.createdAt + progressDeadline(view.rollout);
      if (view.now >= late) draft.abort(`RolloutAborted: experiment "${name}" has timed out progressing`);
      else draft.later(late);
      return false;
    }
    draft.set({ experiment: (state = { ...state, phase: 'Running', availableAt: view.now }) });
  }
  if (!concluded(draft, step, name, state.availableAt!)) return false;
  draft.stopAnalyses('experiment');
  draft.set({ experiment: { ...state, phase: 'Successful' } });
  return true;
}

/** Analyses begin when all pods are there; those that are required end the experiment, else its duration does. */
function concluded(draft: Draft, { analyses = [], dryRun, duration }: ExperimentStep, name: string, availableAt: number): boolean {
  const phases = analyses.map(({ name: own, templateName, clusterScope, args }) => {
    const run = `${name}-${own}`;
    const phase = draft.analysis('experiment', run);
    if (phase === undefined) {
      draft.analyse('experiment', run, {
        templates: [{ templateName, ...(clusterScope === undefined ? {} : { clusterScope }) }],
        ...(args === undefined ? {} : { args }),
        ...(dryRun === undefined ? {} : { dryRun }),
      });
    }
    return phase;
  });
  if (draft.promoted('InconclusiveAnalysisRun')) return true;
  const required = phases.filter((_, i) => analyses[i]!.requiredForCompletion === true);
  if (required.length > 0) return required.every((phase) => phase === 'Successful');
  if (duration === undefined) return false;
  const until = availableAt + (goDuration(duration) ?? 0);
  if (draft.view.now >= until) return true;
  draft.later(until);
  return false;
}

/** Pods of experiments that are over go after a while, and their ReplicaSets with them. */
export function tidyExperiments(draft: Draft): void {
  const { status, view } = draft;
  const steps = view.rollout.spec.strategy.canary?.steps ?? [];
  const running = status.abort === true || status.experiment?.phase === 'Successful' ? undefined : status.experiment?.name;
  for (const set of view.experiments) {
    const name = set.metadata.annotations?.[EXPERIMENT_NAME];
    if (name === running) continue;
    const delay = steps.find(({ experiment }) => experiment?.scaleDownDelaySeconds !== undefined)?.experiment?.scaleDownDelaySeconds;
    scaleDownLater(draft, set, delay === undefined ? SCALE_DOWN_DELAY : delay * SECOND);
    if (set.spec.replicas === 0 && set.status.replicas === 0) draft.remove.push(set);
  }
}

/** The ReplicaSet of a template of an experiment. Without labels of its own its pods have the hash of the version that they run. */
export function newExperimentSet(rollout: Rollout, template: PodTemplateSpec, { experiment, template: wanted }: ExperimentSet): ReplicaSet {
  const { [ROLLOUT_HASH]: _, ...plain } = template.metadata.labels ?? {};
  const own: Labels = { ...plain, ...wanted.metadata?.labels };
  const bare: PodTemplateSpec = { ...template, metadata: { ...template.metadata, labels: own } };
  const labels: Labels = { ...own, [ROLLOUT_HASH]: templateHash(bare) };
  const selector = wanted.selector ?? rollout.spec.selector ?? { matchLabels: plain };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${experiment}-${wanted.name}`,
      namespace: rollout.metadata.namespace,
      uid: '',
      resourceVersion: 0,
      generation: 1,
      creationTimestamp: 0,
      labels,
      annotations: { [EXPERIMENT_NAME]: experiment },
      ownerReferences: [controllerReference(rollout)],
    },
    spec: {
      replicas: wanted.replicas ?? 1,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, ...wanted.metadata?.labels, [ROLLOUT_HASH]: labels[ROLLOUT_HASH]! } },
      template: { ...bare, metadata: { ...bare.metadata, labels } },
      minReadySeconds: rollout.spec.minReadySeconds ?? 0,
    },
    status: { replicas: 0 },
  };
}
