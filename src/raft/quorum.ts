/** Outcome of a vote so far. */
export const VoteResult = { Pending: 0, Lost: 1, Won: 2 } as const;

/** What is known of each node's acknowledged index. */
export interface Acknowledged {
  /** Highest acknowledged index of this node; 0 when it has said nothing. */
  acknowledged(id: number): number;
}

const EVERYTHING = Number.MAX_SAFE_INTEGER;

/** Scratch for sorting a handful of indexes: a commit is decided at every acknowledgement. */
const scratch: number[] = [];

/** The highest index that a majority of `voters` has acknowledged. No voters: no objection, the highest number there is. */
export function majorityCommitted(voters: readonly number[], acknowledged: Acknowledged): number {
  const count = voters.length;
  if (count === 0) return EVERYTHING;
  for (let i = 0; i < count; i++) {
    const index = acknowledged.acknowledged(voters[i]!);
    let at = i;
    while (at > 0 && scratch[at - 1]! > index) {
      scratch[at] = scratch[at - 1]!;
      at--;
    }
    scratch[at] = index;
  }
  return scratch[count - (Math.floor(count / 2) + 1)]!;
}

/** As `majorityCommitted`, of voters whose progress is at hand. */
export function majorityMatched(voters: readonly { readonly match: number }[]): number {
  const count = voters.length;
  if (count === 0) return EVERYTHING;
  for (let i = 0; i < count; i++) {
    const index = voters[i]!.match;
    let at = i;
    while (at > 0 && scratch[at - 1]! > index) {
      scratch[at] = scratch[at - 1]!;
      at--;
    }
    scratch[at] = index;
  }
  return scratch[(count - 1) >> 1]!;
}

/** Result of a vote among `voters`; no voters: won, so that an absent half of a joint configuration never decides. */
export function majorityVote(voters: readonly number[], votes: ReadonlyMap<number, boolean>): number {
  if (voters.length === 0) return VoteResult.Won;
  let granted = 0;
  let missing = 0;
  for (let i = 0; i < voters.length; i++) {
    const vote = votes.get(voters[i]!);
    if (vote === undefined) missing++;
    else if (vote) granted++;
  }
  const quorum = Math.floor(voters.length / 2) + 1;
  if (granted >= quorum) return VoteResult.Won;
  return granted + missing >= quorum ? VoteResult.Pending : VoteResult.Lost;
}

/** An index is committed in a joint configuration when both halves have it. */
export function jointCommitted(
  incoming: readonly number[],
  outgoing: readonly number[],
  acknowledged: Acknowledged,
): number {
  const first = majorityCommitted(incoming, acknowledged);
  if (outgoing.length === 0) return first;
  const second = majorityCommitted(outgoing, acknowledged);
  return Math.min(first, second);
}

/** A vote is won when both halves grant it, lost when one of them refuses. */
export function jointVote(
  incoming: readonly number[],
  outgoing: readonly number[],
  votes: ReadonlyMap<number, boolean>,
): number {
  const first = majorityVote(incoming, votes);
  const second = majorityVote(outgoing, votes);
  if (first === second) return first;
  return first === VoteResult.Lost || second === VoteResult.Lost ? VoteResult.Lost : VoteResult.Pending;
}
