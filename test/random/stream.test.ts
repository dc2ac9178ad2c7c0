import assert from 'node:assert/strict';
import { test } from 'node:test';
import tychei from 'seedrandom/lib/tychei.js';
import { hashText, Randomness } from '../../src/random/index.js';
import { chiSquare, twoSided } from './statistics.js';

test('a stream gives the numbers of seedrandom', () => {
  for (const [seed, path] of [
    ['1', 'etcd-0/disk'],
    ['abc', ''],
    ['42', 'node-17/kubelet/ü'],
  ] as const) {
    const stream = new Randomness(seed).stream(path);
    const library = tychei(`${seed}/${path}`, { state: true });
    for (let i = 0; i < 1000; i++) assert.equal(stream.next(), library.double());
  }
});

test('the same path is the same stream; other draws never shift its numbers', () => {
  const one = new Randomness('7');
  const two = new Randomness('7');
  assert.equal(one.stream('a'), one.stream('a'));
  for (let i = 0; i < 10; i++) two.stream('b').next();
  for (let i = 0; i < 10; i++) assert.equal(one.stream('a').next(), two.stream('a').next());
  assert.notEqual(new Randomness('8').stream('a').next(), new Randomness('7').stream('a').next());
});

test('streams are saved and restored', () => {
  const one = new Randomness('7');
  for (const path of ['a', 'b']) for (let i = 0; i < 5; i++) one.stream(path).next();
  const saved = JSON.parse(JSON.stringify(one.save()));
  const expected = ['a', 'b'].map((path) => one.stream(path).next());
  const two = new Randomness('7');
  two.restore(saved);
  assert.deepEqual(
    ['a', 'b'].map((path) => two.stream(path).next()),
    expected,
  );
  assert.equal(two.stream('a').draws, 6);
  assert.throws(() => two.stream('c').restore(saved[0]), /state of stream a/);
});

test('every draw is observed: path, key, number, value; and observing changes nothing', () => {
  const seen: unknown[] = [];
  const observed = new Randomness('7', { draw: (...what) => void seen.push(what) });
  const plain = new Randomness('7');
  const a = plain.stream('a').next();
  const u = plain.keyed('k').uniform(12, 0);
  const v = plain.keyed('k').source(12).next();
  assert.equal(observed.stream('a').next(), a);
  assert.equal(observed.keyed('k').uniform(12, 0), u);
  assert.equal(observed.keyed('k').source(12).next(), v);
  assert.deepEqual(seen, [
    ['a', -1, 1, a],
    ['k', 12, 0, u],
    ['k', 12, 0, v],
  ]);
});

test('400,000 streams of adjacent names and seeds: no two begin alike', () => {
  const seen = new Set<number>();
  for (let seed = 0; seed < 20; seed++) {
    const randomness = new Randomness(`${seed}`);
    for (let i = 0; i < 20_000; i++) seen.add(randomness.keyed(`node-${i}/kubelet`).uniform(0, 0));
  }
  assert.equal(seen.size, 400_000);
  const streams = new Set<number>();
  const randomness = new Randomness('1');
  for (let i = 0; i < 50_000; i++) streams.add(randomness.stream(`node-${i}/kubelet`).next());
  assert.equal(streams.size, 50_000);
});

test('a million keyed draws over keys and draw numbers: no two alike', () => {
  const keyed = new Randomness('1').keyed('pods');
  const seen = new Set<number>();
  for (let key = 0; key < 10_000; key++) for (let k = 0; k < 100; k++) seen.add(keyed.uniform(key, k));
  assert.equal(seen.size, 1_000_000);
});

/** χ² p-value of numbers in (0, 1) over 256 cells, on their high or on their low bits. */
function cells(numbers: Iterable<number>, lowBits: boolean): number {
  const counts = new Array<number>(256).fill(0);
  let n = 0;
  for (const u of numbers) {
    const cell = lowBits ? Math.floor(u * 2 ** 40) % 256 : Math.floor(u * 256);
    counts[cell]!++;
    n++;
  }
  let statistic = 0;
  for (const count of counts) statistic += (count - n / 256) ** 2 / (n / 256);
  return chiSquare(statistic, 255);
}

test('first draws over adjacent names, draws of one stream, keys, draw numbers and big keys are uniform, high and low bits', () => {
  const randomness = new Randomness('1');
  const stream = randomness.stream('long');
  const keyed = randomness.keyed('pods');
  const numbers: Record<string, (i: number) => number> = {
    'names of streams': (i) => randomness.stream(`node-${i}`).next(),
    'names of keyed draws': (i) => randomness.keyed(`node-${i}`).uniform(0, 0),
    'one stream': () => stream.next(),
    keys: (i) => keyed.uniform(i, 0),
    'draw numbers': (i) => keyed.uniform(7, i),
    'keys that differ above 32 bits': (i) => keyed.uniform(i * 4294967296 + 5, 1),
    'hashed names': (i) => keyed.uniform(hashText(`web-${i}`), 0),
  };
  for (const [name, number] of Object.entries(numbers)) {
    const values = Array.from({ length: 50_000 }, (_, i) => number(i));
    for (const low of [false, true]) {
      const p = cells(values, low);
      assert.ok(p > 1e-4 && p < 1 - 1e-4, `${name}, ${low ? 'low' : 'high'} bits: p = ${p}`);
    }
  }
});

test('adjacent names and adjacent keys are not correlated', () => {
  const randomness = new Randomness('7');
  const n = 4000;
  let worst = 1;
  const correlate = (x: () => number, y: () => number) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += (x() - 0.5) * (y() - 0.5);
    worst = Math.min(worst, twoSided((sum / n) * 12 * Math.sqrt(n)));
  };
  for (let i = 0; i < 100; i++) {
    const [a, b] = [randomness.stream(`node-${2 * i}`), randomness.stream(`node-${2 * i + 1}`)];
    correlate(
      () => a.next(),
      () => b.next(),
    );
    const keyed = randomness.keyed(`k${i}`);
    let [p, q] = [0, 0];
    correlate(
      () => keyed.uniform(i, p++),
      () => keyed.uniform(i + 1, q++),
    );
    [p, q] = [0, 0];
    correlate(
      () => keyed.uniform(p++, 3),
      () => keyed.uniform(q++, 4),
    );
  }
  assert.ok(worst > 1e-3 / 300, `smallest of 300 p-values: ${worst}`);
});
