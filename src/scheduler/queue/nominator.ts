import type { PodInfo } from '../cache/pod-info.js';

const nobody: readonly PodInfo[] = [];

/** Pending pods that preemption has reserved a node for, by that node (backend/queue/nominator.go). */
export class Nominator {
  private readonly byNode = new Map<string, PodInfo[]>();
  private readonly nodeOf = new Map<string, string>();

  /** Pods nominated to some node. */
  get size(): number {
    return this.nodeOf.size;
  }

  /** Reserves `node` for a pod; an earlier nomination is dropped. */
  add(pod: PodInfo, node: string): void {
    this.delete(pod.key);
    this.nodeOf.set(pod.key, node);
    const pods = this.byNode.get(node);
    if (pods === undefined) this.byNode.set(node, [pod]);
    else pods.push(pod);
  }

  /** Takes over a new version of a pod, if it is nominated. */
  replace(pod: PodInfo): void {
    const node = this.nodeOf.get(pod.key);
    if (node !== undefined) this.add(pod, node);
  }

  delete(key: string): void {
    const node = this.nodeOf.get(key);
    if (node === undefined) return;
    this.nodeOf.delete(key);
    const left = this.byNode.get(node)!.filter((pod) => pod.key !== key);
    if (left.length === 0) this.byNode.delete(node);
    else this.byNode.set(node, left);
  }

  /** Node a pod is nominated to. */
  nodeFor(key: string): string | undefined {
    return this.nodeOf.get(key);
  }

  podsOn(node: string): readonly PodInfo[] {
    return this.byNode.get(node) ?? nobody;
  }
}
