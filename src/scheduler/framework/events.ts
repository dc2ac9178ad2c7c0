import type { Pod } from '../../api/core.js';
import type { KubernetesObject } from '../../api/meta.js';
import type { PodInfo } from '../cache/pod-info.js';

/** Kinds of cluster events (framework/events.go), as bits so that a plugin registers several at once. */
export const EventKind = {
  NodeAdd: 1 << 0,
  NodeDelete: 1 << 1,
  NodeLabel: 1 << 2,
  NodeTaint: 1 << 3,
  NodeAllocatable: 1 << 4,
  NodeCondition: 1 << 5,
  PodAdd: 1 << 6,
  PodDelete: 1 << 7,
  PodLabel: 1 << 8,
  PodScaleDown: 1 << 9,
  /** The pending pod's own change. */
  OwnTolerations: 1 << 10,
  OwnGatesGone: 1 << 11,
  ClaimAdd: 1 << 12,
  ClaimUpdate: 1 << 13,
  VolumeAdd: 1 << 14,
  VolumeUpdate: 1 << 15,
  StorageClassAdd: 1 << 16,
  StorageClassUpdate: 1 << 17,
  CsiNodeAdd: 1 << 18,
  CsiNodeUpdate: 1 << 19,
  CsiDriverUpdate: 1 << 20,
  VolumeAttachmentDelete: 1 << 21,
  /** Five minutes in the unschedulable set; moves whatever waits. */
  UnschedulableTimeout: 1 << 22,
} as const;

export const ANY_NODE_UPDATE =
  EventKind.NodeLabel | EventKind.NodeTaint | EventKind.NodeAllocatable | EventKind.NodeCondition;

/** One change in the cluster. */
export interface ClusterEvent {
  /** Bits of `EventKind`; a node update may be several things at once. */
  readonly kinds: number;
  readonly old?: KubernetesObject;
  readonly object?: KubernetesObject;
  /** For pod events: the pod as it is (was, for a deletion). */
  readonly pod?: PodInfo;
  /** For pod events: whether the pod was bound or nominated to a node. */
  readonly assigned?: boolean;
  /** Concerns waiting pods up to this priority only: those that had to leave room for a nominated pod. */
  readonly maximumPriority?: number;
}

/** Events that may help pods that a plugin rejected. */
export interface EventInterest {
  readonly kinds: number;
}

/** Whether a pod has a node, or (if `nominated` counts) one that preemption has promised it. */
export function holdsNode(pod: Pod, nominated: boolean): boolean {
  return (pod.spec.nodeName ?? '') !== '' || (nominated && (pod.status.nominatedNodeName ?? '') !== '');
}
