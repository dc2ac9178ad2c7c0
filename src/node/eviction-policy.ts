import type { Toleration } from '../api/core.js';
import type { EvictionSignal, EvictionThreshold, ThresholdValue } from '../api/kubelet-configuration.js';
import { resourceText } from '../api/quantity.js';
import { tolerates } from '../api/taints.js';
import type { Duration, Time } from '../kernel/time.js';

/** Decisions of the kubelet's eviction manager (pkg/kubelet/eviction). No clock, no events. */

/** Reason of pods that were evicted or refused under pressure (eviction_manager.go Reason). */
export const EVICTED = 'Evicted';
/** Grace of pods evicted by a hard threshold (immediateEvictionGracePeriodSeconds). */
export const IMMEDIATE_GRACE_SECONDS = 1;
/** Priority from which pods are critical: they are neither evicted nor refused (scheduling.SystemCriticalPriority). */
export const SYSTEM_CRITICAL_PRIORITY = 2_000_000_000;

export type PressureCondition = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';

/** What pods use up, of which a node can have too little (`inodes` and `pids` are names of the eviction manager's own). */
export type Starved = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';

/** What is known of a signal: bytes, inodes or process ids that are available, and in all. */
export interface Observation {
  readonly available: number;
  readonly capacity: number;
}

export type Observations = Readonly<Partial<Record<EvictionSignal, Observation>>>;

/** The condition that a signal stands for (helpers.go signalToNodeCondition). */
export function conditionOf(signal: EvictionSignal): PressureCondition {
  return signal === 'memory.available' ? 'MemoryPressure' : signal === 'pid.available' ? 'PIDPressure' : 'DiskPressure';
}

/** The resource that is reclaimed for a signal (helpers.go signalToResource). */
export function resourceOf(signal: EvictionSignal): Starved {
  if (signal === 'memory.available') return 'memory';
  if (signal === 'pid.available') return 'pids';
  return signal.endsWith('inodesFree') ? 'inodes' : 'ephemeral-storage';
}

/** Bytes, inodes or process ids of a threshold (GetThresholdQuantity). */
export function thresholdBytes(value: ThresholdValue, capacity: number): number {
  return 'bytes' in value ? value.bytes : Math.trunc((capacity * value.percent) / 100);
}

/** Thresholds that are met, in order, without regard to grace periods; with `minReclaim` they count until that is available too. */
export function thresholdsMet(
  thresholds: readonly EvictionThreshold[],
  observations: Observations,
  minReclaim: boolean,
): EvictionThreshold[] {
  return thresholds.filter((threshold) => {
    const observed = observations[threshold.signal];
    if (observed === undefined) return false;
    let wanted = thresholdBytes(threshold.value, observed.capacity);
    if (minReclaim && threshold.minReclaim !== undefined)
      wanted += thresholdBytes(threshold.minReclaim, observed.capacity);
    return wanted > observed.available;
  });
}

/** What the eviction manager remembers between two of its rounds. */
export class PressureState {
  /** Met for their grace periods, at the last round. */
  private met: readonly EvictionThreshold[] = [];
  private firstObserved = new Map<EvictionThreshold, Time>();
  private readonly lastObserved = new Map<PressureCondition, Time>();
  conditions: readonly PressureCondition[] = [];

  /** Nothing is met and no condition holds: rounds change nothing until a threshold is met. */
  get quiet(): boolean {
    return this.conditions.length === 0 && this.firstObserved.size === 0;
  }

  /** One round (eviction_manager.go synchronize): the thresholds to act on, memory first. */
  round(
    thresholds: readonly EvictionThreshold[],
    observations: Observations,
    now: Time,
    transition: Duration,
  ): readonly EvictionThreshold[] {
    const current = thresholdsMet(thresholds, observations, false);
    for (const threshold of thresholdsMet(this.met, observations, true)) {
      if (!current.includes(threshold)) current.push(threshold);
    }
    this.firstObserved = new Map(current.map((threshold) => [threshold, this.firstObserved.get(threshold) ?? now]));
    for (const { signal } of current) this.lastObserved.set(conditionOf(signal), now);
    const conditions: PressureCondition[] = [];
    for (const condition of ['DiskPressure', 'MemoryPressure', 'PIDPressure'] as const) {
      const seen = this.lastObserved.get(condition);
      if (seen !== undefined && now - seen < transition) conditions.push(condition);
      else if (seen !== undefined && !current.some(({ signal }) => conditionOf(signal) === condition))
        this.lastObserved.delete(condition);
    }
    this.conditions = conditions;
    this.met = current.filter((threshold) => now - this.firstObserved.get(threshold)! >= threshold.gracePeriod);
    const memory = this.met.filter(({ signal }) => signal === 'memory.available');
    return [...memory, ...this.met.filter(({ signal }) => signal !== 'memory.available')];
  }
}

