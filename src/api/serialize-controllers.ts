import type { DaemonSet, PersistentVolumeClaim, ReplicationController, StatefulSet } from './apps.js';
import type { CronJob, Job, JobSpec } from './batch.js';
import type { Condition } from './meta.js';
import type { HorizontalPodAutoscaler, MetricSpec, PodDisruptionBudget, ResourceQuota } from './policy.js';
import { resourceText } from './quantity.js';
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

function claimSpec(claim: PersistentVolumeClaim): Json {
  const { resources, ...rest } = claim.spec;
  return {
    ...rest,
    ...(resources === undefined ? {} : { resources: { requests: resourceTexts(resources.requests ?? {}) } }),
  };
}

function metric({ type, name, target }: MetricSpec): Json {
  const { averageValue, value, ...rest } = target;
  const amount = (number: number): string => (type === 'Resource' ? resourceText(name, number) : metricText(number));
  const amounts = {
    ...rest,
    ...(averageValue === undefined ? {} : { averageValue: amount(averageValue) }),
    ...(value === undefined ? {} : { value: amount(value) }),
  };
  const source = type === 'Resource' ? { name, target: amounts } : { metric: { name }, target: amounts };
  return { type, [type.toLowerCase()]: source };
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
  return conditions === undefined ? { rest } : { conditions, rest };
}
