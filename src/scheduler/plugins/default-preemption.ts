import type { Pod } from '../../api/core.js';
import { podCondition } from '../../api/core.js';
import { CompiledSelector } from '../../api/labels.js';
import { keyOf } from '../../api/meta.js';
import type { Uniform } from '../../random/stream.js';
import type { DisruptionBudget } from '../cache/cluster-objects.js';
import type { PodInfo } from '../cache/pod-info.js';
import type { Cycle } from '../framework/cycle.js';
import { Diagnosis } from '../framework/diagnosis.js';
import { type EventInterest, EventKind } from '../framework/events.js';
import type { Framework } from '../framework/framework.js';
import type { Handle, Plugin, PostFilterResult } from '../framework/plugin.js';
import { Code, Status, unresolvable, unschedulable } from '../framework/status.js';
import { goSort, type Ordering } from '../go-sort.js';

/** Arguments of DefaultPreemption (DefaultPreemptionArgs). */
export interface DefaultPreemptionArgs {
  readonly minCandidateNodesPercentage: number;
  readonly minCandidateNodesAbsolute: number;
}

export const defaultPreemptionArgs: DefaultPreemptionArgs = {
  minCandidateNodesPercentage: 10,
  minCandidateNodesAbsolute: 100,
};

/** A node that would take the pod once its victims are gone. */
export interface Candidate {
  readonly slot: number;
  /** Most important first. */
  readonly victims: readonly PodInfo[];
  readonly budgetViolations: number;
}

/** What the last dry run did, for explanations and costs. */
export interface DryRun {
  readonly potentialNodes: number;
  readonly wanted: number;
  readonly candidates: readonly Candidate[];
  /** Pods taken away or put back and filter runs: what the time of a dry run goes with. */
  readonly steps: number;
}

const nothing: DryRun = { potentialNodes: 0, wanted: 0, candidates: [], steps: 0 };

/** Sum of priorities counts each pod at least once: MaxInt32 + 1. */
const PRIORITY_OFFSET = 2147483648;

/**
 * Makes room by evicting pods of lower priority from the node where that hurts least (framework/preemption,
 * plugins/defaultpreemption).
 */
export class DefaultPreemption implements Plugin {
  readonly name = 'DefaultPreemption';
  /** The dry run of the last PostFilter call. */
  lastDryRun: DryRun = nothing;
  /** Try every potential node, from the first on: for comparisons that must not depend on the random start. */
  exhaustive = false;
  private readonly handle: Handle;
  private readonly args: DefaultPreemptionArgs;
  private readonly draws: Uniform;
  /** Pods whose victims are being deleted: they wait until that is done (asynchronous preemption). */
  private readonly preempting = new Set<string>();
  private readonly waiting = unresolvable(this.name, 'waiting for the preemption for this pod to be finished');
  private steps = 0;
  private readonly noVictims = unresolvable(this.name, 'No preemption victims found for incoming pod');

  /** @param draws where the dry run starts among the potential nodes */
  constructor(handle: Handle, draws: Uniform, args: DefaultPreemptionArgs = defaultPreemptionArgs) {
    this.handle = handle;
    this.draws = draws;
    this.args = args;
  }

  eventsToRegister(): readonly EventInterest[] {
    return [{ kinds: EventKind.PodDelete }];
  }

  /** Deleted pods only matter to pods that this plugin holds back, not to those that were found unschedulable. */
  hint(): boolean {
    return false;
  }

  preEnqueue(pod: Pod): Status | null {
    return this.preempting.has(keyOf(pod)) ? this.waiting : null;
  }

  /** Holds a pod back until the last but one of its victims is gone. */
  startPreempting(key: string): void {
    this.preempting.add(key);
  }

  finishPreempting(key: string): void {
    this.preempting.delete(key);
  }

