import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod } from '../../src/api/core.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { PodDisruptionBudget } from '../../src/api/policy.js';
import { decideEviction } from '../../src/apiserver/eviction.js';
import { budgetStatus, disruptedPods, healthyPods } from '../../src/controllers/disruption-policy.js';
import { Answers, answered, setUp } from '../client/harness.js';

const metadata = (name: string) => ({ name, namespace: 'n', uid: '', resourceVersion: 0, generation: 1, creationTimestamp: 0, labels: { app: 'web' } });

function budget(name: string, minAvailable: number): PodDisruptionBudget {
  const status = { observedGeneration: 1, disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: minAvailable, expectedPods: 0 };
  return { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: metadata(name), spec: { minAvailable, selector: { matchLabels: { app: 'web' } } }, status };
}

/** Ready pods on a node, a budget for them, two API servers. */
function world(pods: number, minAvailable: number, { ready = true, budgets = 1, node = 'n1' } = {}) {
  const base = setUp(2);
  const { simulation, client, connections } = base;
  const ask = (request: Parameters<typeof client.request>[0]) => {
    const answers = new Answers();
    client.request(request, answers, 0);
    return answers;
  };
  const settle = (request: Parameters<typeof client.request>[0]) => {
    const answers = ask(request);
    simulation.run(simulation.now + 1e9);
    return answers.list[0]!;
  };
  const get = <T extends KubernetesObject>(resource: string, name: string) => connections.servers[0]!.cache(resource).objects.get(`n/${name}`) as T | undefined;
  for (let i = 0; i < pods; i++) {
    const name = `p${i}`;
    const spec = { containers: [{ name: 'c', image: 'x:1', imagePullPolicy: 'IfNotPresent' as const }], schedulerName: 's', restartPolicy: 'Always' as const, terminationGracePeriodSeconds: 30, ...(node === '' ? {} : { nodeName: node }) };
    const body: Pod = { apiVersion: 'v1', kind: 'Pod', metadata: metadata(name), spec, status: { phase: 'Pending' } };
    settle({ verb: 'create', resource: 'pods', namespace: 'n', name, body });
    const conditions = [{ type: 'Ready', status: ready ? ('True' as const) : ('False' as const) }];
    const running = { ...get<Pod>('pods', name)!, status: { phase: 'Running' as const, conditions } };
    settle({ verb: 'update', resource: 'pods', subresource: 'status', namespace: 'n', name, body: running });
  }
  const pdbs = [];
  for (let i = 0; i < budgets; i++) {
    const name = `pdb${i}`;
    assert.equal(settle({ verb: 'create', resource: 'poddisruptionbudgets', namespace: 'n', name, body: budget(name, minAvailable) }).code, 201);
    pdbs.push(name);
  }
  /** One sync of the disruption controller, from what server 1 has in its cache. */
  const sync = () => {
    const cache = connections.servers[1]!;
    const all = [...cache.cache('pods').objects.values()] as Pod[];
    for (const object of cache.cache('poddisruptionbudgets').objects.values()) {
      const current = object as PodDisruptionBudget;
      const { disrupted } = disruptedPods(current, all, simulation.now);
      const healthy = healthyPods(all, disrupted, simulation.now);
      const status = budgetStatus(current, { healthy, desiredHealthy: minAvailable, expected: all.length }, disrupted, simulation.now);
      ask({ verb: 'update', resource: 'poddisruptionbudgets', subresource: 'status', namespace: 'n', name: current.metadata.name, body: { ...current, status } as PodDisruptionBudget });
    }
  };
  const evict = (name: string) => ask({ verb: 'create', resource: 'pods', subresource: 'eviction', namespace: 'n', name });
  return { ...base, ask, settle, sync, evict, get };
}

