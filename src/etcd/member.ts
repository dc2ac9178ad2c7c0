import { Slots } from '../kernel/slots.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { type Duration, SECOND, type Time } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import { sample } from '../random/distribution.js';
import type { Randomness, Stream } from '../random/stream.js';
import {
  type ConfChange,
  type ConfState,
  MemoryStorage,
  type Message,
  NONE,
  RawNode,
  type Ready,
  Role,
  type Snapshot,
} from '../raft/index.js';
import type { CostProfile, EtcdSpec } from '../scenario/types.js';
import { Applier } from './applier.js';
import { CLIENT_ANSWER, CLIENT_RESET, type Call, type EtcdConnection, type WatchCall } from './connection.js';
import { LeaseClock } from './lease-clock.js';
import { MemberMetrics, MemberSample } from './metrics.js';
import { Store, type StoreSnapshot } from './mvcc.js';
import type { PeerEnvelope, Peers } from './peers.js';
import type { Processor } from './processor.js';
import { Proposals } from './proposals.js';
import { ReadLoop } from './reads.js';
import type { EtcdResponse, KeyValue, WatchEvent } from './types.js';
import { type Watcher, WatchHub } from './watch.js';
import { WatchServer } from './watch-server.js';

/** Events of a member. */
export const MEMBER_OPCODE = {
  Tick: 0,
  PeerMessage: 1,
  PeerStep: 2,
  Request: 3,
  RequestReady: 4,
  ReadyPrepared: 5,
  ReadySynced: 6,
  Applied: 7,
  BatchTimer: 8,
  BackendCommitted: 9,
  ProposalTimeout: 10,
  ReadRetry: 11,
  RangeDone: 12,
  Watch: 13,
  WatchSync: 14,
  WatchRetry: 15,
  LeaseScan: 16,
  CompactionBatch: 17,
  DefragmentDone: 18,
  PeerProbe: 19,
} as const;

/** Bytes of an HTTP/2 frame with headers around a request or answer. */
const FRAME_BYTES = 64;
/** server.go: entries kept behind the applied index for slow followers; and how often the log is compacted in memory. */
const CATCH_UP_ENTRIES = 5000;
const MEMORY_SNAPSHOT_COUNT = 100;
/** server.go: raft limits of etcd (bootstrap.go raftConfig). */
const MAX_SIZE_PER_MESSAGE = 1024 * 1024;
const MAX_INFLIGHT_MESSAGES = 512;
/** config.go, ReqTimeout: 5 s for the queue, the rest for an election. */
const REQUEST_TIMEOUT_BASE = 5 * SECOND;

export interface MemberOptions {
  readonly simulation: Simulation;
  readonly network: Network;
  readonly randomness: Randomness;
  readonly host: number;
  readonly index: number;
  readonly spec: EtcdSpec;
  readonly costs: CostProfile['etcd'];
  readonly processor: Processor;
  readonly peers: Peers;
}

/** Election timeouts of one member, drawn from its own stream. */
class ElectionDraws {
  private readonly stream: Stream;

  constructor(stream: Stream) {
    this.stream = stream;
  }

  next(bound: number): number {
    return this.stream.integer(bound);
  }
}

/**
 * One etcd process: raft's ready loop with its disk, the apply loop, the store, reads, watches and leases, and the machine's
 * cores that all of them share.
 */
export class Member implements Component {
  readonly name: string;
  readonly target: number;
  readonly simulation: Simulation;
  readonly network: Network;
  readonly host: number;
  readonly index: number;
  readonly costs: CostProfile['etcd'];
  readonly processor: Processor;
  readonly spec: EtcdSpec;
  readonly electionTimeout: Duration;
  readonly requestTimeout: Duration;
  readonly diskStream: Stream;
  /** Multiplies every disk operation: a slow disk. */
  diskFactor = 1;
  metrics = new MemberMetrics();
  /** Figures since the last `takeSample`. */
  sample = new MemberSample();
  store: Store;
  readonly applier: Applier;
  readonly proposals: Proposals;
  readonly reads: ReadLoop;
  watches = new WatchHub();
  readonly watchServer: WatchServer;
  readonly leases: LeaseClock;
  node!: RawNode;
  storage = new MemoryStorage();
  confState: ConfState;
  /** Grows with every start of the process: what was meant for an earlier life is dropped. */
  incarnation = 0;
  running = false;
  paused = false;
  /** Highest index that raft has reported as committed. */
  committedIndex = 0;
  leaderElectedAt: Time = Number.NEGATIVE_INFINITY;
  noSpaceRaised = false;
  /** Requests, peer messages and watches on their way in or in work. */
  readonly inbox = new Slots<Call>();
  readonly watchInbox = new Slots<WatchCall>();
  readonly connections: EtcdConnection[] = [];

