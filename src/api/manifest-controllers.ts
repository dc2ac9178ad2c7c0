import type { DaemonSet, PersistentVolumeClaim, ReplicationController, StatefulSet } from './apps.js';
import type { CronJob, Job, JobSpec, PodFailurePolicyRule } from './batch.js';
import type { ReadTime } from './manifest-core.js';
import { readConditions } from './manifest-core.js';
import { present, readTemplate } from './manifest-pod.js';
import { readSelector } from './manifest-selector.js';
import type { ObjectMeta } from './meta.js';
import type {
  PodDisruptionBudget,
  ResourceQuota,
  ScopeRequirement,
} from './policy.js';
import { type FieldReader, isMap, type RawMap } from './reader.js';

/** The kinds of the other workload controllers out of manifests, with Kubernetes' defaults (pkg/apis/{apps,batch,policy,autoscaling}). */

const emptyTemplate: StatefulSet['spec']['template'] = {
  metadata: {},
  spec: {
    containers: [],
    schedulerName: 'default-scheduler',
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
  },
};

const MAX_INT32 = 2147483647;

function specOf(read: FieldReader, raw: RawMap): RawMap {
  return read.map(raw, 'spec', '') ?? {};
}

export function readStatefulSet(read: FieldReader, raw: RawMap, metadata: ObjectMeta, time: ReadTime): StatefulSet {
  const spec = specOf(read, raw);
  const update = read.map(spec, 'updateStrategy', 'spec') ?? {};
  const type = read.choice(update, 'type', 'spec.updateStrategy', ['RollingUpdate', 'OnDelete']);
  // A partition is only filled in when the strategy is not named, or is given with its parameters.
  const rolling = read.map(update, 'rollingUpdate', 'spec.updateStrategy') ?? (type === undefined ? {} : undefined);
  const at = 'spec.updateStrategy.rollingUpdate';
  const ordinals = read.map(spec, 'ordinals', 'spec');
  const status = read.map(raw, 'status', '') ?? {};
  const retention = read.map(spec, 'persistentVolumeClaimRetentionPolicy', 'spec');
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata,
    spec: present<StatefulSet['spec']>({
      replicas: read.integer(spec, 'replicas', 'spec') ?? 1,
      selector: readSelector(read, spec, 'selector', 'spec') ?? {},
      template: readTemplate(read, spec, 'spec') ?? emptyTemplate,
      serviceName: read.text(spec, 'serviceName', 'spec') ?? '',
      podManagementPolicy:
        read.choice(spec, 'podManagementPolicy', 'spec', ['OrderedReady', 'Parallel']) ?? 'OrderedReady',
      updateStrategy: present<StatefulSet['spec']['updateStrategy']>({
        type: type ?? 'RollingUpdate',
        rollingUpdate:
          rolling === undefined
            ? undefined
            : present<NonNullable<StatefulSet['spec']['updateStrategy']['rollingUpdate']>>({
                partition: read.integer(rolling, 'partition', at) ?? 0,
                maxUnavailable: read.intOrString(rolling, 'maxUnavailable', at),
              }),
      }),
      volumeClaimTemplates: read.listOf(spec, 'volumeClaimTemplates', 'spec', (item, path) =>
        readClaim(read, item, path, metadata.namespace),
      ),
      minReadySeconds: read.integer(spec, 'minReadySeconds', 'spec') ?? 0,
      revisionHistoryLimit: read.integer(spec, 'revisionHistoryLimit', 'spec') ?? 10,
      ordinals: ordinals === undefined ? undefined : { start: read.integer(ordinals, 'start', 'spec.ordinals') ?? 0 },
      persistentVolumeClaimRetentionPolicy:
        retention === undefined
          ? undefined
          : (retention as NonNullable<StatefulSet['spec']['persistentVolumeClaimRetentionPolicy']>),
    }),
    status: present<StatefulSet['status']>({
      observedGeneration: read.integer(status, 'observedGeneration', 'status'),
      replicas: read.integer(status, 'replicas', 'status') ?? 0,
      readyReplicas: read.integer(status, 'readyReplicas', 'status'),
      currentReplicas: read.integer(status, 'currentReplicas', 'status'),
      updatedReplicas: read.integer(status, 'updatedReplicas', 'status'),
      availableReplicas: read.integer(status, 'availableReplicas', 'status'),
      currentRevision: read.text(status, 'currentRevision', 'status'),
      updateRevision: read.text(status, 'updateRevision', 'status'),
      collisionCount: read.integer(status, 'collisionCount', 'status'),
      conditions: readConditions(read, status, 'status', time),
    }),
  };
}

