import type { Pod } from '../../api/core.js';
import { keyOf } from '../../api/meta.js';
import { NodeTable } from './node-table.js';
import { PodInfo } from './pod-info.js';

/** Pods on nodes, bound and assumed (backend/cache): keeps the node table in step with what the informers say. */
export class SchedulerCache {
  readonly nodes = new NodeTable();
  private readonly pods = new Map<string, PodInfo>();

  /** A pod with its shape, not counted anywhere. */
  podInfo(pod: Pod, key?: string): PodInfo {
    return new PodInfo(pod, this.nodes.shapes.of(pod), key);
  }

  get(key: string): PodInfo | undefined {
    return this.pods.get(key);
  }

  isAssumed(key: string): boolean {
    return this.pods.get(key)?.assumed === true;
  }

  /** Counts a pod on the node that was chosen for it, before the binding is known to have worked. */
  assume(info: PodInfo, nodeName: string): void {
    this.nodes.addPod(info, nodeName);
    this.pods.set(info.key, info);
    info.assumed = true;
  }

  /** Takes back an assumption after a failed binding. */
  forget(key: string): void {
    const info = this.pods.get(key);
    if (info?.assumed === true) this.remove(info);
  }

  /** A bound pod appeared or changed. Confirms an assumption; the watch event is right about the node. */
  set(pod: Pod, key = keyOf(pod)): PodInfo {
    const known = this.pods.get(key);
    if (known !== undefined) {
      known.assumed = false;
      const shape = this.nodes.shapes.again(pod, known.pod, known.shape);
      if (shape === known.shape && this.nodes.names[known.slot] === pod.spec.nodeName) {
        known.pod = pod;
        if (pod.metadata.deletionTimestamp !== undefined) this.nodes.markTerminating(known);
        return known;
      }
      this.remove(known);
    }
    const info = this.podInfo(pod, key);
    this.nodes.addPod(info, pod.spec.nodeName!);
    this.pods.set(key, info);
    return info;
  }

  /** A bound pod is gone; returns what was counted. */
  delete(key: string): PodInfo | undefined {
    const info = this.pods.get(key);
    if (info !== undefined) this.remove(info);
    return info;
  }

  private remove(info: PodInfo): void {
    this.nodes.removePod(info);
    this.pods.delete(info.key);
    info.assumed = false;
  }
}
