/** Words (of 32 bits) and doubles of a row: one cache line. */
export const ROW_WORDS = 16;
export const ROW_DOUBLES = 8;

/**
 * What changes with each request at a pod, of all pods in one piece: requests go to pods at random, and objects that are spread over the
 * heap would each take several misses of the caches.
 */
export class ServerTable {
  f64 = new Float64Array(64 * ROW_DOUBLES);
  i32 = new Int32Array(this.f64.buffer);
  private readonly free: number[] = [];
  private rows = 0;

  /** A row of zeros. */
  take(): number {
    const row = this.free.pop() ?? this.rows++;
    if (this.rows * ROW_DOUBLES > this.f64.length) {
      const grown = new Float64Array(2 * this.f64.length);
      grown.set(this.f64);
      this.f64 = grown;
      this.i32 = new Int32Array(grown.buffer);
    }
    this.f64.fill(0, row * ROW_DOUBLES, (row + 1) * ROW_DOUBLES);
    return row;
  }

  /** Gives the row of a pod that is gone back. */
  release(row: number): void {
    this.free.push(row);
  }
}
