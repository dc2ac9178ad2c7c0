import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod, Service } from '../../src/api/core.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { HorizontalPodAutoscaler, PodDisruptionBudget, ResourceQuota } from '../../src/api/policy.js';
import type { Deployment, ReplicaSet } from '../../src/api/workloads.js';
import type { PodMetric } from '../../src/controllers/horizontal-policy.js';
import type { MetricsSource } from '../../src/controllers/horizontal-metrics.js';
import { ServiceAddresses } from '../../src/controllers/endpoints.js';
import { startControllers } from '../../src/controllers/registry.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { FakeCluster, meta, template } from './fake-cluster.js';
import { deployment, messages } from './objects.js';

test('a budget of 25 % of 10 allows what the worked example says', () => {
  const cluster = new FakeCluster({ readyAfter: (ordinal) => (ordinal === 0 ? -1 : 50 * MILLISECOND) });
  startControllers(cluster, ['deployment', 'replicaset', 'disruption']);
  cluster.create('deployments', deployment(10));
  const budget: PodDisruptionBudget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: meta('web'),
    spec: { maxUnavailable: '25%', selector: { matchLabels: { app: 'a' } } },
    status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
  };
  cluster.create('poddisruptionbudgets', budget);
  cluster.run(2 * SECOND);
  const { status } = cluster.get<PodDisruptionBudget>('poddisruptionbudgets', 'default/web')!;
  assert.deepEqual([status.expectedPods, status.desiredHealthy, status.currentHealthy, status.disruptionsAllowed], [10, 7, 9, 2]);
});

class FixedLoad implements MetricsSource {
  readonly total: number;
  readonly cluster: FakeCluster;

  constructor(total: number, cluster: FakeCluster) {
    this.total = total;
    this.cluster = cluster;
  }

  resource(_pods: readonly Pod[], _resource: string, now: number): ReadonlyMap<string, PodMetric> {
    const running = this.cluster.all<Pod>('pods').filter((pod) => pod.status.phase === 'Running');
    return new Map(running.map((pod) => [pod.metadata.name, { value: Math.round(this.total / running.length), timestamp: now, window: 0 }]));
  }

  pods(): ReadonlyMap<string, PodMetric> {
    return new Map();
  }

  value(_namespace: string, metric: string): number | undefined {
    return metric === 'queue' ? this.total : undefined;
  }
}

test('an autoscaler grows 1, 4, 8, 16, 32, 40 under a load that is far too high', () => {
  const cluster = new FakeCluster();
  startControllers(cluster, ['deployment', 'replicaset', 'horizontalpodautoscaler'], new FixedLoad(100_000, cluster));
  const base = deployment(1);
  const { template: podTemplate } = base.spec;
  const container = { ...podTemplate.spec.containers[0]!, resources: { requests: { cpu: 100 } } };
  cluster.create('deployments', { ...base, spec: { ...base.spec, template: { ...podTemplate, spec: { ...podTemplate.spec, containers: [container] } } } } as Deployment);
  const autoscaler: HorizontalPodAutoscaler = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: meta('web'),
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      minReplicas: 1,
      maxReplicas: 40,
      metrics: [{ type: 'Resource', name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } }],
    },
    status: { desiredReplicas: 0 },
  };
  cluster.create('horizontalpodautoscalers', autoscaler);
  cluster.run(120 * SECOND);
  assert.deepEqual(messages(cluster, 'HorizontalPodAutoscaler'), [4, 8, 16, 32, 40].map((size) => `SuccessfulRescale: New size: ${size}; reason: cpu resource utilization (percentage of request) above target`));
  const { conditions } = cluster.get<HorizontalPodAutoscaler>('horizontalpodautoscalers', 'default/web')!.status;
  assert.deepEqual(conditions!.map(({ type, status, reason }) => `${type}=${status}/${reason}`), [
    'AbleToScale=True/ReadyForNewScale',
    'ScalingActive=True/ValidMetricFound',
    'ScalingLimited=True/TooManyReplicas',
  ]);
});

