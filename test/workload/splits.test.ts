import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MILLISECOND } from '../../src/kernel/time.js';
import type { TrafficSplit } from '../../src/workload/splits.js';
import { behaviour, TrafficBench } from './harness.js';

/** 1,000 requests a second to `web` (4 pods of v1) over 20 s, while `web-canary` has 4 pods of v2. */
function bench(split: TrafficSplit | undefined, cohort?: number): TrafficBench {
  const bench = new TrafficBench({
    behaviours: [behaviour({ kind: 'constant', value: MILLISECOND })],
    rate: 1000,
    pods: 4,
    ...(cohort === undefined ? {} : { traffic: { cohort } }),
  });
  const canary = [4, 5, 6, 7].map((i) => bench.addPod(i, 'registry.example/web:v2'));
  bench.tell(canary, 'web-canary');
  bench.proxies.settle();
  bench.workload.splits.set('default/web', split);
  bench.run(20);
  return bench;
}

/** Two services of the same name in a split: its own endpoints and the canary's. */
const weights = (canary: number) => [
  { service: 'default/web', weight: 100 - canary },
  { service: 'default/web-canary', weight: canary },
];

/** Share of the requests that v2 answered, and how many there were. */
function share(bench: TrafficBench): { readonly share: number; readonly requests: number } {
  const { requests } = bench.totals();
  return { share: bench.totals(0, 20, 'v2').requests / requests, requests };
}

/** Six standard deviations of a share of n requests. */
const margin = (p: number, n: number) => 6 * Math.sqrt((p * (1 - p)) / n);

test('weights divide requests whatever the number of pods', () => {
  for (const weight of [5, 20, 50]) {
    const { share: found, requests } = share(bench({ backends: weights(weight) }));
    assert.ok(Math.abs(found - weight / 100) < margin(weight / 100, requests), `${found} at weight ${weight}`);
  }
});

test('weight 100 sends all, weight 0 and no split send none', () => {
  assert.equal(share(bench({ backends: weights(100) })).share, 1);
  assert.equal(share(bench({ backends: weights(0) })).share, 0);
  assert.equal(share(bench(undefined)).share, 0);
});

test('a cohort goes to its version whatever the weights; without a match it is like everybody', () => {
  const matched = share(bench({ backends: weights(0), match: 'default/web-canary' }, 0.3));
  assert.ok(Math.abs(matched.share - 0.3) < margin(0.3, matched.requests), String(matched.share));
  assert.equal(share(bench({ backends: weights(0) }, 0.3)).share, 0);
});

test('mirrored copies load the other pods and are no requests of users', () => {
  const split = { backends: weights(0), mirror: { service: 'default/web-canary', share: 0.5 } };
  const shadow = bench(split);
  const plain = bench(undefined);
  assert.deepEqual(shadow.totals().requests, plain.totals().requests);
  assert.equal(share(shadow).share, 0);
  const copies = shadow.workload.traffic[0]!.mirrored.totals(0, 20e9, 'v2').requests;
  const { requests } = plain.totals();
  assert.ok(Math.abs(copies / requests - 0.5) < margin(0.5, requests), String(copies));
});
