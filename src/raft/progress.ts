import { Inflights } from './inflights.js';
import type { ProgressView } from './types.js';

/** How a leader replicates to a peer: one message at a time, optimistically in a window, or waiting for a snapshot to arrive. */
export const ProgressState = { Probe: 0, Replicate: 1, Snapshot: 2 } as const;

/** What a leader knows about one peer. Invariant: match < next. */
export class Progress implements ProgressView {
  /** Highest index known to be in the peer's durable log. */
  match = 0;
  /** Next index to send; what lies between is in flight. */
  next: number;
  state: number = ProgressState.Probe;
  /** In state Snapshot: the index of the snapshot sent. */
  pendingSnapshot = 0;
  /** The peer was heard from since the last quorum check. */
  recentActive = false;
  /** Appends are held back until an answer or a heartbeat's answer comes. */
  appendPaused = false;
  /** Highest commit index sent; not above next - 1, since the peer cannot use more. */
  private sentCommit = 0;
  readonly inflights: Inflights;
  isLearner: boolean;

  constructor(next: number, isLearner: boolean, maxInflight: number, maxInflightBytes: number) {
    this.next = next;
    this.isLearner = isLearner;
    this.inflights = new Inflights(maxInflight, maxInflightBytes);
  }

  /** As new, for a leader whose log ends before `next`. */
  reset(match: number, next: number): void {
    this.match = match;
    this.next = next;
    this.recentActive = false;
    this.sentCommit = 0;
    this.enter(ProgressState.Probe);
  }

  private enter(state: number): void {
    this.appendPaused = false;
    this.pendingSnapshot = 0;
    this.state = state;
    this.inflights.reset();
  }

  becomeProbe(): void {
    // After a snapshot the peer is taken to have it, even though it has not said so.
    const from = this.state === ProgressState.Snapshot ? Math.max(this.match, this.pendingSnapshot) : this.match;
    this.enter(ProgressState.Probe);
    this.next = from + 1;
    this.limitSentCommit();
  }

  becomeReplicate(): void {
    this.enter(ProgressState.Replicate);
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.enter(ProgressState.Snapshot);
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.sentCommit = index;
  }

  /** An append with this many entries and payload bytes was sent. */
  sentEntries(count: number, bytes: number): void {
    if (this.state === ProgressState.Replicate) {
      if (count > 0) {
        this.next += count;
        this.inflights.add(this.next - 1, bytes);
      }
      // A full window lets one empty append pass after each heartbeat answer, so that lost messages are noticed.
      this.appendPaused = this.inflights.isFull();
    } else if (this.state === ProgressState.Probe) {
      if (count > 0) this.appendPaused = true;
    } else {
      throw new RangeError('an append was sent to a peer that waits for a snapshot');
    }
  }

  setSentCommit(index: number): void {
    this.sentCommit = index;
  }

  /** Whether sending this commit index would tell the peer something new. */
  canBumpCommit(index: number): boolean {
    return index > this.sentCommit && this.sentCommit < this.next - 1;
  }

  private limitSentCommit(): void {
    if (this.sentCommit > this.next - 1) this.sentCommit = this.next - 1;
  }

  /** The peer acknowledged up to `index`. False: old news. */
  maybeUpdate(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    if (this.next <= index) this.next = index + 1;
    this.appendPaused = false;
    return true;
  }

  /** The peer refused an append after `rejected` and suggests `hint`. False: a stale refusal. */
  maybeDecrease(rejected: number, hint: number): boolean {
    if (this.state === ProgressState.Replicate) {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      this.limitSentCommit();
      return true;
    }
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
    this.limitSentCommit();
    this.appendPaused = false;
    return true;
  }

  get inflightCount(): number {
    return this.inflights.count;
  }

  isPaused(): boolean {
    return this.state === ProgressState.Snapshot || this.appendPaused;
  }
}
