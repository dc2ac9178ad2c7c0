import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { jsonErrorOffset } from '../../src/scenario/json-position.js';

describe('jsonErrorOffset', () => {
  for (const [text, offset] of [
    ['', 0],
    ['{"a": 1}', undefined],
    [' [1, -2.5e3, true, null, "x\\u00e9\\n"] ', undefined],
    ['{"a" 1}', 5],
    ['{"a": }', 6],
    ['{"a": 1,}', 8],
    ['[1, 2', 5],
    ['[1 2]', 3],
    ['{a: 1}', 1],
    ["{'a': 1}", 1],
    ['{"a": 01}', 7],
    ['{"a": nul}', 6],
    ['{"a": "x\ty"}', 6],
    ['{"a": 1}}', 8],
    ['[1]]', 3],
    ['{"a": [}', 7],
    ['"x" "y"', 4],
  ] as const) {
    it(`${JSON.stringify(text)}: ${offset ?? 'valid'}`, () => {
      assert.equal(jsonErrorOffset(text), offset);
    });
  }

  it('agrees with JSON.parse on what is JSON', () => {
    const corrupted = fc
      .tuple(
        fc.json(),
        fc.nat(),
        fc.nat({ max: 3 }),
        fc.constantFrom('', ',', '"', '}', ']', '[', '0', 'e', '\\', ' ', ':'),
      )
      .map(
        ([text, at, length, insert]) =>
          text.slice(0, at % (text.length + 1)) + insert + text.slice((at % (text.length + 1)) + length),
      );
    fc.assert(
      fc.property(corrupted, (text) => {
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        assert.equal(jsonErrorOffset(text) === undefined, valid, text);
      }),
      { numRuns: 5000 },
    );
  });
});
