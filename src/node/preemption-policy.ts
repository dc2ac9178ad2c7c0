import type { Node, ResourceList } from '../api/core.js';
import type { NodeUse } from './admission.js';

/** Which pods end for a critical one that finds no room on its node (pkg/kubelet/preemption). Pure. */

export const PREEMPTING = 'Preempting';
export const PREEMPTED_MESSAGE = 'Preempted in order to admit critical pod';
export const PREEMPTED_CONDITION = 'Pod was preempted by Kubelet to accommodate a critical pod.';

/** How much of a resource is lacking. */
export interface Requirement {
  readonly resource: string;
  readonly quantity: number;
}

/** A pod that may be ended. */
export interface Candidate {
  readonly requests: ResourceList;
  readonly qos: 'Guaranteed' | 'Burstable' | 'BestEffort';
}

/** What a node lacks for a pod. */
export function shortages({ status: { allocatable } }: Node, requests: ResourceList, { used, usedPods }: NodeUse): readonly Requirement[] {
  const list: Requirement[] = [];
  if (allocatable.pods !== undefined && usedPods + 1 > allocatable.pods) list.push({ resource: 'pods', quantity: usedPods + 1 - allocatable.pods });
  for (const resource in requests) {
    const quantity = requests[resource]! - ((allocatable[resource] ?? 0) - (used[resource] ?? 0));
    if (requests[resource]! > 0 && quantity > 0) list.push({ resource, quantity });
  }
  return list;
}

/** The pods to end, as few of the better classes as need be (getPodsToPreempt); undefined: all together are not enough. */
export function podsToPreempt<T extends Candidate>(pods: readonly T[], requirements: readonly Requirement[]): readonly T[] | undefined {
  const of = (qos: Candidate['qos']): readonly T[] => pods.filter((pod) => pod.qos === qos);
  const [bestEffort, burstable, guaranteed] = [of('BestEffort'), of('Burstable'), of('Guaranteed')];
  if (subtract(requirements, pods).length > 0) return undefined;
  const first = byDistance(guaranteed, subtract(requirements, [...bestEffort, ...burstable]));
  const second = byDistance(burstable, subtract(requirements, [...bestEffort, ...first]));
  const third = byDistance(bestEffort, subtract(requirements, [...second, ...first]));
  return [...third, ...second, ...first];
}

/** Again and again the pod that covers most of what is left, of equals the smaller one. */
function byDistance<T extends Candidate>(from: readonly T[], requirements: readonly Requirement[]): readonly T[] {
  const pods = [...from];
  const chosen: T[] = [];
  for (let left = requirements; left.length > 0; left = subtract(left, chosen.slice(-1))) {
    let best = 0;
    let least = left.length + 1;
    pods.forEach((pod, i) => {
      const d = distance(left, pod);
      if (d < least || (d === least && smaller(pod, pods[best]!))) {
        least = d;
        best = i;
      }
    });
    chosen.push(pods[best]!);
    pods[best] = pods[pods.length - 1]!;
    pods.pop();
  }
  return chosen;
}

function requestOf({ requests }: Candidate, resource: string): number {
  return resource === 'pods' ? 1 : (requests[resource] ?? 0);
}

function distance(requirements: readonly Requirement[], pod: Candidate): number {
  let sum = 0;
  for (const { resource, quantity } of requirements) {
    const left = quantity - requestOf(pod, resource);
    if (left > 0) sum += (left / quantity) * (left / quantity);
  }
  return sum;
}

function subtract(requirements: readonly Requirement[], pods: readonly Candidate[]): readonly Requirement[] {
  return requirements.flatMap(({ resource, quantity }) => {
    let left = quantity;
    for (const pod of pods) left -= requestOf(pod, resource);
    return left > 0 ? [{ resource, quantity: left }] : [];
  });
}

/** smallerResourceRequest: by memory, then cpu. */
function smaller(a: Candidate, b: Candidate): boolean {
  for (const resource of ['memory', 'cpu']) {
    const difference = requestOf(a, resource) - requestOf(b, resource);
    if (difference !== 0) return difference < 0;
  }
  return true;
}
