import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Pod } from '../api/core.js';
import { featuresOf, type KubernetesVersion } from '../scheduler/framework/features.js';
import { coreOf, objectsOf, type SchedulerCase } from './scheduler-case.js';
import { compareDecision } from './scheduler-compare.js';
import { Decider, type Decision } from './scheduler-decision.js';

/** What a conformance command prints, and its exit code. */
export interface ConformanceResult {
  readonly lines: readonly string[];
  readonly exitCode: number;
}

interface Recording {
  readonly case: SchedulerCase;
  readonly expect: {
    readonly nodeOrder?: readonly string[] | null;
    readonly decisions?: readonly Decision[];
    readonly adaptive?: readonly Decision[];
  };
}

/** Outcome of one case. */
export interface CaseResult {
  readonly decisions: number;
  readonly matched: number;
  readonly adaptive: number;
  readonly adaptiveMatched: number;
  /** First difference, both sides, as lines to print; empty when all match. */
  readonly difference: readonly string[];
}

/**
 * Replays the recorded decisions (`*.jsonl`, `*.jsonl.gz`) of a directory, or one file, of the real kube-scheduler through
 * this project's. Exit code 0: all match; 1: some differ; 2: nothing to replay.
 */
export function replaySchedulerDirectory(path: string, version: KubernetesVersion = '1.34'): ConformanceResult {
  let files: string[];
  try {
    files = statSync(path).isDirectory()
      ? readdirSync(path)
          .filter((name) => /\.jsonl(\.gz)?$/.test(name))
          .sort()
          .map((name) => join(path, name))
      : [path];
  } catch (error) {
    return { lines: [`error: ${(error as Error).message}`], exitCode: 2 };
  }
  const lines: string[] = [];
  const sum = { cases: 0, good: 0, decisions: 0, matched: 0, adaptive: 0, adaptiveMatched: 0 };
  for (const file of files) {
    for (const line of linesOf(file)) {
      let result: CaseResult;
      let name = '';
      try {
        const recording = JSON.parse(line) as Recording;
        name = recording.case.name;
        result = replayCase(recording, version);
      } catch (error) {
        return {
          lines: [...lines, `error: ${file}${name === '' ? '' : ` case ${name}`}: ${(error as Error).message}`],
          exitCode: 2,
        };
      }
      sum.cases++;
      sum.decisions += result.decisions;
      sum.matched += result.matched;
      sum.adaptive += result.adaptive;
      sum.adaptiveMatched += result.adaptiveMatched;
      if (result.difference.length === 0) sum.good++;
      else lines.push(`${file} case ${name}:`, ...result.difference);
    }
  }
  if (sum.cases === 0) return { lines: [`error: no recordings (*.jsonl.gz) in ${path}`], exitCode: 2 };
  const { cases, good, decisions, matched, adaptive, adaptiveMatched } = sum;
  lines.push(
    `scheduler: cases ${good}/${cases} decisions ${matched}/${decisions} adaptive ${adaptiveMatched}/${adaptive}`,
  );
  return { lines, exitCode: good === cases ? 0 : 1 };
}

function linesOf(file: string): readonly string[] {
  const bytes = readFileSync(file);
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  return text.split('\n').filter((line) => line.trim() !== '');
}

/** Replays one case: independent decisions with all nodes, then adaptively; or a sequence. */
export function replayCase(recording: Recording, version: KubernetesVersion): CaseResult {
  const { case: recorded, expect } = recording;
  const tally = new Tally(featuresOf(version).reservoirTieBreak);
  const decisions = expect.decisions ?? [];
  const adaptive = expect.adaptive ?? [];
  const core = coreOf(recorded, version);
  const decider = new Decider(core);
  const order = decider.nodeOrder;
  const recordedOrder = expect.nodeOrder ?? [];
  if (order.join() !== recordedOrder.join()) {
    tally.differ([`  nodeOrder: recorded ${recordedOrder.join()}`, `             here     ${order.join()}`]);
  }
  const pending = objectsOf<Pod>(recorded, 'pending');
  const byName = new Map(pending.map((pod) => [`${pod.metadata.namespace}/${pod.metadata.name}`, pod]));
  if (recorded.sequence === true) replaySequence(recorded, version, decisions, byName, tally);
  else {
    for (const expected of decisions) {
      core.algorithm.nextStartIndex = recorded.startIndex ?? 0;
      tally.decision(decider.decide(byName.get(expected['pod'] as string)!, 100).decision, expected, order);
    }
    core.algorithm.nextStartIndex = recorded.startIndex ?? 0;
    for (const expected of adaptive) {
      tally.adaptiveDecision(decider.decide(byName.get(expected['pod'] as string)!, 0).decision, expected, order);
      // The recording carries on from the recorded index, so that one difference stays one.
      core.algorithm.nextStartIndex = expected['nextStartIndex'] as number;
    }
  }
  return tally.result(decisions.length, adaptive.length);
}

/** Every pod in order; a placed pod counts at once, victims of a preemption vanish at once and the pod tries again. */
function replaySequence(
  recorded: SchedulerCase,
  version: KubernetesVersion,
  decisions: readonly Decision[],
  pods: Map<string, Pod>,
  tally: Tally,
): void {
  const core = coreOf(recorded, version);
  const decider = new Decider(core);
  const order = decider.nodeOrder;
  core.algorithm.nextStartIndex = recorded.startIndex ?? 0;
  for (const expected of decisions) {
    const key = expected['pod'] as string;
    const pod = pods.get(key)!;
    const { decision, preemption } = decider.decide(pod, 0);
    tally.decision(decision, expected, order);
    core.algorithm.nextStartIndex = expected['nextStartIndex'] as number;
    const chosen = expected['chosen'] as string | undefined;
    if (chosen !== undefined) {
      core.nominator.delete(key);
      core.cache.assume(core.cache.podInfo(pod), chosen);
    } else if (preemption !== null) {
      for (const victim of preemption.victims) core.cache.delete(victim);
      const nominated: Pod = { ...pod, status: { ...pod.status, nominatedNodeName: preemption.node } };
      pods.set(key, nominated);
      core.nominator.add(core.cache.podInfo(nominated), preemption.node);
    } else core.nominator.delete(key);
  }
}

/** Counts matches and keeps the first difference. */
class Tally {
  private readonly reservoir: boolean;
  private matched = 0;
  private adaptiveMatched = 0;
  private difference: readonly string[] = [];

  constructor(reservoir: boolean) {
    this.reservoir = reservoir;
  }

  differ(lines: readonly string[]): void {
    if (this.difference.length === 0) this.difference = lines;
  }

  decision(actual: Decision, expected: Decision, order: readonly string[]): void {
    if (this.compare(actual, expected, order, 'decision')) this.matched++;
  }

  adaptiveDecision(actual: Decision, expected: Decision, order: readonly string[]): void {
    if (this.compare(actual, expected, order, 'adaptive decision')) this.adaptiveMatched++;
  }

  result(decisions: number, adaptive: number): CaseResult {
    const { matched, adaptiveMatched, difference } = this;
    return { decisions, matched, adaptive, adaptiveMatched, difference };
  }

  private compare(actual: Decision, expected: Decision, order: readonly string[], what: string): boolean {
    const difference = compareDecision(actual, expected, order, this.reservoir);
    if (difference.length > 0) this.differ([`  ${what} on ${String(expected['pod'])}:`, ...difference]);
    return difference.length === 0;
  }
}
