import type { Command } from './command.js';
import { EtcdError } from './errors.js';
import { Lessor } from './lease.js';
import { OrderedKeys } from './ordered-keys.js';
import { type KeyRecord, quotaCost, RECORD_OVERHEAD, recordBytes, type StoreSnapshot, tombstone } from './records.js';
import type { EtcdRequest, KeyValue, WatchEvent } from './types.js';

/**
 * etcd's multi-version store: one revision per write, the newest version of each key, the events since the last compaction
 * (from which older versions are read back and watches catch up), leases and the size of the database file.
 */
export class Store {
  /** Revision of the last write; an empty store is at 1, as etcd's. */
  revision = 1;
  /** Versions superseded at or before this revision are gone; -1: never compacted. */
  compactRevision = -1;
  readonly lessor = new Lessor();
  /** Bytes of the database file that hold data (`db_total_size_in_use_in_bytes`). */
  sizeInUse = 0;
  /** Bytes of the database file (`db_total_size_in_bytes`): compaction frees pages inside it, only defragmentation shrinks it. */
  size = 0;
  readonly quota: number;
  /** The NOSPACE alarm is raised: puts, lease grants and transactions that put are refused. */
  noSpace = false;

  /** Outcome of the last `apply`. */
  succeeded = true;
  error = '';
  events: readonly WatchEvent[] = NO_EVENTS;
  /** Found by a transaction whose compare failed. */
  found: KeyValue | null = null;

  private readonly records = new Map<string, KeyRecord>();
  private readonly live = new OrderedKeys<KeyRecord>();
  private readonly dead = new OrderedKeys<KeyRecord>();
  /** Revisions at which a key was deleted, ascending, since the last compaction. */
  private readonly deletions = new Map<string, number[]>();
  /** Events of revision `historyBase + i`. */
  private history: (readonly WatchEvent[])[] = [];
  private historyBase = 2;

  constructor(quota: number) {
    this.quota = quota;
  }

  /** Newest version of a key. */
  get(key: string): KeyValue | null {
    return this.records.get(key)?.current ?? null;
  }

  /** Whether the quota still has room for a request (checked before it is proposed and again when it is applied). */
  hasRoomFor(request: EtcdRequest): boolean {
    const cost = quotaCost(request);
    return cost === 0 || this.size + cost < this.quota;
  }

  /** Applies a command of the log; the outcome is in `succeeded`, `error`, `events` and `found`. */
  apply(command: Command): void {
    const request = command.request;
    this.succeeded = true;
    this.error = '';
    this.events = NO_EVENTS;
    this.found = null;
    switch (request.op) {
      case 'put':
        this.put(command, this.find(command), request.value, request.bytes, request.lease ?? 0);
        break;
      case 'txn': {
        const record = this.find(command);
        const current = record === undefined ? null : record.current;
        if ((current === null ? 0 : current.modRevision) !== request.expectedModRevision) {
          this.succeeded = false;
          this.found = current;
        } else if (request.then === 'put') {
          this.put(command, record, request.value, request.bytes, request.lease ?? 0);
        } else if (current !== null) {
          this.delete(command, current);
        }
        break;
      }
      case 'delete': {
        const current = this.find(command)?.current ?? null;
        if (current !== null) this.delete(command, current);
        break;
      }
      case 'compact':
        this.compact(request.revision);
        break;
      case 'leaseGrant':
        if (this.noSpace) this.error = EtcdError.NoSpace;
        else if (!this.lessor.grant(request.id, request.ttlSeconds)) this.error = EtcdError.LeaseExists;
        break;
      case 'leaseRevoke':
        this.revoke(command, request.id);
        break;
      case 'alarm':
        this.noSpace = request.active;
        break;
      case 'range':
        throw new Error('ranges do not go through the log');
    }
  }

  /**
   * One key, or the first `limit` (0: all) keys with a prefix, as of `revision` (0: now). Null: the revision is compacted or in
   * the future (`error` says which).
   */
  range(key: string, prefix: boolean, limit: number, revision: number): KeyValue[] | null {
    this.error = '';
    if (revision > this.revision) return this.fail(EtcdError.FutureRevision);
    if (revision > 0 && revision < this.compactRevision) return this.fail(EtcdError.Compacted);
    const out: KeyValue[] = [];
    if (!prefix) {
      const record = this.records.get(key);
      const version = record === undefined ? null : this.versionAt(record, revision);
      if (version !== null) out.push(version);
      return out;
    }
    const most = limit > 0 ? limit : Number.POSITIVE_INFINITY;
    if (revision === 0 || revision === this.revision) {
      const records: KeyRecord[] = [];
      this.live.scan(key, most, records);
      for (const record of records) out.push(record.current!);
      return out;
    }
    this.rangeBefore(key, most, revision, out);
    return out;
  }

