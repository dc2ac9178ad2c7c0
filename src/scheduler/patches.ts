import type { Pod } from '../api/core.js';
import { podCondition } from '../api/core.js';
import type { Condition, KubernetesObject } from '../api/meta.js';
import type { Patch } from '../apiserver/request.js';
import type { Time } from '../kernel/time.js';

/** Bytes of a strategic merge patch of a pod's status, apart from its message. */
const PATCH_BYTES = 200;

/** Sets or replaces one condition; the transition time moves only when the status changes (podutil.UpdatePodCondition). */
function withCondition(conditions: readonly Condition[] | undefined, condition: Condition): readonly Condition[] {
  const old = conditions?.find((other) => other.type === condition.type);
  if (old === undefined) return [...(conditions ?? []), condition];
  const unchanged = old.status === condition.status && old.lastTransitionTime !== undefined;
  const made: Condition = unchanged ? { ...condition, lastTransitionTime: old.lastTransitionTime! } : condition;
  return conditions!.map((other) => (other === old ? made : other));
}

/** Condition PodScheduled=False with its reason, and what preemption did to the nomination. */
export class SchedulingFailurePatch implements Patch {
  readonly bytes: number;
  private readonly reason: string;
  private readonly message: string;
  private readonly time: Time;
  private readonly nominatedNode: string | undefined;

  /** @param nominatedNode undefined: left alone; empty: cleared */
  constructor(reason: string, message: string, time: Time, nominatedNode: string | undefined) {
    this.bytes = PATCH_BYTES + message.length;
    this.reason = reason;
    this.message = message;
    this.time = time;
    this.nominatedNode = nominatedNode;
  }

  /** Whether the patch would change this pod: when not, it is not sent. */
  changes(pod: Pod): boolean {
    const old = podCondition(pod, 'PodScheduled');
    if (old?.status !== 'False' || old.reason !== this.reason || old.message !== this.message) return true;
    return this.nominatedNode !== undefined && this.nominatedNode !== (pod.status.nominatedNodeName ?? '');
  }

  apply(current: KubernetesObject): KubernetesObject {
    const pod = current as Pod;
    if (!this.changes(pod)) return pod;
    const { reason, message, time } = this;
    const condition: Condition = { type: 'PodScheduled', status: 'False', reason, message, lastTransitionTime: time };
    const { nominatedNodeName: before, ...rest } = pod.status;
    const node = this.nominatedNode ?? before ?? '';
    const status = {
      ...rest,
      conditions: withCondition(pod.status.conditions, condition),
      ...(node === '' ? {} : { nominatedNodeName: node }),
    };
    return { ...pod, status } as Pod;
  }
}

/** Drops (or sets) a pod's nomination only. */
export class NominationPatch implements Patch {
  readonly bytes = PATCH_BYTES;
  private readonly node: string;

  constructor(node: string) {
    this.node = node;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const pod = current as Pod;
    if ((pod.status.nominatedNodeName ?? '') === this.node) return pod;
    const { nominatedNodeName: _, ...rest } = pod.status;
    return { ...pod, status: this.node === '' ? rest : { ...rest, nominatedNodeName: this.node } } as Pod;
  }
}

/** Condition DisruptionTarget of a pod that preemption is about to delete. */
export class PreemptionPatch implements Patch {
  readonly bytes = PATCH_BYTES;
  private readonly schedulerName: string;
  private readonly time: Time;

  constructor(schedulerName: string, time: Time) {
    this.schedulerName = schedulerName;
    this.time = time;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const pod = current as Pod;
    const condition: Condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: `${this.schedulerName}: preempting to accommodate a higher priority pod`,
      lastTransitionTime: this.time,
    };
    return { ...pod, status: { ...pod.status, conditions: withCondition(pod.status.conditions, condition) } } as Pod;
  }
}
