import type { Cycle } from '../framework/cycle.js';
import type { EventInterest } from '../framework/events.js';
import type { Plugin, PostFilterResult } from '../framework/plugin.js';
import { Code, Status, skip, unresolvable, unschedulable } from '../framework/status.js';

/**
 * Dynamic resource allocation (plugins/dynamicresources) for pods without claims, which is all that it does for them: Skip,
 * and a reason in front of that of preemption. Claims are not modelled: a pod that has some is refused in clear words.
 */
export class DynamicResources implements Plugin {
  readonly name = 'DynamicResources';
  private readonly skipped = skip(this.name);
  private readonly refused = unresolvable(this.name, 'dynamic resource claims (spec.resourceClaims) are not modelled');
  private readonly nothingToFree = unschedulable(this.name, 'no new claims to deallocate');
  private readonly notFound = new Status(Code.Error, this.name, ['not found']);
  /** Cycle whose PreFilter reached this plugin. */
  private cycle = 0;

  preFilter(cycle: Cycle): Status {
    this.cycle = cycle.number;
    return (cycle.pod.pod.spec.resourceClaims?.length ?? 0) > 0 ? this.refused : this.skipped;
  }

  filter(): null {
    return null;
  }

  /** Fails when PreFilter stopped at an earlier plugin: the real one then misses its state. */
  postFilter(cycle: Cycle): PostFilterResult {
    return {
      status: this.cycle === cycle.number ? this.nothingToFree : this.notFound,
      nominatedNode: undefined,
      victims: [],
    };
  }

  eventsToRegister(): readonly EventInterest[] {
    return [{ kinds: 0 }];
  }
}

/** From 1.36 on the plugin scores too: nothing, without devices. */
export class ScoringDynamicResources extends DynamicResources {
  scoreNodes(): void {}
}
