import { appended, emptyQueue, makeMessage } from './messages.js';
import type { Raft } from './raft.js';
import { entriesSize } from './sizes.js';
import { step } from './step.js';
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type Entry,
  type HardState,
  type Message,
  MessageType,
  NO_MESSAGES,
  type ReadState,
  type Ready,
  type Snapshot,
  type SoftState,
} from './types.js';

const NO_READ_STATES: readonly ReadState[] = Object.freeze([]) as readonly ReadState[];

/** A Ready that is filled again for each turn. */
interface ReusedReady {
  softState: SoftState | null;
  hardState: HardState | null;
  readStates: readonly ReadState[];
  entries: readonly Entry[];
  snapshot: Snapshot | null;
  committedEntries: readonly Entry[];
  messages: Message[];
  mustSync: boolean;
}

/** What the application was told last, and what its next `advance` will tell the node. */
export class ReadyState {
  readonly asyncWrites: boolean;
  term: number;
  vote: number;
  commit: number;
  lead: number;
  role: number;
  /** The two messages that nearly every advance steps, made once: nobody keeps them. */
  readonly written: Message;
  readonly applied: Message;
  private readonly steps: Message[] = [];
  /** The Ready and the queue of messages that are used again, in turn with raft's. */
  private readonly reused: ReusedReady | null;
  private queue: Message[] = [];

  constructor(raft: Raft, asyncWrites: boolean) {
    this.asyncWrites = asyncWrites;
    this.written = makeMessage(MessageType.StorageAppendResp, raft.id);
    this.applied = makeMessage(MessageType.StorageApplyResp, raft.id);
    this.term = raft.term;
    this.vote = raft.vote;
    this.commit = raft.log.committed;
    this.lead = raft.lead;
    this.role = raft.role;
    this.reused = raft.reuses
      ? { softState: null, hardState: null, readStates: NO_READ_STATES, entries: [], snapshot: null, committedEntries: [], messages: [], mustSync: false }
      : null;
  }

  /** A Ready of these parts: a new one where the application may keep the one before. */
  fill(
    softState: SoftState | null,
    hardState: HardState | null,
    readStates: readonly ReadState[],
    entries: readonly Entry[],
    snapshot: Snapshot | null,
    committedEntries: readonly Entry[],
    messages: Message[],
    mustSync: boolean,
  ): Ready {
    const { reused } = this;
    if (reused === null) return { softState, hardState, readStates, entries, snapshot, committedEntries, messages, mustSync };
    reused.softState = softState;
    reused.hardState = hardState;
    reused.readStates = readStates;
    reused.entries = entries;
    reused.snapshot = snapshot;
    reused.committedEntries = committedEntries;
    reused.messages = messages;
    reused.mustSync = mustSync;
    return reused;
  }

  /** The queue that raft fills from now on, since a Ready has taken `taken`. */
  nextQueue(taken: Message[]): Message[] {
    if (this.reused === null) return [];
    const { queue } = this;
    this.queue = taken;
    return queue;
  }

  /** Makes the next Ready contain the hard state whatever it is. */
  forgetHardState(): void {
    this.term = 0;
    this.vote = 0;
    this.commit = 0;
  }

  /** Messages to the node itself that come true when the application has done its part: none is left, and they may be filled in. */
  expect(): Message[] {
    if (this.steps.length > 0) throw new RangeError('a second Ready was taken before advance');
    return this.steps;
  }

  /** Steps what has come true; the last Ready is not read any more. */
  advance(raft: Raft): void {
    if (this.asyncWrites) throw new RangeError('advance is not for asynchronous storage writes');
    const { steps } = this;
    if (this.reused !== null) emptyQueue(this.queue);
    for (let i = 0; i < steps.length; i++) {
      step(raft, steps[i]!);
      raft.release(steps[i]!);
    }
    emptyQueue(steps);
  }

  softChanged(raft: Raft): boolean {
    return this.lead !== raft.lead || this.role !== raft.role;
  }

  hardChanged(raft: Raft): boolean {
    return this.term !== raft.term || this.vote !== raft.vote || this.commit !== raft.log.committed;
  }
}

export function hasReady(raft: Raft, handed: ReadyState): boolean {
  const { log } = raft;
  return (
    raft.messages.length > 0 ||
    raft.messagesAfterAppend.length > 0 ||
    handed.softChanged(raft) ||
    handed.hardChanged(raft) ||
    log.unstable.hasNextEntries() ||
    log.hasNextCommitted(!handed.asyncWrites) ||
    raft.readStates.length > 0 ||
    log.unstable.nextSnapshot() !== null
  );
}

