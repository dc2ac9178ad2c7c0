import type { Member } from '../../../src/etcd/member.js';
import type { HardState, RawNode, Ready } from '../../../src/raft/index.js';
import type { Checker, Subject, Surroundings } from '../../raft/checkers/checker.js';
import { Durability } from '../../raft/checkers/durability.js';
import { ElectionSafety } from '../../raft/checkers/election-safety.js';
import { LeaderAppendOnly } from '../../raft/checkers/leader-append-only.js';
import { LeaderCompleteness } from '../../raft/checkers/leader-completeness.js';
import { LogMatching } from '../../raft/checkers/log-matching.js';
import { MonotonicState } from '../../raft/checkers/monotonic-state.js';
import { StateMachineSafety } from '../../raft/checkers/state-machine-safety.js';

/** An etcd member as the checkers of raft see it. */
export class RaftView implements Subject {
  private readonly member: Member;
  private seen = '';

  constructor(member: Member) {
    this.member = member;
  }

  get id(): number {
    return this.member.id;
  }

  get node(): RawNode | null {
    return this.member.running ? this.member.node : null;
  }

  get disk(): Subject['disk'] {
    const { wal, applier } = this.member;
    const hardState: HardState = wal.durable;
    return {
      hardState,
      // A commit that was not synced is not known to a restarted node, even if the backend is ahead of it.
      applied: { applied: Math.min(applier.consistentIndex, hardState.commit) },
      holds: (term, index) => wal.holds(term, index),
    };
  }

  get store(): Subject['store'] {
    const { applier, store } = this.member;
    return { applied: applier.appliedIndex, revision: store.revision, commands: [], values: [] };
  }

  /** Whether anything that checkers look at has changed. */
  changed(): boolean {
    const { term, role, commit, applied, lastIndex } = this.member.node;
    const now = `${this.member.incarnation} ${term} ${role} ${commit} ${applied} ${lastIndex}`;
    const changed = now !== this.seen;
    this.seen = now;
    return changed;
  }
}

/** Raft's promises, on the members of an etcd cluster. The key-value store has checkers of its own. */
export class RaftInvariants {
  private readonly checkers: readonly Checker[] = [
    new ElectionSafety(),
    new LeaderAppendOnly(),
    new LogMatching(),
    new LeaderCompleteness(),
    new StateMachineSafety(),
    new MonotonicState(),
    new Durability(),
  ];
  private readonly views: RaftView[] = [];

  view(member: Member): RaftView {
    return (this.views[member.index] ??= new RaftView(member));
  }

  each(call: (checker: Checker) => void): void {
    for (const checker of this.checkers) call(checker);
  }

  observed(member: Member): void {
    const view = this.view(member);
    if (!view.changed()) return;
    const group: Surroundings = { members: this.views, operations: [] };
    for (const checker of this.checkers) checker.observed(view, group);
  }

  /** A Ready is about to be written. */
  ready(member: Member, entries: Ready['entries']): void {
    const ready = { entries } as Ready;
    for (const checker of this.checkers) checker.ready(this.view(member), ready);
  }
}
