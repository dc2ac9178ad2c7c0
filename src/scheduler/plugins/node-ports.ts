import { portsConflict } from '../cache/host-ports.js';
import type { PodInfo } from '../cache/pod-info.js';
import type { Cycle } from '../framework/cycle.js';
import { type ClusterEvent, type EventInterest, EventKind } from '../framework/events.js';
import type { Handle, Plugin } from '../framework/plugin.js';
import { type Status, skip, unschedulable } from '../framework/status.js';

/** Host ports must be free on the node (plugins/nodeports). */
export class NodePorts implements Plugin {
  readonly name = 'NodePorts';
  private readonly handle: Handle;
  private readonly rejection = unschedulable(this.name, "node(s) didn't have free ports for the requested pod ports");
  private readonly skipped = skip(this.name);

  constructor(handle: Handle) {
    this.handle = handle;
  }

  preFilter(cycle: Cycle): Status | null {
    return cycle.pod.shape.hostPorts.length === 0 ? this.skipped : null;
  }

  filter(cycle: Cycle, slot: number): Status | null {
    return portsConflict(cycle.pod.shape.hostPorts, this.handle.nodes.ports[slot]!) ? this.rejection : null;
  }

  eventsToRegister(): readonly EventInterest[] {
    return [{ kinds: EventKind.PodDelete | EventKind.NodeAdd }];
  }

  /** A deleted pod helps when it held one of the wanted ports. */
  hint(pod: PodInfo, event: ClusterEvent): boolean {
    if ((event.kinds & EventKind.PodDelete) === 0 || event.pod === undefined) return true;
    return event.assigned === true && portsConflict(pod.shape.hostPorts, event.pod.shape.hostPorts);
  }
}