  postFilter(cycle: Cycle, diagnosis: Diagnosis, framework: Framework): PostFilterResult {
    this.lastDryRun = nothing;
    const { nodes } = this.handle;
    const ineligible = this.ineligible(cycle.pod, diagnosis);
    if (ineligible !== '')
      return { status: unschedulable(this.name, `preemption: ${ineligible}`), nominatedNode: undefined, victims: [] };
    const potential = diagnosis.slotsWithCode(Code.Unschedulable, nodes.order, nodes.slots);
    const failures = new Diagnosis();
    failures.absent = unresolvable('', 'Preemption is not helpful for scheduling');
    const candidates = potential.length === 0 ? [] : this.dryRun(cycle, framework, potential, failures);
    if (candidates.length === 0) {
      const status = unschedulable(this.name, `preemption: ${failures.fitError(nodes.size)}`);
      return { status, nominatedNode: '', victims: [] };
    }
    const best = bestCandidates(candidates)[0]!;
    return { status: null, nominatedNode: nodes.names[best.slot]!, victims: best.victims };
  }

  /** How many candidates end the search among so many potential nodes (GetOffsetAndNumCandidates). */
  wantedCandidates(potential: number): number {
    const { minCandidateNodesAbsolute, minCandidateNodesPercentage } = this.args;
    return Math.min(
      potential,
      Math.max(minCandidateNodesAbsolute, Math.trunc((potential * minCandidateNodesPercentage) / 100)),
    );
  }

