import {
  APPEND_THREAD,
  APPLY_THREAD,
  type ConfChange,
  ConfChangeTransition,
  ConfChangeType,
  type ConfState,
  type Entry,
  EntryType,
  MemoryStorage,
  type Message,
  MessageType,
  makeMessage,
  RawNode,
  Role,
  StepError,
} from '../raft/index.js';
import {
  confStateText,
  entryValues,
  messageValue,
  progressValue,
  type RecordedConfig,
  type RecordedStep,
  recordedChange,
  snapshotValue,
  type Value,
} from './raft-recording.js';

const NO_CONF_STATE: ConfState = { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
const ERROR_NAMES: readonly string[] = ['', 'dropped', 'nopeer', 'local'];

/** Index and term of the snapshot that `boot: snap` nodes begin with. */
const BOOT_INDEX = 2;
const BOOT_TERM = 1;

/** Election timeouts as recorded; each must be drawn in the step that recorded it. */
class RecordedRandom {
  private draws: readonly number[] = [];
  taken = 0;

  load(draws: readonly number[]): void {
    this.draws = draws;
    this.taken = 0;
  }

  next(_bound: number): number {
    return this.draws[this.taken++] ?? 0;
  }

  /** Number of draws recorded but not made; negative: made but not recorded. */
  get left(): number {
    return this.draws.length - this.taken;
  }
}

/** One recorded member: what survives a crash, and the node with its storage queues, which do not. */
class RecordedMember {
  readonly storage = new MemoryStorage();
  applied = 0;
  confState: ConfState = NO_CONF_STATE;
  node: RawNode | null = null;
  appends: Message[] = [];
  applies: Message[] = [];
}

/** Outputs of one step, in the recording's fields. */
export type StepOutputs = { [field: string]: Value };

/** Carries out the inputs of a recording, one step at a time, on this project's raft. */
export class RaftReplay {
  private readonly config: RecordedConfig;
  private readonly members = new Map<number, RecordedMember>();
  private readonly random = new RecordedRandom();
  /** Emitted network messages by id - 1. */
  private readonly emitted: Message[] = [];

  constructor(config: RecordedConfig) {
    this.config = config;
  }

  /** The running node of a member; null when there is none. */
  node(id: number): RawNode | null {
    return this.members.get(id)?.node ?? null;
  }

  /** Runs one step and returns its outputs without state and progress. Throws on inputs that make no sense. */
  run(step: RecordedStep): StepOutputs {
    const outputs: StepOutputs = {};
    this.random.load(step.rnd ?? []);
    this.dispatch(step, outputs);
    const { left } = this.random;
    if (left !== 0) outputs.rnd = left > 0 ? `${left} draws not made` : `${-left} draws too many`;
    return outputs;
  }

  private dispatch(step: RecordedStep, outputs: StepOutputs): void {
    const id = step.n ?? 0;
    switch (step.op) {
      case 'note':
        return;
      case 'new':
        this.create(id, step);
        return;
      case 'snap':
        this.snapshot(this.member(id), step.keep ?? 0);
        return;
      case 'crash':
        this.crash(this.member(id));
        return;
      case 'restart':
        this.restart(id, this.member(id), step.from === 'snap');
        return;
      default:
        this.act(this.member(id), step, outputs);
    }
  }

  /** The operations on a running node. */
  private act(member: RecordedMember, step: RecordedStep, outputs: StepOutputs): void {
    const { node } = member;
    if (node === null) throw new RangeError(`${step.op} on node ${step.n}, which is not running`);
    switch (step.op) {
      case 'tick':
        node.tick();
        return;
      case 'campaign':
        refuse(outputs, node.campaign());
        return;
      case 'forget':
        refuse(outputs, node.forgetLeader());
        return;
      case 'prop':
        refuse(outputs, propose(node, step.size ?? 0, step.k ?? 1));
        return;
      case 'propcc':
        refuse(outputs, node.proposeConfChange(recordedChange(step), step.len ?? 0, step.tr === 'v1'));
        return;
      case 'transfer':
        node.transferLeader(step.to ?? 0);
        return;
      case 'readindex':
        node.readIndex(step.x ?? '');
        return;
      case 'unreachable':
        node.reportUnreachable(step.to ?? 0);
        return;
      case 'snapstatus':
        node.reportSnapshot(step.to ?? 0, Boolean(step.fail));
        return;
      case 'recv':
        refuse(outputs, node.step(this.message(step.m ?? 0)));
        return;
      case 'ready':
        this.ready(member, node, outputs);
        return;
      case 'append':
        this.append(member, node, outputs);
        return;
      case 'apply':
        this.apply(member, node, outputs);
        return;
      default:
        throw new RangeError(`unknown operation ${step.op}`);
    }
  }

  private member(id: number): RecordedMember {
    const member = this.members.get(id);
    if (member === undefined) throw new RangeError(`node ${id} was never created`);
    return member;
  }

  private message(id: number): Message {
    const message = this.emitted[id - 1];
    if (message === undefined) throw new RangeError(`message ${id} was never sent`);
    return message;
  }

  private create(id: number, step: RecordedStep): void {
    const member = new RecordedMember();
    this.members.set(id, member);
    if (step.boot === 'snap') {
      member.confState = { ...NO_CONF_STATE, voters: step.v ?? [], learners: step.l ?? [] };
      const { confState } = member;
      member.storage.applySnapshot({ index: BOOT_INDEX, term: BOOT_TERM, confState, data: null, dataLength: 0 });
      member.storage.setHardState({ term: BOOT_TERM, vote: 0, commit: BOOT_INDEX });
      member.applied = BOOT_INDEX;
    }
    this.start(id, member);
    if (step.boot === 'bootstrap') {
      member.node!.bootstrap(step.v ?? []);
      member.confState = member.node!.status().confState;
    }
  }

  private start(id: number, member: RecordedMember): void {
    const { config } = this;
    member.storage.setConfState(member.confState);
    member.node = new RawNode({
      id,
      electionTick: config.electionTick,
      heartbeatTick: config.heartbeatTick,
      storage: member.storage,
      random: this.random,
      applied: member.applied,
      asyncStorageWrites: config.async,
      maxSizePerMsg: config.maxSizePerMsg,
      maxCommittedSizePerReady: config.maxCommittedSizePerReady,
      maxUncommittedEntriesSize: config.maxUncommittedSize,
      maxInflightMsgs: config.maxInflightMsgs,
      maxInflightBytes: config.maxInflightBytes,
      checkQuorum: config.checkQuorum,
      preVote: config.preVote,
      readOnlyLeaseBased: config.leaseRead,
      disableProposalForwarding: config.disableProposalForwarding,
      disableConfChangeValidation: config.disableConfChangeValidation,
      stepDownOnRemoval: config.stepDownOnRemoval,
    });
  }

  private crash(member: RecordedMember): void {
    member.node = null;
    member.appends = [];
    member.applies = [];
  }

  private restart(id: number, member: RecordedMember, fromSnapshot: boolean): void {
    const { storage } = member;
    // With asynchronous writes the commit may have been applied without having been stored.
    const stored = storage.initialHardState();
    if (stored.commit < member.applied) storage.setHardState({ ...stored, commit: member.applied });
    if (fromSnapshot) {
      const snapshot = storage.snapshot();
      member.applied = snapshot.index;
      member.confState = snapshot.confState;
    }
    this.start(id, member);
  }

  private snapshot(member: RecordedMember, keep: number): void {
    const { storage, applied } = member;
    storage.createSnapshot(applied, member.confState, null, 0);
    if (applied - keep >= storage.firstIndex()) storage.compact(applied - keep);
  }

  private ready(member: RecordedMember, node: RawNode, outputs: StepOutputs): void {
    const { hardState, softState, readStates, entries, snapshot, committedEntries, messages, mustSync } = node.ready();
    if (hardState !== null) outputs.hs = [hardState.term, hardState.vote, hardState.commit];
    if (softState !== null) outputs.ss = [softState.lead, softState.role];
    if (entries.length > 0) outputs.ents = entryValues(entries);
    if (snapshot !== null) outputs.snap = snapshotValue(snapshot);
    if (committedEntries.length > 0) outputs.com = entryValues(committedEntries);
    if (readStates.length > 0) outputs.rdst = readStates.map(({ index, context }) => `${index}:${context}`);
    if (mustSync) outputs.sync = 1;
    if (this.config.async) {
      this.dispatchAsync(member, messages, outputs);
      return;
    }
    if (hardState !== null) member.storage.setHardState(hardState);
    this.persistSnapshot(member, snapshot);
    member.storage.append(entries);
    for (const message of messages) this.emit(message, outputs);
    this.applyEntries(member, node, committedEntries, outputs);
    node.advance();
  }

  private dispatchAsync(member: RecordedMember, messages: readonly Message[], outputs: StepOutputs): void {
    for (const message of messages) {
      if (message.to === APPEND_THREAD) member.appends.push(message);
      else if (message.to === APPLY_THREAD) member.applies.push(message);
      else {
        this.emit(message, outputs);
        continue;
      }
      list(outputs, 'loc').push(messageValue(message, 0));
    }
  }

  private append(member: RecordedMember, node: RawNode, outputs: StepOutputs): void {
    const message = member.appends.shift();
    if (message === undefined) throw new RangeError('nothing to append');
    const { term, vote, commit } = message;
    if (term !== 0 || vote !== 0 || commit !== 0) member.storage.setHardState({ term, vote, commit });
    this.persistSnapshot(member, message.snapshot);
    member.storage.append(message.entries);
    this.respond(node, message, outputs);
  }

  private apply(member: RecordedMember, node: RawNode, outputs: StepOutputs): void {
    const message = member.applies.shift();
    if (message === undefined) throw new RangeError('nothing to apply');
    outputs.com = entryValues(message.entries);
    this.applyEntries(member, node, message.entries, outputs);
    this.respond(node, message, outputs);
  }

  private respond(node: RawNode, message: Message, outputs: StepOutputs): void {
    for (const response of message.responses) {
      if (response.to === node.id) node.step(response);
      else this.emit(response, outputs);
    }
  }

  private persistSnapshot(member: RecordedMember, snapshot: Message['snapshot']): void {
    if (snapshot === null) return;
    member.storage.applySnapshot(snapshot);
    member.applied = snapshot.index;
    member.confState = snapshot.confState;
  }

  private applyEntries(member: RecordedMember, node: RawNode, entries: readonly Entry[], outputs: StepOutputs): void {
    for (const entry of entries) {
      if (entry.type !== EntryType.Normal) {
        member.confState = node.applyConfChange((entry.data as ConfChange | null) ?? emptyChange(entry.type));
        list(outputs, 'cs').push(confStateText(member.confState));
      }
      member.applied = entry.index;
    }
  }

  private emit(message: Message, outputs: StepOutputs): void {
    this.emitted.push(message);
    list(outputs, 'out').push(messageValue(message, this.emitted.length));
  }
}

/** What no data decodes to: leaving a joint configuration, or (old format) a change that is skipped. */
function emptyChange(type: number): ConfChange {
  const changes = type === EntryType.ConfChange ? [{ type: ConfChangeType.AddNode, node: 0 }] : [];
  return { transition: ConfChangeTransition.Auto, changes, context: null };
}

function list(outputs: StepOutputs, field: string): Value[] {
  return (outputs[field] ??= []) as Value[];
}

function refuse(outputs: StepOutputs, error: number): void {
  if (error !== StepError.None) outputs.err = ERROR_NAMES[error]!;
}

function propose(node: RawNode, size: number, count: number): number {
  if (count === 1) return node.propose(null, size);
  const message = makeMessage(MessageType.Prop, 0);
  message.from = node.id;
  const entry: Entry = { term: 0, index: 0, type: EntryType.Normal, data: null, dataLength: size };
  message.entries = Array.from({ length: count }, () => entry);
  return node.step(message);
}

/** A node's state in the recording's order; the first nine fields are the contract, the others help to find a difference. */
export function stateValue(node: RawNode): readonly number[] {
  const { raft } = node;
  const { log } = raft;
  return [
    raft.term,
    raft.vote,
    log.committed,
    log.applied,
    raft.role,
    raft.lead,
    log.lastIndex(),
    log.storage.firstIndex(),
    raft.leadTransferee,
    raft.electionElapsed,
    raft.heartbeatElapsed,
    raft.randomizedElectionTimeout,
    raft.uncommittedSize,
    raft.pendingConfIndex,
  ];
}

/** Progress of every member by id, if the node leads. */
export function progressValues(node: RawNode): Map<number, readonly number[]> | null {
  if (node.role !== Role.Leader) return null;
  const { ids, list: progress } = node.raft.tracker;
  return new Map(ids.map((id, position) => [id, progressValue(progress[position]!)]));
}
