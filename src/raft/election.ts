import { makeMessage } from './messages.js';
import type { Raft } from './raft.js';
import { appendEntries } from './replication.js';
import { CAMPAIGN_TRANSFER, EntryType, MessageType, Role } from './types.js';

/** Why a node campaigns: asking first, for real, or because the leader told it to. */
export const Campaign = { PreElection: 0, Election: 1, Transfer: 2 } as const;

export function becomeFollower(raft: Raft, term: number, lead: number): void {
  raft.reset(term);
  raft.lead = lead;
  raft.role = Role.Follower;
}

function becomeCandidate(raft: Raft): void {
  if (raft.role === Role.Leader) throw new RangeError('a leader cannot become candidate');
  raft.reset(raft.term + 1);
  raft.vote = raft.id;
  raft.role = Role.Candidate;
}

/** Asks whether it could win, without touching term or vote: no reset, so no random draw either. */
function becomePreCandidate(raft: Raft): void {
  if (raft.role === Role.Leader) throw new RangeError('a leader cannot become pre-candidate');
  raft.tracker.resetVotes();
  raft.lead = 0;
  raft.role = Role.PreCandidate;
}

export function becomeLeader(raft: Raft): void {
  if (raft.role === Role.Follower) throw new RangeError('a follower cannot become leader');
  raft.reset(raft.term);
  raft.lead = raft.id;
  raft.role = Role.Leader;
  const own = raft.tracker.progress(raft.id)!;
  own.becomeReplicate();
  own.recentActive = true;
  // A change may be pending anywhere in the tail; waiting for all of it is safe and costs no scan.
  raft.pendingConfIndex = raft.log.lastIndex();
  // An entry of the own term is what makes older entries committable.
  appendEntries(raft, [{ term: 0, index: 0, type: EntryType.Normal, data: null, dataLength: -1 }]);
}

/** Starts an election if this node may: not a leader, a voter, and no committed membership change still unapplied. */
export function startElection(raft: Raft, kind: number): void {
  if (raft.role === Role.Leader || !raft.promotable()) return;
  if (raft.log.applied < raft.log.committed && raft.log.hasUnappliedConfChange()) return;
  campaign(raft, kind);
}

export function campaign(raft: Raft, kind: number): void {
  const pre = kind === Campaign.PreElection;
  if (pre) becomePreCandidate(raft);
  else becomeCandidate(raft);
  const term = pre ? raft.term + 1 : raft.term;
  const lastIndex = raft.log.lastIndex();
  const lastTerm = raft.log.lastTerm();
  for (const id of raft.tracker.voterIds) {
    if (id === raft.id) {
      // The own vote counts once it is durable, like any other.
      const vote = makeMessage(pre ? MessageType.PreVoteResp : MessageType.VoteResp, id);
      vote.term = term;
      raft.send(vote);
      continue;
    }
    const request = makeMessage(pre ? MessageType.PreVote : MessageType.Vote, id);
    request.term = term;
    request.index = lastIndex;
    request.logTerm = lastTerm;
    if (kind === Campaign.Transfer) request.context = CAMPAIGN_TRANSFER;
    raft.send(request);
  }
}
