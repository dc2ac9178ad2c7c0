import type { Progress } from './progress.js';
import { type Membership, NO_MEMBERSHIP, type Tracker } from './tracker.js';
import {
  type ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfState,
} from './types.js';

/**
 * Membership changes: pure functions from a membership and its members' progress to the next ones. They throw a RangeError, and change
 * nothing, when a change is not allowed.
 */
export interface Change {
  readonly membership: Membership;
  readonly members: Map<number, Progress>;
}

/** A membership being edited. */
interface Draft {
  voters: readonly number[];
  outgoing: readonly number[];
  learners: readonly number[];
  learnersNext: readonly number[];
  autoLeave: boolean;
  readonly members: Map<number, Progress>;
  /** Learner marks to set once the whole change is accepted: progress objects are shared with the current membership. */
  readonly learnerMarks: Map<number, boolean>;
}

/** Applies a change: leaves a joint membership, enters one, or changes one voter at most. */
export function applyChange(tracker: Tracker, lastIndex: number, change: ConfChange): Change {
  const { transition, changes } = change;
  if (transition === ConfChangeTransition.Auto) {
    if (changes.length === 0) return leaveJoint(tracker);
    if (changes.length === 1) return simple(tracker, lastIndex, changes);
  }
  return enterJoint(tracker, lastIndex, transition !== ConfChangeTransition.JointExplicit, changes);
}

export function simple(tracker: Tracker, lastIndex: number, changes: readonly ConfChangeSingle[]): Change {
  if (tracker.isJoint()) throw new RangeError('a simple change is not possible in a joint configuration');
  const draft = edit(tracker);
  applySingles(tracker, draft, lastIndex, changes);
  if (difference(tracker.membership.voters, draft.voters) > 1) {
    throw new RangeError('more than one voter changed without a joint configuration');
  }
  return finish(draft);
}

export function enterJoint(
  tracker: Tracker,
  lastIndex: number,
  autoLeave: boolean,
  changes: readonly ConfChangeSingle[],
): Change {
  if (tracker.isJoint()) throw new RangeError('the configuration is joint already');
  if (tracker.membership.voters.length === 0)
    throw new RangeError('a configuration without voters cannot become joint');
  const draft = edit(tracker);
  draft.outgoing = draft.voters;
  applySingles(tracker, draft, lastIndex, changes);
  draft.autoLeave = autoLeave;
  return finish(draft);
}

export function leaveJoint(tracker: Tracker): Change {
  if (!tracker.isJoint()) throw new RangeError('the configuration to leave is not joint');
  const draft = edit(tracker);
  for (const id of draft.learnersNext) {
    draft.learners = including(draft.learners, id);
    draft.learnerMarks.set(id, true);
  }
  draft.learnersNext = NO_MEMBERSHIP.learnersNext;
  for (const id of draft.outgoing) {
    if (!draft.voters.includes(id) && !draft.learners.includes(id)) draft.members.delete(id);
  }
  draft.outgoing = NO_MEMBERSHIP.outgoing;
  draft.autoLeave = false;
  return finish(draft);
}

/** Rebuilds a stored membership with fresh progress for every member; `tracker` must have none. */
export function restoreChange(tracker: Tracker, lastIndex: number, state: ConfState): void {
  const adds = (ids: readonly number[], type: number) => ids.map((node) => ({ type, node }));
  const incoming = [
    ...adds(state.votersOutgoing, ConfChangeType.RemoveNode),
    ...adds(state.voters, ConfChangeType.AddNode),
    ...adds(state.learners, ConfChangeType.AddLearnerNode),
    ...adds(state.learnersNext, ConfChangeType.AddLearnerNode),
  ];
  const joint = state.votersOutgoing.length > 0;
  const singles = joint ? adds(state.votersOutgoing, ConfChangeType.AddNode) : incoming;
  for (const single of singles) install(tracker, simple(tracker, lastIndex, [single]));
  if (joint) install(tracker, enterJoint(tracker, lastIndex, state.autoLeave, incoming));
}

