import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ReplicaSet } from '../../src/api/workloads.js';
import { enoughAvailable } from '../../src/strategies/argo/rollout-spec.js';
import { approximateCounts, basicCanary, routedCanary } from '../../src/strategies/argo/replicas.js';

/** argo-rollouts utils/replicaset/canary.go CalculateReplicaCountsForBasicCanary: [replicas, weight, surge] → [canary, stable]. */
const TABLE: readonly (readonly [readonly [number, number, number], readonly [number, number]])[] = [
  [[10, 5, 1], [1, 10]],
  [[10, 20, 1], [2, 8]],
  [[10, 25, 0], [3, 7]],
  [[10, 25, 1], [3, 8]],
  [[4, 10, 1], [1, 4]],
  [[1, 20, 1], [1, 1]],
  [[1, 20, 0], [0, 1]],
  [[5, 50, 0], [3, 2]],
  [[5, 50, 1], [3, 3]],
  [[3, 33, 1], [1, 2]],
];

test('the sizes of canary and stable that come nearest to a weight are those of Argo Rollouts', () => {
  for (const [[replicas, weight, surge], [canary, stable]] of TABLE) {
    assert.deepEqual(approximateCounts(replicas, weight, surge), { canary, stable }, `${replicas} replicas, weight ${weight}, surge ${surge}`);
  }
});

const set = (replicas: number, available = replicas) => ({ replicas, available });

test('10 replicas with surge 1 and none unavailable go to weight 20 by one pod more, one less', () => {
  const go = (canary: ReturnType<typeof set>, stable: ReturnType<typeof set>) =>
    basicCanary({ replicas: 10, weight: 20, surge: 1, unavailable: 0, canary, stable, older: 0 });
  assert.deepEqual(go(set(0), set(10)), { canary: 1, stable: 10 });
  assert.deepEqual(go(set(1, 0), set(10)), { canary: 1, stable: 10 }, 'nothing moves before the new pod is available');
  assert.deepEqual(go(set(1), set(10)), { canary: 1, stable: 9 });
  assert.deepEqual(go(set(1), set(9)), { canary: 2, stable: 9 });
  assert.deepEqual(go(set(2), set(9)), { canary: 2, stable: 8 });
  assert.deepEqual(go(set(2), set(8)), { canary: 2, stable: 8 });
});

test('without a stable ReplicaSet the new one goes to full size; older ones are drained before anything shrinks', () => {
  const first = { replicas: 5, weight: 20, surge: 2, unavailable: 0, stable: null, older: 0 };
  assert.deepEqual(basicCanary({ ...first, canary: set(0) }), { canary: 5, stable: 0 });
  const blocked = basicCanary({ replicas: 10, weight: 50, surge: 2, unavailable: 2, canary: set(3), stable: set(6), older: 3 });
  assert.deepEqual(blocked, { canary: 3, stable: 6 });
});

test('no step of a canary goes above replicas + surge or takes an available pod below replicas − unavailable, and it arrives', () => {
  const shape = fc.record({
    replicas: fc.integer({ min: 1, max: 60 }),
    weight: fc.integer({ min: 0, max: 100 }),
    surge: fc.integer({ min: 0, max: 10 }),
    unavailable: fc.integer({ min: 0, max: 10 }),
  });
  fc.assert(
    fc.property(shape, ({ replicas, weight, surge, unavailable }) => {
      const limits = { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : Math.min(unavailable, replicas) };
      let canary = set(0);
      let stable = set(replicas);
      for (let step = 0; step < 4 * replicas + 8; step++) {
        const next = basicCanary({ replicas, weight, ...limits, canary, stable, older: 0 });
        assert.ok(next.canary + next.stable <= replicas + surge, JSON.stringify(next));
        const left = Math.min(next.canary, canary.available) + Math.min(next.stable, stable.available);
        assert.ok(left >= replicas - limits.unavailable, `${left} pods left`);
        if (next.canary === canary.replicas && next.stable === stable.replicas) break;
        canary = set(next.canary);
        stable = set(next.stable);
      }
      const goal = approximateCounts(replicas, weight, surge);
      assert.deepEqual([canary.replicas, stable.replicas], [goal.canary, goal.stable]);
    }),
    { numRuns: 300 },
  );
});

test('a routed canary leaves the stable version at full size unless dynamicStableScale takes it down', () => {
  const base = { replicas: 20, maxWeight: 100, actualWeight: 0, dynamicStableScale: false, minPods: 0, aborted: false };
  const at = (weight: number, more: object = {}) => routedCanary({ ...base, weight, ...more });
  assert.deepEqual([5, 20, 50, 100].map((weight) => at(weight)), [1, 4, 10, 20].map((canary) => ({ canary, stable: 20 })));
  assert.deepEqual(at(20, { scale: { replicas: 7 } }), { canary: 7, stable: 20 });
  assert.deepEqual(at(0, { scale: { weight: 50 } }), { canary: 10, stable: 20 });
  assert.deepEqual(at(5, { minPods: 2 }), { canary: 2, stable: 20 });
  // Users first: the stable version keeps what the router still sends it.
  assert.deepEqual(at(50, { dynamicStableScale: true }), { canary: 10, stable: 20 });
  assert.deepEqual(at(50, { dynamicStableScale: true, actualWeight: 50 }), { canary: 10, stable: 10 });
  assert.deepEqual(at(0, { dynamicStableScale: true, actualWeight: 30, aborted: true }), { canary: 6, stable: 20 });
});

test('extra pod-seconds of 20 replicas over 5, 20 and 50 % for 300 s each and 30 s beside the old version: 5,100', () => {
  const canary = (weight: number) => {
    const pair = routedCanary({ replicas: 20, maxWeight: 100, weight, actualWeight: 0, dynamicStableScale: false, minPods: 0, aborted: false });
    return pair.canary + pair.stable - 20;
  };
  assert.equal(300 * (canary(5) + canary(20) + canary(50)) + 30 * canary(100), 5100);
});

test('replicaProgressThreshold: some of the wanted pods are enough (rollout/canary_test.go TestCheckReplicasAvailableWithReplicaProgressThreshold)', () => {
  const set = (replicas: number, availableReplicas: number): ReplicaSet => ({ spec: { replicas }, status: { replicas, availableReplicas } }) as ReplicaSet;
  const percent = { replicaProgressThreshold: { type: 'Percent', value: 80 } };
  const pods = { replicaProgressThreshold: { type: 'Pod', value: 3 } };
  assert.equal(enoughAvailable(percent, set(5, 4), 5), true);
  assert.equal(enoughAvailable(percent, set(5, 3), 5), false);
  assert.equal(enoughAvailable(percent, set(0, 0), 0), true);
  assert.equal(enoughAvailable(pods, set(5, 3), 5), true);
  assert.equal(enoughAvailable(pods, set(5, 2), 5), false);
  // Without one, or with a negative value, all have to be there.
  assert.equal(enoughAvailable({}, set(5, 4), 5), false);
  assert.equal(enoughAvailable({}, set(5, 5), 5), true);
  assert.equal(enoughAvailable({ replicaProgressThreshold: { type: 'Percent', value: -1 } }, set(5, 4), 5), false);
  assert.equal(enoughAvailable(percent, undefined, 5), false);
});
