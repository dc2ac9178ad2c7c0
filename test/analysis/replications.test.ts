import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchMeansInterval, lagCorrelation } from '../../src/analysis/batch-means.js';
import { bootstrap, quantileOf } from '../../src/analysis/bootstrap.js';
import { meanInterval } from '../../src/analysis/interval.js';
import { mean } from '../../src/analysis/quantile.js';
import { binomialCdf, quantileInterval } from '../../src/analysis/quantile-interval.js';
import { holm, pairedPValue, rank } from '../../src/analysis/replications.js';
import { sequentialProgress } from '../../src/analysis/sequential.js';
import { warmUpLength } from '../../src/analysis/warm-up.js';
import { Stream } from '../../src/random/stream.js';

function near(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);
}

/** A first-order autoregressive series around `level`, from a start far away. */
function autoregressive(n: number, phi: number, start: number, seed: string): Float64Array {
  const random = new Stream(seed, 'series');
  const values = new Float64Array(n);
  let x = start;
  for (let i = 0; i < n; i++) {
    // The sum of twelve uniforms has variance 1.
    let noise = -6;
    for (let k = 0; k < 12; k++) noise += random.next();
    x = phi * x + noise;
    values[i] = 10 + x;
  }
  return values;
}

// Conover, Practical Nonparametric Statistics, table A3.
test('binomial distribution against the published table', () => {
  near(binomialCdf(5, 20, 0.5), 0.0207, 5e-5);
  near(binomialCdf(2, 10, 0.3), 0.3828, 5e-5);
  assert.equal(binomialCdf(-1, 10, 0.5), 0);
  assert.equal(binomialCdf(10, 10, 0.5), 1);
});

// Ranks of the sign-test interval for a median: 2 and 9 of 10 (97.9 %), 6 and 15 of 20 (95.9 %), as in any table of it.
test('intervals of a median from the classical ranks', () => {
  const ranks = (n: number): Float64Array => Float64Array.from({ length: n }, (_, i) => i + 1);
  const ten = quantileInterval(ranks(10), 0.5)!;
  assert.deepEqual([ten.low, ten.estimate, ten.high], [2, 5.5, 9]);
  const twenty = quantileInterval(ranks(20), 0.5)!;
  assert.deepEqual([twenty.low, twenty.high], [6, 15]);
  assert.equal(quantileInterval(ranks(100), 0.99), null, 'too few observations for a p99');
  const p99 = quantileInterval(ranks(1000), 0.99)!;
  assert.ok(p99.low >= 980 && p99.high <= 998 && p99.low < 990 && p99.high > 990, `${p99.low} ${p99.high}`);
});

test('intervals of a p90 hold as often as they say', () => {
  const random = new Stream('coverage', 'uniform');
  let held = 0;
  for (let trial = 0; trial < 1000; trial++) {
    const sample = Float64Array.from({ length: 120 }, () => random.next()).sort();
    const interval = quantileInterval(sample, 0.9)!;
    if (interval.low <= 0.9 && 0.9 <= interval.high) held++;
  }
  assert.ok(held >= 935 && held <= 990, `${held} of 1000`);
});

// Efron and Tibshirani, An Introduction to the Bootstrap, table 2.1: the mouse data, standard errors 25.24 (mean, classical, with n − 1)
// and 23.36 (ideal bootstrap).
test('bootstrap of the mouse data', () => {
  const treatment = [94, 197, 16, 38, 99, 141, 23];
  const estimate = bootstrap(treatment, (sample) => mean(sample)!, new Stream('1', 'bootstrap'), {
    resamples: 20_000,
  })!;
  near(estimate.estimate, 86.857, 0.001);
  near(estimate.standardError, 23.36, 0.4);
  const median = bootstrap(treatment, quantileOf(0.5), new Stream('1', 'bootstrap'), { resamples: 5000 })!;
  assert.equal(median.estimate, 94);
  assert.deepEqual(
    bootstrap(treatment, quantileOf(0.5), new Stream('1', 'bootstrap'), { resamples: 5000 }),
    median,
    'same stream, same answer',
  );
  near(median.standardError, 37.83, 1.5);
});

