import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CompiledSelector, matchesMap, matchesSelector, selectorText } from '../../src/api/labels.js';
import type { LabelSelector } from '../../src/api/meta.js';

const name = fc.constantFrom('app', 'tier', 'env', 'constructor', '__proto__x');
const value = fc.constantFrom('', 'a', 'b', 'c');
const labels = fc.dictionary(name, value, { maxKeys: 4 });
const requirement = fc.record({
  key: name,
  operator: fc.constantFrom('In' as const, 'NotIn' as const, 'Exists' as const, 'DoesNotExist' as const),
  values: fc.array(value, { minLength: 1, maxLength: 3 }),
});
const selector: fc.Arbitrary<LabelSelector> = fc.record({
  matchLabels: labels,
  matchExpressions: fc.array(requirement, { maxLength: 3 }),
});

/** The definition, spelt out over plain maps. */
function reference(wanted: LabelSelector, actual: Map<string, string>): boolean {
  const pairs = Object.entries(wanted.matchLabels ?? {}).every(([key, text]) => actual.get(key) === text);
  return (
    pairs &&
    (wanted.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      if (operator === 'Exists') return actual.has(key);
      if (operator === 'DoesNotExist') return !actual.has(key);
      const listed = actual.has(key) && values.includes(actual.get(key)!);
      return operator === 'In' ? listed : !listed;
    })
  );
}

describe('selectors', () => {
  it('agree with the definition, compiled or not', () => {
    fc.assert(
      fc.property(selector, labels, (wanted, actual) => {
        const expected = reference(wanted, new Map(Object.entries(actual)));
        assert.equal(matchesSelector(wanted, actual), expected);
        assert.equal(new CompiledSelector(wanted).matches(actual), expected);
      }),
      { numRuns: 2000 },
    );
  });

  it('absent selects nothing, empty everything', () => {
    assert.equal(matchesSelector(undefined, {}), false);
    assert.equal(new CompiledSelector(undefined).matches({ app: 'x' }), false);
    assert.equal(matchesSelector({}, undefined), true);
    assert.equal(new CompiledSelector({}).isEverything, true);
    assert.equal(matchesMap({}, undefined), true);
  });

  it('does not take inherited properties for labels', () => {
    assert.equal(matchesSelector({ matchExpressions: [{ key: 'constructor', operator: 'Exists' }] }, {}), false);
    assert.equal(CompiledSelector.ofMap({ toString: 'x' }).matches({}), false);
  });

  it('NotIn holds for an absent key (label concepts page: "environment notin (frontend)" selects those without)', () => {
    assert.equal(
      matchesSelector({ matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['frontend'] }] }, {}),
      true,
    );
  });

  it('prints as kubectl does', () => {
    assert.equal(selectorText(undefined), '<none>');
    const wanted: LabelSelector = {
      matchLabels: { tier: 'web', app: 'shop' },
      matchExpressions: [
        { key: 'env', operator: 'In', values: ['b', 'a'] },
        { key: 'old', operator: 'DoesNotExist' },
      ],
    };
    assert.equal(selectorText(wanted), 'app=shop,env in (a,b),!old,tier=web');
  });
});
