import { isPodActive, isPodReady, podCondition, type Pod } from '../api/core.js';
import { controllerOf, keyOf, type Labels } from '../api/meta.js';
import { matchesMap } from '../api/labels.js';
import { SECOND, type Time } from '../kernel/time.js';
import { DeletionOrder } from './deletion-order.js';
import { maxContainerRestarts } from './pod-ranking.js';
import type { PodCounts } from './replica-set-policy.js';

/** A pod that waits to be available: ready since `time`. Void when the pod has another ready time by then. */
interface Waiting {
  readonly time: Time;
  readonly key: string;
}

/**
 * The pods of one controller with running counts, so that a sync need not look at all of them. Fed by informer events.
 * Availability needs minReadySeconds and the clock: pods that are ready wait in order of their ready time until they count.
 */
export class OwnedPods {
  /** Active pods by key, in order of arrival. */
  readonly active = new Map<string, Pod>();
  /** Pods that are not active: terminating or finished. */
  readonly inactive = new Map<string, Pod>();
  private ready = 0;
  private labelled = 0;
  private terminating = 0;
  private templateLabels: Labels | undefined = undefined;
  /** Ready pods not counted as available yet, a heap by ready time. */
  private readonly waiting: Waiting[] = [];
  private readonly availablePods = new Set<string>();
  /** Keys of active pods by node: most nodes have one, which needs no set. */
  private readonly byNode = new Map<string, string | Set<string>>();
  /** Order of deletion; made when it is first needed, then kept up to date. */
  private order: DeletionOrder | null = null;

  get isEmpty(): boolean {
    return this.active.size === 0 && this.inactive.size === 0;
  }

  /** All of them, those that have finished or are being deleted included. */
  get size(): number {
    return this.active.size + this.inactive.size;
  }

  put(pod: Pod): void {
    const key = keyOf(pod);
    const old = this.active.get(key);
    if (old !== undefined && isPodActive(pod)) {
      this.replace(key, old, pod);
      return;
    }
    this.drop(key);
    if (!isPodActive(pod)) {
      this.active.delete(key);
      this.order?.remove(key);
      this.inactive.set(key, pod);
      if (pod.metadata.deletionTimestamp !== undefined) this.terminating++;
      return;
    }
    this.active.set(key, pod);
    this.order?.put(pod);
    this.enterNode(pod.spec.nodeName ?? '', key);
    if (this.isLabelled(pod)) this.labelled++;
    if (isPodReady(pod)) this.becameReady(key, pod);
  }

  /** A new version of an active pod: most updates change nothing that counts here. */
  private replace(key: string, old: Pod, pod: Pod): void {
    this.active.set(key, pod);
    const node = pod.spec.nodeName ?? '';
    const moved = node !== (old.spec.nodeName ?? '');
    if (moved) {
      this.leaveNode(old.spec.nodeName ?? '', key);
      this.enterNode(node, key);
    }
    if (old.metadata.labels !== pod.metadata.labels) this.labelled += Number(this.isLabelled(pod)) - Number(this.isLabelled(old));
    const was = isPodReady(old);
    const is = isPodReady(pod);
    const since = is && readyTime(pod) !== readyTime(old);
    if (was && (!is || since)) {
      this.ready--;
      this.availablePods.delete(key);
    }
    if (is && (!was || since)) this.becameReady(key, pod);
    if (this.order !== null && (moved || was !== is || since || affectsOrder(old, pod))) this.order.put(pod);
  }

  private becameReady(key: string, pod: Pod): void {
    this.ready++;
    this.push({ time: readyTime(pod), key });
  }

  private isLabelled(pod: Pod): boolean {
    return this.templateLabels !== undefined && matchesMap(this.templateLabels, pod.metadata.labels);
  }

  remove(pod: Pod): void {
    const key = keyOf(pod);
    this.drop(key);
    this.active.delete(key);
    this.order?.remove(key);
    this.inactive.delete(key);
  }

  /** Active pods on a node. */
  countOn(node: string): number {
    const keys = this.byNode.get(node);
    return keys === undefined ? 0 : typeof keys === 'string' ? 1 : keys.size;
  }

  /** Pods of a node come earlier in the order of deletion, because the node has gained related pods. */
  promote(node: string): void {
    if (this.order === null) return;
    const keys = this.byNode.get(node) ?? [];
    for (const key of typeof keys === 'string' ? [keys] : keys) this.order.promote(key);
  }

