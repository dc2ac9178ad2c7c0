import type { EventHandle } from '../kernel/simulation.js';
import type { Time } from '../kernel/time.js';
import { MILLISECOND } from '../kernel/time.js';
import { NONE } from '../raft/index.js';
import type { Call } from './connection.js';
import { EtcdError } from './errors.js';
import type { Member } from './member.js';
import { MEMBER_OPCODE } from './opcodes.js';

/** A read index that is not answered is asked for again after this long (v3_server.go, readIndexRetryTime). */
const READ_INDEX_RETRY = 500 * MILLISECOND;

/**
 * Linearizable reads: one loop asks the leader for a read index at a time; all reads that come meanwhile share the next round.
 */
export class ReadLoop {
  private readonly member: Member;
  /** Reads that wait for the next round. */
  private waiting: Call[] = [];
  /** Reads of the round in flight. */
  private round: Call[] = [];
  private context = '';
  private rounds = 0;
  private roundStart: Time = 0;
  private retry: EventHandle = 0;
  /** Reads whose index is known and not yet applied, by ascending index. */
  private confirmed: { readonly index: number; readonly calls: readonly Call[] }[] = [];

  constructor(member: Member) {
    this.member = member;
  }

  /** Reads that wait for an index or for its apply. */
  get busy(): boolean {
    return this.confirmed.length > 0;
  }

  submit(call: Call): void {
    this.waiting.push(call);
    if (this.context === '') this.start();
  }

  /** The leader confirmed that everything committed before the round is at or below `index`. */
  readState(context: string, index: number): void {
    if (context !== this.context) return;
    const calls = this.round;
    this.end();
    if (index <= this.member.applier.appliedIndex) this.serve(calls);
    else this.confirmed.push({ index, calls });
    if (this.waiting.length > 0) this.start();
  }

  /** Serves the reads whose index is applied. */
  applied(index: number): void {
    let served = 0;
    while (served < this.confirmed.length && this.confirmed[served]!.index <= index)
      this.serve(this.confirmed[served++]!.calls);
    if (served > 0) this.confirmed.splice(0, served);
  }

  /** The leader changed: the reads of the round fail with an error that clients retry. */
  leaderChanged(): void {
    if (this.context === '') return;
    this.fail(EtcdError.LeaderChanged);
  }

  /** The first entry of the leader's term is committed: a leader that had to postpone the round can serve it now. */
  firstCommitInTerm(): void {
    if (this.context !== '') this.ask();
  }

  /** The retry timer fired. */
  retryTimer(): void {
    this.retry = 0;
    const { member } = this;
    if (this.context === '') return;
    if (member.simulation.now - this.roundStart >= member.requestTimeout) {
      this.fail(EtcdError.Timeout);
      return;
    }
    member.metrics.serverSlowReadIndexesTotal++;
    this.ask();
    this.arm();
  }

  clear(): void {
    this.waiting = [];
    this.round = [];
    this.confirmed = [];
    this.context = '';
    this.member.simulation.cancel(this.retry);
    this.retry = 0;
  }

  private start(): void {
    this.round = this.waiting;
    this.waiting = [];
    this.roundStart = this.member.simulation.now;
    this.context = `${this.member.index}.${this.member.incarnation}.${++this.rounds}`;
    this.ask();
    if (this.context !== '') this.arm();
  }

  private ask(): void {
    // A member without a leader drops the request; the retry timer or the new leader brings it up again.
    if (this.member.node.lead !== NONE) this.member.node.readIndex(this.context);
  }

  private arm(): void {
    const { member } = this;
    const left = this.roundStart + member.requestTimeout - member.simulation.now;
    this.retry = member.simulation.schedule(
      Math.min(READ_INDEX_RETRY, left),
      member.target,
      MEMBER_OPCODE.ReadRetry,
      member.incarnation,
    );
  }

  private end(): void {
    this.context = '';
    this.round = [];
    this.member.simulation.cancel(this.retry);
    this.retry = 0;
  }

  private fail(error: string): void {
    const calls = this.round;
    this.end();
    this.member.metrics.serverReadIndexesFailedTotal++;
    for (const call of calls) this.member.requests.refuse(call, error);
    if (this.waiting.length > 0) this.start();
  }

  private serve(calls: readonly Call[]): void {
    for (const call of calls) this.member.requests.serveRange(call);
  }
}
