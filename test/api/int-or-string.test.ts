import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { percentOf, scaledValue } from '../../src/api/int-or-string.js';

describe('scaledValue', () => {
  // Kubernetes documentation, Deployments: percentages are rounded up for maxSurge, down for maxUnavailable.
  const cases: readonly (readonly [number | string, number, number, number])[] = [
    ['25%', 10, 3, 2],
    ['25%', 3, 1, 0],
    ['25%', 4, 1, 1],
    ['1%', 10, 1, 0],
    ['0%', 10, 0, 0],
    ['100%', 7, 7, 7],
    ['150%', 7, 11, 10],
    [5, 3, 5, 5],
  ];
  for (const [value, total, up, down] of cases) {
    it(`${value} of ${total} is ${up} rounded up and ${down} rounded down`, () => {
      assert.equal(scaledValue(value, total, true), up);
      assert.equal(scaledValue(value, total, false), down);
    });
  }

  it('refuses other text', () => {
    assert.throws(
      () => scaledValue('many', 3, true),
      /expected a whole number or a percentage such as 25%, found "many"/,
    );
    assert.equal(percentOf('-5%'), undefined);
    assert.equal(percentOf('2.5%'), undefined);
  });
});
