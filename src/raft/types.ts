/**
 * The vocabulary of the consensus protocol: etcd's raft v3.6 as a state machine without clock, input or output.
 *
 * Conventions:
 * - Nodes are small positive integers; 0 means "no node". Terms and indexes are integers from 1; 0 means "none".
 * - An entry carries an opaque payload and its encoded length in bytes, so that nothing is ever encoded.
 * - Entries, snapshots and messages are immutable once they have left the node; receivers share them.
 * - Every object has all its fields at all times (one hidden class per kind): this is a hot path.
 */

/** No node: no leader known, no vote cast. */
export const NONE = 0;
/** Addressee of storage appends under asynchronous storage writes (2^64-1 in etcd). */
export const APPEND_THREAD = -1;
/** Addressee of storage applies under asynchronous storage writes (2^64-2 in etcd). */
export const APPLY_THREAD = -2;
/** "Unlimited" for every byte limit. */
export const NO_LIMIT = Number.MAX_SAFE_INTEGER;
/** Context of a vote request of a campaign that a leader transfer started: it overrides leader stickiness. */
export const CAMPAIGN_TRANSFER = 'CampaignTransfer';

/** Message kinds, with the numbers of etcd's `raftpb.MessageType`. */
export const MessageType = {
  Hup: 0,
  Beat: 1,
  Prop: 2,
  App: 3,
  AppResp: 4,
  Vote: 5,
  VoteResp: 6,
  Snap: 7,
  Heartbeat: 8,
  HeartbeatResp: 9,
  Unreachable: 10,
  SnapStatus: 11,
  CheckQuorum: 12,
  TransferLeader: 13,
  TimeoutNow: 14,
  ReadIndex: 15,
  ReadIndexResp: 16,
  PreVote: 17,
  PreVoteResp: 18,
  StorageAppend: 19,
  StorageAppendResp: 20,
  StorageApply: 21,
  StorageApplyResp: 22,
  ForgetLeader: 23,
} as const;

export const EntryType = { Normal: 0, ConfChange: 1, ConfChangeV2: 2 } as const;

export const Role = { Follower: 0, Candidate: 1, Leader: 2, PreCandidate: 3 } as const;

/** Outcome of a step or proposal; the texts are in {@link STEP_ERROR_TEXT}. */
export const StepError = { None: 0, ProposalDropped: 1, PeerNotFound: 2, LocalMessage: 3 } as const;

export const STEP_ERROR_TEXT: readonly string[] = [
  '',
  'raft proposal dropped',
  'raft: cannot step as peer not found',
  'raft: cannot step raft local message',
];

/** Results of {@link Storage.term} and {@link Storage.entries} when there is no answer: negative, so never a term. */
export const StorageError = { Compacted: -1, Unavailable: -2 } as const;

/** One log entry. `data` is opaque except for configuration changes, where it is a {@link ConfChange} (or null: empty). */
export interface Entry {
  /** Set by the leader that appends it. */
  term: number;
  /** Set by the leader that appends it. */
  index: number;
  /** One of {@link EntryType}. */
  type: number;
  data: unknown;
  /** Encoded bytes of `data`; -1: no data at all (nil), which is 2 bytes shorter on the wire than empty data. */
  dataLength: number;
}

/** One message between nodes, or to and from a node's storage threads. Unused fields hold 0, '', null or {@link NO_ENTRIES}. */
export interface Message {
  /** One of {@link MessageType}. */
  type: number;
  to: number;
  from: number;
  /** 0 on messages that are not about a term: proposals and read requests. */
  term: number;
  logTerm: number;
  index: number;
  commit: number;
  /** Storage appends only: the vote to persist. */
  vote: number;
  entries: readonly Entry[];
  reject: boolean;
  rejectHint: number;
  /** Read request context, or {@link CAMPAIGN_TRANSFER}; '' for none. */
  context: string;
  snapshot: Snapshot | null;
  /** Storage messages only: to be delivered once the write is durable (applied), in this order. */
  responses: readonly Message[];
}

export const NO_ENTRIES: readonly Entry[] = Object.freeze([]) as readonly Entry[];
export const NO_MESSAGES: readonly Message[] = Object.freeze([]) as readonly Message[];

/** What must be durable before messages that depend on it leave. */
export interface HardState {
  term: number;
  vote: number;
  commit: number;
}

/** Volatile: who leads, and the own {@link Role}. */
export interface SoftState {
  lead: number;
  role: number;
}

/** Membership as it is stored with a snapshot. Ids ascending. */
export interface ConfState {
  readonly voters: readonly number[];
  readonly learners: readonly number[];
  /** The outgoing half of a joint configuration; empty outside one. */
  readonly votersOutgoing: readonly number[];
  /** Voters of the outgoing half that become learners when the joint configuration is left. */
  readonly learnersNext: readonly number[];
  readonly autoLeave: boolean;
}