test('an eviction takes one disruption from the budget, marks the pod and deletes it gracefully', () => {
  const { sync, evict, simulation, get, connections } = world(3, 2);
  sync();
  simulation.run(simulation.now + 1e9);
  for (const server of connections.servers) server.metrics.reset();
  const first = evict('p0');
  simulation.run(simulation.now + 1e9);
  assert.equal(first.list[0]!.code, 201);
  const pod = get<Pod>('pods', 'p0')!;
  assert.equal(pod.metadata.deletionGracePeriodSeconds, 30);
  const condition = pod.status.conditions!.find(({ type }) => type === 'DisruptionTarget')!;
  assert.deepEqual([condition.status, condition.reason, condition.message], ['True', 'EvictionByEvictionAPI', 'Eviction API: evicting']);
  const { status } = get<PodDisruptionBudget>('poddisruptionbudgets', 'pdb0')!;
  assert.equal(status.disruptionsAllowed, 0);
  assert.deepEqual(Object.keys(status.disruptedPods!), ['p0']);
  const second = evict('p1');
  simulation.run(simulation.now + 1e9);
  const { code, reason, message, cause, retryAfterSeconds } = second.list[0]!;
  assert.deepEqual([code, reason, message], [429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget."]);
  assert.equal(cause, 'The disruption budget pdb0 needs 2 healthy pods and has 3 currently');
  assert.equal(retryAfterSeconds, undefined);
  assert.deepEqual(answered(connections), { 'create pods/eviction 201': 1, 'create pods/eviction 429': 1 });
});

test('a budget whose status is behind its spec: 429 with Retry-After 10, which the client waits for', () => {
  const { evict, settle, simulation, get, sync } = world(3, 2);
  const current = get<PodDisruptionBudget>('poddisruptionbudgets', 'pdb0')!;
  const spec = { ...current.spec, minAvailable: 1 };
  assert.equal(settle({ verb: 'update', resource: 'poddisruptionbudgets', namespace: 'n', name: 'pdb0', body: { ...current, spec } as PodDisruptionBudget }).code, 200);
  const asked = simulation.now;
  const answers = evict('p0');
  simulation.run(simulation.now + 9e9);
  assert.equal(answers.list.length, 0, 'the client tries again by itself');
  sync();
  simulation.run(asked + 12e9);
  assert.equal(answers.list[0]!.code, 201);
});

test('pods that no budget protects, and two budgets for one pod', () => {
  const two = world(1, 1, { budgets: 2 });
  const refused = two.evict('p0');
  two.simulation.run(two.simulation.now + 1e9);
  assert.deepEqual(
    [refused.list[0]!.code, refused.list[0]!.message],
    [500, 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.'],
  );
  const missing = two.evict('nobody');
  two.simulation.run(two.simulation.now + 1e9);
  assert.deepEqual([missing.list[0]!.code, missing.list[0]!.message], [404, 'pods "nobody" not found']);
  const pod = two.get<Pod>('pods', 'p0')!;
  const none = budget('b', 5);
  const at = (status: Pod['status'], going = false) => decideEviction({ ...pod, metadata: { ...pod.metadata, ...(going ? { deletionTimestamp: 1 } : {}) }, status }, [none, none], 0);
  assert.deepEqual(at({ phase: 'Succeeded' }), { kind: 'delete' });
  assert.deepEqual(at({ phase: 'Failed' }), { kind: 'delete' });
  assert.deepEqual(at({ phase: 'Running' }, true), { kind: 'delete' });
  assert.deepEqual(at({ phase: 'Pending' }), { kind: 'delete', guard: 'retry' });
  const unready: Pod = { ...pod, status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] } };
  assert.equal(decideEviction(unready, [none], 0).kind, 'refuse');
  const always = { ...none, spec: { ...none.spec, unhealthyPodEvictionPolicy: 'AlwaysAllow' as const } };
  assert.deepEqual(decideEviction(unready, [always], 0), { kind: 'delete', guard: 'refuse' });
  const healthy = { ...none, status: { ...none.status, currentHealthy: 5, desiredHealthy: 5 } };
  assert.deepEqual(decideEviction(unready, [healthy], 0), { kind: 'delete', guard: 'refuse' });
  const spare = { ...none, status: { ...none.status, currentHealthy: 6, desiredHealthy: 5 } };
  const cause = (version: string) => (decideEviction(pod, [spare], 0, version) as { cause: string }).cause;
  assert.equal(cause('1.34'), 'The disruption budget b needs 5 healthy pods and has 6 currently');
  assert.equal(cause('1.35'), 'The disruption budget b does not allow evicting pods currently');
  const negative = { ...none, status: { ...none.status, disruptionsAllowed: -1 } };
  assert.equal((decideEviction(pod, [negative], 0) as { message: string }).message, 'poddisruptionbudget.policy "b" is forbidden: pdb disruptions allowed is negative');
});

test('evictions never break a budget, over random evictions and syncs of the controller at two servers', () => {
  const step = fc.record({ kind: fc.constantFrom('evict', 'evict', 'sync', 'gone'), pod: fc.nat(5), wait: fc.nat(4_000_000) });
  let evictions = 0;
  let refusals = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), fc.integer({ min: 0, max: 6 }), (steps, minimum) => {
      const { sync, evict, ask, simulation, get } = world(6, minimum);
      const pending: Answers[] = [];
      const check = () => {
        let healthy = 0;
        for (let i = 0; i < 6; i++) {
          const pod = get<Pod>('pods', `p${i}`);
          if (pod !== undefined && pod.metadata.deletionTimestamp === undefined) healthy++;
        }
        assert.ok(healthy >= Math.min(minimum, 6), `${healthy} healthy pods, ${minimum} wanted`);
      };
      for (const { kind, pod, wait } of steps) {
        if (kind === 'evict') pending.push(evict(`p${pod}`));
        else if (kind === 'sync') sync();
        else if (get<Pod>('pods', `p${pod}`)?.metadata.deletionTimestamp !== undefined) {
          ask({ verb: 'delete', resource: 'pods', namespace: 'n', name: `p${pod}`, gracePeriodSeconds: 0 });
        }
        simulation.run(simulation.now + wait);
        check();
      }
      simulation.run(simulation.now + 20e9);
      check();
      for (const { list } of pending) {
        assert.equal(list.length, 1);
        if (list[0]!.code === 201) evictions++;
        else refusals++;
      }
    }),
    { numRuns: 60 },
  );
  assert.ok(evictions > 30 && refusals > 30, `${evictions} evictions, ${refusals} refusals`);
});
