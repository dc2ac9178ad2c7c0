import type { FieldError } from './fields.js';
import { forbidden, invalid, required } from './fields.js';
import { metricField } from './manifest-autoscaling.js';
import type { HorizontalPodAutoscaler, MetricSpec, ScalingRules } from './policy.js';

/** What the API server refuses in HorizontalPodAutoscalers (kubernetes pkg/apis/autoscaling/validation). */

/** Longest window and period of a rule, seconds (MaxStabilizationWindowSeconds, MaxPeriodSeconds). */
const MAXIMUM_WINDOW = 3600;
const MAXIMUM_PERIOD = 1800;

export function validateHorizontalPodAutoscaler({ spec }: HorizontalPodAutoscaler): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.minReplicas < 1)
    errors.push(invalid('spec.minReplicas', spec.minReplicas, 'must be greater than or equal to 1'));
  if (spec.maxReplicas < 1) errors.push(invalid('spec.maxReplicas', spec.maxReplicas, 'must be greater than 0'));
  if (spec.maxReplicas < spec.minReplicas) {
    errors.push(invalid('spec.maxReplicas', spec.maxReplicas, 'must be greater than or equal to `minReplicas`'));
  }
  const { apiVersion = '', kind, name } = spec.scaleTargetRef;
  if (kind === '') errors.push(required('spec.scaleTargetRef.kind'));
  if (name === '') errors.push(required('spec.scaleTargetRef.name'));
  // ReplicationControllers are the only scalable kind of the core group.
  if (!apiVersion.includes('/') && kind !== 'ReplicationController') {
    errors.push(invalid('spec.scaleTargetRef.apiVersion', apiVersion, 'apiVersion must specify API group'));
  }
  spec.metrics.forEach((metric, i) => {
    errors.push(...validateMetric(metric, `spec.metrics[${i}].${metricField(metric.type)}`));
  });
  for (const key of ['scaleUp', 'scaleDown'] as const) {
    const rules = spec.behavior?.[key];
    if (rules !== undefined) errors.push(...validateRules(rules, `spec.behavior.${key}`));
  }
  return errors;
}

function validateMetric(metric: MetricSpec, path: string): FieldError[] {
  const { type, name, container, describedObject, target } = metric;
  const resource = type === 'Resource' || type === 'ContainerResource';
  const errors: FieldError[] = [];
  if (type === 'Object') {
    if ((describedObject?.kind ?? '') === '') errors.push(required(`${path}.describedObject.kind`));
    if ((describedObject?.name ?? '') === '') errors.push(required(`${path}.describedObject.name`));
  }
  if (name === '') {
    errors.push(resource ? required(`${path}.name`, 'must specify a resource name') : required(`${path}.metric.name`, 'must specify a metric name'));
  }
  if (type === 'ContainerResource' && container === '') errors.push(required(`${path}.container`, 'must specify a container'));
  const { value, averageValue, averageUtilization } = target;
  if (value !== undefined && value <= 0) errors.push(invalid(`${path}.target.value`, value, 'must be positive'));
  if (averageValue !== undefined && averageValue <= 0) errors.push(invalid(`${path}.target.averageValue`, averageValue, 'must be positive'));
  if (averageUtilization !== undefined && averageUtilization < 1) {
    errors.push(invalid(`${path}.target.averageUtilization`, averageUtilization, 'must be greater than 0'));
  }
  return [...errors, ...validateTarget(metric, `${path}.target`)];
}

/** One target, of a form that the type has. */
function validateTarget({ type, target }: MetricSpec, path: string): FieldError[] {
  const { value, averageValue, averageUtilization } = target;
  if (type === 'Pods') return averageValue === undefined ? [required(`${path}.averageValue`, 'must specify a positive target averageValue')] : [];
  if (type === 'Object') {
    if (value !== undefined || averageValue !== undefined) return [];
    return [required(`${path}.averageValue`, 'must set either a target value or averageValue')];
  }
  const external = type === 'External';
  const other = external ? value : averageUtilization;
  if (other === undefined && averageValue === undefined) {
    return external
      ? [required(`${path}.averageValue`, 'must set either a target value for metric or a per-pod target')]
      : [required(`${path}.averageUtilization`, 'must set either a target raw value or a target utilization')];
  }
  if (other === undefined || averageValue === undefined) return [];
  return external
    ? [forbidden(`${path}.value`, 'may not set both a target value for metric and a per-pod target')]
    : [forbidden(`${path}.averageValue`, 'may not set both a target raw value and a target utilization')];
}

function validateRules({ stabilizationWindowSeconds: window, policies, tolerance }: ScalingRules, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (window !== undefined && window < 0) {
    errors.push(invalid(`${path}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero'));
  }
  if (window !== undefined && window > MAXIMUM_WINDOW) {
    errors.push(invalid(`${path}.stabilizationWindowSeconds`, window, `must be less than or equal to ${MAXIMUM_WINDOW}`));
  }
  // An empty list is filled in by default only when it is absent.
  if (policies?.length === 0) errors.push(required(`${path}.policies`, 'must specify at least one Policy'));
  policies?.forEach(({ value, periodSeconds }, i) => {
    const at = `${path}.policies[${i}]`;
    if (value <= 0) errors.push(invalid(`${at}.value`, value, 'must be greater than zero'));
    if (periodSeconds <= 0) errors.push(invalid(`${at}.periodSeconds`, periodSeconds, 'must be greater than zero'));
    if (periodSeconds > MAXIMUM_PERIOD) errors.push(invalid(`${at}.periodSeconds`, periodSeconds, `must be less than or equal to ${MAXIMUM_PERIOD}`));
  });
  if (tolerance !== undefined && tolerance < 0) errors.push(invalid(`${path}.tolerance`, tolerance, 'must be greater than or equal to 0'));
  return errors;
}
