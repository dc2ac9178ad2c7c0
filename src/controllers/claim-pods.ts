import { isPodTerminal, type Pod } from '../api/core.js';
import { claimNames } from '../api/volumes.js';
import type { CacheObserver, Informer } from '../client/types.js';

/** Pods that have not finished, by the claims that they name. Nothing is kept until it is asked for. */
export class ClaimPods implements CacheObserver<Pod> {
  private readonly pods: Informer<Pod>;
  /** By claim the pods by name. */
  private readonly byClaim = new Map<string, Map<string, Pod>>();
  private watching = false;

  constructor(pods: Informer<Pod>) {
    this.pods = pods;
  }

  /** Pods that name a claim (`namespace/name`), in order of arrival. */
  of(claim: string): Iterable<Pod> {
    if (!this.watching) {
      this.watching = true;
      for (const pod of this.pods.list()) this.cached(pod);
      this.pods.observe(this);
    }
    return this.byClaim.get(claim)?.values() ?? [];
  }

  cached(pod: Pod): void {
    if (pod.spec.volumes === undefined) return;
    if (isPodTerminal(pod)) {
      this.uncached(pod);
      return;
    }
    for (const name of claimNames(pod)) {
      const claim = `${pod.metadata.namespace}/${name}`;
      const pods = this.byClaim.get(claim);
      if (pods === undefined) this.byClaim.set(claim, new Map([[pod.metadata.name, pod]]));
      else pods.set(pod.metadata.name, pod);
    }
  }

  uncached(pod: Pod): void {
    if (pod.spec.volumes === undefined) return;
    for (const name of claimNames(pod)) {
      const claim = `${pod.metadata.namespace}/${name}`;
      const pods = this.byClaim.get(claim);
      if (pods?.delete(pod.metadata.name) === true && pods.size === 0) this.byClaim.delete(claim);
    }
  }
}