test('a silent node becomes Unknown after 50 s, is tainted, and its pods go when their toleration ends', () => {
  const cluster = new FakeCluster({ nodes: 8 });
  startControllers(cluster, ['deployment', 'replicaset', 'node-lifecycle', 'taint-eviction']);
  const base = deployment(8);
  const tolerations = ['not-ready', 'unreachable'].map((key) => ({ key: `node.kubernetes.io/${key}`, operator: 'Exists' as const, effect: 'NoExecute' as const, tolerationSeconds: 20 }));
  cluster.create('deployments', { ...base, spec: { ...base.spec, template: { ...base.spec.template, spec: { ...base.spec.template.spec, tolerations } } } } as Deployment);
  for (let t = 0; t <= 200; t += 10) {
    cluster.run(t * SECOND);
    for (let i = 0; i < 8; i++) {
      if (i === 3 && t > 20) continue;
      cluster.edit<Node>('nodes', `node-${i}`, (node) => node);
      const node = cluster.get<Node>('nodes', `node-${i}`)!;
      const conditions = node.status.conditions!.map((condition) => ({ ...condition, lastHeartbeatTime: cluster.now }));
      cluster.do({ verb: 'update', resource: 'nodes', subresource: 'status', namespace: '', name: `node-${i}`, body: { ...node, status: { ...node.status, conditions } } as Node });
    }
  }
  const node = cluster.get<Node>('nodes', 'node-3')!;
  assert.equal(node.status.conditions!.find(({ type }) => type === 'Ready')!.status, 'Unknown');
  assert.deepEqual(node.spec.taints!.map(({ key, effect }) => `${key}:${effect}`).sort(), ['node.kubernetes.io/unreachable:NoExecute', 'node.kubernetes.io/unreachable:NoSchedule']);
  const unknown = cluster.audit.find(({ user, request }) => user === 'node-controller' && request.resource === 'nodes' && request.subresource === 'status')!;
  assert.ok(unknown.time > 70 * SECOND && unknown.time <= 76 * SECOND, `at ${unknown.time / SECOND}`);
  const evicted = cluster.audit.find(({ user, request }) => user === 'node-controller' && request.verb === 'delete')!;
  const after = (evicted.time - unknown.time) / SECOND;
  assert.ok(after > 20 && after < 22, `evicted ${after} s later`);
});

test('pod garbage collection waits 40 s after a node has gone, then marks and deletes its pods', () => {
  const cluster = new FakeCluster({ nodes: 3 });
  startControllers(cluster, ['deployment', 'replicaset', 'pod-garbage-collector']);
  cluster.create('deployments', deployment(3));
  cluster.run(2 * SECOND);
  cluster.delete('nodes', 'node-1');
  cluster.run(59 * SECOND);
  assert.equal(cluster.audit.filter(({ user }) => user === 'pod-garbage-collector').length, 0);
  cluster.run(61 * SECOND);
  const calls = cluster.audit.filter(({ user }) => user === 'pod-garbage-collector').map(({ request }) => `${request.verb} ${request.resource}${request.subresource === undefined ? '' : '/status'}`);
  assert.deepEqual(calls, ['get nodes', 'patch pods/status', 'delete pods']);
  assert.equal(cluster.all<Pod>('pods').length, 3);
});

test('a quota shows what its namespace uses when it is made and when pods go; admission counts those that come', () => {
  const cluster = new FakeCluster();
  startControllers(cluster, ['deployment', 'replicaset', 'resourcequota']);
  cluster.create('deployments', deployment(3));
  cluster.run(2 * SECOND);
  cluster.create('resourcequotas', { apiVersion: 'v1', kind: 'ResourceQuota', metadata: meta('quota'), spec: { hard: { pods: 10 } } } as KubernetesObject);
  cluster.run(4 * SECOND);
  const used = () => cluster.get<ResourceQuota>('resourcequotas', 'default/quota')!.status;
  assert.deepEqual(used(), { hard: { pods: 10 }, used: { pods: 3 } });
  const before = cluster.audit.filter(({ request }) => request.resource === 'resourcequotas' && request.verb === 'update').length;
  cluster.create('deployments', { ...deployment(2), metadata: meta('other') } as KubernetesObject);
  cluster.run(6 * SECOND);
  const after = cluster.audit.filter(({ request }) => request.resource === 'resourcequotas' && request.verb === 'update').length;
  assert.equal(after, before, 'pods that come are not the controller\'s business');
});

