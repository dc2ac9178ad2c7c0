import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, Service } from '../../src/api/core.js';
import type { Deployment } from '../../src/api/workloads.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import type { Scenario, TimelineAction } from '../../src/scenario/types.js';
import { mainScenario } from './scenario.js';

type Action = TimelineAction extends infer A ? (A extends TimelineAction ? Omit<A, 'position'> : never) : never;

const frontend = { namespace: 'default', name: 'frontend' };
const image = 'us-central1-docker.pkg.dev/online-boutique-ci/microservices-demo/frontend:v0.10.7';

/** The main scenario on 30 nodes with a timeline of its own, run to its end. */
function play(actions: readonly Action[], seconds: number, change: Partial<Scenario['cluster']> = {}): ScenarioRun {
  const scenario = mainScenario(seconds);
  const timeline = [...scenario.timeline, ...actions.map((action) => ({ ...action, position: 'test' }) as TimelineAction)];
  const nodes = scenario.cluster.nodes.slice(0, 30);
  const { rollout: _none, ...rest } = scenario;
  const run = new ScenarioRun({ ...rest, timeline, cluster: { ...scenario.cluster, nodes, ...change } });
  while (run.advance());
  return run;
}

function deployment(run: ScenarioRun, name: string): Deployment | undefined {
  for (const object of run.cluster.connections.current('deployments')) if (object.metadata.name === name) return object as Deployment;
  return undefined;
}

function pods(run: ScenarioRun, prefix: string): Pod[] {
  return [...run.cluster.connections.current('pods')].filter(({ metadata }) => metadata.name.startsWith(prefix)) as Pod[];
}

test('scale and setImage: the cluster is what was asked for', () => {
  const run = play(
    [
      { at: 5e9, action: 'scale', deployment: frontend, replicas: 24 },
      { at: 30e9, action: 'setImage', deployment: frontend, container: 'server', image },
    ],
    120,
  );
  const after = deployment(run, 'frontend')!;
  assert.equal(after.spec.replicas, 24);
  assert.equal(after.status.updatedReplicas, 24);
  assert.equal(after.status.availableReplicas, 24);
  const running = pods(run, 'frontend-');
  assert.equal(running.length, 24);
  assert.ok(running.every((pod) => pod.spec.containers[0]!.image === image));
});

test('apply creates what is new and changes what is there; delete takes it and its pods away', () => {
  const scenario = mainScenario();
  const hello = scenario.objects.find((object) => object.kind === 'Deployment' && object.metadata.name === 'hello') as Deployment;
  const other: Deployment = { ...hello, metadata: { ...hello.metadata, name: 'other' } };
  const larger: Deployment = { ...hello, spec: { ...hello.spec, replicas: 5 } };
  const run = play(
    [
      { at: 5e9, action: 'apply', objects: [other, larger] },
      { at: 60e9, action: 'delete', resource: 'deployments', object: { namespace: 'default', name: 'other' } },
    ],
    150,
  );
  assert.ok(run.observer.lives().some(({ name }) => name.startsWith('other-')), 'the new Deployment had pods');
  assert.equal(deployment(run, 'other'), undefined);
  assert.equal(pods(run, 'other-').length, 0, 'the garbage collector took the pods');
  assert.equal(deployment(run, 'hello')!.status.availableReplicas, 5);
});

test('what the API server refuses is a failed request of the run, in its words', () => {
  const scenario = mainScenario();
  const hello = scenario.objects.find((object) => object.kind === 'Deployment' && object.metadata.name === 'hello') as Deployment;
  const bad: Deployment = { ...hello, metadata: { ...hello.metadata, name: 'bad' }, spec: { ...hello.spec, replicas: -1 } };
  const { findings } = play([{ at: 5e9, action: 'apply', objects: [bad] }], 10).result().summary;
  assert.ok(
    findings.some((text) => text.includes('Deployment.apps "bad" is invalid: spec.replicas: Invalid value: -1')),
    findings.join('\n'),
  );
});

test('a failed node loses its requests until it is back', () => {
  const scenario = mainScenario();
  const name = scenario.cluster.nodes[3]!.metadata.name;
  const run = play(
    [
      { at: 10e9, action: 'fail', target: { kind: 'node', name } },
      { at: 40e9, action: 'heal', target: { kind: 'node', name } },
    ],
    100,
  );
  const { workload } = run.cluster;
  const at = (from: number, to: number) => workload.totals(run.origin + from * 1e9, run.origin + to * 1e9);
  assert.equal(at(0, 10).errors, 0);
  assert.equal(at(80, 100).errors, 0, 'healed');
  const onNode = run.observer.lives().some(({ node, owner }) => node === name && owner.includes('frontend'));
  assert.equal(at(12, 40).errors > 0, onNode, 'requests fail exactly if the node had pods of the front end');
});

test('a failed zone: a third of the capacity is gone, users feel it, and all is well after healing', () => {
  const run = play(
    [
      { at: 10e9, action: 'fail', target: { kind: 'zone', name: 'b' } },
      { at: 40e9, action: 'heal', target: { kind: 'zone', name: 'b' } },
    ],
    120,
  );
  const { workload } = run.cluster;
  const at = (from: number, to: number) => workload.totals(run.origin + from * 1e9, run.origin + to * 1e9);
  assert.ok(at(12, 40).errors / at(12, 40).requests > 0.1);
  assert.ok((at(12, 40).byCause['node-unreachable'] ?? 0) > 0);
  assert.equal(at(100, 120).errors, 0);
});

