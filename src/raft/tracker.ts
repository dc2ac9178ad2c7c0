import { Progress } from './progress.js';
import { type Acknowledged, jointCommitted, jointVote, majorityMatched, VoteResult } from './quorum.js';
import type { ConfState } from './types.js';

/** A membership: immutable lists of ids, ascending. `outgoing` is empty unless the configuration is joint. */
export interface Membership {
  readonly voters: readonly number[];
  readonly outgoing: readonly number[];
  readonly learners: readonly number[];
  readonly learnersNext: readonly number[];
  readonly autoLeave: boolean;
}

export const NO_MEMBERSHIP: Membership = Object.freeze({
  voters: Object.freeze([]) as readonly number[],
  outgoing: Object.freeze([]) as readonly number[],
  learners: Object.freeze([]) as readonly number[],
  learnersNext: Object.freeze([]) as readonly number[],
  autoLeave: false,
});

/** The membership with a leader's knowledge of each member, and a candidate's votes. */
export class Tracker implements Acknowledged {
  membership: Membership = NO_MEMBERSHIP;
  readonly maxInflight: number;
  readonly maxInflightBytes: number;
  /** Members by id. */
  members = new Map<number, Progress>();
  /** Ids of all members, ascending, and their progress at the same positions. */
  ids: number[] = [];
  list: Progress[] = [];
  /** Progress of the incoming voters. */
  private voters: Progress[] = [];
  /** All voters of both halves, ascending. */
  voterIds: readonly number[] = [];
  private votes = new Map<number, boolean>();

  constructor(maxInflight: number, maxInflightBytes: number) {
    this.maxInflight = maxInflight;
    this.maxInflightBytes = maxInflightBytes;
  }

  /** Switches to this membership and these members. */
  install(membership: Membership, members: Map<number, Progress>): void {
    this.membership = membership;
    this.members = members;
    this.ids = [...members.keys()].sort((a, b) => a - b);
    this.list = this.ids.map((id) => members.get(id)!);
    this.voters = membership.voters.map((id) => members.get(id)!);
    const voters = new Set([...membership.voters, ...membership.outgoing]);
    this.voterIds = [...voters].sort((a, b) => a - b);
  }

  newProgress(next: number, isLearner: boolean): Progress {
    return new Progress(next, isLearner, this.maxInflight, this.maxInflightBytes);
  }

  /** A handful of members: looking at each is quicker than any table. */
  progress(id: number): Progress | undefined {
    const { ids } = this;
    for (let i = 0; i < ids.length; i++) if (ids[i] === id) return this.list[i];
    return undefined;
  }

  acknowledged(id: number): number {
    const progress = this.progress(id);
    return progress === undefined ? 0 : progress.match;
  }

  /** The highest index on a quorum. */
  committed(): number {
    if (this.membership.outgoing.length === 0) return majorityMatched(this.voters);
    return jointCommitted(this.membership.voters, this.membership.outgoing, this);
  }

  isSingleton(): boolean {
    return this.membership.voters.length === 1 && this.membership.outgoing.length === 0;
  }

  isJoint(): boolean {
    return this.membership.outgoing.length > 0;
  }

  /** Whether a quorum was heard from since the last check. */
  quorumActive(): boolean {
    const votes = new Map<number, boolean>();
    for (let i = 0; i < this.ids.length; i++) {
      const progress = this.list[i]!;
      if (!progress.isLearner) votes.set(this.ids[i]!, progress.recentActive);
    }
    return this.voteResult(votes) === VoteResult.Won;
  }

  resetVotes(): void {
    this.votes.clear();
  }

  /** The first vote of each node counts. */
  recordVote(id: number, granted: boolean): void {
    if (!this.votes.has(id)) this.votes.set(id, granted);
  }

  tally(): number {
    return this.voteResult(this.votes);
  }

  voteResult(votes: ReadonlyMap<number, boolean>): number {
    return jointVote(this.membership.voters, this.membership.outgoing, votes);
  }

  confState(): ConfState {
    const { voters, outgoing, learners, learnersNext, autoLeave } = this.membership;
    return { voters, learners, votersOutgoing: outgoing, learnersNext, autoLeave };
  }
}
