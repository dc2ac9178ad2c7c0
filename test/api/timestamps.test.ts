import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatTimestamp, parseTimestamp } from '../../src/api/timestamps.js';

describe('timestamps', () => {
  it('agree with the calendar of the platform', () => {
    const limits = {
      min: new Date('1900-01-01T00:00:00Z'),
      max: new Date('2400-01-01T00:00:00Z'),
      noInvalidDate: true,
    };
    fc.assert(
      fc.property(fc.date(limits), (date) => {
        const second = Math.floor(date.getTime() / 1000) * 1000;
        const text = new Date(second).toISOString().replace('.000Z', 'Z');
        assert.equal(parseTimestamp(text), second);
        assert.equal(formatTimestamp(second), text);
      }),
    );
  });

  it('reads zones and fractions', () => {
    assert.equal(parseTimestamp('2025-01-01T01:30:00+01:30'), 1735689600000);
    assert.equal(parseTimestamp('2024-12-31T19:00:00.250-05:00'), 1735689600250);
  });

  it('writes MicroTime with six digits', () => {
    assert.equal(formatTimestamp(1735689600250.5, 6), '2025-01-01T00:00:00.250500Z');
  });

  for (const text of [
    '',
    '2025-01-01',
    '2025-13-01T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '2025-01-01T24:00:00Z',
    'soon',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.equal(parseTimestamp(text), undefined);
    });
  }
});
