import { Fifo } from '../kernel/fifo.js';
import type { EventHandle } from '../kernel/simulation.js';
import type { Time } from '../kernel/time.js';
import { NONE, StepError } from '../raft/index.js';
import { Command } from './command.js';
import type { Call } from './connection.js';
import { EtcdError } from './errors.js';
import type { Member } from './member.js';
import { MEMBER_OPCODE } from './opcodes.js';
import { type MemberRequest, Operation, OperationKind } from './operation.js';
import type { EtcdRequest } from './types.js';

/** A member refuses proposals when this many committed entries are not applied (v3_server.go). */
export const MAX_GAP_BETWEEN_APPLY_AND_COMMIT_INDEX = 5000;
/** --max-request-bytes: 1.5 MiB. */
export const MAX_REQUEST_BYTES = 1.5 * 1024 * 1024;

/** The proposals of one member, from the client's request to the answer after the apply, with their timeout. */
export class Proposals {
  private readonly member: Member;
  /** In order of start, hence of deadline. */
  private readonly order = new Fifo<Command>();
  /** Waiting for a leader: etcd's node takes no proposals while it knows none. */
  private readonly leaderless = new Fifo<Command>();
  private timer: EventHandle = 0;

  constructor(member: Member) {
    this.member = member;
  }

  /** Checks a client's write and proposes it. */
  submit(call: Call): void {
    const { member } = this;
    const { operation } = call;
    if (!member.store.hasRoomFor(operation)) {
      this.raiseNoSpace();
      member.requests.refuse(call, EtcdError.NoSpace);
    } else if (member.loop.committedIndex > member.applier.appliedIndex + MAX_GAP_BETWEEN_APPLY_AND_COMMIT_INDEX) {
      member.requests.refuse(call, EtcdError.TooManyRequests);
    } else if (operation.bytes > MAX_REQUEST_BYTES) {
      member.requests.refuse(call, EtcdError.RequestTooLarge);
    } else {
      this.enter(operation, call);
    }
  }

  /** Proposes a request of the member itself. */
  submitOwn(request: EtcdRequest | MemberRequest): void {
    this.enter(new Operation(request), null);
  }

  /** A leader is known: what waited for one, and still does, is proposed. */
  leaderKnown(): void {
    for (let left = this.leaderless.length; left > 0; left--) {
      const command = this.leaderless.shift()!;
      if (!command.done) this.propose(command);
    }
  }

  /** The call that waits for a command of this member's present life; null when it is answered or was the member's own. */
  take(command: Command): Call | null {
    if (command.incarnation !== this.member.incarnation || command.done) return null;
    const call = this.finish(command);
    if (call !== null) {
      this.member.sample.puts++;
      this.member.sample.commit.observe(this.member.simulation.now - command.start);
    }
    while (this.order.length > 0 && this.order.at(0).done) this.order.shift();
    return call;
  }

  /** The oldest proposals have timed out. */
  timeout(): void {
    const { member } = this;
    this.timer = 0;
    const { now } = member.simulation;
    while (this.order.length > 0) {
      const front = this.order.at(0);
      if (!front.done) {
        if (front.start + member.requestTimeout > now) break;
        const call = this.finish(front);
        member.metrics.serverProposalsFailedTotal++;
        if (call !== null) member.requests.refuse(call, this.timeoutText(front.start));
        else if (front.operation.kind === OperationKind.LeaseRevoke) member.leases.revokeFailed();
      }
      this.order.shift();
    }
    this.arm();
  }

  /** Forgets everything, as a crash does. */
  clear(): void {
    this.order.clear();
    this.leaderless.clear();
    this.member.simulation.cancel(this.timer);
    this.timer = 0;
  }

  private enter(operation: Operation, call: Call | null): void {
    const { member } = this;
    const command = new Command(operation, member.index, member.incarnation, member.simulation.now, call);
    member.metrics.serverProposalsPending++;
    this.order.push(command);
    if (this.timer === 0) this.arm();
    this.propose(command);
  }

  private propose(command: Command): void {
    const { member } = this;
    if (member.node.lead === NONE) {
      this.leaderless.push(command);
      return;
    }
    if (member.node.propose(command, command.operation.bytes) === StepError.None) return;
    if (command.operation.kind === OperationKind.Publish) {
      this.leaderless.push(command);
      return;
    }
    const call = this.finish(command);
    member.metrics.serverProposalsFailedTotal++;
    if (call !== null) member.requests.refuse(call, EtcdError.ProposalDropped);
    else if (command.operation.kind === OperationKind.LeaseRevoke) member.leases.revokeFailed();
  }

  private finish(command: Command): Call | null {
    const { call } = command;
    command.done = true;
    command.call = null;
    this.member.metrics.serverProposalsPending--;
    return call;
  }

  private arm(): void {
    if (this.order.length === 0) return;
    const { member } = this;
    this.timer = member.simulation.scheduleAt(
      Math.max(this.order.at(0).start + member.requestTimeout, member.simulation.now),
      member.target,
      MEMBER_OPCODE.ProposalTimeout,
      member.incarnation,
    );
  }

  /** As etcd's parseProposeCtxErr: what most likely was the reason. */
  private timeoutText(start: Time): string {
    const { member } = this;
    const { leaderElectedAt } = member.loop;
    if (start > leaderElectedAt - 2 * member.electionTimeout && start < leaderElectedAt)
      return EtcdError.TimeoutLeaderFailure;
    const { lead } = member.node;
    if (lead === NONE) return EtcdError.Timeout;
    const connected =
      lead === member.node.id
        ? member.peers.quorumSince(member, start)
        : member.peers.connectedSince(member, lead, start);
    return connected ? EtcdError.Timeout : EtcdError.TimeoutConnectionLost;
  }

  private raiseNoSpace(): void {
    if (this.member.noSpaceRaised) return;
    this.member.noSpaceRaised = true;
    this.submitOwn({ op: 'alarm', alarm: 'NOSPACE', active: true });
  }
}
