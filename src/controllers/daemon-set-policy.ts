import type { DaemonSet, DaemonSetStatus } from '../api/apps.js';
import {
  isPodAvailable,
  isPodReady,
  type Node,
  type NodeSelectorRequirement,
  type NodeSelectorTerm,
  type Pod,
  type PodSpec,
  type Toleration,
} from '../api/core.js';
import { scaledValue } from '../api/int-or-string.js';
import { matchesMap } from '../api/labels.js';
import type { Labels } from '../api/meta.js';
import { firstUntoleratedTaint } from '../api/taints.js';
import type { Time } from '../kernel/time.js';
import { REVISION_LABEL } from './revisions.js';

/** Where the pods of a DaemonSet belong and how they are renewed: pure (pkg/controller/daemon/{daemon_controller,update}.go). */

/** Pods created or deleted in one sync at most (BurstReplicas). */
export const DAEMON_BURST = 250;

/** Tolerations that every daemon pod gets (util.AddOrUpdateDaemonPodTolerations). */
export function daemonTolerations(spec: PodSpec): readonly Toleration[] {
  const exists = (key: string, effect: 'NoExecute' | 'NoSchedule'): Toleration => ({ key, operator: 'Exists', effect });
  const added = [
    exists('node.kubernetes.io/not-ready', 'NoExecute'),
    exists('node.kubernetes.io/unreachable', 'NoExecute'),
    exists('node.kubernetes.io/disk-pressure', 'NoSchedule'),
    exists('node.kubernetes.io/memory-pressure', 'NoSchedule'),
    exists('node.kubernetes.io/pid-pressure', 'NoSchedule'),
    exists('node.kubernetes.io/unschedulable', 'NoSchedule'),
    ...(spec.hostNetwork === true ? [exists('node.kubernetes.io/network-unavailable', 'NoSchedule')] : []),
  ];
  const own = (spec.tolerations ?? []).filter(
    (toleration) => !added.some((other) => other.key === toleration.key && other.effect === toleration.effect),
  );
  return [...own, ...added];
}

/** The pod spec for one node: bound to it by affinity on its name, so that the scheduler places it. */
export function daemonPodSpec(spec: PodSpec, node: string): PodSpec {
  const field: NodeSelectorRequirement = { key: 'metadata.name', operator: 'In', values: [node] };
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const terms: readonly NodeSelectorTerm[] =
    required === undefined || required.nodeSelectorTerms.length === 0
      ? [{ matchFields: [field] }]
      : required.nodeSelectorTerms.map((term) => ({ ...term, matchFields: [field] }));
  return {
    ...spec,
    tolerations: daemonTolerations(spec),
    affinity: {
      ...spec.affinity,
      nodeAffinity: { ...spec.affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } },
    },
  };
}

function matchesExpression(requirement: NodeSelectorRequirement, value: string | undefined): boolean {
  const { operator, values } = requirement;
  switch (operator) {
    case 'In':
      return value !== undefined && values!.includes(value);
    case 'NotIn':
      return value === undefined || !values!.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values![0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values![0]);
  }
}

/** Whether a node fits a pod spec's node selector, required node affinity and name. */
function fitsNode(spec: PodSpec, node: Node): boolean {
  const { name, labels } = node.metadata;
  if (spec.nodeName !== undefined && spec.nodeName !== '' && spec.nodeName !== name) return false;
  if (spec.nodeSelector !== undefined && !matchesMap(spec.nodeSelector, labels)) return false;
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (terms === undefined) return true;
  return terms.some((term) => {
    const expressions = term.matchExpressions ?? [];
    const fields = term.matchFields ?? [];
    if (expressions.length + fields.length === 0) return false;
    return (
      expressions.every((requirement) => matchesExpression(requirement, labels?.[requirement.key])) &&
      fields.every((requirement) => matchesExpression(requirement, requirement.key === 'metadata.name' ? name : undefined))
    );
  });
}

/** Whether a node should have a daemon pod, and whether one that is there may stay (NodeShouldRunDaemonPod). */
export function nodeShouldRun(spec: PodSpec, tolerations: readonly Toleration[], node: Node): { readonly run: boolean; readonly stay: boolean } {
  if (!fitsNode(spec, node)) return { run: false, stay: false };
  const { taints } = node.spec;
  if (firstUntoleratedTaint(taints, tolerations, ['NoExecute', 'NoSchedule']) === undefined) return { run: true, stay: true };
  return { run: false, stay: firstUntoleratedTaint(taints, tolerations, ['NoExecute']) === undefined };
}