export interface Snapshot {
  readonly index: number;
  readonly term: number;
  readonly confState: ConfState;
  /** The application's state; opaque. */
  readonly data: unknown;
  /** Bytes of `data`. */
  readonly dataLength: number;
}

/** An index up to which the state machine must be applied before the read with this context may be answered. */
export interface ReadState {
  readonly index: number;
  readonly context: string;
}

export const ConfChangeType = { AddNode: 0, RemoveNode: 1, UpdateNode: 2, AddLearnerNode: 3 } as const;
/** How to go through a joint configuration: only if needed; leave it by itself; leave it by an explicit empty change. */
export const ConfChangeTransition = { Auto: 0, JointImplicit: 1, JointExplicit: 2 } as const;

export interface ConfChangeSingle {
  /** One of {@link ConfChangeType}. */
  readonly type: number;
  /** 0: the application refused this change; it is skipped. */
  readonly node: number;
}

/**
 * A configuration change: the `data` of entries of type ConfChange (exactly one change, old format) and ConfChangeV2. No changes and
 * an automatic transition: leave the joint configuration.
 */
export interface ConfChange {
  /** One of {@link ConfChangeTransition}. */
  readonly transition: number;
  readonly changes: readonly ConfChangeSingle[];
  /** The application's own; opaque. */
  readonly context: unknown;
}

/** A source of random integers in [0, bound), for election timeouts. One draw at creation and at every change of role or term. */
export interface RandomSource {
  next(bound: number): number;
}

/**
 * The stable part of the log. The node reads it; the application writes it. Implementations must answer from memory: etcd keeps its log
 * in a MemoryStorage beside the WAL.
 */
export interface Storage {
  /** Hard state and membership to start from. */
  initialHardState(): HardState;
  initialConfState(): ConfState;
  /**
   * Entries [lo, hi), at least one if there is any, cut so that the encoded size stays within maxSize; a {@link StorageError} when lo is
   * compacted or hi beyond the end. The array is the caller's.
   */
  entries(lo: number, hi: number, maxSize: number): Entry[] | number;
  /** Term of entry `index` in [firstIndex-1, lastIndex], else a {@link StorageError}. */
  term(index: number): number;
  lastIndex(): number;
  firstIndex(): number;
  /** The newest snapshot; null while it is being prepared (temporarily unavailable). */
  snapshot(): Snapshot | null;
}

/** Configuration with etcd's `raft.Config` names and meanings. Ticks are logical; bytes are encoded bytes. */
export interface Config {
  /** Own id, > 0. */
  readonly id: number;
  /** Ticks without hearing from a leader before campaigning (a random 0..electionTick-1 is added). */
  readonly electionTick: number;
  /** Ticks between heartbeats; must be below electionTick. */
  readonly heartbeatTick: number;
  readonly storage: Storage;
  readonly random: RandomSource;
  /** Last index the application has applied (restart); 0: from the snapshot on. */
  readonly applied: number;
  /** Messages to the own storage threads instead of the synchronous Ready/Advance hand-shake. */
  readonly asyncStorageWrites: boolean;
  /** Byte limit of the entries in one append message; 0: one entry each; NO_LIMIT. */
  readonly maxSizePerMsg: number;
  /** Byte limit of the committed entries in one Ready; 0: as maxSizePerMsg. */
  readonly maxCommittedSizePerReady: number;
  /** Payload byte limit of the leader's uncommitted tail; proposals beyond it are dropped; 0: unlimited. */
  readonly maxUncommittedEntriesSize: number;
  /** Append messages in flight per follower; > 0. */
  readonly maxInflightMsgs: number;
  /** Payload bytes in flight per follower; 0: unlimited, else at least maxSizePerMsg. */
  readonly maxInflightBytes: number;
  /** A leader steps down when it has not heard from a quorum for an election timeout, and followers stick to a live leader. */
  readonly checkQuorum: boolean;
  readonly preVote: boolean;
  /** Answer reads from the leader's lease (needs checkQuorum) instead of a heartbeat round. */
  readonly readOnlyLeaseBased: boolean;
  readonly disableProposalForwarding: boolean;
  readonly disableConfChangeValidation: boolean;
  /** A leader that is removed or demoted steps down when the change is applied. */
  readonly stepDownOnRemoval: boolean;
  /**
   * Of acknowledgements that follow one another only the last is made, for applications that send no other. What a leader
   * acknowledges to itself is one message too, which counts as all of them.
   */
  readonly mergeAcknowledgements?: boolean;
  /**
   * Objects are used again, for applications that keep no Ready beyond `advance` and give messages back (`release`). Synchronous
   * storage only.
   */
  readonly reuse?: boolean;
}

