import type { Condition } from '../api/meta.js';
import { resourceInfo } from '../api/resources.js';
import type { Time } from '../kernel/time.js';
import { apiTime, findCondition } from './conditions.js';

/** Conditions of a namespace that is being emptied: pure (pkg/controller/namespace/deletion/status_condition_utils.go). */

/** What is left in a namespace, and what went wrong. */
export interface NamespaceContent {
  readonly resources: ReadonlyMap<string, number>;
  readonly finalizers: ReadonlyMap<string, number>;
  readonly errors: readonly string[];
}

/** Type, reason and message of each condition when all is well, in the order in which they are written. */
const FINE: readonly (readonly [string, string, string])[] = [
  ['NamespaceDeletionDiscoveryFailure', 'ResourcesDiscovered', 'All resources successfully discovered'],
  ['NamespaceDeletionGroupVersionParsingFailure', 'ParsedGroupVersions', 'All legacy kube types successfully parsed'],
  ['NamespaceDeletionContentFailure', 'ContentDeleted', 'All content successfully deleted, may be waiting on finalization'],
  ['NamespaceContentRemaining', 'ContentRemoved', 'All content successfully removed'],
  ['NamespaceFinalizersRemaining', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
];

/** The conditions brought up to date; the same array when nothing changed. */
export function namespaceConditions(current: readonly Condition[], content: NamespaceContent, now: Time): readonly Condition[] {
  let conditions = current;
  for (const [type, fineReason, fineMessage] of FINE) {
    const trouble = troubleOf(type, content);
    const status = trouble === undefined ? 'False' : 'True';
    const { reason, message } = trouble ?? { reason: fineReason, message: fineMessage };
    const old = findCondition(conditions, type);
    if (old !== undefined && old.status === status && old.reason === reason && old.message === message) continue;
    const lastTransitionTime = old?.status === status && old.lastTransitionTime !== undefined ? old.lastTransitionTime : apiTime(now);
    const condition: Condition = { type, status, reason, message, lastTransitionTime };
    conditions = old === undefined ? [...conditions, condition] : conditions.map((each) => (each === old ? condition : each));
  }
  return conditions;
}

function troubleOf(type: string, { resources, finalizers, errors }: NamespaceContent): { reason: string; message: string } | undefined {
  if (type === 'NamespaceDeletionContentFailure' && errors.length > 0) {
    const message = `Failed to delete all resource types, ${errors.length} remaining: ${[...errors].sort().join(', ')}`;
    return { reason: 'ContentDeletionFailed', message };
  }
  if (type === 'NamespaceContentRemaining' && resources.size > 0) {
    const lines = [...resources].map(([resource, count]) => `${resource}.${resourceInfo(resource).group} has ${count} resource instances`);
    return { reason: 'SomeResourcesRemain', message: `Some resources are remaining: ${lines.sort().join(', ')}` };
  }
  if (type === 'NamespaceFinalizersRemaining' && finalizers.size > 0) {
    const lines = [...finalizers].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`);
    return { reason: 'SomeFinalizersRemain', message: `Some content in the namespace has finalizers remaining: ${lines.sort().join(', ')}` };
  }
  return undefined;
}