test('the only API server down: nothing can be changed, users notice nothing; it is made up for afterwards', () => {
  const run = play(
    [
      { at: 10e9, action: 'fail', target: { kind: 'apiServer', index: 0 } },
      { at: 15e9, action: 'scale', deployment: frontend, replicas: 22 },
      { at: 30e9, action: 'heal', target: { kind: 'apiServer', index: 0 } },
      { at: 40e9, action: 'scale', deployment: frontend, replicas: 23 },
    ],
    // A kubelet that was refused five times asks again only 25.6 to 51.2 s later (client-go's reflector), and the container has a probe.
    130,
    { apiServers: 1 },
  );
  const { summary } = run.result();
  assert.ok(summary.findings.some((text) => text.includes('connection refused')), 'the scaling in between failed');
  assert.equal(summary.metrics.errors, 0);
  assert.equal(deployment(run, 'frontend')!.status.availableReplicas, 23);
});

test('one of three API servers down: clients move to the others', () => {
  const run = play(
    [
      { at: 10e9, action: 'fail', target: { kind: 'apiServer', index: 0 } },
      { at: 15e9, action: 'scale', deployment: frontend, replicas: 22 },
    ],
    60,
    { apiServers: 3 },
  );
  assert.equal(run.cluster.servers.filter((server) => server.up).length, 2);
  assert.equal(deployment(run, 'frontend')!.status.availableReplicas, 22);
});

test('the etcd leader down: a new one is elected, writes go on; without a quorum they do not', () => {
  const one = play(
    [
      { at: 10e9, action: 'fail', target: { kind: 'etcd', index: 0 } },
      { at: 20e9, action: 'scale', deployment: frontend, replicas: 22 },
    ],
    60,
  );
  const { leader } = one.cluster.etcd;
  assert.notEqual(leader, undefined);
  assert.notEqual(leader!.index, 0);
  assert.equal(deployment(one, 'frontend')!.status.availableReplicas, 22);
  const two = play(
    [
      { at: 10e9, action: 'fail', target: { kind: 'etcd', index: 0 } },
      { at: 10e9, action: 'fail', target: { kind: 'etcd', index: 1 } },
      { at: 20e9, action: 'scale', deployment: frontend, replicas: 22 },
      { at: 40e9, action: 'heal', target: { kind: 'etcd', index: 0 } },
      { at: 60e9, action: 'scale', deployment: frontend, replicas: 23 },
    ],
    100,
  );
  const failed = two.timeline.log.filter(({ phase }) => phase === 'error');
  assert.ok(failed.some(({ message }) => message.includes('etcdserver')), JSON.stringify(failed));
  assert.equal(deployment(two, 'frontend')!.status.availableReplicas, 23, 'after healing');
});

test('a slow disk, until it is healed; a leader that hands over; a defragmented member', () => {
  const actions: Action[] = [
    { at: 2e9, action: 'fail', target: { kind: 'disk', index: 1, factor: 20 } },
    { at: 4e9, action: 'moveLeader', member: 2 },
    { at: 6e9, action: 'defragment', member: 1, duration: 3e9 },
  ];
  const run = play(actions, 8);
  const { members, leader } = run.cluster.etcd;
  assert.deepEqual(
    members.map(({ logDisk }) => logDisk.factor),
    [1, 20, 1],
  );
  assert.equal(leader?.index, 2);
  assert.deepEqual(
    run.timeline.log.map(({ phase, message }) => [phase, message]),
    [
      ['fail', 'the disk of etcd-1 is 20 times slower'],
      ['moveLeader', 'etcd-2 is to lead'],
      ['defragment', 'etcd-1 is defragmented'],
    ],
  );
  const healed = play([...actions, { at: 7e9, action: 'heal', target: { kind: 'disk', index: 1, factor: 1 } }], 12);
  assert.equal(healed.cluster.etcd.members[1]!.logDisk.factor, 1);
});

test('a database that is corrupted stops writes when it is found, and alarms can be disarmed', () => {
  const actions: Action[] = [
    { at: 2e9, action: 'corrupt', member: 1 },
    { at: 8e9, action: 'scale', deployment: frontend, replicas: 21 },
    { at: 9e9, action: 'disarmAlarms', member: 0 },
    { at: 9.5e9, action: 'scale', deployment: frontend, replicas: 22 },
  ];
  const { etcd } = mainScenario().cluster;
  const run = play(actions, 30, { etcd: { ...etcd, corruptCheckTime: 5e9 } });
  const errors = run.timeline.log.filter(({ phase }) => phase === 'error');
  assert.ok(errors.some(({ message }) => message.includes('etcdserver: corrupt cluster')), JSON.stringify(errors));
  assert.equal(deployment(run, 'frontend')!.spec.replicas, 22);
  assert.ok(run.timeline.log.some(({ message }) => message === 'a bit flips in the database of etcd-1'));
});

test('a cut link between a node and the API server: the node goes on serving, its status does not come through', () => {
  const name = mainScenario().cluster.nodes[0]!.metadata.name;
  const run = play([{ at: 5e9, action: 'fail', target: { kind: 'link', from: name, to: 'kube-apiserver-0' } }], 30, { apiServers: 1 });
  const lease = [...run.cluster.connections.current('leases')].find(({ metadata }) => metadata.name === name)!;
  assert.ok((lease as unknown as { spec: { renewTime: number } }).spec.renewTime < run.origin + 6e9);
  assert.equal(run.result().summary.metrics.errors, 0);
});

test('a Service that is deleted leaves its users without endpoints', () => {
  const run = play([{ at: 10e9, action: 'delete', resource: 'services', object: { namespace: 'default', name: 'frontend-external' } }], 30);
  const services = [...run.cluster.connections.current('services')] as Service[];
  assert.ok(!services.some(({ metadata }) => metadata.name === 'frontend-external'));
  assert.ok((run.result().summary.metrics.errorsByCause['no-endpoint'] ?? 0) > 0);
});