test('batch means are honest about correlation where plain intervals are not', () => {
  let batched = 0;
  let plain = 0;
  for (let trial = 0; trial < 300; trial++) {
    const series = autoregressive(2000, 0.8, 0, `batch-${trial}`);
    const batch = batchMeansInterval(series)!;
    const naive = meanInterval(series)!;
    if (batch.low <= 10 && 10 <= batch.high) batched++;
    if (naive.low <= 10 && 10 <= naive.high) plain++;
  }
  assert.ok(batched >= 270, `batch means: ${batched} of 300`);
  assert.ok(plain < 180, `plain: ${plain} of 300`);
  near(lagCorrelation(autoregressive(5000, 0.8, 0, 'lag'))!, 0.8, 0.03);
  assert.equal(batchMeansInterval([1, 2, 3]), null);
});

test('warm-up: found where it is, nothing where there is none, null where it never ends', () => {
  const cut = warmUpLength(autoregressive(1000, 0.95, 60, 'warm'))!;
  assert.ok(cut >= 30 && cut <= 140, `${cut}`);
  // By hand: batch means 9, 5, 1, 1, 1, 1: cutting two leaves no spread at all.
  const steps = [9, 5, 1, 1, 1, 1].flatMap((value) => [value, value, value, value, value]);
  assert.equal(warmUpLength(steps), 10);
  assert.equal(warmUpLength(Float64Array.from({ length: 400 }, (_, i) => i % 2)), 0);
  assert.equal(warmUpLength(Float64Array.from({ length: 100 }, (_, i) => (i < 80 ? 100 - i : 20))), null);
});

/** The statistic of White (1997) and White, Cobb and Spratt (2000), term by term: where to cut, in batches. */
function cutByDefinition(means: readonly number[]): number {
  let best = Number.POSITIVE_INFINITY;
  let cut = 0;
  for (let d = 0; d <= means.length - 3; d++) {
    const rest = means.slice(d);
    const center = rest.reduce((sum, value) => sum + value, 0) / rest.length;
    const statistic = rest.reduce((sum, value) => sum + (value - center) ** 2, 0) / rest.length ** 2;
    if (statistic < best - 1e-12) [best, cut] = [statistic, d];
  }
  return cut;
}

test('warm-up: MSER-5 as its authors define it', () => {
  for (let trial = 0; trial < 50; trial++) {
    const series = autoregressive(300, 0.7, trial, `mser-${trial}`);
    const means = Array.from({ length: 60 }, (_, i) => mean(series.subarray(5 * i, 5 * i + 5))!);
    const cut = cutByDefinition(means);
    assert.equal(warmUpLength(series), cut > 30 ? null : 5 * cut, `trial ${trial}`);
  }
});

// R's data set lh (Diggle 1990): mean 2.4; acf(lh) begins 1.000 0.576 0.182 (Venables and Ripley, Modern Applied Statistics with S, §14.1).
test('batch means and lag correlation of the luteinizing hormone series', () => {
  const lh = [
    2.4, 2.4, 2.4, 2.2, 2.1, 1.5, 2.3, 2.3, 2.5, 2.0, 1.9, 1.7, 2.2, 1.8, 3.2, 3.2, 2.7, 2.2, 2.2, 1.9, 1.9, 1.8, 2.7, 3.0, 2.3, 2.0, 2.0, 2.9,
    2.9, 2.7, 2.7, 2.3, 2.6, 2.4, 1.8, 1.7, 1.5, 1.4, 2.1, 3.3, 3.5, 3.5, 3.1, 2.6, 2.1, 3.4, 3.0, 2.9,
  ];
  near(lagCorrelation(lh)!, 0.576, 0.0005);
  // Four batches of twelve: sums 25.7, 28.8, 28.3, 32.4; t(0.975, 3) = 3.1824.
  const interval = batchMeansInterval(lh, 4)!;
  const means = [25.7, 28.8, 28.3, 32.4].map((sum) => sum / 12);
  const spread = means.reduce((sum, value) => sum + (value - 2.4) ** 2, 0) / 3;
  near(interval.estimate, 2.4, 1e-12);
  near(interval.high - interval.estimate, 3.18245 * Math.sqrt(spread / 4), 1e-5);
});

