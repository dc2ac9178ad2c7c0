import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exponentialSteps, linearSteps } from '../../src/scenario/rollout.js';

const weights = (steps: readonly { readonly weight: number }[]): number[] => steps.map(({ weight }) => weight);

test('linear curves grow by equal steps, exponential ones by a factor; all of them end with all', () => {
  assert.deepEqual(weights(linearSteps(20, 1)), [20, 40, 60, 80, 100]);
  assert.deepEqual(weights(linearSteps(30, 1)), [30, 60, 90, 100]);
  assert.deepEqual(weights(linearSteps(100, 1)), [100]);
  assert.deepEqual(weights(exponentialSteps(1, 2, 1)), [1, 2, 4, 8, 16, 32, 64, 100]);
  assert.deepEqual(weights(exponentialSteps(5, 3, 1)), [5, 15, 45, 100]);
  assert.deepEqual(linearSteps(50, 7), [{ weight: 50, pause: 7 }, { weight: 100, pause: 0 }]);
});
