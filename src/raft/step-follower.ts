import { Campaign, startElection } from './election.js';
import { restoreSnapshot } from './membership.js';
import { makeMessage, readdressed } from './messages.js';
import type { Raft } from './raft.js';
import { type Message, MessageType, NONE, type Snapshot, StepError } from './types.js';

/** What a follower (or learner) does with a message of its own term. */
export function stepFollower(raft: Raft, message: Message): number {
  switch (message.type) {
    case MessageType.Prop:
      if (raft.lead === NONE || !raft.forwardsProposals) return StepError.ProposalDropped;
      raft.send(readdressed(message, raft.lead));
      break;
    case MessageType.App:
      heardFrom(raft, message.from);
      handleAppend(raft, message);
      break;
    case MessageType.Heartbeat:
      heardFrom(raft, message.from);
      handleHeartbeat(raft, message);
      break;
    case MessageType.Snap:
      heardFrom(raft, message.from);
      handleSnapshot(raft, message);
      break;
    case MessageType.TransferLeader:
    case MessageType.ReadIndex:
      if (raft.lead !== NONE) raft.send(readdressed(message, raft.lead));
      break;
    case MessageType.ForgetLeader:
      // A lease promises not to vote for a while, which forgetting would break.
      if (!raft.leaseReads) raft.lead = NONE;
      break;
    case MessageType.TimeoutNow:
      // No pre-vote: this is no recovery from a partition, the leader asks for it.
      startElection(raft, Campaign.Transfer);
      break;
    case MessageType.ReadIndexResp:
      raft.readStates.push({ index: message.index, context: message.context });
      break;
    default:
  }
  return StepError.None;
}

function heardFrom(raft: Raft, leader: number): void {
  raft.electionElapsed = 0;
  raft.lead = leader;
}

export function handleAppend(raft: Raft, message: Message): void {
  const { log } = raft;
  if (message.index < log.committed) {
    acknowledge(raft, message.from, log.committed);
    return;
  }
  const last = log.maybeAppend(message.logTerm, message.index, message.entries, message.commit);
  if (last >= 0) {
    acknowledge(raft, message.from, last);
    return;
  }
  const response = raft.message(MessageType.AppResp, message.from);
  // The hint: where the logs may still agree, given that terms never decrease within a log.
  const end = log.lastIndex();
  response.index = message.index;
  response.reject = true;
  response.rejectHint = log.findConflictByTerm(Math.min(message.index, end), message.logTerm);
  response.logTerm = log.hintTerm;
  raft.send(response);
}

function acknowledge(raft: Raft, to: number, index: number): void {
  const before = raft.lastAcknowledgement(to);
  if (before !== null) {
    before.index = index;
    return;
  }
  const response = raft.message(MessageType.AppResp, to);
  response.index = index;
  raft.send(response);
}

export function handleHeartbeat(raft: Raft, message: Message): void {
  raft.log.commitTo(message.commit);
  const response = makeMessage(MessageType.HeartbeatResp, message.from);
  response.context = message.context;
  raft.send(response);
}

export function handleSnapshot(raft: Raft, message: Message): void {
  const snapshot: Snapshot | null = message.snapshot;
  const restored = snapshot !== null && restoreSnapshot(raft, snapshot);
  const response = raft.message(MessageType.AppResp, message.from);
  response.index = restored ? raft.log.lastIndex() : raft.log.committed;
  raft.send(response);
}
