import type { KubernetesObject } from '../api/meta.js';
import { Fifo } from '../kernel/fifo.js';
import { Audience } from './audience.js';
import { changesOf, isReadyPod } from './changes.js';
import type { Delta, DeltaQueue, DeltaType, KnownObjects, Relist } from './delta.js';
import { DeltaFifo } from './delta-fifo.js';
import type { ClientFeatures } from './features.js';
import { RealFifo } from './real-fifo.js';
import { IndexedStore } from './store.js';

/** Largest batch of deltas of distinct keys (the_real_fifo.go defaultBatchSize). */
const BATCH_SIZE = 1000;

/** What handlers will be told about a change that is in the store already. */
interface Notification<T> {
  readonly key: string;
  readonly old: T | undefined;
  readonly object: T;
  readonly deleted: boolean;
  readonly finalStateUnknown: boolean;
  /** What an update changes, as bits of `Changes`. */
  readonly changes: number;
}

/** What an informer's deltas pass through: the queue, the store, and the handlers, who are told of one change at a time. */
export class InformerCache<T extends KubernetesObject> {
  readonly store = new IndexedStore<T>();
  readonly audience = new Audience<T>();
  /** resourceVersion of the last list, and the newest one that the store shows. */
  listedRevision = 0;
  shownRevision = 0;
  private readonly features: ClientFeatures;
  private readonly queue: DeltaQueue;
  /** The queue, if what it gives is stored and told one by one. */
  private readonly single: RealFifo | null = null;
  /** Popped deltas of one key that are still to be stored (DeltaFIFO), and stored changes that handlers are still to be told of. */
  private readonly popped = new Fifo<Delta>();
  private readonly notifications = new Fifo<Notification<T>>();
  /** Items of the first list that still wait in the queue; −1 before it came. */
  private initialItems = -1;

  constructor(features: ClientFeatures) {
    this.features = features;
    if (features.queue === 'DeltaFIFO') {
      this.queue = new DeltaFifo();
      return;
    }
    const queue = new RealFifo(features.atomicRelist);
    this.queue = queue;
    if (!features.batch && !features.atomicRelist) this.single = queue;
  }

  /** Whether nothing waits. */
  get isIdle(): boolean {
    return this.queue.length + this.popped.length + this.notifications.length === 0;
  }

  /** Whether handlers have been told of all of the first list. */
  get isFilled(): boolean {
    return this.initialItems === 0 && this.popped.length + this.notifications.length === 0;
  }

  /** Whether it matters to somebody what changes. */
  private get isUsed(): boolean {
    return this.audience.size > 0 || this.store.isIndexed;
  }

  /** Takes in a list. */
  replace(listed: ReadonlyMap<string, KubernetesObject>, revision: number): void {
    this.queue.replace(listed, this.store.objects as KnownObjects);
    if (this.initialItems < 0) this.initialItems = this.queue.length;
    this.listedRevision = revision;
  }

  /** Takes in a change that the watch brought. `hint`: see `ObjectMap`. */
  add(type: DeltaType, key: string, object: KubernetesObject, hint?: number): void {
    this.queue.add(type, key, object, this.store.objects as KnownObjects, hint);
  }

  /** Queues all that is stored and not queued. */
  resync(): void {
    this.queue.resync(this.store.objects as KnownObjects);
  }

  /** Tells handlers of the next change, storing it first unless that has been done with its batch. */
  process(): void {
    const told = this.notifications.shift();
    if (told !== undefined) {
      this.notify(told);
      return;
    }
    if (this.single !== null) {
      this.processOne(this.single.shift() as Delta | undefined);
      return;
    }
    if (this.popped.length === 0) this.pop();
    const delta = this.popped.shift();
    const next = delta === undefined ? this.notifications.shift() : this.storeDelta(delta);
    if (next !== undefined) this.notify(next);
  }

  private processOne(delta: Delta | undefined): void {
    if (delta === undefined) return;
    if (this.initialItems > 0) this.initialItems--;
    const next = this.storeDelta(delta);
    if (next !== undefined) this.notify(next);
  }

  private pop(): void {
    const most = this.initialItems > 0 ? Math.min(this.initialItems, BATCH_SIZE) : BATCH_SIZE;
    const items = this.queue.pop(this.features.batch ? most : 1);
    if (this.initialItems > 0) this.initialItems -= this.features.queue === 'DeltaFIFO' ? 1 : items.length;
    for (let i = 0; i < items.length; i++) {
      const item = items[i]!;
      if (item.type === 'Relist') this.storeRelist(item);
      else if (!this.features.batch) this.popped.push(item);
      else {
        const notification = this.storeDelta(item);
        if (notification !== undefined) this.notifications.push(notification);
      }
    }
  }

  /** Stores a change; returns what there is to tell of it. */
  private storeDelta(delta: Delta): Notification<T> | undefined {
    const { type, object } = delta;
    const { store } = this;
    this.shownRevision = Math.max(this.shownRevision, object.metadata.resourceVersion);
    if (type !== 'Deleted') return this.put(delta.key, object as T, delta.hint);
    const entry = store.objects.find(delta.key);
    if (entry === undefined) return undefined;
    const old = entry.object!;
    store.delete(entry);
    return { key: entry.key, old, object: object as T, deleted: true, finalStateUnknown: delta.finalStateUnknown === true, changes: 0 };
  }

  private put(key: string, object: T, hint = -1): Notification<T> {
    const { store } = this;
    const entry = store.objects.entry(key, hint);
    const old = entry.object;
    const ready = isReadyPod(object);
    const changes = old === undefined || !this.isUsed ? 0 : changesOf(old, object, entry.ready, ready);
    entry.ready = ready;
    store.set(entry, object, changes);
    return { key: entry.key, old, object, deleted: false, finalStateUnknown: false, changes };
  }

  /** The store is replaced first; then handlers hear of what is gone, then of what is there. */
  private storeRelist({ listed }: Relist): void {
    this.shownRevision = Math.max(this.shownRevision, this.listedRevision);
    const { objects } = this.store;
    for (const entry of [...objects.all()]) {
      const { key } = entry;
      if (listed.has(key)) continue;
      const old = entry.object!;
      this.store.delete(entry);
      this.notifications.push({ key, old, object: old, deleted: true, finalStateUnknown: true, changes: 0 });
    }
    for (const [key, object] of listed) this.notifications.push(this.put(key, object as T));
  }

  private notify({ key, old, object, deleted, finalStateUnknown, changes }: Notification<T>): void {
    if (this.audience.size === 0) return;
    if (deleted) this.audience.deleted(object, finalStateUnknown, key);
    else if (old === undefined) this.audience.added(object, key);
    else this.audience.updated(old, object, key, changes);
  }
}
