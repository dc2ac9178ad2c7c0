import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  formatQuantity,
  parseQuantity,
  QuantityError,
  type QuantityFormat,
  quantityMilliValue,
  quantityValue,
  resourceAmount,
  resourceText,
} from '../../src/api/quantity.js';

/** Texts and their canonical form; the first rows are those of the Kubernetes API documentation of Quantity. */
const canonical: readonly (readonly [string, string])[] = [
  ['1.5', '1500m'],
  ['1.5Gi', '1536Mi'],
  ['0', '0'],
  ['0Ki', '0'],
  ['100m', '100m'],
  ['0.1', '100m'],
  ['1000m', '1'],
  ['1000', '1k'],
  ['1500', '1500'],
  ['1000000', '1M'],
  ['128Mi', '128Mi'],
  ['1024Ki', '1Mi'],
  ['1025Ki', '1025Ki'],
  ['1Ki', '1Ki'],
  ['0.5Ki', '512'],
  ['0.1Ki', '102400m'],
  ['12e6', '12e6'],
  ['1E3', '1e3'],
  ['1e-3', '1e-3'],
  ['1500e0', '1500'],
  ['0.0000000001', '1n'],
  ['.5', '500m'],
  ['5.', '5'],
  ['+2', '2'],
  ['-100m', '-100m'],
  ['-0.5Gi', '-512Mi'],
  ['1u', '1u'],
  ['1000u', '1m'],
  ['1E', '1E'],
  ['10E', '9223372036854775807'],
  ['1e100', '9223372036854775807'],
];

describe('parseQuantity and formatQuantity', () => {
  for (const [text, expected] of canonical) {
    it(`${text} is ${expected}`, () => {
      const found = formatQuantity(parseQuantity(text));
      assert.equal(found, expected);
    });
  }

  it('rounds up to whole units and to thousandths', () => {
    assert.equal(quantityValue(parseQuantity('1.1')), 2);
    assert.equal(quantityValue(parseQuantity('1m')), 1);
    assert.equal(quantityValue(parseQuantity('-1.5')), -2);
    assert.equal(quantityMilliValue(parseQuantity('0.1m')), 1);
    assert.equal(quantityMilliValue(parseQuantity('1.5')), 1500);
    assert.equal(quantityValue(parseQuantity('16Gi')), 17179869184);
  });

  for (const text of ['', 'abc', '100mm', '1.2.3', '1 Gi', 'Mi', '1Kii', '1ki', '1e', '1e1.5', '--1', '1K', '٣']) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseQuantity(text), QuantityError);
    });
  }

  it('says what it expected and what it found', () => {
    assert.throws(() => parseQuantity('100mm'), {
      message:
        'expected a quantity such as 100m, 0.5, 128Mi or 2G (a number and one of n u m k M G T P E Ki Mi Gi Ti Pi Ei), found "100mm": "mm" is no suffix of a quantity',
    });
  });

  it('keeps the amount through canonical text', () => {
    const formats: QuantityFormat[] = ['DecimalSI', 'DecimalExponent'];
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 27n), 10n ** 27n), fc.constantFrom(...formats), (nano, format) => {
        const text = formatQuantity({ nano, format });
        assert.equal(parseQuantity(text).nano, nano);
        assert.equal(formatQuantity({ ...parseQuantity(text), format }), text);
      }),
    );
  });

  it('keeps whole binary amounts through canonical text, with the largest suffix', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), fc.integer({ min: 0, max: 2 }), (mantissa, power) => {
        const value = BigInt(mantissa) * 1024n ** BigInt(power);
        const text = formatQuantity({ nano: value * 10n ** 9n, format: 'BinarySI' });
        assert.equal(parseQuantity(text).nano, value * 10n ** 9n);
        const digits = /^(\d+)([KMGTPE]i)$/.exec(text);
        if (digits !== null) assert.ok(BigInt(digits[1]!) % 1024n !== 0n || digits[2] === 'Ei');
      }),
    );
  });

  it('reads any decimal as the exact rational number, rounded up to the nearest 10⁻⁹', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 10 ** 9 }),
        fc.integer({ min: 0, max: 10 ** 6 }),
        fc.constantFrom('', 'm', 'k', 'Mi'),
        (whole, part, suffix) => {
          const fraction = String(part).padStart(6, '0');
          const factor = { '': 10n ** 9n, m: 10n ** 6n, k: 10n ** 12n, Mi: (1n << 20n) * 10n ** 9n }[suffix]!;
          const numerator = BigInt(`${whole}${fraction}`) * factor;
          const expected = (numerator + 10n ** BigInt(fraction.length) - 1n) / 10n ** BigInt(fraction.length);
          assert.equal(parseQuantity(`${whole}.${fraction}${suffix}`).nano, expected);
        },
      ),
    );
  });
});

describe('resource amounts', () => {
  it('holds cpu in millicores and everything else in base units', () => {
    assert.equal(resourceAmount('cpu', '250m'), 250);
    assert.equal(resourceAmount('cpu', 2), 2000);
    assert.equal(resourceAmount('cpu', 0.1), 100);
    assert.equal(resourceAmount('memory', '64Mi'), 67108864);
    assert.equal(resourceAmount('memory', '1G'), 1000000000);
    assert.equal(resourceAmount('nvidia.com/gpu', '2'), 2);
    assert.equal(resourceAmount('pods', 110), 110);
  });

  it('writes them back canonically', () => {
    assert.equal(resourceText('cpu', 250), '250m');
    assert.equal(resourceText('cpu', 2000), '2');
    assert.equal(resourceText('memory', 67108864), '64Mi');
    assert.equal(resourceText('ephemeral-storage', 1000), '1k');
    assert.equal(resourceText('hugepages-2Mi', 4194304), '4Mi');
    assert.equal(resourceText('nvidia.com/gpu', 2), '2');
  });
});
