import { quantileSorted } from 'd3-array';

/** A sorted copy of the finite values; sort once and take any number of quantiles from it. */
export function sorted(values: Iterable<number>): Float64Array {
  return Float64Array.from(values).filter(Number.isFinite).sort();
}

/**
 * Quantile of ascending values with linear interpolation between order statistics (type 7 of Hyndman and Fan, the default
 * of R and NumPy); null without values.
 */
export function quantile(ascending: ArrayLike<number>, p: number): number | null {
  return quantileSorted(ascending as number[], p) ?? null;
}

/** Arithmetic mean in the order given; null without values. */
export function mean(values: ArrayLike<number>): number | null {
  if (values.length === 0) return null;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** Sample variance with n − 1 in the denominator, in two passes; null below two values. */
export function variance(values: ArrayLike<number>): number | null {
  const center = mean(values);
  if (center === null || values.length < 2) return null;
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const difference = values[i]! - center;
    sum += difference * difference;
  }
  return sum / (values.length - 1);
}
