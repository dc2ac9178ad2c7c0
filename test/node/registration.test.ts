import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../src/api/core.js';
import { at, Bench } from './harness.js';

test('a kubelet registers its node after 100 ms, then after twice as long each time up to 7 s; it reports no status before', () => {
  const bench = new Bench(1);
  bench.kubelets.start();
  bench.run(1);
  bench.kubelets.fail(0);
  bench.store.delete('nodes//node-0');
  bench.run(10);
  bench.broken = 500;
  bench.kubelets.heal(0);
  bench.run(45);
  bench.broken = 0;
  bench.run(60);
  const requests = bench.requests.filter(({ request, time }) => request.resource === 'nodes' && at(time) > 10);
  const tries = requests.filter(({ request }) => request.verb === 'create');
  // 10 + 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 7, 7, 7, 7 s
  assert.deepEqual(tries.map(({ time }) => at(time)), [10.1, 10.3, 10.7, 11.5, 13.1, 16.3, 22.7, 29.7, 36.7, 43.7, 50.7]);
  assert.deepEqual(requests.slice(0, tries.length + 1).map(({ request }) => request.verb), [...tries.map(() => 'create'), 'patch']);
  const node = bench.store.get('nodes//node-0') as Node;
  assert.deepEqual(node.status.conditions!.map(({ type, status }) => `${type} ${status}`).sort(), ['DiskPressure False', 'MemoryPressure False', 'PIDPressure False', 'Ready True']);
  const posted = tries[tries.length - 1]!.request.body as Node;
  assert.equal(posted.status.conditions!.find(({ type }) => type === 'Ready')!.status, 'False');
  assert.deepEqual(
    bench.events.filter(({ time }) => at(time) > 45).map(({ reason }) => reason),
    ['NodeHasSufficientMemory', 'NodeHasNoDiskPressure', 'NodeHasSufficientPID', 'NodeAllocatableEnforced', 'NodeReady'],
  );
});

test('a kubelet that ends while it registers does not go on with it', () => {
  const bench = new Bench(1);
  bench.kubelets.start();
  bench.broken = 500;
  bench.kubelets.restartKubelet(0, 0, 1e9);
  bench.run(3);
  bench.kubelets.fail(0);
  const tries = () => bench.requests.filter(({ request }) => request.resource === 'nodes' && request.verb === 'create').length;
  const before = tries();
  assert.ok(before >= 3);
  bench.run(60);
  assert.equal(tries(), before);
});
