import type { Pod } from '../api/core.js';
import { controllerOf } from '../api/meta.js';
import type { PodsByNode } from './daemon-set-policy.js';

/** Node of a daemon pod: where it is bound, else the one its affinity names (GetTargetNodeName). */
export function nodeOf(pod: Pod): string | undefined {
  if (pod.spec.nodeName !== undefined && pod.spec.nodeName !== '') return pod.spec.nodeName;
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  for (const term of terms) {
    for (const field of term.matchFields ?? []) if (field.key === 'metadata.name' && field.values?.length === 1) return field.values[0];
  }
  return undefined;
}

const NO_PODS: PodsByNode = new Map();

/** Pods of DaemonSets by the uid of their set and by node, kept up to date by informer events. */
export class DaemonPods {
  private readonly byNode = new Map<string, Map<string, readonly Pod[]>>();

  /** Pods of a set by node. */
  of(uid: string): PodsByNode {
    return this.byNode.get(uid) ?? NO_PODS;
  }

  /** Replaces a version of a pod by the next; undefined: it came, or went. */
  move(old: Pod | undefined, pod: Pod | undefined): void {
    if (old !== undefined) this.takeOut(old);
    if (pod === undefined) return;
    const owner = controllerOf(pod);
    const node = nodeOf(pod);
    if (owner?.kind !== 'DaemonSet' || node === undefined) return;
    let byNode = this.byNode.get(owner.uid);
    if (byNode === undefined) {
      byNode = new Map();
      this.byNode.set(owner.uid, byNode);
    }
    // An adopted pod is here already when the cache comes to show it.
    byNode.set(node, [...(byNode.get(node) ?? []).filter(({ metadata }) => metadata.name !== pod.metadata.name), pod]);
  }

  private takeOut(pod: Pod): void {
    const uid = controllerOf(pod)?.uid;
    const node = nodeOf(pod);
    const byNode = uid === undefined ? undefined : this.byNode.get(uid);
    if (byNode === undefined || node === undefined) return;
    const rest = (byNode.get(node) ?? []).filter((other) => other.metadata.name !== pod.metadata.name);
    if (rest.length > 0) byNode.set(node, rest);
    else byNode.delete(node);
    if (byNode.size === 0) this.byNode.delete(uid!);
  }
}
