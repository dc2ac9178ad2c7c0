import type { FaultTarget } from '../scenario/types.js';
import { type FaultDomain, setFault } from './faults.js';

/**
 * What is broken now. A thing that several faults hold down comes back when the last of them is repaired; what a timeline heals comes back
 * at once.
 */
export class FaultBook {
  private readonly domain: FaultDomain;
  /** Faults that hold a thing down, by the thing. */
  private readonly holds = new Map<string, number>();

  constructor(domain: FaultDomain) {
    this.domain = domain;
  }

  /** Breaks a single thing; returns what happened, or undefined when it was broken already. */
  fail(target: FaultTarget): string | undefined {
    // What a supervisor starts again is not held down.
    if (isSupervised(target)) return setFault(this.domain, target, false);
    const key = keyOf(target);
    const holds = this.holds.get(key) ?? 0;
    this.holds.set(key, holds + 1);
    return holds === 0 ? setFault(this.domain, target, false) : undefined;
  }

  /** One fault of a thing is repaired; returns what happened, or undefined when it stays broken, or was healed before. */
  repair(target: FaultTarget): string | undefined {
    if (isSupervised(target)) return setFault(this.domain, target, true);
    const key = keyOf(target);
    const holds = this.holds.get(key) ?? 0;
    if (holds > 0) this.holds.set(key, holds - 1);
    return holds === 1 ? setFault(this.domain, target, true) : undefined;
  }

  /** Somebody heals a thing, whatever broke it. */
  heal(target: FaultTarget): string {
    this.holds.delete(keyOf(target));
    return setFault(this.domain, target, true);
  }
}

function isSupervised({ kind }: FaultTarget): boolean {
  return kind === 'kubelet' || kind === 'runtime';
}

/** The same for every fault of one thing: how slow or lossy it is does not matter. */
function keyOf(target: FaultTarget): string {
  const { factor: _, share: __, ...thing } = target as Record<string, unknown>;
  return JSON.stringify(thing);
}
