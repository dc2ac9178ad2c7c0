import type { DaemonSet, ReplicationController, StatefulSet } from './apps.js';
import type { CronJob, Job, JobSpec } from './batch.js';
import { timeZone, unknownTimeZone } from './time-zones.js';
import type { PodTemplateSpec } from './core.js';
import type { FieldError } from './fields.js';
import { invalid, required, unsupported } from './fields.js';
import { percentOf } from './int-or-string.js';
import { isEmptySelector, matchesMap, matchesSelector } from './labels.js';
import type { IntOrString, KubernetesObject, LabelSelector } from './meta.js';
import type { HorizontalPodAutoscaler, PodDisruptionBudget } from './policy.js';
import { validateHorizontalPodAutoscaler } from './validation-autoscaling.js';
import { notNegative, validateLabels, validatePodSpec, validateSelector } from './validation-pod.js';
import type { Deployment, ReplicaSet } from './workloads.js';

/** What the API server refuses in workloads (kubernetes pkg/apis/{apps,batch,policy,autoscaling}/validation). */

/** Names of CronJobs leave room for the 11 characters that their Jobs add to them (pkg/apis/batch/validation). */
const MAXIMUM_CRON_JOB_NAME = 52;

const NONE: FieldError[] = [];

/** The version of a kind that is looked at here; undefined: it is not. */
function versionOf(kind: string): string | undefined {
  switch (kind) {
    case 'Deployment':
    case 'ReplicaSet':
    case 'StatefulSet':
    case 'DaemonSet':
      return 'apps/v1';
    case 'ReplicationController':
      return 'v1';
    case 'Job':
    case 'CronJob':
      return 'batch/v1';
    case 'PodDisruptionBudget':
      return 'policy/v1';
    case 'HorizontalPodAutoscaler':
      return 'autoscaling/v2';
    default:
      return undefined;
  }
}

/** Problems of an object of a workload kind; none for other kinds. */
export function validateWorkloadObject(object: KubernetesObject): readonly FieldError[] {
  if (versionOf(object.kind) !== object.apiVersion) return NONE;
  switch (object.kind) {
    case 'Deployment':
      return validateDeployment(object as Deployment);
    case 'ReplicaSet':
      return validateReplicaSet(object as ReplicaSet);
    case 'StatefulSet':
      return validateStatefulSet(object as StatefulSet);
    case 'DaemonSet':
      return validateDaemonSet(object as DaemonSet);
    case 'ReplicationController':
      return validateReplicationController(object as ReplicationController);
    case 'Job':
      return validateJobSpec((object as Job).spec, 'spec');
    case 'CronJob':
      return validateCronJob(object as CronJob);
    case 'PodDisruptionBudget':
      return validatePodDisruptionBudget(object as PodDisruptionBudget);
    case 'HorizontalPodAutoscaler':
      return validateHorizontalPodAutoscaler(object as HorizontalPodAutoscaler);
    default:
      return [];
  }
}