function readClaim(read: FieldReader, raw: RawMap, path: string, namespace: string): PersistentVolumeClaim {
  const metadata = read.map(raw, 'metadata', path) ?? {};
  const spec = read.map(raw, 'spec', path) ?? {};
  const resources = read.map(spec, 'resources', `${path}.spec`);
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: present<ObjectMeta>({
      name: read.text(metadata, 'name', `${path}.metadata`) ?? '',
      namespace,
      uid: '',
      resourceVersion: 0,
      generation: 0,
      creationTimestamp: 0,
      labels: read.labels(metadata, 'labels', `${path}.metadata`),
      annotations: read.labels(metadata, 'annotations', `${path}.metadata`),
    } as { [K in keyof ObjectMeta]: ObjectMeta[K] | undefined }),
    spec: present<PersistentVolumeClaim['spec']>({
      storageClassName: read.text(spec, 'storageClassName', `${path}.spec`),
      volumeName: read.text(spec, 'volumeName', `${path}.spec`),
      accessModes: read.texts(spec, 'accessModes', `${path}.spec`),
      volumeMode: read.text(spec, 'volumeMode', `${path}.spec`),
      volumeAttributesClassName: read.text(spec, 'volumeAttributesClassName', `${path}.spec`),
      selector: readSelector(read, spec, 'selector', `${path}.spec`),
      resources:
        resources === undefined
          ? undefined
          : { requests: read.resources(resources, 'requests', `${path}.spec.resources`) ?? {} },
    }),
    status: { phase: 'Pending' },
  };
}

/** A claim of its own. */
export function readPersistentVolumeClaim(read: FieldReader, raw: RawMap, metadata: ObjectMeta): PersistentVolumeClaim {
  const phase = read.choice(read.map(raw, 'status', '') ?? {}, 'phase', 'status', ['Pending', 'Bound', 'Lost']);
  return { ...readClaim(read, raw, '', metadata.namespace), metadata, status: { phase: phase ?? 'Pending' } };
}

export function readDaemonSet(read: FieldReader, raw: RawMap, metadata: ObjectMeta): DaemonSet {
  const spec = specOf(read, raw);
  const update = read.map(spec, 'updateStrategy', 'spec') ?? {};
  const rolling = read.map(update, 'rollingUpdate', 'spec.updateStrategy') ?? {};
  const at = 'spec.updateStrategy.rollingUpdate';
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata,
    spec: {
      selector: readSelector(read, spec, 'selector', 'spec') ?? {},
      template: readTemplate(read, spec, 'spec') ?? emptyTemplate,
      updateStrategy: {
        type: read.choice(update, 'type', 'spec.updateStrategy', ['RollingUpdate', 'OnDelete']) ?? 'RollingUpdate',
        rollingUpdate: {
          maxUnavailable: read.intOrString(rolling, 'maxUnavailable', at) ?? 1,
          maxSurge: read.intOrString(rolling, 'maxSurge', at) ?? 0,
        },
      },
      minReadySeconds: read.integer(spec, 'minReadySeconds', 'spec') ?? 0,
      revisionHistoryLimit: read.integer(spec, 'revisionHistoryLimit', 'spec') ?? 10,
    },
    status: { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 },
  };
}

export function readReplicationController(read: FieldReader, raw: RawMap, metadata: ObjectMeta): ReplicationController {
  const spec = specOf(read, raw);
  const template = readTemplate(read, spec, 'spec') ?? emptyTemplate;
  return {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata,
    spec: {
      replicas: read.integer(spec, 'replicas', 'spec') ?? 1,
      selector: read.labels(spec, 'selector', 'spec') ?? template.metadata.labels ?? {},
      template,
      minReadySeconds: read.integer(spec, 'minReadySeconds', 'spec') ?? 0,
    },
    status: { replicas: 0 },
  };
}

export function readJob(read: FieldReader, raw: RawMap, metadata: ObjectMeta): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata,
    spec: readJobSpec(read, specOf(read, raw), 'spec'),
    status: {},
  };
}