/** Whether nodes should run a set's pods, remembered while neither a node's labels and spec nor the template change. */
export class NodeFits {
  private readonly spec: PodSpec;
  private readonly tolerations: readonly Toleration[];
  private readonly known = new Map<string, { readonly spec: Node['spec']; readonly labels: Labels | undefined; readonly run: boolean; readonly stay: boolean }>();

  constructor(spec: PodSpec) {
    this.spec = spec;
    this.tolerations = daemonTolerations(spec);
  }

  /** Whether these are the answers for a template. */
  isFor(spec: PodSpec): boolean {
    return this.spec === spec;
  }

  of(node: Node): { readonly run: boolean; readonly stay: boolean } {
    const { name, labels } = node.metadata;
    const found = this.known.get(name);
    if (found !== undefined && found.spec === node.spec && found.labels === labels) return found;
    const fit = { spec: node.spec, labels, ...nodeShouldRun(this.spec, this.tolerations, node) };
    this.known.set(name, fit);
    return fit;
  }

  forget(node: string): void {
    this.known.delete(node);
  }
}

/** Pods of a set by node name. */
export type PodsByNode = ReadonlyMap<string, readonly Pod[]>;

export interface DaemonPlan {
  /** Nodes that need a pod. */
  readonly create: readonly string[];
  readonly remove: readonly Pod[];
  /** Pods that ended by themselves, among those removed. */
  readonly finished: readonly Pod[];
}

/** What must be created and deleted regardless of updates (podsShouldBeOnNode for every node). */
export function planPlacement(
  set: DaemonSet,
  nodes: Iterable<Node>,
  podsByNode: PodsByNode,
  hash: string,
  now: Time,
  fits: NodeFits = new NodeFits(set.spec.template.spec),
): DaemonPlan {
  const create: string[] = [];
  const remove: Pod[] = [];
  const finished: Pod[] = [];
  for (const node of nodes) {
    const { run, stay } = fits.of(node);
    const pods = podsByNode.get(node.metadata.name);
    if (run && (pods === undefined || pods.length === 0)) create.push(node.metadata.name);
    else if (pods !== undefined && !stay) remove.push(...pods.filter((pod) => pod.metadata.deletionTimestamp === undefined));
    else if (pods !== undefined) planNode(set, pods, hash, now, remove, finished);
  }
  return { create, remove, finished };
}

function planNode(set: DaemonSet, pods: readonly Pod[], hash: string, now: Time, remove: Pod[], finished: Pod[]): void {
  const running: Pod[] = [];
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp !== undefined) continue;
    if (pod.status.phase === 'Failed' || pod.status.phase === 'Succeeded') {
      remove.push(pod);
      finished.push(pod);
    } else running.push(pod);
  }
  if (running.length <= 1) return;
  running.sort((a, b) => a.metadata.creationTimestamp - b.metadata.creationTimestamp || (a.metadata.name < b.metadata.name ? -1 : 1));
  if (surgeOf(set, 1) === 0) {
    remove.push(...running.slice(1));
    return;
  }
  // While surging two pods may be there: an old one that is ready and a new one that is not available yet.
  const old = running.find((pod) => !isUpdated(pod, hash));
  const fresh = running.find((pod) => isUpdated(pod, hash));
  remove.push(...running.filter((pod) => pod !== old && pod !== fresh));
  if (old === undefined || fresh === undefined) return;
  if (!isPodReady(old) || isPodAvailable(fresh, set.spec.minReadySeconds ?? 0, now)) remove.push(old);
}

export function isUpdated(pod: Pod, hash: string): boolean {
  return pod.metadata.labels?.[REVISION_LABEL] === hash;
}

function surgeOf(set: DaemonSet, desired: number): number {
  const rolling = set.spec.updateStrategy.rollingUpdate;
  return rolling === undefined ? 0 : scaledValue(rolling.maxSurge, desired, true);
}

/** maxSurge and maxUnavailable in pods; both are rounded up, and both 0 means one unavailable. */
export function daemonFenceposts(set: DaemonSet, desired: number): { readonly surge: number; readonly unavailable: number } {
  const rolling = set.spec.updateStrategy.rollingUpdate;
  const surge = surgeOf(set, desired);
  const unavailable = rolling === undefined ? 1 : scaledValue(rolling.maxUnavailable, desired, true);
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
}

