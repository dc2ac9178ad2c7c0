import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { divide, divideSeats, smoothDemand } from '../../../src/apiserver/flow-control/borrowing.js';
import {
  classify,
  maximumSeats,
  nominalSeats,
  PRIORITY_LEVELS,
} from '../../../src/apiserver/flow-control/configuration.js';
import { FlowControl } from '../../../src/apiserver/flow-control/flow-control.js';
import { dealHand, flowHash } from '../../../src/apiserver/flow-control/shuffle-shard.js';
import { estimateWork } from '../../../src/apiserver/flow-control/work-estimate.js';
import type { ApiRequest } from '../../../src/apiserver/request.js';

const level = (name: string) => PRIORITY_LEVELS.find((candidate) => candidate.name === name)!;

test('600 seats are shared out as in the bootstrap configuration', () => {
  const seats = Object.fromEntries(PRIORITY_LEVELS.map((config) => [config.name, nominalSeats(config, 600)]));
  assert.deepEqual(seats, {
    exempt: 0,
    system: 74,
    'node-high': 98,
    'leader-election': 25,
    'workload-high': 98,
    'workload-low': 245,
    'global-default': 49,
    'catch-all': 13,
  });
});

test('bounds of the levels as kube-apiserver 1.34.4 exports them, before anybody has borrowed', () => {
  const bounds = new FlowControl(600).figures(0).filter(({ level }) => level !== 'exempt');
  assert.deepEqual(
    bounds.map(({ level, nominal, lower, upper }) => [level, nominal, lower, upper]),
    [
      ['system', 74, 50, 674],
      ['node-high', 98, 73, 698],
      ['leader-election', 25, 25, 625],
      ['workload-high', 98, 49, 698],
      ['workload-low', 245, 24, 845],
      ['global-default', 49, 24, 649],
      ['catch-all', 13, 13, 613],
    ],
  );
});

test('an idle server divides its seats as kube-apiserver 1.34.4 does', () => {
  // At once, and in every period after: 2.333 times the least seats of each.
  const recorded = { exempt: 0, system: 117, 'node-high': 170, 'leader-election': 58, 'workload-high': 114, 'workload-low': 56, 'global-default': 56, 'catch-all': 30 };
  const control = new FlowControl(600);
  for (const now of [0, 10e9, 20e9]) {
    if (now > 0) control.borrow(now, []);
    assert.deepEqual(Object.fromEntries(control.figures(now).map(({ level, limit }) => [level, limit])), recorded);
    assert.ok(Math.abs(control.fairFraction - 2.3333333333333335) < 1e-12, String(control.fairFraction));
  }
});

test('seats of one request are capped by level', () => {
  const caps = ['workload-low', 'workload-high', 'node-high', 'system', 'global-default', 'leader-election'].map(
    (name) => maximumSeats(level(name), nominalSeats(level(name), 600)),
  );
  assert.deepEqual(
    caps,
    [37, 15, 15, 12, 8, 4].map((cap, i) => (i === 0 ? 37 : cap)),
  );
});

test('who goes where', () => {
  const get: ApiRequest = { verb: 'get', resource: 'pods', namespace: 'n', name: 'p' };
  const renew: ApiRequest = { verb: 'update', resource: 'leases', namespace: 'kube-node-lease', name: 'node-1' };
  assert.deepEqual(classify(renew, 'system:node:node-1'), {
    schema: 'system-node-high',
    level: 'node-high',
    flow: 'system-node-high/system:node:node-1',
  });
  assert.equal(classify(get, 'system:node:node-1').level, 'system');
  assert.deepEqual(classify(get, 'system:serviceaccount:kube-system:replicaset-controller'), {
    schema: 'kube-system-service-accounts',
    level: 'workload-high',
    flow: 'kube-system-service-accounts/n',
  });
  assert.equal(classify(get, 'system:serviceaccount:shop:web').level, 'workload-low');
  assert.equal(classify(get, 'kubectl').level, 'global-default');
  assert.equal(classify(get, 'system:anonymous').level, 'catch-all');
  assert.equal(classify(get, 'system:masters').level, 'exempt');
});

test('a hand has distinct queues, and every hand of a small deck is dealt equally often', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31), fc.integer({ min: 6, max: 128 }), (hash, deck) => {
      const hand = dealHand(hash * 2097152 + hash, deck, 6);
      assert.equal(new Set(hand).size, 6);
      assert.ok(hand.every((card) => card >= 0 && card < deck));
    }),
  );
  const hands = new Map<string, number>();
  const deck = 5;
  for (let hash = 0; hash < 5 * 4; hash++) {
    const key = dealHand(hash, deck, 2).join();
    hands.set(key, (hands.get(key) ?? 0) + 1);
  }
  assert.equal(hands.size, 20);
});

/** P(a light flow's whole hand is among the hands of k heavy flows), exactly, by counting distinct covered queues. */
function coverage(deck: number, hand: number, heavy: number): number {
  // Distribution of the number of queues that the heavy flows cover, flow by flow (hypergeometric steps).
  let covered = new Map<number, number>([[0, 1]]);
  const choose = (n: number, k: number): number => {
    let result = 1;
    for (let i = 0; i < k; i++) result = (result * (n - i)) / (i + 1);
    return k < 0 || k > n ? 0 : result;
  };
  for (let flow = 0; flow < heavy; flow++) {
    const next = new Map<number, number>();
    for (const [have, probability] of covered) {
      for (let fresh = 0; fresh <= hand; fresh++) {
        const p = (choose(deck - have, fresh) * choose(have, hand - fresh)) / choose(deck, hand);
        if (p > 0) next.set(have + fresh, (next.get(have + fresh) ?? 0) + probability * p);
      }
    }
    covered = next;
  }
  let total = 0;
  for (const [have, probability] of covered) total += (probability * choose(have, hand)) / choose(deck, hand);
  return total;
}

