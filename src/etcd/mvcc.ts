import type { Command } from './command.js';
import { EtcdError } from './errors.js';
import { History, NO_EVENTS } from './history.js';
import { KeyIndex } from './key-index.js';
import { type KeyName, KeySpace } from './key-space.js';
import { Lessor } from './lease.js';
import { type MemberRequest, type Operation, OperationKind } from './operation.js';
import {
  hashOf,
  putEvent,
  quotaCost,
  RECORD_OVERHEAD,
  recordBytes,
  type StoreSnapshot,
  tombstone,
} from './records.js';
import type { StoreMark, Undo } from './rollback.js';
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
  /** The CORRUPT alarm is raised: nothing is written. */
  corrupt = false;

  /** Outcome of the last `apply`. */
  succeeded = true;
  error = '';
  events: readonly WatchEvent[] = NO_EVENTS;
  /** Row of the one key that it wrote or deleted; −1: none, or several. */
  row = -1;
  /** Found by a transaction whose compare failed. */
  found: KeyValue | null = null;

  /** What the stores of a cluster share. */
  readonly keys: KeySpace;
  private readonly index: KeyIndex;
  /** The name of the key that `current` did not find a version of; undefined: no store holds it. */
  private name: KeyName | undefined = undefined;
  private readonly history = new History();
  /** What took place beside the events of the history since the last mark. */
  private journal: Undo[] = [];

  /** `keys`: what the stores of a cluster share; absent: the store is alone. */
  constructor(quota: number, keys: KeySpace = new KeySpace()) {
    this.quota = quota;
    this.keys = keys;
    this.index = new KeyIndex(keys);
  }

  /** Newest version of a key. */
  get(key: string): KeyValue | null {
    return this.index.current(this.index.find(key));
  }

  /** Whether the quota still has room for a request (checked before it is proposed and again when it is applied). */
  hasRoomFor(operation: Operation): boolean {
    const cost = quotaCost(operation);
    return cost === 0 || this.size + cost < this.quota;
  }

  /** Applies a command of the log; the outcome is in `succeeded`, `error`, `events` and `found`. */
  apply(command: Command): void {
    this.succeeded = true;
    this.error = '';
    this.events = NO_EVENTS;
    this.row = -1;
    this.found = null;
    // At one revision all members hold the same, so that they do the same.
    if (command.revision === this.revision + 1 && command.era === this.keys.era) {
      this.repeat(command);
      return;
    }
    const { operation } = command;
    const { kind } = operation;
    if (this.corrupt && kind !== OperationKind.Alarm && kind !== OperationKind.Publish) {
      this.error = EtcdError.Corrupt;
      return;
    }
    switch (kind) {
      case OperationKind.Put:
        this.put(command, this.current(command));
        break;
      case OperationKind.Txn: {
        const current = this.current(command);
        // Where another member found the same version, the compare held: no need to read it again.
        const { events } = command;
        const held = events !== null && current !== null && events[0]!.previous === current;
        if (!held && (current === null ? 0 : current.modRevision) !== operation.expectedModRevision) {
          this.succeeded = false;
          this.found = current;
        } else if (operation.thenPut) {
          this.put(command, current);
        } else if (current !== null) {
          this.delete(command, current);
        }
        break;
      }
      case OperationKind.Delete: {
        const current = this.current(command);
        if (current !== null) this.delete(command, current);
        break;
      }
      default:
        this.applyOther(command, operation.request!);
    }
  }

  /** Applies what is about no single key. */
  private applyOther(command: Command, request: EtcdRequest | MemberRequest): void {
    switch (request.op) {
      case 'compact':
        this.compact(command, request.revision);
        break;
      case 'leaseGrant':
        if (this.noSpace) this.error = EtcdError.NoSpace;
        else if (!this.lessor.grant(request.id, request.ttlSeconds)) this.error = EtcdError.LeaseExists;
        else this.journal.push({ kind: 'grant', at: this.revision, id: request.id });
        break;
      case 'leaseRevoke':
        this.revoke(command, request.id);
        break;
      case 'alarm':
        if (request.alarm === 'NOSPACE') this.noSpace = request.active;
        else this.corrupt = request.active;
        break;
      case 'range':
        throw new Error('ranges do not go through the log');
      default:
    }
  }

  /**
   * One key, or the first `limit` (0: all) keys with a prefix, behind `after` unless that is empty, as of `revision` (0: now). Null: the revision is compacted or in
   * the future (`error` says which).
   */
  range(key: string, prefix: boolean, limit: number, revision: number, after = ''): KeyValue[] | null {
    this.error = '';
    if (revision > this.revision) return this.fail(EtcdError.FutureRevision);
    if (revision > 0 && revision < this.compactRevision) return this.fail(EtcdError.Compacted);
    const out: KeyValue[] = [];
    if (!prefix) {
      const name = this.index.find(key);
      const version = name === undefined ? null : this.index.versionAt(name, revision, this.history);
      if (version !== null) out.push(version);
      return out;
    }
    const most = limit > 0 ? limit : Number.POSITIVE_INFINITY;
    if (revision === 0 || revision === this.revision) this.index.scan(key, most, out, after);
    else this.index.scanAt(key, most, revision, this.history, out, after);
    return out;
  }

  /** How many live keys have a prefix (all of a range's, however many it returned). */
  count(prefix: string): number {
    return this.index.count(prefix);
  }

  /** Events of one revision that is not compacted. */
  eventsAt(revision: number): readonly WatchEvent[] {
    return this.history.at(revision);
  }

  /** Fills an empty store without history: the start state of a warm start, of which `kvs` hold their revisions. */
  load(kvs: readonly KeyValue[], revision: number): void {
    for (const kv of kvs) {
      this.index.put(this.index.find(kv.key), kv);
      this.addBytes(recordBytes(kv));
      if (kv.lease !== 0) this.lessor.attach(kv.lease, kv.key);
    }
    this.revision = revision;
    this.history.reset(revision + 1);
    this.compactRevision = revision;
  }

  /** Another store takes this one's place: what it shared is given up. */
  release(): void {
    this.index.release();
  }

  /** A copy that shares all values. */
  snapshot(): StoreSnapshot {
    return {
      revision: this.revision,
      compactRevision: this.compactRevision,
      kvs: this.index.all(),
      history: this.history.copy(),
      leases: this.lessor.list(),
      sizeInUse: this.sizeInUse,
      size: this.size,
      noSpace: this.noSpace,
      corrupt: this.corrupt,
    };
  }

  /** A store with the content of a snapshot: same keys, revisions and history. */
  static restore(snapshot: StoreSnapshot, quota: number, keys?: KeySpace): Store {
    const store = new Store(quota, keys);
    for (const lease of snapshot.leases) store.lessor.grant(lease.id, lease.ttlSeconds);
    store.load(snapshot.kvs, snapshot.revision);
    store.compactRevision = snapshot.compactRevision;
    const first = snapshot.revision - snapshot.history.length + 1;
    store.history.reset(first, snapshot.history);
    for (let revision = Math.max(first, store.compactRevision + 1); revision <= store.revision; revision++) {
      for (const { type, kv } of store.eventsAt(revision))
        if (type === 'DELETE') store.index.noteDeletion(kv.key, revision);
    }
    store.sizeInUse = snapshot.sizeInUse;
    store.size = snapshot.size;
    store.noSpace = snapshot.noSpace;
    store.corrupt = snapshot.corrupt;
    return store;
  }

  /**
   * Hash of the content at a revision (HashKV): equal on all members that hold the same. Undefined: that revision is compacted or
   * in the future. Costs the whole content, as etcd's does.
   */
  hash(revision: number): number | undefined {
    const kvs = this.range('', true, 0, revision);
    return kvs === null ? undefined : hashOf(kvs);
  }

  /** A bit of the file flips unnoticed: the newest version of one key, in the middle of them, is no longer what was written. */
  corruptFile(): void {
    const kvs = this.index.all();
    const kv = kvs[kvs.length >> 1];
    if (kv !== undefined) this.index.put(this.index.find(kv.key), { ...kv, version: kv.version + 1 });
  }

  /** Copies the live data into a new file: the database is as small as its content again. */
  defragment(): void {
    this.size = this.sizeInUse;
  }

  /**
   * Newest version of a command's key; null: it is deleted, or unknown here. The first member that looks for the key leaves its row in the
   * command for the others, and with the key's note for the next command.
   */
  private current(command: Command): KeyValue | null {
    const { row, events } = command;
    const { key } = command.operation;
    const version = this.index.at(row);
    // A row may have become another key's, but not while it holds the version that the first member found in it.
    if (version !== undefined && version !== null) {
      if ((events !== null && events[0]!.previous === version) || version.key === key) return version;
    }
    const name = this.index.findAt(row, key);
    this.name = name;
    if (name === undefined) return null;
    command.found(name.ordinal);
    return this.index.current(name);
  }

  private put(command: Command, previous: KeyValue | null): void {
    if (this.noSpace) {
      this.error = EtcdError.NoSpace;
      return;
    }
    const { operation } = command;
    const { key, lease } = operation;
    if (lease !== 0 && !this.lessor.has(lease)) {
      this.error = EtcdError.LeaseNotFound;
      return;
    }
    const revision = ++this.revision;
    // Members that apply the same command at the same revision share the event that the first one made.
    let events = command.events;
    if (events === null || events[0]!.kv.modRevision !== revision)
      command.events = events = [putEvent(operation, previous, revision)];
    const kv = events[0]!.kv;
    if (previous === null) command.found(this.index.put(this.name, kv));
    else {
      this.index.replace(command.row, kv);
      if (previous.lease === 0 && lease === 0) command.wrote(kv, this.keys.era);
    }
    const held = previous === null ? 0 : previous.lease;
    if (lease !== held) {
      if (held !== 0) this.lessor.detach(held, key);
      if (lease !== 0) this.lessor.attach(lease, key);
    }
    this.wrote(command, events);
  }

  /** Writes what another member has written over the same version, at the same revision. */
  private repeat(command: Command): void {
    this.revision++;
    this.index.replace(command.row, command.written!);
    this.wrote(command, command.events!);
  }

  private wrote(command: Command, events: readonly WatchEvent[]): void {
    this.addBytes(RECORD_OVERHEAD + command.operation.payload);
    this.history.push(events);
    this.events = events;
    this.row = command.row;
  }

  private delete(command: Command, current: KeyValue): void {
    const revision = ++this.revision;
    if (command.events === null || command.events[0]!.kv.modRevision !== revision)
      command.events = [tombstone(current, revision)];
    this.bury(this.index.findAt(command.row, current.key)!, current, revision);
    this.history.push(command.events);
    this.events = command.events;
  }

  private revoke(command: Command, id: number): void {
    const lease = this.lessor.revoke(id);
    if (lease === null) {
      this.error = EtcdError.LeaseNotFound;
      return;
    }
    this.journal.push({ kind: 'revoke', at: this.revision, lease });
    if (lease.keys.size === 0) return;
    // One write transaction deletes all keys of the lease, in key order.
    const keys = [...lease.keys].sort();
    const revision = ++this.revision;
    const events = keys.map((key) => tombstone(this.get(key)!, revision));
    for (const event of events) this.bury(this.index.find(event.kv.key)!, event.previous!, revision);
    command.events ??= events;
    this.history.push(command.events);
    this.events = command.events;
  }

  /** Takes a deleted key out of the current view. */
  private bury(name: KeyName, current: KeyValue, revision: number): void {
    this.index.bury(name, revision);
    if (current.lease !== 0) this.lessor.detach(current.lease, current.key);
    this.addBytes(RECORD_OVERHEAD + current.key.length);
  }

  /** Versions that `compact` removed; the member pays for them in batches. */
  compacted = 0;

  private compact(command: Command, revision: number): void {
    if (revision <= this.compactRevision) {
      this.error = EtcdError.Compacted;
      return;
    }
    if (revision > this.revision) {
      this.error = EtcdError.FutureRevision;
      return;
    }
    // The last compaction has accounted for the revisions up to its own.
    const from = Math.max(this.history.first, this.compactRevision + 1);
    // Members that compact by the same command hold the same revisions: the first one looks through them.
    let { superseded } = command;
    if (superseded === null || superseded.from !== from) command.superseded = superseded = this.history.superseded(from, revision);
    this.sizeInUse -= superseded.bytes;
    this.compacted = superseded.versions;
    const forgotten: { readonly key: string; readonly revision: number }[] = [];
    for (const deletion of superseded.deletions) {
      if (!this.index.forgetDeletion(deletion.key, deletion.revision)) continue;
      this.sizeInUse -= RECORD_OVERHEAD + deletion.key.length;
      this.compacted++;
      forgotten.push(deletion);
    }
    // The events of the compacted revision itself stay readable for watches that start there.
    const history = this.history.cut(revision);
    this.journal.push({ kind: 'compact', at: this.revision, history, forgotten });
    this.compactRevision = revision;
  }

  /** What a commit of the backend makes durable: the present state, to which `rollback` returns. */
  mark(): StoreMark {
    this.journal = [];
    const { revision, compactRevision, sizeInUse, size, noSpace, corrupt } = this;
    return { revision, compactRevision, sizeInUse, size, noSpace, corrupt };
  }

  /** Takes back everything since the newest mark, newest first. */
  rollback(mark: StoreMark): void {
    const { journal } = this;
    for (;;) {
      const last = journal[journal.length - 1];
      if (last !== undefined && last.at >= this.revision) {
        journal.pop();
        this.undo(last);
      } else if (this.revision > mark.revision) {
        this.undoRevision();
      } else {
        break;
      }
    }
    this.compactRevision = mark.compactRevision;
    this.sizeInUse = mark.sizeInUse;
    this.size = mark.size;
    this.noSpace = mark.noSpace;
    this.corrupt = mark.corrupt;
  }

  private undo(undo: Undo): void {
    if (undo.kind === 'grant') this.lessor.revoke(undo.id);
    else if (undo.kind === 'revoke') this.lessor.restore(undo.lease);
    else {
      this.history.uncut(undo.history);
      for (const { key, revision } of undo.forgotten.toReversed()) this.index.rememberDeletion(key, revision);
    }
  }

  /** Takes the newest revision back. */
  private undoRevision(): void {
    for (const { type, kv, previous } of this.history.pop().toReversed()) {
      if (type === 'PUT') {
        if (kv.lease !== 0) this.lessor.detach(kv.lease, kv.key);
        this.index.unput(kv.key, previous ?? null);
      } else {
        this.index.unbury(previous!);
      }
      if (previous !== undefined && previous.lease !== 0) this.lessor.attach(previous.lease, kv.key);
    }
    this.revision--;
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
