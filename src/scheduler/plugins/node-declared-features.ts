import type { Pod } from '../../api/core.js';
import type { Cycle } from '../framework/cycle.js';
import { type EventInterest, EventKind } from '../framework/events.js';
import type { Handle, Plugin } from '../framework/plugin.js';
import { type Status, skip, unresolvable } from '../framework/status.js';

/** Features that a pod's spec asks of its node (component-helpers nodedeclaredfeatures), with how to see that it does. */
const inferences: readonly { readonly feature: string; readonly needed: (pod: Pod) => boolean }[] = [
  {
    feature: 'RestartAllContainersOnContainerExits',
    needed: (pod) =>
      [...(pod.spec.initContainers ?? []), ...pod.spec.containers].some((container) =>
        ((container.extra?.['restartPolicyRules'] as readonly { readonly action?: string }[] | undefined) ?? []).some(
          (rule) => rule.action === 'RestartAllContainers',
        ),
      ),
  },
];

/** Nodes must declare the features that the pod needs (plugins/nodedeclaredfeatures, 1.36). */
export class NodeDeclaredFeatures implements Plugin {
  readonly name = 'NodeDeclaredFeatures';
  private readonly handle: Handle;
  private readonly skipped = skip(this.name);
  private needed: readonly string[] = [];

  constructor(handle: Handle) {
    this.handle = handle;
  }

  preFilter(cycle: Cycle): Status | null {
    this.needed = inferences.filter(({ needed }) => needed(cycle.pod.pod)).map(({ feature }) => feature);
    return this.needed.length === 0 ? this.skipped : null;
  }

  filter(_: Cycle, slot: number): Status | null {
    const declared = this.handle.nodes.nodes[slot]!.status.declaredFeatures ?? [];
    const missing = this.needed.filter((feature) => !declared.includes(feature));
    if (missing.length === 0) return null;
    return unresolvable(
      this.name,
      `node declared features check failed - unsatisfied requirements: ${missing.join(', ')}`,
    );
  }

  eventsToRegister(): readonly EventInterest[] {
    return [{ kinds: EventKind.NodeAdd | EventKind.NodeCondition }];
  }
}
