import type { Message } from './types.js';

/** A read request waiting for a quorum of heartbeat answers. */
interface PendingRead {
  readonly request: Message;
  /** Commit index when the request came: what the read must see. */
  readonly index: number;
  readonly acks: Map<number, boolean>;
}

const NO_ACKS: ReadonlyMap<number, boolean> = new Map();
const NO_READS: readonly PendingRead[] = [];

/** Reads that a leader confirms by a heartbeat round, in order: a confirmed one confirms those before it. */
export class ReadOnly {
  private readonly pending = new Map<string, PendingRead>();
  private queue: string[] = [];

  /** A request whose context is pending already changes nothing. */
  add(index: number, request: Message): void {
    const { context } = request;
    if (this.pending.has(context)) return;
    this.pending.set(context, { request, index, acks: new Map() });
    this.queue.push(context);
  }

  /** Counts an answer; returns all answers to this context so far. */
  acknowledge(id: number, context: string): ReadonlyMap<number, boolean> {
    const read = this.pending.get(context);
    if (read === undefined) return NO_ACKS;
    read.acks.set(id, true);
    return read.acks;
  }

  /** Takes out the reads up to and including this context; none if it is unknown. */
  advance(context: string): readonly PendingRead[] {
    const position = this.queue.indexOf(context);
    if (position < 0) return NO_READS;
    const confirmed: PendingRead[] = [];
    for (let i = 0; i <= position; i++) {
      confirmed.push(this.pending.get(this.queue[i]!)!);
      this.pending.delete(this.queue[i]!);
    }
    this.queue = this.queue.slice(position + 1);
    return confirmed;
  }

  /** Context of the youngest waiting request, which heartbeats repeat; '' when there is none. */
  lastContext(): string {
    return this.queue.length === 0 ? '' : this.queue[this.queue.length - 1]!;
  }

  clear(): void {
    this.pending.clear();
    if (this.queue.length > 0) this.queue = [];
  }
}
