import { becomeFollower, becomeLeader, Campaign, campaign } from './election.js';
import { VoteResult } from './quorum.js';
import type { Raft } from './raft.js';
import { broadcastAppend } from './replication.js';
import { handleAppend, handleHeartbeat, handleSnapshot } from './step-follower.js';
import { type Message, MessageType, NONE, Role, StepError } from './types.js';

/** What a candidate or pre-candidate does with a message of its own term. */
export function stepCandidate(raft: Raft, message: Message): number {
  switch (message.type) {
    case MessageType.Prop:
      return StepError.ProposalDropped;
    case MessageType.App:
      becomeFollower(raft, message.term, message.from);
      handleAppend(raft, message);
      break;
    case MessageType.Heartbeat:
      becomeFollower(raft, message.term, message.from);
      handleHeartbeat(raft, message);
      break;
    case MessageType.Snap:
      becomeFollower(raft, message.term, message.from);
      handleSnapshot(raft, message);
      break;
    case MessageType.VoteResp:
      if (raft.role === Role.Candidate) count(raft, message);
      break;
    case MessageType.PreVoteResp:
      if (raft.role === Role.PreCandidate) count(raft, message);
      break;
    default:
  }
  return StepError.None;
}

function count(raft: Raft, message: Message): void {
  raft.tracker.recordVote(message.from, !message.reject);
  const result = raft.tracker.tally();
  if (result === VoteResult.Won) {
    if (raft.role === Role.PreCandidate) {
      campaign(raft, Campaign.Election);
    } else {
      becomeLeader(raft);
      broadcastAppend(raft);
    }
  } else if (result === VoteResult.Lost) {
    // A pre-vote's answer names a future term: stay in the own one.
    becomeFollower(raft, raft.term, NONE);
  }
}
