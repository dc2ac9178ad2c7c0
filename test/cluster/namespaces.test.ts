import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { Deployment } from '../../src/api/workloads.js';
import { SimulatedCluster } from '../../src/cluster/simulated-cluster.js';
import { loadScenario } from '../../src/scenario/index.js';
import { root } from './scenario.js';

const SECOND = 1e9;

test('a namespace with workloads is deleted: one DELETECOLLECTION for each resource, pods with grace first', () => {
  const scenario = loadScenario(join(root, 'test', 'data', 'cluster', 'convergence', 'cluster.yaml'));
  const web = scenario.objects.find(({ metadata }) => metadata.name === 'web') as Deployment;
  const cluster = new SimulatedCluster({ ...scenario, objects: [] });
  const client = cluster.kubectl.client('kubectl', 50, 300);
  const codes: number[] = [];
  const receiver = { receive: (_tag: number, { code }: { code: number }) => void codes.push(code) };
  const create = (resource: string, body: KubernetesObject) => {
    client.request({ verb: 'create', resource, namespace: body.metadata.namespace, name: body.metadata.name, body }, receiver, 0);
  };
  cluster.start();
  cluster.simulation.run(5 * SECOND);
  create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { ...web.metadata, name: 'team', namespace: '' } });
  cluster.simulation.run(6 * SECOND);
  create('deployments', { ...web, metadata: { ...web.metadata, namespace: 'team' } });
  cluster.simulation.run(15 * SECOND);
  const inside = (resource: string) => [...cluster.connections.current(resource)].filter(({ metadata }) => metadata.namespace === 'team');
  assert.equal(inside('pods').length, web.spec.replicas);
  client.request({ verb: 'delete', resource: 'namespaces', namespace: '', name: 'team' }, receiver, 0);
  cluster.simulation.run(16 * SECOND);
  assert.deepEqual(codes, [201, 201, 200]);
  assert.equal(inside('pods').length, web.spec.replicas, 'five seconds of grace for the namespace');
  cluster.simulation.run(80 * SECOND);
  assert.equal([...cluster.connections.current('namespaces')].some(({ metadata }) => metadata.name === 'team'), false);
  for (const resource of ['pods', 'deployments', 'replicasets', 'configmaps', 'serviceaccounts', 'endpointslices']) assert.deepEqual(inside(resource), [], resource);
});
