import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LogHistogram } from '../../src/stats/index.js';

const values = fc.array(
  fc.oneof(fc.integer({ min: 0, max: 2 ** 50 }), fc.double({ min: 1e-9, max: 1e12, noNaN: true }), fc.constant(0)),
  { minLength: 1, maxLength: 300 },
);

test('a quantile is within the stated relative error of the value of that rank', () => {
  fc.assert(
    fc.property(
      values,
      fc.integer({ min: 0, max: 12 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (list, bits, q) => {
        const histogram = new LogHistogram(bits);
        for (const value of list) histogram.observe(value);
        const sorted = [...list].sort((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil(q * list.length)) - 1]!;
        assert.ok(
          Math.abs(histogram.quantile(q) - exact) <= exact * histogram.relativeError,
          `${histogram.quantile(q)} for ${exact}`,
        );
      },
    ),
    { numRuns: 500 },
  );
});

test('the error is really that large: a coarser claim than needed would be a weak one', () => {
  const histogram = new LogHistogram(7);
  histogram.observe(1);
  histogram.observe(1 + 1 / 128 - 2 ** -50);
  histogram.observe(2);
  const error = Math.abs(histogram.quantile(0.5) / (1 + 1 / 128) - 1);
  assert.ok(error > 0.9 * histogram.relativeError && error <= histogram.relativeError);
});

test('merging in any grouping and order gives the same bytes as observing one after the other', () => {
  fc.assert(
    fc.property(values, values, values, (a, b, c) => {
      const of = (...lists: number[][]) => {
        const histogram = new LogHistogram();
        for (const value of lists.flat()) histogram.observe(value);
        return histogram;
      };
      const whole = of(a, b, c);
      const left = of(a);
      left.merge(of(b));
      left.merge(of(c));
      const right = of(c);
      const tail = of(b);
      tail.merge(of(a));
      right.merge(tail);
      for (const other of [left, right, of(c, a, b)]) {
        assert.equal(other.sum, whole.sum);
        assert.deepEqual(other.entries(), whole.entries());
        assert.equal(other.count, whole.count);
        assert.equal(other.quantile(0.9), whole.quantile(0.9));
      }
    }),
  );
});

test('count, sum, mean and extremes are exact; data survives JSON', () => {
  const histogram = new LogHistogram();
  for (let i = 1; i <= 1000; i++) histogram.observe(i * 0.1);
  assert.equal(histogram.count, 1000);
  assert.equal(histogram.sum, 50050);
  assert.equal(histogram.minimum, 0.1);
  assert.equal(histogram.maximum, 100);
  const copy = LogHistogram.from(JSON.parse(JSON.stringify(histogram)));
  assert.deepEqual(copy.toJSON(), histogram.toJSON());
  assert.equal(copy.quantile(0.5), histogram.quantile(0.5));
  assert.deepEqual(
    LogHistogram.from(JSON.parse(JSON.stringify(new LogHistogram()))).toJSON(),
    new LogHistogram().toJSON(),
  );
});

test('counts below a bound are exact at bucket edges', () => {
  const histogram = new LogHistogram(3);
  for (let i = 0; i < 64; i++) histogram.observe(i);
  assert.equal(histogram.countAtMost(8), 8); // buckets below 8 are one unit wide; [8, 9) is not wholly at or below 8
  assert.equal(histogram.countAtMost(16), 16);
  assert.equal(histogram.countAtMost(1e9), 64);
});

test('refuses what it cannot hold', () => {
  const histogram = new LogHistogram();
  for (const bad of [-1, Number.NaN, Number.POSITIVE_INFINITY]) assert.throws(() => histogram.observe(bad), RangeError);
  assert.throws(() => histogram.merge(new LogHistogram(3)), RangeError);
  assert.ok(Number.isNaN(histogram.quantile(0.5)));
});

test('an empty or small histogram is cheap: 3,600 of ten values each stay below 2 MiB of arrays', () => {
  const before = process.memoryUsage().arrayBuffers;
  const all: LogHistogram[] = [];
  for (let second = 0; second < 3600; second++) {
    const histogram = new LogHistogram();
    for (let i = 0; i < 10; i++) histogram.observe(1e6 * (i + 1) + second);
    all.push(histogram);
  }
  const used = process.memoryUsage().arrayBuffers - before;
  assert.ok(used < 2 * 1024 * 1024, `${used} bytes`);
  assert.equal(all.length, 3600);
});
