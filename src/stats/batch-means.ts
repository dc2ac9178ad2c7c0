import { ExactSum } from './exact-sum.js';

/** t quantiles at 97.5 % for 1..30 degrees of freedom (published tables). */
const STUDENT = [
  12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281, 2.201, 2.1788, 2.1604, 2.1448, 2.1314,
  2.1199, 2.1098, 2.1009, 2.093, 2.086, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
];

/** The 97.5 % quantile of Student's t: half of a two-sided 95 % interval in standard errors. */
export function student95(degrees: number): number {
  if (degrees < 1) return Number.POSITIVE_INFINITY;
  if (degrees <= STUDENT.length) return STUDENT[Math.floor(degrees) - 1]!;
  // Cornish–Fisher expansion around the normal quantile.
  const z = 1.959963984540054;
  const z3 = z * z * z;
  const z5 = z3 * z * z;
  return z + (z3 + z) / (4 * degrees) + (5 * z5 + 16 * z3 + 3 * z) / (96 * degrees * degrees);
}

/** A mean with half the width of its 95 % confidence interval. */
export interface Interval {
  readonly mean: number;
  readonly halfWidth: number;
}

/** Mean and 95 % interval of independent values, such as the results of replications. */
export function interval95(values: readonly number[]): Interval {
  const n = values.length;
  const sum = new ExactSum();
  for (const value of values) sum.add(value);
  const mean = sum.value / n;
  const squares = new ExactSum();
  for (const value of values) squares.add((value - mean) * (value - mean));
  return {
    mean,
    halfWidth: n < 2 ? Number.POSITIVE_INFINITY : student95(n - 1) * Math.sqrt(squares.value / (n - 1) / n),
  };
}

/**
 * The mean of a correlated series with a confidence interval, by batch means: the series is cut into batches so long that their means are
 * nearly independent. Streams: when twice the wanted number of batches is full, neighbours are joined and batches are twice as long.
 */
export class BatchMeans {
  /** Values per batch. */
  size: number;
  private readonly wanted: number;
  private sums: number[] = [];
  private open = new ExactSum();
  private inOpen = 0;

  /** @param wanted number of batches kept at least, once there are that many values */
  constructor(wanted = 20, size = 1) {
    this.wanted = wanted;
    this.size = size;
  }

  observe(value: number): void {
    this.open.add(value);
    if (++this.inOpen < this.size) return;
    this.sums.push(this.open.value);
    this.open = new ExactSum();
    this.inOpen = 0;
    if (this.sums.length >= 2 * this.wanted) this.double();
  }

  /** Means of the full batches. */
  get means(): readonly number[] {
    return this.sums.map((sum) => sum / this.size);
  }

  /** Mean of the full batches and its 95 % interval. */
  interval(): Interval {
    return interval95(this.means);
  }

  /** Appends the full batches of another series; shards are merged in index order. */
  merge(other: BatchMeans): void {
    const copy = new BatchMeans(other.wanted, other.size);
    copy.sums = other.sums.slice();
    while (copy.size < this.size) copy.double();
    while (this.size < copy.size) this.double();
    this.sums.push(...copy.sums);
    while (this.sums.length >= 2 * this.wanted) this.double();
  }

  /** Joins neighbours; a last odd batch stays open. */
  private double(): void {
    const joined: number[] = [];
    for (let i = 0; i + 1 < this.sums.length; i += 2) joined.push(this.sums[i]! + this.sums[i + 1]!);
    if (this.sums.length % 2 === 1) {
      this.open.add(this.sums[this.sums.length - 1]!);
      this.inOpen += this.size;
    }
    this.sums = joined;
    this.size *= 2;
  }
}

/**
 * Where a series has warmed up: the number of leading values to cut so that the standard error of the rest is least (MSER, White 1997), at
 * most half of them. Give it means of 5 values or more (MSER-5).
 */
export function warmUpCut(values: readonly number[]): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  let sum = 0;
  let squares = 0;
  for (let cut = values.length - 1; cut >= 0; cut--) {
    const value = values[cut]!;
    const n = values.length - cut;
    sum += value;
    squares += value * value;
    const error = (squares - (sum * sum) / n) / (n * n);
    if (2 * cut <= values.length && error <= least) {
      least = error;
      best = cut;
    }
  }
  return best;
}
