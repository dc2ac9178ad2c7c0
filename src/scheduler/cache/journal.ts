/** What happened to a slot; the kinds for pods carry the shape of the pod. */
export const JournalKind = {
  /** A pod was counted on the node. */
  PodAdded: 0,
  PodRemoved: 1,
  /** The same for a pod that is being deleted. */
  TerminatingPodAdded: 2,
  TerminatingPodRemoved: 3,
  /** A node appeared that holds no pods. */
  NodeAdded: 4,
} as const;

const LIMIT = 1 << 17;

/**
 * The latest changes of the node table, so that counts derived from it (pods per topology domain, say) follow at the cost of
 * the changes. A reader keeps a position; one that fell behind what is kept starts over from the table.
 */
export class Journal {
  /** Position after the last entry. */
  end = 0;
  private start = 0;
  private slots = new Int32Array(1024);
  private shapes = new Int32Array(1024);
  private kinds = new Uint8Array(1024);

  append(slot: number, shape: number, kind: number): void {
    let length = this.end - this.start;
    if (length === LIMIT) {
      const half = LIMIT / 2;
      this.slots.copyWithin(0, half);
      this.shapes.copyWithin(0, half);
      this.kinds.copyWithin(0, half);
      this.start += half;
      length -= half;
    } else if (length === this.slots.length) this.grow();
    this.slots[length] = slot;
    this.shapes[length] = shape;
    this.kinds[length] = kind;
    this.end++;
  }

  /** Whether the entries from a position on are still kept. */
  holds(position: number): boolean {
    return position >= this.start;
  }

  slot(position: number): number {
    return this.slots[position - this.start]!;
  }

  shape(position: number): number {
    return this.shapes[position - this.start]!;
  }

  kind(position: number): number {
    return this.kinds[position - this.start]!;
  }

  private grow(): void {
    const size = this.slots.length * 2;
    const { slots, shapes, kinds } = this;
    this.slots = new Int32Array(size);
    this.slots.set(slots);
    this.shapes = new Int32Array(size);
    this.shapes.set(shapes);
    this.kinds = new Uint8Array(size);
    this.kinds.set(kinds);
  }
}
