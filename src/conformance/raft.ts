import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  parseLine,
  RECORDING_FORMAT,
  type RecordedHeader,
  type RecordedStep,
  readRecording,
  sameValue,
  type Value,
} from './raft-recording.js';
import { progressValues, RaftReplay, type StepOutputs, stateValue } from './raft-replay.js';

/** What a conformance command prints, and its exit code. */
export interface ConformanceResult {
  readonly lines: readonly string[];
  readonly exitCode: number;
}

/** Outcome of one recording. */
export interface RaftFileResult {
  readonly steps: number;
  readonly matched: number;
  /** The first differing step with both sides, as lines to print; empty when all match. */
  readonly difference: readonly string[];
}

const CONTRACT_STATE_FIELDS = 9;
const OUTPUT_FIELDS = ['err', 'hs', 'ss', 'ents', 'snap', 'com', 'rdst', 'sync', 'cs', 'loc', 'out'] as const;

/**
 * Replays every recording (`*.ndjson`, `*.ndjson.gz`) of a directory, or one file, through this project's raft. Each step of each file
 * must match in all fields of the contract; after the first difference in a file the rest of it counts as not matched.
 * Exit code 0: all match; 1: some differ; 2: there is nothing to replay, or a file is no recording.
 */
export function replayRaftDirectory(path: string): ConformanceResult {
  let files: string[];
  try {
    files = recordingsIn(path);
  } catch (error) {
    return { lines: [`error: ${(error as Error).message}`], exitCode: 2 };
  }
  if (files.length === 0) return { lines: [`error: no recordings (*.ndjson.gz) in ${path}`], exitCode: 2 };
  const lines: string[] = [];
  let good = 0;
  let unreadable = 0;
  let steps = 0;
  let matched = 0;
  for (const file of files) {
    const result = replayFile(file);
    steps += result.steps;
    matched += result.matched;
    if (result.steps === 0) unreadable++;
    if (result.difference.length === 0) good++;
    else lines.push(`${file}:`, ...result.difference);
  }
  lines.push(`raft: files ${good}/${files.length} steps ${matched}/${steps}`);
  return { lines, exitCode: unreadable > 0 ? 2 : good === files.length ? 0 : 1 };
}

function recordingsIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => name.endsWith('.ndjson.gz') || name.endsWith('.ndjson'));
  return names.sort().map((name) => join(path, name));
}

function replayFile(path: string): RaftFileResult {
  try {
    return replayRaftRecording(readRecording(path));
  } catch (error) {
    return { steps: 0, matched: 0, difference: [`  cannot be read: ${(error as Error).message}`] };
  }
}

/** Replays the lines of one recording. Throws when the header is not of the known format. */
export function replayRaftRecording(lines: readonly string[]): RaftFileResult {
  const header = JSON.parse(lines[0] ?? '{}') as Partial<RecordedHeader>;
  if (header.fmt !== RECORDING_FORMAT || header.cfg === undefined) {
    throw new RangeError(`the first line does not announce ${RECORDING_FORMAT}`);
  }
  const comparison = new Comparison(new RaftReplay(header.cfg));
  for (let i = 1; i < lines.length; i++) {
    const difference = compareLine(comparison, lines[i]!);
    if (difference.length > 0) return { steps: lines.length - 1, matched: i - 1, difference };
  }
  return { steps: lines.length - 1, matched: lines.length - 1, difference: [] };
}

function compareLine(comparison: Comparison, line: string): string[] {
  let step: RecordedStep;
  try {
    step = parseLine(line) as RecordedStep;
  } catch (error) {
    return [`  not a step: ${(error as Error).message}`];
  }
  const differences = comparison.compare(step);
  if (differences.length === 0) return [];
  return [`  step ${step.s} ${step.op}${step.n === undefined ? '' : ` on node ${step.n}`}`, ...differences];
}

/** Compares outputs with the recorded ones, step by step. */
class Comparison {
  private readonly replay: RaftReplay;
  /** State and progress as recorded last: steps record changes only. */
  private readonly states = new Map<number, readonly number[]>();
  private readonly progress = new Map<number, Map<number, readonly number[]>>();

  constructor(replay: RaftReplay) {
    this.replay = replay;
  }

  /** Lines that describe how this step differs; none: it matches. */
  compare(step: RecordedStep): string[] {
    let outputs: StepOutputs;
    try {
      outputs = this.replay.run(step);
    } catch (error) {
      return [`    expected: ${JSON.stringify(step)}`, `    actual:   ${(error as Error).message}`];
    }
    const differences: string[] = [];
    const recorded = step as unknown as { readonly [field: string]: Value };
    for (const field of OUTPUT_FIELDS) expect(differences, field, recorded[field], outputs[field]);
    expect(differences, 'rnd', undefined, outputs.rnd);
    if (step.n !== undefined) this.compareNode(step, step.n, differences);
    return differences;
  }

  private compareNode(step: RecordedStep, id: number, differences: string[]): void {
    if (step.st !== undefined) this.states.set(id, step.st);
    const node = this.replay.node(id);
    if (node === null) {
      this.progress.delete(id);
      return;
    }
    const actual = stateValue(node);
    const expected = this.states.get(id) ?? [];
    if (!sameStart(expected, actual, CONTRACT_STATE_FIELDS)) expect(differences, 'st', expected, actual);
    const hasReady = node.hasReady() ? 1 : undefined;
    expect(differences, 'hr', step.hr, hasReady);
    const progress = progressValues(node);
    if (progress === null) this.progress.delete(id);
    else this.compareProgress(step, id, progress, differences);
  }

  private compareProgress(
    step: RecordedStep,
    id: number,
    actual: Map<number, readonly number[]>,
    differences: string[],
  ): void {
    let expected = this.progress.get(id);
    if (expected === undefined) this.progress.set(id, (expected = new Map()));
    for (const peer in step.pr) {
      const value = step.pr[peer]!;
      if (value.length === 0) expected.delete(Number(peer));
      else expected.set(Number(peer), value);
    }
    for (const [peer, value] of expected) {
      const own = actual.get(peer);
      if (!sameStart(value, own ?? [], value.length)) expect(differences, `pr[${peer}]`, value, own);
    }
    for (const [peer, value] of actual) if (!expected.has(peer)) expect(differences, `pr[${peer}]`, undefined, value);
  }
}

function expect(differences: string[], field: string, expected: Value | undefined, actual: Value | undefined): void {
  if (sameValue(expected, actual)) return;
  differences.push(`    ${field} expected: ${show(expected)}`, `    ${field} actual:   ${show(actual)}`);
}

function show(value: Value | undefined): string {
  return value === undefined ? '(none)' : JSON.stringify(value);
}

function sameStart(left: readonly number[], right: readonly number[], count: number): boolean {
  for (let i = 0; i < count; i++) if (left[i] !== right[i]) return false;
  return true;
}
