import type { PodTemplateSpec, Service } from './core.js';
import { goDuration } from './go-duration.js';
import { matchesSelector } from './labels.js';
import type { AnalysisTemplate, CanaryStep, CanaryStrategy, Rollout, RolloutAnalysis, TrafficRouting } from './rollout-kinds.js';

/**
 * Why Argo Rollouts does nothing about a Rollout (condition InvalidSpec), in its words: argo-rollouts
 * pkg/apis/rollouts/validation/validation.go and validation_references.go. Pure.
 */

export interface RolloutError {
  /** Steps of its path from the top of the object. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What a Rollout may name. */
export interface RolloutReferences {
  service(name: string): Service | undefined;
  template(name: string, cluster: boolean): AnalysisTemplate | undefined;
}

/** defaults.DefaultProgressDeadlineSeconds and DefaultRevisionHistoryLimit. */
const DEADLINE = 600;
const HISTORY = 10;
/** Routers of Argo itself that divide traffic between two Services. */
const ROUTERS = ['alb', 'istio', 'smi', 'apisix', 'ambassador', 'nginx', 'appMesh', 'traefik'];

/** `spec.strategy.canary.steps[0].setWeight: SetWeight needs to be between 0 and 100`. */
export function rolloutErrorText({ path, message }: RolloutError): string {
  return `${path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('').slice(1)}: ${message}`;
}

class Errors {
  readonly found: RolloutError[] = [];

