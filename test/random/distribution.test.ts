import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Distribution,
  distributionProblem,
  draw,
  gammaFunction,
  largest,
  mean,
  Randomness,
  sample,
} from '../../src/random/index.js';
import { gammaCdf, goodness, normalCdf, twoSided } from './statistics.js';

/** Every test is made for these seeds, one after the other; none was chosen. */
const SEEDS = Array.from({ length: 200 }, (_, i) => `${i}`);
const DRAWS = 1000;
/** The p-values of all seeds must themselves look uniform at this level. */
const LEVEL = 1e-3;

interface Case {
  readonly name: string;
  readonly spec: Distribution<number>;
  readonly cdf: (x: number) => number;
  /** Variance, where 1,000 draws give a nearly normal mean. */
  readonly variance?: number;
}

const exponentialCdf = (x: number) => (x <= 0 ? 0 : 1 - Math.exp(-x));
const bounds = [0, 1, 2, 5, 10];
const counts = [10, 0, 30, 60];
const cases: Case[] = [
  { name: 'uniform', spec: { kind: 'uniform', low: 2, high: 5 }, cdf: (x) => (x - 2) / 3, variance: 9 / 12 },
  { name: 'exponential', spec: { kind: 'exponential', mean: 4 }, cdf: (x) => exponentialCdf(x / 4), variance: 16 },
  { name: 'normal', spec: { kind: 'normal', mean: -3, deviation: 2 }, cdf: (x) => normalCdf((x + 3) / 2), variance: 4 },
  {
    name: 'lognormal',
    spec: { kind: 'lognormal', median: 10, sigma: 0.5 },
    cdf: (x) => normalCdf(Math.log(x / 10) / 0.5),
    variance: 100 * (Math.exp(0.25) - 1) * Math.exp(0.25),
  },
  {
    name: 'gamma, shape above 1',
    spec: { kind: 'gamma', shape: 3.7, scale: 2 },
    cdf: (x) => gammaCdf(3.7, x / 2),
    variance: 3.7 * 4,
  },
  {
    name: 'gamma, shape below 1',
    spec: { kind: 'gamma', shape: 0.4, scale: 5 },
    cdf: (x) => gammaCdf(0.4, x / 5),
    variance: 0.4 * 25,
  },
  {
    name: 'weibull',
    spec: { kind: 'weibull', shape: 1.5, scale: 3 },
    cdf: (x) => 1 - Math.exp(-((x / 3) ** 1.5)),
    variance: 9 * (gammaFunction(1 + 2 / 1.5) - gammaFunction(1 + 1 / 1.5) ** 2),
  },
  { name: 'pareto', spec: { kind: 'pareto', shape: 2.5, scale: 3 }, cdf: (x) => 1 - (3 / x) ** 2.5 },
  {
    name: 'empirical',
    spec: { kind: 'empirical', bounds, counts },
    cdf: (x) => (x < 1 ? 0.1 * x : x < 2 ? 0.1 : x < 5 ? 0.1 + 0.1 * (x - 2) : 0.4 + 0.12 * (x - 5)),
    variance: 0.1 * (1 / 3) + 0.3 * (39 / 3) + 0.6 * (175 / 3) - 5.6 ** 2,
  },
  {
    name: 'empirical, logarithmic',
    spec: { kind: 'empirical', bounds: [1, 10, 1000], counts: [1, 3], logarithmic: true },
    cdf: (x) => (x < 10 ? 0.25 * Math.log10(x) : 0.25 + 0.375 * (Math.log10(x) - 1)),
  },
  {
    name: 'mixture',
    spec: {
      kind: 'mixture',
      parts: [
        { weight: 1, of: { kind: 'exponential', mean: 1 } },
        { weight: 3, of: { kind: 'uniform', low: 5, high: 6 } },
      ],
    },
    cdf: (x) => 0.25 * exponentialCdf(x) + 0.75 * Math.min(1, Math.max(0, x - 5)),
  },
  {
    name: 'truncated',
    spec: { kind: 'truncated', of: { kind: 'exponential', mean: 2 }, low: 1, high: 4 },
    cdf: (x) => (exponentialCdf(x / 2) - exponentialCdf(0.5)) / (exponentialCdf(2) - exponentialCdf(0.5)),
  },
  {
    name: 'shifted',
    spec: { kind: 'shifted', by: 7, of: { kind: 'exponential', mean: 2 } },
    cdf: (x) => exponentialCdf((x - 7) / 2),
    variance: 4,
  },
];

for (const { name, spec, cdf, variance } of cases) {
  test(`${name}: distribution function and mean over 200 consecutive seeds, streams and keyed draws in turn`, () => {
    const shapes: number[] = [];
    const means: number[] = [];
    for (const [index, seed] of SEEDS.entries()) {
      const randomness = new Randomness(seed);
      const keyed = randomness.keyed(name);
      const stream = randomness.stream(name);
      const values: number[] = [];
      for (let k = 0; k < DRAWS; k++) values.push(draw(spec, index % 2 === 0 ? stream : keyed.source(k)));
      shapes.push(goodness(values, cdf));
      if (variance !== undefined) {
        const average = values.reduce((a, b) => a + b, 0) / DRAWS;
        means.push(twoSided((average - mean(spec)) / Math.sqrt(variance / DRAWS)));
      }
    }
    const uniform = (x: number) => x;
    assert.ok(goodness(shapes, uniform) > LEVEL, `p-values of the shape are not uniform: ${goodness(shapes, uniform)}`);
    if (variance !== undefined)
      assert.ok(goodness(means, uniform) > LEVEL, `p-values of the mean: ${goodness(means, uniform)}`);
  });
}