  /** The order of deletion of the active pods. */
  get deletionOrder(): DeletionOrder {
    this.order ??= new DeletionOrder(this.active.values());
    return this.order;
  }

  private enterNode(node: string, key: string): void {
    const keys = this.byNode.get(node);
    if (keys === undefined) this.byNode.set(node, key);
    else if (typeof keys === 'string') this.byNode.set(node, new Set([keys, key]));
    else keys.add(key);
  }

  private leaveNode(node: string, key: string): void {
    const keys = this.byNode.get(node);
    if (typeof keys === 'string' ? keys === key : keys?.delete(key) === true && keys.size === 0) this.byNode.delete(node);
  }

  /** Counts at `now` for a template and minReadySeconds. */
  counts(templateLabels: Labels, minReadySeconds: number, now: Time): PodCounts {
    if (this.templateLabels !== templateLabels) this.countLabels(templateLabels);
    this.settle(minReadySeconds, now);
    return {
      active: this.active.size,
      fullyLabeled: this.labelled,
      ready: this.ready,
      available: this.availablePods.size,
      terminating: this.terminating,
    };
  }

  /** Active pods whose labels are not (all) those of the template: the only ones that a selector may no longer match. */
  relabelled(templateLabels: Labels): readonly Pod[] {
    if (this.templateLabels !== templateLabels) this.countLabels(templateLabels);
    if (this.labelled === this.active.size) return [];
    return [...this.active.values()].filter((pod) => !matchesMap(templateLabels, pod.metadata.labels));
  }

  /** Ready time of the pod that becomes available next; undefined when none waits. Call after `counts`. */
  nextWaiting(): Time | undefined {
    while (this.waiting.length > 0) {
      const { key, time } = this.waiting[0]!;
      if (this.isReadySince(key, time)) return time;
      this.pop();
    }
    return undefined;
  }

  /** Takes a pod out of the counts, keeping its place among the active ones for the version that follows. */
  private drop(key: string): void {
    const old = this.active.get(key);
    if (old === undefined) {
      if (this.inactive.get(key)?.metadata.deletionTimestamp !== undefined) this.terminating--;
      this.inactive.delete(key);
      return;
    }
    this.leaveNode(old.spec.nodeName ?? '', key);
    if (isPodReady(old)) this.ready--;
    this.availablePods.delete(key);
    if (this.isLabelled(old)) this.labelled--;
  }

  private countLabels(labels: Labels): void {
    this.templateLabels = labels;
    this.labelled = 0;
    for (const pod of this.active.values()) if (matchesMap(labels, pod.metadata.labels)) this.labelled++;
  }

  private isReadySince(key: string, time: Time): boolean {
    const pod = this.active.get(key);
    return pod !== undefined && isPodReady(pod) && readyTime(pod) === time;
  }

  private settle(minReadySeconds: number, now: Time): void {
    while (this.waiting.length > 0) {
      const { time, key } = this.waiting[0]!;
      if (minReadySeconds > 0 && time + minReadySeconds * SECOND > now) return;
      if (this.isReadySince(key, time)) this.availablePods.add(key);
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

function readyTime(pod: Pod): Time {
  return podCondition(pod, 'Ready')?.lastTransitionTime ?? 0;
}

/** Whether two versions differ in what the order of deletion looks at, apart from node and readiness. */
function affectsOrder(old: Pod, pod: Pod): boolean {
  return (
    old.status.phase !== pod.status.phase ||
    old.metadata.annotations !== pod.metadata.annotations ||
    maxContainerRestarts(old) !== maxContainerRestarts(pod)
  );
}

/** Owned pods by the uid of their controller. */
export class PodsByController {
  private readonly byUid = new Map<string, OwnedPods>();

  get(uid: string): OwnedPods {
    let pods = this.byUid.get(uid);
    if (pods === undefined) {
      pods = new OwnedPods();
      this.byUid.set(uid, pods);
    }
    return pods;
  }

  /** Pods of a controller that has some; undefined when it has none. */
  find(uid: string): OwnedPods | undefined {
    return this.byUid.get(uid);
  }

  put(pod: Pod): void {
    const uid = controllerOf(pod)?.uid;
    if (uid !== undefined) this.get(uid).put(pod);
  }

  /** Forgets a pod; the record of its controller goes with the last one. */
  remove(pod: Pod): void {
    const uid = controllerOf(pod)?.uid;
    if (uid === undefined) return;
    const pods = this.byUid.get(uid);
    if (pods === undefined) return;
    pods.remove(pod);
    if (pods.isEmpty) this.byUid.delete(uid);
  }
}
