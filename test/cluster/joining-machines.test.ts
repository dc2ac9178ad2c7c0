import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod } from '../../src/api/core.js';
import type { Lease } from '../../src/api/workloads.js';
import { Cases, deployment, objects, secondsOf, service } from './cases.js';

const cases = new Cases('joining');
// Two fit on a node of four cores.
cases.write('web.yaml', deployment(6, { container: ['resources: { requests: { cpu: 1500m } }', 'readinessProbe: { httpGet: { path: /, port: 80 }, periodSeconds: 1 }'] }), service());

test('machines that join: their kubelets register them, taints go when they are ready, pods that waited run there, and traffic reaches them', () => {
  const run = cases.start({
    duration: '120s',
    cluster: {
      nodes: [
        { count: 2, name: 'node', template: 'node.yaml' },
        { count: 2, name: 'late', template: 'node.yaml', joins: { at: '30s', boot: '10s' } },
      ],
    },
    manifests: 'web.yaml',
    behaviour: [{ image: 'web:*', cached: true, start: '1s', request: { time: '1ms', concurrency: 10 } }],
    traffic: [{ to: 'service/web', rate: '50/s' }],
  });
  run.warmUp();
  const names = () => objects<Node>(run, 'nodes').map(({ metadata }) => metadata.name).sort();
  const running = () => objects<Pod>(run, 'pods').filter(({ status }) => status.phase === 'Running').length;
  assert.deepEqual(names(), ['node-0', 'node-1']);
  assert.equal(running(), 4);
  const seen: [number, string, string][] = [];
  let all = 0;
  for (let more = true; more; ) {
    more = run.advance();
    const late = objects<Node>(run, 'nodes').find(({ metadata }) => metadata.name === 'late-0');
    const ready = late?.status.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'none';
    const taints = late?.spec.taints?.map(({ key }) => key).join() ?? '';
    if (seen[seen.length - 1]?.[1] !== ready || seen[seen.length - 1]?.[2] !== taints) seen.push([secondsOf(run), ready, taints]);
    if (all === 0 && running() === 6) all = secondsOf(run);
  }
  const [, joined] = seen;
  assert.equal(seen[0]![1], 'none');
  // 100 ms until the first try; its status follows at once, and the node controller takes the taint of admission off.
  assert.ok(joined![0] === 41, `registered after ${joined![0]} s`);
  const last = seen[seen.length - 1]!;
  assert.deepEqual([last[1], last[2]], ['True', '']);
  assert.ok(last[0] <= 46, `schedulable after ${last[0]} s`);
  assert.deepEqual(names(), ['late-0', 'late-1', 'node-0', 'node-1']);
  assert.ok(objects<Lease>(run, 'leases').some(({ metadata }) => metadata.name === 'late-0'));
  assert.ok(all > 40 && all <= 50, `all pods run after ${all} s`);
  const { proxies, workload } = run.cluster;
  assert.equal(workload.statistics()[0]!.totals(run.origin, run.cluster.simulation.now).errors, 0);
  const service = proxies.serviceNumber('default', 'web');
  for (let node = 0; node < 4; node++) assert.equal(proxies.view(node, service).addresses.length, 6, `endpoints of node ${node}`);
});

test('a node that is deleted from the API comes back when its kubelet starts again, not before', () => {
  const run = cases.start({
    duration: '100s',
    cluster: { nodes: [{ count: 3, name: 'node', template: 'node.yaml' }] },
    manifests: 'web.yaml',
    behaviour: [{ image: 'web:*', cached: true }],
    timeline: [
      { at: '10s', delete: { object: 'node/node-2' } },
      { at: '60s', restart: { kubelet: 'node-2', start: '1s' } },
    ],
  });
  run.warmUp();
  let gone = 0;
  let back = 0;
  for (let more = true; more; ) {
    more = run.advance();
    const there = objects<Node>(run, 'nodes').some(({ metadata }) => metadata.name === 'node-2');
    if (gone === 0 && !there) gone = secondsOf(run);
    if (gone > 0 && back === 0 && there) back = secondsOf(run);
  }
  assert.ok(gone <= 12 && back >= 61 && back <= 63, `gone after ${gone} s, back after ${back} s`);
});