function install(tracker: Tracker, change: Change): void {
  tracker.install(change.membership, change.members);
}

function edit(tracker: Tracker): Draft {
  return { ...tracker.membership, members: new Map(tracker.members), learnerMarks: new Map() };
}

function applySingles(tracker: Tracker, draft: Draft, lastIndex: number, changes: readonly ConfChangeSingle[]): void {
  for (const { type, node } of changes) {
    // The application refused this change after it was proposed.
    if (node === 0) continue;
    switch (type) {
      case ConfChangeType.AddNode:
        makeVoter(tracker, draft, lastIndex, node);
        break;
      case ConfChangeType.AddLearnerNode:
        makeLearner(tracker, draft, lastIndex, node);
        break;
      case ConfChangeType.RemoveNode:
        remove(draft, node);
        break;
      case ConfChangeType.UpdateNode:
        break;
      default:
        throw new RangeError(`unknown configuration change ${type}`);
    }
  }
  if (draft.voters.length === 0) throw new RangeError('all voters removed');
}

function makeVoter(tracker: Tracker, draft: Draft, lastIndex: number, id: number): void {
  if (draft.members.has(id)) {
    draft.learnerMarks.set(id, false);
    draft.learners = excluding(draft.learners, id);
    draft.learnersNext = excluding(draft.learnersNext, id);
  } else {
    draft.members.set(id, newMember(tracker, lastIndex, false));
  }
  draft.voters = including(draft.voters, id);
}

function makeLearner(tracker: Tracker, draft: Draft, lastIndex: number, id: number): void {
  const progress = draft.members.get(id);
  if (progress === undefined) {
    draft.members.set(id, newMember(tracker, lastIndex, true));
    draft.learners = including(draft.learners, id);
    return;
  }
  if (draft.learnerMarks.get(id) ?? progress.isLearner) return;
  remove(draft, id);
  draft.members.set(id, progress);
  if (draft.outgoing.includes(id)) {
    // Still a voter of the outgoing half: becomes a learner when the joint configuration is left.
    draft.learnersNext = including(draft.learnersNext, id);
  } else {
    draft.learnerMarks.set(id, true);
    draft.learners = including(draft.learners, id);
  }
}

function remove(draft: Draft, id: number): void {
  if (!draft.members.has(id)) return;
  draft.voters = excluding(draft.voters, id);
  draft.learners = excluding(draft.learners, id);
  draft.learnersNext = excluding(draft.learnersNext, id);
  if (draft.outgoing.includes(id)) return;
  draft.members.delete(id);
  // Added again within this change, it begins with fresh progress.
  draft.learnerMarks.delete(id);
}

/** A new member counts as active, so that it does not unseat the leader before it had a chance to answer. */
function newMember(tracker: Tracker, lastIndex: number, isLearner: boolean): Progress {
  const progress = tracker.newProgress(Math.max(lastIndex, 1), isLearner);
  progress.recentActive = true;
  return progress;
}

function finish(draft: Draft): Change {
  const { voters, outgoing, learners, learnersNext, autoLeave, members, learnerMarks } = draft;
  for (const [id, isLearner] of learnerMarks) {
    const progress = members.get(id);
    if (progress !== undefined) progress.isLearner = isLearner;
  }
  return { membership: { voters, outgoing, learners, learnersNext, autoLeave }, members };
}

function including(ids: readonly number[], id: number): readonly number[] {
  return ids.includes(id) ? ids : [...ids, id].sort((a, b) => a - b);
}

function excluding(ids: readonly number[], id: number): readonly number[] {
  return ids.includes(id) ? ids.filter((other) => other !== id) : ids;
}

function difference(left: readonly number[], right: readonly number[]): number {
  let count = 0;
  for (const id of left) if (!right.includes(id)) count++;
  for (const id of right) if (!left.includes(id)) count++;
  return count;
}