// R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") gives 0.03 0.06 0.06 0.02.
test('Holm adjustment', () => {
  const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
  for (const [i, expected] of [0.03, 0.06, 0.06, 0.02].entries()) near(adjusted[i]!, expected, 1e-12);
});

// Student's sleep data: R's t.test(extra ~ group, paired = TRUE) gives p = 0.002833.
test('p-value of pairs: the sleep data', () => {
  const first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
  const second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
  near(pairedPValue(first, second)!, 0.002833, 1e-6);
  assert.equal(pairedPValue([1, 2], [1, 2]), 1);
  assert.equal(pairedPValue([2, 3], [1, 2]), 0);
});

test('ranking by pairs sees what separate intervals cannot', () => {
  const random = new Stream('rank', 'seeds');
  const seeds = Float64Array.from({ length: 20 }, () => 100 * random.next());
  const from = (shift: number, noise: number): Float64Array =>
    seeds.map((value) => value + shift + noise * (random.next() - 0.5));
  const ranked = rank(
    [
      { name: 'slow', values: from(10, 2) },
      { name: 'fast', values: from(0, 2) },
      { name: 'same', values: from(0.05, 2) },
    ],
    'low',
  );
  assert.deepEqual(ranked.map((entry) => [entry.name, entry.tied]).slice(2), [['slow', false]]);
  assert.ok(ranked[1]!.tied, 'no difference is claimed where there is none');
  assert.ok(ranked[2]!.difference!.low > 8 && ranked[2]!.difference!.high < 12);
  assert.ok(ranked[2]!.interval.low < ranked[0]!.interval.high, 'the intervals of the means overlap');
  assert.throws(() => rank([{ name: 'a', values: [1] }], 'low'), /at least two seeds/);
});

test('replications stop when the mean is known well enough', () => {
  const values = autoregressive(400, 0, 0, 'stop');
  let n = 10;
  while (!sequentialProgress(values.subarray(0, n), 0.05).done) n++;
  const { interval, precision } = sequentialProgress(values.subarray(0, n), 0.05);
  assert.ok(precision! <= 0.05 / 1.05 && n > 10 && n < 60, `${n} replications`);
  assert.ok(interval!.low < 10 && 10 < interval!.high);
  assert.equal(sequentialProgress([5, 5], 0.05, 0.95, 2).done, true);
  assert.equal(sequentialProgress([5, 5], 0.05).done, false, 'never on two');
});

// Law, Simulation Modeling and Analysis, §9.4.1, the bank: mean 2.03 and variance 0.31 of ten replications; a relative error of 0.10 with
// 90 % confidence takes n = 27.
test('how many replications a precision takes: the bank of Law', () => {
  const sample = (n: number): number[] => {
    const pairs = n >> 1;
    const half = Math.sqrt((0.31 * (n - 1)) / (2 * pairs));
    const values = Array.from({ length: 2 * pairs }, (_, i) => 2.03 + (i % 2 === 0 ? half : -half));
    return n % 2 === 0 ? values : [...values, 2.03];
  };
  let n = 10;
  while (!sequentialProgress(sample(n), 0.1, 0.9).done) n++;
  assert.equal(n, 27);
  assert.equal(sequentialProgress(sample(26), 0.1, 0.9).done, false);
});
