import type { Node, TaintEffect, Toleration } from '../../api/core.js';
import { firstUntoleratedTaint, tolerates } from '../../api/taints.js';
import type { PodInfo } from '../cache/pod-info.js';
import type { Cycle } from '../framework/cycle.js';
import { type ClusterEvent, type EventInterest, EventKind } from '../framework/events.js';
import { defaultNormalize, type Handle, type Plugin } from '../framework/plugin.js';
import { type Status, unresolvable } from '../framework/status.js';

const filtering: readonly TaintEffect[] = ['NoSchedule', 'NoExecute'];

/**
 * Turns down nodes with NoSchedule or NoExecute taints that the pod does not tolerate; prefers nodes with fewer
 * PreferNoSchedule taints (plugins/tainttoleration). Nodes with equal taints share one evaluation.
 */
export class TaintToleration implements Plugin {
  readonly name = 'TaintToleration';
  private readonly handle: Handle;
  private readonly rejection = unresolvable(this.name, 'node(s) had untolerated taint(s)');
  /** By number of the taint set, for the current pod: 0 not known, 1 tolerated, 2 not. */
  private verdicts = new Uint8Array(16);
  private preferring: readonly Toleration[] = [];

  constructor(handle: Handle) {
    this.handle = handle;
  }

  passesAll(): boolean {
    const { nodes } = this.handle;
    if (nodes.taintedNodes === 0) return true;
    if (this.verdicts.length < nodes.taintClasses.length) this.verdicts = new Uint8Array(nodes.taintClasses.length * 2);
    this.verdicts.fill(0, 0, nodes.taintClasses.length);
    return false;
  }

  filter(cycle: Cycle, slot: number): Status | null {
    const { nodes } = this.handle;
    const taints = nodes.taintClass[slot]!;
    let verdict = this.verdicts[taints]!;
    if (verdict === 0) {
      const untolerated = firstUntoleratedTaint(nodes.taintClasses[taints], cycle.pod.shape.tolerations, filtering);
      verdict = untolerated === undefined ? 1 : 2;
      this.verdicts[taints] = verdict;
    }
    return verdict === 1 ? null : this.rejection;
  }

  preScore(cycle: Cycle): null {
    this.preferring = cycle.pod.shape.tolerations.filter(
      (toleration) => toleration.effect === undefined || toleration.effect === 'PreferNoSchedule',
    );
    return null;
  }

  scoreNodes(_: Cycle, slots: Int32Array, scores: Float64Array): void {
    const { nodes } = this.handle;
    if (nodes.taintedNodes === 0) return;
    for (let i = 0; i < slots.length; i++) {
      const taints = nodes.taintClass[slots[i]!]!;
      if (taints === 0) continue;
      let count = 0;
      for (const taint of nodes.taintClasses[taints]!) {
        if (taint.effect === 'PreferNoSchedule' && !tolerates(this.preferring, taint)) count++;
      }
      scores[i] = count;
    }
  }

  normalize(_cycle: Cycle, _slots: Int32Array, scores: Float64Array): void {
    defaultNormalize(scores, true);
  }

  eventsToRegister(): readonly EventInterest[] {
    return [{ kinds: EventKind.NodeAdd | EventKind.NodeTaint | EventKind.OwnTolerations }];
  }

  hint(pod: PodInfo, event: ClusterEvent): boolean {
    if ((event.kinds & EventKind.OwnTolerations) !== 0) return true;
    const fits = (node: Node) =>
      firstUntoleratedTaint(node.spec.taints, pod.shape.tolerations, filtering) === undefined;
    const node = event.object as Node | undefined;
    if (node === undefined) return true;
    const old = event.old as Node | undefined;
    return (old === undefined || !fits(old)) && fits(node);
  }
}
