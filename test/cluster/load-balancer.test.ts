import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event, Service } from '../../src/api/core.js';
import { LOAD_BALANCER_FINALIZER } from '../../src/controllers/service-load-balancer.js';
import { SECOND } from '../../src/kernel/time.js';
import { Cases, deployment, objects, secondsOf, service } from './cases.js';

const cases = new Cases('load-balancer');
const balanced = (name: string, policy = 'Cluster') => service(name, `type: LoadBalancer, externalTrafficPolicy: ${policy}, `);
cases.write('web.yaml', deployment(3), balanced('old'));
cases.write('new.yaml', balanced('new'));
cases.write('local.yaml', balanced('local', 'Local'));

test('a Service whose ports change has its load balancer made anew, under the same address; other changes do not matter', () => {
  cases.write('port.yaml', balanced('old').replace('port: 80', 'port: 8080'));
  cases.write('label.yaml', balanced('old').replace('port: 80', 'port: 8080').replace('name: old', 'name: old, labels: { a: b }'));
  const run = cases.start({
    duration: '150s',
    cluster: { nodes: [{ count: 2, name: 'node', template: 'node.yaml' }], cloud: { loadBalancer: { constant: '40s' } } },
    manifests: 'web.yaml',
    behaviour: [{ image: 'web:*', cached: true }],
    timeline: [
      { at: '10s', apply: 'port.yaml' },
      { at: '80s', apply: 'label.yaml' },
    ],
  });
  while (run.advance());
  const old = objects<Service>(run, 'services').find(({ metadata }) => metadata.name === 'old')!;
  assert.equal(old.status?.loadBalancer?.ingress?.[0]?.ip, '203.0.113.1');
  const ensured = objects<Event>(run, 'events').filter(({ reason, involvedObject }) => reason === 'EnsuredLoadBalancer' && involvedObject.name === 'old');
  const last = Math.max(...ensured.map(({ lastTimestamp }) => lastTimestamp ?? 0));
  assert.ok(Math.abs(secondsOf(run, last) - 50) < 1, `${secondsOf(run, last)}`);
});

test('a load balancer of the cloud takes its time: finalizer, events, address after 40 s, the next one after it; users reach it when nodes have been found good', () => {
  const run = cases.start({
    duration: '180s',
    cluster: { nodes: [{ count: 4, name: 'node', template: 'node.yaml' }], cloud: { loadBalancer: { constant: '40s' } } },
    manifests: 'web.yaml',
    behaviour: [{ image: 'web:*', cached: true, request: { time: '1ms', concurrency: 10 } }],
    traffic: [
      { to: 'service/old', via: 'loadBalancer', rate: '10/s' },
      { to: 'service/new', via: 'loadBalancer', rate: '10/s' },
    ],
    timeline: [
      { at: '10s', apply: 'new.yaml' },
      { at: '12s', apply: 'local.yaml' },
      { at: '100s', delete: { object: 'service/new' } },
    ],
  });
  run.warmUp();
  const find = (name: string) => objects<Service>(run, 'services').find(({ metadata }) => metadata.name === name);
  const address = (name: string) => find(name)?.status?.loadBalancer?.ingress?.[0]?.ip;
  // What the start state asks for is there at time 0.
  assert.equal(address('old'), '203.0.113.1');
  const changes: [number, string][] = [];
  const seen = new Map<string, string>();
  for (let more = true; more; ) {
    more = run.advance();
    for (const name of ['new', 'local']) {
      const now = find(name) === undefined ? 'gone' : `${find(name)!.metadata.deletionTimestamp === undefined ? '' : 'deleted '}${address(name) ?? 'none'}`;
      if (seen.get(name) !== now) changes.push([secondsOf(run, run.cluster.simulation.now), `${name} ${now}`]);
      seen.set(name, now);
    }
  }
  // One after the other; the finalizer keeps the deleted Service until the cloud has removed its load balancer.
  assert.deepEqual(changes, [
    [1, 'new gone'],
    [1, 'local gone'],
    [11, 'new none'],
    [13, 'local none'],
    [51, 'new 203.0.113.2'],
    [91, 'local 203.0.113.3'],
    [101, 'new deleted 203.0.113.2'],
    [141, 'new gone'],
  ].map(([time, what]) => [time, what] as [number, string]));
  assert.ok(find('old')!.metadata.finalizers!.includes(LOAD_BALANCER_FINALIZER));
  // healthCheckNodePort is for policy Local.
  assert.equal(typeof find('local')!.spec.extra?.['healthCheckNodePort'], 'number');
  assert.equal(find('old')!.spec.extra?.['healthCheckNodePort'], undefined);
  const events = objects<Event>(run, 'events').filter(({ source }) => JSON.stringify(source ?? '').includes('service-controller'));
  const of = (name: string) => events.filter(({ involvedObject }) => involvedObject.name === name).map(({ reason }) => reason);
  assert.deepEqual(of('new'), ['EnsuringLoadBalancer', 'EnsuredLoadBalancer', 'DeletingLoadBalancer', 'DeletedLoadBalancer']);
  assert.deepEqual(of('local'), ['EnsuringLoadBalancer', 'EnsuredLoadBalancer']);
  const [former, fresh] = run.cluster.workload.statistics();
  assert.equal(former!.totals(0, 180 * SECOND).errors, 0);
  // 50 s until the address is there, and two good checks, 10 s apart, of each node.
  const at = (from: number, to: number) => fresh!.totals(run.origin + from * SECOND, run.origin + to * SECOND);
  assert.equal(at(0, 50).errors, at(0, 50).requests);
  assert.equal(at(51, 60).errors, at(51, 60).requests);
  assert.equal(at(72, 99).errors, 0);
  assert.equal(at(142, 178).errors, at(142, 178).requests);
  assert.ok(run.cluster.workload.failures(0, Number.MAX_SAFE_INTEGER).some(({ mechanism }) => mechanism === 'no-load-balancer'));
});

