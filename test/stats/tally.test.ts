import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ExactSum, Tally, TimeWeighted } from '../../src/stats/index.js';

/** The sum of doubles as an exact ratio of big integers, rounded once: an independent oracle. */
function bigSum(values: readonly number[]): number {
  let scaled = 0n;
  for (const value of values) scaled += scaledInteger(value);
  return toNumber(scaled);
}

const SCALE = 1100;

function scaledInteger(value: number): bigint {
  let exponent = 0;
  while (!Number.isInteger(value)) {
    value *= 2;
    exponent++;
  }
  return BigInt(value) << BigInt(SCALE - exponent);
}

function toNumber(scaled: bigint): number {
  const negative = scaled < 0n;
  const magnitude = negative ? -scaled : scaled;
  const length = magnitude.toString(2).length;
  const drop = Math.max(0, length - 53);
  let top = magnitude >> BigInt(drop);
  if (drop > 0) {
    const rest = magnitude - (top << BigInt(drop));
    const half = 1n << BigInt(drop - 1);
    if (rest > half || (rest === half && (top & 1n) === 1n)) top += 1n;
  }
  let value = Number(top);
  for (let i = drop; i < SCALE; i++) value /= 2;
  for (let i = SCALE; i < drop; i++) value *= 2;
  return negative ? -value : value;
}

test('ExactSum gives the correctly rounded sum whatever the order and grouping', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.double({ min: -1e60, max: 1e60, noNaN: true }).map((x) => (Math.abs(x) < 1e-60 ? 0 : x)),
        { maxLength: 60 },
      ),
      fc.nat(60),
      (values, cut) => {
        const sum = new ExactSum();
        for (const value of values) sum.add(value);
        const reversed = new ExactSum();
        for (const value of values.slice(cut).reverse()) reversed.add(value);
        const rest = new ExactSum();
        for (const value of values.slice(0, cut)) rest.add(value);
        reversed.merge(rest);
        const expected = bigSum(values) + 0;
        assert.equal(sum.value + 0, expected);
        assert.equal(reversed.value + 0, expected);
      },
    ),
    { numRuns: 300 },
  );
});

test('Tally: mean, variance and extremes against two passes, merged or not', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 100 }),
      fc.nat(100),
      (values, cut) => {
        const whole = new Tally();
        for (const value of values) whole.observe(value);
        const merged = new Tally();
        for (const value of values.slice(0, cut)) merged.observe(value);
        const rest = new Tally();
        for (const value of values.slice(cut)) rest.observe(value);
        merged.merge(rest);
        const mean = values.reduce((a, b) => a + b, 0) / values.length;
        const variance = values.reduce((sum, x) => sum + (x - mean) * (x - mean), 0) / (values.length - 1);
        for (const tally of [whole, merged]) {
          assert.equal(tally.count, values.length);
          assert.equal(tally.mean, mean);
          assert.ok(Math.abs(tally.variance - variance) <= 1e-9 * (1 + variance));
          assert.equal(tally.minimum, Math.min(...values));
          assert.equal(tally.maximum, Math.max(...values));
        }
      },
    ),
  );
});

test('TimeWeighted: a worked example, a warm-up cut and a merge', () => {
  const queue = new TimeWeighted(10, 0);
  queue.add(20, 2); // 0 for 10
  queue.add(40, -1); // 2 for 20
  assert.equal(queue.average(50), (0 * 10 + 2 * 20 + 1 * 10) / 40);
  assert.equal(queue.maximum, 2);
  queue.reset(50);
  assert.equal(queue.maximum, 1);
  queue.set(60, 5);
  assert.equal(queue.average(70), (1 * 10 + 5 * 10) / 20);
  const later = new TimeWeighted(70, 5);
  later.set(80, 0);
  queue.merge(later);
  assert.equal(queue.average(80), (1 * 10 + 5 * 10 + 5 * 10) / 30);
  assert.throws(() => queue.set(79, 1), RangeError);
});
