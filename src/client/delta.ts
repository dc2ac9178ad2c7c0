import type { KubernetesObject } from '../api/meta.js';

/** Kinds of deltas (client-go tools/cache DeltaType). */
export type DeltaType = 'Added' | 'Updated' | 'Deleted' | 'Replaced' | 'Sync';

/** One change of one object on its way from the reflector to the cache. */
export interface Delta {
  readonly type: DeltaType;
  readonly key: string;
  readonly object: KubernetesObject;
  /** DeletedFinalStateUnknown: the deletion was missed, a relist found it; `object` is the last state that was known. */
  readonly finalStateUnknown?: boolean;
  /** Number of the object in the cache that told of it (see `ObjectMap`); absent: it is not known. */
  readonly hint?: number;
}

/** A relist taken in as one item (gate AtomicFIFO): what was listed is what the store holds afterwards. */
export interface Relist {
  readonly type: 'Relist';
  readonly listed: ReadonlyMap<string, KubernetesObject>;
}

/** What the store of an informer holds, by key. */
export interface KnownObjects extends Iterable<[string, KubernetesObject]> {
  has(key: string): boolean;
}

/** The queue between a reflector and an informer's cache (client-go tools/cache Queue). */
export interface DeltaQueue {
  /** Items that wait. */
  readonly length: number;
  /** Takes in a change that the watch brought. */
  add(type: DeltaType, key: string, object: KubernetesObject, known: KnownObjects, hint?: number): void;
  /** Takes in a relist, given what the store holds now. */
  replace(listed: ReadonlyMap<string, KubernetesObject>, known: KnownObjects): void;
  /** Queues every stored object that has nothing queued as Sync. */
  resync(known: KnownObjects): void;
  /**
   * Takes what is processed in one go: one delta, all deltas of one key (DeltaFIFO), or a batch of deltas of distinct keys. Empty
   * when nothing waits. `most`: the largest batch.
   */
  pop(most: number): readonly (Delta | Relist)[];
}
