/**
 * How many leading observations of a series to drop because they show its warm-up: MSER-5 (White 1997; White, Cobb and Spratt
 * 2000). The series is averaged in batches of five; the cut is where the standard error of the mean of the rest is least.
 * Returns null when that would drop more than half: the series is too short to tell.
 */
export function warmUpLength(values: ArrayLike<number>, batch = 5): number | null {
  const n = Math.floor(values.length / batch);
  if (n < 4) return null;
  const means = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let k = 0; k < batch; k++) sum += values[i * batch + k]!;
    means[i] = sum / batch;
  }
  // Backwards, so that each cut is judged from running sums of what remains. Centred on the end for accuracy.
  const center = means[n - 1]!;
  let sum = 0;
  let squares = 0;
  let best = Number.POSITIVE_INFINITY;
  let cut = 0;
  for (let d = n - 1; d >= 0; d--) {
    const value = means[d]! - center;
    sum += value;
    squares += value * value;
    const rest = n - d;
    if (rest < 3) continue;
    const statistic = Math.max(0, squares - (sum * sum) / rest) / (rest * rest);
    if (statistic <= best) {
      best = statistic;
      cut = d;
    }
  }
  return cut > n / 2 ? null : cut * batch;
}
