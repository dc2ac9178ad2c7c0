import { isPodActive, type Pod } from '../api/core.js';
import { controllerOf, keyOf, type KubernetesObject, type Labels } from '../api/meta.js';
import { matchesMap } from '../api/labels.js';
import { SECOND, type Time } from '../kernel/time.js';
import { DeletionOrder } from './deletion-order.js';
import { OwnedPod } from './owned-pod.js';
import type { RanksByNode } from './pod-ranking.js';
import type { PodCounts } from './replica-set-policy.js';

/** A pod that waits to be available: ready since `time`. Void when the pod has another ready time by then. */
interface Waiting {
  readonly time: Time;
  readonly owned: OwnedPod;
}

/**
 * The pods of one controller with running counts, so that a sync need not look at all of them. Fed by informer events.
 * Availability needs minReadySeconds and the clock: pods that are ready wait in order of their ready time until they count.
 */
export class OwnedPods {
  /** Uid and key of the controller. */
  readonly ownerUid: string;
  readonly ownerKey: string;
  /** All pods by key, in order of arrival: active ones, and those that have finished or are terminating. */
  private readonly pods = new Map<string, OwnedPod>();
  private active = 0;
  private ready = 0;
  private available = 0;
  private labelled = 0;
  private terminating = 0;
  private templateLabels: Labels | undefined = undefined;
  /** Ready pods not counted as available yet, a heap by ready time. */
  private readonly waiting: Waiting[] = [];
  /** Active pods by node: most nodes have one, which needs no set. */
  private readonly byNode = new Map<string, OwnedPod | Set<OwnedPod>>();
  /** Active pods without one. */
  private unassigned = 0;
  /** Order of deletion; made when it is first needed, then kept up to date. */
  private order: DeletionOrder | null = null;

  constructor(ownerUid: string, ownerKey: string) {
    this.ownerUid = ownerUid;
    this.ownerKey = ownerKey;
  }

  get isEmpty(): boolean {
    return this.pods.size === 0;
  }

  /** All of them, those that have finished or are being deleted included. */
  get size(): number {
    return this.pods.size;
  }

  get activeCount(): number {
    return this.active;
  }

  /** Active pods in order of arrival. */
  *activePods(): Generator<Pod, void> {
    for (const { active, pod } of this.pods.values()) if (active) yield pod;
  }

  /** Takes in a pod, or its next version. */
  put(pod: Pod, key: string): void {
    const active = isPodActive(pod);
    let owned = this.pods.get(key);
    if (owned !== undefined && owned.active && active) {
      this.replace(owned, pod);
      return;
    }
    if (owned !== undefined && active) {
      // Another pod of the same name, which comes after all others.
      this.remove(key);
      owned = undefined;
    }
    if (owned === undefined) this.pods.set(key, (owned = new OwnedPod(key, pod)));
    else if (owned.active) this.drop(owned);
    else if (owned.terminating) this.terminating--;
    owned.pod = pod;
    owned.active = active;
    owned.terminating = !active && pod.metadata.deletionTimestamp !== undefined;
    if (active) this.enter(owned);
    else if (owned.terminating) this.terminating++;
  }

  /** Counts a pod among the active ones. */
  private enter(owned: OwnedPod): void {
    this.active++;
    this.order?.add(owned);
    this.enterNode(owned.node, owned);
    if (this.isLabelled(owned.pod.metadata.labels)) this.labelled++;
    if (owned.isReady) this.becameReady(owned);
  }

  /** A new version of an active pod: most updates change nothing that counts here. */
  private replace(owned: OwnedPod, pod: Pod): void {
    const { node, isReady, readySince } = owned;
    const labels = owned.pod.metadata.labels;
    const reordered = owned.take(pod);
    if (owned.node !== node) {
      this.leaveNode(node, owned);
      this.enterNode(owned.node, owned);
    }
    if (labels !== pod.metadata.labels) this.labelled += Number(this.isLabelled(pod.metadata.labels)) - Number(this.isLabelled(labels));
    if (isReady !== owned.isReady || readySince !== owned.readySince) {
      if (isReady) this.lostReady(owned);
      if (owned.isReady) this.becameReady(owned);
    }
    if (reordered) this.order?.move(owned);
  }

  private becameReady(owned: OwnedPod): void {
    this.ready++;
    this.push({ time: owned.readySince, owned });
  }

  private lostReady(owned: OwnedPod): void {
    this.ready--;
    if (owned.available) this.available--;
    owned.available = false;
  }

  private isLabelled(labels: Labels | undefined): boolean {
    return this.templateLabels !== undefined && matchesMap(this.templateLabels, labels);
  }

  remove(key: string): void {
    const owned = this.pods.get(key);
    if (owned === undefined) return;
    this.pods.delete(key);
    if (owned.active) this.drop(owned);
    else if (owned.terminating) this.terminating--;
  }

  /** Active pods on a node. */
  countOn(node: string): number {
    if (node === '') return this.unassigned;
    const pods = this.byNode.get(node);
    return pods === undefined ? 0 : pods instanceof OwnedPod ? 1 : pods.size;
  }

  /** Pods of a node come earlier in the order of deletion, because the node has gained related pods. */
  promote(node: string): void {
    if (this.order === null) return;
    const pods = this.byNode.get(node);
    if (pods === undefined) return;
    if (pods instanceof OwnedPod) this.order.move(pods);
    else for (const owned of pods) this.order.move(owned);
  }

