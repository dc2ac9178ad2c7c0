import { type Interval, meanInterval } from './interval.js';

/**
 * Mean of a correlated, stationary series with its interval by non-overlapping batch means (Schmeiser 1982: 10 to 30 batches;
 * Law, Simulation Modeling and Analysis, §9.5.3): means of long batches are nearly independent. What does not fill the last batch is
 * left out at the front. Null when the batches would be single values.
 */
export function batchMeansInterval(values: ArrayLike<number>, batches = 20, level = 0.95): Interval | null {
  const size = Math.floor(values.length / batches);
  if (size < 2) return null;
  const skip = values.length - size * batches;
  const means = new Float64Array(batches);
  for (let i = 0; i < batches; i++) {
    let sum = 0;
    for (let k = 0; k < size; k++) sum += values[skip + i * size + k]!;
    means[i] = sum / size;
  }
  const interval = meanInterval(means, level)!;
  return { ...interval, n: size * batches };
}

/** Correlation of neighbours in a series (lag 1); null when it is constant or shorter than three. */
export function lagCorrelation(values: ArrayLike<number>): number | null {
  const n = values.length;
  if (n < 3) return null;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += values[i]!;
  const center = sum / n;
  let squares = 0;
  let products = 0;
  for (let i = 0; i < n; i++) {
    const value = values[i]! - center;
    squares += value * value;
    if (i + 1 < n) products += value * (values[i + 1]! - center);
  }
  return squares > 0 ? products / squares : null;
}
