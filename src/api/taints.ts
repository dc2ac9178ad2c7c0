import type { Taint, TaintEffect, Toleration } from './core.js';

/** Taints and tolerations (k8s.io/component-helpers scheduling/corev1). */

/** Whether one toleration covers one taint (Toleration.ToleratesTaint). */
export function toleratesTaint(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect !== undefined && toleration.effect !== taint.effect) return false;
  if (toleration.key !== undefined && toleration.key !== '' && toleration.key !== taint.key) return false;
  if (toleration.operator === 'Exists') return true;
  // An empty key needs operator Exists; the API server refuses it otherwise.
  return (toleration.value ?? '') === (taint.value ?? '');
}

/** Whether some toleration covers a taint. */
export function tolerates(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  return tolerations?.some((toleration) => toleratesTaint(toleration, taint)) ?? false;
}

/** The first taint with one of the effects that no toleration covers (FindMatchingUntoleratedTaint). */
export function firstUntoleratedTaint(
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly TaintEffect[],
): Taint | undefined {
  return taints?.find((taint) => effects.includes(taint.effect) && !tolerates(tolerations, taint));
}

/**
 * How long a pod with these tolerations may stay on a node with these NoExecute taints, in seconds: 0 when one is not
 * tolerated, undefined for ever, else the least tolerationSeconds (tainteviction getMinTolerationTime).
 */
export function tolerationSeconds(
  taints: readonly Taint[],
  tolerations: readonly Toleration[] | undefined,
): number | undefined {
  let least: number | undefined;
  for (const taint of taints) {
    if (taint.effect !== 'NoExecute') continue;
    const matching = (tolerations ?? []).filter((toleration) => toleratesTaint(toleration, taint));
    if (matching.length === 0) return 0;
    for (const { tolerationSeconds: seconds } of matching) {
      if (seconds === undefined) continue;
      const bounded = Math.max(0, seconds);
      if (least === undefined || bounded < least) least = bounded;
    }
  }
  return least;
}
