import { isPodReady, podCondition, type Pod } from '../api/core.js';
import type { Time } from '../kernel/time.js';
import { apiTime } from './conditions.js';
import { ageBucket, deletionCost, isAssigned, maxContainerRestarts, PHASE_ORDER, type RanksByNode } from './pod-ranking.js';

/** A pod in the order: who keeps it holds on to it, and changes its pod before telling of the change. */
export interface OrderedPod {
  pod: Pod;
  /** Where it stands; null: it is new, or has come forward since it was placed, or is out. */
  entry: Entry | null;
  /** It is among those to be placed. */
  unplaced: boolean;
}

/** A place in the order; void when its pod has another one, or none. */
interface Entry {
  readonly owned: OrderedPod;
  /** Assigned, phase and ready in one number: lower goes first. */
  readonly state: number;
  readonly cost: number;
  rank: number;
  readonly restarts: number;
  bucket: number;
}

/** Below this many pods a plain sort by the exact comparator is used (ReplicaSets of ordinary size). */
export const EXACT_LIMIT = 256;

/**
 * The active pods of one ReplicaSet in order of deletion, for large sets: a heap whose keys may be too early but never too
 * late. A pod grows older and its node may lose related pods, which both move it back: that is found out when it comes to
 * the top. A pod that changes, or whose node gains related pods, is placed anew before the order is looked at next. So each change
 * costs O(1), and O(log n) once for several, and so does each pod deleted. Pods with equal ready times and different restarts are told
 * apart by uid only, where the real comparator is not transitive.
 */
export class DeletionOrder {
  private heap: Entry[] = [];
  private unplaced: OrderedPod[] = [];
  /** Pods in the order. */
  private size = 0;

  constructor(pods: Iterable<OrderedPod>) {
    for (const pod of pods) this.add(pod);
  }

  /** A pod that came. */
  add(owned: OrderedPod): void {
    this.size++;
    this.move(owned);
  }

  /** A pod that changed, or whose node has gained related pods. */
  move(owned: OrderedPod): void {
    owned.entry = null;
    if (owned.unplaced) return;
    owned.unplaced = true;
    this.unplaced.push(owned);
  }

  remove(owned: OrderedPod): void {
    this.size--;
    owned.entry = null;
    owned.unplaced = false;
  }

  /** The first `count` pods to delete. They stay in the order until they are removed. */
  first(count: number, ranks: RanksByNode, now: Time): readonly Pod[] {
    this.place(ranks, now);
    const taken: Entry[] = [];
    while (taken.length < count && this.heap.length > 0) {
      const entry = this.pop();
      const { owned } = entry;
      if (owned.entry !== entry) continue;
      const rank = ranks.rank(owned.pod.spec.nodeName ?? '');
      const bucket = ageBucket(now - ageSince(owned.pod));
      if (rank === entry.rank && bucket === entry.bucket) taken.push(entry);
      else {
        entry.rank = rank;
        entry.bucket = bucket;
        this.push(entry);
      }
    }
    for (const entry of taken) this.push(entry);
    return taken.map(({ owned }) => owned.pod);
  }

  /** Gives those a place that have none. */
  private place(ranks: RanksByNode, now: Time): void {
    const { unplaced } = this;
    if (this.heap.length + unplaced.length > 64 + 2 * this.size) this.heap = this.heap.filter((entry) => entry.owned.entry === entry).sort(compare);
    this.unplaced = [];
    for (const owned of unplaced) {
      // It was removed meanwhile.
      if (!owned.unplaced) continue;
      owned.unplaced = false;
      const { pod } = owned;
      const ready = isPodReady(pod);
      const phase = PHASE_ORDER[pod.status.phase] ?? 0;
      const entry: Entry = {
        owned,
        state: (isAssigned(pod) ? 8 : 0) + phase * 2 + (ready ? 1 : 0),
        cost: deletionCost(pod),
        rank: ranks.rank(pod.spec.nodeName ?? ''),
        restarts: ready ? 0 : maxContainerRestarts(pod),
        bucket: ageBucket(now - ageSince(pod)),
      };
      owned.entry = entry;
      this.push(entry);
    }
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let hole = heap.length;
    heap.push(entry);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (compare(heap[parent]!, entry) <= 0) break;
      heap[hole] = heap[parent]!;
      hole = parent;
    }
    heap[hole] = entry;
  }

  private pop(): Entry {
    const { heap } = this;
    const top = heap[0]!;
    const last = heap.pop()!;
    const size = heap.length;
    if (size === 0) return top;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= size) break;
      if (child + 1 < size && compare(heap[child + 1]!, heap[child]!) < 0) child++;
      if (compare(last, heap[child]!) <= 0) break;
      heap[hole] = heap[child]!;
      hole = child;
    }
    heap[hole] = last;
    return top;
  }
}

function compare(a: Entry, b: Entry): number {
  return (
    a.state - b.state ||
    a.cost - b.cost ||
    b.rank - a.rank ||
    b.restarts - a.restarts ||
    a.bucket - b.bucket ||
    (a.owned.pod.metadata.uid < b.owned.pod.metadata.uid ? -1 : a.owned.pod.metadata.uid > b.owned.pod.metadata.uid ? 1 : 0)
  );
}

/** What the age of a pod is counted from: since it is ready, else since it was made. */
function ageSince(pod: Pod): Time {
  if (!isPodReady(pod)) return apiTime(pod.metadata.creationTimestamp);
  return apiTime(podCondition(pod, 'Ready')?.lastTransitionTime ?? 0);
}
