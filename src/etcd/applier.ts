import { Fifo } from '../kernel/fifo.js';
import type { EventHandle } from '../kernel/simulation.js';
import { type Duration, MILLISECOND, type Time } from '../kernel/time.js';
import { type ConfChange, type ConfState, type Entry, EntryType } from '../raft/index.js';
import { Sampler } from '../random/distribution.js';
import { syncFile } from './backend-file.js';
import type { Command } from './command.js';
import type { Call } from './connection.js';
import type { Member } from './member.js';
import { MEMBER_OPCODE } from './opcodes.js';
import { type MemberRequest, OperationKind } from './operation.js';
import type { StoreMark } from './rollback.js';
import type { EtcdRequest, EtcdResponse, WatchEvent } from './types.js';
import type { Watcher } from './watch.js';

/** backend.go: a batch is committed when it holds this many operations, or this long after the last commit. */
export const BACKEND_BATCH_LIMIT = 10_000;
export const BACKEND_BATCH_INTERVAL = 100 * MILLISECOND;
/** --warning-apply-duration: an apply above it counts as slow. */
const SLOW_APPLY = 100 * MILLISECOND;
/** Entries that one event may apply when nobody waits for them one by one. */
const APPLY_CHUNK = 32;
/** mvcc/kvstore_compaction.go: versions removed per batch, and the pause between batches. */
const COMPACTION_BATCH = 1000;
const COMPACTION_PAUSE = 10 * MILLISECOND;

/** What the backend has on disk: its consistent index and the state of the store there. */
interface BackendMark {
  readonly index: number;
  readonly confState: ConfState;
  readonly store: StoreMark;
  /** Versions that scheduled compaction has still to delete. */
  readonly compactionLeft: number;
}

/**
 * The apply side of a member: committed entries in log order, one at a time, each into the store and its bbolt transaction,
 * then the answer and the watchers. A commit of the backend, or a defragmentation, holds the transaction's lock.
 */
export class Applier {
  appliedIndex = 0;
  private readonly member: Member;
  private readonly queue = new Fifo<Entry>();
  /** Entries that the apply in progress covers; 0: none in progress. */
  private applying = 0;
  private since: Time = -1;
  /** Operations in the open bbolt transaction, and whether one of them forces a commit. */
  private pending = 0;
  private mustCommit = false;
  private committing = false;
  /** The next commit ends a batch of a compaction; when that compaction began. */
  private compacting = false;
  private compactionStart: Time = 0;
  /** The commit in work: since when, and what its second sync takes. */
  private commitStart: Time = 0;
  private metaWork: Duration = 0;
  /** Anchor of the batch interval's grid. */
  private lastCommit: Time = 0;
  private timer: EventHandle = 0;
  /** A defragmentation holds all locks of the backend. */
  locked = false;
  /** Versions that scheduled compaction has still to delete. */
  private compactionLeft = 0;
  private readonly matched: Watcher[] = [];
  /** The last commit of the backend: where a restart begins. */
  private onDisk: BackendMark;
  private readonly backendCommit: Sampler;

  constructor(member: Member) {
    this.member = member;
    this.backendCommit = new Sampler(member.costs.backendCommit);
    this.onDisk = this.mark();
  }

  /** Index up to which the log's effects are in the backend's file. */
  get consistentIndex(): number {
    return this.onDisk.index;
  }

  /** Entries that are committed and wait. */
  get backlog(): number {
    return this.queue.length;
  }

  /** Takes over committed entries. */
  push(entries: readonly Entry[]): void {
    for (let i = 0; i < entries.length; i++) this.queue.push(entries[i]!);
    this.kick();
  }

  /** The apply in progress ends. */
  finish(): void {
    const { member } = this;
    const count = this.applying;
    this.applying = 0;
    const duration = (member.simulation.now - this.since) / count;
    this.since = -1;
    for (let i = 0; i < count; i++) {
      const entry = this.queue.shift()!;
      this.apply(entry);
      if (!member.running) return;
      if (entry.type === EntryType.Normal && entry.data !== null) {
        const { op } = (entry.data as Command).operation;
        member.metrics.observeApply(op, member.store.error === '', duration);
        if (duration > SLOW_APPLY) member.metrics.serverSlowApplyTotal++;
      }
    }
    if (member.reads.busy) member.reads.applied(this.appliedIndex);
    if (this.appliedIndex - member.wal.snapshotIndex > member.spec.snapshotCount) this.mustCommit = true;
    if (this.pending >= BACKEND_BATCH_LIMIT || this.mustCommit) this.commit();
    else if (this.pending > 0 && this.timer === 0) this.armTimer();
    this.kick(true);
  }

  /** The batch interval is over. */
  batchTimer(): void {
    this.timer = 0;
    if (this.pending === 0) return;
    if (this.applying > 0 || this.locked) this.mustCommit = true;
    else this.commit();
  }

