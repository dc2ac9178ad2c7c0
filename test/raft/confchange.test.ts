import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { applyChange, restoreChange } from '../../src/raft/confchange.js';
import { Tracker } from '../../src/raft/tracker.js';
import {
  type ConfChange,
  ConfChangeTransition,
  ConfChangeType,
  type ConfState,
  NO_LIMIT,
} from '../../src/raft/types.js';

const KINDS: Readonly<Record<string, number>> = {
  v: ConfChangeType.AddNode,
  l: ConfChangeType.AddLearnerNode,
  r: ConfChangeType.RemoveNode,
  u: ConfChangeType.UpdateNode,
};

/** A change in etcd's notation: `v3` makes 3 a voter, `l3` a learner, `r3` removes it. */
function change(text: string, transition: number = ConfChangeTransition.Auto): ConfChange {
  const words = text.split(' ').filter((word) => word !== '');
  const changes = words.map((word) => ({ type: KINDS[word[0]!]!, node: Number(word.slice(1)) }));
  return { transition, changes, context: null };
}

function group(...steps: ConfChange[]): Tracker {
  const tracker = new Tracker(10, NO_LIMIT);
  for (const step of steps) apply(tracker, step);
  return tracker;
}

function apply(tracker: Tracker, step: ConfChange): void {
  const { membership, members } = applyChange(tracker, 10, step);
  tracker.install(membership, members);
}

function text(tracker: Tracker): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = tracker.confState();
  const ids = (list: readonly number[]) => `(${list.join(' ')})`;
  let line = `voters=${ids(voters)}`;
  if (votersOutgoing.length > 0) line += `&&${ids(votersOutgoing)}`;
  if (learners.length > 0) line += ` learners=${ids(learners)}`;
  if (learnersNext.length > 0) line += ` next=${ids(learnersNext)}`;
  return autoLeave ? `${line} autoleave` : line;
}

describe('configuration changes', () => {
  it('changes one voter at a time', () => {
    const tracker = group(change('v1'));
    assert.equal(text(tracker), 'voters=(1)');
    apply(tracker, change('v2'));
    apply(tracker, change('l3'));
    assert.equal(text(tracker), 'voters=(1 2) learners=(3)');
    apply(tracker, change('v3'));
    assert.equal(text(tracker), 'voters=(1 2 3)');
    apply(tracker, change('r2'));
    apply(tracker, change('u1'));
    apply(tracker, change('r9'));
    assert.equal(text(tracker), 'voters=(1 3)');
    assert.deepEqual(tracker.ids, [1, 3]);
  });

  it('demotes within a joint configuration only when it is left', () => {
    const tracker = group(change('v1'), change('v2'), change('v3'));
    apply(tracker, change('l2 v4 r3', ConfChangeTransition.JointExplicit));
    assert.equal(text(tracker), 'voters=(1 4)&&(1 2 3) next=(2)');
    assert.equal(tracker.progress(2)!.isLearner, false, 'still a voter of the outgoing half');
    assert.ok(tracker.progress(3), 'still replicated to');
    apply(tracker, change(''));
    assert.equal(text(tracker), 'voters=(1 4) learners=(2)');
    assert.equal(tracker.progress(2)!.isLearner, true);
    assert.equal(tracker.progress(3), undefined);
  });

  it('leaves by itself when entered automatically or implicitly', () => {
    const automatic = group(change('v1'));
    apply(automatic, change('v2 v3'));
    assert.equal(text(automatic), 'voters=(1 2 3)&&(1) autoleave');
    const single = group(change('v1'));
    apply(single, change('v2', ConfChangeTransition.JointImplicit));
    assert.equal(text(single), 'voters=(1 2)&&(1) autoleave');
  });

  it('refuses what would endanger the group', () => {
    const refused = (tracker: Tracker, step: ConfChange, message: RegExp) => {
      const before = text(tracker);
      assert.throws(() => apply(tracker, step), message);
      assert.equal(text(tracker), before, 'and changes nothing');
    };
    refused(group(change('v1')), change('r1'), /all voters removed/);
    refused(group(change('v1')), change(''), /not joint/);
    refused(group(), change('v1 v2'), /without voters/);
    const joint = group(change('v1'), change('v2', ConfChangeTransition.JointExplicit));
    refused(joint, change('v3'), /joint/);
    refused(joint, change('v3 v4'), /joint already/);
  });

  it('keeps what is known of members that stay, and starts afresh with new ones', () => {
    const tracker = group(change('v1'), change('v2'));
    tracker.progress(2)!.match = 7;
    apply(tracker, change('l2'));
    apply(tracker, change('v2'));
    assert.equal(tracker.progress(2)!.match, 7);
    apply(tracker, change('r2'));
    apply(tracker, change('v2'));
    const fresh = tracker.progress(2)!;
    assert.deepEqual([fresh.match, fresh.next, fresh.recentActive, fresh.isLearner], [0, 10, true, false]);
    assert.equal(new Set(tracker.list).size, 2);
  });

  it('treats a learner that is removed and added as voter in one change as new', () => {
    const tracker = group(change('v1'), change('v2'));
    apply(tracker, change('l2 r2 v2'));
    assert.equal(tracker.progress(2)!.isLearner, false);
  });

  it('restores every membership it can reach', () => {
    const word = fc
      .tuple(fc.constantFrom('v', 'l', 'r'), fc.integer({ min: 1, max: 5 }))
      .map(([kind, id]) => kind + id);
    const step = fc.tuple(fc.array(word, { maxLength: 4 }), fc.integer({ min: 0, max: 2 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const tracker = group(change('v1'));
        for (const [words, transition] of steps) tryApply(tracker, change(words.join(' '), transition));
        checkInvariants(tracker);
        const copy = new Tracker(10, NO_LIMIT);
        restoreChange(copy, 10, tracker.confState());
        assert.equal(text(copy), text(tracker));
        assert.deepEqual(copy.ids, tracker.ids);
        for (const id of copy.ids) assert.equal(copy.progress(id)!.isLearner, tracker.progress(id)!.isLearner);
      }),
      { seed: 5, numRuns: 500 },
    );
  });
});

function tryApply(tracker: Tracker, step: ConfChange): void {
  try {
    apply(tracker, step);
  } catch (error) {
    assert.ok(error instanceof RangeError);
  }
}

function checkInvariants(tracker: Tracker): void {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave }: ConfState = tracker.confState();
  assert.ok(voters.length > 0);
  const everyone = new Set([...voters, ...votersOutgoing, ...learners, ...learnersNext]);
  assert.deepEqual([...everyone].sort(), tracker.ids);
  for (const id of learners) assert.ok(!voters.includes(id) && !votersOutgoing.includes(id));
  for (const id of learnersNext) assert.ok(votersOutgoing.includes(id) && !voters.includes(id));
  for (const id of tracker.ids) assert.equal(tracker.progress(id)!.isLearner, learners.includes(id));
  if (votersOutgoing.length === 0) assert.ok(learnersNext.length === 0 && !autoLeave);
}
