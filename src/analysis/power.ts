/** Quantiles of the normal distribution: 95 % confidence on one side, 80 % power. */
const Z_CONFIDENCE = 1.645;
const Z_POWER = 0.84;
const HALVINGS = 60;

/** Requests of each version that it takes to tell a share of errors `worse` from `usual`, at 95 % confidence with 80 % power. */
export function requestsToTell(usual: number, worse: number): number {
  const z = Z_CONFIDENCE + Z_POWER;
  const difference = worse - usual;
  return difference === 0 ? Number.POSITIVE_INFINITY : (z * z * (usual * (1 - usual) + worse * (1 - worse))) / (difference * difference);
}

/** Least share of errors above `usual` that so many requests of each version tell from it; null: none does. */
export function tellableShare(usual: number, requests: number): number | null {
  if (requests === 0 || requestsToTell(usual, 1) > requests) return null;
  let [low, high] = [usual, 1];
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (requestsToTell(usual, middle) > requests) low = middle;
    else high = middle;
  }
  return high;
}
