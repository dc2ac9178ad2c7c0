import type { Node, Taint } from '../api/core.js';
import type { Condition, ConditionStatus } from '../api/meta.js';
import { SECOND, type Duration, type Time } from '../kernel/time.js';
import { apiTime, findCondition } from './conditions.js';

/** What the node lifecycle controller thinks of nodes and zones: pure (pkg/controller/nodelifecycle/node_lifecycle_controller.go). */

/** kube-controller-manager defaults (nodelifecycle/config/v1alpha1/defaults.go, NodeMonitorPeriod in cmd). */
export const MONITOR_PERIOD: Duration = 5 * SECOND;
export const MONITOR_GRACE_PERIOD: Duration = 50 * SECOND;
export const STARTUP_GRACE_PERIOD: Duration = 60 * SECOND;
/** How often the NoExecute queues are served (nodeEvictionPeriod). */
export const EVICTION_PERIOD: Duration = SECOND / 10;
/** Nodes a second that get a NoExecute taint in a zone: normally, and in a large zone that is partly down. */
export const EVICTION_RATE = 0.1;
export const SECONDARY_EVICTION_RATE = 0.01;
/** A zone with more nodes is large; share of nodes not ready at which a zone counts as partly down. */
export const LARGE_ZONE = 50;
export const UNHEALTHY_THRESHOLD = 0.55;

export const TAINT_NOT_READY = 'node.kubernetes.io/not-ready';
export const TAINT_UNREACHABLE = 'node.kubernetes.io/unreachable';
export const TAINT_UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

/** Conditions that become Unknown together with Ready. */
const MONITORED = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

export type ZoneState = 'Initial' | 'Normal' | 'FullDisruption' | 'PartialDisruption';

/** State of a zone from the readiness of its nodes (ComputeZoneState). */
export function zoneState(ready: number, notReady: number): ZoneState {
  if (ready === 0 && notReady > 0) return 'FullDisruption';
  if (notReady > 2 && notReady / (notReady + ready) >= UNHEALTHY_THRESHOLD) return 'PartialDisruption';
  return 'Normal';
}

/** Nodes a second that a zone in a state may taint; `allDown`: every zone is fully disrupted (setLimiterInZone). */
export function evictionRate(state: ZoneState, nodes: number, allDown: boolean): number {
  if (allDown) return 0;
  if (state !== 'PartialDisruption') return EVICTION_RATE;
  return nodes > LARGE_ZONE ? SECONDARY_EVICTION_RATE : 0;
}

/** Status of the Ready condition; `Unknown` when the node never said. */
export function readyStatus(node: Node): ConditionStatus {
  return findCondition(node.status.conditions, 'Ready')?.status ?? 'Unknown';
}

/** Conditions of a node whose kubelet has been silent too long; the same array when they say so already. */
export function silentConditions(node: Node, now: Time): readonly Condition[] {
  const conditions = node.status.conditions ?? [];
  const time = apiTime(now);
  let changed = false;
  const next = [...conditions];
  for (const type of MONITORED) {
    const index = next.findIndex((condition) => condition.type === type);
    const current = next[index];
    if (current === undefined) {
      changed = true;
      const reason = 'NodeStatusNeverUpdated';
      next.push({ type, status: 'Unknown', reason, message: 'Kubelet never posted node status.', lastTransitionTime: time });
    } else if (current.status !== 'Unknown') {
      changed = true;
      const message = 'Kubelet stopped posting node status.';
      next[index] = { ...current, status: 'Unknown', reason: 'NodeStatusUnknown', message, lastTransitionTime: time };
    }
  }
  return changed ? next : conditions;
}

/** NoSchedule taints that a node's conditions and spec ask for (doNoScheduleTaintingPass). */
export function conditionTaints(node: Node): readonly string[] {
  const keys: string[] = [];
  const status = (type: string): ConditionStatus | undefined => findCondition(node.status.conditions, type)?.status;
  const ready = status('Ready');
  if (ready === 'False') keys.push(TAINT_NOT_READY);
  if (ready === 'Unknown') keys.push(TAINT_UNREACHABLE);
  if (status('MemoryPressure') === 'True') keys.push('node.kubernetes.io/memory-pressure');
  if (status('DiskPressure') === 'True') keys.push('node.kubernetes.io/disk-pressure');
  if (status('PIDPressure') === 'True') keys.push('node.kubernetes.io/pid-pressure');
  if (status('NetworkUnavailable') === 'True') keys.push('node.kubernetes.io/network-unavailable');
  if (node.spec.unschedulable === true) keys.push(TAINT_UNSCHEDULABLE);
  return keys;
}

const CONDITION_TAINTS: ReadonlySet<string> = new Set([
  TAINT_NOT_READY,
  TAINT_UNREACHABLE,
  TAINT_UNSCHEDULABLE,
  'node.kubernetes.io/memory-pressure',
  'node.kubernetes.io/disk-pressure',
  'node.kubernetes.io/pid-pressure',
  'node.kubernetes.io/network-unavailable',
]);

/** Taints with the NoSchedule ones brought in line with the conditions; the same array when they are. */
export function withConditionTaints(node: Node, now: Time): readonly Taint[] {
  const wanted = conditionTaints(node);
  const taints = node.spec.taints ?? [];
  const own = taints.filter((taint) => taint.effect === 'NoSchedule' && CONDITION_TAINTS.has(taint.key));
  if (own.length === wanted.length && own.every((taint) => wanted.includes(taint.key))) return taints;
  const kept = taints.filter((taint) => !own.includes(taint) || wanted.includes(taint.key));
  const missing = wanted.filter((key) => !own.some((taint) => taint.key === key));
  return [...kept, ...missing.map((key): Taint => ({ key, effect: 'NoSchedule', timeAdded: apiTime(now) }))];
}

/** Taints with the NoExecute one that fits a Ready status, and without the other; Ready takes both off. */
export function withExecuteTaint(taints: readonly Taint[], ready: ConditionStatus, now: Time): readonly Taint[] {
  const key = ready === 'False' ? TAINT_NOT_READY : ready === 'Unknown' ? TAINT_UNREACHABLE : '';
  const isOwn = (taint: Taint): boolean =>
    taint.effect === 'NoExecute' && (taint.key === TAINT_NOT_READY || taint.key === TAINT_UNREACHABLE);
  const own = taints.filter(isOwn);
  if (key === '' ? own.length === 0 : own.length === 1 && own[0]!.key === key) return taints;
  const rest = taints.filter((taint) => !isOwn(taint));
  return key === '' ? rest : [...rest, { key, effect: 'NoExecute', timeAdded: apiTime(now) }];
}
