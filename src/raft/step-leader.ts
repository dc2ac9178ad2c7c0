import { becomeFollower } from './election.js';
import { makeMessage } from './messages.js';
import { type Progress, ProgressState } from './progress.js';
import { VoteResult } from './quorum.js';
import type { Raft } from './raft.js';
import {
  answerRead,
  appendEntries,
  broadcastAppend,
  broadcastHeartbeat,
  confirmRead,
  maybeCommit,
  maybeSendAppend,
  releasePendingReads,
  sendAppend,
} from './replication.js';
import { type ConfChange, type Entry, EntryType, type Message, MessageType, NONE, StepError } from './types.js';

/** What a leader does with a message of its own term. */
export function stepLeader(raft: Raft, message: Message): number {
  switch (message.type) {
    case MessageType.Beat:
      broadcastHeartbeat(raft, raft.readOnly.lastContext());
      return StepError.None;
    case MessageType.CheckQuorum:
      checkQuorum(raft);
      return StepError.None;
    case MessageType.Prop:
      return propose(raft, message.entries as Entry[]);
    case MessageType.ReadIndex:
      if (raft.tracker.isSingleton()) answerRead(raft, message, raft.log.committed);
      else if (raft.committedInTerm()) confirmRead(raft, message);
      else raft.pendingReads.push(message);
      return StepError.None;
    case MessageType.ForgetLeader:
      return StepError.None;
    default:
  }
  const progress = raft.tracker.progress(message.from);
  if (progress === undefined) return StepError.None;
  switch (message.type) {
    case MessageType.AppResp:
      progress.recentActive = true;
      if (message.reject) appendRejected(raft, message, progress);
      else if (message.rejectHint > 0 && message.from === raft.id) ownAccepted(raft, message, progress);
      else appendAccepted(raft, message, progress);
      break;
    case MessageType.HeartbeatResp:
      heartbeatAnswered(raft, message, progress);
      break;
    case MessageType.SnapStatus:
      snapshotReported(message, progress);
      break;
    case MessageType.Unreachable:
      // Probably lost messages: stop sending optimistically.
      if (progress.state === ProgressState.Replicate) progress.becomeProbe();
      break;
    case MessageType.TransferLeader:
      transferLeader(raft, message.from, progress);
      break;
    default:
  }
  return StepError.None;
}

function checkQuorum(raft: Raft): void {
  const { ids, list } = raft.tracker;
  if (!raft.tracker.quorumActive()) becomeFollower(raft, raft.term, NONE);
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] !== raft.id) list[i]!.recentActive = false;
  }
}

/** A leader's proposal. */
export function propose(raft: Raft, entries: Entry[]): number {
  if (entries.length === 0) throw new RangeError('a proposal without entries');
  // Removed from the membership while leading, or about to hand over: take nothing more.
  if (raft.tracker.progress(raft.id) === undefined || raft.leadTransferee !== NONE) return StepError.ProposalDropped;
  for (let i = 0; i < entries.length; i++) {
    if (entries[i]!.type !== EntryType.Normal) checkConfChange(raft, entries[i]!, i);
  }
  if (!appendEntries(raft, entries)) return StepError.ProposalDropped;
  broadcastAppend(raft);
  return StepError.None;
}

/** One change at a time, and in a joint configuration only leaving it: what is refused becomes an empty entry. */
function checkConfChange(raft: Raft, entry: Entry, position: number): void {
  const change = entry.data as ConfChange | null;
  const pending = raft.pendingConfIndex > raft.log.applied;
  const leaves = entry.type === EntryType.ConfChangeV2 && (change === null || change.changes.length === 0);
  if ((pending || raft.tracker.isJoint() !== leaves) && raft.validatesConfChanges) {
    entry.type = EntryType.Normal;
    entry.data = null;
    entry.dataLength = -1;
  } else {
    raft.pendingConfIndex = raft.log.lastIndex() + position + 1;
  }
}

function appendRejected(raft: Raft, message: Message, progress: Progress): void {
  let hint = message.rejectHint;
  // Entries of later terms than the follower's cannot match there: skip them without asking.
  if (message.logTerm > 0) hint = raft.log.findConflictByTerm(message.rejectHint, message.logTerm);
  if (!progress.maybeDecrease(message.index, hint)) return;
  if (progress.state === ProgressState.Replicate) progress.becomeProbe();
  sendAppend(raft, message.from, progress);
}

/** Several entries of the leader's own are durable: as if each had been acknowledged by itself. */
function ownAccepted(raft: Raft, message: Message, progress: Progress): void {
  const last = message.index;
  for (let index = message.rejectHint; index <= last; index++) {
    message.index = index;
    appendAccepted(raft, message, progress);
  }
}

function appendAccepted(raft: Raft, message: Message, progress: Progress): void {
  const { index, from } = message;
  const probed = progress.match === index && progress.state === ProgressState.Probe;
  if (!progress.maybeUpdate(index) && !probed) return;
  if (progress.state === ProgressState.Probe) {
    progress.becomeReplicate();
  } else if (progress.state === ProgressState.Replicate) {
    progress.inflights.freeTo(index);
  } else if (progress.match + 1 >= raft.log.firstIndex()) {
    // The log reaches down to the follower again, whether or not the snapshot has been reported.
    progress.becomeProbe();
    progress.becomeReplicate();
  }
  if (maybeCommit(raft)) {
    releasePendingReads(raft);
    broadcastAppend(raft);
  } else if (from !== raft.id && progress.canBumpCommit(raft.log.committed)) {
    sendAppend(raft, from, progress);
  }
  if (from !== raft.id) {
    // The window may have room for more than one message now.
    while (maybeSendAppend(raft, from, progress, false));
  }
  if (from === raft.leadTransferee && progress.match === raft.log.lastIndex()) sendTimeoutNow(raft, from);
}

function heartbeatAnswered(raft: Raft, message: Message, progress: Progress): void {
  progress.recentActive = true;
  progress.appendPaused = false;
  if (progress.match < raft.log.lastIndex() || progress.state === ProgressState.Probe) {
    sendAppend(raft, message.from, progress);
  }
  if (raft.leaseReads || message.context === '') return;
  const acks = raft.readOnly.acknowledge(message.from, message.context);
  if (raft.tracker.voteResult(acks) !== VoteResult.Won) return;
  for (const read of raft.readOnly.advance(message.context)) answerRead(raft, read.request, read.index);
}

function snapshotReported(message: Message, progress: Progress): void {
  if (progress.state !== ProgressState.Snapshot) return;
  if (message.reject) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  // Delivered: wait for the follower's answer. Failed: wait for a heartbeat interval before trying again.
  progress.appendPaused = true;
}

function transferLeader(raft: Raft, to: number, progress: Progress): void {
  if (progress.isLearner || raft.leadTransferee === to) return;
  raft.leadTransferee = NONE;
  if (to === raft.id) return;
  raft.electionElapsed = 0;
  raft.leadTransferee = to;
  if (progress.match === raft.log.lastIndex()) sendTimeoutNow(raft, to);
  else sendAppend(raft, to, progress);
}

function sendTimeoutNow(raft: Raft, to: number): void {
  raft.send(makeMessage(MessageType.TimeoutNow, to));
}
