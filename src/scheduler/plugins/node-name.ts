import type { Cycle } from '../framework/cycle.js';
import { type EventInterest, EventKind } from '../framework/events.js';
import type { Handle, Plugin } from '../framework/plugin.js';
import { type Status, unresolvable } from '../framework/status.js';

/** A pod that names its node fits only that one (plugins/nodename). */
export class NodeName implements Plugin {
  readonly name = 'NodeName';
  private readonly handle: Handle;
  private readonly rejection = unresolvable(this.name, "node(s) didn't match the requested node name");

  constructor(handle: Handle) {
    this.handle = handle;
  }

  passesAll(cycle: Cycle): boolean {
    return (cycle.pod.pod.spec.nodeName ?? '') === '';
  }

  filter(cycle: Cycle, slot: number): Status | null {
    const wanted = cycle.pod.pod.spec.nodeName ?? '';
    return wanted === '' || wanted === this.handle.nodes.names[slot] ? null : this.rejection;
  }

  eventsToRegister(): readonly EventInterest[] {
    return [{ kinds: EventKind.NodeAdd }];
  }
}