  private readonly peers: Peers;
  private readonly electionDraws: ElectionDraws;
  private readonly tickPhase: Duration;
  private ready: Ready | null = null;
  private lead = NONE;
  private leading = false;
  private readonly deferred: number[] = [];
  private readonly blockedReads: Call[] = [];

  constructor(options: MemberOptions) {
    this.simulation = options.simulation;
    this.network = options.network;
    this.host = options.host;
    this.index = options.index;
    this.spec = options.spec;
    this.costs = options.costs;
    this.processor = options.processor;
    this.peers = options.peers;
    this.name = `etcd-${options.index}`;
    this.target = options.simulation.add(this);
    this.electionTimeout = options.spec.electionTimeout;
    this.requestTimeout = REQUEST_TIMEOUT_BASE + 2 * options.spec.electionTimeout;
    this.diskStream = options.randomness.stream(`${this.name}/disk`);
    const election = options.randomness.stream(`${this.name}/election`);
    this.tickPhase = Math.floor(election.next() * options.spec.heartbeatInterval);
    this.electionDraws = new ElectionDraws(election);
    this.confState = this.storage.initialConfState();
    this.store = new Store(options.spec.quotaBackendBytes);
    this.applier = new Applier(this);
    this.proposals = new Proposals(this);
    this.reads = new ReadLoop(this);
    this.watchServer = new WatchServer(this);
    this.leases = new LeaseClock(this);
  }

  /** Raft's id of this member. */
  get id(): number {
    return this.index + 1;
  }

  get isLeader(): boolean {
    return this.running && this.node.role === Role.Leader;
  }

  /** Makes the state that a warm start gives: a snapshot of the store at an index of the log. */
  install(snapshot: Snapshot, store: Store): void {
    this.storage = new MemoryStorage();
    this.storage.applySnapshot(snapshot);
    this.storage.setHardState({ term: snapshot.term, vote: NONE, commit: snapshot.index });
    this.store = store;
    this.confState = snapshot.confState;
    this.applier.appliedIndex = snapshot.index;
  }

  /** Starts the process from what is on disk. */
  start(): void {
    this.incarnation++;
    this.running = true;
    this.lead = NONE;
    this.leading = false;
    this.ready = null;
    this.metrics = new MemberMetrics();
    this.storage.setConfState(this.confState);
    this.node = new RawNode({
      id: this.id,
      electionTick: Math.round(this.spec.electionTimeout / this.spec.heartbeatInterval),
      heartbeatTick: 1,
      storage: this.storage,
      random: this.electionDraws,
      applied: Math.min(this.applier.appliedIndex, this.storage.initialHardState().commit),
      asyncStorageWrites: false,
      maxSizePerMsg: MAX_SIZE_PER_MESSAGE,
      maxCommittedSizePerReady: MAX_SIZE_PER_MESSAGE,
      maxUncommittedEntriesSize: 0,
      maxInflightMsgs: MAX_INFLIGHT_MESSAGES,
      maxInflightBytes: 0,
      checkQuorum: true,
      preVote: true,
      readOnlyLeaseBased: false,
      disableProposalForwarding: false,
      disableConfChangeValidation: false,
      stepDownOnRemoval: false,
    });
    this.committedIndex = this.node.commit;
    const { now } = this.simulation;
    const period = this.spec.heartbeatInterval;
    const at = now - (now % period) + this.tickPhase;
    this.simulation.scheduleAt(at > now ? at : at + period, this.target, MEMBER_OPCODE.Tick, this.incarnation);
  }

  /** Kills the process: everything in memory is lost, the log and the store are as the disk has them. */
  crash(): void {
    if (!this.running) return;
    this.running = false;
    this.paused = false;
    this.incarnation++;
    this.deferred.length = 0;
    this.ready = null;
    this.proposals.clear();
    this.reads.clear();
    this.leases.demote();
    this.applier.clear();
    this.watches = new WatchHub();
    this.watchServer.clear();
    this.blockedReads.length = 0;
    // The kernel of a machine that still runs resets the process's connections.
    for (const connection of this.connections.splice(0)) this.reset(connection);
  }

  private reset(connection: EtcdConnection): void {
    this.network.send(this.host, connection.clientHost, FRAME_BYTES, connection.clientTarget, CLIENT_RESET, this.index);
  }

  /** Stops the process without killing it (SIGSTOP): it does nothing, its connections stay. */
  pause(): void {
    if (this.running) this.paused = true;
  }