function validateWorkload(
  spec: { readonly replicas?: number; readonly selector: LabelSelector; readonly template: PodTemplateSpec },
  kind: string,
  claims: readonly string[] = [],
): FieldError[] {
  const { selector, template } = spec;
  const errors = notNegative(spec.replicas, 'spec.replicas');
  // A selector that was never given is `{}` here; in the API server it is nil, which selects nothing.
  const absent = Object.keys(selector).length === 0;
  if (absent) errors.push(required('spec.selector'));
  else if (isEmptySelector(selector))
    errors.push(invalid('spec.selector', selector, `empty selector is invalid for ${kind}`));
  else errors.push(...validateSelector(selector, 'spec.selector'));
  if (absent || !matchesSelector(selector, template.metadata.labels)) {
    const labels = template.metadata.labels ?? null;
    errors.push(invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'));
  }
  return [...errors, ...validateTemplate(template, claims)];
}

/** A template whose pods must always be restarted. */
function validateTemplate(template: PodTemplateSpec, claims: readonly string[] = []): FieldError[] {
  const errors = validateLabels(template.metadata.labels, 'spec.template.labels');
  errors.push(...validatePodSpec(template.spec, 'spec.template.spec', claims));
  if (template.spec.restartPolicy !== 'Always') {
    errors.push(unsupported('spec.template.spec.restartPolicy', template.spec.restartPolicy, ['Always']));
  }
  return errors;
}

function validateReplicaSet(object: ReplicaSet): FieldError[] {
  return [
    ...validateWorkload(object.spec, 'replica set'),
    ...notNegative(object.spec.minReadySeconds, 'spec.minReadySeconds'),
  ];
}

function validateDeployment(object: Deployment): FieldError[] {
  const { spec } = object;
  const errors = validateWorkload(spec, 'deployment');
  const rolling = spec.strategy.rollingUpdate;
  if (spec.strategy.type === 'RollingUpdate' && rolling !== undefined) {
    const path = 'spec.strategy.rollingUpdate';
    errors.push(...validateIntOrPercent(rolling.maxUnavailable, `${path}.maxUnavailable`));
    errors.push(...validateIntOrPercent(rolling.maxSurge, `${path}.maxSurge`));
    if (isZero(rolling.maxUnavailable) && isZero(rolling.maxSurge)) {
      errors.push(invalid(`${path}.maxUnavailable`, rolling.maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
    }
    const percent = percentOf(rolling.maxUnavailable);
    if (percent !== undefined && percent > 100) {
      errors.push(invalid(`${path}.maxUnavailable`, rolling.maxUnavailable, 'must not be greater than 100%'));
    }
  }
  errors.push(...notNegative(spec.minReadySeconds, 'spec.minReadySeconds'));
  errors.push(...notNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'));
  errors.push(...notNegative(spec.progressDeadlineSeconds, 'spec.progressDeadlineSeconds'));
  if (spec.progressDeadlineSeconds >= 0 && spec.progressDeadlineSeconds <= spec.minReadySeconds) {
    errors.push(
      invalid('spec.progressDeadlineSeconds', spec.progressDeadlineSeconds, 'must be greater than minReadySeconds'),
    );
  }
  return errors;
}

function validateIntOrPercent(value: IntOrString, path: string): FieldError[] {
  if (typeof value === 'number') return notNegative(value, path);
  if (percentOf(value) !== undefined) return [];
  return [
    invalid(
      path,
      value,
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    ),
  ];
}

function isZero(value: IntOrString): boolean {
  return (typeof value === 'number' ? value : percentOf(value)) === 0;
}

function validateStatefulSet({ spec }: StatefulSet): FieldError[] {
  return [
    ...validateWorkload(
      spec,
      'statefulset',
      spec.volumeClaimTemplates?.map((claim) => claim.metadata.name),
    ),
    ...notNegative(spec.updateStrategy.rollingUpdate?.partition, 'spec.updateStrategy.rollingUpdate.partition'),
    ...notNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...notNegative(spec.ordinals?.start, 'spec.ordinals.start'),
  ];
}

function validateDaemonSet({ spec }: DaemonSet): FieldError[] {
  const errors = [...validateWorkload(spec, 'daemonset'), ...notNegative(spec.minReadySeconds, 'spec.minReadySeconds')];
  const rolling = spec.updateStrategy.rollingUpdate;
  if (spec.updateStrategy.type !== 'RollingUpdate' || rolling === undefined) return errors;
  const path = 'spec.updateStrategy.rollingUpdate';
  errors.push(...validateIntOrPercent(rolling.maxUnavailable, `${path}.maxUnavailable`));
  errors.push(...validateIntOrPercent(rolling.maxSurge, `${path}.maxSurge`));
  const unavailable = !isZero(rolling.maxUnavailable);
  const surge = !isZero(rolling.maxSurge);
  if (unavailable && surge)
    errors.push(invalid(`${path}.maxSurge`, rolling.maxSurge, 'may not be set when maxUnavailable is non-zero'));
  if (!unavailable && !surge) errors.push(required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  return errors;
}

function validateReplicationController({ spec }: ReplicationController): FieldError[] {
  const errors = notNegative(spec.replicas, 'spec.replicas');
  const labels = spec.template.metadata.labels;
  if (Object.keys(spec.selector).length === 0) errors.push(required('spec.selector'));
  else if (!matchesMap(spec.selector, labels)) {
    errors.push(
      invalid('spec.template.metadata.labels', labels ?? null, '`selector` does not match template `labels`'),
    );
  }
  return [...errors, ...validateTemplate(spec.template)];
}

function validateJobSpec(spec: JobSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const key of [
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  ] as const) {
    errors.push(...notNegative(spec[key], `${path}.${key}`));
  }
  if (spec.completionMode === 'Indexed' && spec.completions === undefined) {
    errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
  }
  errors.push(...validateJobSelector(spec, path));
  errors.push(...validatePodSpec(spec.template.spec, `${path}.template.spec`));
  if (spec.template.spec.restartPolicy === 'Always') {
    errors.push(required(`${path}.template.spec.restartPolicy`, 'valid values: "OnFailure", "Never"'));
  }
  return errors;
}

/** A selector is the user's with `manualSelector` alone; one by a uid comes with a Job that was dumped (validateGeneratedSelector). */
function validateJobSelector({ selector, manualSelector, template }: JobSpec, path: string): FieldError[] {
  const labels = template.metadata.labels;
  if (manualSelector !== true) {
    const generated = Object.keys(selector?.matchLabels ?? {}).every((key) => key === 'controller-uid' || key === 'batch.kubernetes.io/controller-uid');
    return generated && selector?.matchExpressions === undefined ? [] : [invalid(`${path}.selector`, selector ?? null, '`selector` not auto-generated')];
  }
  if (selector === undefined) return [required(`${path}.selector`)];
  if (matchesSelector(selector, labels)) return [];
  return [invalid(`${path}.template.metadata.labels`, labels ?? null, '`selector` does not match template `labels`')];
}

function validateCronJob({ metadata, spec }: CronJob): FieldError[] {
  const errors = validateJobSpec(spec.jobTemplate.spec, 'spec.jobTemplate.spec');
  if (spec.schedule === '') errors.push(required('spec.schedule'));
  if (spec.timeZone !== undefined && timeZone(spec.timeZone) === undefined) {
    errors.push(invalid('spec.timeZone', spec.timeZone, unknownTimeZone(spec.timeZone)));
  }
  errors.push(...notNegative(spec.startingDeadlineSeconds, 'spec.startingDeadlineSeconds'));
  errors.push(...notNegative(spec.successfulJobsHistoryLimit, 'spec.successfulJobsHistoryLimit'));
  errors.push(...notNegative(spec.failedJobsHistoryLimit, 'spec.failedJobsHistoryLimit'));
  if (metadata.name.length > MAXIMUM_CRON_JOB_NAME) {
    errors.push(invalid('metadata.name', metadata.name, `must be no more than ${MAXIMUM_CRON_JOB_NAME} characters`));
  }
  return errors;
}

function validatePodDisruptionBudget({ spec }: PodDisruptionBudget): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined) {
    errors.push(invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set'));
  }
  if (spec.minAvailable !== undefined) errors.push(...validateIntOrPercent(spec.minAvailable, 'spec.minAvailable'));
  if (spec.maxUnavailable !== undefined)
    errors.push(...validateIntOrPercent(spec.maxUnavailable, 'spec.maxUnavailable'));
  if (spec.selector !== undefined) errors.push(...validateSelector(spec.selector, 'spec.selector'));
  return errors;
}
