/** What the ordered set keeps: anything with a key, and room for a note of the set's. */
export interface Keyed {
  readonly key: string;
  /** Where the record is: not in the set, waiting to be put in order, or in order. */
  place: number;
}

/** `place` of a record that is in no set. */
export const NOWHERE = 0;
const FRESH = 1;
const SORTED = 2;

const CHUNK = 512;
/** So many removed records may wait with the others. */
const SLACK = 256;

/**
 * A set of records ordered by key: sorted chunks of at most 512 records under one sorted directory (a B-tree of two levels).
 * Records are put in order when the order is first asked for: most of what an API server writes is never scanned before it is
 * gone. Then inserting costs O(log n) comparisons and the move of part of a chunk, as removing does, and a scan its result.
 */
export class OrderedKeys<T extends Keyed> {
  private chunks: T[][] = [];
  /** Records that wait to be put in order, among them some that have been removed meanwhile. */
  private fresh: T[] = [];
  private removed = 0;
  size = 0;

  /** Adds a record whose key is not in the set. */
  insert(record: T): void {
    this.size++;
    record.place = FRESH;
    this.fresh.push(record);
  }

  private sort(): void {
    if (this.fresh.length === 0) return;
    for (const record of this.fresh) if (record.place === FRESH) this.enter(record);
    this.fresh = [];
    this.removed = 0;
  }

  private enter(record: T): void {
    record.place = SORTED;
    if (this.chunks.length === 0) {
      this.chunks.push([record]);
      return;
    }
    const at = this.chunkOf(record.key);
    const chunk = this.chunks[at]!;
    const position = lowerBound(chunk, record.key);
    if (position === chunk.length) chunk.push(record);
    else chunk.splice(position, 0, record);
    if (chunk.length > CHUNK) {
      // Ascending inserts (a warm start) leave full chunks behind; others are cut in the middle.
      const cut = position === chunk.length - 1 && at === this.chunks.length - 1 ? CHUNK : CHUNK >> 1;
      this.chunks.splice(at + 1, 0, chunk.splice(cut));
    }
  }

  /** Removes a record of the set; it may not be inserted again. */
  remove(record: T): void {
    this.size--;
    const { place } = record;
    record.place = NOWHERE;
    if (place === FRESH) {
      if (++this.removed * 2 > this.fresh.length + SLACK) {
        this.fresh = this.fresh.filter((each) => each.place === FRESH);
        this.removed = 0;
      }
      return;
    }
    const at = this.chunkOf(record.key);
    const chunk = this.chunks[at]!;
    chunk.splice(lowerBound(chunk, record.key), 1);
    if (chunk.length === 0) this.chunks.splice(at, 1);
  }

  /**
   * Appends the first `limit` records whose keys start with `prefix` to `out`, in key order; only those that `accepts` accepts, and
   * only keys above `after`.
   */
  scan(prefix: string, limit: number, out: T[], accepts?: (record: T) => boolean, after = ''): void {
    if (this.size === 0) return;
    this.sort();
    const first = after === '' ? prefix : `${after}\u0000`;
    let at = this.chunkOf(first);
    let position = lowerBound(this.chunks[at]!, first);
    let left = limit;
    for (; at < this.chunks.length; at++, position = 0) {
      const chunk = this.chunks[at]!;
      for (; position < chunk.length; position++) {
        const record = chunk[position]!;
        if (left <= 0 || !record.key.startsWith(prefix)) return;
        if (accepts !== undefined && !accepts(record)) continue;
        left--;
        out.push(record);
      }
    }
  }

  /** How many keys start with `prefix`. */
  count(prefix: string): number {
    this.sort();
    return this.rank(successor(prefix)) - this.rank(prefix);
  }

  /** All records in key order. */
  all(): T[] {
    this.sort();
    return this.chunks.flat();
  }

  /** How many keys are below `key`; `null`: all. */
  private rank(key: string | null): number {
    if (key === null) return this.size;
    if (this.size === 0) return 0;
    const at = this.chunkOf(key);
    let rank = lowerBound(this.chunks[at]!, key);
    for (let i = 0; i < at; i++) rank += this.chunks[i]!.length;
    return rank;
  }

  /** The last chunk whose first key is not above `key`, or the first. */
  private chunkOf(key: string): number {
    const chunks = this.chunks;
    let low = 0;
    let high = chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (chunks[middle]![0]!.key <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function lowerBound(chunk: readonly Keyed[], key: string): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (chunk[middle]!.key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The least string above all strings with a prefix; null when there is none (the empty prefix). */
function successor(prefix: string): string | null {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const code = prefix.charCodeAt(i);
    if (code < 0xffff) return prefix.slice(0, i) + String.fromCharCode(code + 1);
  }
  return null;
}
