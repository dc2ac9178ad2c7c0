import { restoreChange } from './confchange.js';
import { RaftLog } from './log.js';
import { appended, clearMessage, emptyQueue, makeMessage } from './messages.js';
import { ReadOnly } from './read-only.js';
import { Tracker } from './tracker.js';
import {
  type Config,
  type Message,
  MessageType,
  NO_LIMIT,
  NONE,
  type RandomSource,
  type ReadState,
  Role,
} from './types.js';

/** Messages kept to be used again: more than are under way in a busy group. */
const MOST_SPARE = 256;

/** Refuses configurations that etcd's raft refuses. Throws RangeError. */
export function checkConfig(config: Config): void {
  if (!(config.id > 0)) throw new RangeError(`node id ${config.id} is not positive`);
  if (!(config.heartbeatTick > 0)) throw new RangeError('heartbeatTick must be greater than 0');
  if (!(config.electionTick > config.heartbeatTick))
    throw new RangeError('electionTick must be greater than heartbeatTick');
  if (!(config.maxInflightMsgs > 0)) throw new RangeError('maxInflightMsgs must be greater than 0');
  if (config.maxInflightBytes !== 0 && config.maxInflightBytes < config.maxSizePerMsg) {
    throw new RangeError('maxInflightBytes must be at least maxSizePerMsg');
  }
  if (config.maxSizePerMsg === 0 && config.maxCommittedSizePerReady === 0) {
    throw new RangeError('maxCommittedSizePerReady must be given when maxSizePerMsg is 0');
  }
  if (config.readOnlyLeaseBased && !config.checkQuorum) throw new RangeError('readOnlyLeaseBased needs checkQuorum');
}

/**
 * The state of one node. What it does is in functions over it, by concern: replication, elections, membership, and one step function per
 * role. Plain data throughout, so that it can be saved.
 */
export class Raft {
  readonly id: number;
  term = 0;
  vote = NONE;
  role: number = Role.Follower;
  lead = NONE;
  isLearner = false;
  readonly log: RaftLog;
  readonly tracker: Tracker;
  /** Messages that may leave at once. */
  messages: Message[] = [];
  /** Votes and acknowledgements: they leave once everything now unstable is durable. Some are to the node itself. */
  messagesAfterAppend: Message[] = [];
  readStates: ReadState[] = [];
  readonly readOnly = new ReadOnly();
  /** Read requests that wait for the first commit of the term. */
  pendingReads: Message[] = [];
  /** Target of a leader transfer in progress. */
  leadTransferee = NONE;
  /** A configuration change may only be proposed when everything up to this index is applied. */
  pendingConfIndex = 0;
  /** Payload bytes of the leader's proposals that are not yet applied; an estimate. */
  uncommittedSize = 0;
  /** Ticks since the last valid message from a leader; on a leader, since the last quorum check. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  /** electionTimeout plus a random 0..electionTimeout-1, drawn at every reset. */
  randomizedElectionTimeout = 0;
  readonly electionTimeout: number;
  readonly heartbeatTimeout: number;
  readonly maxMessageSize: number;
  readonly maxUncommittedSize: number;
  readonly checkQuorum: boolean;
  readonly preVote: boolean;
  readonly leaseReads: boolean;
  readonly forwardsProposals: boolean;
  readonly validatesConfChanges: boolean;
  readonly stepDownOnRemoval: boolean;
  readonly mergesAcknowledgements: boolean;
  /** Whether messages and their queues are used again. */
  readonly reuses: boolean;
  /** Appends and acknowledgements to be used again, emptied. */
  private readonly spare: Message[] = [];
  private readonly random: RandomSource;

  constructor(config: Config) {
    checkConfig(config);
    const { storage } = config;
    this.id = config.id;
    this.log = new RaftLog(storage, config.maxCommittedSizePerReady || config.maxSizePerMsg);
    this.tracker = new Tracker(config.maxInflightMsgs, config.maxInflightBytes || NO_LIMIT);
    this.electionTimeout = config.electionTick;
    this.heartbeatTimeout = config.heartbeatTick;
    this.maxMessageSize = config.maxSizePerMsg;
    this.maxUncommittedSize = config.maxUncommittedEntriesSize || NO_LIMIT;
    this.checkQuorum = config.checkQuorum;
    this.preVote = config.preVote;
    this.leaseReads = config.readOnlyLeaseBased;
    this.forwardsProposals = !config.disableProposalForwarding;
    this.validatesConfChanges = !config.disableConfChangeValidation;
    this.stepDownOnRemoval = config.stepDownOnRemoval;
    this.mergesAcknowledgements = config.mergeAcknowledgements === true && !config.asyncStorageWrites;
    this.reuses = config.reuse === true && !config.asyncStorageWrites;
    this.random = config.random;
    restoreChange(this.tracker, this.log.lastIndex(), storage.initialConfState());
    this.isLearner = this.tracker.progress(this.id)?.isLearner ?? false;
    this.loadHardState();
    if (config.applied > 0) this.log.appliedTo(config.applied, 0);
    this.reset(this.term);
  }