  /** Why the pod may not preempt; empty: it may (PodEligibleToPreemptOthers). */
  private ineligible(pod: PodInfo, diagnosis: Diagnosis): string {
    if (pod.pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
    const nominated = pod.pod.status.nominatedNodeName ?? '';
    if (nominated === '') return '';
    const { nodes } = this.handle;
    const slot = nodes.slotOf(nominated);
    if (slot < 0 || diagnosis.get(slot).code === Code.UnschedulableAndUnresolvable) return '';
    const leaving = nodes.pods[slot]!.some(
      (other) => other.priority < pod.priority && terminatingByPreemption(other.pod),
    );
    return leaving ? 'not eligible due to a terminating pod on the nominated node.' : '';
  }

  /** Tries nodes from a random one on until there are enough candidates (DryRunPreemption). */
  private dryRun(cycle: Cycle, framework: Framework, potential: Int32Array, failures: Diagnosis): readonly Candidate[] {
    const total = potential.length;
    const wanted = this.wantedCandidates(total);
    const enough = this.exhaustive ? Number.POSITIVE_INFINITY : wanted;
    const offset = this.exhaustive ? 0 : Math.floor(this.draws.next() * total);
    const budgets = [...this.handle.objects.disruptionBudgets.values()];
    const selectors = budgets.map((budget) => new CompiledSelector(budget.spec.selector));
    const violating: Candidate[] = [];
    const harmless: Candidate[] = [];
    this.steps = 0;
    for (let i = 0; i < total; i++) {
      const slot = potential[(offset + i) % total]!;
      const found = this.selectVictims(cycle, framework, slot, budgets, selectors);
      if (found instanceof Status) {
        failures.set(slot, found);
        continue;
      }
      (found.budgetViolations === 0 ? harmless : violating).push(found);
      if (harmless.length > 0 && harmless.length + violating.length >= enough) break;
    }
    const candidates = [...harmless, ...violating];
    this.lastDryRun = { potentialNodes: total, wanted, candidates, steps: this.steps };
    return candidates;
  }

  /** Fewest pods to evict from one node; a status when that does not help (SelectVictimsOnNode). The node is left as it was. */
  private selectVictims(
    cycle: Cycle,
    framework: Framework,
    slot: number,
    budgets: readonly DisruptionBudget[],
    selectors: readonly CompiledSelector[],
  ): Candidate | Status {
    const { nodes } = this.handle;
    const before = nodes.pods[slot]!.slice();
    const ports = nodes.ports[slot]!;
    const { priority } = cycle.pod;
    const potential: PodInfo[] = [];
    for (let i = 0; i < before.length; i++) if (before[i]!.priority < priority) potential.push(before[i]!);
    if (potential.length === 0) return this.noVictims;
    for (const victim of potential) framework.removePod(cycle, victim, slot);
    this.steps += potential.length + 1;
    const status = framework.filterWithNominated(cycle, slot);
    const victims: PodInfo[] = [];
    let budgetViolations = 0;
    if (status === null) {
      goSort(potential, importance);
      const [violating, harmless] = splitByBudgets(potential, budgets, selectors);
      for (const group of [violating, harmless]) {
        for (const pod of group) {
          framework.addPod(cycle, pod, slot);
          this.steps += 2;
          if (framework.filterWithNominated(cycle, slot) === null) continue;
          framework.removePod(cycle, pod, slot);
          victims.push(pod);
          if (group === violating) budgetViolations++;
        }
      }
      for (const victim of victims) framework.addPod(cycle, victim, slot);
      if (violating.length > 0 && harmless.length > 0) goSort(victims, importance);
    } else for (const victim of potential) framework.addPod(cycle, victim, slot);
    nodes.pods[slot] = before;
    nodes.ports[slot] = ports;
    if (status !== null) return status;
    if (victims.length === 0) {
      return new Status(Code.Error, '', [`expected at least one victim pod on node "${nodes.names[slot]}"`]);
    }
    return { slot, victims, budgetViolations };
  }
}

/** When a pod started; one that has not counts as starting now. */
function startTime(pod: PodInfo): number {
  return pod.pod.status.startTime ?? Number.MAX_SAFE_INTEGER;
}

/**
 * More important pods first: higher priority, then longer running (util.MoreImportantPod). The real one reads the clock for
 * pods without a start time, one after the other, so that of two such pods each comes before the other.
 */
class Importance implements Ordering<PodInfo> {
  less(a: PodInfo, b: PodInfo): boolean {
    if (a.priority !== b.priority) return a.priority > b.priority;
    const started = a.pod.status.startTime;
    if (started === undefined) return b.pod.status.startTime === undefined;
    return started < startTime(b);
  }
}

const importance = new Importance();

function terminatingByPreemption(pod: Pod): boolean {
  if (pod.metadata.deletionTimestamp === undefined) return false;
  const condition = podCondition(pod, 'DisruptionTarget');
  return condition?.status === 'True' && condition.reason === 'PreemptionByScheduler';
}

/** Pods whose eviction would violate a budget, and the others; budgets are used up in order (filterPodsWithPDBViolation). */
function splitByBudgets(
  pods: readonly PodInfo[],
  budgets: readonly DisruptionBudget[],
  selectors: readonly CompiledSelector[],
): readonly [PodInfo[], PodInfo[]] {
  if (budgets.length === 0) return [[], [...pods]];
  const allowed = budgets.map((budget) => budget.status?.disruptionsAllowed ?? 0);
  const violating: PodInfo[] = [];
  const harmless: PodInfo[] = [];
  for (const pod of pods) {
    const { namespace, labels } = pod.shape;
    let violates = false;
    if (Object.keys(labels).length > 0) {
      for (let i = 0; i < budgets.length; i++) {
        const budget = budgets[i]!;
        if (budget.metadata.namespace !== namespace || selectors[i]!.isEverything || !selectors[i]!.matches(labels))
          continue;
        if (budget.status?.disruptedPods?.[pod.pod.metadata.name] !== undefined) continue;
        allowed[i]!--;
        if (allowed[i]! < 0) violates = true;
      }
    }
    (violates ? violating : harmless).push(pod);
  }
  return [violating, harmless];
}

function earliestStart({ victims }: Candidate): number {
  let highest = Number.NEGATIVE_INFINITY;
  let earliest = Number.MAX_SAFE_INTEGER;
  for (const victim of victims) {
    if (victim.priority < highest) continue;
    const started = startTime(victim);
    if (victim.priority > highest || started < earliest) earliest = started;
    highest = victim.priority;
  }
  return earliest;
}

/** Criteria in order; the smallest value wins (pickOneNodeForPreemption). */
const criteria: readonly ((candidate: Candidate) => number)[] = [
  (candidate) => candidate.budgetViolations,
  (candidate) => candidate.victims[0]!.priority,
  (candidate) => candidate.victims.reduce((sum, victim) => sum + victim.priority + PRIORITY_OFFSET, 0),
  (candidate) => candidate.victims.length,
  (candidate) => -earliestStart(candidate),
];

/** Candidates that no criterion tells apart, all others being worse. */
export function bestCandidates(candidates: readonly Candidate[]): readonly Candidate[] {
  let left = candidates;
  for (const criterion of criteria) {
    if (left.length === 1) break;
    let best = Number.POSITIVE_INFINITY;
    let winners: Candidate[] = [];
    for (const candidate of left) {
      const value = criterion(candidate);
      if (value > best) continue;
      if (value < best) winners = [];
      best = value;
      winners.push(candidate);
    }
    left = winners;
  }
  return left;
}
