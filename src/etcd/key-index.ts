import type { History } from './history.js';
import type { KeyName, KeySpace, Newest } from './key-space.js';
import type { KeyValue } from './types.js';

/**
 * The keys of a store in order (etcd's treeIndex): the newest version of each, and when keys were deleted since the last
 * compaction. Older versions hang on the events of the history.
 */
export class KeyIndex {
  private readonly space: KeySpace;
  /** Its column in the table of versions. */
  private readonly column: number;
  private held = 0;
  /** How many of the held keys are deleted. */
  private dead = 0;
  /** Revisions at which a key was deleted, ascending, since the last compaction; by ordinal. */
  private readonly deletions = new Map<number, number[]>();

  constructor(space: KeySpace) {
    this.space = space;
    this.column = space.openColumn();
  }

  /** The name of a key that some store of the space holds. */
  find(key: string): KeyName | undefined {
    return this.space.find(key);
  }

  /** The name of a key that was at a row some time ago, perhaps of another space. */
  findAt(ordinal: number, key: string): KeyName | undefined {
    return this.space.findAt(ordinal, key);
  }

  /** Newest version of a key; null: it is deleted, or unknown here. */
  current(name: KeyName | undefined): KeyValue | null {
    return name === undefined ? null : (this.at(name.ordinal) ?? null);
  }

  /** What is at a row, whichever key's it is now. */
  at(ordinal: number): Newest {
    return this.space.newest(ordinal, this.column);
  }

  /** Writes a newer version of a key over that at its row. */
  replace(ordinal: number, kv: KeyValue): void {
    this.set(ordinal, kv);
  }

  /** Makes a version the newest of its key. `name`: what `find` gave. Returns the row of the key. */
  put(name: KeyName | undefined, kv: KeyValue): number {
    if (name === undefined) return this.hold(this.space.add(kv.key), kv);
    const before = this.at(name.ordinal);
    if (before === undefined) return this.hold(name, kv);
    if (before === null) this.dead--;
    this.replace(name.ordinal, kv);
    return name.ordinal;
  }

  /** Takes a put back: `previous` is the newest version again, null: the key was not there. */
  unput(key: string, previous: KeyValue | null): void {
    const name = this.space.find(key)!;
    this.set(name.ordinal, previous);
    if (previous !== null) return;
    if (this.deletions.has(name.ordinal)) this.dead++;
    else this.forget(name);
  }

  /** Takes a deleted key out of the current view. */
  bury(name: KeyName, revision: number): void {
    this.set(name.ordinal, null);
    this.dead++;
    this.note(name, revision);
  }

  /** Takes a deletion back. */
  unbury(previous: KeyValue): void {
    const { ordinal } = this.space.find(previous.key)!;
    this.set(ordinal, previous);
    this.dead--;
    const deletions = this.deletions.get(ordinal)!;
    deletions.pop();
    if (deletions.length === 0) this.deletions.delete(ordinal);
  }

  /** A key was deleted at a revision that is not compacted. */
  noteDeletion(key: string, revision: number): void {
    this.note(this.keepDead(key), revision);
  }

  /** A deletion is compacted; false when it is not the oldest one known of the key. */
  forgetDeletion(key: string, revision: number): boolean {
    const name = this.space.find(key);
    const deletions = name === undefined ? undefined : this.deletions.get(name.ordinal);
    if (name === undefined || deletions === undefined || deletions[0] !== revision) return false;
    deletions.shift();
    if (deletions.length > 0) return true;
    this.deletions.delete(name.ordinal);
    if (this.at(name.ordinal) === null) {
      this.dead--;
      this.forget(name);
    }
    return true;
  }

  /** Takes `forgetDeletion` back. */
  rememberDeletion(key: string, revision: number): void {
    const { ordinal } = this.keepDead(key);
    const deletions = this.deletions.get(ordinal);
    if (deletions === undefined) this.deletions.set(ordinal, [revision]);
    else deletions.unshift(revision);
  }

  /** Appends the newest versions of the first `limit` keys with a prefix, behind `after` unless that is empty. */
  scan(prefix: string, limit: number, out: KeyValue[], after = ''): void {
    const names: KeyName[] = [];
    this.space.scan(prefix, limit, names, (name) => this.isLive(name), after);
    for (const { ordinal } of names) out.push(this.at(ordinal)!);
  }

  /** How many live keys have a prefix. */
  count(prefix: string): number {
    const live = this.held - this.dead;
    if (prefix === '') return live;
    if (live === this.space.size) return this.space.count(prefix);
    const names: KeyName[] = [];
    this.space.scan(prefix, Number.POSITIVE_INFINITY, names, (name) => this.isLive(name));
    return names.length;
  }

  /** Newest versions of all live keys, in key order. */
  all(): KeyValue[] {
    const out: KeyValue[] = [];
    this.scan('', Number.POSITIVE_INFINITY, out);
    return out;
  }

  /** Appends the versions that the first `limit` keys with a prefix had at a revision. */
  scanAt(prefix: string, limit: number, revision: number, history: History, out: KeyValue[], after = ''): void {
    const names: KeyName[] = [];
    this.space.scan(prefix, Number.POSITIVE_INFINITY, names, (name) => this.at(name.ordinal) !== undefined, after);
    for (const name of names) {
      if (out.length >= limit) return;
      const version = this.versionAt(name, revision, history);
      if (version !== null) out.push(version);
    }
  }

  /** Version of a key as of a revision (0: now); null when it did not exist then. */
  versionAt(name: KeyName, revision: number, history: History): KeyValue | null {
    let version = this.current(name);
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
        deletions = this.deletions.get(name.ordinal) ?? NO_DELETIONS;
        next = deletions.length - 1;
      }
      while (next >= 0 && deletions[next]! >= before) next--;
      if (next < 0 || deletions[next]! <= revision) return null;
      version = previousOf(history, name.key, deletions[next]!);
    }
  }

  /** Gives up all keys: another store takes this one's place. */
  release(): void {
    const { space } = this;
    for (let ordinal = 0; ordinal < space.all.length; ordinal++) {
      if (this.at(ordinal) !== undefined) this.forget(space.all[ordinal]!);
    }
    space.closeColumn(this.column);
    this.deletions.clear();
    this.held = 0;
    this.dead = 0;
  }

  private isLive({ ordinal }: KeyName): boolean {
    const version = this.at(ordinal);
    return version !== undefined && version !== null;
  }

  private set(ordinal: number, version: Newest): void {
    this.space.setNewest(ordinal, this.column, version);
  }

  private hold(name: KeyName, version: KeyValue | null): number {
    this.set(name.ordinal, version);
    this.space.hold(name);
    this.held++;
    return name.ordinal;
  }

  private forget(name: KeyName): void {
    this.set(name.ordinal, undefined);
    this.held--;
    this.space.release(name);
  }

  private note({ ordinal }: KeyName, revision: number): void {
    const deletions = this.deletions.get(ordinal);
    if (deletions === undefined) this.deletions.set(ordinal, [revision]);
    else deletions.push(revision);
  }

  /** A key with a deletion is held, even if it has no version. */
  private keepDead(key: string): KeyName {
    const name = this.space.find(key) ?? this.space.add(key);
    if (this.at(name.ordinal) !== undefined) return name;
    this.hold(name, null);
    this.dead++;
    return name;
  }
}

function previousOf(history: History, key: string, revision: number): KeyValue | null {
  for (const event of history.at(revision)) if (event.kv.key === key) return event.previous ?? null;
  throw new Error(`no event for ${key} at revision ${revision}`);
}

const NO_DELETIONS: readonly number[] = [];