  add(path: readonly (string | number)[], message: string): void {
    this.found.push({ path, message });
  }
}

/** What is wrong with the spec by itself. */
export function rolloutErrors({ spec }: Rollout): readonly RolloutError[] {
  const errors = new Errors();
  const { selector, template, strategy } = spec;
  for (const key of ['replicas', 'minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds'] as const)
    if ((spec[key] ?? 0) < 0) errors.add(['spec', key], 'must be greater than or equal to 0');
  if (spec.workloadRef === undefined) {
    if (selector === undefined) errors.add(['spec'], "Rollout has missing field '.spec.selector'");
    else if (Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0) errors.add(['spec', 'selector'], 'empty selector is invalid for deployment');
    else if (template !== undefined && !matchesSelector(selector, template.metadata.labels)) errors.add(['spec', 'template', 'metadata', 'labels'], '`selector` does not match template `labels`');
  } else if (template !== undefined) errors.add(['spec', 'template'], 'template must be empty for workload reference rollout');
  if ((spec.progressDeadlineSeconds ?? DEADLINE) <= (spec.minReadySeconds ?? 0)) errors.add(['spec', spec.progressDeadlineSeconds === undefined ? 'minReadySeconds' : 'progressDeadlineSeconds'], 'must be greater than minReadySeconds');
  const limit = strategy.canary?.scaleDownDelayRevisionLimit ?? strategy.blueGreen?.scaleDownDelayRevisionLimit;
  const kind = strategy.blueGreen === undefined ? 'canary' : 'blueGreen';
  if (limit !== undefined && limit > (spec.revisionHistoryLimit ?? HISTORY)) errors.add(['spec', 'strategy', kind, 'scaleDownDelayRevisionLimit'], "This rollout's revision history limit can not be smaller than the rollout's scale down limit");
  const { blueGreen, canary } = strategy;
  if (blueGreen !== undefined && blueGreen.activeService === blueGreen.previewService)
    errors.add(['spec', 'strategy', 'blueGreen', 'activeService'], 'This rollout uses the same service for the active and preview services, but two different services are required.');
  if (canary !== undefined) canaryErrors(canary, errors);
  return errors.found;
}

const isNothing = (value: number | string | undefined): boolean => value === 0 || value === '0' || value === '0%';
/** A router that is given; its settings may be empty. */
const has = (routing: TrafficRouting | undefined, ...routers: readonly string[]): boolean => routers.some((router) => routing?.[router] !== undefined && routing[router] !== null);

function canaryErrors(canary: CanaryStrategy, errors: Errors): void {
  const at = (...path: readonly (string | number)[]): readonly (string | number)[] => ['spec', 'strategy', 'canary', ...path];
  const { trafficRouting: routing, canaryService, stableService, dynamicStableScale } = canary;
  if (isNothing(canary.maxSurge) && isNothing(canary.maxUnavailable)) errors.add(at('maxSurge'), 'MaxSurge and MaxUnavailable both can not be zero');
  if (canaryService !== undefined && canaryService !== '' && canaryService === stableService)
    errors.add(at('stableService'), 'This rollout uses the same service for the stable and canary services, but two different services are required.');
  const istio = routing?.['istio'] as { readonly destinationRule?: unknown } | undefined;
  const needsServices = has(routing, ...ROUTERS.filter((router) => router !== 'istio')) || (istio !== undefined && istio !== null && istio.destinationRule === undefined);
  if (needsServices && canary.pingPong === undefined) {
    for (const key of ['stableService', 'canaryService'] as const)
      if ((canary[key] ?? '') === '') errors.add(at('trafficRouting'), `${key}: Canary service and Stable service must to be set to use Traffic Routing`);
  }
  if (routing === undefined) {
    if (canary.scaleDownDelaySeconds !== undefined) errors.add(at('scaleDownDelaySeconds'), 'Canary scaleDownDelaySeconds can only be used with traffic routing');
    if (dynamicStableScale === true) errors.add(at('dynamicStableScale'), 'Canary dynamicStableScale can only be used with traffic routing');
  } else {
    if (canary.scaleDownDelaySeconds !== undefined && dynamicStableScale === true) errors.add(at('dynamicStableScale'), 'Canary dynamicStableScale cannot be used with scaleDownDelaySeconds');
    if (routing.maxTrafficWeight !== undefined && !has(routing, 'nginx', 'plugins')) errors.add(at('trafficRouting', 'maxTrafficWeight'), 'Canary maxTrafficWeight in traffic routing only supported in Nginx and Plugins');
  }
  (canary.steps ?? []).forEach((step, i) => {
    stepErrors(step, canary, at('steps', i), errors);
  });
}

const KINDS = ['experiment', 'pause', 'setWeight', 'analysis', 'setCanaryScale', 'setHeaderRoute', 'setMirrorRoute', 'plugin'] as const;
const INVALID_STEP = 'Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause';

const isKnown = (specRef: string): boolean => specRef === 'canary' || specRef === 'stable';

function stepErrors(step: CanaryStep, { trafficRouting: routing }: CanaryStrategy, path: readonly (string | number)[], errors: Errors): void {
  const given = KINDS.filter((kind) => step[kind] !== undefined && step[kind] !== null);
  const several = given.filter((kind) => kind === 'setWeight' || kind === 'pause' || kind === 'experiment' || kind === 'analysis').length > 1;
  if (given.length === 0 || several) errors.add(path, INVALID_STEP);
  const most = routing?.maxTrafficWeight ?? 100;
  if (step.setWeight !== undefined && (step.setWeight < 0 || step.setWeight > most)) errors.add([...path, 'setWeight'], `SetWeight needs to be between 0 and ${most}`);
  const duration = step.pause?.duration;
  if (duration !== undefined && (goDuration(duration) ?? -1) < 0) errors.add([...path, 'pause', 'duration'], 'Duration needs to be greater than 0');
  (step.experiment?.templates ?? []).forEach(({ specRef }, i) => {
    if (!isKnown(specRef)) errors.add([...path, 'experiment', 'templates', i, 'specRef'], 'Invalid template step SpecRef: must be canary or stable');
  });
  if (step.setCanaryScale !== undefined && routing === undefined) errors.add([...path, 'setCanaryScale'], 'SetCanaryScale requires TrafficRouting to be set');
  if (step.setHeaderRoute !== undefined && !has(routing, 'istio', 'alb', 'apisix', 'plugins')) errors.add([...path, 'setHeaderRoute'], 'SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix');
  if (step.setMirrorRoute !== undefined && !has(routing, 'istio', 'plugins')) errors.add([...path, 'setMirrorRoute'], 'SetMirrorRoute requires TrafficRouting, supports Istio and Plugins');
  if (routing === undefined) return;
  for (const kind of ['setHeaderRoute', 'setMirrorRoute'] as const) {
    const name = step[kind]?.name;
    if (step[kind] === undefined) continue;
    if (routing.managedRoutes === undefined) errors.add([...path, kind], "Rollout has missing field 'spec.strategy.canary.trafficRouting.managedRoutes'");
    else if (!routing.managedRoutes.some((route) => route.name === name)) errors.add([...path, kind, 'name'], 'Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes');
  }
}

/** What is wrong with what the spec names; `template`: of its pods, its own or that of its workload. */
export function referenceErrors({ spec }: Rollout, template: PodTemplateSpec | undefined, references: RolloutReferences): readonly RolloutError[] {
  const errors = new Errors();
  const { canary, blueGreen } = spec.strategy;
  const service = (name: string | undefined, ...path: readonly (string | number)[]): void => {
    if (name === undefined || name === '') return;
    const found = references.service(name);
    if (found === undefined) {
      errors.add(['spec', 'strategy', ...path], `service "${name}" not found`);
      return;
    }
    for (const [key, value] of Object.entries(found.spec.selector ?? {})) {
      if (key === 'rollouts-pod-template-hash' || template === undefined || template.metadata.labels?.[key] === value) continue;
      errors.add(['spec', 'strategy', ...path], `Service "${name}" has unmatch label "${key}" in rollout`);
    }
  };
  const analysis = (given: RolloutAnalysis | undefined, background: boolean, ...path: readonly (string | number)[]): void => {
    (given?.templates ?? []).forEach(({ templateName, clusterScope }, i) => {
      const at = ['spec', 'strategy', ...path, 'templates', i, 'templateName'];
      const found = references.template(templateName, clusterScope === true);
      if (found === undefined) errors.add(at, `${clusterScope === true ? 'ClusterAnalysisTemplate' : 'AnalysisTemplate'} '${templateName}' not found`);
      else templateErrors(found, given!, background, at, errors);
    });
  };
  service(canary?.canaryService, 'canary', 'canaryService');
  service(canary?.stableService, 'canary', 'stableService');
  service(blueGreen?.activeService, 'blueGreen', 'activeService');
  service(blueGreen?.previewService, 'blueGreen', 'previewService');
  analysis(canary?.analysis, true, 'canary', 'analysis');
  (canary?.steps ?? []).forEach((step, i) => {
    analysis(step.analysis, false, 'canary', 'steps', i, 'analysis');
    (step.experiment?.analyses ?? []).forEach(({ templateName, clusterScope }, j) => {
      const at = ['spec', 'strategy', 'canary', 'steps', i, 'experiment', 'analyses', j, 'templateName'];
      if (references.template(templateName, clusterScope === true) === undefined) errors.add(at, `${clusterScope === true ? 'ClusterAnalysisTemplate' : 'AnalysisTemplate'} '${templateName}' not found`);
    });
  });
  analysis(blueGreen?.prePromotionAnalysis, false, 'blueGreen', 'prePromotionAnalysis');
  analysis(blueGreen?.postPromotionAnalysis, false, 'blueGreen', 'postPromotionAnalysis');
  return errors.found;
}

/** A step waits for its analysis: it must end by itself. Every argument must have a value. */
function templateErrors({ metadata: { name }, spec }: AnalysisTemplate, { args = [] }: RolloutAnalysis, background: boolean, path: readonly (string | number)[], errors: Errors): void {
  if (!background) {
    for (const metric of spec.metrics ?? []) {
      const endless = metric.interval !== undefined && metric.count === undefined;
      if (endless) errors.add(path, `AnalysisTemplate ${name} has metric ${metric.name} which runs indefinitely. Invalid value for count: <nil>`);
    }
  }
  for (const arg of spec.args ?? []) {
    if (arg.value !== undefined || arg.valueFrom !== undefined || args.some((given) => given.name === arg.name)) continue;
    errors.add(path, `args.${arg.name} was not resolved`);
  }
}
