import type { Pod } from '../../api/core.js';
import { type EventInterest, EventKind } from '../framework/events.js';
import type { Plugin } from '../framework/plugin.js';
import { Code, Status } from '../framework/status.js';

/** Keeps pods with `spec.schedulingGates` out of the active queue (plugins/schedulinggates). */
export class SchedulingGates implements Plugin {
  readonly name = 'SchedulingGates';

  preEnqueue(pod: Pod): Status | null {
    const gates = pod.spec.schedulingGates ?? [];
    if (gates.length === 0) return null;
    const names = gates.map((gate) => gate.name).join(' ');
    return new Status(Code.UnschedulableAndUnresolvable, this.name, [`waiting for scheduling gates: [${names}]`]);
  }

  eventsToRegister(): readonly EventInterest[] {
    return [{ kinds: EventKind.OwnGatesGone }];
  }
}
