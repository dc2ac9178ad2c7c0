import type { Duration } from '../kernel/time.js';
import type { CostProfile } from '../scenario/types.js';
import type { NodeTable } from './cache/node-table.js';
import type { Decision } from './scheduler-core.js';

/**
 * Simulated time of a scheduling cycle (facts of the measured scheduler): a fixed part, a part for each node evaluated, for
 * pods that spread or have affinity terms the scans over all nodes or pods that the real scheduler makes, and the steps of a
 * preemption dry run, each about a node's filters. The simulation itself keeps the counts incrementally.
 */
export function cycleCost(
  costs: CostProfile['scheduler'],
  nodes: NodeTable,
  { result, cycle, dryRunSteps }: Decision,
): Duration {
  const { shape } = cycle.pod;
  const { affinity } = shape;
  let cost = costs.cycleFixed + dryRunSteps * costs.failurePerNode;
  if (result.chosen < 0) cost += result.diagnosis.count * costs.failurePerNode;
  else cost += result.evaluated * costs.cyclePerEvaluatedNode;
  if (shape.spread.length > 0) cost += nodes.size * costs.spreadPerNode;
  if (affinity.requiredAffinity.length > 0) cost += nodes.podsWithAffinity * costs.affinityPerPod;
  else if (affinity.preferredAffinity.length + affinity.preferredAntiAffinity.length > 0) {
    cost += nodes.podsWithAffinity * costs.preferredAffinityPerPod;
  }
  if (!cycle.skippedFilters.includes('InterPodAffinity'))
    cost += nodes.podsWithRequiredAntiAffinity * costs.antiAffinityPerPod;
  return Math.round(cost);
}
