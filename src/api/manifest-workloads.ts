import { defaultDeploymentSpec, defaultDeploymentStrategy } from './defaults.js';
import * as known from './known-fields.js';
import type { ReadTime } from './manifest-core.js';
import { readConditions } from './manifest-core.js';
import { present, readTemplate } from './manifest-pod.js';
import { readSelector } from './manifest-selector.js';
import type { ObjectMeta } from './meta.js';
import type { FieldReader, RawMap } from './reader.js';
import { fieldPath } from './reader.js';
import type { Deployment, DeploymentStatus, DeploymentStrategy, ReplicaSet, ReplicaSetStatus } from './workloads.js';

/** Deployments and ReplicaSets out of manifests and dumps. */

const emptyTemplate: Deployment['spec']['template'] = {
  metadata: {},
  spec: {
    containers: [],
    schedulerName: 'default-scheduler',
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
  },
};

export function readDeployment(read: FieldReader, raw: RawMap, metadata: ObjectMeta, time: ReadTime): Deployment {
  const spec = readSpec(read, raw);
  read.rest(spec, 'spec', known.deploymentSpec.modelled, known.deploymentSpec.others);
  const status = read.map(raw, 'status', '') ?? {};
  const count = (key: string): number | undefined => read.integer(status, key, 'status');
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: defaultDeploymentSpec(
      present<Parameters<typeof defaultDeploymentSpec>[0]>({
        replicas: read.integer(spec, 'replicas', 'spec'),
        selector: readSelector(read, spec, 'selector', 'spec') ?? {},
        template: readTemplate(read, spec, 'spec') ?? emptyTemplate,
        strategy: readStrategy(read, spec),
        minReadySeconds: read.integer(spec, 'minReadySeconds', 'spec'),
        revisionHistoryLimit: read.integer(spec, 'revisionHistoryLimit', 'spec'),
        progressDeadlineSeconds: read.integer(spec, 'progressDeadlineSeconds', 'spec'),
        paused: read.flag(spec, 'paused', 'spec') === true ? true : undefined,
      }),
    ),
    status: present<DeploymentStatus>({
      observedGeneration: count('observedGeneration'),
      replicas: count('replicas'),
      updatedReplicas: count('updatedReplicas'),
      readyReplicas: count('readyReplicas'),
      availableReplicas: count('availableReplicas'),
      unavailableReplicas: count('unavailableReplicas'),
      terminatingReplicas: count('terminatingReplicas'),
      collisionCount: count('collisionCount'),
      conditions: readConditions(read, status, 'status', time),
    }),
  };
}

function readSpec(read: FieldReader, raw: RawMap): RawMap {
  const spec = read.map(raw, 'spec', '');
  if (spec === undefined && (raw.spec === undefined || raw.spec === null)) read.missing('', 'spec');
  return spec ?? {};
}

function readStrategy(read: FieldReader, spec: RawMap): DeploymentStrategy | undefined {
  const strategy = read.map(spec, 'strategy', 'spec');
  if (strategy === undefined) return undefined;
  const path = 'spec.strategy';
  read.rest(strategy, path, known.deploymentStrategy.modelled, known.deploymentStrategy.others);
  const type = read.choice(strategy, 'type', path, ['RollingUpdate', 'Recreate']);
  const rolling = read.map(strategy, 'rollingUpdate', path);
  if (rolling === undefined) return defaultDeploymentStrategy(present<{ type?: DeploymentStrategy['type'] }>({ type }));
  const at = fieldPath(path, 'rollingUpdate');
  read.rest(rolling, at, known.rollingUpdate.modelled, known.rollingUpdate.others);
  if (type === 'Recreate') {
    read.errors.push({
      field: at,
      type: 'Forbidden',
      detail: "may not be specified when strategy `type` is 'Recreate'",
    });
  }
  const rollingUpdate = present<Partial<NonNullable<DeploymentStrategy['rollingUpdate']>>>({
    maxSurge: read.intOrString(rolling, 'maxSurge', at),
    maxUnavailable: read.intOrString(rolling, 'maxUnavailable', at),
  });
  return defaultDeploymentStrategy(present<Parameters<typeof defaultDeploymentStrategy>[0]>({ type, rollingUpdate }));
}

export function readReplicaSet(read: FieldReader, raw: RawMap, metadata: ObjectMeta, time: ReadTime): ReplicaSet {
  const spec = readSpec(read, raw);
  read.rest(spec, 'spec', known.replicaSetSpec.modelled, known.replicaSetSpec.others);
  const status = read.map(raw, 'status', '') ?? {};
  const count = (key: string): number | undefined => read.integer(status, key, 'status');
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata,
    spec: {
      replicas: read.integer(spec, 'replicas', 'spec') ?? 1,
      selector: readSelector(read, spec, 'selector', 'spec') ?? {},
      template: readTemplate(read, spec, 'spec') ?? emptyTemplate,
      minReadySeconds: read.integer(spec, 'minReadySeconds', 'spec') ?? 0,
    },
    status: present<ReplicaSetStatus>({
      replicas: count('replicas') ?? 0,
      fullyLabeledReplicas: count('fullyLabeledReplicas'),
      readyReplicas: count('readyReplicas'),
      availableReplicas: count('availableReplicas'),
      terminatingReplicas: count('terminatingReplicas'),
      observedGeneration: count('observedGeneration'),
      conditions: readConditions(read, status, 'status', time),
    }),
  };
}