  /** How many live keys have a prefix (all of a range's, however many it returned). */
  count(prefix: string): number {
    return this.live.count(prefix);
  }

  /** Events of one revision that is not compacted. */
  eventsAt(revision: number): readonly WatchEvent[] {
    return this.history[revision - this.historyBase] ?? NO_EVENTS;
  }

  /** Fills an empty store without history: the start state of a warm start, of which `kvs` hold their revisions. */
  load(kvs: readonly KeyValue[], revision: number): void {
    for (const kv of kvs) {
      const record: KeyRecord = { key: kv.key, current: kv };
      this.records.set(kv.key, record);
      this.live.insert(record);
      this.addBytes(recordBytes(kv));
      if (kv.lease !== 0) this.lessor.attach(kv.lease, kv.key);
    }
    this.revision = revision;
    this.historyBase = revision + 1;
    this.compactRevision = revision;
  }

  /** A copy that shares all values. */
  snapshot(): StoreSnapshot {
    const kvs = this.live.all().map((record) => record.current!);
    return {
      revision: this.revision,
      compactRevision: this.compactRevision,
      kvs,
      history: this.history.slice(),
      leases: this.lessor.list(),
      sizeInUse: this.sizeInUse,
      size: this.size,
      noSpace: this.noSpace,
    };
  }

  /** A store with the content of a snapshot: same keys, revisions and history. */
  static restore(snapshot: StoreSnapshot, quota: number): Store {
    const store = new Store(quota);
    for (const lease of snapshot.leases) store.lessor.grant(lease.id, lease.ttlSeconds);
    store.load(snapshot.kvs, snapshot.revision);
    store.compactRevision = snapshot.compactRevision;
    store.history = snapshot.history.slice();
    store.historyBase = snapshot.revision - snapshot.history.length + 1;
    for (
      let revision = Math.max(store.historyBase, store.compactRevision + 1);
      revision <= store.revision;
      revision++
    ) {
      for (const { type, kv } of store.eventsAt(revision)) if (type === 'DELETE') store.noteDeletion(kv.key, revision);
    }
    store.sizeInUse = snapshot.sizeInUse;
    store.size = snapshot.size;
    store.noSpace = snapshot.noSpace;
    return store;
  }

  /** Copies the live data into a new file: the database is as small as its content again. */
  defragment(): void {
    this.size = this.sizeInUse;
  }

  /** The record of a command's key. The command then holds the stored text, which the next member finds faster. */
  private find(command: Command): KeyRecord | undefined {
    const record = this.records.get(command.key);
    if (record !== undefined) command.key = record.key;
    return record;
  }

  private put(command: Command, found: KeyRecord | undefined, value: unknown, bytes: number, lease: number): void {
    if (this.noSpace) {
      this.error = EtcdError.NoSpace;
      return;
    }
    if (lease !== 0 && !this.lessor.has(lease)) {
      this.error = EtcdError.LeaseNotFound;
      return;
    }
    const { key } = command;
    let record = found;
    const previous = record === undefined ? null : record.current;
    const revision = ++this.revision;
    // Members that apply the same command at the same revision share the event that the first one made.
    let events = command.events;
    if (events === null || events[0]!.kv.modRevision !== revision) {
      const kv: KeyValue = {
        key,
        value,
        bytes,
        createRevision: previous === null ? revision : previous.createRevision,
        modRevision: revision,
        version: previous === null ? 1 : previous.version + 1,
        lease,
      };
      events = [previous === null ? { type: 'PUT', kv } : { type: 'PUT', kv, previous }];
      command.events = events;
    }
    const kv = events[0]!.kv;
    if (record === undefined) {
      record = { key: kv.key, current: kv };
      this.records.set(kv.key, record);
      this.live.insert(record);
    } else {
      if (previous === null) {
        this.dead.remove(key);
        this.live.insert(record);
      }
      record.current = kv;
    }
    if (previous !== null && previous.lease !== 0 && previous.lease !== lease) this.lessor.detach(previous.lease, key);
    if (lease !== 0) this.lessor.attach(lease, key);
    this.addBytes(recordBytes(kv));
    this.history.push(events);
    this.events = events;
  }

  private delete(command: Command, current: KeyValue): void {
    const revision = ++this.revision;
    if (command.events === null || command.events[0]!.kv.modRevision !== revision)
      command.events = [tombstone(current, revision)];
    this.bury(current, revision);
    this.history.push(command.events);
    this.events = command.events;
  }

  private revoke(command: Command, id: number): void {
    const keys = this.lessor.revoke(id);
    if (keys === null) {
      this.error = EtcdError.LeaseNotFound;
      return;
    }
    if (keys.length === 0) return;
    // One write transaction deletes all keys of the lease, in key order.
    keys.sort();
    const revision = ++this.revision;
    const events = keys.map((key) => tombstone(this.get(key)!, revision));
    for (const event of events) this.bury(event.previous!, revision);
    command.events ??= events;
    this.history.push(command.events);
    this.events = command.events;
  }

