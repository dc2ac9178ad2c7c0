import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isPodActive, isPodAvailable, isPodReady, type Pod } from '../../src/api/core.js';
import { PodsByController } from '../../src/controllers/owned-pods.js';
import { SECOND } from '../../src/kernel/time.js';
import { meta } from './fake-cluster.js';

const LABELS = { app: 'web' };
const OTHER = { app: 'other' };

const drawn = fc.record({
  index: fc.integer({ min: 0, max: 5 }),
  gone: fc.constantFrom(false, false, false, true),
  node: fc.integer({ min: 0, max: 2 }),
  /** Second since which it is ready; −1: it is not. */
  ready: fc.integer({ min: -1, max: 40 }),
  phase: fc.constantFrom('Pending' as const, 'Running' as const, 'Running' as const, 'Failed' as const),
  deleting: fc.constantFrom(false, false, true),
  labels: fc.constantFrom(LABELS, LABELS, OTHER),
  kind: fc.constantFrom('ReplicaSet', 'ReplicaSet', 'ReplicaSet', 'Job'),
  wait: fc.integer({ min: 0, max: 10 }),
});

test('running counts are what counting all pods gives, after any changes', () => {
  fc.assert(
    fc.property(fc.array(drawn, { maxLength: 60 }), fc.constantFrom(0, 5), (steps, minReadySeconds) => {
      const controllers = new PodsByController('ReplicaSet');
      const pods = new Map<string, Pod>();
      let now = 0;
      for (const { index, gone, node, ready, phase, deleting, labels, kind, wait } of steps) {
        now += wait * SECOND;
        const key = `default/p${index}`;
        const last = pods.get(key);
        if (last !== undefined && (gone || last.metadata.ownerReferences![0]!.kind !== kind)) {
          controllers.take(last, key);
          pods.delete(key);
        }
        if (!gone) {
          const pod: Pod = {
            apiVersion: 'v1',
            kind: 'Pod',
            metadata: {
              ...meta(`p${index}`),
              labels,
              ownerReferences: [{ apiVersion: 'apps/v1', kind, name: 'owner', uid: `${kind}-uid`, controller: true }],
              ...(deleting ? { deletionTimestamp: now } : {}),
            },
            spec: { containers: [], schedulerName: '', restartPolicy: 'Always', terminationGracePeriodSeconds: 0, ...(node === 0 ? {} : { nodeName: `n${node}` }) },
            status: { phase, conditions: [{ type: 'Ready', status: ready >= 0 ? 'True' : 'False', lastTransitionTime: Math.max(0, Math.min(ready * SECOND, now)) }] },
          };
          assert.equal(controllers.put(pod, key)?.ownerKey, kind === 'Job' ? undefined : 'default/owner');
          pods.set(key, pod);
        }
        const mine = [...pods.values()].filter(({ metadata }) => metadata.ownerReferences![0]!.kind === 'ReplicaSet');
        const owned = controllers.of('ReplicaSet-uid');
        assert.equal(owned === undefined, mine.length === 0);
        if (owned === undefined) continue;
        const active = mine.filter(isPodActive);
        assert.deepEqual(owned.counts(LABELS, minReadySeconds, now), {
          active: active.length,
          fullyLabeled: active.filter((pod) => pod.metadata.labels === LABELS).length,
          ready: active.filter(isPodReady).length,
          available: active.filter((pod) => isPodAvailable(pod, minReadySeconds, now)).length,
          terminating: mine.filter(({ metadata }) => metadata.deletionTimestamp !== undefined).length,
        });
        for (const name of ['', 'n1', 'n2']) assert.equal(owned.countOn(name), active.filter(({ spec }) => (spec.nodeName ?? '') === name).length);
        assert.deepEqual(new Set(owned.activePods()), new Set(active));
        assert.deepEqual(new Set(owned.relabelled(LABELS)), new Set(active.filter((pod) => pod.metadata.labels === OTHER)));
      }
    }),
    { numRuns: 500 },
  );
});
