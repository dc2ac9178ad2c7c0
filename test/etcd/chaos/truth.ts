import type { KeyValue, WatchEvent } from '../../../src/etcd/types.js';

/** What the cluster did, revision by revision, as the first member to apply it has it. Checkers compare everyone with it. */
export class Truth {
  private readonly revisions: (readonly WatchEvent[])[] = [];
  private readonly newest = new Map<string, KeyValue>();
  /** Versions of each key in order; a deletion is null. */
  private readonly versions = new Map<string, { readonly revision: number; readonly kv: KeyValue | null }[]>();
  private readonly values = new Set<unknown>();

  /** The last revision that anyone has applied. */
  get revision(): number {
    return this.revisions.length + 1;
  }

  /** Adds the next revision. */
  add(events: readonly WatchEvent[]): void {
    this.revisions.push(events);
    for (const { type, kv } of events) {
      const version = type === 'PUT' ? kv : null;
      if (version === null) this.newest.delete(kv.key);
      else this.newest.set(kv.key, kv);
      const versions = this.versions.get(kv.key);
      if (versions === undefined) this.versions.set(kv.key, [{ revision: this.revision, kv: version }]);
      else versions.push({ revision: this.revision, kv: version });
      this.values.add(kv.value);
    }
  }

  /** Events of a revision. */
  at(revision: number): readonly WatchEvent[] {
    return this.revisions[revision - 2] ?? [];
  }

  /** Events of a prefix in revisions `from` to `through`. */
  between(prefix: string, from: number, through: number): WatchEvent[] {
    const out: WatchEvent[] = [];
    for (let revision = Math.max(2, from); revision <= through; revision++)
      for (const event of this.at(revision)) if (event.kv.key.startsWith(prefix)) out.push(event);
    return out;
  }

  /** The newest version of a key. */
  current(key: string): KeyValue | undefined {
    return this.newest.get(key);
  }

  /** The version of a key as of a revision. */
  versionAt(key: string, revision: number): KeyValue | null {
    const versions = this.versions.get(key) ?? [];
    for (let i = versions.length - 1; i >= 0; i--) if (versions[i]!.revision <= revision) return versions[i]!.kv;
    return null;
  }

  /** All live keys. */
  content(): KeyValue[] {
    return [...this.newest.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** Whether a value was ever written. */
  has(value: unknown): boolean {
    return this.values.has(value);
  }
}
