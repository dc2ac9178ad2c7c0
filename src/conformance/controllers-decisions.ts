import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { replayScaling, replayStatus } from './controllers-deployments.js';
import { replayEvictions, replayStatefulSet, replayVictims } from './controllers-pods.js';
import { readRecording, type Recording } from './controllers-recording.js';
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

/**
 * Replays every recording of a folder (`*.ndjson.gz`, apart from the derived file), decision by decision. Lines: the first
 * differences, then `controllers: recordings N/N decisions M/M`; exit code 0 when all agree, 1 when not.
 */
export function conformanceControllerDecisions(folder: string, shown = 20): { readonly lines: readonly string[]; readonly exitCode: number } {
  const lines: string[] = [];
  const files = readdirSync(folder).filter((name) => name.endsWith('.ndjson.gz') && !name.startsWith('derived.')).sort();
  let recordings = 0;
  let passed = 0;
  let total = 0;
  for (const file of files) {
    const result = replayDecisions(readRecording(join(folder, file)));
    passed += result.passed;
    total += result.total;
    if (result.passed === result.total) recordings++;
    for (const difference of result.differences) if (lines.length < shown) lines.push(difference);
  }
  lines.push(`controllers: recordings ${recordings}/${files.length} decisions ${passed}/${total}`);
  return { lines, exitCode: total > 0 && passed === total ? 0 : 1 };
}
