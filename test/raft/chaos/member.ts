import {
  type ConfChange,
  ConfChangeType,
  type ConfState,
  type Entry,
  type MemoryStorage,
  type Message,
  type RandomSource,
  type RawNode,
  type ReadState,
  type Ready,
} from '../../../src/raft/index.js';
import { batchOf, Disk } from './disk.js';
import type { Observer } from './observer.js';
import { type ChaosOptions, ELECTION_TICK, HEARTBEAT_TICK } from './plan.js';
import { Store, type StoreImage } from './store.js';

/** The protocol under test: the project's own, or a mutated copy. */
export type RaftLibrary = typeof import('../../../src/raft/index.js');

/** Stages of a synchronous ready loop, between any two of which a member may crash. */
const Stage = { Idle: 0, Written: 1, Synced: 2, Sent: 3, Applied: 4 } as const;

const ROLE_LEADER = 2;
const APPEND_THREAD = -1;
const APPLY_THREAD = -2;

/** One member as etcd runs it: ready loop, disk, apply. It does one stage at a time, when told to. */
export class Member {
  readonly id: number;
  readonly disk = new Disk();
  /** Null while it is down. */
  node: RawNode | null = null;
  storage: MemoryStorage | null = null;
  store: Store;
  /** Part of the group in the schedule's last phase. */
  destroyed = false;
  preVote: boolean;
  private readonly library: RaftLibrary;
  private readonly options: ChaosOptions;
  private readonly random: RandomSource;
  private readonly observer: Observer;
  private stage: number = Stage.Idle;
  private ready: Ready | null = null;
  /** Whether the Ready in hand is a leader's: its messages left before the write. */
  private sentEarly = false;
  private appends: Message[] = [];
  private appendWritten = false;
  private applies: Message[] = [];
  /** Index of the newest snapshot received since the start. */
  private restoredTo = 0;

  constructor(id: number, library: RaftLibrary, options: ChaosOptions, random: RandomSource, observer: Observer) {
    this.id = id;
    this.library = library;
    this.options = options;
    this.preVote = options.preVote;
    this.random = random;
    this.observer = observer;
    this.store = new Store(this.disk.applied);
  }

  start(): void {
    const { options } = this;
    this.storage = this.disk.load(this.library);
    this.store = new Store(this.disk.applied);
    this.node = new this.library.RawNode({
      id: this.id,
      electionTick: ELECTION_TICK,
      heartbeatTick: HEARTBEAT_TICK,
      storage: this.storage,
      random: this.random,
      applied: this.store.applied,
      asyncStorageWrites: options.asyncWrites,
      maxSizePerMsg: options.maxSizePerMsg,
      maxCommittedSizePerReady: 200,
      maxUncommittedEntriesSize: 2000,
      maxInflightMsgs: options.maxInflightMsgs,
      maxInflightBytes: 0,
      checkQuorum: options.checkQuorum,
      preVote: this.preVote,
      readOnlyLeaseBased: false,
      disableProposalForwarding: false,
      disableConfChangeValidation: false,
      stepDownOnRemoval: options.stepDownOnRemoval,
    });
    this.observer.started(this);
  }

  /** Power fails: of the batches written but not synced, `survivors` are found afterwards. */
  crash(survivors: number): void {
    this.disk.keep(survivors % (this.disk.pending.length + 1));
    this.node = null;
    this.storage = null;
    this.stage = Stage.Idle;
    this.ready = null;
    this.appends = [];
    this.appendWritten = false;
    this.applies = [];
    this.restoredTo = 0;
    this.observer.crashed(this);
  }

  /** One stage of whatever there is to do; `turn` chooses between loops that run in parallel. False: nothing to do. */
  work(turn: number): boolean {
    const node = this.node!;
    if (!this.options.asyncWrites) return this.workInOrder(node);
    for (let i = 0; i < 3; i++) {
      const loop = (turn + i) % 3;
      if (loop === 0 && node.hasReady()) return this.takeAsync(node);
      if (loop === 1 && this.appends.length > 0) return this.append(node);
      if (loop === 2 && this.applies.length > 0 && !awaitsSnapshot(node)) return this.apply(node);
    }
    return false;
  }

  private workInOrder(node: RawNode): boolean {
    const { ready } = this;
    switch (this.stage) {
      case Stage.Idle:
        if (!node.hasReady()) return false;
        this.take(node);
        return true;
      case Stage.Written:
        // A changed commit alone is written without a sync.
        if (ready!.mustSync || ready!.snapshot !== null) this.disk.sync();
        this.afterWrite(ready!);
        this.stage = Stage.Synced;
        return true;
      case Stage.Synced:
        if (!this.sentEarly) for (const message of ready!.messages) this.send(message);
        this.stage = Stage.Sent;
        return true;
      case Stage.Sent:
        this.applyEntries(node, ready!.committedEntries);
        this.stage = Stage.Applied;
        return true;
      default:
        node.advance();
        this.ready = null;
        this.stage = Stage.Idle;
        return true;
    }
  }

