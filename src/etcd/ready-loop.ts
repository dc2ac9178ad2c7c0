import type { Time } from '../kernel/time.js';
import { type Entry, EntryType, type Message, NONE, type Ready, Role } from '../raft/index.js';
import { Sampler } from '../random/distribution.js';
import type { Member } from './member.js';
import { MEMBER_OPCODE } from './opcodes.js';

/**
 * etcd's raft loop (etcdserver/raft.go, start): one Ready after the other. Committed entries go to the apply side at once; a
 * leader sends before its own fsync, others after theirs; the next Ready waits until this one is durable, so that everything
 * proposed meanwhile shares the next fsync.
 */
export class ReadyLoop {
  lead = NONE;
  leading = false;
  /** When the member last learned of a new leader. */
  leaderElectedAt: Time = Number.NEGATIVE_INFINITY;
  /** Highest index that raft has reported as committed. */
  committedIndex = 0;
  private readonly member: Member;
  private ready: Ready | null = null;
  /** Index of a configuration change that must be applied before this Ready's messages leave; 0: none. */
  private awaited = 0;
  private readonly fsync: Sampler;

  constructor(member: Member) {
    this.member = member;
    this.fsync = new Sampler(member.costs.fsync);
  }

  /** A new process begins. */
  restart(): void {
    this.lead = NONE;
    this.leading = false;
    this.ready = null;
    this.awaited = 0;
    this.committedIndex = this.member.node.commit;
  }

  /** Forgets the Ready in work, as a crash does. */
  clear(): void {
    this.ready = null;
    this.awaited = 0;
  }

  /** Starts the next Ready when there is one and the last is advanced. */
  pump(): void {
    const { member } = this;
    if (this.ready !== null || !member.node.hasReady()) return;
    const ready = member.node.ready();
    this.ready = ready;
    const { now } = member.simulation;
    const end = member.processor.reserve(now, member.costs.readyCpu + member.costs.entryCpu * ready.entries.length);
    if (end === now) this.prepared();
    else member.simulation.postAt(end, member.target, MEMBER_OPCODE.ReadyPrepared, member.incarnation);
  }

  /** First half of a Ready: hand over what is committed, send as leader, start the write to the log. */
  prepared(): void {
    const { member } = this;
    const ready = this.ready!;
    const { softState, committedEntries } = ready;
    if (softState !== null) this.softStateChanged(softState.lead, softState.role === Role.Leader);
    if (ready.readStates.length > 0) {
      const last = ready.readStates[ready.readStates.length - 1]!;
      member.reads.readState(last.context, last.index);
    }
    if (committedEntries.length > 0) this.committed(committedEntries);
    // The leader's messages leave in parallel with its own write (Ongaro's thesis, 10.2.1).
    if (this.leading && member.costs.leaderWaitsForFsync !== true) member.peers.sendAll(member, ready.messages);
    if (!ready.mustSync && ready.snapshot === null) {
      this.synced();
      return;
    }
    const { bytes, syncs } = member.wal.save(ready.entries, ready.hardState !== null);
    member.metrics.diskWalWriteBytesTotal += bytes;
    let work = Math.max(0, ready.entries.length - 1) * (member.costs.fsyncPerEntry ?? 0);
    for (let i = 0; i < syncs; i++) work += this.fsync.next(member.diskStream);
    const { now } = member.simulation;
    const end = member.logDisk.operate(now, work);
    const duration = end - now;
    member.metrics.diskWalFsyncDurationSeconds.observe(duration);
    member.sample.fsync.observe(duration);
    member.simulation.postAt(end, member.target, MEMBER_OPCODE.ReadySynced, member.incarnation);
  }

  /** Second half: the log is durable; followers answer only now. */
  synced(): void {
    const { member } = this;
    const ready = this.ready!;
    if (ready.snapshot !== null) member.restoreFrom(ready.snapshot);
    if (ready.hardState !== null) {
      member.storage.setHardState(ready.hardState);
      member.wal.buffer(ready.hardState);
    }
    if (ready.mustSync || ready.snapshot !== null) member.wal.sync(ready.entries);
    if (ready.entries.length > 0) member.storage.append(ready.entries);
    if (this.leading) {
      if (member.costs.leaderWaitsForFsync === true) member.peers.sendAll(member, ready.messages);
    } else {
      // A vote or an acknowledgement must not count under a membership that is already superseded.
      this.awaited = lastConfChange(ready.committedEntries);
      if (this.awaited > member.applier.appliedIndex) return;
      member.peers.sendAll(member, ready.messages);
    }
    this.advance();
  }

  /** A configuration change is applied: messages that waited for it leave. */
  confChangeApplied(index: number): void {
    if (this.ready === null || this.awaited === 0 || index < this.awaited) return;
    this.member.peers.sendAll(this.member, this.ready.messages);
    this.advance();
  }

  /** Handles all Readys at once, without time or disk: the election of a warm start. Returns the messages to others. */
  settle(): Message[] {
    const { member } = this;
    const messages: Message[] = [];
    while (member.node.hasReady()) {
      const ready = member.node.ready();
      if (ready.softState !== null) this.softStateChanged(ready.softState.lead, ready.softState.role === Role.Leader);
      if (ready.hardState !== null) {
        member.storage.setHardState(ready.hardState);
        member.wal.buffer(ready.hardState);
      }
      member.storage.append(ready.entries);
      member.wal.sync(ready.entries);
      for (const entry of ready.committedEntries) {
        member.applier.appliedIndex = entry.index;
        this.committedIndex = entry.index;
      }
      messages.push(...ready.messages);
      member.node.advance();
    }
    return messages;
  }

  private advance(): void {
    this.awaited = 0;
    this.member.node.advance();
    this.ready = null;
    this.pump();
  }

  private committed(entries: readonly Entry[]): void {
    const last = entries[entries.length - 1]!.index;
    if (last > this.committedIndex) this.committedIndex = last;
    this.member.metrics.serverProposalsCommittedTotal = this.committedIndex;
    this.member.applier.push(entries);
  }

  private softStateChanged(lead: number, leading: boolean): void {
    const { member } = this;
    if (lead !== this.lead) {
      if (lead !== NONE) {
        member.metrics.serverLeaderChangesSeenTotal++;
        this.leaderElectedAt = member.simulation.now;
      }
      this.lead = lead;
      member.reads.leaderChanged();
    }
    if (leading !== this.leading) {
      this.leading = leading;
      if (leading) member.leases.promote();
      else member.leases.demote();
    }
    if (lead !== NONE) member.proposals.leaderKnown();
  }
}

function lastConfChange(entries: readonly Entry[]): number {
  for (let i = entries.length - 1; i >= 0; i--) if (entries[i]!.type !== EntryType.Normal) return entries[i]!.index;
  return 0;
}
