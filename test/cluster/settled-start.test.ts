import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPodReady, type Pod } from '../../src/api/core.js';
import type { Deployment, EndpointSlice } from '../../src/api/workloads.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { mainScenario } from './scenario.js';

function warm(settled: boolean): ScenarioRun {
  const { rollout: _none, ...scenario } = mainScenario(60);
  const nodes = scenario.cluster.nodes.slice(0, 30);
  const run = new ScenarioRun({ ...scenario, traffic: [], timeline: scenario.timeline.filter((action) => action.at === 0), cluster: { ...scenario.cluster, nodes, settled } });
  run.warmUp();
  return run;
}

/** What a user sees of the workloads: replicas of Deployments, number of ReplicaSets, ready endpoints of Services. */
function seen(run: ScenarioRun): object {
  const { connections } = run.cluster;
  const endpoints = new Map<string, number>();
  for (const object of connections.current('endpointslices')) {
    const slice = object as EndpointSlice;
    const service = slice.metadata.labels?.['kubernetes.io/service-name'] ?? '';
    endpoints.set(service, (endpoints.get(service) ?? 0) + slice.endpoints.filter((endpoint) => endpoint.conditions.ready).length);
  }
  const deployments = [...connections.current('deployments')].map((object) => {
    const { metadata, spec, status } = object as Deployment;
    return [metadata.name, spec.replicas, status.availableReplicas, status.updatedReplicas, metadata.annotations?.['deployment.kubernetes.io/revision']];
  });
  const sets = [...connections.current('replicasets')].map((set) => set.metadata.name);
  return { deployments: deployments.sort(), sets: sets.sort(), endpoints: [...endpoints].sort() };
}

test('a settled start ends in the state that controllers and scheduler bring about', () => {
  const settled = warm(true);
  assert.deepEqual(seen(settled), seen(warm(false)));
  assert.equal(settled.cluster.scheduler.attempts.length, 0, 'nothing was left to be scheduled');
});

test('after a settled start only heartbeats are written', () => {
  const run = warm(true);
  const pods = [...run.cluster.connections.current('pods')] as Pod[];
  assert.ok(pods.length > 20);
  assert.ok(pods.every((pod) => isPodReady(pod) && pod.status.phase === 'Running'));
  assert.equal(new Set(pods.filter((pod) => pod.spec.hostNetwork !== true).map((pod) => pod.status.podIP)).size, pods.length);
  const versions = new Map(pods.map((pod) => [pod.metadata.uid, pod.metadata.resourceVersion]));
  while (run.advance());
  for (const pod of run.cluster.connections.current('pods')) assert.equal(pod.metadata.resourceVersion, versions.get(pod.metadata.uid));
  const requests = [...run.cluster.servers[0]!.metrics.totals].filter(([, { count }]) => count > 0).map(([name]) => name);
  for (const name of requests) assert.match(name, /^(update leases|patch nodes\/status|watch .*|get leases)$/);
  assert.equal(run.observer.lives().length, pods.length, 'no pod came or went');
});

test('of what a settled start has, controllers write nothing', () => {
  const { connections } = warm(true).cluster;
  const versions = (resource: string) => [...connections.current(resource)].map(({ metadata }) => metadata.resourceVersion);
  const first = Math.min(...versions('endpointslices'));
  for (const resource of ['deployments', 'replicasets', 'pods']) for (const version of versions(resource)) assert.ok(version < first, resource);
});
