import type { Uniform } from '../random/stream.js';
import { type Moment, OpportunisticBatch } from './batch.js';
import type { Cycle } from './framework/cycle.js';
import { Diagnosis } from './framework/diagnosis.js';
import type { Framework } from './framework/framework.js';
import { Code, Status } from './framework/status.js';
import { topOfHeap } from './ties.js';

/** Fewest nodes that are searched when there are enough (schedule_one.go minFeasibleNodesToFind). */
export const MINIMUM_FEASIBLE_NODES = 100;
/** Lower bound of the adaptive percentage (minFeasibleNodesPercentageToFind). */
export const MINIMUM_PERCENTAGE = 5;

/** How many feasible nodes are looked for among `nodes`; percentage 0: adaptive (numFeasibleNodesToFind). */
export function feasibleNodesToFind(nodes: number, percentage: number): number {
  if (nodes < MINIMUM_FEASIBLE_NODES) return nodes;
  let share = percentage;
  if (share === 0) share = Math.max(MINIMUM_PERCENTAGE, 50 - Math.trunc(nodes / 125));
  return Math.max(MINIMUM_FEASIBLE_NODES, Math.trunc((nodes * share) / 100));
}

/** Error of a cluster without nodes (ErrNoNodesAvailable). */
export const NO_NODES = 'no nodes available to schedule pods';

/** What `schedulePod` found. */
export interface ScheduleResult {
  /** Slot of the chosen node; −1: none. */
  readonly chosen: number;
  /** Nodes filtered, and those that passed. */
  readonly evaluated: number;
  readonly feasible: number;
  /** Valid until the next pod. */
  readonly diagnosis: Diagnosis;
  /** Text of an error that is no FitError; empty: none. */
  readonly error: string;
  /** Nodes that passed, in visiting order (a view that the next cycle overwrites). */
  readonly slots: Int32Array;
  /** Total scores by position in `slots`; empty when nothing was scored. */
  readonly totals: Float64Array;
}

const noScores = new Float64Array(0);

/** The scheduling algorithm with the state it keeps from pod to pod: where the next search starts (schedule_one.go). */
export class SchedulingAlgorithm {
  nextStartIndex = 0;
  /** Global percentageOfNodesToScore; 0: adaptive. */
  percentageOfNodesToScore = 0;
  private slots = new Int32Array(128);
  private totals = new Float64Array(128);
  /** Views of their beginnings, as long as the last search found nodes. */
  private found = this.slots;
  private scored = this.totals;
  private readonly diagnosis = new Diagnosis();
  /** By profile. */
  private readonly batches = new Map<string, OpportunisticBatch>();
  /** Error of a filter in the current search. */
  private failed: Status | null = null;

  /** Finds a node for the pod of a cycle (schedulePod). `moment`: of the queue's cycle; null: the pod stands for itself, in no batch. */
  schedulePod(framework: Framework, cycle: Cycle, draws: Uniform, moment: Moment | null = null): ScheduleResult {
    const { nodes, features } = framework.handle;
    const { diagnosis } = this;
    diagnosis.reset();
    if (nodes.size === 0) return this.result(diagnosis, 0, -1, NO_NODES, false);
    const rejected = framework.preFilter(cycle);
    for (const plugin of cycle.restrictedBy) diagnosis.unschedulablePlugins.add(plugin);
    if (rejected !== null) {
      if (!rejected.rejected)
        return this.result(
          diagnosis,
          0,
          -1,
          `running PreFilter plugin "${rejected.plugin}": ${rejected.message}`,
          false,
        );
      diagnosis.absent = rejected;
      diagnosis.preFilterStatus = rejected;
      diagnosis.preFilterMessage = rejected.message;
      diagnosis.addPlugin(rejected);
      return this.result(diagnosis, 0, -1, '', false);
    }
    const batch = moment === null ? null : this.batchOf(framework);
    const hinted = batch?.hint(cycle, moment!) ?? -1;
    const count = this.findFeasible(framework, cycle, diagnosis, hinted);
    if (this.failed !== null) {
      const { plugin, message } = this.failed;
      return this.result(diagnosis, count, -1, `running "${plugin}" filter plugin: ${message}`, false);
    }
    if (count === 0) return this.result(diagnosis, 0, -1, '', false);
    if (count === 1) {
      batch?.chosen(cycle, hinted, this.slots[0]!, this.slots, noScores, moment!);
      return this.result(diagnosis, 1, this.slots[0]!, '', false);
    }
    const slots = (this.found = first(this.slots, count, this.found));
    if (this.totals.length < this.slots.length) this.totals = new Float64Array(this.slots.length);
    const totals = (this.scored = first(this.totals, count, this.scored));
    if (!framework.hasScoring) totals.fill(1);
    else {
      const failed = framework.score(cycle, slots, totals);
      if (failed !== null) return this.result(diagnosis, count, -1, failed.message, false);
    }
    const position = features.reservoirTieBreak ? uniformTie(totals, draws) : topOfHeap(totals);
    batch?.chosen(cycle, hinted, slots[position]!, slots, totals, moment!);
    return this.result(diagnosis, count, slots[position]!, '', true);
  }

