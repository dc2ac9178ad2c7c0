import type { KubernetesObject } from '../api/meta.js';
import { resourceInfo, resourceNumber } from '../api/resources.js';
import { copyMetadata, withMetadata } from '../api/copies.js';
import type { Time } from '../kernel/time.js';
import { CacheFigures } from './cache-figures.js';
import { type CachedObject, CachedObjects, keyOf } from './cached-objects.js';
import type { KeyNote } from '../etcd/types.js';
import { sizesDiffer, typicalBytes } from './object-size.js';

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One change of one object, as the watch cache keeps it and all watchers share it. */
export interface WatchRecord {
  readonly type: WatchEventType;
  readonly resource: string;
  readonly key: string;
  readonly object: KubernetesObject;
  /** The version before; undefined for ADDED. */
  readonly previous: KubernetesObject | undefined;
  /** Of the store; of several changes in one revision all but the last lie a fraction before it. */
  readonly revision: number;
  /** Place of the object in the cache that it is of: the same for all its changes, mostly; −1: it has none. */
  readonly place?: number;
}

/** A change of a cache: as all versions of the object it has its key from where the object is cached. */
class CacheRecord implements WatchRecord {
  readonly type: WatchEventType;
  readonly resource: string;
  readonly object: KubernetesObject;
  readonly previous: KubernetesObject | undefined;
  readonly revision: number;
  private readonly cached: CachedObject;

  constructor(type: WatchEventType, resource: string, cached: CachedObject, object: KubernetesObject, previous: KubernetesObject | undefined, revision: number) {
    this.type = type;
    this.resource = resource;
    this.cached = cached;
    this.object = object;
    this.previous = previous;
    this.revision = revision;
  }

  get key(): string {
    return keyOf(this.cached, this.resource);
  }

  get place(): number {
    return this.cached.home === null ? -1 : this.cached.place;
  }
}

/** Events are kept at least this long (bookmark 60 s + 15 s, cacher/watch_cache.go eventFreshDuration). */
const FRESH_DURATION = 75e9;
const MINIMUM_CAPACITY = 100;
const MAXIMUM_CAPACITY = 102_400;

/**
 * The objects of one resource as one API server knows them, and its recent changes, from which watches start
 * (k8s.io/apiserver pkg/storage/cacher). The event window doubles when it is full of young events and halves when they are old.
 */
export class WatchCache {
  readonly resource: string;
  /** Place of the resource among all that are served. */
  readonly number: number;
  /** Bytes of its objects; negative: they differ. */
  readonly objectBytes: number;
  readonly objects: CachedObjects;
  /** Revision up to which the cache has seen all changes. */
  revision = 0;
  /** Counted since the start of the run; replaced when that begins. */
  figures = new CacheFigures();
  private log: WatchRecord[] = [];
  /** When the records of the log came: numbers beside them, not objects of their own in each. */
  private times: number[] = [];
  private start = 0;
  capacity = MINIMUM_CAPACITY;
  /** Revision of the newest record that left the window, or the log where it is there no more: watches from before it are too old. */
  private droppedRevision = 0;
  /** When it was filled, and with which revision; progress that etcd has reported since, oldest first, of the last minutes. */
  private filledAt: Time = 0;
  private filledRevision = 0;
  private advances: { readonly revision: number; readonly time: Time }[] = [];
  /** Bytes of all objects, as they were worked out last; negative: something has changed since. */
  private storedBytes = -1;

  constructor(resource: string) {
    this.resource = resource;
    this.number = resourceNumber(resource);
    this.objectBytes = sizesDiffer(resource) ? -1 : resourceInfo(resource).typicalBytes;
    this.objects = new CachedObjects(resource);
  }

  /** Fills the cache with the objects of a list at a revision, by their keys in etcd, without events. */
  replace(objects: Iterable<readonly [string, KubernetesObject]>, revision: number, now: Time): void {
    this.figures.initializations++;
    this.storedBytes = -1;
    this.objects.clear();
    for (const [path, object] of objects) this.objects.add(path, object);
    this.revision = revision;
    this.droppedRevision = revision;
    this.filledAt = now;
    this.filledRevision = revision;
    this.advances = [];
    this.log = [];
    this.times = [];
    this.start = 0;
  }

  /** Takes a change of `namespace/name` in; returns its record, or undefined when the cache has seen it already. */
  apply(key: string, object: KubernetesObject | undefined, revision: number, now: Time): WatchRecord | undefined {
    return this.applyAt(this.objects.prefix + key, object, revision, now);
  }

