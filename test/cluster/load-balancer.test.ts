import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Event, Service } from '../../src/api/core.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { LOAD_BALANCER_FINALIZER } from '../../src/controllers/service-load-balancer.js';
import { SECOND } from '../../src/kernel/time.js';
import { loadScenario } from '../../src/scenario/index.js';
import { root } from './scenario.js';

const folder = mkdtempSync(join(tmpdir(), 'towtank-load-balancer-'));
cpSync(join(root, 'scenarios', 'nodes', '4cpu-16gi.yaml'), join(folder, 'node.yaml'));
after(() => rmSync(folder, { recursive: true }));
const service = (name: string, policy = 'Cluster') =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { type: LoadBalancer, externalTrafficPolicy: ${policy}, selector: { app: web }, ports: [{ port: 80 }] }\n`;
writeFileSync(
  join(folder, 'web.yaml'),
  `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: "web:1" }] }
---
${service('old')}`,
);
writeFileSync(join(folder, 'new.yaml'), service('new'));
writeFileSync(join(folder, 'local.yaml'), service('local', 'Local'));

const seconds = (run: ScenarioRun, time: number) => (time - run.origin) / SECOND;

test('a Service whose ports change has its load balancer made anew, under the same address; other changes do not matter', () => {
  writeFileSync(join(folder, 'port.yaml'), service('old').replace('port: 80', 'port: 8080'));
  writeFileSync(join(folder, 'label.yaml'), service('old').replace('port: 80', 'port: 8080').replace('name: old', 'name: old, labels: { a: b }'));
  writeFileSync(
    join(folder, 'ports.json'),
    JSON.stringify({
      duration: '150s',
      cluster: { nodes: [{ count: 2, name: 'node', template: 'node.yaml' }], cloud: { loadBalancer: { constant: '40s' } } },
      manifests: 'web.yaml',
      behaviour: [{ image: 'web:*', cached: true }],
      timeline: [
        { at: '10s', apply: 'port.yaml' },
        { at: '80s', apply: 'label.yaml' },
      ],
    }),
  );
  const run = new ScenarioRun(loadScenario(join(folder, 'ports.json')));
  while (run.advance());
  const old = [...run.cluster.connections.current('services')].find(({ metadata }) => metadata.name === 'old') as Service;
  assert.equal(old.status?.loadBalancer?.ingress?.[0]?.ip, '203.0.113.1');
  const ensured = ([...run.cluster.connections.current('events')] as Event[]).filter(({ reason, involvedObject }) => reason === 'EnsuredLoadBalancer' && involvedObject.name === 'old');
  const last = Math.max(...ensured.map(({ lastTimestamp }) => lastTimestamp ?? 0));
  assert.ok(Math.abs(seconds(run, last) - 50) < 1, `${seconds(run, last)}`);
});

test('a load balancer of the cloud takes its time: finalizer, events, address after 40 s, the next one after it; users reach it when nodes have been found good', () => {
  writeFileSync(
    join(folder, 'case.yaml'),
    JSON.stringify({
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
    }),
  );
  const run = new ScenarioRun(loadScenario(join(folder, 'case.yaml')));
  run.warmUp();
  const find = (name: string) => [...run.cluster.connections.current('services')].find(({ metadata }) => metadata.name === name) as Service | undefined;
  const address = (name: string) => find(name)?.status?.loadBalancer?.ingress?.[0]?.ip;
  // What the start state asks for is there at time 0.
  assert.equal(address('old'), '203.0.113.1');
  const changes: [number, string][] = [];
  const seen = new Map<string, string>();
  for (let more = true; more; ) {
    more = run.advance();
    for (const name of ['new', 'local']) {
      const now = find(name) === undefined ? 'gone' : `${find(name)!.metadata.deletionTimestamp === undefined ? '' : 'deleted '}${address(name) ?? 'none'}`;
      if (seen.get(name) !== now) changes.push([seconds(run, run.cluster.simulation.now), `${name} ${now}`]);
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
  const events = ([...run.cluster.connections.current('events')] as Event[]).filter(({ source }) => JSON.stringify(source ?? '').includes('service-controller'));
  const of = (name: string) => events.filter(({ involvedObject }) => involvedObject.name === name).map(({ reason }) => reason);
  assert.deepEqual(of('new'), ['EnsuringLoadBalancer', 'EnsuredLoadBalancer', 'DeletingLoadBalancer', 'DeletedLoadBalancer']);
  assert.deepEqual(of('local'), ['EnsuringLoadBalancer', 'EnsuredLoadBalancer']);
  const [old, fresh] = run.cluster.workload.statistics();
  assert.equal(old!.totals(0, 180 * SECOND).errors, 0);
  // 50 s until the address is there, and two good checks, 10 s apart, of each node.
  const at = (from: number, to: number) => fresh!.totals(run.origin + from * SECOND, run.origin + to * SECOND);
  assert.equal(at(0, 50).errors, at(0, 50).requests);
  assert.equal(at(51, 60).errors, at(51, 60).requests);
  assert.equal(at(72, 99).errors, 0);
  assert.equal(at(142, 178).errors, at(142, 178).requests);
  assert.ok(run.cluster.workload.failures(0, Number.MAX_SAFE_INTEGER).some(({ mechanism }) => mechanism === 'no-load-balancer'));
});
