/** What the ordered set keeps: anything with a key. */
export interface Keyed {
  readonly key: string;
}

const CHUNK = 512;

/**
 * A set of records ordered by key: sorted chunks of at most 512 records under one sorted directory (a B-tree of two levels).
 * Records are put in order when the order is first asked for: most of what an API server writes is never scanned before it is
 * gone. Then inserting costs O(log n) comparisons and the move of part of a chunk, as removing does, and a scan its result.
 */
export class OrderedKeys<T extends Keyed> {
  private chunks: T[][] = [];
  /** Records that are not in order yet, by key. */
  private readonly fresh = new Map<string, T>();
  size = 0;

  /** Adds a record whose key is not in the set. */
  insert(record: T): void {
    this.size++;
    this.fresh.set(record.key, record);
  }

  private sort(): void {
    if (this.fresh.size === 0) return;
    for (const record of this.fresh.values()) this.place(record);
    this.fresh.clear();
  }

  private place(record: T): void {
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

  /** Removes the record with a key; false when there is none. */
  remove(key: string): boolean {
    if (this.fresh.delete(key)) {
      this.size--;
      return true;
    }
    if (this.chunks.length === 0) return false;
    const at = this.chunkOf(key);
    const chunk = this.chunks[at]!;
    const position = lowerBound(chunk, key);
    if (position === chunk.length || chunk[position]!.key !== key) return false;
    chunk.splice(position, 1);
    if (chunk.length === 0) this.chunks.splice(at, 1);
    this.size--;
    return true;
  }

  /** Appends the first `limit` records whose keys start with `prefix` to `out`, in key order. */
  scan(prefix: string, limit: number, out: T[]): void {
    if (this.size === 0) return;
    this.sort();
    let at = this.chunkOf(prefix);
    let position = lowerBound(this.chunks[at]!, prefix);
    let left = limit;
    for (; at < this.chunks.length; at++, position = 0) {
      const chunk = this.chunks[at]!;
      for (; position < chunk.length; position++) {
        const record = chunk[position]!;
        if (left-- <= 0 || !record.key.startsWith(prefix)) return;
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
