import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deficit, lowest, surge, timeAverage, timeIntegral, timeToReach } from '../../src/analysis/step-series.js';

const pods = { times: [0, 10, 20, 30], values: [10, 13, 8, 10] };

test('integrals of a step function', () => {
  assert.equal(timeIntegral(pods, 0, 40), 100 + 130 + 80 + 100);
  assert.equal(timeIntegral(pods, 5, 15), 50 + 65);
  assert.equal(timeIntegral(pods, 12, 13), 13);
  assert.equal(surge(pods, 10, 0, 40), 30);
  assert.equal(deficit(pods, 10, 0, 40), 20);
  assert.equal(timeAverage(pods, 10, 30), 10.5);
  assert.equal(timeIntegral({ times: [5], values: [2] }, 0, 10), 10, 'nothing before the first change');
  assert.equal(timeAverage({ times: [5], values: [2] }, 0, 10), 2);
});

test('lowest value and time to reach a level', () => {
  assert.equal(lowest(pods, 0, 40), 8);
  assert.equal(lowest(pods, 11, 15), 13, 'the value that already holds counts');
  assert.equal(lowest(pods, 30, 40), 10);
  assert.equal(lowest({ times: [], values: [] }, 0, 1), null);
  assert.equal(timeToReach(pods, 13, 0), 10);
  assert.equal(timeToReach(pods, 9, 5), 5);
  assert.equal(timeToReach(pods, 14, 0), null);
});

test('integral over adjoining windows adds up', () => {
  const series = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 20 }).map((values) => ({
    times: values.map((_, i) => i * 3),
    values,
  }));
  fc.assert(
    fc.property(series, fc.integer({ min: 0, max: 70 }), fc.integer({ min: 0, max: 70 }), (steps, a, b) => {
      const [from, to] = a < b ? [a, b] : [b, a];
      assert.equal(timeIntegral(steps, 0, from) + timeIntegral(steps, from, to), timeIntegral(steps, 0, to));
      assert.equal(
        surge(steps, 20, from, to) - deficit(steps, 20, from, to),
        timeIntegral(steps, from, to) - 20 * (to - from),
      );
    }),
  );
});