  /** The first `count` active pods in the order of deletion. */
  firstToDelete(count: number, ranks: RanksByNode, now: Time): readonly Pod[] {
    if (this.order === null) {
      this.order = new DeletionOrder();
      for (const owned of this.pods.values()) if (owned.active) this.order.add(owned);
    }
    return this.order.first(count, ranks, now);
  }

  private enterNode(node: string, owned: OwnedPod): void {
    if (node === '') {
      this.unassigned++;
      return;
    }
    const pods = this.byNode.get(node);
    if (pods === undefined) this.byNode.set(node, owned);
    else if (pods instanceof OwnedPod) this.byNode.set(node, new Set([pods, owned]));
    else pods.add(owned);
  }

  private leaveNode(node: string, owned: OwnedPod): void {
    if (node === '') {
      this.unassigned--;
      return;
    }
    const pods = this.byNode.get(node);
    if (pods === undefined) return;
    if (pods instanceof OwnedPod ? pods === owned : pods.delete(owned) && pods.size === 0) this.byNode.delete(node);
  }

  /** Counts at `now` for a template and minReadySeconds. */
  counts(templateLabels: Labels, minReadySeconds: number, now: Time): PodCounts {
    if (this.templateLabels !== templateLabels) this.countLabels(templateLabels);
    this.settle(minReadySeconds, now);
    return {
      active: this.active,
      fullyLabeled: this.labelled,
      ready: this.ready,
      available: this.available,
      terminating: this.terminating,
    };
  }

  /** Active pods whose labels are not (all) those of the template: the only ones that a selector may no longer match. */
  relabelled(templateLabels: Labels): readonly Pod[] {
    if (this.templateLabels !== templateLabels) this.countLabels(templateLabels);
    if (this.labelled === this.active) return [];
    return [...this.activePods()].filter((pod) => !matchesMap(templateLabels, pod.metadata.labels));
  }

  /** Ready time of the pod that becomes available next; undefined when none waits. Call after `counts`. */
  nextWaiting(): Time | undefined {
    while (this.waiting.length > 0) {
      const { owned, time } = this.waiting[0]!;
      if (isReadySince(owned, time)) return time;
      this.pop();
    }
    return undefined;
  }

  /** Takes a pod out of the active ones. */
  private drop(owned: OwnedPod): void {
    const { node, pod } = owned;
    owned.active = false;
    this.active--;
    this.order?.remove(owned);
    this.leaveNode(node, owned);
    if (owned.isReady) this.lostReady(owned);
    if (this.isLabelled(pod.metadata.labels)) this.labelled--;
  }

  private countLabels(labels: Labels): void {
    this.templateLabels = labels;
    this.labelled = 0;
    for (const pod of this.activePods()) if (matchesMap(labels, pod.metadata.labels)) this.labelled++;
  }

  private settle(minReadySeconds: number, now: Time): void {
    while (this.waiting.length > 0) {
      const { time, owned } = this.waiting[0]!;
      if (minReadySeconds > 0 && time + minReadySeconds * SECOND > now) return;
      if (!owned.available && isReadySince(owned, time)) {
        owned.available = true;
        this.available++;
      }
      this.pop();
    }
  }

  private push(entry: Waiting): void {
    const heap = this.waiting;
    let hole = heap.length;
    heap.push(entry);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (heap[parent]!.time <= entry.time) break;
      heap[hole] = heap[parent]!;
      hole = parent;
    }
    heap[hole] = entry;
  }

  private pop(): void {
    const heap = this.waiting;
    const last = heap.pop()!;
    const size = heap.length;
    if (size === 0) return;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= size) break;
      if (child + 1 < size && heap[child + 1]!.time < heap[child]!.time) child++;
      if (heap[child]!.time >= last.time) break;
      heap[hole] = heap[child]!;
      hole = child;
    }
    heap[hole] = last;
  }
}

function isReadySince({ active, isReady, readySince }: OwnedPod, time: Time): boolean {
  return active && isReady && readySince === time;
}

/** Owned pods by the uid of their controller, of one kind of controllers. */
export class PodsByController {
  private readonly kind: string;
  private readonly byUid = new Map<string, OwnedPods>();

  constructor(kind: string) {
    this.kind = kind;
  }

  get(owner: KubernetesObject): OwnedPods {
    return this.of(owner.metadata.uid) ?? this.add(owner.metadata.uid, keyOf(owner));
  }

  /** Pods of a controller that has some; undefined when it has none. */
  of(uid: string): OwnedPods | undefined {
    return this.byUid.get(uid);
  }

  private add(uid: string, ownerKey: string): OwnedPods {
    const pods = new OwnedPods(uid, ownerKey);
    this.byUid.set(uid, pods);
    return pods;
  }

  /** Takes in a pod, or its next version; returns the pods of its controller, undefined when that is nobody or of another kind. */
  put(pod: Pod, key: string): OwnedPods | undefined {
    const owner = controllerOf(pod);
    if (owner === undefined || owner.kind !== this.kind) return undefined;
    const pods = this.byUid.get(owner.uid) ?? this.add(owner.uid, `${pod.metadata.namespace}/${owner.name}`);
    pods.put(pod, key);
    return pods;
  }

  /** Takes a pod out; returns the pods of its controller. Their record goes with the last one. */
  take(pod: Pod, key: string): OwnedPods | undefined {
    const owner = controllerOf(pod);
    const pods = owner === undefined ? undefined : this.byUid.get(owner.uid);
    if (pods === undefined) return undefined;
    pods.remove(key);
    if (pods.isEmpty) this.byUid.delete(pods.ownerUid);
    return pods;
  }
}