  /** The batch of a profile; null: the version, or the profile, knows none. */
  private batchOf(framework: Framework): OpportunisticBatch | null {
    if (!framework.handle.features.opportunisticBatching) return null;
    let batch = this.batches.get(framework.schedulerName);
    if (batch === undefined) this.batches.set(framework.schedulerName, (batch = new OpportunisticBatch(framework)));
    return batch;
  }

  private result(
    diagnosis: Diagnosis,
    feasible: number,
    chosen: number,
    error: string,
    scored: boolean,
  ): ScheduleResult {
    return {
      chosen,
      evaluated: feasible + diagnosis.count,
      feasible,
      diagnosis,
      error,
      slots: (this.found = first(this.slots, feasible, this.found)),
      totals: scored ? (this.scored = first(this.totals, feasible, this.scored)) : noScores,
    };
  }

  /** Fills `slots` with feasible nodes; returns how many. */
  private findFeasible(framework: Framework, cycle: Cycle, diagnosis: Diagnosis, hinted: number): number {
    this.failed = null;
    const { nodes } = framework.handle;
    const nominated = cycle.pod.pod.status.nominatedNodeName ?? '';
    if (nominated !== '' || hinted >= 0) {
      const slot = nominated === '' ? hinted : nodes.slotOf(nominated);
      if (slot >= 0) {
        const status = framework.filterWithNominated(cycle, slot);
        if (status === null) {
          this.slots[0] = slot;
          return 1;
        }
        diagnosis.set(slot, status);
      }
    }
    const all = nodes.order;
    let candidates = all;
    if (cycle.nodeNames !== null) {
      const named: number[] = [];
      for (const name of cycle.nodeNames) {
        const slot = nodes.slotOf(name);
        if (slot >= 0) named.push(slot);
      }
      candidates = Int32Array.from(named);
      diagnosis.absent = restricted(cycle);
    }
    const count = this.search(framework, cycle, candidates, diagnosis);
    this.nextStartIndex = (this.nextStartIndex + count + diagnosis.count) % all.length;
    return count;
  }

  /** Visits nodes from the start index on until one feasible node more than wanted is met. */
  private search(framework: Framework, cycle: Cycle, candidates: Int32Array, diagnosis: Diagnosis): number {
    const total = candidates.length;
    if (total === 0) return 0;
    const percentage = framework.percentageOfNodesToScore ?? this.percentageOfNodesToScore;
    const wanted = framework.hasScoring ? feasibleNodesToFind(total, percentage) : 1;
    if (this.slots.length < wanted) this.slots = new Int32Array(wanted * 2);
    const { slots } = this;
    let position = this.nextStartIndex % total;
    let count = 0;
    if (framework.plugins.filter.length === 0) {
      for (; count < wanted; count++) slots[count] = candidates[(position + count) % total]!;
      return count;
    }
    const plain = framework.handle.nominator.size === 0;
    const sole = plain ? framework.soleFilter : undefined;
    for (let visited = 0; visited < total; visited++) {
      const slot = candidates[position]!;
      if (++position === total) position = 0;
      const status =
        sole !== undefined
          ? sole.filter!(cycle, slot)
          : plain
            ? framework.filter(cycle, slot)
            : framework.filterWithNominated(cycle, slot);
      if (status !== null) {
        if (status.code === Code.Error) {
          this.failed = status;
          break;
        }
        diagnosis.set(slot, status);
      } else if (count === wanted) break;
      else slots[count++] = slot;
    }
    return count;
  }
}

function restricted(cycle: Cycle): Status {
  const plugins = [...new Set(cycle.restrictedBy)].sort();
  return new Status(Code.UnschedulableAndUnresolvable, '', [`node(s) didn't satisfy plugin(s) [${plugins.join(' ')}]`]);
}

/** A uniform choice among the nodes with the highest total: what reservoir sampling over them amounts to. */
function uniformTie(totals: Float64Array, draws: Uniform): number {
  let best = 0;
  let top = totals[0]!;
  let ties = 1;
  for (let i = 1; i < totals.length; i++) {
    const total = totals[i]!;
    if (total > top) {
      best = i;
      top = total;
      ties = 1;
    } else if (total === top) ties++;
  }
  if (ties === 1) return best;
  let pick = Math.floor(draws.next() * ties);
  for (let i = best; ; i++) if (totals[i] === top && pick-- === 0) return i;
}

/** The first `count` numbers of a buffer; `last`: the view that was made the last time, which is often the same. */
function first<T extends Int32Array | Float64Array>(buffer: T, count: number, last: T): T {
  return last.length === count && last.buffer === buffer.buffer ? last : (buffer.subarray(0, count) as T);
}