  /** bbolt has synced the pages of the transaction; the page that makes them valid is written and synced next. */
  pagesSynced(): void {
    const { member } = this;
    const end = member.dataDisk.operate(member.simulation.now, this.metaWork);
    member.simulation.scheduleAt(end, member.target, MEMBER_OPCODE.BackendCommitted, member.incarnation);
  }

  /** The bbolt commit is on disk. */
  commitDone(): void {
    const { member } = this;
    const { now } = member.simulation;
    member.metrics.diskBackendCommitDurationSeconds.observe(now - this.commitStart);
    member.metrics.diskBackendCommitPages.observe(0);
    if (this.compacting) this.compactionCommitted(now);
    this.committing = false;
    this.lastCommit = now;
    this.committed();
    // A snapshot file goes with a commit, so that the backend is never behind the log's beginning.
    if (this.appliedIndex - member.wal.snapshotIndex > member.spec.snapshotCount) {
      member.wal.cut(this.appliedIndex, member.confState);
      member.metrics.snapFsyncDurationSeconds.observe(syncFile(member));
    }
    this.kick();
  }

  /** Everything applied so far is on disk. */
  committed(): void {
    this.onDisk = this.mark();
  }

  /** One batch of a scheduled compaction: the deletions are written and committed, then the next after a pause. */
  compactionStep(): void {
    if (this.compactionLeft === 0) return;
    const batch = Math.min(COMPACTION_BATCH, this.compactionLeft);
    this.compactionLeft -= batch;
    this.member.metrics.debuggingMvccDbCompactionKeysTotal += batch;
    this.compacting = true;
    this.pending++;
    if (this.applying > 0 || this.locked || this.committing) this.mustCommit = true;
    else this.commit();
    if (this.compactionLeft > 0) this.scheduleCompaction();
  }

  /** A defragmentation takes (or gives back) every lock of the backend. */
  setLocked(locked: boolean): void {
    this.locked = locked;
    if (!locked) {
      if (this.mustCommit && !this.committing) this.commit();
      this.kick();
    }
  }

  /** Forgets everything in memory, as a crash does: the store is what the last commit of the backend left. */
  clear(): void {
    const { member, onDisk } = this;
    member.store.rollback(onDisk.store);
    member.confState = onDisk.confState;
    this.appliedIndex = onDisk.index;
    this.queue.clear();
    this.applying = 0;
    this.since = -1;
    this.pending = 0;
    this.mustCommit = false;
    this.committing = false;
    this.compacting = false;
    this.locked = false;
    this.compactionLeft = onDisk.compactionLeft;
    member.simulation.cancel(this.timer);
    this.timer = 0;
  }

  /** A new process begins: a compaction that was interrupted goes on (kvstore.go, restore). */
  restart(): void {
    if (this.compactionLeft > 0) this.scheduleCompaction();
  }

  private mark(): BackendMark {
    const { member, appliedIndex, compactionLeft } = this;
    return { index: appliedIndex, confState: member.confState, store: member.store.mark(), compactionLeft };
  }

  /** Starts the next apply; `running`: the apply thread comes from the one before. */
  private kick(running = false): void {
    if (this.applying > 0 || this.queue.length === 0) return;
    const { member } = this;
    if (this.since < 0) this.since = member.simulation.now;
    if (this.committing || this.locked) return;
    const count = this.chunk();
    this.applying = count;
    const { now } = member.simulation;
    const cost = member.costs.applyCpu * count;
    const end = running ? member.processor.proceed(now, cost) : member.processor.reserve(now, cost);
    member.simulation.postAt(end, member.target, MEMBER_OPCODE.Applied, member.incarnation);
  }

  /** How many entries may be applied as one piece of work: more than one only when nobody can tell. */
  private chunk(): number {
    const { member } = this;
    if (member.watches.size > 0 || member.reads.busy) return 1;
    const most = Math.min(APPLY_CHUNK, this.queue.length);
    for (let i = 0; i < most; i++) {
      const entry = this.queue.at(i);
      const command = entry.data as Command | null;
      if (entry.type !== EntryType.Normal || command === null || command.origin === member.index)
        return i === 0 ? 1 : i;
    }
    return most;
  }

  private apply(entry: Entry): void {
    const { member } = this;
    // After a restart the log brings up again what the backend already holds (its consistent index), as does a snapshot.
    if (entry.index <= this.appliedIndex) return;
    this.appliedIndex = entry.index;
    member.metrics.serverProposalsAppliedTotal = entry.index;
    if (entry.type !== EntryType.Normal) {
      if (entry.data !== null) member.applyConfChange(entry.data as ConfChange, entry.index);
      if (!member.running) return;
    } else if (entry.data === null) {
      member.reads.firstCommitInTerm();
    } else {
      this.applyCommand(entry.data as Command);
    }
    member.entryApplied(entry);
  }

