import { controllerOf } from '../api/meta.js';
import type { Duration } from '../kernel/time.js';
import type { CostProfile } from '../scenario/types.js';
import type { NodeTable } from './cache/node-table.js';
import type { Decision } from './scheduler-core.js';

type Costs = CostProfile['scheduler'];

/** Controllers whose selectors default spreading counts pods by (plugins/helper/spread.go DefaultSelector). */
const SPREAD_BY_DEFAULT: ReadonlySet<string> = new Set(['ReplicaSet', 'StatefulSet', 'ReplicationController']);

/**
 * Simulated time of a scheduling cycle without garbage collection, its median in the measured scheduler: a fixed part, a part
 * for each node evaluated, for pods that spread or have affinity terms the scans over all nodes or pods that the real scheduler
 * makes, and the steps of a preemption dry run, each about a node's filters. The simulation itself keeps the counts
 * incrementally. `parallelism`: workers of the scheduler (KubeSchedulerConfiguration), of which as many run as there are cores.
 */
export function cycleCost(costs: Costs, nodes: NodeTable, decision: Decision, parallelism = 1): Duration {
  const { result, cycle, dryRunSteps } = decision;
  const workers = Math.min(costs.cores ?? 1, parallelism);
  const failed = result.chosen < 0 ? result.diagnosis.count : 0;
  const evaluated = result.chosen < 0 ? 0 : result.evaluated;
  const larger = costs.evaluatedNodesToDouble === undefined ? 1 : 1 + evaluated / costs.evaluatedNodesToDouble;
  return Math.round(
    costs.cycleFixed +
      shared(evaluated * costs.cyclePerEvaluatedNode * larger, costs.evaluatedOverhead, workers) +
      shared((failed + dryRunSteps) * costs.failurePerNode, costs.failureOverhead, workers) +
      shared(scanCost(costs, nodes, cycle), costs.scanOverhead, workers),
  );
}

/** Full scans of PreFilter and PreScore on one core. */
function scanCost(costs: Costs, nodes: NodeTable, cycle: Decision['cycle']): number {
  const { shape, pod } = cycle.pod;
  const { affinity } = shape;
  let cost = 0;
  if (shape.spread.length > 0) cost += nodes.size * costs.spreadPerNode;
  else if (SPREAD_BY_DEFAULT.has(controllerOf(pod)?.kind ?? '')) cost += nodes.size * (costs.defaultSpreadPerNode ?? 0);
  if (affinity.requiredAffinity.length > 0) cost += nodes.podsWithAffinity * costs.affinityPerPod;
  else if (affinity.preferredAffinity.length + affinity.preferredAntiAffinity.length > 0) {
    cost += nodes.podsWithAffinity * costs.preferredAffinityPerPod;
  }
  const own = affinity.requiredAntiAffinity.length > 0 ? costs.antiAffinityPerPod : 0;
  return cost + nodes.podsWithRequiredAntiAffinity * (own + (costs.existingAntiAffinityPerPod ?? 0));
}

/** Work that several workers share: their processor time together is longer by `overhead`. */
function shared(work: number, overhead: number | undefined, workers: number): number {
  return workers === 1 ? work : (work * (overhead ?? 1)) / workers;
}

/**
 * Time of one cycle after the other: `cycleCost`, and the garbage collection that evaluated nodes cause, paid in slices by single
 * cycles. So medians and means are both those of the measured scheduler, whose means lie 20 to 60 % above the medians.
 */
export class CycleClock {
  private readonly costs: Costs;
  private readonly parallelism: number;
  private garbage: Duration = 0;

  constructor(costs: Costs, parallelism: number) {
    this.costs = costs;
    this.parallelism = parallelism;
  }

  /** `paused`: the scheduler waited for this pod; otherwise its cycle follows another at once. */
  next(nodes: NodeTable, decision: Decision, paused = false): Duration {
    const { costs } = this;
    const cost = Math.round(cycleCost(costs, nodes, decision, this.parallelism) * (paused ? (costs.afterPause ?? 1) : 1));
    this.garbage += decision.result.evaluated * (costs.garbagePerEvaluatedNode ?? 0);
    if (this.garbage === 0 || this.garbage < (costs.garbageSlice ?? 0)) return cost;
    const collection = Math.round(this.garbage);
    this.garbage = 0;
    return cost + collection;
  }
}
