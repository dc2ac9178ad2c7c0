import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { exp, log, pow } from '../../src/random/index.js';

const float = new Float64Array(1);
const bits = new BigInt64Array(float.buffer);
const file = new URL('../../../test/data/random/elementary.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Record<'log' | 'exp' | 'pow', string[]>;

function fromBits(hex: string): number {
  bits[0] = BigInt.asIntN(64, BigInt(`0x${hex}`));
  return float[0]!;
}

function toBits(value: number): bigint {
  float[0] = value;
  return bits[0]!;
}

/** Distance in units in the last place. */
function distance(a: number, b: number): number {
  return Math.abs(Number(toBits(a) - toBits(b)));
}

test('log gives the bits of Go math.Log', () => {
  assert.ok(vectors.log.length > 900);
  for (const line of vectors.log) {
    const [x, expected] = line.split(' ').map(fromBits) as [number, number];
    assert.equal(toBits(log(x)), toBits(expected), `log(${x})`);
  }
  assert.equal(log(0), Number.NEGATIVE_INFINITY);
  assert.ok(Number.isNaN(log(-1)));
  assert.equal(log(Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY);
  assert.equal(log(1), 0);
});

test('exp is within one unit of the correctly rounded value', () => {
  let wrong = 0;
  for (const line of vectors.exp) {
    const [x, expected] = line.split(' ').map(fromBits) as [number, number];
    const off = distance(exp(x), expected);
    assert.ok(off <= 1, `exp(${x}) is ${off} units off`);
    if (off > 0) wrong++;
  }
  assert.ok(wrong < vectors.exp.length / 8, `${wrong} not correctly rounded`);
  assert.deepEqual([exp(0), exp(-1000), exp(1000)], [1, 0, Number.POSITIVE_INFINITY]);
});

test('pow is within one unit of the correctly rounded value, nearly always equal to it', () => {
  let wrong = 0;
  for (const line of vectors.pow) {
    const [x, y, expected] = line.split(' ').map(fromBits) as [number, number, number];
    const off = distance(pow(x, y), expected);
    assert.ok(off <= 1, `pow(${x}, ${y}) is ${off} units off`);
    if (off > 0) wrong++;
  }
  assert.ok(wrong < vectors.pow.length / 20, `${wrong} not correctly rounded`);
});

test('pow is exact where it should be', () => {
  for (let y = -1022; y <= 1023; y++) {
    let expected = 1;
    for (let i = 0; i < Math.abs(y); i++) expected = y > 0 ? expected * 2 : expected / 2;
    assert.equal(pow(2, y), expected, `2^${y}`);
  }
  for (let x = 1; x <= 1000; x++) {
    assert.equal(pow(x * x, 0.5), x);
    assert.equal(pow(x, 3), x * x * x);
    assert.equal(pow(x, 1), x);
    assert.equal(pow(x, -1), 1 / x);
  }
  assert.deepEqual(
    [pow(5, 0), pow(0, 2), pow(0, -1), pow(10, 400), pow(10, -400)],
    [1, 0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0],
  );
  assert.equal(pow(10, 22), 1e22);
  assert.ok(Number.isNaN(pow(-8, 1 / 3)));
});