  private applyCommand(command: Command): void {
    const { member } = this;
    const { store } = member;
    store.apply(command);
    const { operation } = command;
    this.pending++;
    switch (operation.kind) {
      case OperationKind.Put:
        member.metrics.mvccPutTotal++;
        break;
      case OperationKind.Txn:
        member.metrics.mvccTxnTotal++;
        break;
      case OperationKind.Delete:
        member.metrics.mvccDeleteTotal++;
        break;
      default:
        this.appliedOther(command, operation.request!);
    }
    command.appliedBy(member.confState.voters.length);
    if (store.events.length > 0) this.notify(store.events, store.revision);
    if (command.origin !== member.index) return;
    const call = member.proposals.take(command);
    if (call !== null) this.answer(call);
  }

  /** What an operation means beside the store that is about no single key. */
  private appliedOther(command: Command, request: EtcdRequest | MemberRequest): void {
    const { member } = this;
    const { store } = member;
    switch (request.op) {
      case 'compact':
        if (store.error !== '') break;
        // The wanted revision is committed at once (kvstore.go, updateCompactRev), the versions before it go in batches.
        this.mustCommit = true;
        if (store.compacted > 0) {
          member.metrics.debuggingMvccIndexCompactionPauseMilliseconds.observe(0);
          if (this.compactionLeft === 0) this.compactionStart = member.simulation.now;
          this.compactionLeft += store.compacted;
          this.scheduleCompaction();
        }
        break;
      case 'leaseGrant':
        if (store.error === '') member.leases.granted(request.id);
        break;
      case 'leaseRevoke':
        // A bucket delete in bbolt, which has no read buffer in front: the transaction commits at its unlock.
        this.mustCommit = true;
        if (store.error === '') member.leases.revoked(request.id);
        else if (store.corrupt && command.call === null) member.leases.revokeFailed();
        break;
      case 'alarm':
        member.noSpaceRaised = store.noSpace;
        this.mustCommit ||= !request.active;
        break;
      case 'publish':
        if (command.origin === member.index && command.incarnation === member.incarnation) member.serving = true;
        break;
      default:
        break;
    }
  }

  private answer(call: Call): void {
    const { store } = this.member;
    let response: EtcdResponse;
    if (store.error !== '') response = { error: store.error, succeeded: false, revision: store.revision };
    else if (store.succeeded) response = { succeeded: true, revision: store.revision, count: store.events.length };
    else {
      const kvs = store.found === null ? [] : [store.found];
      response = { succeeded: false, revision: store.revision, kvs, count: kvs.length };
    }
    this.member.requests.answer(call, response);
  }

  /** Synced watchers learn of a revision at the end of its write transaction. */
  private notify(events: readonly WatchEvent[], revision: number): void {
    const { member, matched } = this;
    member.metrics.debuggingMvccEventsTotal += events.length;
    if (member.watches.size === 0) return;
    if (events.length === 1) {
      while (matched.length > 0) matched.pop();
      member.watches.matching(events[0]!.kv.key, matched, member.store.row, member.store.keys.era);
      for (let i = 0; i < matched.length; i++) member.watchServer.send(matched[i]!, events, revision);
      return;
    }
    const byWatcher = new Map<Watcher, WatchEvent[]>();
    for (const event of events) {
      while (matched.length > 0) matched.pop();
      member.watches.matching(event.kv.key, matched);
      for (const watcher of matched) {
        const own = byWatcher.get(watcher);
        if (own === undefined) byWatcher.set(watcher, [event]);
        else own.push(event);
      }
    }
    for (const [watcher, own] of byWatcher) member.watchServer.send(watcher, own, revision);
  }

  /** A batch of a compaction is on disk, perhaps the last one. */
  private compactionCommitted(now: Time): void {
    const { metrics } = this.member;
    this.compacting = false;
    metrics.debuggingMvccDbCompactionPauseMilliseconds.observeValue((now - this.commitStart) / MILLISECOND);
    if (this.compactionLeft > 0) return;
    metrics.debuggingMvccDbCompactionTotalMilliseconds.observeValue((now - this.compactionStart) / MILLISECOND);
  }

  private commit(): void {
    const { member } = this;
    this.pending = 0;
    this.mustCommit = false;
    this.committing = true;
    member.simulation.cancel(this.timer);
    this.timer = 0;
    const { now } = member.simulation;
    const work = this.backendCommit.next(member.diskStream);
    this.commitStart = now;
    this.metaWork = work / 2;
    const end = member.dataDisk.operate(now, work / 2);
    member.simulation.postAt(end, member.target, MEMBER_OPCODE.BackendPagesSynced, member.incarnation);
  }

  private armTimer(): void {
    const { member } = this;
    const { now } = member.simulation;
    const periods = Math.floor((now - this.lastCommit) / BACKEND_BATCH_INTERVAL) + 1;
    const at: Duration = this.lastCommit + periods * BACKEND_BATCH_INTERVAL;
    this.timer = member.simulation.scheduleAt(at, member.target, MEMBER_OPCODE.BatchTimer, member.incarnation);
  }

  private scheduleCompaction(): void {
    const { member } = this;
    member.simulation.post(COMPACTION_PAUSE, member.target, MEMBER_OPCODE.CompactionBatch, member.incarnation);
  }
}
