import { applyChange, restoreChange } from './confchange.js';
import { becomeFollower } from './election.js';
import type { Raft } from './raft.js';
import { broadcastAppend, maybeCommit, maybeSendAppend } from './replication.js';
import { NO_MEMBERSHIP } from './tracker.js';
import { type ConfChange, type ConfState, NONE, Role, type Snapshot } from './types.js';

/** Applies a committed change and acts on the new membership. Throws RangeError when the change is not allowed. */
export function applyConfChange(raft: Raft, change: ConfChange): ConfState {
  const { membership, members } = applyChange(raft.tracker, raft.log.lastIndex(), change);
  raft.tracker.install(membership, members);
  membershipChanged(raft);
  return raft.tracker.confState();
}

function membershipChanged(raft: Raft): void {
  const { tracker } = raft;
  const own = tracker.progress(raft.id);
  raft.isLearner = own?.isLearner ?? false;
  if ((own === undefined || raft.isLearner) && raft.role === Role.Leader) {
    // Removed or demoted: the leader goes on until someone else takes over, unless told to step down.
    if (raft.stepDownOnRemoval) becomeFollower(raft, raft.term, NONE);
    return;
  }
  if (raft.role !== Role.Leader || tracker.membership.voters.length === 0) return;
  if (maybeCommit(raft)) {
    // A smaller quorum may have committed more.
    broadcastAppend(raft);
  } else {
    // New members need not wait for the next heartbeat.
    const { ids, list } = tracker;
    for (let i = 0; i < ids.length; i++) {
      if (ids[i] !== raft.id) maybeSendAppend(raft, ids[i]!, list[i]!, false);
    }
  }
  if (raft.leadTransferee !== NONE && !tracker.voterIds.includes(raft.leadTransferee)) raft.leadTransferee = NONE;
}

/** Replaces log and membership by a snapshot. False: it is of no use here. */
export function restoreSnapshot(raft: Raft, snapshot: Snapshot): boolean {
  if (snapshot.index <= raft.log.committed) return false;
  if (raft.role !== Role.Follower) {
    becomeFollower(raft, raft.term + 1, NONE);
    return false;
  }
  const { voters, learners, votersOutgoing } = snapshot.confState;
  if (!voters.includes(raft.id) && !learners.includes(raft.id) && !votersOutgoing.includes(raft.id)) return false;
  if (raft.log.matchTerm(snapshot.term, snapshot.index)) {
    // The log has it all: only the commit is news.
    raft.log.commitTo(snapshot.index);
    return false;
  }
  raft.log.restore(snapshot);
  raft.tracker.install(NO_MEMBERSHIP, new Map());
  raft.tracker.resetVotes();
  restoreChange(raft.tracker, raft.log.lastIndex(), snapshot.confState);
  membershipChanged(raft);
  return true;
}
