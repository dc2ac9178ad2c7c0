import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { IntOrString } from '../../src/api/meta.js';
import type { Deployment, ReplicaSet } from '../../src/api/workloads.js';
import {
  availableReplicas,
  decideDeployment,
  maxSurge,
  maxUnavailable,
  resolveFenceposts,
  scaleProportionally,
  specReplicas,
} from '../../src/controllers/deployment-rollout.js';
import { fnv1a, safeEncode } from '../../src/controllers/hash.js';
import { nextBatch } from '../../src/controllers/replica-set-policy.js';
import { meta, template } from './fake-cluster.js';

function web(replicas: number, surge: IntOrString, unavailable: IntOrString): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...meta('web'), uid: 'd' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'a' } },
      template: template('app:new'),
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } },
      minReadySeconds: 0,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
    },
    status: {},
  };
}

function set(name: string, created: number, replicas: number, available: number, annotations: Record<string, string> = {}): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { ...meta(name), creationTimestamp: created * 1e9, annotations },
    spec: { replicas, selector: {}, template: template(`app:${name}`), minReadySeconds: 0 },
    status: { replicas: Math.max(replicas, available), readyReplicas: available, availableReplicas: available },
  };
}

test('hash and encoding are those of the real vector', () => {
  assert.equal(fnv1a('towtank'), 2880996717);
  assert.equal(safeEncode('2880996717'), '6dd4ffbc5c');
});

test('slow start: 500 pods need 9 rounds', () => {
  const batches: number[] = [];
  for (let left = 500, batch = 0; left > 0; left -= batch) {
    batch = nextBatch(batch, left);
    batches.push(batch);
  }
  assert.deepEqual(batches, [1, 2, 4, 8, 16, 32, 64, 128, 245]);
});

test('zero and zero after rounding means one unavailable; rounding to something does not', () => {
  assert.deepEqual(resolveFenceposts(0, '1%', 10), { surge: 0, unavailable: 1 });
  assert.deepEqual(resolveFenceposts('25%', '25%', 3), { surge: 1, unavailable: 0 });
  assert.deepEqual(resolveFenceposts('25%', '25%', 10), { surge: 3, unavailable: 2 });
});

test('worked pairs of new and old replicas, in waves of readiness', () => {
  /** Runs a rollout in which all pods of the new set become available whenever nothing else can be done. */
  const pairs = (replicas: number, surge: IntOrString, unavailable: IntOrString): string[] => {
    const deployment = web(replicas, surge, unavailable);
    let old = set('old', 1, replicas, replicas);
    let fresh: ReplicaSet | undefined;
    const seen: string[] = [];
    for (let i = 0; i < 200; i++) {
      const decision = decideDeployment(deployment, fresh, [old]);
      if (decision.create !== undefined) fresh = set('new', 2, decision.create, 0);
      else if (decision.changes.length > 0) {
        for (const change of decision.changes) {
          const { available } = { available: change.replicaSet.status.availableReplicas ?? 0 };
          const next = set(change.replicaSet.metadata.name, change.replicaSet === old ? 1 : 2, change.replicas, Math.min(available, change.replicas));
          if (change.replicaSet === old) old = next;
          else fresh = next;
        }
      } else if ((fresh!.status.availableReplicas ?? 0) < fresh!.spec.replicas) {
        fresh = set('new', 2, fresh!.spec.replicas, fresh!.spec.replicas);
        seen.push('ready');
        continue;
      } else break;
      seen.push(`${fresh!.spec.replicas},${old.spec.replicas}`);
    }
    return seen;
  };
  assert.deepEqual(pairs(10, '25%', '25%'), ['3,10', '3,8', '5,8', 'ready', '5,3', '10,3', 'ready', '10,0']);
  assert.deepEqual(pairs(4, 1, 0), ['1,4', 'ready', '1,3', '2,3', 'ready', '2,2', '3,2', 'ready', '3,1', '4,1', 'ready', '4,0']);
  assert.deepEqual(pairs(10, 0, 1).slice(0, 6), ['0,10', '0,9', '1,9', 'ready', '1,8', '2,8']);
  assert.deepEqual(pairs(1, 1, 0), ['1,1', 'ready', '1,0']);
});

test('proportional scaling as computed by hand from the rule', () => {
  const annotations = (max: number): Record<string, string> => ({ 'deployment.kubernetes.io/max-replicas': String(max), 'deployment.kubernetes.io/desired-replicas': '10' });
  const sizes = (deployment: Deployment, fresh: ReplicaSet, old: ReplicaSet): Record<string, number> =>
    Object.fromEntries(scaleProportionally(deployment, fresh, [old]).map(({ replicaSet, replicas }) => [replicaSet.metadata.name, replicas]));
  const old = set('old', 1, 8, 8, annotations(13));
  const fresh = set('new', 2, 5, 0, annotations(13));
  assert.deepEqual(sizes(web(15, 3, 2), fresh, old), { old: 11, new: 7 });
  assert.deepEqual(sizes(web(5, 2, 2), fresh, old), { old: 4, new: 3 });
});

const amount = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 100 }).map((percent) => `${percent}%`));
const sizes = fc.record({ spec: fc.integer({ min: 0, max: 20 }), available: fc.integer({ min: 0, max: 20 }) });

test('no step wants more than N + surge, or than there was; none takes availability below its floor', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 20 }), amount, amount, fc.option(sizes), fc.array(sizes, { maxLength: 4 }), (replicas, surge, unavailable, own, others) => {
      const deployment = web(replicas, surge, unavailable);
      const old = others.map(({ spec, available }, i) => set(`old${i}`, i, spec, Math.min(spec, available)));
      const fresh = own === null ? undefined : set('new', 9, own.spec, Math.min(own.spec, own.available));
      const all = fresh === undefined ? old : [...old, fresh];
      const before = specReplicas(all);
      const decision = decideDeployment(deployment, fresh, old);
      const after = new Map(all.map((entry) => [entry.metadata.name, entry.spec.replicas]));
      for (const { replicaSet, replicas: size } of decision.changes) {
        assert.ok(size >= 0);
        after.set(replicaSet.metadata.name, size);
      }
      const wanted = [...after.values()].reduce((sum, size) => sum + size, decision.create ?? 0);
      assert.ok(wanted <= Math.max(before, replicas + maxSurge(deployment)), `${wanted} wanted`);
      // Availability after: a set that shrinks loses its unavailable pods first, as the ReplicaSet controller ranks them.
      let left = 0;
      for (const entry of all) left += Math.min(entry.status.availableReplicas ?? 0, after.get(entry.metadata.name)!);
      const floor = Math.min(replicas - maxUnavailable(deployment), availableReplicas(all));
      const aboveOwn = fresh !== undefined && fresh.spec.replicas > replicas;
      if (!aboveOwn) assert.ok(left >= floor, `${left} left of ${availableReplicas(all)}, floor ${floor}`);
    }),
    { numRuns: 2000, seed: 7 },
  );
});
