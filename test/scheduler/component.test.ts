import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podCondition } from '../../src/api/core.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { Recorder } from '../../src/metrics/recorder.js';
import { FakeCluster } from './fake-cluster.js';
import { bound, node, pod } from './objects.js';

test('a pod is bound, its event is written, and the cycle took the profile’s time', () => {
  const cluster = new FakeCluster();
  for (let i = 0; i < 5; i++) cluster.setNode(node(`n${i}`));
  cluster.create(pod('p'));
  cluster.simulation.run(SECOND);
  const { nodeName } = cluster.pod('default/p')!.spec;
  assert.match(nodeName!, /^n\d$/);
  assert.deepEqual(cluster.events, [
    { reason: 'Scheduled', message: `Successfully assigned default/p to ${nodeName}`, object: 'default/p' },
  ]);
  const [attempt] = cluster.scheduler.attempts;
  assert.deepEqual(
    { ...attempt, node: '' },
    {
      time: 26_500,
      pod: 'default/p',
      result: 'scheduled',
      node: '',
      attempt: 1,
      queued: 0,
      duration: 20_000 + 5 * 1_300,
      evaluated: 5,
      feasible: 5,
      message: '',
    },
  );
  assert.deepEqual(
    cluster.requests.map(({ request }) => `${request.verb} ${request.subresource}`),
    ['create binding'],
  );
});

test('bindings overlap with the next cycles: ten pods leave in ten cycles, not in ten round trips', () => {
  const cluster = new FakeCluster();
  cluster.setNode(node('n'));
  for (let i = 0; i < 10; i++) cluster.create(pod(`p${i}`));
  cluster.simulation.run(SECOND);
  const sent = cluster.requests.map(({ at }) => at);
  assert.equal(sent.length, 10);
  assert.ok(sent[9]! < MILLISECOND);
});

test('no pod goes above what the node has; the one too many says why and follows when a node comes', () => {
  const cluster = new FakeCluster();
  cluster.setNode(node('n', {}, { allocatable: { cpu: 1000, memory: 2 ** 40, pods: 110 } }));
  for (let i = 0; i < 11; i++) cluster.create(pod(`p${i}`, { requests: { cpu: 100 } }));
  cluster.simulation.run(10 * SECOND);
  const waiting = cluster.pod('default/p10')!;
  assert.equal(waiting.spec.nodeName, undefined);
  const text =
    '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.';
  assert.equal(podCondition(waiting, 'PodScheduled')?.message, text);
  assert.equal(podCondition(waiting, 'PodScheduled')?.reason, 'Unschedulable');
  assert.deepEqual(
    cluster.events.find(({ object, reason }) => object === 'default/p10' && reason !== 'Scheduled'),
    { reason: 'FailedScheduling', message: text, object: 'default/p10' },
  );
  assert.deepEqual(cluster.scheduler.queueLengths(), { active: 0, backoff: 0, unschedulable: 1, gated: 0 });
  const patches = cluster.requests.filter(({ request }) => request.verb === 'patch').length;
  cluster.setNode(node('m'));
  cluster.simulation.run(20 * SECOND);
  assert.equal(cluster.pod('default/p10')!.spec.nodeName, 'm');
  assert.equal(
    cluster.requests.filter(({ request }) => request.verb === 'patch').length,
    patches,
    'success patches no status',
  );
});

test('an unchanged reason is not written again', () => {
  const cluster = new FakeCluster();
  cluster.setNode(node('n', {}, { unschedulable: true }));
  cluster.create(pod('p'));
  cluster.simulation.run(20 * 60 * SECOND);
  assert.ok(cluster.scheduler.attempts.length >= 3, 'tried again after five minutes');
  assert.equal(cluster.requests.length, 1);
});

test('a refused binding gives the room back and the pod tries again after its back-off', () => {
  const cluster = new FakeCluster();
  cluster.setNode(node('n', {}, { allocatable: { cpu: 100, memory: 2 ** 40, pods: 1 } }));
  cluster.refuseBindings = { code: 409, reason: 'Conflict', message: 'pod p is being deleted' };
  cluster.create(pod('p', { requests: { cpu: 100 } }));
  cluster.simulation.run(SECOND / 2);
  assert.equal(cluster.scheduler.core.cache.nodes.podCount[0], 0);
  assert.equal(cluster.scheduler.queueLengths().backoff, 1);
  cluster.refuseBindings = null;
  cluster.simulation.run(5 * SECOND);
  assert.equal(cluster.pod('default/p')!.spec.nodeName, 'n');
});

