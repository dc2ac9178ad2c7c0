import type { Entry } from '../raft/index.js';

/** wal.go, SegmentSizeBytes: segments are preallocated with this size. */
export const SEGMENT_BYTES = 64_000_000;
/** A record: protobuf header, CRC and padding to eight bytes around an entry; and a record of the hard state. */
const RECORD_BYTES = 32;

/** The write-ahead log as the disk sees it: bytes in preallocated segments. What is in it is in raft's storage. */
export class Wal {
  /** Segments begun since the log exists. */
  segments = 1;
  /** Bytes written to the last segment. */
  position = 0;

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
}