test('load balancers follow the nodes: one that is excluded by its label or deleted is left out at once, one that comes back is to be found good first; readiness does not matter', () => {
  const node = (labels: string) => `apiVersion: v1\nkind: Node\nmetadata: { name: node-2, labels: { ${labels} } }\n`;
  cases.write('out.yaml', node('node.kubernetes.io/exclude-from-external-load-balancers: ""'));
  cases.write('in.yaml', node('node.kubernetes.io/exclude-from-external-load-balancers: "false"'));
  const run = cases.start({
    duration: '150s',
    cluster: { nodes: [{ count: 4, name: 'node', template: 'node.yaml' }], cloud: { loadBalancer: { constant: '40s' } } },
    manifests: 'web.yaml',
    behaviour: [{ image: 'web:*', cached: true, request: { time: '1ms', concurrency: 10 } }],
    traffic: [{ to: 'service/old', via: 'loadBalancer', rate: '10/s' }],
    timeline: [
      { at: '10s', fail: { kubelet: 'node-1' } },
      { at: '20s', apply: 'out.yaml' },
      { at: '60s', apply: 'in.yaml' },
      { at: '100s', delete: { object: 'node/node-3' } },
    ],
  });
  run.warmUp();
  const seen: [number, string][] = [];
  for (let more = true; more; ) {
    more = run.advance();
    const healthy = run.cluster.workload.balancerOf('default/old')!.healthy.join();
    if (seen[seen.length - 1]?.[1] !== healthy) seen.push([secondsOf(run), healthy]);
  }
  const [first, out, back, gone, ...rest] = seen;
  assert.deepEqual([first![1], out![1], back![1], gone![1], rest], ['0,1,2,3', '0,1,3', '0,1,2,3', '0,1,2', []]);
  // The load balancer asks which nodes it has whenever it checks some: four groups in 10 s.
  assert.ok(out![0] >= 20 && out![0] <= 24, `left out after ${out![0]} s`);
  assert.ok(back![0] >= 60 + 10 && back![0] <= 60 + 21, `sent to again after ${back![0]} s`);
  assert.ok(gone![0] >= 100 && gone![0] <= 104, `left out after ${gone![0]} s`);
  const since = objects<Event>(run, 'events').filter(({ source, firstTimestamp }) => source.component === 'service-controller' && firstTimestamp > run.origin);
  const [updated, ...others] = since;
  assert.deepEqual([updated!.reason, updated!.count, Math.floor(secondsOf(run, updated!.firstTimestamp)), Math.floor(secondsOf(run, updated!.lastTimestamp))], ['UpdatedLoadBalancer', 3, 20, 100]);
  assert.deepEqual(others.map(({ reason }) => reason), []);
});

test('the removal of a load balancer that fails is tried again at the next resync of Services, 30 s apart, if the back-off is longer', () => {
  const run = cases.start({
    duration: '300s',
    cluster: { nodes: [{ count: 2, name: 'node', template: 'node.yaml' }], cloud: { loadBalancer: { constant: '10s' } } },
    manifests: 'web.yaml',
    behaviour: [{ image: 'web:*', cached: true }],
    timeline: [
      { at: '10s', delete: { object: 'service/old' } },
      // Tries of the back-off alone: 5, 15, 35, 75 and 155 s after the first one that fails.
      { at: '15s', fail: { apiServer: 0 }, for: '110s' },
    ],
  });
  run.warmUp();
  let gone = 0;
  for (let more = true; more; ) {
    more = run.advance();
    if (gone === 0 && secondsOf(run) > 127 && !objects<Service>(run, 'services').some(({ metadata }) => metadata.name === 'old')) gone = secondsOf(run);
  }
  assert.ok(gone >= 125 && gone <= 125 + 32, `gone after ${gone} s`);
});