  private loadHardState(): void {
    const { term, vote, commit } = this.log.storage.initialHardState();
    if (term === 0 && vote === NONE && commit === 0) return;
    if (commit < this.log.committed || commit > this.log.lastIndex()) {
      throw new RangeError(`stored commit ${commit} is outside [${this.log.committed}, ${this.log.lastIndex()}]`);
    }
    this.log.committed = commit;
    this.term = term;
    this.vote = vote;
  }

  /** The common part of every change of role or term. One random draw. */
  reset(term: number): void {
    if (this.term !== term) {
      this.term = term;
      this.vote = NONE;
    }
    this.lead = NONE;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.randomizedElectionTimeout = this.electionTimeout + this.random.next(this.electionTimeout);
    this.leadTransferee = NONE;
    this.tracker.resetVotes();
    const last = this.log.lastIndex();
    const { ids, list } = this.tracker;
    for (let i = 0; i < list.length; i++) list[i]!.reset(ids[i] === this.id ? last : 0, last + 1);
    this.pendingConfIndex = 0;
    this.uncommittedSize = 0;
    this.readOnly.clear();
  }

  /** An append or acknowledgement, empty but for its addressee. */
  message(type: number, to: number): Message {
    const message = this.spare.pop();
    if (message === undefined) return makeMessage(type, to);
    message.type = type;
    message.to = to;
    return message;
  }

  /** Nobody keeps this message any more. */
  release(message: Message): void {
    const { type } = message;
    if (!this.reuses || (type !== MessageType.App && type !== MessageType.AppResp) || this.spare.length >= MOST_SPARE) return;
    clearMessage(message);
    this.spare.push(message);
  }

  /** Takes back what waited for the last Ready: the queue, or a new one where the old one may still be read. */
  clearAfterAppend(): void {
    if (this.reuses) emptyQueue(this.messagesAfterAppend);
    else if (this.messagesAfterAppend.length > 0) this.messagesAfterAppend = [];
  }

  /**
   * Queues a message. Everything but votes (which name the term they are about), proposals and read requests (which are about none)
   * carries the current term.
   */
  send(message: Message): void {
    const { type } = message;
    if (message.from === NONE) message.from = this.id;
    switch (type) {
      case MessageType.Vote:
      case MessageType.PreVote:
      case MessageType.Prop:
      case MessageType.ReadIndex:
        this.leave(message);
        return;
      case MessageType.VoteResp:
      case MessageType.PreVoteResp:
        // Nobody may learn of a vote, or of an acknowledged entry, that a crash could still undo.
        this.leaveLater(message);
        return;
      case MessageType.AppResp:
        message.term = this.term;
        this.leaveLater(message);
        return;
      default:
        message.term = this.term;
        this.leave(message);
    }
  }

  private leave(message: Message): void {
    if (this.reuses) this.messages.push(message);
    else this.messages = appended(this.messages, message);
  }

  private leaveLater(message: Message): void {
    if (this.reuses) this.messagesAfterAppend.push(message);
    else this.messagesAfterAppend = appended(this.messagesAfterAppend, message);
  }

  /** The acknowledgement that would be sent last, if another of this term to the same node may take its place; else null. */
  lastAcknowledgement(to: number): Message | null {
    const { messagesAfterAppend } = this;
    if (!this.mergesAcknowledgements || messagesAfterAppend.length === 0) return null;
    const last = messagesAfterAppend[messagesAfterAppend.length - 1]!;
    return last.type === MessageType.AppResp && last.to === to && !last.reject && last.term === this.term ? last : null;
  }

  /** Whether this node may become leader: a voter that is not about to replace its log by a snapshot. */
  promotable(): boolean {
    const own = this.tracker.progress(this.id);
    return own !== undefined && !own.isLearner && this.log.unstable.snapshot === null;
  }

  /** Until a leader commits in its own term it does not know what is committed. */
  committedInTerm(): boolean {
    return this.log.term(this.log.committed) === this.term;
  }
}