/** Everything there is to do; takes over the queued messages. */
export function makeReady(raft: Raft, handed: ReadyState): Ready {
  const { log } = raft;
  const entries = log.unstable.nextEntries();
  const committedEntries = log.nextCommitted(!handed.asyncWrites);
  const softState: SoftState | null = handed.softChanged(raft) ? { lead: raft.lead, role: raft.role } : null;
  const hardState: HardState | null = handed.hardChanged(raft)
    ? { term: raft.term, vote: raft.vote, commit: log.committed }
    : null;
  const snapshot = log.unstable.nextSnapshot();
  const mustSync = entries.length > 0 || handed.term !== raft.term || handed.vote !== raft.vote;
  const readStates = raft.readStates.length > 0 ? raft.readStates : NO_READ_STATES;
  let { messages } = raft;
  if (!handed.asyncWrites) {
    const later = raft.messagesAfterAppend;
    for (let i = 0; i < later.length; i++) {
      if (later[i]!.to === raft.id) continue;
      if (raft.reuses) messages.push(later[i]!);
      else messages = appended(messages, later[i]!);
    }
  }
  const ready = handed.fill(softState, hardState, readStates, entries, snapshot, committedEntries, messages, mustSync);
  if (handed.asyncWrites) {
    if (entries.length > 0 || hardState !== null || snapshot !== null || raft.messagesAfterAppend.length > 0) {
      messages.push(storageAppend(raft, ready));
    }
    if (committedEntries.length > 0) messages.push(storageApply(raft, committedEntries));
  }
  return ready;
}

/** The application has it: what was handed out is in progress. */
export function acceptReady(raft: Raft, handed: ReadyState, ready: Ready): void {
  const { log } = raft;
  if (ready.softState !== null) {
    handed.lead = ready.softState.lead;
    handed.role = ready.softState.role;
  }
  if (ready.hardState !== null) {
    handed.term = ready.hardState.term;
    handed.vote = ready.hardState.vote;
    handed.commit = ready.hardState.commit;
  }
  if (ready.readStates.length > 0) raft.readStates = [];
  if (!handed.asyncWrites) stepsOnAdvance(raft, handed, ready);
  raft.messages = handed.nextQueue(ready.messages as Message[]);
  raft.clearAfterAppend();
  log.unstable.acceptInProgress();
  const { committedEntries } = ready;
  if (committedEntries.length > 0) {
    const last = committedEntries[committedEntries.length - 1]!.index;
    log.acceptApplying(last, entriesSize(committedEntries), !handed.asyncWrites);
  }
}

function stepsOnAdvance(raft: Raft, handed: ReadyState, ready: Ready): void {
  const steps = handed.expect();
  const later = raft.messagesAfterAppend;
  for (let i = 0; i < later.length; i++) {
    if (later[i]!.to === raft.id) steps.push(later[i]!);
  }
  if (needsAppendResponse(raft, ready)) steps.push(storageAppendResponse(raft, ready, handed.written));
  if (ready.committedEntries.length > 0) steps.push(storageApplyResponse(ready.committedEntries, handed.applied));
}

function needsAppendResponse(raft: Raft, ready: Ready): boolean {
  return raft.log.unstable.entries.length > 0 || ready.snapshot !== null;
}

/** Says what became durable; everything unstable at this moment is, since writes are done in order. */
function storageAppendResponse(raft: Raft, ready: Ready, message: Message): Message {
  message.from = APPEND_THREAD;
  // The term guards against an answer that arrives when the same index has been overwritten twice (A, B, A).
  message.term = raft.term;
  const unstable = raft.log.unstable.entries.length > 0;
  message.index = unstable ? raft.log.lastIndex() : 0;
  message.logTerm = unstable ? raft.log.lastTerm() : 0;
  message.snapshot = ready.snapshot;
  return message;
}

function storageAppend(raft: Raft, ready: Ready): Message {
  const message = makeMessage(MessageType.StorageAppend, APPEND_THREAD);
  message.from = raft.id;
  message.entries = ready.entries;
  if (ready.hardState !== null) {
    message.term = ready.hardState.term;
    message.vote = ready.hardState.vote;
    message.commit = ready.hardState.commit;
  }
  message.snapshot = ready.snapshot;
  let responses: readonly Message[] = raft.messagesAfterAppend;
  if (needsAppendResponse(raft, ready)) responses = [...responses, storageAppendResponse(raft, ready, makeMessage(MessageType.StorageAppendResp, raft.id))];
  message.responses = responses.length > 0 ? responses : NO_MESSAGES;
  return message;
}

function storageApply(raft: Raft, entries: readonly Entry[]): Message {
  const message = makeMessage(MessageType.StorageApply, APPLY_THREAD);
  message.from = raft.id;
  message.entries = entries;
  message.responses = [storageApplyResponse(entries, makeMessage(MessageType.StorageApplyResp, raft.id))];
  return message;
}

function storageApplyResponse(entries: readonly Entry[], message: Message): Message {
  message.from = APPLY_THREAD;
  message.entries = entries;
  return message;
}