  private take(node: RawNode): void {
    const ready = node.ready();
    this.ready = ready;
    this.observer.ready(this, ready);
    this.readStates(ready.readStates);
    // A leader replicates in parallel with its own write; the others first write, then answer.
    this.sentEarly = node.role === ROLE_LEADER;
    if (this.sentEarly) for (const message of ready.messages) this.send(message);
    this.disk.write(ready);
    this.stage = Stage.Written;
  }

  private takeAsync(node: RawNode): boolean {
    const ready = node.ready();
    this.observer.ready(this, ready);
    this.readStates(ready.readStates);
    for (const message of ready.messages) {
      if (message.to === APPEND_THREAD) this.appends.push(message);
      else if (message.to === APPLY_THREAD) this.applies.push(message);
      else this.send(message);
    }
    return true;
  }

  private append(node: RawNode): boolean {
    const message = this.appends[0]!;
    const batch = batchOf(message);
    if (!this.appendWritten) {
      this.disk.write(batch);
      this.appendWritten = true;
      return true;
    }
    this.disk.sync();
    this.afterWrite(batch);
    this.appendWritten = false;
    this.appends.shift();
    this.respond(node, message);
    return true;
  }

  private apply(node: RawNode): boolean {
    const message = this.applies.shift()!;
    this.applyEntries(node, message.entries);
    this.respond(node, message);
    return true;
  }

  private respond(node: RawNode, message: Message): void {
    for (const response of message.responses) {
      if (response.to === this.id) node.step(response);
      else this.send(response);
    }
  }

  /** The log in memory follows the disk. */
  private afterWrite({ hardState, snapshot, entries }: Pick<Ready, 'hardState' | 'snapshot' | 'entries'>): void {
    if (hardState !== null) this.storage!.setHardState(hardState);
    if (snapshot !== null && this.storage!.applySnapshot(snapshot)) {
      this.store = new Store(snapshot.data as StoreImage);
      this.restoredTo = snapshot.index;
      this.observer.restored(this);
    }
    this.storage!.append(entries);
  }

  private applyEntries(node: RawNode, entries: readonly Entry[]): void {
    for (const entry of entries) {
      // Handed out before a snapshot that holds it was received.
      if (entry.index <= this.restoredTo) continue;
      // A snapshot about to be stored has changed the node's membership to a newer one already.
      if (entry.type !== 0 && !awaitsSnapshot(node)) {
        this.store.confState = node.applyConfChange(acceptable(entry.data as ConfChange | null, this.store.confState));
      }
      const happened = this.store.apply(entry);
      this.observer.applied(this, entry, happened);
    }
  }

  private readStates(states: readonly ReadState[]): void {
    for (const state of states) this.observer.readable(this, state);
  }

  private send(message: Message): void {
    this.observer.sent(this, message);
  }

  /** The applied state becomes durable, as etcd's backend does from time to time. */
  flush(): void {
    if (!awaitsSnapshot(this.node!)) this.disk.applied = this.store.image();
  }

  /** Snapshot of the durable state; the log keeps `keep` entries before it for followers that lag. */
  compact(keep: number): void {
    const { applied } = this.disk;
    if (this.disk.pending.length > 0 || applied.applied <= this.disk.base()) return;
    // The node may not have been told yet; it still needs those entries.
    if (applied.applied > this.node!.applied) return;
    const storage = this.storage!;
    const snapshot = storage.createSnapshot(applied.applied, applied.confState, applied, 100);
    if (snapshot === null) return;
    this.disk.compactTo(snapshot);
    if (applied.applied - keep >= storage.firstIndex()) storage.compact(applied.applied - keep);
  }
}

/**
 * A received snapshot changes the node's membership at once, so older entries with changes must not be applied any more: the application
 * holds back until the snapshot is stored.
 */
function awaitsSnapshot(node: RawNode): boolean {
  return node.raft.log.unstable.snapshot !== null;
}

/** As etcd does, the application refuses at apply what would leave no voter: the change is applied without effect. */
function acceptable(change: ConfChange | null, { voters }: ConfState): ConfChange {
  if (change === null) return { transition: 0, changes: [], context: null };
  const left = new Set(voters);
  for (const { type, node } of change.changes) {
    if (type === ConfChangeType.AddNode) left.add(node);
    else left.delete(node);
  }
  if (left.size > 0) return change;
  return { ...change, changes: change.changes.map(({ type }) => ({ type, node: 0 })) };
}
