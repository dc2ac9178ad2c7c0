import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Randomness, standardNormal } from '../../src/random/index.js';
import { BatchMeans, interval95, LittleCheck, student95, warmUpCut } from '../../src/stats/index.js';

test('Student quantiles beside published ones', () => {
  for (const [degrees, t] of [
    [1, 12.7062],
    [10, 2.2281],
    [30, 2.0423],
    [31, 2.0395],
    [40, 2.0211],
    [60, 2.0003],
    [120, 1.9799],
    [1e9, 1.96],
  ] as const) {
    assert.ok(Math.abs(student95(degrees) - t) < 1e-4, `${degrees}: ${student95(degrees)}`);
  }
});

test('interval of a worked example', () => {
  const { mean, halfWidth } = interval95([2, 4, 4, 4, 5, 5, 7, 9]);
  assert.equal(mean, 5);
  assert.ok(Math.abs(halfWidth - (2.3646 * Math.sqrt(32 / 7)) / Math.sqrt(8)) < 1e-12);
});

test('batches double, their means are means, merging appends', () => {
  const whole = new BatchMeans(4);
  for (let i = 0; i < 100; i++) whole.observe(i);
  assert.equal(whole.size, 16);
  assert.deepEqual(whole.means, [7.5, 23.5, 39.5, 55.5, 71.5, 87.5]);
  const small = new BatchMeans(4);
  for (let i = 0; i < 5; i++) small.observe(1);
  small.merge(whole);
  assert.equal(small.size, 16);
  assert.deepEqual(small.means, whole.means);
});

test('over 200 consecutive seeds the 95 % interval of an autocorrelated series covers its mean in 90 to 99 % of runs', () => {
  let covered = 0;
  for (let seed = 0; seed < 200; seed++) {
    const stream = new Randomness(`${seed}`).stream('ar1');
    const batches = new BatchMeans(20);
    let x = 0;
    for (let i = 0; i < 20_000; i++) {
      x = 0.9 * x + standardNormal(stream);
      batches.observe(5 + x);
    }
    const { mean, halfWidth } = batches.interval();
    if (Math.abs(mean - 5) <= halfWidth) covered++;
  }
  assert.ok(covered >= 180 && covered <= 198, `${covered} of 200`);
});

test('warm-up: a falling start is cut, a steady series is not much', () => {
  const stream = new Randomness('1').stream('warm');
  const rising = Array.from({ length: 200 }, (_, i) => (i < 40 ? 50 - i : 10) + standardNormal(stream));
  const cut = warmUpCut(rising);
  assert.ok(cut >= 35 && cut <= 60, `${cut}`);
  const constant = [3, 3, 3, 3];
  assert.equal(warmUpCut(constant), 0);
});

test("Little's law: a deterministic example, and a violation shows", () => {
  const check = new LittleCheck();
  for (let i = 0; i < 10; i++) {
    check.arrive(i * 10);
    check.depart(i * 10 + 5, 5);
  }
  assert.equal(check.meanNumber(100), 0.5);
  assert.equal(check.gap(100), 0);
  const wrong = new LittleCheck();
  wrong.arrive(0);
  wrong.depart(5, 50);
  assert.ok(wrong.gap(10) > 1);
});
