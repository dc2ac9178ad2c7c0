import { SECOND, type Time } from '../kernel/time.js';
import type { ContainerLife } from './behaviour.js';
import { type PressureCondition, PressureState, type Starved } from './eviction-policy.js';
import type { ContainerRecord, PodRecord } from './records.js';

/** What of a life is a use of a resource. */
export const USES = [
  ['memory', 'memory'],
  ['ephemeral-storage', 'storage'],
  ['inodes', 'inodes'],
  ['pids', 'pids'],
] as const;

/** Whether anything is known of what a process uses. */
export function usesAnything({ memory, storage, inodes, pids }: ContainerLife): boolean {
  return memory !== undefined || storage !== undefined || inodes !== undefined || pids !== undefined;
}

/** What the containers of a node use, which grows evenly, and what its eviction manager knows. */
export class NodePressure {
  /** Use at time 0 and growth a second, of all that runs. */
  readonly level: Record<Starved, number> = { memory: 0, 'ephemeral-storage': 0, inodes: 0, pids: 0 };
  readonly growth: Record<Starved, number> = { memory: 0, 'ephemeral-storage': 0, inodes: 0, pids: 0 };
  /** When containers reach their limits of ephemeral storage. */
  readonly limits = new Map<ContainerRecord, Time>();
  state = new PressureState();
  /** Conditions as last reported. */
  reported: readonly PressureCondition[] = [];
  /** Evicted pods that the next round waits for, at most until then. */
  evicting: PodRecord[] = [];
  deadline: Time = 0;
  /** Rounds come whole periods after this. */
  base: Time;
  event = 0;
  oomEvent = 0;

  constructor(base: Time) {
    this.base = base;
  }

  /** A process with this life begins (1) or ends (−1) to use what it uses. */
  count(life: ContainerLife, since: Time, sign: 1 | -1): void {
    for (const [resource, key] of USES) {
      const use = life[key];
      if (use === undefined) continue;
      this.level[resource] += sign * (use.base - (use.perSecond * since) / SECOND);
      this.growth[resource] += sign * use.perSecond;
    }
  }
}
