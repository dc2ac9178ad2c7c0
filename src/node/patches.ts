import { assembled, mergedStatus } from '../api/copies.js';
import type { Node, NodeStatus, Pod, PodStatus } from '../api/core.js';
import type { Condition, KubernetesObject } from '../api/meta.js';
import type { Patch } from '../apiserver/request.js';
import { isKubeletCondition, SHARED_CONDITION } from './pod-status.js';

/** Strategic-merge patch of pods/status as the kubelet's status manager sends it (pkg/util/pod PatchPodStatus). */
export class PodStatusPatch implements Patch {
  readonly uid: string;
  readonly status: PodStatus;
  readonly bytes: number;

  constructor(uid: string, status: PodStatus) {
    this.uid = uid;
    this.status = status;
    // Condition ≈ 110 bytes, container status ≈ 420 bytes of JSON, envelope with uid ≈ 120 (measured on recorded patches).
    this.bytes = 120 + 110 * (status.conditions?.length ?? 0) + 420 * (status.containerStatuses?.length ?? 0);
  }

  /** The pod with the merged status; `current` itself when nothing changes or the uid is another one's. */
  apply(current: KubernetesObject): KubernetesObject {
    const pod = current as Pod;
    if (pod.metadata.uid !== this.uid) return current;
    const status = mergePodStatus(pod.status, this.status);
    return status === pod.status ? current : assembled(pod, pod.metadata, pod.spec, status);
  }
}

/** Whether the API lacks something of the kubelet's status; conditions of others do not count. */
export function statusDiffers(api: PodStatus, own: PodStatus): boolean {
  if (api === own) return false;
  return !(
    (own.conditions === api.conditions ||
      (own.conditions !== undefined && api.conditions !== undefined && holds(api.conditions, own.conditions))) &&
    own.phase === api.phase &&
    own.podIP === api.podIP &&
    own.hostIP === api.hostIP &&
    own.startTime === api.startTime &&
    own.reason === api.reason &&
    own.message === api.message &&
    own.containerStatuses === api.containerStatuses &&
    own.initContainerStatuses === api.initContainerStatuses
  );
}

/** Kubelet's status over the API's: conditions of others are kept (status_manager.go mergePodStatus). */
export function mergePodStatus(api: PodStatus, own: PodStatus): PodStatus {
  if (!statusDiffers(api, own)) return api;
  const conditions = mergeConditions(api.conditions, own.conditions);
  // Mostly the API has nothing that the kubelet's status lacks: then that is the new one.
  if (conditions === own.conditions && (api.qosClass === undefined || api.qosClass === own.qosClass) && covers(own, api)) return own;
  return mergedStatus(api, own, conditions);
}

/** Whether a status has all fields of another one, but for the nomination, which ends with the kubelet's first word. */
function covers(status: PodStatus, other: PodStatus): boolean {
  for (const field in other) if (field !== 'nominatedNodeName' && !Object.hasOwn(status, field)) return false;
  return true;
}

function mergeConditions(
  api: readonly Condition[] | undefined,
  own: readonly Condition[] | undefined,
): readonly Condition[] {
  if (api !== undefined && own !== undefined && holds(api, own)) return api;
  if (own !== undefined && own.every(isMine) && (api === undefined || api.every(isOfKubelet))) return own;
  const merged: Condition[] = [];
  let shared = false;
  if (own !== undefined) {
    for (let i = 0; i < own.length; i++) {
      const condition = own[i]!;
      const isOfBoth = isShared(condition);
      if (isOfBoth) shared = true;
      if (isOfBoth || isKubeletCondition(condition.type)) merged.push(condition);
    }
  }
  if (api !== undefined) {
    for (let i = 0; i < api.length; i++) {
      const { type } = api[i]!;
      if (!isKubeletCondition(type) && !(shared && type === SHARED_CONDITION)) merged.push(api[i]!);
    }
  }
  return merged;
}

/** Whether the API's conditions hold all of the kubelet's own as they are, and no other of its types. */
function holds(api: readonly Condition[], own: readonly Condition[]): boolean {
  let count = 0;
  for (let i = 0; i < own.length; i++) {
    const condition = own[i]!;
    const shared = isShared(condition);
    if (!shared && !isKubeletCondition(condition.type)) continue;
    if (!shared) count++;
    // The kubelet's conditions stand first and in its order unless somebody else wrote them.
    const there = i < api.length && api[i]!.type === condition.type ? api[i] : ofType(api, condition.type);
    if (there === undefined || !sameCondition(there, condition)) return false;
  }
  for (let i = 0; i < api.length; i++) if (isKubeletCondition(api[i]!.type)) count--;
  return count === 0;
}

function ofType(conditions: readonly Condition[], type: string): Condition | undefined {
  for (let i = 0; i < conditions.length; i++) if (conditions[i]!.type === type) return conditions[i];
  return undefined;
}

function isOfKubelet({ type }: Condition): boolean {
  return isKubeletCondition(type);
}

function isMine(condition: Condition): boolean {
  return isKubeletCondition(condition.type) || isShared(condition);
}

/** DisruptionTarget as a kubelet writes it. */
function isShared(condition: Condition): boolean {
  return condition.type === SHARED_CONDITION && condition.reason === 'TerminationByKubelet';
}

function sameCondition(a: Condition, b: Condition): boolean {
  return (
    a === b ||
    (a.status === b.status &&
      a.reason === b.reason &&
      a.message === b.message &&
      a.lastTransitionTime === b.lastTransitionTime)
  );
}

