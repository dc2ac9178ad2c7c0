import type { Container, Node, Pod, ResourceList } from '../api/core.js';

/** The kubelet's own admission of a pod (pkg/kubelet/lifecycle/predicate.go): the last guard of a node's allocatable. Pure. */

export interface AdmissionFailure {
  /** `status.reason`: OutOfcpu, OutOfpods, NodePorts, NodeAffinity, … */
  readonly reason: string;
  readonly message: string;
}

/** What the pods already admitted use. */
export interface NodeUse {
  readonly used: ResourceList;
  readonly usedPods: number;
  readonly hostPorts: ReadonlyMap<string, number>;
}

/** Host ports by list of containers, which pods of one template share: a memory of a pure function. */
let last: { readonly containers: readonly Container[]; readonly keys: readonly string[] } | null = null;

/** Keys `protocol/port` of the host ports that a pod claims. */
export function hostPortsOf(pod: Pod): readonly string[] {
  const { containers } = pod.spec;
  if (last !== null && last.containers === containers) return last.keys;
  const keys: string[] = [];
  for (const container of containers) {
    for (const port of container.ports ?? []) if (port.hostPort) keys.push(`${port.protocol}/${port.hostPort}`);
  }
  last = { containers, keys };
  return keys;
}

/** Why the node refuses the pod; undefined: admitted. Pods, then resources in the order of the request, then ports, then selector. */
export function admissionFailure(
  node: Node,
  pod: Pod,
  requests: ResourceList,
  use: NodeUse,
): AdmissionFailure | undefined {
  const { allocatable } = node.status;
  const pods = allocatable.pods;
  if (pods !== undefined && use.usedPods + 1 > pods) return outOf('pods', 1, use.usedPods, pods);
  for (const name in requests) {
    const requested = requests[name]!;
    if (requested === 0) continue;
    const used = use.used[name] ?? 0;
    const capacity = allocatable[name] ?? 0;
    if (requested > capacity - used) return outOf(name, requested, used, capacity);
  }
  for (const key of hostPortsOf(pod)) {
    if ((use.hostPorts.get(key) ?? 0) > 0) {
      return {
        reason: 'NodePorts',
        message:
          "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
      };
    }
  }
  for (const key in pod.spec.nodeSelector) {
    if (node.metadata.labels?.[key] !== pod.spec.nodeSelector[key]) {
      return {
        reason: 'NodeAffinity',
        message: "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
      };
    }
  }
  return undefined;
}

function outOf(resource: string, requested: number, used: number, capacity: number): AdmissionFailure {
  return {
    reason: `OutOf${resource}`,
    message: `Pod was rejected: Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  };
}
