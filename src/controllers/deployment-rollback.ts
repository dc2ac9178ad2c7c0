import type { Deployment, ReplicaSet } from '../api/workloads.js';
import { REVISION, revisionOf } from './deployment-rollout.js';
import { isSkippedAnnotation } from './deployment-sets.js';
import { equalIgnoringHash, POD_TEMPLATE_HASH } from './hash.js';

/** The rollback that the controller makes itself for the annotation of old API versions: pure (pkg/controller/deployment/rollback.go). */

export const ROLLBACK_TO = 'deprecated.deployment.rollback.to';

/** The revision asked for, 0 for the one before; undefined: none, or none that can be read. */
export function rollbackTo(deployment: Deployment): number | undefined {
  const text = deployment.metadata.annotations?.[ROLLBACK_TO];
  return text !== undefined && /^[+-]?\d+$/.test(text) ? Number(text) : undefined;
}

/** The Deployment to write, without the annotation, and what to say. */
export interface Rollback {
  readonly deployment: Deployment;
  readonly type: 'Normal' | 'Warning';
  readonly reason: 'DeploymentRollback' | 'DeploymentRollbackRevisionNotFound' | 'DeploymentRollbackTemplateUnchanged';
  readonly message: string;
}

/** Rolls back to a revision, or gives up. */
export function rollback(deployment: Deployment, revision: number, replicaSets: readonly ReplicaSet[]): Rollback {
  const { name } = deployment.metadata;
  const wanted = revision === 0 ? lastRevision(replicaSets) : revision;
  if (wanted === 0) return givenUp(deployment, 'Unable to find last revision.');
  const set = replicaSets.find((candidate) => revisionOf(candidate) === wanted);
  if (set === undefined) return givenUp(deployment, 'Unable to find the revision to rollback to.');
  if (equalIgnoringHash(deployment.spec.template, set.spec.template)) {
    const message = `The rollback revision contains the same template as current deployment "${name}"`;
    return { deployment: cleared(deployment), type: 'Warning', reason: 'DeploymentRollbackTemplateUnchanged', message };
  }
  return {
    deployment: cleared(withTemplateOf(deployment, set)),
    type: 'Normal',
    reason: 'DeploymentRollback',
    message: `Rolled back deployment "${name}" to revision ${wanted}`,
  };
}

/** The second-highest revision (LastRevision); 0 when there is none. */
function lastRevision(replicaSets: readonly ReplicaSet[]): number {
  const revisions = replicaSets.filter(({ metadata }) => metadata.annotations?.[REVISION] !== undefined).map(revisionOf);
  return revisions.sort((a, b) => b - a)[1] ?? 0;
}

function givenUp(deployment: Deployment, message: string): Rollback {
  return { deployment: cleared(deployment), type: 'Warning', reason: 'DeploymentRollbackRevisionNotFound', message };
}

function cleared(deployment: Deployment): Deployment {
  const { [ROLLBACK_TO]: _, ...annotations } = deployment.metadata.annotations ?? {};
  return { ...deployment, metadata: { ...deployment.metadata, annotations } };
}

/** Template and annotations of a ReplicaSet; the Deployment keeps the annotations that are never copied. */
function withTemplateOf(deployment: Deployment, set: ReplicaSet): Deployment {
  const { [POD_TEMPLATE_HASH]: _, ...labels } = set.spec.template.metadata.labels ?? {};
  const annotations: Record<string, string> = {};
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) if (isSkippedAnnotation(key)) annotations[key] = value;
  for (const [key, value] of Object.entries(set.metadata.annotations ?? {})) if (!isSkippedAnnotation(key)) annotations[key] = value;
  const template = { ...set.spec.template, metadata: { ...set.spec.template.metadata, labels } };
  return { ...deployment, metadata: { ...deployment.metadata, annotations }, spec: { ...deployment.spec, template } };
}