  /** Takes a deleted key out of the current view. */
  private bury(current: KeyValue, revision: number): void {
    const record = this.records.get(current.key)!;
    record.current = null;
    this.live.remove(current.key);
    this.dead.insert(record);
    this.noteDeletion(current.key, revision);
    if (current.lease !== 0) this.lessor.detach(current.lease, current.key);
    this.addBytes(RECORD_OVERHEAD + current.key.length);
  }

  private noteDeletion(key: string, revision: number): void {
    const deletions = this.deletions.get(key);
    if (deletions === undefined) this.deletions.set(key, [revision]);
    else deletions.push(revision);
    if (!this.records.has(key)) {
      const record: KeyRecord = { key, current: null };
      this.records.set(key, record);
      this.dead.insert(record);
    }
  }

  /** Versions that `compact` removed; the member pays for them in batches. */
  compacted = 0;

  private compact(revision: number): void {
    if (revision <= this.compactRevision) {
      this.error = EtcdError.Compacted;
      return;
    }
    if (revision > this.revision) {
      this.error = EtcdError.FutureRevision;
      return;
    }
    const gone = revision - this.historyBase;
    this.compacted = 0;
    // The last compaction has accounted for the revisions up to its own.
    for (let i = Math.max(0, this.compactRevision + 1 - this.historyBase); i <= gone; i++) {
      for (const event of this.history[i]!) {
        if (event.previous !== undefined) {
          this.sizeInUse -= recordBytes(event.previous);
          this.compacted++;
        }
        if (event.type === 'DELETE') this.forgetDeletion(event.kv.key, this.historyBase + i);
      }
    }
    // The events of the compacted revision itself stay readable for watches that start there.
    if (gone > 0) {
      this.history = this.history.slice(gone);
      this.historyBase += gone;
    }
    this.compactRevision = revision;
  }

  private forgetDeletion(key: string, revision: number): void {
    const deletions = this.deletions.get(key);
    if (deletions === undefined || deletions[0] !== revision) return;
    this.sizeInUse -= RECORD_OVERHEAD + key.length;
    this.compacted++;
    deletions.shift();
    if (deletions.length > 0) return;
    this.deletions.delete(key);
    const record = this.records.get(key)!;
    if (record.current === null) {
      this.records.delete(key);
      this.dead.remove(key);
    }
  }

  /** Version of a key as of a revision (0: now); null when it did not exist then. */
  private versionAt(record: KeyRecord, revision: number): KeyValue | null {
    let version = record.current;
    if (revision === 0) return version;
    let deletions: readonly number[] | undefined;
    let next = -1;
    for (;;) {
      if (version !== null && version.modRevision <= revision) return version;
      if (version !== null && version.version > 1) {
        version = this.previousOf(version.key, version.modRevision);
        continue;
      }
      // Before its creation the key may have lived and been deleted, at the last deletion below that revision.
      const before = version === null ? Number.POSITIVE_INFINITY : version.modRevision;
      if (deletions === undefined) {
        deletions = this.deletions.get(record.key) ?? NO_DELETIONS;
        next = deletions.length - 1;
      }
      while (next >= 0 && deletions[next]! >= before) next--;
      if (next < 0 || deletions[next]! <= revision) return null;
      version = this.previousOf(record.key, deletions[next]!);
    }
  }

  private previousOf(key: string, revision: number): KeyValue | null {
    for (const event of this.eventsAt(revision)) if (event.kv.key === key) return event.previous ?? null;
    throw new Error(`no event for ${key} at revision ${revision}`);
  }

  private rangeBefore(prefix: string, limit: number, revision: number, out: KeyValue[]): void {
    const live: KeyRecord[] = [];
    const dead: KeyRecord[] = [];
    this.live.scan(prefix, Number.POSITIVE_INFINITY, live);
    this.dead.scan(prefix, Number.POSITIVE_INFINITY, dead);
    let i = 0;
    let j = 0;
    while (out.length < limit && (i < live.length || j < dead.length)) {
      const takeLive = j === dead.length || (i < live.length && live[i]!.key < dead[j]!.key);
      const version = this.versionAt(takeLive ? live[i++]! : dead[j++]!, revision);
      if (version !== null) out.push(version);
    }
  }

  private addBytes(bytes: number): void {
    this.sizeInUse += bytes;
    if (this.sizeInUse > this.size) this.size = this.sizeInUse;
  }

  private fail(error: string): null {
    this.error = error;
    return null;
  }
}

const NO_EVENTS: readonly WatchEvent[] = [];
const NO_DELETIONS: readonly number[] = [];