test('a quota that is used up: what fits is created, the rest is tried again after doubling waits (quota7-r20)', () => {
  let created = 0;
  const cluster = new FakeCluster({
    refuse: (request) => {
      if (request.verb !== 'create' || request.resource !== 'pods' || request.subresource !== undefined) return undefined;
      if (created < 7) {
        created++;
        return undefined;
      }
      return { code: 403, reason: 'Forbidden', message: 'pods "web" is forbidden: exceeded quota: quota' };
    },
  });
  startControllers(cluster, ['deployment', 'replicaset']);
  cluster.create('deployments', deployment(20));
  cluster.run(20 * SECOND);
  const tries = cluster.audit.filter(({ user, request }) => user === 'replicaset-controller' && request.resource === 'pods');
  // 1, 2 and 4 succeed, the batch of 8 fails; later syncs try a single pod each.
  assert.deepEqual(tries.slice(0, 7).map(({ code }) => code), [201, 201, 201, 201, 201, 201, 201]);
  assert.ok(tries.slice(7).every(({ code }) => code === 403));
  const waits = tries.slice(-4).map(({ time }) => time / SECOND);
  assert.ok(Math.abs((waits[3]! - waits[2]!) / (waits[2]! - waits[1]!) - 2) < 0.1);
  const set = cluster.all<ReplicaSet>('replicasets')[0]!;
  assert.deepEqual(set.status.conditions!.map(({ type, reason }) => `${type}/${reason}`), ['ReplicaFailure/FailedCreate']);
  const failure = cluster.get<Deployment>('deployments', 'default/web')!.status.conditions!.find(({ type }) => type === 'ReplicaFailure')!;
  assert.equal(failure.reason, 'FailedCreate');
});

test('an Endpoints object holds 1,000 addresses, ready ones first, and says that it is truncated', () => {
  const service = { spec: { ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }] } } as unknown as Service;
  const pods = (from: number, count: number): Map<string, Pod> =>
    new Map(
      Array.from({ length: count }, (_, i) => [
        `u${from + i}`,
        { ...({} as Pod), metadata: { ...meta(`p${from + i}`), uid: `u${from + i}` }, spec: template('a').spec, status: { phase: 'Running', podIP: `10.0.${(from + i) >> 8}.${(from + i) & 255}` } } as Pod,
      ]),
    );
  const held = new ServiceAddresses();
  for (const [uid, pod] of pods(0, 700)) held.put(service, uid, pod, 'ready');
  for (const [uid, pod] of pods(1000, 400)) held.put(service, uid, pod, 'notReady');
  const { subsets, truncated } = held.subsets();
  assert.equal(truncated, true);
  assert.deepEqual(subsets.map(({ addresses, notReadyAddresses }) => [addresses!.length, notReadyAddresses!.length]), [[700, 300]]);
  // What is taken out makes room, a pod that turns ready moves to the ready ones, and the rest stay the same objects in order.
  held.put(service, 'u5', undefined, undefined);
  held.put(service, 'u1000', pods(1000, 1).get('u1000'), 'ready');
  const [after] = held.subsets().subsets;
  assert.equal(after!.addresses!.length, 700);
  assert.equal(after!.notReadyAddresses!.length, 300);
  assert.equal(after!.addresses![0], subsets[0]!.addresses![0]);
  const ips = after!.addresses!.map(({ ip }) => ip);
  assert.deepEqual(ips, [...ips].sort());
  assert.ok(ips.includes('10.0.3.232') && !ips.includes('10.0.0.5'));
});
