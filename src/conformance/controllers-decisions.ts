import { replayScaling, replayStatus } from './controllers-deployments.js';
import { replayEvictions, replayStatefulSet, replayVictims } from './controllers-pods.js';
import type { Recording } from './controllers-recording.js';
import { Tally } from './controllers-tally.js';

/**
 * Each decision that a recording shows, given the states before it: sizes of ReplicaSets, statuses of Deployments, pods that
 * a scale down deletes, pods that a StatefulSet creates and deletes, evictions. A controller's cache may lag a few revisions
 * behind what was committed, so that a decision fits when it follows from one of the last states.
 */
export interface DecisionResult {
  readonly passed: number;
  readonly total: number;
  /** What differed, both sides. */
  readonly differences: readonly string[];
}

/** Replays every decision of one recording. */
export function replayDecisions(recording: Recording): DecisionResult {
  const tally = new Tally(recording.header.id);
  replayScaling(recording, tally);
  replayStatus(recording, tally);
  // There it is the taint manager that deletes pods.
  if (recording.header.group !== 'node-lifecycle') replayVictims(recording, tally);
  replayStatefulSet(recording, tally);
  replayEvictions(recording, tally);
  return { passed: tally.passed, total: tally.total, differences: tally.differences };
}
