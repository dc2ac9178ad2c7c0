import type { Node, Taint } from '../../api/core.js';
import { tolerates } from '../../api/taints.js';
import type { PodInfo } from '../cache/pod-info.js';
import type { Cycle } from '../framework/cycle.js';
import { type ClusterEvent, type EventInterest, EventKind } from '../framework/events.js';
import type { Handle, Plugin } from '../framework/plugin.js';
import { type Status, unresolvable } from '../framework/status.js';

const taint: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** Turns down cordoned nodes unless the pod tolerates the taint that stands for it (plugins/nodeunschedulable). */
export class NodeUnschedulable implements Plugin {
  readonly name = 'NodeUnschedulable';
  private readonly handle: Handle;
  private readonly rejection = unresolvable(this.name, 'node(s) were unschedulable');

  constructor(handle: Handle) {
    this.handle = handle;
  }

  passesAll(cycle: Cycle): boolean {
    return this.handle.nodes.unschedulableNodes === 0 || tolerates(cycle.pod.shape.tolerations, taint);
  }

  filter(cycle: Cycle, slot: number): Status | null {
    if (this.handle.nodes.unschedulable[slot] === 0 || tolerates(cycle.pod.shape.tolerations, taint)) return null;
    return this.rejection;
  }

  eventsToRegister(): readonly EventInterest[] {
    return [{ kinds: EventKind.NodeAdd | EventKind.NodeTaint | EventKind.OwnTolerations }];
  }

  hint(pod: PodInfo, event: ClusterEvent): boolean {
    if ((event.kinds & EventKind.OwnTolerations) !== 0) return tolerates(pod.shape.tolerations, taint);
    const node = event.object as Node;
    const old = event.old as Node | undefined;
    return node.spec.unschedulable !== true && (old === undefined || old.spec.unschedulable === true);
  }
}