  /** As `apply`, by the key in etcd. `note`: what the writer left with the key; this cache's object, if it was written through this server. */
  applyAt(path: string, object: KubernetesObject | undefined, revision: number, now: Time, note?: KeyNote): WatchRecord | undefined {
    if (revision <= this.revision) return undefined;
    this.figures.received++;
    this.storedBytes = -1;
    const { objects, resource } = this;
    const noted = note as CachedObject | undefined;
    this.revision = revision;
    const known = noted !== undefined && noted.home === objects;
    const made = known && noted.place < 0;
    let cached: CachedObject | undefined;
    if (!known) cached = objects.at(path);
    else cached = made ? objects.insert(noted) : noted;
    let record: WatchRecord;
    if (object === undefined) {
      if (cached === undefined) return undefined;
      const previous = cached.object;
      objects.remove(cached);
      // A DELETED event carries the last state of the object with the revision of the deletion.
      const metadata = copyMetadata(previous.metadata);
      metadata.resourceVersion = Math.ceil(revision);
      const last = withMetadata(previous, metadata);
      record = new CacheRecord('DELETED', resource, cached, last, previous, revision);
    } else {
      const added = cached === undefined || (made && cached === noted);
      const previous = added ? undefined : cached!.object;
      if (cached === undefined) cached = objects.add(path, object);
      else cached.object = object;
      record = new CacheRecord(added ? 'ADDED' : 'MODIFIED', resource, cached, object, previous, revision);
    }
    this.remember(record, now);
    return record;
  }

  /** Bytes of all objects in etcd. */
  get bytes(): number {
    const { objects, resource } = this;
    if (this.objectBytes >= 0) return objects.size * this.objectBytes;
    if (this.storedBytes < 0) {
      this.storedBytes = 0;
      for (const object of objects.values()) this.storedBytes += typicalBytes(resource, object);
    }
    return this.storedBytes;
  }

  /** Events that the window holds. */
  get windowLength(): number {
    return this.log.length - this.start;
  }

  /** Whether a watch can start after a revision: nothing after it has left the window. */
  has(revision: number): boolean {
    return revision >= (this.start > 0 ? this.log[this.start - 1]!.revision : this.droppedRevision);
  }

  /** Everything up to a revision of the store is in the cache: the changes since were of other resources. */
  advance(revision: number, now: Time): void {
    this.figures.bookmarks++;
    if (revision <= this.revision) return;
    this.revision = revision;
    this.advances.push({ revision, time: now });
    if (this.advances.length < 1024) return;
    const kept = this.advances.findIndex(({ time }) => now - time < FRESH_DURATION);
    this.advances.splice(0, kept);
  }

  /** The revision of the cache at a time of the last minute; 0: not known any more. */
  revisionAt(time: Time): number {
    const filled = this.filledAt <= time ? this.filledRevision : 0;
    const { times, start, advances } = this;
    const seen = lastUntil(time, start, times.length, (i) => times[i]!);
    const told = lastUntil(time, 0, advances.length, (i) => advances[i]!.time);
    return Math.max(filled, seen < start ? 0 : this.log[seen]!.revision, told < 0 ? 0 : advances[told]!.revision);
  }

  /** Records after a revision, oldest first; undefined when that revision has left the window ("too old resource version"). */
  since(revision: number): readonly WatchRecord[] | undefined {
    if (!this.has(revision)) return undefined;
    let low = this.start;
    let high = this.log.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.log[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.log.slice(low);
  }

  private remember(record: WatchRecord, now: Time): void {
    const size = this.log.length - this.start;
    if (size >= this.capacity) {
      if (now - this.times[this.start]! < FRESH_DURATION && this.capacity < MAXIMUM_CAPACITY) {
        this.capacity *= 2;
        this.figures.grown++;
      } else {
        if (now - this.times[this.times.length - (this.capacity >> 2)]! > FRESH_DURATION && this.capacity > MINIMUM_CAPACITY) {
          this.capacity = Math.max(MINIMUM_CAPACITY, this.capacity >> 1);
          this.figures.shrunk++;
        }
        this.start = this.log.length - this.capacity + 1;
        if (this.start > 1024 && this.start * 2 > this.log.length) {
          this.droppedRevision = this.log[this.start - 1]!.revision;
          this.log = this.log.slice(this.start);
          this.times = this.times.slice(this.start);
          this.start = 0;
        }
      }
    }
    this.log.push(record);
    this.times.push(now);
  }
}

/** The last of the numbers from `start` to before `end`, of which the times ascend, whose time is not after `time`; `start` − 1: none. */
function lastUntil(time: Time, start: number, end: number, timeOf: (i: number) => Time): number {
  let low = start;
  let high = end;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timeOf(middle) <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