/**
 * What the application must do next. Synchronous storage: persist `hardState`, `snapshot` and `entries` (with fsync when `mustSync`), send
 * `messages` in order (a leader's appends may leave before the fsync, see {@link ConsensusNode.ready}), apply `committedEntries`, then
 * call `advance`. Asynchronous: deliver the messages to APPEND_THREAD and APPLY_THREAD to the two queues; everything is in them.
 */
export interface Ready {
  /** Null: unchanged since the last Ready. */
  readonly softState: SoftState | null;
  /** Null: unchanged since the last Ready. */
  readonly hardState: HardState | null;
  readonly readStates: readonly ReadState[];
  /** To be made durable before the messages leave. */
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | null;
  /** To be applied; already durable (synchronous mode: durable once `entries` of this Ready are). */
  readonly committedEntries: readonly Entry[];
  readonly messages: readonly Message[];
  /** An fsync is needed: there are entries, or term or vote changed. A changed commit alone needs none. */
  readonly mustSync: boolean;
}

/** Read access to what a leader knows about one peer (`tracker.Progress`). */
export interface ProgressView {
  readonly match: number;
  readonly next: number;
  /** 0 probe, 1 replicate, 2 snapshot. */
  readonly state: number;
  readonly pendingSnapshot: number;
  readonly recentActive: boolean;
  readonly isLearner: boolean;
  /** Appends are held back until an answer or a heartbeat's answer comes (`MsgAppFlowPaused`). */
  readonly appendPaused: boolean;
  /** Append messages on their way. */
  readonly inflightCount: number;
  /** No append is sent until an answer comes. */
  isPaused(): boolean;
}

export interface Status {
  readonly id: number;
  readonly term: number;
  readonly vote: number;
  readonly commit: number;
  readonly applied: number;
  readonly lead: number;
  /** One of {@link Role}. */
  readonly role: number;
  readonly leadTransferee: number;
  readonly confState: ConfState;
  /** On a leader: progress by id, ascending; else empty. */
  readonly progress: ReadonlyMap<number, ProgressView>;
}

/**
 * One member of a raft group, driven by its application; {@link RawNode} implements it. Methods returning a number return a
 * {@link StepError}. Nothing is re-entrant; nothing waits.
 */
export interface ConsensusNode {
  readonly id: number;
  /** Cheap reads for every-event use (`status` allocates). */
  readonly term: number;
  readonly lead: number;
  readonly role: number;
  readonly commit: number;
  readonly applied: number;
  /** Index of the last entry, including those not yet durable. */
  readonly lastIndex: number;
  /** Starts a fresh group: one committed ConfChange entry per peer at term 1. The storage must be empty (else throws RangeError). */
  bootstrap(peers: readonly number[]): void;
  /** Advances the logical clock by one tick. */
  tick(): void;
  /** Skips ticks without campaigning or heartbeats (etcd's initial election tick advance). */
  advanceElectionClock(ticks: number): void;
  campaign(): number;
  /** Proposes one payload; forwarded to the leader if the node follows one. Refused: ProposalDropped. */
  propose(data: unknown, dataLength: number): number;
  /** Proposes several payloads in one message, all or none. The entries are taken over: term and index are filled in. */
  proposeBatch(entries: Entry[]): number;
  /** `v1`: the old format, exactly one change. `dataLength`: encoded bytes. */
  proposeConfChange(change: ConfChange, dataLength: number, v1: boolean): number;
  /** Must be called for every committed configuration change entry, in order; a refused change is passed with `node: 0`. */
  applyConfChange(change: ConfChange): ConfState;
  /** Handles a message from the network (or, asynchronous mode, from an own storage thread). */
  step(message: Message): number;
  /** A message from the network is stepped and nobody keeps it: its object may be used again. */
  release(message: Message): void;
  /** Whether `ready` would return something. */
  hasReady(): boolean;
  /**
   * The next Ready, accepted: the node counts on it being handled, then `advance` (synchronous mode only). etcd's leader sends its
   * append messages in parallel with its own fsync; followers and candidates send only after theirs.
   */
  ready(): Ready;
  /** Synchronous mode: the last Ready is persisted and applied. */
  advance(): void;
  /** Asks for a read index; the answer comes in `readStates` of a later Ready, or never. */
  readIndex(context: string): void;
  transferLeader(to: number): void;
  /** A follower forgets its leader without changing term (no-op with lease-based reads). */
  forgetLeader(): number;
  /** The last message to this peer was not sent. */
  reportUnreachable(id: number): void;
  /** The snapshot to this peer arrived (false) or failed. */
  reportSnapshot(id: number, failed: boolean): void;
  status(): Status;
  /** On a leader: what it knows of this peer. */
  progress(id: number): ProgressView | undefined;
}