/** What the ranking reads of a pod: bytes used and requested of the starved resource. */
export interface PodUse {
  readonly priority: number;
  readonly usage: number;
  readonly request: number;
}

/**
 * The request that counts for the order: nobody requests inodes or process ids, of which every pod has some, so that priority and use decide
 * (rankPIDPressure, rankDiskPressureFunc).
 */
export function rankedRequest(resource: Starved, requested: number | undefined): number {
  return resource === 'memory' || resource === 'ephemeral-storage' ? (requested ?? 0) : -1;
}

/** Who is evicted first: those above their requests, then lower priority, then more above (or less below) the request (rankMemoryPressure, rankDiskPressureFunc). */
export function evictionOrder<T extends PodUse>(pods: readonly T[]): T[] {
  return [...pods].sort((a, b) => {
    const above = Number(b.usage > b.request) - Number(a.usage > a.request);
    return above || a.priority - b.priority || b.usage - b.request - (a.usage - a.request);
  });
}

/** What a container of an evicted pod used. */
export interface ContainerUse {
  readonly name: string;
  readonly usage: number;
  readonly request: number;
}

/** `status.message` and text of the event of an evicted pod (helpers.go evictionMessage). */
export function evictionMessage(
  threshold: EvictionThreshold,
  observation: Observation,
  containers: readonly ContainerUse[],
): string {
  const resource = resourceOf(threshold.signal);
  const amount = thresholdBytes(threshold.value, observation.capacity);
  const bytes = resource === 'memory' || resource === 'ephemeral-storage';
  // Shares are written with binary suffixes, whatever they are of.
  const quantity = bytes || 'percent' in threshold.value ? sizeText(amount) : countText(amount);
  const available = bytes ? sizeText(observation.available) : countText(observation.available);
  let message = `The node was low on resource: ${resource}. Threshold quantity: ${quantity}, available: ${available}. `;
  if (!bytes) return message;
  for (const { name, usage, request } of containers) {
    if (usage <= request) continue;
    message += `Container ${name} was using ${sizeText(usage)}, request is ${sizeText(request)}, has larger consumption of ${resource}. `;
  }
  return message;
}

/** A container above its limit of ephemeral storage (helpers.go containerEphemeralStorageMessageFmt). */
export function storageLimitMessage(container: string, limit: number): string {
  return `Container ${container} exceeded its local ephemeral storage limit "${sizeText(limit)}". `;
}

/** A number as a quantity with decimal suffix. */
function countText(count: number): string {
  return resourceText('count', Math.max(0, Math.floor(count)));
}

/** Bytes as a quantity with binary suffix. */
function sizeText(bytes: number): string {
  return resourceText('memory', Math.max(0, Math.floor(bytes)));
}

/** Why a node under pressure refuses a pod (eviction_manager.go Admit); empty: it does not. */
export function pressureRefusal(
  conditions: readonly PressureCondition[],
  priority: number,
  bestEffort: boolean,
  tolerations: readonly Toleration[] | undefined,
): string {
  if (conditions.length === 0 || priority >= SYSTEM_CRITICAL_PRIORITY) return '';
  if (conditions.length === 1 && conditions[0] === 'MemoryPressure') {
    if (!bestEffort || tolerates(tolerations, MEMORY_TAINT)) return '';
  }
  return `Pod was rejected: The node had condition: [${conditions.join(' ')}]. `;
}

const MEMORY_TAINT = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' } as const;

/** oom_score_adj of a container (pkg/kubelet/qos/policy.go GetContainerOOMScoreAdjust). */
export function oomScoreAdjustment(
  qos: 'Guaranteed' | 'Burstable' | 'BestEffort',
  priority: number,
  memoryRequest: number,
  memoryCapacity: number,
): number {
  // scheduling.SystemCriticalPriority + 1000: node-critical.
  if (priority >= SYSTEM_CRITICAL_PRIORITY + 1000 || qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const adjustment = 1000 - Math.trunc((1000 * memoryRequest) / memoryCapacity);
  return adjustment < 3 ? 3 : adjustment === 1000 ? 999 : adjustment;
}

/** What the kernel ranks victims by when a machine is out of memory (mm/oom_kill.c oom_badness), in bytes. */
export function oomBadness(usage: number, adjustment: number, memoryCapacity: number): number {
  return usage + (adjustment * memoryCapacity) / 1000;
}
