import type { History } from './history.js';
import { NOWHERE, OrderedKeys } from './ordered-keys.js';
import type { KeyRecord } from './records.js';
import type { KeyValue } from './types.js';

/**
 * The keys of a store in order (etcd's treeIndex): the newest version of each, and when keys were deleted since the last
 * compaction. Older versions hang on the events of the history.
 */
export class KeyIndex {
  private readonly records = new Map<string, KeyRecord>();
  /** All records, those of deleted keys included. */
  private readonly ordered = new OrderedKeys<KeyRecord>();
  /** How many of them are of deleted keys. */
  private dead = 0;
  /** Revisions at which a key was deleted, ascending, since the last compaction. */
  private readonly deletions = new Map<string, number[]>();

  /** The record of a key that has a version or, until compaction, had one. */
  get(key: string): KeyRecord | undefined {
    return this.records.get(key);
  }

  /** Makes a version the newest of its key. `record`: what `get` gave. */
  put(record: KeyRecord | undefined, kv: KeyValue): void {
    if (record === undefined) {
      this.add(kv.key, kv);
      return;
    }
    if (record.current === null) this.dead--;
    record.current = kv;
  }

  /** Takes a put back: `previous` is the newest version again, null: the key was not there. */
  unput(key: string, previous: KeyValue | null): void {
    const record = this.records.get(key)!;
    record.current = previous;
    if (previous !== null) return;
    if (this.deletions.has(key)) this.dead++;
    else this.forget(record);
  }

  /** Takes a deleted key out of the current view. */
  bury(key: string, revision: number): void {
    const record = this.records.get(key)!;
    record.current = null;
    this.dead++;
    this.noteDeletion(key, revision);
  }

  /** Takes a deletion back. */
  unbury(previous: KeyValue): void {
    const record = this.records.get(previous.key)!;
    record.current = previous;
    this.dead--;
    const deletions = this.deletions.get(previous.key)!;
    deletions.pop();
    if (deletions.length === 0) this.deletions.delete(previous.key);
  }

  /** A key was deleted at a revision that is not compacted. */
  noteDeletion(key: string, revision: number): void {
    const deletions = this.deletions.get(key);
    if (deletions === undefined) this.deletions.set(key, [revision]);
    else deletions.push(revision);
    this.keepDead(key);
  }

  /** A deletion is compacted; false when it is not the oldest one known of the key. */
  forgetDeletion(key: string, revision: number): boolean {
    const deletions = this.deletions.get(key);
    if (deletions === undefined || deletions[0] !== revision) return false;
    deletions.shift();
    if (deletions.length > 0) return true;
    this.deletions.delete(key);
    const record = this.records.get(key)!;
    if (record.current === null) {
      this.dead--;
      this.forget(record);
    }
    return true;
  }

  /** Takes `forgetDeletion` back. */
  rememberDeletion(key: string, revision: number): void {
    const deletions = this.deletions.get(key);
    if (deletions === undefined) this.deletions.set(key, [revision]);
    else deletions.unshift(revision);
    this.keepDead(key);
  }

  /** Appends the newest versions of the first `limit` keys with a prefix, behind `after` unless that is empty. */
  scan(prefix: string, limit: number, out: KeyValue[], after = ''): void {
    const records: KeyRecord[] = [];
    this.ordered.scan(prefix, limit, records, isLive, after);
    for (const record of records) out.push(record.current!);
  }

  /** How many live keys have a prefix. */
  count(prefix: string): number {
    if (prefix === '') return this.records.size - this.dead;
    if (this.dead === 0) return this.ordered.count(prefix);
    const records: KeyRecord[] = [];
    this.ordered.scan(prefix, Number.POSITIVE_INFINITY, records, isLive);
    return records.length;
  }

  /** Newest versions of all live keys, in key order. */
  all(): KeyValue[] {
    return this.ordered
      .all()
      .filter(isLive)
      .map((record) => record.current!);
  }

  /** Appends the versions that the first `limit` keys with a prefix had at a revision. */
  scanAt(prefix: string, limit: number, revision: number, history: History, out: KeyValue[], after = ''): void {
    const records: KeyRecord[] = [];
    this.ordered.scan(prefix, Number.POSITIVE_INFINITY, records, undefined, after);
    for (const record of records) {
      if (out.length >= limit) return;
      const version = this.versionAt(record, revision, history);
      if (version !== null) out.push(version);
    }
  }

  /** Version of a key as of a revision (0: now); null when it did not exist then. */
  versionAt(record: KeyRecord, revision: number, history: History): KeyValue | null {
    let version = record.current;
    if (revision === 0) return version;
    let deletions: readonly number[] | undefined;
    let next = -1;
    for (;;) {
      if (version !== null && version.modRevision <= revision) return version;
      if (version !== null && version.version > 1) {
        version = previousOf(history, version.key, version.modRevision);
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
      version = previousOf(history, record.key, deletions[next]!);
    }
  }

  private add(key: string, current: KeyValue | null): void {
    const record: KeyRecord = { key, current, place: NOWHERE };
    this.records.set(key, record);
    this.ordered.insert(record);
  }

  private forget(record: KeyRecord): void {
    this.records.delete(record.key);
    this.ordered.remove(record);
  }

  /** A key with a deletion has a record, even if it has no version. */
  private keepDead(key: string): void {
    if (this.records.has(key)) return;
    this.add(key, null);
    this.dead++;
  }
}

function isLive(record: KeyRecord): boolean {
  return record.current !== null;
}

function previousOf(history: History, key: string, revision: number): KeyValue | null {
  for (const event of history.at(revision)) if (event.kv.key === key) return event.previous ?? null;
  throw new Error(`no event for ${key} at revision ${revision}`);
}

const NO_DELETIONS: readonly number[] = [];
