import { present } from './manifest-pod.js';
import { readSelector } from './manifest-selector.js';
import type { ObjectMeta } from './meta.js';
import type { HorizontalPodAutoscaler, MetricSpec, ScaleTargetReference, ScalingPolicy, ScalingRules } from './policy.js';
import { parseQuantity, quantityMilliValue, resourceAmount } from './quantity.js';
import { type FieldReader, fieldPath, type RawMap } from './reader.js';

/** HorizontalPodAutoscalers out of manifests, with Kubernetes' defaults (pkg/apis/autoscaling/v2/defaults.go). */

export function readHorizontalPodAutoscaler(
  read: FieldReader,
  raw: RawMap,
  metadata: ObjectMeta,
): HorizontalPodAutoscaler {
  const spec = read.map(raw, 'spec', '') ?? {};
  const target = read.map(spec, 'scaleTargetRef', 'spec') ?? {};
  const behavior = read.map(spec, 'behavior', 'spec');
  const metrics = read.listOf(spec, 'metrics', 'spec', (item, at) => readMetric(read, item, at));
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata,
    spec: present<HorizontalPodAutoscaler['spec']>({
      scaleTargetRef: readReference(read, target, 'spec.scaleTargetRef'),
      minReplicas: read.integer(spec, 'minReplicas', 'spec') ?? 1,
      maxReplicas: read.integer(spec, 'maxReplicas', 'spec') ?? 1,
      metrics: metrics !== undefined && metrics.length > 0 ? metrics : [{ type: 'Resource', name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } }],
      behavior: behavior === undefined ? undefined : readBehavior(read, behavior),
    }),
    status: { desiredReplicas: 0 },
  };
}

/** Field of a metric that holds its source. */
const SOURCE_FIELDS = {
  Resource: 'resource',
  ContainerResource: 'containerResource',
  Pods: 'pods',
  Object: 'object',
  External: 'external',
} as const satisfies Record<MetricSpec['type'], string>;
const TYPES = ['Resource', 'ContainerResource', 'Pods', 'Object', 'External'] as const;

/** The field of a metric, in spec and status, that holds what its type says. */
export function metricField(type: MetricSpec['type']): string {
  return SOURCE_FIELDS[type];
}

function readMetric(read: FieldReader, raw: RawMap, path: string): MetricSpec {
  const type = read.choice(raw, 'type', path, TYPES) ?? 'Resource';
  const field = SOURCE_FIELDS[type];
  const source = read.map(raw, field, path) ?? {};
  const at = fieldPath(path, field);
  const metric = read.map(source, 'metric', at) ?? {};
  const described = read.map(source, 'describedObject', at);
  const name = read.text(source, 'name', at) ?? read.text(metric, 'name', `${at}.metric`) ?? '';
  const target = read.map(source, 'target', at) ?? {};
  return present<MetricSpec>({
    type,
    name,
    container: type === 'ContainerResource' ? (read.text(source, 'container', at) ?? '') : undefined,
    describedObject: described === undefined ? undefined : readReference(read, described, `${at}.describedObject`),
    selector: metric.selector === undefined ? undefined : readSelector(read, metric, 'selector', `${at}.metric`),
    target: present<MetricSpec['target']>({
      type: read.choice(target, 'type', `${at}.target`, ['Utilization', 'AverageValue', 'Value']) ?? 'Utilization',
      averageUtilization: read.integer(target, 'averageUtilization', `${at}.target`),
      averageValue: amount(type, name, target.averageValue),
      value: amount(type, name, target.value),
    }),
  });
}

function readReference(read: FieldReader, raw: RawMap, path: string): ScaleTargetReference {
  return present<ScaleTargetReference>({
    apiVersion: read.text(raw, 'apiVersion', path),
    kind: read.text(raw, 'kind', path) ?? '',
    name: read.text(raw, 'name', path) ?? '',
  });
}

/** Resources in their unit, metrics of other types as plain numbers (`500m` is 0.5). */
function amount(type: MetricSpec['type'], name: string, value: unknown): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const resource = type === 'Resource' || type === 'ContainerResource';
  return resource ? resourceAmount(name, value) : quantityMilliValue(parseQuantity(String(value))) / 1000;
}

function readBehavior(read: FieldReader, raw: RawMap): NonNullable<HorizontalPodAutoscaler['spec']['behavior']> {
  return present<NonNullable<HorizontalPodAutoscaler['spec']['behavior']>>({
    scaleUp: readRules(read, raw, 'scaleUp'),
    scaleDown: readRules(read, raw, 'scaleDown'),
  });
}

function readRules(read: FieldReader, raw: RawMap, key: string): ScalingRules | undefined {
  const rules = read.map(raw, key, 'spec.behavior');
  if (rules === undefined) return undefined;
  const at = `spec.behavior.${key}`;
  return present<ScalingRules>({
    stabilizationWindowSeconds: read.integer(rules, 'stabilizationWindowSeconds', at),
    selectPolicy: read.choice(rules, 'selectPolicy', at, ['Max', 'Min', 'Disabled']),
    tolerance:
      typeof rules.tolerance === 'string' || typeof rules.tolerance === 'number' ? Number(rules.tolerance) : undefined,
    policies: read.listOf(
      rules,
      'policies',
      at,
      (item, path) =>
        ({
          type: read.choice(item, 'type', path, ['Pods', 'Percent']) ?? 'Pods',
          value: read.integer(item, 'value', path) ?? 0,
          periodSeconds: read.integer(item, 'periodSeconds', path) ?? 15,
        }) satisfies ScalingPolicy,
    ),
  });
}
