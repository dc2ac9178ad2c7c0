import { makeMessage } from './messages.js';
import { type Progress, ProgressState } from './progress.js';
import type { Raft } from './raft.js';
import { payloadSize } from './sizes.js';
import { type Entry, type Message, MessageType, NO_ENTRIES, NONE } from './types.js';

/** Sends an append to this peer even if it is empty (news of the commit), unless replication to it is paused. */
export function sendAppend(raft: Raft, to: number, progress: Progress): boolean {
  return maybeSendAppend(raft, to, progress, true);
}

/** Sends what the peer lacks, or a snapshot when the log no longer has it. Returns whether something was sent. */
export function maybeSendAppend(raft: Raft, to: number, progress: Progress, evenEmpty: boolean): boolean {
  if (progress.isPaused()) return false;
  const { log } = raft;
  const previous = progress.next - 1;
  // It lacks nothing.
  if (!evenEmpty && previous === log.lastIndex()) return false;
  const previousTerm = log.term(previous);
  if (previousTerm < 0) return sendSnapshot(raft, to, progress);
  let entries: readonly Entry[] = NO_ENTRIES;
  // With a full window only an empty append may leave: its answer or refusal is what reveals that the window was lost.
  if (progress.state !== ProgressState.Replicate || !progress.inflights.isFull()) {
    const found = log.entries(progress.next, raft.maxMessageSize);
    if (typeof found === 'number') return evenEmpty ? sendSnapshot(raft, to, progress) : false;
    entries = found;
  }
  if (entries.length === 0 && !evenEmpty) return false;
  const message = raft.message(MessageType.App, to);
  message.index = previous;
  message.logTerm = previousTerm;
  message.entries = entries;
  message.commit = log.committed;
  raft.send(message);
  progress.sentEntries(entries.length, payloadSize(entries));
  progress.setSentCommit(log.committed);
  return true;
}

/** Nothing is sent to a silent peer: a snapshot is dear. */
function sendSnapshot(raft: Raft, to: number, progress: Progress): boolean {
  if (!progress.recentActive) return false;
  const snapshot = raft.log.snapshot();
  if (snapshot === null) return false;
  if (snapshot.index === 0) throw new RangeError('the log is compacted, but the storage has no snapshot');
  progress.becomeSnapshot(snapshot.index);
  const message = makeMessage(MessageType.Snap, to);
  message.snapshot = snapshot;
  raft.send(message);
  return true;
}

/** Appends to every peer that is not paused, in order of ids. */
export function broadcastAppend(raft: Raft): void {
  const { ids, list } = raft.tracker;
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] !== raft.id) sendAppend(raft, ids[i]!, list[i]!);
  }
}

/** Heartbeats carry no more commit than the peer is known to have the entries of. */
export function broadcastHeartbeat(raft: Raft, context: string): void {
  const { ids, list } = raft.tracker;
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] === raft.id) continue;
    const progress = list[i]!;
    const message = makeMessage(MessageType.Heartbeat, ids[i]!);
    message.commit = Math.min(progress.match, raft.log.committed);
    message.context = context;
    raft.send(message);
    progress.setSentCommit(message.commit);
  }
}

/** A leader's append to its own log. False: the uncommitted tail would exceed its limit. Entries get their term and index here. */
export function appendEntries(raft: Raft, entries: readonly Entry[]): boolean {
  const size = payloadSize(entries);
  const { uncommittedSize } = raft;
  // An empty tail takes any proposal, and empty payloads (new terms, leaving joint configurations) are never refused.
  if (uncommittedSize > 0 && size > 0 && uncommittedSize + size > raft.maxUncommittedSize) return false;
  raft.uncommittedSize = uncommittedSize + size;
  const first = raft.log.lastIndex() + 1;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    entry.term = raft.term;
    entry.index = first + i;
  }
  // The leader acknowledges its own entries like any other member: once they are durable.
  const last = raft.log.append(entries, 0);
  const before = entries.length === 1 ? raft.lastAcknowledgement(raft.id) : null;
  if (before !== null && before.index === last - 1) {
    // One message for all indexes from `rejectHint` on.
    if (before.rejectHint === 0) before.rejectHint = before.index;
    before.index = last;
    return true;
  }
  const message = raft.message(MessageType.AppResp, raft.id);
  message.index = last;
  raft.send(message);
  return true;
}

export function reduceUncommittedSize(raft: Raft, size: number): void {
  raft.uncommittedSize = size > raft.uncommittedSize ? 0 : raft.uncommittedSize - size;
}

/** Advances the commit to what a quorum holds of the leader's own term. */
export function maybeCommit(raft: Raft): boolean {
  return raft.log.maybeCommit(raft.term, raft.tracker.committed());
}

/** Answers a read request: to the application if it was made here, else by a message. */
export function answerRead(raft: Raft, request: Message, index: number): void {
  if (request.from === NONE || request.from === raft.id) {
    raft.readStates.push({ index, context: request.context });
    return;
  }
  const message = makeMessage(MessageType.ReadIndexResp, request.from);
  message.index = index;
  message.context = request.context;
  raft.send(message);
}

/** Confirms leadership for a read by a heartbeat round, or at once under a lease. */
export function confirmRead(raft: Raft, request: Message): void {
  const { committed } = raft.log;
  if (raft.leaseReads) {
    answerRead(raft, request, committed);
    return;
  }
  raft.readOnly.add(committed, request);
  raft.readOnly.acknowledge(raft.id, request.context);
  broadcastHeartbeat(raft, request.context);
}

/** Takes up the reads that waited for the first commit of the term. */
export function releasePendingReads(raft: Raft): void {
  if (raft.pendingReads.length === 0 || !raft.committedInTerm()) return;
  const requests = raft.pendingReads;
  raft.pendingReads = [];
  for (const request of requests) confirmRead(raft, request);
}
