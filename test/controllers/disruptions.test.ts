import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod, Taint } from '../../src/api/core.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { PodDisruptionBudget, ResourceQuota } from '../../src/api/policy.js';
import { staleSince } from '../../src/controllers/disruption-stale.js';
import { excessTerminated } from '../../src/controllers/pod-gc.js';
import { startControllers } from '../../src/controllers/registry.js';
import { SECOND } from '../../src/kernel/time.js';
import { FakeCluster, meta, template } from './fake-cluster.js';
import { deployment, messages } from './objects.js';

/** Budgets that cannot be computed, marks that run out, pods that nobody runs, taints that come and go. */

function budget(name: string, spec: PodDisruptionBudget['spec']): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: meta(name),
    spec,
    status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
  };
}

const SELECTOR = { matchLabels: { app: 'a' } };

/** A pod bound to a node, without an owner unless one is given. */
function boundPod(name: string, node: string, more: Partial<Pod['metadata']> = {}, spec: Partial<Pod['spec']> = {}): Pod {
  const { metadata, spec: podSpec } = template('app:v1');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...meta(name), labels: metadata.labels!, ...more },
    spec: { ...podSpec, ...(node === '' ? {} : { nodeName: node }), ...spec },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  } as Pod;
}

function statusOf(cluster: FakeCluster, name: string): PodDisruptionBudget['status'] {
  return cluster.get<PodDisruptionBudget>('poddisruptionbudgets', `default/${name}`)!.status;
}

function callsOf(cluster: FakeCluster, controller: string): string[] {
  return cluster.audit.filter(({ user }) => user === controller).map(({ request }) => `${request.verb} ${request.subresource === undefined ? '' : `${request.subresource} of `}${request.name}`);
}

test('a budget over pods of a DaemonSet cannot count in percent: nothing may be disrupted, and it says why', () => {
  const cluster = new FakeCluster();
  startControllers(cluster, ['disruption']);
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent', uid: 'u', controller: true, blockOwnerDeletion: true }];
  cluster.create('pods', boundPod('agent-1', 'node-0', { ownerReferences }));
  cluster.create('poddisruptionbudgets', budget('percent', { maxUnavailable: '50%', selector: SELECTOR }));
  cluster.run(2 * SECOND);
  const why = 'daemonsets.apps does not implement the scale subresource';
  const { disruptionsAllowed, conditions } = statusOf(cluster, 'percent');
  assert.deepEqual([disruptionsAllowed, conditions!.map(({ type, status, reason, message }) => [type, status, reason, message])], [0, [['DisruptionAllowed', 'False', 'SyncFailed', why]]]);
  assert.deepEqual([...new Set(messages(cluster, 'PodDisruptionBudget'))], [`CalculateExpectedPodCountFailed: Failed to calculate the number of expected pods: ${why}`]);
});

test('pods without a controller count only with a number of pods; a ReplicaSet that is gone is none', () => {
  const cluster = new FakeCluster();
  startControllers(cluster, ['disruption']);
  cluster.create('pods', boundPod('lonely', 'node-0'));
  cluster.create('poddisruptionbudgets', budget('number', { minAvailable: 0, selector: SELECTOR }));
  cluster.run(2 * SECOND);
  assert.deepEqual([statusOf(cluster, 'number').expectedPods, statusOf(cluster, 'number').disruptionsAllowed], [1, 1]);
  cluster.delete('poddisruptionbudgets', 'default/number');
  cluster.create('poddisruptionbudgets', budget('percent', { minAvailable: '50%', selector: SELECTOR }));
  cluster.run(4 * SECOND);
  assert.deepEqual([statusOf(cluster, 'percent').expectedPods, statusOf(cluster, 'percent').disruptionsAllowed], [0, 0]);
  assert.match(messages(cluster, 'PodDisruptionBudget').at(-1)!, /^UnmanagedPods: Pods selected by this PodDisruptionBudget \(selector: &LabelSelector\{MatchLabels:map\[string\]string\{app: a,\},MatchExpressions:\[\]LabelSelectorRequirement\{\},\}\) were found to be unmanaged\./);
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'gone', uid: 'u', controller: true, blockOwnerDeletion: true }];
  cluster.create('pods', boundPod('left', 'node-0', { ownerReferences }));
  cluster.run(6 * SECOND);
  assert.ok(messages(cluster, 'PodDisruptionBudget').includes('CalculateExpectedPodCountFailed: Failed to calculate the number of expected pods: found no controllers for pod "left"'));
});