/** The newest of the running pods with and without the current template; undefined twice when there are several of one sort. */
function pairOn(pods: readonly Pod[], hash: string): { readonly old: Pod | undefined; readonly fresh: Pod | undefined; readonly ok: boolean } {
  let old: Pod | undefined;
  let fresh: Pod | undefined;
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp !== undefined) continue;
    if (isUpdated(pod, hash)) {
      if (fresh !== undefined) return { old: undefined, fresh: undefined, ok: false };
      fresh = pod;
    } else {
      if (old !== undefined) return { old: undefined, fresh: undefined, ok: false };
      old = pod;
    }
  }
  return { old, fresh, ok: old !== undefined || fresh !== undefined };
}

/** One step of a rolling update (rollingUpdate). `desired`: nodes that should run the daemon. */
export function planUpdate(set: DaemonSet, podsByNode: PodsByNode, desired: number, hash: string, now: Time): { readonly create: readonly string[]; readonly remove: readonly Pod[] } {
  const { surge, unavailable } = daemonFenceposts(set, desired);
  return surge > 0 ? planSurge(set, podsByNode, surge, hash, now) : planReplace(set, podsByNode, unavailable, hash, now);
}

function planReplace(set: DaemonSet, podsByNode: PodsByNode, maximum: number, hash: string, now: Time) {
  const minimum = set.spec.minReadySeconds ?? 0;
  let unavailable = 0;
  const freely: Pod[] = [];
  const candidates: Pod[] = [];
  for (const pods of podsByNode.values()) {
    const { old, fresh, ok } = pairOn(pods, hash);
    // Nothing there yet, or more than belongs there: the placement step sees to it.
    if (!ok || (old !== undefined && fresh !== undefined)) unavailable++;
    else if (fresh !== undefined) {
      if (!isPodAvailable(fresh, minimum, now)) unavailable++;
    } else if (!isPodAvailable(old!, minimum, now)) {
      freely.push(old!);
      unavailable++;
    } else candidates.push(old!);
  }
  const budget = Math.max(0, maximum - unavailable);
  return { create: [], remove: [...freely, ...candidates.slice(0, budget)] };
}

function planSurge(set: DaemonSet, podsByNode: PodsByNode, maximum: number, hash: string, now: Time) {
  const minimum = set.spec.minReadySeconds ?? 0;
  const remove: Pod[] = [];
  const freely: string[] = [];
  const candidates: string[] = [];
  let surging = 0;
  for (const [node, pods] of podsByNode) {
    const { old, fresh, ok } = pairOn(pods, hash);
    if (!ok) surging++;
    else if (fresh === undefined) {
      if (isPodAvailable(old!, minimum, now)) candidates.push(node);
      else freely.push(node);
    } else if (old !== undefined) {
      if (isPodAvailable(fresh, minimum, now)) remove.push(old);
      else surging++;
    }
  }
  const budget = Math.max(0, maximum - surging);
  return { create: [...freely, ...candidates.slice(0, budget)], remove };
}

/** Counters over all nodes (updateDaemonSetStatus). */
export function daemonSetStatus(
  set: DaemonSet,
  nodes: Iterable<Node>,
  podsByNode: PodsByNode,
  hash: string,
  now: Time,
  observe: boolean,
  fits: NodeFits = new NodeFits(set.spec.template.spec),
): DaemonSetStatus {
  let desired = 0;
  let current = 0;
  let misscheduled = 0;
  let ready = 0;
  let updated = 0;
  let available = 0;
  for (const node of nodes) {
    const { run } = fits.of(node);
    const pods = podsByNode.get(node.metadata.name);
    if (!run) {
      if (pods !== undefined && pods.length > 0) misscheduled++;
      continue;
    }
    desired++;
    if (pods === undefined || pods.length === 0) continue;
    current++;
    // The oldest pod stands for the node.
    let pod = pods[0]!;
    for (const other of pods) if (other.metadata.creationTimestamp < pod.metadata.creationTimestamp) pod = other;
    if (isPodReady(pod)) {
      ready++;
      if (isPodAvailable(pod, set.spec.minReadySeconds ?? 0, now)) available++;
    }
    if (isUpdated(pod, hash)) updated++;
  }
  const unavailable = desired - available;
  const observed = observe ? set.metadata.generation : set.status.observedGeneration;
  return {
    currentNumberScheduled: current,
    numberMisscheduled: misscheduled,
    desiredNumberScheduled: desired,
    numberReady: ready,
    ...(observed === undefined ? {} : { observedGeneration: observed }),
    ...(updated > 0 ? { updatedNumberScheduled: updated } : {}),
    ...(available > 0 ? { numberAvailable: available } : {}),
    ...(unavailable > 0 ? { numberUnavailable: unavailable } : {}),
    ...(set.status.collisionCount === undefined ? {} : { collisionCount: set.status.collisionCount }),
  };
}