  /** Lets a paused process run on: it works off what came meanwhile. */
  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    const { deferred } = this;
    for (let i = 0; i < deferred.length; i += 2) this.simulation.schedule(0, this.target, deferred[i]!, deferred[i + 1]!);
    deferred.length = 0;
  }

  handle(opcode: number, argument: number): void {
    if (this.paused) {
      this.deferred.push(opcode, argument);
      return;
    }
    switch (opcode) {
      case MEMBER_OPCODE.PeerMessage:
        this.peerMessage(this.peers.inbox(this.index).get(argument), argument);
        return;
      case MEMBER_OPCODE.PeerStep:
        this.peerStep(this.peers.inbox(this.index).take(argument));
        return;
      case MEMBER_OPCODE.Request:
        this.request(this.inbox.get(argument), argument);
        return;
      case MEMBER_OPCODE.RequestReady:
        this.requestReady(this.inbox.take(argument));
        return;
      case MEMBER_OPCODE.RangeDone:
        this.rangeDone(this.inbox.take(argument));
        return;
      case MEMBER_OPCODE.Watch:
        this.watchServer.create(this.watchInbox.take(argument));
        return;
      case MEMBER_OPCODE.WatchRetry:
        this.watchServer.retry(argument);
        return;
    }
    if (argument === this.incarnation) this.handleTimer(opcode);
  }

  /** Events of the process itself: those of an earlier life do not come here. */
  private handleTimer(opcode: number): void {
    switch (opcode) {
      case MEMBER_OPCODE.Tick:
        this.simulation.schedule(this.spec.heartbeatInterval, this.target, MEMBER_OPCODE.Tick, this.incarnation);
        this.node.tick();
        break;
      case MEMBER_OPCODE.ReadyPrepared:
        this.readyPrepared();
        return;
      case MEMBER_OPCODE.ReadySynced:
        this.readySynced();
        return;
      case MEMBER_OPCODE.Applied:
        this.applier.finish();
        break;
      case MEMBER_OPCODE.BatchTimer:
        this.applier.batchTimer();
        return;
      case MEMBER_OPCODE.BackendCommitted:
        this.applier.commitDone();
        return;
      case MEMBER_OPCODE.CompactionBatch:
        this.applier.compactionStep();
        return;
      case MEMBER_OPCODE.ProposalTimeout:
        this.proposals.timeout();
        return;
      case MEMBER_OPCODE.ReadRetry:
        this.reads.retryTimer();
        break;
      case MEMBER_OPCODE.WatchSync:
        this.watchServer.sync();
        return;
      case MEMBER_OPCODE.LeaseScan:
        this.leases.scan();
        break;
      case MEMBER_OPCODE.DefragmentDone:
        this.store.defragment();
        this.applier.setLocked(false);
        for (const call of this.blockedReads.splice(0)) this.serveRange(call);
        return;
    }
    if (this.running) this.pump();
  }

  /** Starts the next Ready when there is one and the last is advanced. */
  pump(): void {
    if (this.ready !== null || !this.node.hasReady()) return;
    const ready = this.node.ready();
    this.ready = ready;
    const cost = this.costs.readyCpu + this.costs.entryCpu * ready.entries.length;
    const end = this.processor.reserve(this.simulation.now, cost);
    if (end === this.simulation.now) this.readyPrepared();
    else this.simulation.scheduleAt(end, this.target, MEMBER_OPCODE.ReadyPrepared, this.incarnation);
  }

  /** Handles all Readys at once, without time or disk: the election of a warm start. Returns the messages to others. */
  settle(): Message[] {
    const messages: Message[] = [];
    while (this.node.hasReady()) {
      const ready = this.node.ready();
      if (ready.softState !== null) this.softStateChanged(ready.softState.lead, ready.softState.role === Role.Leader);
      if (ready.hardState !== null) this.storage.setHardState(ready.hardState);
      this.storage.append(ready.entries);
      for (const entry of ready.committedEntries) {
        this.applier.appliedIndex = entry.index;
        this.committedIndex = entry.index;
      }
      messages.push(...ready.messages);
      this.node.advance();
    }
    return messages;
  }

  /** First half of a Ready: hand over what is committed, send as leader, start the write to the log. */
  private readyPrepared(): void {
    const ready = this.ready!;
    const { softState, committedEntries } = ready;
    if (softState !== null) this.softStateChanged(softState.lead, softState.role === Role.Leader);
    if (ready.readStates.length > 0) {
      const last = ready.readStates[ready.readStates.length - 1]!;
      this.reads.readState(last.context, last.index);
    }
    if (committedEntries.length > 0) {
      const last = committedEntries[committedEntries.length - 1]!.index;
      if (last > this.committedIndex) this.committedIndex = last;
      this.metrics.serverProposalsCommittedTotal = this.committedIndex;
      this.applier.push(committedEntries);
    }
    // The leader's messages leave in parallel with its own write (Ongaro's thesis, 10.2.1).
    if (this.leading && this.costs.leaderWaitsForFsync !== true) this.peers.sendAll(this, ready.messages);
    if (!ready.mustSync && ready.snapshot === null) {
      this.readySynced();
      return;
    }
    const more = Math.max(0, ready.entries.length - 1) * (this.costs.fsyncPerEntry ?? 0);
    const fsync = Math.round((sample(this.costs.fsync, this.diskStream) + more) * this.diskFactor);
    this.metrics.diskWalFsyncDurationSeconds.observe(fsync);
    this.sample.fsync.observe(fsync);
    for (let i = 0; i < ready.entries.length; i++) this.metrics.diskWalWriteBytesTotal += ready.entries[i]!.dataLength;
    this.simulation.schedule(fsync, this.target, MEMBER_OPCODE.ReadySynced, this.incarnation);
  }

  /** What happened since the last call. */
  takeSample(): MemberSample {
    const { sample } = this;
    this.sample = new MemberSample();
    return sample;
  }

  /** Second half: the log is durable; followers answer only now. */
  private readySynced(): void {
    const ready = this.ready!;
    if (ready.snapshot !== null) this.restoreFrom(ready.snapshot);
    if (ready.hardState !== null) this.storage.setHardState(ready.hardState);
    if (ready.entries.length > 0) this.storage.append(ready.entries);
    if (!this.leading || this.costs.leaderWaitsForFsync === true) this.peers.sendAll(this, ready.messages);
    this.node.advance();
    this.ready = null;
    this.pump();
  }

  private softStateChanged(lead: number, leading: boolean): void {
    if (lead !== this.lead) {
      if (lead !== NONE) {
        this.metrics.serverLeaderChangesSeenTotal++;
        this.leaderElectedAt = this.simulation.now;
      }
      this.lead = lead;
      this.reads.leaderChanged();
    }
    if (leading !== this.leading) {
      this.leading = leading;
      if (leading) this.leases.promote();
      else this.leases.demote();
    }
    if (lead !== NONE) this.proposals.leaderKnown();
  }

  private peerMessage(envelope: PeerEnvelope, slot: number): void {
    if (!this.running || envelope.incarnation !== this.incarnation) {
      this.peers.inbox(this.index).take(slot);
      return;
    }
    const end = this.processor.reserve(this.simulation.now, this.costs.messageCpu * envelope.messages.length);
    if (end === this.simulation.now) this.peerStep(this.peers.inbox(this.index).take(slot));
    else this.simulation.scheduleAt(end, this.target, MEMBER_OPCODE.PeerStep, slot);
  }

  private peerStep(envelope: PeerEnvelope): void {
    if (!this.running || envelope.incarnation !== this.incarnation) return;
    const { messages } = envelope;
    this.peers.heard(this.index, messages[0]!.from, this.simulation.now);
    for (let i = 0; i < messages.length; i++) this.node.step(messages[i]!);
    this.pump();
  }

  private request(call: Call, slot: number): void {
    const connection = call.connection!;
    if (!this.running || connection.incarnation !== this.incarnation) {
      this.inbox.take(slot);
      this.reset(connection);
      return;
    }
    if (!this.connections.includes(connection)) this.connections.push(connection);
    call.received = this.simulation.now;
    const end = this.processor.reserve(this.simulation.now, this.requestCpu);
    if (end === this.simulation.now) this.requestReady(this.inbox.take(slot));
    else this.simulation.scheduleAt(end, this.target, MEMBER_OPCODE.RequestReady, slot);
  }

  /** Half of a request's own work comes before it is served, half with the answer. */
  private get requestCpu(): Duration {
    return Math.round(this.costs.requestCpu / 2);
  }

  private requestReady(call: Call): void {
    if (!this.running || call.connection!.incarnation !== this.incarnation) return;
    const { request } = call;
    if (request.op !== 'range') this.proposals.submit(call);
    else if (request.serializable === true) this.serveRange(call);
    else this.reads.submit(call);
    this.pump();
  }

  /** A range whose consistency is settled: reads the store. */
  serveRange(call: Call): void {
    if (this.applier.readsBlocked) {
      this.blockedReads.push(call);
      return;
    }
    const { request } = call;
    const asked = request.op === 'range' && request.serializable !== true;
    const cost = this.costs.rangeCpu + (asked ? (this.costs.linearizableCpu ?? 0) : 0);
    const end = this.processor.reserve(this.simulation.now, cost);
    if (end === this.simulation.now) this.rangeDone(call);
    else this.simulation.scheduleAt(end, this.target, MEMBER_OPCODE.RangeDone, this.inbox.put(call));
  }

  private rangeDone(call: Call): void {
    const { request, connection } = call;
    if (!this.running || connection!.incarnation !== this.incarnation || request.op !== 'range') return;
    this.metrics.mvccRangeTotal++;
    const { store } = this;
    if (request.countOnly === true && (request.revision ?? 0) === 0) {
      this.answer(call, { succeeded: true, revision: store.revision, count: request.prefix ? store.count(request.key) : 1 });
      return;
    }
    const kvs = store.range(request.key, request.prefix, request.limit ?? 0, request.revision ?? 0);
    if (kvs === null) {
      this.answer(call, { error: store.error, succeeded: false, revision: store.revision });
      return;
    }
    const cut = request.prefix && request.limit !== undefined && request.limit > 0 && kvs.length >= request.limit;
    this.answer(call, { succeeded: true, revision: store.revision, kvs, count: cut ? store.count(request.key) : kvs.length });
  }

  /** Sends an answer to the client, after the second half of the request's own work. */
  answer(call: Call, response: EtcdResponse): void {
    const connection = call.connection!;
    if (!connection.open || connection.incarnation !== this.incarnation) return;
    call.response = response;
    const { now } = this.simulation;
    const after = this.processor.reserve(now, this.requestCpu) - now;
    const bytes = FRAME_BYTES + (response.kvs === undefined ? 0 : kvBytes(response.kvs));
    this.metrics.networkClientGrpcSentBytesTotal += bytes;
    const slot = connection.keepAnswer(call);
    if (!this.network.send(this.host, connection.clientHost, bytes, connection.clientTarget, CLIENT_ANSWER, slot, after)) {
      connection.answerLost(slot);
    }
  }

  sendWatch(watcher: Watcher, events: readonly WatchEvent[], revision: number): void {
    this.watchServer.send(watcher, events, revision);
  }

  applyConfChange(change: ConfChange): void {
    this.confState = this.node.applyConfChange(change);
  }

  /** The empty entry of a new leader's term is applied. */
  emptyEntryApplied(): void {
    this.reads.firstCommitInTerm();
  }

  /** Keeps the log in memory short, as etcd does every 100 applied entries. */
  entryApplied(index: number): void {
    if (index % MEMORY_SNAPSHOT_COUNT !== 0) return;
    if (index > this.storage.lastIndex()) return;
    this.storage.createSnapshot(index, this.confState, null, this.store.size);
    if (index > CATCH_UP_ENTRIES) this.storage.compact(index - CATCH_UP_ENTRIES);
  }

  /** Blocks the member's backend for a defragmentation. */
  defragment(duration: Duration): void {
    if (!this.running) return;
    this.applier.setLocked(true);
    this.simulation.schedule(duration, this.target, MEMBER_OPCODE.DefragmentDone, this.incarnation);
  }

  /** State for a follower whose log is too far behind. */
  snapshot(): Snapshot {
    const index = this.applier.appliedIndex;
    const data: StoreSnapshot = this.store.snapshot();
    return { index, term: this.storage.term(index), confState: this.confState, data, dataLength: this.store.size };
  }

  private restoreFrom(snapshot: Snapshot): void {
    this.storage.applySnapshot(snapshot);
    this.store = Store.restore(snapshot.data as StoreSnapshot, this.spec.quotaBackendBytes);
    this.confState = snapshot.confState;
    this.applier.appliedIndex = snapshot.index;
    this.committedIndex = Math.max(this.committedIndex, snapshot.index);
    this.watchServer.storeReplaced();
  }

  connectedSince(id: number, since: Time): boolean {
    return this.peers.lastHeard(this.index, id) >= since - this.electionTimeout && this.peers.reachable(this, id);
  }

  connectedToQuorumSince(since: Time): boolean {
    let connected = 1;
    for (const id of this.confState.voters) if (id !== this.id && this.connectedSince(id, since)) connected++;
    return connected > this.confState.voters.length / 2;
  }
}

function kvBytes(kvs: readonly KeyValue[]): number {
  let bytes = 0;
  for (let i = 0; i < kvs.length; i++) bytes += kvs[i]!.key.length + kvs[i]!.bytes + 16;
  return bytes;
}