test('a budget with neither bound allows nothing; a pod of two budgets is told', () => {
  const cluster = new FakeCluster();
  startControllers(cluster, ['deployment', 'replicaset', 'disruption']);
  cluster.create('poddisruptionbudgets', budget('one', { selector: SELECTOR }));
  cluster.create('poddisruptionbudgets', budget('two', { minAvailable: 1, selector: SELECTOR }));
  cluster.create('deployments', deployment(2));
  cluster.run(3 * SECOND);
  assert.deepEqual([statusOf(cluster, 'one').expectedPods, statusOf(cluster, 'one').desiredHealthy, statusOf(cluster, 'one').disruptionsAllowed], [0, 0, 0]);
  assert.equal(statusOf(cluster, 'two').disruptionsAllowed, 1);
  assert.ok(messages(cluster, 'Pod').some((text) => /^MultiplePodDisruptionBudgets: Pod "default"\/"web-[^"]+" matches multiple PodDisruptionBudgets\. {2}Chose "one" arbitrarily\.$/.test(text)));
});

test('the mark of a pod that was to be disrupted and stays is taken off after two minutes', () => {
  const marked = (reason: string, more: Partial<Pod['metadata']> = {}, phase = 'Running'): Pod => {
    const pod = boundPod('p', 'node-0', more);
    return { ...pod, status: { ...pod.status, phase, conditions: [{ type: 'DisruptionTarget', status: 'True', reason, lastTransitionTime: 5 * SECOND }] } } as Pod;
  };
  assert.equal(staleSince(marked('EvictionByEvictionAPI')), 125 * SECOND);
  assert.equal(staleSince(marked('TerminationByKubelet')), undefined);
  assert.equal(staleSince(marked('PreemptionByScheduler', { deletionTimestamp: 6 * SECOND })), undefined);
  assert.equal(staleSince(marked('PreemptionByScheduler', {}, 'Failed')), undefined);
  const cluster = new FakeCluster();
  startControllers(cluster, ['disruption']);
  cluster.create('pods', boundPod('p', 'node-0'));
  cluster.run(6 * SECOND);
  const running = cluster.get<Pod>('pods', 'default/p')!;
  cluster.do({ verb: 'update', resource: 'pods', subresource: 'status', namespace: 'default', name: 'p', body: { ...running, status: marked('EvictionByEvictionAPI').status } as KubernetesObject });
  cluster.run(124 * SECOND);
  const conditionOf = () => cluster.get<Pod>('pods', 'default/p')!.status.conditions![0]!;
  assert.equal(conditionOf().status, 'True');
  cluster.run(126 * SECOND);
  assert.deepEqual(conditionOf(), { type: 'DisruptionTarget', status: 'False', lastTransitionTime: 125 * SECOND });
});

test('pod garbage collection marks what nobody runs as failed: orphans, and pods that go on nodes out of service', () => {
  const cluster = new FakeCluster({ nodes: 2, stopAfter: 10_000 * SECOND });
  startControllers(cluster, ['pod-garbage-collector']);
  cluster.create('pods', boundPod('orphan', 'node-0'));
  cluster.create('pods', boundPod('stuck', 'node-1'));
  cluster.run(SECOND);
  cluster.delete('nodes', 'node-0');
  const taint = (ready: 'True' | 'Unknown') =>
    cluster.edit<Node>('nodes', 'node-1', (node) => ({ ...node, spec: { ...node.spec, taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] }, status: { ...node.status, conditions: [{ type: 'Ready', status: ready }] } }));
  taint('True');
  cluster.delete('pods', 'default/stuck');
  cluster.run(45 * SECOND);
  assert.equal(callsOf(cluster, 'pod-garbage-collector').length, 0, 'a node that is ready is not out of service, and a node that is gone is quarantined');
  const node = cluster.get<Node>('nodes', 'node-1')!;
  cluster.do({ verb: 'update', resource: 'nodes', subresource: 'status', namespace: '', name: 'node-1', body: { ...node, status: { ...node.status, conditions: [{ type: 'Ready', status: 'Unknown' }] } } as KubernetesObject });
  cluster.run(61 * SECOND);
  assert.deepEqual(callsOf(cluster, 'pod-garbage-collector'), ['get node-0', 'patch status of stuck', 'patch status of orphan', 'delete stuck', 'delete orphan']);
  const failed = cluster.history.filter(({ metadata, kind }) => kind === 'Pod' && metadata.name === 'orphan').map((object) => (object as Pod).status);
  const last = failed.find(({ phase }) => phase === 'Failed')!;
  assert.equal(last.conditions!.find(({ type }) => type === 'DisruptionTarget')!.message, 'PodGC: node no longer exists');
});

