import type { Duration } from '../kernel/time.js';
import type { Member } from './member.js';
import { MEMBER_OPCODE } from './opcodes.js';

/**
 * Corruption checks (etcdserver/corrupt.go): members that hold other data than their peers at the same revision, with the same
 * compaction behind it. A starting member compares itself with its peers before it takes part (`--initial-corrupt-check`); the
 * leader compares all members at an interval (`--corrupt-check-time`) and raises the alarm CORRUPT, which stops writes.
 */
export class CorruptionCheck {
  private readonly member: Member;
  /** The check in progress: revision, compacted revision and hash of this member at its beginning. */
  private revision = 0;
  private compactRevision = 0;
  private hash: number | undefined;

  constructor(member: Member) {
    this.member = member;
  }

  /** A process begins: schedules its first check, if there are to be any. */
  restart(): void {
    const { member } = this;
    const interval = member.spec.corruptCheckTime;
    if (interval === undefined) return;
    member.simulation.post(interval, member.target, MEMBER_OPCODE.CorruptionCheck, member.incarnation);
  }

  /** The interval is over: a leader asks its peers for their hashes. */
  begin(): void {
    const { member } = this;
    this.restart();
    if (!member.isLeader) return;
    const wait = this.ask();
    member.simulation.post(wait, member.target, MEMBER_OPCODE.HashesCompared, member.incarnation);
  }

  /** The answers are there. A member whose data differs raises the alarm. */
  finish(): void {
    const { member } = this;
    if (member.isLeader && !member.store.corrupt && this.differing().length > 0)
      member.proposals.submitOwn({ op: 'alarm', alarm: 'CORRUPT', active: true });
  }

  /** Notes the own hash and asks the peers for theirs; returns when the last answer is there. */
  ask(): Duration {
    const { member } = this;
    const { store, simulation, processor, costs } = member;
    this.revision = store.revision;
    this.compactRevision = store.compactRevision;
    this.hash = store.hash(this.revision);
    let end = processor.reserve(simulation.now, costs.rangeCpu);
    for (const peer of member.peers.reachable(member)) {
      const answered =
        peer.processor.reserve(simulation.now, peer.costs.rangeCpu) + member.peers.roundTrip(member, peer);
      if (answered > end) end = answered;
    }
    return end - simulation.now;
  }

  /** The peers that hold other data; those at another compaction, or behind, cannot be compared. */
  differing(): Member[] {
    const { member, revision, compactRevision } = this;
    return member.peers.reachable(member).filter(({ store }) => {
      if (store.compactRevision !== compactRevision) return false;
      const hash = store.hash(revision);
      return hash !== undefined && hash !== this.hash;
    });
  }
}
