import { controllerReference } from './ownership.js';
import {
  byCreation,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  maxSurge,
  newReplicaSetReplicas,
  REVISION,
  revisionOf,
  specReplicas,
} from './deployment-rollout.js';
import { equalIgnoringHash, selectorWithHash, templateHash, templateWithHash } from './hash.js';
import type { Labels } from '../api/meta.js';
import type { Deployment, ReplicaSet } from '../api/workloads.js';

/** ReplicaSets of a Deployment: which is the new one, what is written on it. Pure (deployment_util.go, sync.go). */

export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
/** Characters of the revision history annotation (maxRevHistoryLengthInChars). */
const HISTORY_LENGTH = 2000;
/** Annotations that are not copied from a Deployment to its ReplicaSets (annotationsToSkip). */
const SKIPPED = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  'deprecated.deployment.rollback.to',
]);

/** Whether an annotation is never copied between a Deployment and its ReplicaSets. */
export function isSkippedAnnotation(key: string): boolean {
  return SKIPPED.has(key);
}

/** The oldest ReplicaSet with the Deployment's own template (FindNewReplicaSet). */
export function findNewReplicaSet(deployment: Deployment, replicaSets: readonly ReplicaSet[]): ReplicaSet | undefined {
  let found: ReplicaSet | undefined;
  for (const set of replicaSets) {
    if (found !== undefined && byCreation(found, set) <= 0) continue;
    if (equalIgnoringHash(set.spec.template, deployment.spec.template)) found = set;
  }
  return found;
}

/** Highest revision number among ReplicaSets. */
export function maxRevision(replicaSets: readonly ReplicaSet[]): number {
  let maximum = 0;
  for (const set of replicaSets) maximum = Math.max(maximum, revisionOf(set));
  return maximum;
}

/** Annotations of the new ReplicaSet at a revision; the same object when nothing changes (SetNewReplicaSetAnnotations). */
export function newReplicaSetAnnotations(
  deployment: Deployment,
  annotations: Labels | undefined,
  revision: number,
  exists: boolean,
): Labels {
  const next: Record<string, string> = { ...annotations };
  const own = deployment.metadata.annotations ?? {};
  for (const key of Object.keys(own)) if (!SKIPPED.has(key)) next[key] = own[key]!;
  const old = annotations?.[REVISION];
  if (Number(old ?? 0) < revision) {
    next[REVISION] = String(revision);
    if (old !== undefined) {
      const history = annotations?.[REVISION_HISTORY];
      const entries = history === undefined || history === '' ? [old] : [...history.split(','), old];
      while (entries.length > 1 && entries.join(',').length > HISTORY_LENGTH) entries.shift();
      next[REVISION_HISTORY] = entries.join(',');
    }
  }
  if (!exists) {
    next[DESIRED_REPLICAS] = String(deployment.spec.replicas);
    next[MAX_REPLICAS] = String(deployment.spec.replicas + maxSurge(deployment));
  }
  return sameLabels(annotations, next) ? annotations! : next;
}

function sameLabels(a: Labels | undefined, b: Labels): boolean {
  if (a === undefined) return false;
  for (const key of Object.keys(b)) if (a[key] !== b[key]) return false;
  return true;
}

/** A ReplicaSet with the size annotations of its Deployment refreshed, and a number of replicas (scaleReplicaSet). */
export function resized(deployment: Deployment, set: ReplicaSet, replicas: number): ReplicaSet {
  const desired = String(deployment.spec.replicas);
  const maximum = String(deployment.spec.replicas + maxSurge(deployment));
  const { annotations } = set.metadata;
  const same = annotations?.[DESIRED_REPLICAS] === desired && annotations?.[MAX_REPLICAS] === maximum;
  if (same && set.spec.replicas === replicas) return set;
  return {
    ...set,
    metadata: same
      ? set.metadata
      : { ...set.metadata, annotations: { ...annotations, [DESIRED_REPLICAS]: desired, [MAX_REPLICAS]: maximum } },
    spec: set.spec.replicas === replicas ? set.spec : { ...set.spec, replicas },
  };
}

/** Name limit of a ReplicaSet with its hash (253 characters in all). */
const NAME_LIMIT = 253;

/** The new ReplicaSet to create for the Deployment's template (getNewReplicaSet). */
export function newReplicaSet(deployment: Deployment, oldSets: readonly ReplicaSet[]): ReplicaSet {
  const { spec, metadata } = deployment;
  const hash = templateHash(spec.template, deployment.status.collisionCount);
  const template = templateWithHash(spec.template, hash);
  const replicas = newReplicaSetReplicas(deployment, specReplicas(oldSets), 0);
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${metadata.name.slice(0, NAME_LIMIT - 1 - hash.length)}-${hash}`,
      namespace: metadata.namespace,
      uid: '',
      resourceVersion: 0,
      generation: 0,
      creationTimestamp: 0,
      labels: template.metadata.labels!,
      annotations: newReplicaSetAnnotations(deployment, undefined, maxRevision(oldSets) + 1, false),
      ownerReferences: [controllerReference(deployment)],
    },
    spec: { replicas, selector: selectorWithHash(spec.selector, hash), template, minReadySeconds: spec.minReadySeconds },
    status: { replicas: 0 },
  };
}
