import type { Node } from './core.js';

/** Which nodes the load balancers of a cloud send to (cloud-provider controllers/service/controller.go). */

/** Nodes with this label are left out (LabelNodeExcludeBalancers), whatever it says but a false of strconv.ParseBool. */
const EXCLUDED_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
const FALSE: ReadonlySet<string> = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);
/** Taint of a node that the cluster autoscaler is about to remove (ToBeDeletedTaint). */
const TO_BE_DELETED_TAINT = 'ToBeDeletedByClusterAutoscaler';

/** Whether no label leaves a node out (nodeIncludedPredicate). */
export function includedInLoadBalancers({ metadata }: Node): boolean {
  const value = metadata.labels?.[EXCLUDED_LABEL];
  return value === undefined || FALSE.has(value);
}

/** Whether a load balancer that is made or brought up to date now sends to a node (stableNodeSetPredicates): ready or not. */
export function takesLoadBalancerTraffic(node: Node): boolean {
  if (node.metadata.deletionTimestamp !== undefined || !includedInLoadBalancers(node)) return false;
  return !(node.spec.taints?.some(({ key }) => key === TO_BE_DELETED_TAINT) ?? false);
}