function readJobSpec(read: FieldReader, spec: RawMap, path: string): JobSpec {
  const completions = read.integer(spec, 'completions', path);
  const parallelism = read.integer(spec, 'parallelism', path);
  const perIndex = read.integer(spec, 'backoffLimitPerIndex', path);
  const failure = read.map(spec, 'podFailurePolicy', path);
  const success = read.map(spec, 'successPolicy', path);
  return present<JobSpec>({
    parallelism: parallelism ?? 1,
    // Neither given means one pod; only parallelism given means a work queue.
    completions: completions ?? (parallelism === undefined ? 1 : undefined),
    activeDeadlineSeconds: read.integer(spec, 'activeDeadlineSeconds', path),
    backoffLimit: read.integer(spec, 'backoffLimit', path) ?? (perIndex === undefined ? 6 : MAX_INT32),
    backoffLimitPerIndex: perIndex,
    maxFailedIndexes: read.integer(spec, 'maxFailedIndexes', path),
    selector: readSelector(read, spec, 'selector', path),
    template: readTemplate(read, spec, path) ?? emptyTemplate,
    ttlSecondsAfterFinished: read.integer(spec, 'ttlSecondsAfterFinished', path),
    completionMode: read.choice(spec, 'completionMode', path, ['NonIndexed', 'Indexed']) ?? 'NonIndexed',
    suspend: read.flag(spec, 'suspend', path) ?? false,
    managedBy: read.text(spec, 'managedBy', path),
    podReplacementPolicy:
      read.choice(spec, 'podReplacementPolicy', path, ['TerminatingOrFailed', 'Failed']) ??
      (failure === undefined ? 'TerminatingOrFailed' : 'Failed'),
    podFailurePolicy:
      failure === undefined
        ? undefined
        : {
            rules:
              read.listOf(
                failure,
                'rules',
                `${path}.podFailurePolicy`,
                (item) => item as unknown as PodFailurePolicyRule,
              ) ?? [],
          },
    successPolicy:
      success === undefined
        ? undefined
        : {
            rules:
              read.listOf(success, 'rules', `${path}.successPolicy`, (item, at) =>
                present<{ succeededIndexes?: string; succeededCount?: number }>({
                  succeededIndexes: read.text(item, 'succeededIndexes', at),
                  succeededCount: read.integer(item, 'succeededCount', at),
                }),
              ) ?? [],
          },
  });
}

export function readCronJob(read: FieldReader, raw: RawMap, metadata: ObjectMeta): CronJob {
  const spec = specOf(read, raw);
  const template = read.map(spec, 'jobTemplate', 'spec') ?? {};
  const templateMetadata = read.map(template, 'metadata', 'spec.jobTemplate') ?? {};
  const jobSpec = read.map(template, 'spec', 'spec.jobTemplate') ?? {};
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata,
    spec: present<CronJob['spec']>({
      schedule: read.text(spec, 'schedule', 'spec') ?? '',
      timeZone: read.text(spec, 'timeZone', 'spec'),
      startingDeadlineSeconds: read.integer(spec, 'startingDeadlineSeconds', 'spec'),
      concurrencyPolicy: read.choice(spec, 'concurrencyPolicy', 'spec', ['Allow', 'Forbid', 'Replace']) ?? 'Allow',
      suspend: read.flag(spec, 'suspend', 'spec') ?? false,
      jobTemplate: {
        metadata: present<CronJob['spec']['jobTemplate']['metadata']>({
          labels: read.labels(templateMetadata, 'labels', 'spec.jobTemplate.metadata'),
          annotations: read.labels(templateMetadata, 'annotations', 'spec.jobTemplate.metadata'),
        }),
        spec: readJobSpec(read, jobSpec, 'spec.jobTemplate.spec'),
      },
      successfulJobsHistoryLimit: read.integer(spec, 'successfulJobsHistoryLimit', 'spec') ?? 3,
      failedJobsHistoryLimit: read.integer(spec, 'failedJobsHistoryLimit', 'spec') ?? 1,
    }),
    status: {},
  };
}

export function readPodDisruptionBudget(read: FieldReader, raw: RawMap, metadata: ObjectMeta): PodDisruptionBudget {
  const spec = specOf(read, raw);
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata,
    spec: present<PodDisruptionBudget['spec']>({
      minAvailable: read.intOrString(spec, 'minAvailable', 'spec'),
      maxUnavailable: read.intOrString(spec, 'maxUnavailable', 'spec'),
      selector: readSelector(read, spec, 'selector', 'spec'),
      unhealthyPodEvictionPolicy: read.choice(spec, 'unhealthyPodEvictionPolicy', 'spec', [
        'IfHealthyBudget',
        'AlwaysAllow',
      ]),
    }),
    status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
  };
}

export function readResourceQuota(read: FieldReader, raw: RawMap, metadata: ObjectMeta): ResourceQuota {
  const spec = specOf(read, raw);
  const hard = isMap(spec.hard) ? read.resources(spec, 'hard', 'spec') : undefined;
  const selector = read.map(spec, 'scopeSelector', 'spec');
  const matchExpressions =
    selector === undefined
      ? undefined
      : read.listOf(selector, 'matchExpressions', 'spec.scopeSelector', (item, at) =>
          present<ScopeRequirement>({
            scopeName: read.text(item, 'scopeName', at) ?? '',
            operator: read.choice(item, 'operator', at, ['In', 'NotIn', 'Exists', 'DoesNotExist']) ?? 'In',
            values: read.texts(item, 'values', at),
          }),
        );
  const scopes = read.texts(spec, 'scopes', 'spec');
  return {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata,
    spec: present<ResourceQuota['spec']>({ hard, scopes, scopeSelector: matchExpressions === undefined ? undefined : { matchExpressions } }),
  };
}
