import type { Pod } from '../api/core.js';
import type { Time } from '../kernel/time.js';
import type { OrderPlace, OwnedPod } from './owned-pod.js';
import { ageBucket, type RanksByNode } from './pod-ranking.js';

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
  private heap: OrderPlace[] = [];
  private unplaced: OwnedPod[] = [];
  /** Pods in the order. */
  private size = 0;

  /** A pod that came. */
  add(owned: OwnedPod): void {
    this.size++;
    this.move(owned);
  }

  /** A pod that changed, or whose node has gained related pods. */
  move(owned: OwnedPod): void {
    owned.place = null;
    if (owned.unplaced) return;
    owned.unplaced = true;
    this.unplaced.push(owned);
  }

  remove(owned: OwnedPod): void {
    this.size--;
    owned.place = null;
    owned.unplaced = false;
  }

  /** The first `count` pods to delete. They stay in the order until they are removed. */
  first(count: number, ranks: RanksByNode, now: Time): readonly Pod[] {
    this.placeAll(ranks, now);
    const taken: OrderPlace[] = [];
    while (taken.length < count && this.heap.length > 0) {
      const place = this.pop();
      const { owned } = place;
      if (owned.place !== place) continue;
      const rank = ranks.rank(owned.node);
      const bucket = ageBucket(now - owned.agedSince);
      if (rank === place.rank && bucket === place.bucket) taken.push(place);
      else {
        place.rank = rank;
        place.bucket = bucket;
        this.push(place);
      }
    }
    for (const place of taken) this.push(place);
    return taken.map(({ owned }) => owned.pod);
  }

  /** Gives those a place that have none. */
  private placeAll(ranks: RanksByNode, now: Time): void {
    const { unplaced } = this;
    if (this.heap.length + unplaced.length > 64 + 2 * this.size) this.heap = this.heap.filter((place) => place.owned.place === place).sort(compare);
    this.unplaced = [];
    for (const owned of unplaced) {
      // It was removed meanwhile.
      if (!owned.unplaced) continue;
      owned.unplaced = false;
      const { state, cost, restarts } = owned;
      const { uid } = owned.pod.metadata;
      const place: OrderPlace = { owned, uid, state, cost, rank: ranks.rank(owned.node), restarts, bucket: ageBucket(now - owned.agedSince) };
      owned.place = place;
      this.push(place);
    }
  }

  private push(place: OrderPlace): void {
    const { heap } = this;
    let hole = heap.length;
    heap.push(place);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (compare(heap[parent]!, place) <= 0) break;
      heap[hole] = heap[parent]!;
      hole = parent;
    }
    heap[hole] = place;
  }

  private pop(): OrderPlace {
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

function compare(a: OrderPlace, b: OrderPlace): number {
  return (
    a.state - b.state ||
    a.cost - b.cost ||
    b.rank - a.rank ||
    b.restarts - a.restarts ||
    a.bucket - b.bucket ||
    (a.uid < b.uid ? -1 : a.uid > b.uid ? 1 : 0)
  );
}
