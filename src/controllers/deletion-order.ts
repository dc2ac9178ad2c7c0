import { isPodReady, podCondition, type Pod } from '../api/core.js';
import { keyOf } from '../api/meta.js';
import type { Time } from '../kernel/time.js';
import { apiTime } from './conditions.js';
import { ageBucket, deletionCost, isAssigned, maxContainerRestarts, PHASE_ORDER, type RanksByNode } from './pod-ranking.js';

interface Entry {
  readonly key: string;
  readonly pod: Pod;
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
 * the top. A node that gains related pods moves its pods forward, so `promote` enters them anew. Each change of a pod costs
 * O(log n), and so does each pod deleted. Pods with equal ready times and different restarts are told apart by uid only,
 * where the real comparator is not transitive.
 */
export class DeletionOrder {
  private heap: Entry[] = [];
  private readonly current = new Map<string, Entry>();

  constructor(pods: Iterable<Pod>) {
    for (const pod of pods) this.put(pod);
  }

  /** A pod that came or changed. Its rank and age are looked up when it comes to the top. */
  put(pod: Pod, key = keyOf(pod)): void {
    const ready = isPodReady(pod);
    const phase = PHASE_ORDER[pod.status.phase] ?? 0;
    const entry: Entry = {
      key,
      pod,
      state: (isAssigned(pod) ? 8 : 0) + phase * 2 + (ready ? 1 : 0),
      cost: deletionCost(pod),
      rank: Number.POSITIVE_INFINITY,
      restarts: ready ? 0 : maxContainerRestarts(pod),
      bucket: -2,
    };
    this.current.set(entry.key, entry);
    this.push(entry);
    if (this.heap.length > 64 + 2 * this.current.size) this.rebuild();
  }

  remove(key: string): void {
    this.current.delete(key);
  }

  /** Enters a pod again because its node has gained related pods. */
  promote(key: string): void {
    const entry = this.current.get(key);
    if (entry !== undefined && entry.rank !== Number.POSITIVE_INFINITY) this.put(entry.pod, key);
  }

  /** The first `count` pods to delete. They stay in the order until they are removed. */
  first(count: number, ranks: RanksByNode, now: Time): readonly Pod[] {
    const taken: Entry[] = [];
    while (taken.length < count && this.heap.length > 0) {
      const entry = this.pop();
      if (this.current.get(entry.key) !== entry) continue;
      const rank = ranks.rank(entry.pod.spec.nodeName ?? '');
      const bucket = ageBucket(now - ageSince(entry.pod));
      if (rank === entry.rank && bucket === entry.bucket) taken.push(entry);
      else {
        entry.rank = rank;
        entry.bucket = bucket;
        this.push(entry);
      }
    }
    for (const entry of taken) this.push(entry);
    return taken.map((entry) => entry.pod);
  }

  private rebuild(): void {
    this.heap = [];
    for (const entry of this.current.values()) this.push(entry);
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
    // Two infinities are equal.
    (a.rank === b.rank ? 0 : b.rank - a.rank) ||
    b.restarts - a.restarts ||
    a.bucket - b.bucket ||
    (a.pod.metadata.uid < b.pod.metadata.uid ? -1 : a.pod.metadata.uid > b.pod.metadata.uid ? 1 : 0)
  );
}

/** What the age of a pod is counted from: since it is ready, else since it was made. */
function ageSince(pod: Pod): Time {
  if (!isPodReady(pod)) return apiTime(pod.metadata.creationTimestamp);
  return apiTime(podCondition(pod, 'Ready')?.lastTransitionTime ?? 0);
}
