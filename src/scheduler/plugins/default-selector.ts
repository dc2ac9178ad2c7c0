import type { Pod } from '../../api/core.js';
import { CompiledSelector, matchesMap } from '../../api/labels.js';
import type { LabelSelector, LabelSelectorRequirement, Labels, OwnerReference } from '../../api/meta.js';
import { controllerOf } from '../../api/meta.js';
import type { ClusterObjects } from '../cache/cluster-objects.js';

/**
 * The selector that spreads pods without constraints of their own: what the Services that select the pod and its controller
 * select, joined (plugins/helper DefaultSelector). Undefined: there is none.
 */
export function defaultSelector(pod: Pod, objects: ClusterObjects): CompiledSelector | undefined {
  const { namespace, labels } = pod.metadata;
  const pairs: Record<string, string> = {};
  for (const service of objects.services.values()) {
    const selector = service.spec.selector;
    if (service.metadata.namespace !== namespace || selector === undefined || !matchesMap(selector, labels)) continue;
    Object.assign(pairs, selector);
  }
  const expressions: LabelSelectorRequirement[] = [];
  const owner = controllerOf(pod);
  if (owner !== undefined) addOwner(owner, namespace, objects, pairs, expressions);
  const selector = new CompiledSelector({ matchLabels: pairs, matchExpressions: expressions });
  return selector.isEverything ? undefined : selector;
}

function addOwner(
  owner: OwnerReference,
  namespace: string,
  objects: ClusterObjects,
  pairs: Record<string, string>,
  expressions: LabelSelectorRequirement[],
): void {
  const kind = `${owner.apiVersion} ${owner.kind}`;
  if (kind === 'v1 ReplicationController') {
    Object.assign(
      pairs,
      (objects.replicationControllers.get(namespace, owner.name)?.spec.selector as Labels | undefined) ?? {},
    );
    return;
  }
  const store =
    kind === 'apps/v1 ReplicaSet'
      ? objects.replicaSets
      : kind === 'apps/v1 StatefulSet'
        ? objects.statefulSets
        : undefined;
  const selector = store?.get(namespace, owner.name)?.spec.selector as LabelSelector | undefined;
  if (selector === undefined) return;
  for (const [key, value] of Object.entries(selector.matchLabels ?? {}))
    expressions.push({ key, operator: 'In', values: [value] });
  expressions.push(...(selector.matchExpressions ?? []));
}