test('odds that heavy flows cover a light one: the closed form, and what the dealer does', () => {
  // Figures of the closed form, computed independently.
  const close = (actual: number, expected: number) =>
    assert.ok(actual > 0.98 * expected && actual < 1.02 * expected, `${actual} for ${expected}`);
  close(coverage(128, 6, 1), 1.84e-10);
  close(coverage(64, 6, 4), 7.5e-4);
  close(coverage(16, 4, 1), 5.5e-4);
  const cases = [
    { deck: 16, hand: 4, heavy: 4, trials: 20_000 },
    { deck: 64, hand: 6, heavy: 16, trials: 20_000 },
  ];
  for (const { deck, hand, heavy, trials } of cases) {
    let hits = 0;
    for (let trial = 0; trial < trials; trial++) {
      const taken = new Set<number>();
      for (let k = 0; k < heavy; k++)
        for (const card of dealHand(flowHash(`heavy-${trial}-${k}`), deck, hand)) taken.add(card);
      if (dealHand(flowHash(`light-${trial}`), deck, hand).every((card) => taken.has(card))) hits++;
    }
    const p = coverage(deck, hand, heavy);
    const deviation = Math.sqrt((p * (1 - p)) / trials);
    assert.ok(Math.abs(hits / trials - p) < 4 * deviation, `${hits / trials} against ${p} ± ${deviation}`);
  }
});

test('a list costs a seat for each 100 kB, a write that many watch holds seats afterwards', () => {
  const list: ApiRequest = { verb: 'list', resource: 'pods', namespace: '', name: '' };
  assert.equal(estimateWork(list, 50_000, 0, 15).seats, 1);
  assert.equal(estimateWork(list, 1_000_000, 0, 15).seats, 10);
  assert.equal(estimateWork(list, 1e9, 0, 15).seats, 15);
  const slice: ApiRequest = { verb: 'update', resource: 'endpointslices', namespace: 'n', name: 's' };
  // 5,000 watchers: 500 seats for 5 ms, held as 10 seats for 250 ms.
  assert.deepEqual(estimateWork(slice, 0, 5000, 15), { seats: 1, finalSeats: 10, extra: 250e6 });
  assert.equal(estimateWork(slice, 0, 9, 15).finalSeats, 0);
});

test('seats are divided between minima and maxima in proportion to demand, and their sum is kept', () => {
  const claim = (minimum: number, maximum: number, target: number) => ({ minimum, maximum, target });
  assert.deepEqual(divideSeats([claim(10, 100, 10), claim(10, 100, 30)], 80), [20, 60]);
  assert.deepEqual(divideSeats([claim(30, 100, 30), claim(10, 100, 10)], 40), [30, 10]);
  assert.deepEqual(divideSeats([claim(30, 40, 30), claim(10, 100, 10)], 120), [40, 80]);
  fc.assert(
    fc.property(
      fc.array(fc.record({ minimum: fc.integer({ min: 1, max: 50 }), demand: fc.integer({ min: 1, max: 500 }) }), {
        minLength: 1,
        maxLength: 8,
      }),
      (items) => {
        const claims = items.map(({ minimum, demand }) => claim(minimum, 600, Math.max(minimum, demand)));
        const total = claims.reduce((sum, { minimum }) => sum + 2 * minimum, 0);
        const seats = divideSeats(claims, total);
        const sum = seats.reduce((a, b) => a + b, 0);
        assert.ok(Math.abs(sum - total) <= claims.length, `${sum} of ${total}`);
        for (const [i, value] of seats.entries()) assert.ok(value >= claims[i]!.minimum && value <= claims[i]!.maximum);
      },
    ),
  );
});

test('smoothed demand rises at once and halves in about five minutes', () => {
  assert.equal(smoothDemand(0, 20, 5), 25);
  let value = 100;
  let periods = 0;
  for (; value > 50; periods++) value = smoothDemand(value, 0, 0);
  assert.equal(periods, 30);
});

test('who wanted many seats in a period keeps as many in the next, up to its nominal ones; exempt requests take theirs first', () => {
  const level = (nominal: number, lends: number, highest: number, smoothed: number) => ({ nominal, minimum: nominal - lends, maximum: nominal + 600, highest, smoothed });
  // apf_controller.go by hand: 100 seats of 200 nominal; bounds 100 and 40; targets 100 and 40: fraction 200 / 140.
  const busy = divide([level(100, 60, 150, 90), level(100, 60, 0, 0)], 0);
  assert.deepEqual(busy.targets, [100, 40]);
  assert.deepEqual(busy.seats, [143, 57]);
  assert.ok(Math.abs(busy.fraction - 200 / 140) < 1e-12);
  // 100 seats left for minima of 80 and 140 kept: a third of what lies between them.
  const squeezed = divide([level(100, 60, 150, 90), level(100, 60, 0, 0)], 100);
  assert.deepEqual(squeezed.seats, [40 + Math.round(60 / 3), 40]);
  assert.equal(squeezed.fraction, 0);
  assert.deepEqual(divide([level(100, 60, 150, 90), level(100, 60, 0, 0)], 120).seats, [40, 40]);
});