test('the tails that the tables do not hold: exponential and normal beyond the first layer', () => {
  const stream = new Randomness('tails').stream('tails');
  const n = 4_000_000;
  let exponential = 0;
  let normal = 0;
  for (let i = 0; i < n; i++) {
    if (draw({ kind: 'exponential', mean: 1 }, stream) > 8) exponential++;
    if (draw({ kind: 'normal', mean: 0, deviation: 1 }, stream) > 3.6) normal++;
  }
  const z = (count: number, p: number) => (count - n * p) / Math.sqrt(n * p * (1 - p));
  assert.ok(Math.abs(z(exponential, Math.exp(-8))) < 4, `${exponential} of ${n * Math.exp(-8)}`);
  assert.ok(Math.abs(z(normal, normalCdf(-3.6))) < 4, `${normal} of ${n * normalCdf(-3.6)}`);
});

test('sample: whole nanoseconds, not below 0, clamped, stalled', () => {
  const stream = new Randomness('1').stream('sample');
  for (let i = 0; i < 1000; i++) {
    const value = sample({ kind: 'normal', mean: 0, deviation: 10 }, stream);
    assert.ok(Number.isInteger(value) && value >= 0 && !Object.is(value, -0));
    const clamped = sample({ kind: 'exponential', mean: 100, minimum: 50, maximum: 60 }, stream);
    assert.ok(clamped >= 50 && clamped <= 60);
  }
  let stalls = 0;
  for (let i = 0; i < 10_000; i++) {
    if (sample({ kind: 'constant', value: 10, stall: { probability: 0.1, factor: 7 } }, stream) === 70) stalls++;
  }
  assert.ok(Math.abs(stalls - 1000) < 150, `${stalls} stalls`);
});

test('means of closed form', () => {
  assert.equal(mean({ kind: 'constant', value: 5, stall: { probability: 0.5, factor: 3 } }), 10);
  assert.equal(mean({ kind: 'empirical', bounds, counts }), (10 * 0.5 + 30 * 3.5 + 60 * 7.5) / 100);
  assert.equal(mean({ kind: 'pareto', shape: 3, scale: 2 }), 3);
  assert.equal(mean({ kind: 'pareto', shape: 1, scale: 2 }), Number.POSITIVE_INFINITY);
  assert.ok(Math.abs(mean({ kind: 'weibull', shape: 2, scale: 2 }) - Math.sqrt(Math.PI)) < 1e-13);
  assert.throws(() => mean({ kind: 'truncated', of: { kind: 'exponential', mean: 1 }, low: 1 }), RangeError);
  for (const [x, value] of [
    [1, 1],
    [5, 24],
    [0.5, Math.sqrt(Math.PI)],
    [11, 3628800],
  ] as const) {
    assert.ok(Math.abs(gammaFunction(x) / value - 1) < 1e-13);
  }
});

test('bad parameters are named', () => {
  for (const { spec } of cases) assert.equal(distributionProblem(spec), undefined);
  assert.match(distributionProblem({ kind: 'uniform', low: 3, high: 2 })!, /low/);
  assert.match(distributionProblem({ kind: 'gamma', shape: 0, scale: 2 })!, /shape/);
  assert.match(distributionProblem({ kind: 'empirical', bounds: [1], counts: [1] })!, /bounds/);
  assert.match(
    distributionProblem({ kind: 'mixture', parts: [{ weight: 1, of: { kind: 'pareto', shape: 1, scale: -1 } }] })!,
    /scale/,
  );
  assert.match(
    distributionProblem({ kind: 'constant', value: 1, stall: { probability: 2, factor: 1 } })!,
    /probability/,
  );
  const impossible: Distribution<number> = { kind: 'truncated', of: { kind: 'uniform', low: 0, high: 1 }, low: 2 };
  assert.throws(() => draw(impossible, new Randomness('1').stream('x')), /no draw/);
});

test('no draw exceeds the largest, whatever uniform numbers come', () => {
  const extremes = [2 ** -54, 2 ** -42, 1 / 256 - 2 ** -53, 1 / 128 - 2 ** -53, 0.3, 0.5, 1 - 2 ** -53];
  const specs: Distribution<number>[] = [
    { kind: 'constant', value: 5, stall: { probability: 0.5, factor: 3 } },
    { kind: 'uniform', low: 2, high: 5 },
    { kind: 'exponential', mean: 4 },
    { kind: 'normal', mean: -3, deviation: 2 },
    { kind: 'lognormal', median: 10, sigma: 0.5, stall: { probability: 0.5, factor: 10 } },
    { kind: 'exponential', mean: 4, maximum: 9 },
    { kind: 'shifted', by: 7, of: { kind: 'exponential', mean: 4 } },
  ];
  for (const spec of specs) {
    let highest = Number.NEGATIVE_INFINITY;
    for (let code = 0; code < extremes.length ** 4; code++) {
      let rest = code;
      let calls = 0;
      const next = () => {
        const value = calls++ < 4 ? extremes[rest % extremes.length]! : 0.3;
        rest = Math.floor(rest / extremes.length);
        return value;
      };
      highest = Math.max(highest, draw(spec, { next }));
    }
    assert.ok(highest <= largest(spec), `${JSON.stringify(spec)}: ${highest}`);
    assert.ok(highest >= 0.4 * largest(spec), `${JSON.stringify(spec)}: ${highest} of ${largest(spec)}`);
  }
  assert.equal(largest({ kind: 'gamma', shape: 2, scale: 1 }), Number.POSITIVE_INFINITY);
});
