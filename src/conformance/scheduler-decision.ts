import type { Pod } from '../api/core.js';
import type { Cycle } from '../scheduler/framework/cycle.js';
import type { Framework, ScoreObserver } from '../scheduler/framework/framework.js';
import { Code, codeNames } from '../scheduler/framework/status.js';
import { bestCandidates, type Candidate, DefaultPreemption } from '../scheduler/plugins/default-preemption.js';
import type { ScheduleResult } from '../scheduler/schedule-pod.js';
import type { SchedulerCore } from '../scheduler/scheduler-core.js';
import { popTies } from '../scheduler/ties.js';
import { noDraws } from './scheduler-case.js';

/** A decision in the recording's format; absent fields do not apply. */
export type Decision = Record<string, unknown>;

/** What became of a pod, for the next decision of a sequence. */
export interface Outcome {
  readonly decision: Decision;
  readonly preemption: { readonly node: string; readonly victims: readonly string[] } | null;
}

/** Keeps the scores of a cycle as the recording lists them. */
class Scores implements ScoreObserver {
  readonly raw_: Record<string, number[]> = {};
  readonly norm: Record<string, number[]> = {};

  raw(plugin: string, _weight: number, scores: Float64Array): void {
    this.raw_[plugin] = [...scores];
  }

  normalized(plugin: string, scores: Float64Array): void {
    this.norm[plugin] = [...scores];
  }
}

/** Decides on pods of a case and describes each decision as the recording does. */
export class Decider {
  private readonly core: SchedulerCore;
  /** Index in visiting order, by slot. */
  private readonly indexes = new Map<number, number>();

  constructor(core: SchedulerCore) {
    this.core = core;
    const { order } = core.cache.nodes;
    for (let index = 0; index < order.length; index++) this.indexes.set(order[index]!, index);
  }

  get nodeOrder(): readonly string[] {
    return [...this.core.cache.nodes.order].map((slot) => this.core.cache.nodes.names[slot]!);
  }

  /** Decides on a pod with a percentage of nodes to score (0: adaptive). */
  decide(pod: Pod, percentage: number): Outcome {
    const { core } = this;
    const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
    const startIndex = core.algorithm.nextStartIndex;
    const decision: Decision = { pod: name, percentageOfNodesToScore: percentage, startIndex };
    const framework = core.frameworks.get(pod.spec.schedulerName);
    if (framework === undefined) {
      const error = `no profile for scheduler name ${pod.spec.schedulerName}`;
      return {
        decision: {
          ...decision,
          percentageOfNodesToScore: 0,
          evaluated: 0,
          numFeasible: 0,
          nextStartIndex: startIndex,
          error,
        },
        preemption: null,
      };
    }
    decision['profile'] = framework.schedulerName;
    core.algorithm.percentageOfNodesToScore = percentage;
    const info = core.cache.podInfo(pod);
    const gate = framework.preEnqueue(info);
    if (gate !== null) {
      const gated = `${gate.plugin}: ${gate.message}`;
      return {
        decision: { ...decision, evaluated: 0, numFeasible: 0, nextStartIndex: startIndex, gated },
        preemption: null,
      };
    }
    const scores = new Scores();
    framework.observer = scores;
    const cycle = framework.startCycle(info);
    const result = core.algorithm.schedulePod(framework, cycle, noDraws);
    framework.observer = null;
    decision['evaluated'] = result.chosen < 0 ? 0 : result.evaluated;
    decision['numFeasible'] = result.feasible;
    decision['nextStartIndex'] = core.algorithm.nextStartIndex;
    this.describeFilters(decision, cycle, result);
    if (result.error !== '') return { decision: { ...decision, error: result.error }, preemption: null };
    if (result.chosen < 0) return this.describeFailure(decision, framework, cycle, result);
    this.describeChoice(decision, framework, cycle, result, scores);
    return { decision, preemption: null };
  }

  private name(slot: number): string {
    return this.core.cache.nodes.names[slot]!;
  }

  private index(slot: number): number {
    return this.indexes.get(slot)!;
  }

