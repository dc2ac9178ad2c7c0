import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod } from '../../src/api/core.js';
import { DeletionOrder } from '../../src/controllers/deletion-order.js';
import { OwnedPod } from '../../src/controllers/owned-pod.js';
import { ageBucket, podsToDelete } from '../../src/controllers/pod-ranking.js';
import { SECOND } from '../../src/kernel/time.js';
import { meta } from './fake-cluster.js';

test('age buckets are whole powers of two of the nanoseconds', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 2 ** 32 - 1, 2 ** 32, 70 * SECOND, 130 * SECOND].map(ageBucket), [-1, 0, 1, 1, 2, 31, 32, 36, 36]);
});

interface Drawn {
  readonly node: number;
  readonly ready: number;
  readonly cost: number;
  readonly phase: number;
}

const drawn = fc.record({ node: fc.integer({ min: 0, max: 4 }), ready: fc.integer({ min: -1, max: 50 }), cost: fc.constantFrom(0, 0, 0, 7), phase: fc.constantFrom(0, 1, 1, 1) });

function pod(index: number, { node, ready, cost, phase }: Drawn): Pod {
  const running = phase === 1;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...meta(`p${index}`),
      // Distinct seconds, here and below, so that the real comparator is a total order.
      creationTimestamp: index * SECOND,
      uid: `u${(index * 7919) % 1000}-${index}`,
      ...(cost === 0 ? {} : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': String(cost) } }),
    },
    spec: { containers: [], schedulerName: '', restartPolicy: 'Always', terminationGracePeriodSeconds: 0, ...(node === 0 ? {} : { nodeName: `n${node}` }) },
    status: {
      phase: running && node > 0 ? 'Running' : 'Pending',
      conditions: [{ type: 'Ready', status: running && node > 0 && ready >= 0 ? 'True' : 'False', lastTransitionTime: (ready * 200 + index) * SECOND }],
    },
  };
}

test('the incremental order gives what the full sort gives, after any changes', () => {
  const step = fc.record({ index: fc.integer({ min: 0, max: 39 }), drawn, gone: fc.boolean(), count: fc.integer({ min: 1, max: 5 }), wait: fc.integer({ min: 0, max: 500 }) });
  fc.assert(
    fc.property(fc.array(drawn, { minLength: 40, maxLength: 40 }), fc.array(step, { minLength: 1, maxLength: 30 }), (first, steps) => {
      const owned = (version: Pod): OwnedPod => new OwnedPod(`default/${version.metadata.name}`, version);
      const pods = new Map(first.map((entry, i) => [`default/p${i}`, owned(pod(i, entry))]));
      const ranks = {
        rank: (node: string): number => {
          let count = 0;
          for (const other of pods.values()) if ((other.pod.spec.nodeName ?? '') === node) count++;
          return count;
        },
      };
      const order = new DeletionOrder();
      for (const added of pods.values()) order.add(added);
      let now = 20_000 * SECOND;
      for (const { index, drawn: entry, gone, count, wait } of steps) {
        const key = `default/p${index}`;
        const known = pods.get(key);
        if (gone && pods.size > 6) {
          pods.delete(key);
          if (known !== undefined) order.remove(known);
        } else {
          const next = pod(index, entry);
          if (known === undefined) {
            const added = owned(next);
            pods.set(key, added);
            order.add(added);
          } else {
            known.take(next);
            order.move(known);
          }
          for (const other of pods.values()) if (other.pod.spec.nodeName === next.spec.nodeName) order.move(other);
        }
        now += wait * SECOND;
        const wanted = podsToDelete([...pods.values()].map((other) => other.pod), ranks, count, now).map((victim) => victim.metadata.name);
        assert.deepEqual(order.first(count, ranks, now).map((victim) => victim.metadata.name), wanted);
      }
    }),
    { numRuns: 200, seed: 1 },
  );
});