test('of finished pods above the threshold evicted ones go first, then the oldest', () => {
  const finished = (name: string, created: number, reason?: string): Pod =>
    ({ ...boundPod(name, 'n'), metadata: { ...meta(name), creationTimestamp: created * SECOND }, status: { phase: 'Failed', ...(reason === undefined ? {} : { reason }) } }) as Pod;
  const pods = [finished('b', 2), finished('a', 2), finished('old', 1), finished('evicted', 9, 'Evicted'), finished('new', 5)];
  assert.deepEqual(excessTerminated(pods, 1).map(({ metadata }) => metadata.name), ['evicted', 'old', 'a', 'b']);
  assert.deepEqual(excessTerminated(pods, 5), []);
});

const NOT_READY: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' };
const UNREACHABLE: Taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' };

function taintNode(cluster: FakeCluster, taints: readonly Taint[]): void {
  cluster.edit<Node>('nodes', 'node-0', (node) => ({ ...node, spec: { ...node.spec, taints } }));
}

test('what was scheduled for a taint stays when others come, and is called off when all go, or the pod does', () => {
  const cluster = new FakeCluster({ nodes: 1, stopAfter: 2 * SECOND });
  startControllers(cluster, ['taint-eviction']);
  const tolerations = [
    { key: NOT_READY.key, operator: 'Exists' as const, effect: 'NoExecute' as const, tolerationSeconds: 100 },
    { key: UNREACHABLE.key, operator: 'Exists' as const, effect: 'NoExecute' as const, tolerationSeconds: 10 },
  ];
  for (const name of ['stays', 'leaves']) cluster.create('pods', boundPod(name, 'node-0', {}, { tolerations }));
  cluster.run(SECOND);
  taintNode(cluster, [NOT_READY]);
  cluster.run(5 * SECOND);
  taintNode(cluster, [UNREACHABLE]);
  cluster.run(50 * SECOND);
  assert.equal(callsOf(cluster, 'node-controller').length, 0, 'the first hundred seconds go on');
  cluster.delete('pods', 'default/leaves');
  cluster.run(60 * SECOND);
  assert.deepEqual(messages(cluster, 'Pod'), ['TaintManagerEviction: Cancelling deletion of Pod default/leaves']);
  taintNode(cluster, []);
  cluster.run(70 * SECOND);
  assert.equal(messages(cluster, 'Pod').at(-1), 'TaintManagerEviction: Cancelling deletion of Pod default/stays');
  taintNode(cluster, [{ key: 'maintenance', effect: 'NoExecute' }]);
  cluster.run(80 * SECOND);
  assert.equal(messages(cluster, 'Pod').at(-1), 'TaintManagerEviction: Marking for deletion Pod default/stays');
  assert.deepEqual(callsOf(cluster, 'node-controller'), ['get stays', 'patch status of stays', 'delete stays']);
});

test('a node that is deleted is said to be removed in the next pass', () => {
  const cluster = new FakeCluster({ nodes: 2 });
  startControllers(cluster, ['node-lifecycle']);
  cluster.run(11 * SECOND);
  cluster.delete('nodes', 'node-1');
  cluster.run(16 * SECOND);
  assert.equal(messages(cluster, 'Node').at(-1), 'RemovingNode: Node node-1 event: Removing Node node-1 from Controller');
});

test('a quota that shows too much is right again after five minutes', () => {
  const cluster = new FakeCluster();
  startControllers(cluster, ['resourcequota']);
  cluster.create('resourcequotas', { apiVersion: 'v1', kind: 'ResourceQuota', metadata: meta('quota'), spec: { hard: { pods: 10 } } } as KubernetesObject);
  cluster.run(2 * SECOND);
  const used = () => cluster.get<ResourceQuota>('resourcequotas', 'default/quota')!.status!.used;
  const quota = cluster.get<ResourceQuota>('resourcequotas', 'default/quota')!;
  // Admission charged a pod that was then refused for another reason.
  cluster.do({ verb: 'update', resource: 'resourcequotas', subresource: 'status', namespace: 'default', name: 'quota', body: { ...quota, status: { hard: { pods: 10 }, used: { pods: 4 } } } as KubernetesObject });
  cluster.run(299 * SECOND);
  assert.deepEqual(used(), { pods: 4 });
  cluster.run(301 * SECOND);
  assert.deepEqual(used(), { pods: 0 });
});
