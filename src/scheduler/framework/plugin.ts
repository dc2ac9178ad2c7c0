import type { Pod } from '../../api/core.js';
import type { Duration } from '../../kernel/time.js';
import type { ApiRequest } from '../../apiserver/request.js';
import type { ClusterObjects } from '../cache/cluster-objects.js';
import type { NodeTable } from '../cache/node-table.js';
import type { PodInfo } from '../cache/pod-info.js';
import type { Nominator } from '../queue/nominator.js';
import type { Cycle } from './cycle.js';
import type { Diagnosis } from './diagnosis.js';
import type { ClusterEvent, EventInterest } from './events.js';
import type { Features } from './features.js';
import type { Framework } from './framework.js';
import type { Status } from './status.js';
import type { WaitingPods } from './waiting-pods.js';

/** What plugins may look at (framework.Handle). */
export interface Handle {
  /** Nodes and the pods counted on them, as of the scheduling cycle. */
  readonly nodes: NodeTable;
  /** Services, claims, budgets and other objects, as the scheduler's informers know them. */
  readonly objects: ClusterObjects;
  /** Pods that preemption has reserved a node for. */
  readonly nominator: Nominator;
  readonly features: Features;
  /** Pods that wait at Permit, to be allowed or rejected by the plugins that made them wait. */
  readonly waitingPods: WaitingPods;
}

/** Answer of a PostFilter plugin: its status and what becomes of `status.nominatedNodeName`. */
export interface PostFilterResult {
  readonly status: Status | null;
  /** undefined: leave the nomination alone; empty: clear it; else the nominated node. */
  readonly nominatedNode: string | undefined;
  /** Pods to evict from the nominated node, most important first. */
  readonly victims: readonly PodInfo[];
}

/** Order of the active queue sees this much of a queued pod. */
export interface QueuedPodView {
  readonly pod: PodInfo;
  /** When it entered the queue for this attempt, nanoseconds. */
  readonly timestamp: number;
}

/**
 * A plugin of the scheduling framework. It implements the extension points it wants; each is called as the real framework
 * does. Success is `null`. One pod is scheduled at a time, so a plugin keeps what it prepares in PreFilter or PreScore in
 * fields of its own. State is data: no closures.
 *
 * Nodes are passed as slots of `handle.nodes`. A plugin of your own usually needs `filter` or `scoreNodes` only:
 *
 * ```ts
 * class OnlySsd implements Plugin {
 *   readonly name = 'OnlySsd';
 *   constructor(private handle: Handle) {}
 *   filter(_: Cycle, slot: number) {
 *     return this.handle.nodes.nodes[slot]!.metadata.labels?.disk === 'ssd' ? null : unschedulable(this.name, 'node(s) had no SSD');
 *   }
 * }
 * ```
 */
export interface Plugin {
  readonly name: string;
  /** Whether a pod may enter the active queue. */
  preEnqueue?(pod: Pod): Status | null;
  /** Order of the active queue: whether `a` comes before `b`. */
  less?(a: QueuedPodView, b: QueuedPodView): boolean;
  /** Cluster events after which a pod rejected by this plugin may fit; absent: all. */
  eventsToRegister?(): readonly EventInterest[];
  /** Whether an event it registered may make this pod schedulable; absent: always. */
  hint?(pod: PodInfo, event: ClusterEvent): boolean;
  /** Prepares filtering. Skip: `filter` is not called. May restrict the nodes by `cycle.restrict`. */
  preFilter?(cycle: Cycle): Status | null;
  /** A pod was added to (removed from) a node for a what-if; follow it in what PreFilter prepared. Always undone later. */
  addPod?(cycle: Cycle, pod: PodInfo, slot: number): void;
  removePod?(cycle: Cycle, pod: PodInfo, slot: number): void;
  /** After PreFilter: whether `filter` would pass every node, so that calling it can be saved. */
  passesAll?(cycle: Cycle): boolean;
  filter?(cycle: Cycle, slot: number): Status | null;
  postFilter?(cycle: Cycle, diagnosis: Diagnosis, framework: Framework): PostFilterResult;
  /** Prepares scoring of the feasible nodes. Skip: not scored by this plugin. */
  preScore?(cycle: Cycle, slots: Int32Array): Status | null;
  /** Writes the raw score of each node (by position in `slots`) into `scores`. */
  scoreNodes?(cycle: Cycle, slots: Int32Array, scores: Float64Array): void;
  /** Brings raw scores to 0..100 in place; absent: they are already. */
  normalize?(cycle: Cycle, slots: Int32Array, scores: Float64Array): void;
  reserve?(cycle: Cycle, slot: number): Status | null;
  unreserve?(pod: PodInfo, nodeName: string): void;
  /** The last word before binding; Wait (`wait`): not before the plugin allows it in `handle.waitingPods`. */
  permit?(cycle: Cycle, slot: number): Status | null;
  /** Requests to make before binding, in order. */
  preBind?(pod: PodInfo, nodeName: string): readonly ApiRequest[];
  /** Whether what PreBind asked for has happened; looked at every second, for `preBindTimeout`. Absent: at once. */
  preBindDone?(pod: PodInfo): boolean;
  /** How long PreBind may take; absent: ten minutes. */
  readonly preBindTimeout?: Duration;
  /** The request that binds the pod. */
  bind?(pod: PodInfo, nodeName: string): ApiRequest;
  postBind?(pod: PodInfo, nodeName: string): void;
}

/** Highest normalised score. */
export const MAX_NODE_SCORE = 100;

/** Scales scores so that the largest becomes 100; `reverse` turns them round (plugins/helper DefaultNormalizeScore). */
export function defaultNormalize(scores: Float64Array, reverse: boolean): void {
  let largest = 0;
  for (let i = 0; i < scores.length; i++) if (scores[i]! > largest) largest = scores[i]!;
  if (largest === 0) {
    if (reverse) scores.fill(MAX_NODE_SCORE);
    return;
  }
  for (let i = 0; i < scores.length; i++) {
    const scaled = Math.floor((MAX_NODE_SCORE * scores[i]!) / largest);
    scores[i] = reverse ? MAX_NODE_SCORE - scaled : scaled;
  }
}
