/** Sizes of the ReplicaSets of an Argo Rollouts canary: pure decisions (argo-rollouts utils/replicaset/canary.go). */

/** A ReplicaSet as the calculation sees it. */
export interface SetSize {
  /** spec.replicas */
  readonly replicas: number;
  /** status.availableReplicas */
  readonly available: number;
}

/** Replicas that canary and stable ReplicaSet get. */
export interface ReplicaPair {
  readonly canary: number;
  readonly stable: number;
}

/**
 * Canary and stable replicas whose share comes nearest to a weight without a router, where the canary's share of the pods is its
 * share of the traffic (approximateWeightedCanaryStableReplicaCounts). One pod above `replicas` is considered when there may be surge.
 */
export function approximateCounts(replicas: number, weight: number, surge: number, maxWeight = 100): ReplicaPair {
  if (replicas === 0) return { canary: 0, stable: 0 };
  const zeroAllowed = weight === 0 || weight === maxWeight || (replicas === 1 && surge === 0);
  const options: { readonly canary: number; readonly total: number }[] = [];
  const consider = (total: number): void => {
    const share = total * weight;
    const floor = Math.floor(share / maxWeight);
    const ceil = Math.ceil(share / maxWeight);
    const tied = 2 * (share - floor * maxWeight) === maxWeight;
    if (ceil < total || zeroAllowed) options.push({ canary: ceil, total });
    if (!tied && (floor !== 0 || zeroAllowed)) options.push({ canary: floor, total });
  };
  consider(replicas);
  if (surge > 0) consider(replicas + 1);
  let best: (typeof options)[number] | undefined;
  let bestDelta = Number.POSITIVE_INFINITY;
  for (const option of options) {
    const delta = Math.abs((maxWeight * option.canary) / option.total - weight);
    if (delta >= bestDelta) continue;
    best = option;
    bestDelta = delta;
  }
  return best === undefined ? { canary: 0, stable: replicas } : { canary: best.canary, stable: best.total - best.canary };
}

export interface BasicCanaryInput {
  readonly replicas: number;
  readonly weight: number;
  /** maxSurge and maxUnavailable in pods. */
  readonly surge: number;
  readonly unavailable: number;
  /** Null: there is none yet. */
  readonly canary: SetSize | null;
  /** Null: there is none, or it is the canary itself; the new ReplicaSet then goes to full size. */
  readonly stable: SetSize | null;
  /** Σ spec.replicas of all older ReplicaSets. */
  readonly older: number;
}

/** Next sizes of a canary without a router, inside maxSurge and maxUnavailable (CalculateReplicaCountsForBasicCanary). */
export function basicCanary(input: BasicCanaryInput): ReplicaPair {
  const { replicas, surge, unavailable, canary, stable, older } = input;
  const desired =
    stable === null ? { canary: replicas, stable: 0 } : approximateCounts(replicas, input.weight, surge);
  const most = replicas + surge;
  const canarySize = canary?.replicas ?? 0;
  const stableSize = stable?.replicas ?? 0;
  let up = most - canarySize - stableSize - older;
  let nextCanary = canarySize;
  let nextStable = stableSize;
  if (stable !== null && stableSize < desired.stable && up > 0) {
    nextStable = Math.min(stableSize + up, desired.stable);
    up -= nextStable - stableSize;
  }
  if (canary !== null && canarySize < desired.canary && up > 0) nextCanary = Math.min(canarySize + up, desired.canary);
  // Older ReplicaSets go first, by a step of their own.
  if (older > 0) return { canary: nextCanary, stable: nextStable };
  const floor = replicas - unavailable;
  const increasing = canary === null || desired.canary >= canarySize;
  const counted = forScaleDown(canary, !increasing) + forScaleDown(stable, increasing);
  if (counted <= floor) return { canary: nextCanary, stable: nextStable };
  const down = counted - floor;
  if (!increasing) {
    if (canarySize > desired.canary) nextCanary = Math.max(desired.canary, canarySize - down);
    const { drain, grow } = within(canary, stable, nextCanary, nextStable, most, floor);
    return { canary: drain, stable: grow };
  }
  if (stable === null) return { canary: nextCanary, stable: nextStable };
  if (stableSize > desired.stable) nextStable = Math.max(desired.stable, stableSize - down);
  const { drain, grow } = within(stable, canary, nextStable, nextCanary, most, floor);
  return { canary: grow, stable: drain };
}

/** Replicas of a set that count when others are to be taken away (GetReplicasForScaleDown). */
function forScaleDown(set: SetSize | null, ignoreAvailability: boolean): number {
  if (set === null) return 0;
  if (set.replicas < set.available || ignoreAvailability) return set.replicas;
  return set.available;
}

/** Keeps two sizes inside the limits (adjustReplicaWithinLimits): `drain` is the set whose availability was not looked at. */
function within(
  drainSet: SetSize | null,
  growSet: SetSize | null,
  drainSize: number,
  growSize: number,
  most: number,
  floor: number,
): { readonly drain: number; readonly grow: number } {
  let drain = drainSize;
  let grow = growSize - Math.max(0, growSize + drainSize - most);
  const growAvailable = growSet?.available ?? 0;
  const spare = Math.max(0, growAvailable - grow);
  const need = Math.max(0, floor - (Math.min(drainSet?.available ?? 0, drain) + Math.min(growAvailable, grow)));
  grow += Math.min(spare, need);
  drain -= Math.max(0, grow + drain - most);
  return { drain, grow };
}

export interface RoutedCanaryInput {
  readonly replicas: number;
  readonly maxWeight: number;
  /** Weight that the current step asks for. */
  readonly weight: number;
  /** Weights that the router has been given: what its users need may not go before they do. */
  readonly actualWeight: number;
  /** setCanaryScale; absent: the weight decides. */
  readonly scale?: { readonly replicas?: number; readonly weight?: number };
  readonly dynamicStableScale: boolean;
  /** Least pods of the canary when it has any. */
  readonly minPods: number;
  readonly aborted: boolean;
}

/** Sizes of a canary whose traffic a router divides (CalculateReplicaCountsForTrafficRoutedCanary). */
export function routedCanary(input: RoutedCanaryInput): ReplicaPair {
  const { replicas, maxWeight, weight, actualWeight, scale, minPods } = input;
  const part = (share: number): number => Math.ceil((replicas * share) / maxWeight);
  let canary = scale?.replicas ?? part(scale?.weight ?? weight);
  if (scale?.replicas === undefined && canary > 0) canary = Math.max(canary, Math.min(minPods, replicas));
  if (!input.dynamicStableScale) return { canary, stable: replicas };
  const stable = Math.max(part(maxWeight - weight), part(maxWeight - actualWeight));
  if (input.aborted) canary = Math.max(canary, part(actualWeight));
  return { canary, stable };
}
