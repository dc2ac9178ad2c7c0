import type { KubernetesObject } from '../api/meta.js';
import { Fifo } from '../kernel/fifo.js';

/** Kinds of deltas (client-go tools/cache DeltaType). */
export type DeltaType = 'Added' | 'Updated' | 'Deleted' | 'Replaced' | 'Sync';

export interface Delta {
  readonly type: DeltaType;
  readonly key: string;
  readonly object: KubernetesObject;
}

/**
 * client-go's RealFIFO (tools/cache/the_real_fifo.go, the default since 1.33): deltas leave in the order in which they came,
 * nothing is merged. A relist puts in Replaced for each listed object and Deleted for each known one that is missing.
 */
export class RealFifo {
  private readonly items = new Fifo<Delta>();

  get length(): number {
    return this.items.length;
  }

  add(type: DeltaType, key: string, object: KubernetesObject): void {
    this.items.push({ type, key, object });
  }

  /** Takes a relist in, given what the informer's store knows now. */
  replace(listed: ReadonlyMap<string, KubernetesObject>, known: ReadonlyMap<string, KubernetesObject>): void {
    const missing = new Map(known);
    // Deltas still queued decide what the store will know when the new ones are popped.
    const queued: Delta[] = [];
    for (let delta = this.items.shift(); delta !== undefined; delta = this.items.shift()) queued.push(delta);
    for (const delta of queued) {
      this.items.push(delta);
      if (delta.type === 'Deleted') missing.delete(delta.key);
      else missing.set(delta.key, delta.object);
    }
    for (const key of listed.keys()) missing.delete(key);
    for (const [key, object] of missing) this.add('Deleted', key, object);
    for (const [key, object] of listed) this.add('Replaced', key, object);
  }

  pop(): Delta | undefined {
    return this.items.shift();
  }
}
