import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { jointCommitted, jointVote, majorityCommitted, majorityVote, VoteResult } from '../../src/raft/quorum.js';

/** Acknowledged indexes by id. */
class Acknowledgements {
  readonly indexes: ReadonlyMap<number, number>;

  constructor(indexes: ReadonlyMap<number, number>) {
    this.indexes = indexes;
  }

  acknowledged(id: number): number {
    return this.indexes.get(id) ?? 0;
  }
}

function acks(...indexes: number[]): Acknowledgements {
  return new Acknowledgements(new Map(indexes.map((index, position) => [position + 1, index])));
}

/** The definition: the highest index that more than half of the voters have reached. */
function committedByDefinition(voters: readonly number[], known: Acknowledgements): number {
  const candidates = voters.map((id) => known.acknowledged(id));
  const reached = (index: number) => voters.filter((id) => known.acknowledged(id) >= index).length * 2 > voters.length;
  return Math.max(0, ...candidates.filter(reached));
}

describe('quorum', () => {
  it('commits what a majority has', () => {
    assert.equal(majorityCommitted([1], acks(12)), 12);
    assert.equal(majorityCommitted([1, 2], acks(12, 5)), 5);
    assert.equal(majorityCommitted([1, 2, 3], acks(101, 102, 103)), 102);
    assert.equal(majorityCommitted([1, 2, 3], acks(101, 0, 103)), 101);
    assert.equal(majorityCommitted([1, 2, 3, 4], acks(101, 104, 103, 103)), 103);
    assert.equal(majorityCommitted([1, 2, 3, 4, 5], acks(5, 1, 4, 2, 3)), 3);
    assert.equal(majorityCommitted([], acks()), Number.MAX_SAFE_INTEGER);
  });

  it('commits in a joint configuration what both halves have', () => {
    assert.equal(jointCommitted([1, 2, 3], [4, 5, 6], acks(9, 9, 9, 1, 2, 3)), 2);
    assert.equal(jointCommitted([1, 2, 3], [], acks(9, 8, 7)), 8);
    assert.equal(jointCommitted([4], [1, 2, 3], acks(4, 5, 6, 2)), 2);
  });

  it('agrees with the definition for every group of up to nine', () => {
    const voters = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 9 });
    const known = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(voters, voters, known, (incoming, outgoing, indexes) => {
        const acknowledged = acks(...indexes);
        const first = committedByDefinition(incoming, acknowledged);
        assert.equal(majorityCommitted(incoming, acknowledged), first);
        const second = committedByDefinition(outgoing, acknowledged);
        assert.equal(jointCommitted(incoming, outgoing, acknowledged), Math.min(first, second));
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  it('wins, loses and waits', () => {
    const vote = (voters: number[], yes: number[], no: number[]) =>
      majorityVote(voters, new Map([...yes.map((id) => [id, true] as const), ...no.map((id) => [id, false] as const)]));
    assert.equal(vote([], [], []), VoteResult.Won);
    assert.equal(vote([1], [], []), VoteResult.Pending);
    assert.equal(vote([1], [1], []), VoteResult.Won);
    assert.equal(vote([1], [], [1]), VoteResult.Lost);
    assert.equal(vote([1, 2], [1], []), VoteResult.Pending);
    assert.equal(vote([1, 2], [1], [2]), VoteResult.Lost);
    assert.equal(vote([1, 2, 3], [1, 2], []), VoteResult.Won);
    assert.equal(vote([1, 2, 3], [1], [2]), VoteResult.Pending);
    assert.equal(vote([1, 2, 3], [9, 8, 7], []), VoteResult.Pending);
    assert.equal(vote([1, 2, 3, 4], [1, 2], [3]), VoteResult.Pending);
    assert.equal(vote([1, 2, 3, 4], [1, 2], [3, 4]), VoteResult.Lost);
  });

  it('decides a joint vote by both halves', () => {
    const votes = new Map([
      [1, true],
      [2, true],
      [3, false],
    ]);
    assert.equal(jointVote([1, 2], [1], votes), VoteResult.Won);
    assert.equal(jointVote([1, 2], [3], votes), VoteResult.Lost);
    assert.equal(jointVote([1, 2], [4], votes), VoteResult.Pending);
    assert.equal(jointVote([3], [4], votes), VoteResult.Lost);
    assert.equal(jointVote([1, 2], [], votes), VoteResult.Won);
  });
});
