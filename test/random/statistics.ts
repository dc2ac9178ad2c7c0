/** Statistical tests, written for the tests and independent of the code under test (the engine's own Math is fine here). */

/** Probability that Kolmogorov's statistic of n values is at least d (Stephens 1970). */
export function kolmogorov(n: number, d: number): number {
  const t = (Math.sqrt(n) + 0.12 + 0.11 / Math.sqrt(n)) * d;
  if (t < 0.3) return 1;
  let sum = 0;
  for (let k = 1; k < 100; k++) sum += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * k * k * t * t);
  return Math.min(1, Math.max(0, sum));
}

/** Kolmogorov–Smirnov p-value of values against a continuous distribution function. */
export function goodness(values: readonly number[], cdf: (x: number) => number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  let d = 0;
  for (let i = 0; i < n; i++) {
    const p = cdf(sorted[i]!);
    d = Math.max(d, (i + 1) / n - p, p - i / n);
  }
  return kolmogorov(n, d);
}

/** Standard normal distribution function (series and continued fraction of the error function). */
export function normalCdf(x: number): number {
  const z = Math.abs(x);
  let tail: number;
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let k = 1; k < 100; k++) {
      term *= (z * z) / (2 * k + 1);
      sum += term;
    }
    tail = 0.5 - (sum * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
  } else {
    let fraction = 0;
    for (let k = 60; k > 0; k--) fraction = k / (z + fraction);
    tail = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI) / (z + fraction);
  }
  return x > 0 ? 1 - tail : tail;
}

/** Regularized lower incomplete gamma function, by its series. */
export function gammaCdf(shape: number, x: number): number {
  if (x <= 0) return 0;
  let logGamma = 0;
  let s = shape;
  for (; s < 20; s++) logGamma -= Math.log(s);
  logGamma +=
    (s - 0.5) * Math.log(s) - s + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * s) - 1 / (360 * s ** 3) + 1 / (1260 * s ** 5);
  let term = 1 / shape;
  let sum = term;
  for (let k = 1; k < 2000 && term > sum * 1e-17; k++) {
    term *= x / (shape + k);
    sum += term;
  }
  return Math.min(1, sum * Math.exp(shape * Math.log(x) - x - logGamma));
}

/** Two-sided p-value of a standard normal statistic. */
export function twoSided(z: number): number {
  return 2 * normalCdf(-Math.abs(z));
}

/** p-value of a χ² statistic. */
export function chiSquare(statistic: number, degrees: number): number {
  return 1 - gammaCdf(degrees / 2, statistic / 2);
}
