import type { KubernetesObject } from '../api/meta.js';
import { Fifo } from '../kernel/fifo.js';
import type { Delta, DeltaQueue, DeltaType, KnownObjects } from './delta.js';

const NOTHING: readonly Delta[] = [];

/**
 * client-go's classic DeltaFIFO (tools/cache/delta_fifo.go, the default up to 1.32): a list of deltas for each key, keys in the
 * order in which they were first queued; a pop takes all deltas of a key. Only two Deleted in a row are merged. A relist puts in
 * Replaced for each listed object, then Deleted with the final state unknown for what is missing.
 */
export class DeltaFifo implements DeltaQueue {
  private readonly keys = new Fifo<string>();
  private readonly items = new Map<string, Delta[]>();

  get length(): number {
    return this.keys.length;
  }

  add(type: DeltaType, key: string, object: KubernetesObject, known: KnownObjects): void {
    // A deletion of what neither the store nor the queue knows is presumed to be done already.
    if (type === 'Deleted' && !known.has(key) && !this.items.has(key)) return;
    this.queue({ type, key, object });
  }

  private queue(delta: Delta): void {
    const deltas = this.items.get(delta.key);
    if (deltas === undefined) {
      this.items.set(delta.key, [delta]);
      this.keys.push(delta.key);
      return;
    }
    const last = deltas.length - 1;
    if (delta.type !== 'Deleted' || deltas[last]!.type !== 'Deleted') deltas.push(delta);
    // Of two deletions the older is kept, unless a relist made it up (isDeletionDup).
    else if (deltas[last]!.finalStateUnknown === true) deltas[last] = delta;
  }

  replace(listed: ReadonlyMap<string, KubernetesObject>, known: KnownObjects): void {
    const queued = [...this.items.values()].map((deltas) => deltas[deltas.length - 1]!);
    for (const [key, object] of listed) this.queue({ type: 'Replaced', key, object });
    for (const { type, key, object } of queued) {
      if (type !== 'Deleted' && !listed.has(key)) this.queue({ type: 'Deleted', key, object, finalStateUnknown: true });
    }
    for (const [key, object] of known) {
      if (!listed.has(key) && !this.items.has(key)) this.queue({ type: 'Deleted', key, object, finalStateUnknown: true });
    }
  }

  resync(known: KnownObjects): void {
    for (const [key, object] of known) if (!this.items.has(key)) this.queue({ type: 'Sync', key, object });
  }

  pop(): readonly Delta[] {
    const key = this.keys.shift();
    if (key === undefined) return NOTHING;
    const deltas = this.items.get(key)!;
    this.items.delete(key);
    return deltas;
  }
}
