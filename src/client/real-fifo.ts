import type { KubernetesObject } from '../api/meta.js';
import { Fifo } from '../kernel/fifo.js';
import type { Delta, DeltaQueue, DeltaType, KnownObjects, Relist } from './delta.js';

const NOTHING: readonly Delta[] = [];

/**
 * client-go's RealFIFO (tools/cache/the_real_fifo.go, the default since 1.33): deltas leave in the order in which they came,
 * nothing is merged. A relist puts in Deleted for each known object that is missing, then Replaced for each listed one; with
 * `atomicRelist` it is one item.
 */
export class RealFifo implements DeltaQueue {
  private readonly items = new Fifo<Delta | Relist>();
  private readonly atomicRelist: boolean;

  constructor(atomicRelist = false) {
    this.atomicRelist = atomicRelist;
  }

  get length(): number {
    return this.items.length;
  }

  add(type: DeltaType, key: string, object: KubernetesObject, _known?: KnownObjects, hint = -1): void {
    this.items.push({ type, key, object, hint });
  }

  replace(listed: ReadonlyMap<string, KubernetesObject>, known: KnownObjects): void {
    if (this.atomicRelist) {
      this.items.push({ type: 'Relist', listed });
      return;
    }
    // What is queued decides what the store will hold when the new deltas are popped: the last delta of a key counts.
    const last = this.lastByKey();
    for (const [key, { type, object }] of last) {
      if (type !== 'Deleted' && !listed.has(key)) this.items.push({ type: 'Deleted', key, object, finalStateUnknown: true });
    }
    for (const [key, object] of known) {
      if (!last.has(key) && !listed.has(key)) this.items.push({ type: 'Deleted', key, object, finalStateUnknown: true });
    }
    for (const [key, object] of listed) this.items.push({ type: 'Replaced', key, object });
  }

  resync(known: KnownObjects): void {
    const queued = this.lastByKey();
    for (const [key, object] of known) if (!queued.has(key)) this.items.push({ type: 'Sync', key, object });
  }

  private lastByKey(): Map<string, Delta> {
    const last = new Map<string, Delta>();
    for (const item of this.items.toArray()) {
      if (item.type !== 'Relist') last.set(item.key, item);
      else for (const [key, object] of item.listed) last.set(key, { type: 'Replaced', key, object });
    }
    return last;
  }

  /** Takes the oldest item; undefined when nothing waits. */
  shift(): Delta | Relist | undefined {
    return this.items.shift();
  }

  pop(most: number): readonly (Delta | Relist)[] {
    const first = this.items.shift();
    if (first === undefined) return NOTHING;
    const popped = [first];
    if (most === 1 || first.type === 'Relist') return popped;
    const keys = new Set([first.key]);
    while (popped.length < most) {
      const next = this.items.peek();
      if (next === undefined || next.type === 'Relist' || keys.has(next.key)) break;
      keys.add(next.key);
      popped.push(next);
      this.items.shift();
    }
    return popped;
  }
}