/** The kubelet's periodic patch of nodes/status: heartbeat times, Ready, images. */
export class NodeStatusPatch implements Patch {
  readonly bytes: number;
  readonly at: number;
  readonly images: NodeStatus['images'];
  readonly volumesInUse: NodeStatus['volumesInUse'];
  /** Conditions that are not as usual: Ready false, pressure true; the others are well. */
  readonly unusual: Readonly<Record<string, string>>;
  /** Why Ready is False; empty: it is not told. */
  readonly whyNotReady: string;

  constructor(
    at: number,
    images: NodeStatus['images'],
    volumesInUse?: NodeStatus['volumesInUse'],
    unusual: Readonly<Record<string, string>> = USUAL,
    whyNotReady = '',
  ) {
    this.at = at;
    this.unusual = unusual;
    this.whyNotReady = whyNotReady;
    this.images = images;
    this.volumesInUse = volumesInUse;
    // Four conditions with heartbeats ≈ 150 bytes each, and ≈ 190 bytes an image when the list is sent.
    this.bytes = 700 + 190 * (images?.length ?? 0) + 90 * (volumesInUse?.length ?? 0);
  }

  apply(current: KubernetesObject): KubernetesObject {
    const node = current as Node;
    const before = node.status.conditions ?? [READY];
    const conditions: Condition[] = [];
    for (let i = 0; i < before.length; i++) conditions.push(this.beat(before[i]!));
    for (const type in this.unusual) {
      if (!before.some((condition) => condition.type === type)) conditions.push(this.beat({ type, status: 'Unknown' }));
    }
    const status = toldStatus(node.status, conditions, this.images, this.volumesInUse);
    return assembled(node, node.metadata, node.spec, status);
  }

  /** Ready and the pressure conditions are the kubelet's own; others (NetworkUnavailable, …) stay. */
  private beat(condition: Condition): Condition {
    const { type } = condition;
    const usual = type === 'Ready' ? 'True' : PRESSURE.has(type) ? 'False' : undefined;
    if (usual === undefined) return condition;
    if (this.unusual === USUAL && condition.status === usual) return beaten(condition, this.at);
    const unusual = this.unusual[type];
    const wanted = unusual === undefined ? usual : usual === 'True' ? 'False' : 'True';
    const told = type === 'Ready' && wanted === 'False' && this.whyNotReady !== '' ? { message: this.whyNotReady } : {};
    if (condition.status === wanted) return { ...condition, ...told, lastHeartbeatTime: this.at };
    const reason = unusual ?? REASONS[type];
    const { message: _message, ...rest } = condition;
    return {
      ...rest,
      ...told,
      status: wanted,
      lastHeartbeatTime: this.at,
      lastTransitionTime: this.at,
      ...(reason === undefined ? {} : { reason }),
    };
  }
}

/** Keys of an object. */
function keysOf(object: object): number {
  let keys = 0;
  for (const _ in object) keys++;
  return keys;
}

/** A condition that is as it was, told again. Written out: copies with another value would have ever new hidden classes. */
function beaten(condition: Condition, lastHeartbeatTime: number): Condition {
  const { type, status, reason, message, lastTransitionTime } = condition;
  if (condition.lastHeartbeatTime !== undefined && reason !== undefined && lastTransitionTime !== undefined) {
    const keys = keysOf(condition);
    if (keys === 5) return { type, status, reason, lastHeartbeatTime, lastTransitionTime };
    if (keys === 6 && message !== undefined) return { type, status, reason, lastHeartbeatTime, lastTransitionTime, message };
  }
  return { ...condition, lastHeartbeatTime };
}

/** A node's status with other conditions and, if they are told, images and volumes. Written out like the conditions. */
function toldStatus(before: NodeStatus, conditions: readonly Condition[], told: NodeStatus['images'], volumesInUse: NodeStatus['volumesInUse']): NodeStatus {
  const { capacity, allocatable, addresses, nodeInfo } = before;
  const images = told ?? before.images;
  const known = 2 + (before.conditions === undefined ? 0 : 1) + (addresses === undefined ? 0 : 1) + (nodeInfo === undefined ? 0 : 1) + (before.images === undefined ? 0 : 1);
  if (volumesInUse === undefined && addresses !== undefined && known === keysOf(before)) {
    if (nodeInfo === undefined) return images === undefined ? { capacity, allocatable, addresses, conditions } : { capacity, allocatable, addresses, conditions, images };
    return images === undefined ? { capacity, allocatable, addresses, conditions, nodeInfo } : { capacity, allocatable, addresses, conditions, nodeInfo, images };
  }
  return { ...before, conditions, ...(told === undefined ? {} : { images: told }), ...(volumesInUse === undefined ? {} : { volumesInUse }) };
}

const USUAL: Readonly<Record<string, string>> = {};
const PRESSURE: ReadonlySet<string> = new Set(['MemoryPressure', 'DiskPressure', 'PIDPressure']);
const READY: Condition = { type: 'Ready', status: 'Unknown' };
const REASONS: Readonly<Record<string, string>> = {
  Ready: 'KubeletReady',
  MemoryPressure: 'KubeletHasSufficientMemory',
  DiskPressure: 'KubeletHasNoDiskPressure',
  PIDPressure: 'KubeletHasSufficientPID',
};
