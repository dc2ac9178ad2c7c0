import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isLinearizable, type RegisterOperation } from './checkers/history.js';

const OPEN = Number.POSITIVE_INFINITY;

function put(value: number, invoked: number, completed: number): RegisterOperation {
  return { kind: 'put', value, expected: -1, read: 0, succeeded: true, invoked, completed };
}

function get(read: number, invoked: number, completed: number): RegisterOperation {
  return { kind: 'get', value: 0, expected: -1, read, succeeded: true, invoked, completed };
}

function cas(
  expected: number,
  value: number,
  succeeded: boolean,
  invoked: number,
  completed: number,
): RegisterOperation {
  return { kind: 'cas', value, expected, read: 0, succeeded, invoked, completed };
}

/** The definition: some order of the answered operations and some of the open ones explains everything. */
function byDefinition(operations: readonly RegisterOperation[], state = 0): boolean {
  if (operations.every(({ completed }) => completed === OPEN)) return true;
  const soonest = Math.min(...operations.map(({ completed }) => completed));
  return operations.some((operation, position) => {
    // Whatever comes first must have been called before anything else was answered.
    if (operation.invoked > soonest) return false;
    const rest = operations.filter((_, other) => other !== position);
    const { kind, value, read, expected, succeeded, completed } = operation;
    if (kind === 'get') return read === state && byDefinition(rest, state);
    if (kind === 'put') return byDefinition(rest, value);
    const happens = state === expected;
    if (completed !== OPEN && happens !== succeeded) return false;
    return byDefinition(rest, happens ? value : state);
  });
}

describe('linearizability of a register', () => {
  it('accepts what can be ordered', () => {
    assert.ok(isLinearizable([]));
    assert.ok(isLinearizable([put(1, 1, 2), get(1, 3, 4)]));
    assert.ok(isLinearizable([put(1, 1, 6), get(0, 2, 3), get(1, 4, 5)]), 'a write takes effect while it runs');
    assert.ok(isLinearizable([put(1, 1, OPEN), get(0, 2, 3), get(1, 4, 5)]), 'an open write may happen late');
    assert.ok(isLinearizable([put(1, 1, OPEN), get(0, 2, 3)]), 'or never');
    assert.ok(isLinearizable([cas(0, 5, true, 1, 4), cas(5, 6, true, 2, 3)]));
  });

  it('rejects what cannot', () => {
    assert.ok(!isLinearizable([put(1, 1, 2), get(0, 3, 4)]), 'a stale read');
    assert.ok(!isLinearizable([put(1, 1, 6), get(1, 2, 3), get(0, 4, 5)]), 'back in time');
    assert.ok(!isLinearizable([cas(0, 5, true, 1, 4), cas(0, 6, true, 2, 3)]), 'both cannot win');
    assert.ok(!isLinearizable([put(1, 1, 2), cas(1, 2, false, 3, 4)]), 'a refusal without reason');
    assert.ok(!isLinearizable([get(7, 1, 2)]), 'a value nobody wrote');
  });

  it('agrees with the definition', () => {
    const value = fc.integer({ min: 0, max: 2 });
    const moment = fc.integer({ min: 0, max: 40 });
    const one = fc.tuple(
      fc.constantFrom('put', 'get', 'cas'),
      value,
      value,
      fc.boolean(),
      moment,
      moment,
      fc.integer({ min: 0, max: 5 }),
    );
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(one, { maxLength: 6 }), (list) => {
        // Distinct moments, so that before and after are never in doubt.
        const operations = list.map(
          ([kind, first, second, succeeded, from, length, open], position): RegisterOperation => {
            const invoked = from * 20 + position;
            const completed = open === 0 && kind !== 'get' ? OPEN : invoked + (length + 1) * 20 - 2 * position + 7;
            if (kind === 'put') return put(first, invoked, completed);
            if (kind === 'get') return get(first, invoked, completed);
            return cas(first, second, succeeded, invoked, completed);
          },
        );
        const expected = byDefinition(operations);
        if (expected) accepted++;
        assert.equal(isLinearizable(operations), expected);
      }),
      { seed: 21, numRuns: 3000 },
    );
    assert.ok(accepted > 300 && accepted < 2700, `${accepted} of 3000 were linearizable`);
  });
});
