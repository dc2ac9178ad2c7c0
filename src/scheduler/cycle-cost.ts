import type { CostProfile } from '../scenario/types.js';
import type { Duration } from '../kernel/time.js';
import type { PodInfo } from './cache/pod-info.js';
import type { NodeTable } from './cache/node-table.js';
import type { ScheduleResult } from './schedule-pod.js';

/**
 * Simulated time of a scheduling cycle (facts of the measured scheduler): a fixed part, a part for each node evaluated, and
 * for pods that spread or have affinity terms the scans over all nodes or pods that the real scheduler makes. The simulation
 * itself keeps those counts incrementally.
 */
export function cycleCost(costs: CostProfile['scheduler'], nodes: NodeTable, pod: PodInfo, result: ScheduleResult): Duration {
  const failed = result.chosen < 0;
  let cost = costs.cycleFixed;
  if (failed) cost += result.diagnosis.count * costs.failurePerNode;
  else cost += result.evaluated * costs.cyclePerEvaluatedNode;
  if (pod.shape.spread.length > 0) cost += nodes.size * costs.spreadPerNode;
  const { affinity } = pod.shape;
  if (affinity.requiredAffinity.length > 0) cost += nodes.podsWithAffinity * costs.affinityPerPod;
  else if (affinity.preferredAffinity.length + affinity.preferredAntiAffinity.length > 0) {
    cost += nodes.podsWithAffinity * costs.preferredAffinityPerPod;
  }
  // Required anti-affinity of the pods that are there is looked at for every pod.
  cost += nodes.podsWithRequiredAntiAffinity * costs.antiAffinityPerPod;
  return Math.round(cost);
}
