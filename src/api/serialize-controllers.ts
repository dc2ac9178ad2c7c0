import type { DaemonSet, PersistentVolumeClaim, ReplicationController, StatefulSet } from './apps.js';
import type { CronJob, Job, JobSpec } from './batch.js';
import type { Condition } from './meta.js';
import { metricField } from './manifest-autoscaling.js';
import type { HorizontalPodAutoscaler, MetricSource, MetricSpec, MetricStatus, PodDisruptionBudget, ResourceQuota } from './policy.js';
import { formatQuantity, resourceText } from './quantity.js';
import { podTemplate, resourceTexts } from './serialize-pod.js';

/** The other workload controllers' kinds as JSON. Times inside stay simulated; the serializer turns them into text. */

type Json = Record<string, unknown>;

export type ControllerKind =
  | StatefulSet
  | DaemonSet
  | ReplicationController
  | Job
  | CronJob
  | PodDisruptionBudget
  | HorizontalPodAutoscaler
  | ResourceQuota
  | PersistentVolumeClaim;

/** Fields of status that hold times. */
export const STATUS_TIMES = [
  'startTime',
  'completionTime',
  'lastScheduleTime',
  'lastSuccessfulTime',
  'lastScaleTime',
] as const;

/** `spec` of an object as the API writes it. */
export function controllerSpec(object: ControllerKind, metadata: (claim: PersistentVolumeClaim) => Json): Json {
  switch (object.kind) {
    case 'StatefulSet': {
      const { template, volumeClaimTemplates, ...rest } = object.spec;
      const claims = volumeClaimTemplates?.map((claim) => ({
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: metadata(claim),
        spec: claimSpec(claim),
        status: claim.status,
      }));
      return {
        ...rest,
        template: podTemplate(template),
        ...(claims === undefined ? {} : { volumeClaimTemplates: claims }),
      };
    }
    case 'DaemonSet':
    case 'ReplicationController': {
      const { template, ...rest } = object.spec;
      return { ...rest, template: podTemplate(template) };
    }
    case 'Job':
      return jobSpec(object.spec);
    case 'CronJob': {
      const { jobTemplate, ...rest } = object.spec;
      return { ...rest, jobTemplate: { metadata: jobTemplate.metadata, spec: jobSpec(jobTemplate.spec) } };
    }
    case 'HorizontalPodAutoscaler':
      return { ...object.spec, metrics: object.spec.metrics.map(metric) };
    case 'ResourceQuota': {
      const { hard, ...scopes } = object.spec;
      return { ...(hard === undefined ? {} : { hard: resourceTexts(hard) }), ...scopes };
    }
    case 'PersistentVolumeClaim':
      return claimSpec(object);
    case 'PodDisruptionBudget':
      return { ...object.spec };
  }
}

function jobSpec(spec: JobSpec): Json {
  const { template, ...rest } = spec;
  return { ...rest, template: podTemplate(template) };
}

/** Fields of a volume or of a claim's status, with its capacity as a quantity. */
export function withCapacity(fields: Json): Json {
  const { capacity } = fields as { readonly capacity?: { readonly storage?: number | string } };
  const { storage } = capacity ?? {};
  return typeof storage === 'number' ? { ...fields, capacity: { ...capacity, storage: resourceText('storage', storage) } } : fields;
}

function claimSpec(claim: PersistentVolumeClaim): Json {
  const { resources, ...rest } = claim.spec;
  return {
    ...rest,
    ...(resources === undefined ? {} : { resources: { requests: resourceTexts(resources.requests ?? {}) } }),
  };
}

function metric({ target, ...source }: MetricSpec): Json {
  const { averageValue, value, ...rest } = target;
  const resource = source.type === 'Resource' || source.type === 'ContainerResource';
  const amount = (number: number): string => (resource ? resourceText(source.name, number) : metricText(number));
  const amounts = {
    ...rest,
    ...(averageValue === undefined ? {} : { averageValue: amount(averageValue) }),
    ...(value === undefined ? {} : { value: amount(value) }),
  };
  return ofSource(source, 'target', amounts);
}

/** A metric under the field of its type, with its target or what it is now. */
function ofSource({ type, name, container, describedObject, selector }: MetricSource, key: string, amounts: Json): Json {
  const identifier = selector === undefined ? { name } : { name, selector };
  const source =
    type === 'Resource'
      ? { name }
      : type === 'ContainerResource'
        ? { name, container }
        : describedObject === undefined
          ? { metric: identifier }
          : { describedObject, metric: identifier };
  return { type, [metricField(type)]: { ...source, [key]: amounts } };
}

function metricStatus(status: MetricStatus): Json {
  if (status === null) return { type: '' };
  const { current, ...source } = status;
  const { averageUtilization, averageValue, value } = current;
  const binary = source.name === 'memory' && metricField(source.type).toLowerCase().endsWith('resource');
  const text = (thousandths: number): string =>
    formatQuantity({ nano: BigInt(thousandths) * 1_000_000n, format: binary && thousandths % 1000 === 0 ? 'BinarySI' : 'DecimalSI' });
  return ofSource(source, 'current', {
    ...(averageUtilization === undefined ? {} : { averageUtilization }),
    ...(averageValue === undefined ? {} : { averageValue: text(averageValue) }),
    ...(value === undefined ? {} : { value: text(value) }),
  });
}

/** A metric's number as a quantity. */
function metricText(number: number): string {
  return Number.isInteger(number) ? String(number) : `${Math.round(number * 1000)}m`;
}

/** `status` of an object: its conditions apart, which hold times of their own. */
export function controllerStatus(object: ControllerKind): {
  readonly conditions?: readonly Condition[];
  readonly rest: Json;
} {
  if (object.kind === 'ResourceQuota') {
    const { hard, used } = object.status ?? {};
    return {
      rest: {
        ...(hard === undefined ? {} : { hard: resourceTexts(hard) }),
        ...(used === undefined ? {} : { used: resourceTexts(used) }),
      },
    };
  }
  const { conditions, ...rest } = (object.status ?? {}) as { conditions?: readonly Condition[] } & Json;
  if (object.kind === 'HorizontalPodAutoscaler') {
    rest.currentMetrics = object.status.currentMetrics?.map(metricStatus) ?? null;
    // omitempty
    if (rest.currentReplicas === 0) delete rest.currentReplicas;
  }
  const written = object.kind === 'PersistentVolumeClaim' ? withCapacity(rest) : rest;
  return conditions === undefined ? { rest: written } : { conditions, rest: written };
}