  private describeFilters(decision: Decision, cycle: Cycle, result: ScheduleResult): void {
    if (cycle.skippedFilters.length > 0) decision['skipFilter'] = [...cycle.skippedFilters].sort();
    if (cycle.skippedScores.length > 0) decision['skipScore'] = [...cycle.skippedScores].sort();
    const { preFilterStatus, slots, statuses, count } = result.diagnosis;
    if (preFilterStatus !== null) {
      const { plugin, code, reasons } = preFilterStatus;
      decision['preFilter'] = { plugin, code: codeNames[code], reasons };
    } else if (cycle.nodeNames !== null) {
      const known = [...cycle.nodeNames].map((name) => this.core.cache.nodes.slotOf(name)).filter((slot) => slot >= 0);
      if (known.length > 0) decision['preFilterNodes'] = known.map((slot) => this.index(slot)).sort((a, b) => a - b);
    }
    const groups = new Map<string, { plugin: string; code: string; reasons: readonly string[]; nodes: number[] }>();
    statuses.slice(0, count).forEach((status, i) => {
      const { plugin, code, reasons } = status;
      const key = JSON.stringify([plugin, code, reasons]);
      let group = groups.get(key);
      if (group === undefined) {
        group = { plugin, code: codeNames[code]!, reasons, nodes: [] };
        groups.set(key, group);
      }
      group.nodes.push(this.index(slots[i]!));
    });
    if (groups.size > 0)
      decision['filter'] = [...groups.values()].map((group) => ({
        ...group,
        nodes: group.nodes.sort((a, b) => a - b),
      }));
  }

  private describeChoice(
    decision: Decision,
    framework: Framework,
    _: Cycle,
    result: ScheduleResult,
    scores: Scores,
  ): void {
    decision['feasible'] = [...result.slots].map((slot) => this.index(slot));
    decision['chosen'] = this.name(result.chosen);
    if (result.totals.length === 0) return;
    const ties = popTies(result.totals);
    decision['ties'] = ties.map((position) => this.index(result.slots[position]!));
    if (!framework.hasScoring) return;
    const weights: Record<string, number> = {};
    for (const { plugin, weight } of framework.plugins.score) weights[plugin.name] = weight;
    decision['scores'] = { weights, raw: scores.raw_, norm: scores.norm, total: [...result.totals] };
  }

  private describeFailure(decision: Decision, framework: Framework, cycle: Cycle, result: ScheduleResult): Outcome {
    const { diagnosis } = result;
    const { nodes } = this.core.cache;
    decision['unschedulablePlugins'] = [...diagnosis.unschedulablePlugins].sort();
    decision['fitError'] = diagnosis.fitError(nodes.size);
    if (!framework.hasPostFilter) return { decision, preemption: null };
    const outcome = framework.postFilter(cycle, diagnosis);
    diagnosis.postFilterMessage = outcome.status?.message ?? '';
    decision['message'] = diagnosis.fitError(nodes.size);
    const plugin = framework.plugins.postFilter.find((other) => other instanceof DefaultPreemption);
    const dryRun = plugin?.lastDryRun;
    const potential = diagnosis.slotsWithCode(Code.Unschedulable, nodes.order, nodes.slots).length;
    const described: Decision = {
      code: codeNames[outcome.status?.code ?? Code.Success],
      potentialNodes: potential,
      numCandidatesWanted: dryRun?.wanted ?? 0,
    };
    if (diagnosis.postFilterMessage !== '') described['message'] = diagnosis.postFilterMessage;
    if (outcome.nominatedNode !== undefined) described['nominated'] = outcome.nominatedNode;
    decision['postFilter'] = described;
    if (outcome.status !== null || dryRun === undefined) return { decision, preemption: null };
    const inOrder = [...dryRun.candidates].sort((a, b) => this.index(a.slot) - this.index(b.slot));
    described['candidates'] = inOrder.map((candidate) => ({
      node: this.name(candidate.slot),
      victims: names(candidate),
      pdbViolations: candidate.budgetViolations,
    }));
    const best = [...bestCandidates(inOrder)].sort((a, b) => (this.name(a.slot) < this.name(b.slot) ? -1 : 1));
    described['bestNodes'] = best.map((candidate) => this.name(candidate.slot));
    const [first] = best;
    described['nominated'] = this.name(first!.slot);
    described['victims'] = names(first!);
    return { decision, preemption: { node: this.name(first!.slot), victims: names(first!) } };
  }
}

function names(candidate: Candidate): readonly string[] {
  return candidate.victims.map((victim) => victim.key);
}
