import type { Message } from '../../../src/raft/index.js';

const PROPOSAL = 2;
const SNAPSHOT = 7;
/** Beyond this many messages the oldest are lost, as in a full buffer. */
const CAPACITY = 400;
const LATE_CAPACITY = 20;

/** Messages on their way, oldest first, and the links between members, each direction by itself. */
export class Network {
  private readonly count: number;
  private flights: Message[] = [];
  /** Copies that went astray and may arrive at any time. */
  private late: Message[] = [];
  /** Closed directions, by (from - 1) * count + (to - 1). */
  private readonly closed: boolean[];

  constructor(count: number) {
    this.count = count;
    this.closed = Array.from({ length: count * count }, () => false);
  }

  get size(): number {
    return this.flights.length;
  }

  send(message: Message): void {
    if (this.flights.length >= CAPACITY) this.flights.shift();
    this.flights.push(message);
  }

  /** Takes out one of the oldest messages; null when there is none. */
  take(position: number): Message | null {
    if (this.flights.length === 0) return null;
    const at = position % this.flights.length;
    const [message] = this.flights.splice(at, 1);
    return message!;
  }

  /** A message arrives twice, soon or late. Not proposals: streams do not repeat them, and they are not idempotent. */
  duplicate(position: number, late: boolean): void {
    if (this.flights.length === 0) return;
    // Snapshots travel on connections of their own, so they are the likeliest to be late.
    const snapshot = late ? this.flights.find(({ type }) => type === SNAPSHOT) : undefined;
    const message = snapshot ?? this.flights[position % this.flights.length]!;
    if (message.type === PROPOSAL) return;
    if (!late) {
      this.send(message);
      return;
    }
    if (this.late.length >= LATE_CAPACITY) this.late.shift();
    this.late.push(message);
  }

  /** Takes out one of the stray copies; null when there is none. */
  takeLate(position: number): Message | null {
    if (this.late.length === 0) return null;
    const [message] = this.late.splice(position % this.late.length, 1);
    return message!;
  }

  isOpen(from: number, to: number): boolean {
    return !this.closed[(from - 1) * this.count + to - 1];
  }

  cut(a: number, b: number): void {
    this.closed[(a % this.count) * this.count + (b % this.count)] = true;
  }

  /** Cuts all links between the members in `mask` and the others. */
  partition(mask: number): void {
    for (let from = 0; from < this.count; from++) {
      for (let to = 0; to < this.count; to++) {
        this.closed[from * this.count + to] = ((mask >> from) & 1) !== ((mask >> to) & 1);
      }
    }
  }

  heal(): void {
    this.closed.fill(false);
  }
}
