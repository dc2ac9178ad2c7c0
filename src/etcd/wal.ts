import { type Entry, EntryRing, type HardState, MemoryStorage, type Snapshot } from '../raft/index.js';

/** wal.go, SegmentSizeBytes: segments are preallocated with this size. */
export const SEGMENT_BYTES = 64_000_000;
/** A record: protobuf header, CRC and padding to eight bytes around an entry; and a record of the hard state. */
const RECORD_BYTES = 32;
const NOTHING: Snapshot = {
  index: 0,
  term: 0,
  confState: { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  data: null,
  dataLength: 0,
};

/**
 * The write-ahead log: what a restart finds of raft's state. Entries since the newest snapshot record, and the hard state of
 * the last sync: a change of the commit alone is written without a sync and stays in the encoder's buffer until the next one.
 */
export class Wal {
  /** Segments begun since the log exists. */
  segments = 1;
  /** Bytes written to the last segment. */
  position = 0;
  /** Newest snapshot record; its data is in the backend. */
  private base: Snapshot = NOTHING;
  /** Entries from `base.index + 1` on, as synced. */
  private entries = new EntryRing();
  private hardState: HardState = { term: 0, vote: 0, commit: 0 };
  private buffered: HardState | null = null;

  /** Writes one Ready's entries and hard state; returns how many syncs it takes: one more when a segment is cut. */
  save(entries: readonly Entry[], hardState: boolean): { readonly bytes: number; readonly syncs: number } {
    let bytes = hardState ? RECORD_BYTES : 0;
    for (let i = 0; i < entries.length; i++) bytes += RECORD_BYTES + Math.max(0, entries[i]!.dataLength);
    this.position += bytes;
    if (this.position < SEGMENT_BYTES) return { bytes, syncs: 1 };
    this.segments++;
    this.position = 0;
    return { bytes, syncs: 2 };
  }

  /** A hard state is written; the next sync makes it durable. */
  buffer(hardState: HardState): void {
    this.buffered = hardState;
  }

  /** Entries, and the hard state in the buffer, are synced. Entries replace what the log held from their first index on. */
  sync(entries: readonly Entry[]): void {
    if (this.buffered !== null) {
      this.hardState = this.buffered;
      this.buffered = null;
    }
    if (entries.length === 0) return;
    const log = this.entries;
    const start = entries[0]!.index - this.base.index - 1;
    if (start >= 0) log.truncate(start);
    for (let i = start < 0 ? -start : 0; i < entries.length; i++) log.push(entries[i]!);
  }

  /** A snapshot of the leader's is saved: the log begins there. */
  restore({ index, term, confState }: Snapshot): void {
    this.base = { index, term, confState, data: null, dataLength: 0 };
    this.entries = new EntryRing();
  }

  /** The application's snapshot at an index is saved (`SaveSnapshot`, which syncs), and segments before it are released. */
  cut(index: number, confState: Snapshot['confState']): void {
    const { hardState } = this;
    const entry = this.entry(index);
    if (entry === undefined) return;
    this.entries.drop(index - this.base.index);
    this.base = { index, term: entry.term, confState, data: null, dataLength: 0 };
    if (hardState.commit < index) this.hardState = { ...hardState, commit: index };
  }

  /** The synced entry at an index, if it is not before the newest snapshot record. */
  entry(index: number): Entry | undefined {
    const position = index - this.base.index - 1;
    return position >= 0 && position < this.entries.length ? this.entries.at(position) : undefined;
  }

  /** Whether a restart would find the entry (term, index), or a snapshot that covers it. */
  holds(term: number, index: number): boolean {
    return index <= this.base.index || this.entry(index)?.term === term;
  }

  /** The hard state that a restart would find. */
  get durable(): HardState {
    return this.hardState;
  }

  /** Index of the newest snapshot record. */
  get snapshotIndex(): number {
    return this.base.index;
  }

  /** Entries that a restart reads. */
  get length(): number {
    return this.entries.length;
  }

  /** What a restarted process knows of raft. */
  recover(): MemoryStorage {
    this.buffered = null;
    const storage = new MemoryStorage();
    if (this.base.index > 0) storage.applySnapshot(this.base);
    storage.append(this.entries.slice(0, this.entries.length));
    storage.setHardState(this.hardState);
    return storage;
  }
}
