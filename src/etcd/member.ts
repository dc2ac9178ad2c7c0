import type { Component, Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import { type Duration, SECOND, type Time } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import {
  type ConfChange,
  ConfChangeType,
  type ConfState,
  type Entry,
  MemoryStorage,
  NONE,
  type RawNode,
  Role,
  type Snapshot,
} from '../raft/index.js';
import type { Stream } from '../random/stream.js';
import type { CostProfile, EtcdSpec } from '../scenario/types.js';
import { Applier } from './applier.js';
import { defragmented, restoreSnapshot } from './backend-file.js';
import type { EtcdConnection, WatchCall } from './connection.js';
import { CorruptionCheck } from './corruption.js';
import type { Disk } from './disk.js';
import { ElectionDraws } from './election-draws.js';
import { LeaseClock } from './lease-clock.js';
import type { MemberOptions } from './member-options.js';
import { MemberMetrics, MemberSample } from './metrics.js';
import { Store } from './mvcc.js';
import { MEMBER_EVENTS, MEMBER_OPCODE } from './opcodes.js';
import { PEER_PROBE_INTERVAL, type Peers } from './peers.js';
import type { ProcessorShare } from './processor.js';
import { Proposals } from './proposals.js';
import { ReadLoop } from './reads.js';
import { ReadyLoop } from './ready-loop.js';
import { Requests } from './requests.js';
import { Startup } from './startup.js';
import { Wal } from './wal.js';
import { WatchHub } from './watch.js';
import { WatchServer } from './watch-server.js';

/** server.go: entries kept behind the applied index for slow followers; and how often the log is compacted in memory. */
const CATCH_UP_ENTRIES = 5000;
const MEMORY_SNAPSHOT_COUNT = 100;
/** config.go, ReqTimeout: 5 s for the queue, the rest for an election. */
const REQUEST_TIMEOUT_BASE = 5 * SECOND;
/** raft.go: a heartbeat that comes later than twice its interval counts as failed. */
const LATE_HEARTBEAT = 2;

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
  readonly processor: ProcessorShare;
  readonly peers: Peers;
  readonly spec: EtcdSpec;
  readonly electionTimeout: Duration;
  readonly requestTimeout: Duration;
  readonly diskStream: Stream;
  readonly watchStream: Stream;
  readonly logDisk: Disk;
  readonly dataDisk: Disk;
  readonly checkQuorum: boolean;
  metrics = new MemberMetrics();
  /** Figures since the last `takeSample`. */
  sample = new MemberSample();
  private taken = new MemberSample();
  store: Store;
  readonly loop: ReadyLoop;
  readonly applier: Applier;
  readonly requests: Requests;
  readonly proposals: Proposals;
  readonly reads: ReadLoop;
  watches = new WatchHub();
  readonly watchServer: WatchServer;
  readonly leases: LeaseClock;
  readonly wal = new Wal();
  node!: RawNode;
  storage = new MemoryStorage();
  confState: ConfState;
  /** Grows with every start of the process: what was meant for an earlier life is dropped. */
  incarnation = 0;
  running = false;
  /** Started and reading its log back: it takes part in nothing yet. */
  booting = false;
  /** Clients may connect: the member has joined its cluster, or given up waiting for it. */
  serving = false;
  paused = false;
  /** Left the cluster by a configuration change: it never starts again. */
  removed = false;
  /** Members (by raft id) that it knows to be removed; ids are never used again. */
  readonly removedIds = new Set<number>();
  noSpaceRaised = false;
  /** Watch requests on their way in. */
  readonly watchInbox = new Slots<WatchCall>();
  /** Requests for the progress of a connection's watches on their way in. */
  readonly progressInbox = new Slots<EtcdConnection>();

  readonly electionDraws: ElectionDraws;
  lastTick: Time = 0;
  readonly corruption: CorruptionCheck;
  private readonly startup: Startup;
  private readonly deferred: number[] = [];

  constructor(options: MemberOptions) {
    this.simulation = options.simulation;
    this.network = options.network;
    this.host = options.host;
    this.index = options.index;
    this.spec = options.spec;
    this.costs = options.costs;
    this.processor = options.processor;
    this.logDisk = options.logDisk;
    this.dataDisk = options.dataDisk;
    this.peers = options.peers;
    this.name = options.name;
    this.checkQuorum = options.checkQuorum;
    this.target = options.simulation.add(this);
    this.electionTimeout = options.spec.electionTimeout;
    this.requestTimeout = REQUEST_TIMEOUT_BASE + 2 * options.spec.electionTimeout;
    this.diskStream = options.randomness.stream(`${this.name}/disk`);
    this.watchStream = options.randomness.stream(`${this.name}/watch`);
    this.electionDraws = new ElectionDraws(options.randomness.stream(`${this.name}/election`));
    this.confState = this.storage.initialConfState();
    this.store = new Store(options.spec.quotaBackendBytes, options.keys);
    this.loop = new ReadyLoop(this);
    this.applier = new Applier(this);
    this.requests = new Requests(this);
    this.proposals = new Proposals(this);
    this.reads = new ReadLoop(this);
    this.watchServer = new WatchServer(this);
    this.leases = new LeaseClock(this);
    this.corruption = new CorruptionCheck(this);
    this.startup = new Startup(this);
  }

  /** Raft's id of this member. */
  get id(): number {
    return this.index + 1;
  }

  get isLeader(): boolean {
    return this.running && this.node.role === Role.Leader;
  }

  get isLearner(): boolean {
    return this.confState.learners.includes(this.id);
  }

  /** What happened since the last call; valid until the next one. */
  takeSample(): MemberSample {
    const { sample, taken } = this;
    taken.clear();
    this.sample = taken;
    this.taken = sample;
    return sample;
  }

  /** Makes the state that a warm start gives: a snapshot of the store at an index of the log. */
  install(snapshot: Snapshot, store: Store): void {
    this.storage = new MemoryStorage();
    this.storage.applySnapshot(snapshot);
    this.storage.setHardState({ term: snapshot.term, vote: NONE, commit: snapshot.index });
    this.wal.restore(snapshot);
    this.wal.buffer(this.storage.initialHardState());
    this.wal.sync([]);
    this.store.release();
    this.store = store;
    this.noSpaceRaised = store.noSpace;
    this.confState = snapshot.confState;
    this.applier.appliedIndex = snapshot.index;
    this.applier.committed();
  }

  /** Starts the process: it reads its log back, then takes part. `warm`: as if it had been running for long. */
  start(warm = false): void {
    this.startup.start(warm);
  }

  /** Kills the process: everything in memory is lost, the log and the store are as the disk has them. */
  crash(): void {
    if (!this.running && !this.booting) return;
    this.running = false;
    this.booting = false;
    this.serving = false;
    this.paused = false;
    this.incarnation++;
    this.deferred.length = 0;
    this.loop.clear();
    this.proposals.clear();
    this.reads.clear();
    this.leases.demote();
    this.applier.clear();
    this.noSpaceRaised = this.store.noSpace;
    this.watches = new WatchHub();
    this.watchServer.clear();
    this.requests.clear();
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
    for (let i = 0; i < deferred.length; i += 2) this.simulation.post(0, this.target, deferred[i]!, deferred[i + 1]!);
    deferred.length = 0;
  }

  describe(opcode: number): string {
    return MEMBER_EVENTS[opcode] ?? `opcode ${opcode}`;
  }

  handle(opcode: number, argument: number): void {
    if (this.paused) {
      this.deferred.push(opcode, argument);
      return;
    }
    switch (opcode) {
      case MEMBER_OPCODE.PeerMessage:
        this.peers.arrived(this, argument);
        return;
      case MEMBER_OPCODE.PeerStep:
        this.peers.step(this, argument);
        return;
      case MEMBER_OPCODE.Request:
        this.requests.arrived(argument);
        return;
      case MEMBER_OPCODE.RequestReady:
        this.requests.decoded(argument);
        return;
      case MEMBER_OPCODE.RangeDone:
        this.requests.rangeDone(argument);
        return;
      case MEMBER_OPCODE.Watch:
        this.watchServer.create(this.watchInbox.take(argument));
        return;
      case MEMBER_OPCODE.WatchRetry:
        this.watchServer.retry(argument);
        return;
      case MEMBER_OPCODE.ProgressRequest:
        this.watchServer.progress.requested(this.progressInbox.take(argument));
        return;
      case MEMBER_OPCODE.WatchProgress:
        this.watchServer.progress.tick(argument);
        return;
    }
    if (argument === this.incarnation) this.handleTimer(opcode);
  }

  /** Events of the process itself: those of an earlier life do not come here. */
  private handleTimer(opcode: number): void {
    switch (opcode) {
      case MEMBER_OPCODE.Tick:
        this.tick();
        break;
      case MEMBER_OPCODE.ReadyPrepared:
        this.loop.prepared();
        return;
      case MEMBER_OPCODE.ReadySynced:
        this.loop.synced();
        return;
      case MEMBER_OPCODE.Applied:
        this.applier.finish();
        break;
      case MEMBER_OPCODE.BatchTimer:
        this.applier.batchTimer();
        return;
      case MEMBER_OPCODE.BackendPagesSynced:
        this.applier.pagesSynced();
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
      case MEMBER_OPCODE.CorruptionCheck:
        this.corruption.begin();
        return;
      case MEMBER_OPCODE.HashesCompared:
        this.corruption.finish();
        break;
      case MEMBER_OPCODE.PeersCompared:
        this.startup.compared();
        break;
      case MEMBER_OPCODE.Gone:
        this.leave();
        return;
      case MEMBER_OPCODE.Victims:
        this.watchServer.retryVictims();
        return;
      case MEMBER_OPCODE.LeaseScan:
        this.leases.scan();
        break;
      case MEMBER_OPCODE.DefragmentDone:
        defragmented(this);
        return;
      case MEMBER_OPCODE.PeerProbe:
        this.peers.probe(this);
        this.simulation.post(PEER_PROBE_INTERVAL, this.target, MEMBER_OPCODE.PeerProbe, this.incarnation);
        return;
      case MEMBER_OPCODE.AdvanceTicks:
        this.startup.advanceTicks();
        return;
      case MEMBER_OPCODE.Booted:
        this.startup.replayed();
        break;
      case MEMBER_OPCODE.Serve:
        this.serving = true;
        return;
    }
    if (this.running) this.loop.pump();
  }

  private tick(): void {
    const { now } = this.simulation;
    if (this.isLeader && now - this.lastTick > LATE_HEARTBEAT * this.spec.heartbeatInterval) {
      this.metrics.serverHeartbeatSendFailuresTotal++;
    }
    this.lastTick = now;
    this.simulation.post(this.spec.heartbeatInterval, this.target, MEMBER_OPCODE.Tick, this.incarnation);
    this.node.tick();
  }

  /** An election timeout in ticks. */
  get electionTicks(): number {
    return Math.round(this.spec.electionTimeout / this.spec.heartbeatInterval);
  }

  /** A configuration change is applied; a member that finds itself outside stops for good. */
  applyConfChange(change: ConfChange, index: number): void {
    this.confState = this.node.applyConfChange(change);
    this.loop.confChangeApplied(index);
    for (const { type, node } of change.changes) if (type === ConfChangeType.RemoveNode) this.removedIds.add(node);
    if (this.removedIds.has(this.id)) this.leave();
  }

  /** The member is no longer of the cluster: it stops for good. */
  private leave(): void {
    this.removed = true;
    this.crash();
  }

  /** Keeps the log in memory short, as etcd does every 100 applied entries. */
  entryApplied({ index }: Entry): void {
    if (index % MEMORY_SNAPSHOT_COUNT !== 0 || index > this.storage.lastIndex()) return;
    this.storage.createSnapshot(index, this.confState, null, this.store.size);
    const keep = this.spec.snapshotCatchUpEntries ?? CATCH_UP_ENTRIES;
    if (index > keep) this.storage.compact(index - keep);
  }

  /** Replaces log and store by the leader's snapshot. */
  restoreFrom(snapshot: Snapshot): void {
    restoreSnapshot(this, snapshot);
  }

  /** Begins to count anew. */
  resetMetrics(): void {
    this.metrics = this.metrics.restarted(this.processor.used);
    this.takeSample();
  }
}
