import { becomeFollower, Campaign, startElection } from './election.js';
import { makeMessage } from './messages.js';
import type { Raft } from './raft.js';
import { reduceUncommittedSize } from './replication.js';
import { entriesSize, payloadSize } from './sizes.js';
import { stepCandidate } from './step-candidate.js';
import { stepFollower } from './step-follower.js';
import { stepLeader } from './step-leader.js';
import {
  CAMPAIGN_TRANSFER,
  type Entry,
  EntryType,
  type Message,
  MessageType,
  NONE,
  Role,
  type Snapshot,
  StepError,
} from './types.js';

/** Handles one message: first what its term says, then what every role does alike, then what this role does. */
export function step(raft: Raft, message: Message): number {
  const { term, type } = message;
  if (term > raft.term) {
    if (!acceptHigherTerm(raft, message)) return StepError.None;
  } else if (term < raft.term && term !== 0) {
    handleLowerTerm(raft, message);
    return StepError.None;
  }
  switch (type) {
    case MessageType.Hup:
      startElection(raft, raft.preVote ? Campaign.PreElection : Campaign.Election);
      return StepError.None;
    case MessageType.StorageAppendResp:
      if (message.index !== 0) raft.log.unstable.stableTo(message.logTerm, message.index);
      if (message.snapshot !== null) appliedSnapshot(raft, message.snapshot);
      return StepError.None;
    case MessageType.StorageApplyResp:
      appliedEntries(raft, message.entries);
      return StepError.None;
    case MessageType.Vote:
    case MessageType.PreVote:
      answerVote(raft, message);
      return StepError.None;
    default:
  }
  switch (raft.role) {
    case Role.Leader:
      return stepLeader(raft, message);
    case Role.Follower:
      return stepFollower(raft, message);
    default:
      return stepCandidate(raft, message);
  }
}

/** False: the message is ignored. A node that hears from a leader does not let a disruptive candidate raise its term. */
function acceptHigherTerm(raft: Raft, message: Message): boolean {
  const { type } = message;
  if (type === MessageType.Vote || type === MessageType.PreVote) {
    const sticks = raft.checkQuorum && raft.lead !== NONE && raft.electionElapsed < raft.electionTimeout;
    if (sticks && message.context !== CAMPAIGN_TRANSFER) return false;
  }
  // A pre-vote is about a term that nobody has entered yet; a granted one is entered once a quorum grants it.
  if (type === MessageType.PreVote || (type === MessageType.PreVoteResp && !message.reject)) return true;
  const fromLeader = type === MessageType.App || type === MessageType.Heartbeat || type === MessageType.Snap;
  becomeFollower(raft, message.term, fromLeader ? message.from : NONE);
  return true;
}

function handleLowerTerm(raft: Raft, message: Message): void {
  const { type } = message;
  if ((raft.checkQuorum || raft.preVote) && (type === MessageType.Heartbeat || type === MessageType.App)) {
    // A leader of an old term must learn of this one, since votes may not tell it: they are ignored or were only asked for.
    raft.send(raft.message(MessageType.AppResp, message.from));
  } else if (type === MessageType.PreVote) {
    // Dropping it could deadlock a group whose members differ in using pre-votes.
    const response = makeMessage(MessageType.PreVoteResp, message.from);
    response.term = raft.term;
    response.reject = true;
    raft.send(response);
  } else if (type === MessageType.StorageAppendResp && message.snapshot !== null) {
    // Entries written in an older term may have been replaced since; a snapshot holds committed state of no term.
    appliedSnapshot(raft, message.snapshot);
  }
}

/** Votes for a candidate that is up to date, unless this node has voted for another or knows a leader of this term. */
function answerVote(raft: Raft, message: Message): void {
  const { type, from, term } = message;
  const mayVote =
    raft.vote === from ||
    (raft.vote === NONE && raft.lead === NONE) ||
    (type === MessageType.PreVote && term > raft.term);
  const granted = mayVote && raft.log.isUpToDate(message.logTerm, message.index);
  const response = makeMessage(type === MessageType.Vote ? MessageType.VoteResp : MessageType.PreVoteResp, from);
  // Granted in the term asked about, refused in the own one: the candidate may have to catch up.
  response.term = granted ? term : raft.term;
  response.reject = !granted;
  raft.send(response);
  if (granted && type === MessageType.Vote) {
    raft.electionElapsed = 0;
    raft.vote = from;
  }
}

function appliedSnapshot(raft: Raft, snapshot: Snapshot): void {
  raft.log.unstable.stableSnapshotTo(snapshot.index);
  appliedTo(raft, snapshot.index, 0);
}

function appliedEntries(raft: Raft, entries: readonly Entry[]): void {
  if (entries.length === 0) return;
  appliedTo(raft, entries[entries.length - 1]!.index, entriesSize(entries));
  reduceUncommittedSize(raft, payloadSize(entries));
}

function appliedTo(raft: Raft, index: number, size: number): void {
  const applied = Math.max(index, raft.log.applied);
  raft.log.appliedTo(applied, size);
  if (raft.tracker.membership.autoLeave && applied >= raft.pendingConfIndex && raft.role === Role.Leader) {
    // Time to leave the joint configuration. If a leader transfer drops this, the next applied entry tries again.
    const proposal = makeMessage(MessageType.Prop, NONE);
    proposal.entries = [{ term: 0, index: 0, type: EntryType.ConfChangeV2, data: null, dataLength: -1 }];
    step(raft, proposal);
  }
}
