import type { Entry, HardState, MemoryStorage, Message, Snapshot } from '../../../src/raft/index.js';
import type { RaftLibrary } from './member.js';
import { emptyImage, type StoreImage } from './store.js';

/** What one Ready (or one append message) writes; it survives a crash whole or not at all. */
export interface Batch {
  readonly hardState: HardState | null;
  readonly snapshot: Snapshot | null;
  readonly entries: readonly Entry[];
}

const NOTHING = { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

export function batchOf(message: Message): Batch {
  const { term, vote, commit, snapshot, entries } = message;
  const changed = term !== 0 || vote !== 0 || commit !== 0;
  return { hardState: changed ? { term, vote, commit } : null, snapshot, entries };
}

/** A member's disk: a log written in order, of which only the synced part is sure to survive, and the applied state. */
export class Disk {
  hardState: HardState = { term: 0, vote: 0, commit: 0 };
  snapshot: Snapshot | null = null;
  /** Entries from snapshot.index + 1 on. */
  entries: Entry[] = [];
  applied: StoreImage = emptyImage(NOTHING);
  pending: Batch[] = [];

  write(batch: Batch): void {
    if (batch.hardState !== null || batch.snapshot !== null || batch.entries.length > 0) this.pending.push(batch);
  }

  /** Everything written becomes durable. */
  sync(): void {
    this.keep(this.pending.length);
  }

  /** The first `count` batches written survive; the others are lost. */
  keep(count: number): void {
    for (let i = 0; i < count; i++) this.persist(this.pending[i]!);
    this.pending = [];
  }

  private persist({ hardState, snapshot, entries }: Batch): void {
    if (snapshot !== null && snapshot.index > this.base()) {
      this.snapshot = snapshot;
      this.entries = [];
      this.applied = snapshot.data as StoreImage;
    }
    for (const entry of entries) {
      const position = entry.index - this.base() - 1;
      if (position < 0) continue;
      this.entries.length = Math.min(this.entries.length, position);
      this.entries.push(entry);
    }
    if (hardState !== null) this.hardState = hardState;
  }

  base(): number {
    return this.snapshot === null ? 0 : this.snapshot.index;
  }

  /** Whether entry (term, index) would survive a crash now. */
  holds(term: number, index: number): boolean {
    if (index <= this.base()) return true;
    return this.entries[index - this.base() - 1]?.term === term;
  }

  /** A snapshot taken by the member itself replaces the entries it covers. */
  compactTo(snapshot: Snapshot): void {
    this.entries = this.entries.slice(snapshot.index - this.base());
    this.snapshot = snapshot;
  }

  /** What a restarted member finds. */
  load(library: RaftLibrary): MemoryStorage {
    const storage = new library.MemoryStorage();
    if (this.snapshot !== null) storage.applySnapshot(this.snapshot);
    storage.append(this.entries);
    // Applied state may be durable before the commit that allowed it.
    const commit = Math.max(this.hardState.commit, this.applied.applied);
    storage.setHardState({ ...this.hardState, commit });
    storage.setConfState(this.applied.confState);
    return storage;
  }
}