test('preemption: the victims go one after the other, then the pod takes the node it was promised', () => {
  const cluster = new FakeCluster();
  cluster.setNode(node('n', {}, { allocatable: { cpu: 1000, memory: 2 ** 40, pods: 110 } }));
  for (const name of ['a', 'b', 'c']) cluster.create(bound(pod(name, { requests: { cpu: 300 } }), 'n'));
  cluster.create(pod('important', { priority: 100, requests: { cpu: 700 } }));
  cluster.simulation.run(30 * SECOND);
  assert.equal(cluster.pod('default/important')!.spec.nodeName, 'n');
  assert.equal([...'abc'].filter((name) => cluster.pod(`default/${name}`) !== undefined).length, 1);
  const victims = cluster.requests
    .filter(({ request }) => request.name.length === 1)
    .map(({ request }) => `${request.verb} ${request.name}`);
  const [first, last] = [victims[0]!.at(-1)!, victims.at(-1)!.at(-1)!];
  assert.deepEqual(victims, [`patch ${first}`, `delete ${first}`, `patch ${last}`, `delete ${last}`]);
  assert.equal(cluster.events.filter(({ reason }) => reason === 'Preempted').length, 2);
  assert.deepEqual(
    cluster.scheduler.attempts.map(({ result }) => result),
    ['unschedulable', 'scheduled'],
  );
});

test('gates, other schedulers and bound pods never enter the queue', () => {
  const cluster = new FakeCluster();
  cluster.setNode(node('n'));
  cluster.create(pod('gated', { schedulingGates: [{ name: 'g' }] }));
  cluster.create(pod('other', { schedulerName: 'someone-else' }));
  cluster.create(bound(pod('bound'), 'n'));
  cluster.simulation.run(SECOND);
  assert.equal(cluster.scheduler.attempts.length, 0);
  assert.equal(cluster.scheduler.queueLengths().gated, 1);
});

test('finished pods give their room back', () => {
  const cluster = new FakeCluster();
  cluster.setNode(node('n', {}, { allocatable: { cpu: 100, memory: 2 ** 40, pods: 110 } }));
  const job = bound(pod('job', { requests: { cpu: 100 } }), 'n');
  cluster.create(job);
  cluster.create(pod('next', { requests: { cpu: 100 } }));
  cluster.simulation.run(SECOND);
  cluster.create({ ...job, status: { phase: 'Succeeded' } });
  cluster.simulation.run(20 * SECOND);
  assert.equal(cluster.pod('default/next')!.spec.nodeName, 'n');
});

test('attempts become rows of the recorder', () => {
  const cluster = new FakeCluster();
  cluster.setNode(node('n'));
  cluster.create(pod('p'));
  cluster.simulation.run(SECOND);
  const recorder = new Recorder();
  cluster.scheduler.writeAttempts(recorder, 0, 0);
  const [table] = recorder.tables;
  assert.equal(table!.length, 1);
  assert.deepEqual(table!.column('node'), ['n']);
});

test('a pod that takes its nominated node is counted there once', () => {
  const cluster = new FakeCluster();
  cluster.setNode(node('n', {}, { allocatable: { cpu: 1000, memory: 2 ** 40, pods: 110 } }));
  const first = pod('first', { priority: 5, requests: { cpu: 500 } });
  cluster.create({ ...first, status: { phase: 'Pending', nominatedNodeName: 'n' } });
  cluster.create(pod('second', { priority: 5, requests: { cpu: 500 } }));
  cluster.simulation.run(SECOND);
  assert.deepEqual(
    cluster.scheduler.attempts.map(({ pod: name, result }) => [name, result]),
    [
      ['default/first', 'scheduled'],
      ['default/second', 'scheduled'],
    ],
  );
});

test('room that is nominated to a more important pod is not given away', () => {
  const cluster = new FakeCluster();
  cluster.setNode(node('n', {}, { allocatable: { cpu: 1000, memory: 2 ** 40, pods: 110 } }));
  const gated = pod('important', { priority: 5, requests: { cpu: 800 }, schedulingGates: [{ name: 'g' }] });
  cluster.create({ ...gated, status: { phase: 'Pending', nominatedNodeName: 'n' } });
  cluster.create(pod('modest', { requests: { cpu: 500 } }));
  cluster.create(pod('tiny', { requests: { cpu: 200 } }));
  cluster.simulation.run(SECOND);
  assert.equal(cluster.pod('default/modest')!.spec.nodeName, undefined);
  assert.equal(cluster.pod('default/tiny')!.spec.nodeName, 'n');
});
