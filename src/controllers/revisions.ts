import type { ControllerRevision } from '../api/apps.js';
import type { PodTemplateSpec } from '../api/core.js';
import type { KubernetesObject, Labels } from '../api/meta.js';
import { equalIgnoringHash, templateHash } from './hash.js';
import { controllerReference } from './ownership.js';

/** ControllerRevisions of StatefulSets and DaemonSets: pure (pkg/controller/history/controller_history.go). */

/** Label of a StatefulSet's revisions with their hash (history.ControllerRevisionHashLabel). */
export const HISTORY_LABEL = 'controller.kubernetes.io/hash';
/** Label of pods and revisions with the name (StatefulSet) or hash (DaemonSet) of their revision. */
export const REVISION_LABEL = 'controller-revision-hash';

/** Revisions, oldest first: by number, then creation, then name. */
export function sortRevisions(revisions: Iterable<ControllerRevision>): ControllerRevision[] {
  return [...revisions].sort(
    (a, b) =>
      a.revision - b.revision ||
      a.metadata.creationTimestamp - b.metadata.creationTimestamp ||
      (a.metadata.name < b.metadata.name ? -1 : 1),
  );
}

/** What to do so that the current template has the newest revision. */
export type RevisionPlan =
  | { readonly kind: 'have'; readonly revision: ControllerRevision }
  | { readonly kind: 'renumber'; readonly revision: ControllerRevision }
  | { readonly kind: 'create'; readonly revision: ControllerRevision };

/** The revision of a template among sorted revisions, or what must be written to have it (getStatefulSetRevisions). */
export function planRevision(
  owner: KubernetesObject,
  template: PodTemplateSpec,
  labels: Labels | undefined,
  revisions: readonly ControllerRevision[],
  collisionCount: number | undefined,
  hashLabel: string = REVISION_LABEL,
): RevisionPlan {
  const newest = revisions[revisions.length - 1];
  const number = (newest?.revision ?? 0) + 1;
  const same = revisions.filter((revision) => equalIgnoringHash(revision.data, template)).pop();
  if (same !== undefined) {
    if (same === newest) return { kind: 'have', revision: same };
    return { kind: 'renumber', revision: { ...same, revision: number } };
  }
  const hash = templateHash(template, collisionCount);
  const revision: ControllerRevision = {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${owner.metadata.name}-${hash}`,
      namespace: owner.metadata.namespace,
      uid: '',
      resourceVersion: 0,
      generation: 0,
      creationTimestamp: 0,
      labels: { ...labels, [hashLabel]: hash },
      ownerReferences: [controllerReference(owner)],
    },
    data: template,
    revision: number,
  };
  return { kind: 'create', revision };
}

/** Revisions to delete so that at most `limit` unused ones remain (truncateHistory); `live` names those in use. */
export function revisionsToDelete(revisions: readonly ControllerRevision[], live: ReadonlySet<string>, limit: number): ControllerRevision[] {
  const unused = revisions.filter((revision) => !live.has(revision.metadata.name));
  return unused.slice(0, Math.max(0, unused.length - limit));
}
