import { becomeFollower } from './election.js';
import { applyConfChange } from './membership.js';
import { isLocalMessage, isResponseMessage, isStorageThread, makeMessage } from './messages.js';
import { Raft } from './raft.js';
import { acceptReady, hasReady, makeReady, ReadyState } from './ready.js';
import { varintSize } from './sizes.js';
import { step } from './step.js';
import { propose } from './step-leader.js';
import { tick } from './tick.js';
import {
  type ConfChange,
  ConfChangeTransition,
  ConfChangeType,
  type Config,
  type ConfState,
  type ConsensusNode,
  type Entry,
  EntryType,
  type Message,
  MessageType,
  NONE,
  type ProgressView,
  type Ready,
  Role,
  type Status,
  StepError,
} from './types.js';

/**
 * One member of a raft group as etcd's application drives it. Throws RangeError for a configuration that etcd's raft refuses, and when
 * its storage contradicts it.
 */
export class RawNode implements ConsensusNode {
  readonly raft: Raft;
  private readonly handed: ReadyState;
  private readonly single: Entry[] = [];

  constructor(config: Config) {
    this.raft = new Raft(config);
    this.handed = new ReadyState(this.raft, config.asyncStorageWrites);
  }

  get id(): number {
    return this.raft.id;
  }

  get term(): number {
    return this.raft.term;
  }

  get lead(): number {
    return this.raft.lead;
  }

  get role(): number {
    return this.raft.role;
  }

  get commit(): number {
    return this.raft.log.committed;
  }

  get applied(): number {
    return this.raft.log.applied;
  }

  get lastIndex(): number {
    return this.raft.log.lastIndex();
  }

  bootstrap(peers: readonly number[]): void {
    const { raft } = this;
    if (peers.length === 0) throw new RangeError('a group needs at least one peer');
    if (raft.log.storage.lastIndex() !== 0) throw new RangeError('only an empty storage can be bootstrapped');
    this.handed.forgetHardState();
    becomeFollower(raft, 1, NONE);
    const entries: Entry[] = [];
    for (const node of peers) {
      const data = addNode(node);
      entries.push({
        term: 1,
        index: entries.length + 1,
        type: EntryType.ConfChange,
        data,
        dataLength: v1Length(node),
      });
    }
    raft.log.append(entries, 0);
    raft.log.committed = entries.length;
    // Applied at once, so that the node can campaign; applying the entries later changes nothing.
    for (const node of peers) applyConfChange(raft, addNode(node));
  }

  tick(): void {
    tick(this.raft);
  }

  advanceElectionClock(ticks: number): void {
    this.raft.electionElapsed += ticks;
  }

  campaign(): number {
    return step(this.raft, makeMessage(MessageType.Hup, NONE));
  }

  propose(data: unknown, dataLength: number): number {
    const entry: Entry = { term: 0, index: 0, type: EntryType.Normal, data, dataLength };
    if (this.raft.role !== Role.Leader) return this.proposeBatch([entry]);
    // A leader keeps the entries of a proposal, not the array.
    const { single } = this;
    single[0] = entry;
    return propose(this.raft, single);
  }

  proposeBatch(entries: Entry[]): number {
    return this.stepProposal(entries, this.raft.id);
  }

  proposeConfChange(change: ConfChange, dataLength: number, v1: boolean): number {
    const type = v1 ? EntryType.ConfChange : EntryType.ConfChangeV2;
    return this.stepProposal([{ term: 0, index: 0, type, data: change, dataLength }], NONE);
  }

  private stepProposal(entries: Entry[], from: number): number {
    // What stepping the message would come to.
    if (this.raft.role === Role.Leader) return propose(this.raft, entries);
    const message = makeMessage(MessageType.Prop, NONE);
    message.from = from;
    message.entries = entries;
    return step(this.raft, message);
  }

  applyConfChange(change: ConfChange): ConfState {
    return applyConfChange(this.raft, change);
  }

  step(message: Message): number {
    const { type, from } = message;
    if (!isStorageThread(from)) {
      if (isLocalMessage(type)) return StepError.LocalMessage;
      if (isResponseMessage(type) && this.raft.tracker.progress(from) === undefined) return StepError.PeerNotFound;
    }
    if (type === MessageType.Prop && this.raft.role === Role.Leader) {
      // The leader fills in term and index; the message, which may arrive again, keeps its own entries.
      return step(this.raft, { ...message, entries: message.entries.map((entry) => ({ ...entry })) });
    }
    return step(this.raft, message);
  }

  release(message: Message): void {
    this.raft.release(message);
  }

  hasReady(): boolean {
    return hasReady(this.raft, this.handed);
  }

  ready(): Ready {
    const ready = makeReady(this.raft, this.handed);
    acceptReady(this.raft, this.handed, ready);
    return ready;
  }

  advance(): void {
    this.handed.advance(this.raft);
  }

  readIndex(context: string): void {
    const message = makeMessage(MessageType.ReadIndex, NONE);
    message.context = context;
    step(this.raft, message);
  }

  transferLeader(to: number): void {
    this.stepFrom(MessageType.TransferLeader, to, false);
  }

  forgetLeader(): number {
    return step(this.raft, makeMessage(MessageType.ForgetLeader, NONE));
  }

  reportUnreachable(id: number): void {
    this.stepFrom(MessageType.Unreachable, id, false);
  }

  reportSnapshot(id: number, failed: boolean): void {
    this.stepFrom(MessageType.SnapStatus, id, failed);
  }

  /** These local messages name the peer they are about as their sender. */
  private stepFrom(type: number, from: number, reject: boolean): void {
    const message = makeMessage(type, NONE);
    message.from = from;
    message.reject = reject;
    step(this.raft, message);
  }

  status(): Status {
    const { raft } = this;
    const progress = new Map<number, ProgressView>();
    if (raft.role === Role.Leader) {
      for (const id of raft.tracker.ids) progress.set(id, raft.tracker.progress(id)!);
    }
    return {
      id: raft.id,
      term: raft.term,
      vote: raft.vote,
      commit: raft.log.committed,
      applied: raft.log.applied,
      lead: raft.lead,
      role: raft.role,
      leadTransferee: raft.leadTransferee,
      confState: raft.tracker.confState(),
      progress,
    };
  }

  progress(id: number): ProgressView | undefined {
    return this.raft.role === Role.Leader ? this.raft.tracker.progress(id) : undefined;
  }
}

function addNode(node: number): ConfChange {
  return { transition: ConfChangeTransition.Auto, changes: [{ type: ConfChangeType.AddNode, node }], context: null };
}

/** Encoded bytes of an old-format change without context: id, type and node, each a tag and a varint. */
function v1Length(node: number): number {
  return 4 + 1 + varintSize(node);
}
