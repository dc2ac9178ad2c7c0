import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DaemonSet, StatefulSet } from '../../src/api/apps.js';
import type { Endpoints } from '../../src/api/cluster-kinds.js';
import type { CronJob, Job, JobSpec } from '../../src/api/batch.js';
import type { Node, Pod, Service } from '../../src/api/core.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { HorizontalPodAutoscaler, PodDisruptionBudget, ResourceQuota } from '../../src/api/policy.js';
import type { Deployment, EndpointSlice, ReplicaSet } from '../../src/api/workloads.js';
import type { PodMetric } from '../../src/controllers/horizontal-policy.js';
import type { MetricsSource } from '../../src/controllers/horizontal-pod-autoscaler.js';
import { endpointSubsets } from '../../src/controllers/endpoints.js';
import { startControllers } from '../../src/controllers/registry.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { FakeCluster, meta, template } from './fake-cluster.js';

function messages(cluster: FakeCluster, kind: string): string[] {
  return cluster.events.filter((event) => event.object.startsWith(`${kind}/`)).map((event) => `${event.reason}: ${event.message}`);
}

function deployment(replicas: number): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta('web'),
    spec: {
      replicas,
      selector: { matchLabels: { app: 'a' } },
      template: template('app:v1'),
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      minReadySeconds: 0,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
    },
    status: {},
  };
}

test('deleting a Deployment takes its ReplicaSet and pods with it: GET and DELETE for each', () => {
  const cluster = new FakeCluster();
  startControllers(cluster, ['deployment', 'replicaset', 'garbage-collector']);
  cluster.create('deployments', deployment(3));
  cluster.run(2 * SECOND);
  cluster.delete('deployments', 'default/web');
  cluster.run(4 * SECOND);
  assert.equal(cluster.all('replicasets').length, 0);
  assert.equal(cluster.all('pods').length, 0);
  const collector = cluster.audit.filter((entry) => entry.user === 'generic-garbage-collector');
  assert.deepEqual(
    collector.map(({ request, code }) => `${request.verb} ${request.resource} ${code}`).sort(),
    ['delete pods 200', 'delete pods 200', 'delete pods 200', 'delete replicasets 200', 'get pods 200', 'get pods 200', 'get pods 200', 'get replicasets 200'],
  );
});

test('foreground deletion waits for the dependents, orphaning lets them go', () => {
  for (const propagationPolicy of ['Foreground', 'Orphan'] as const) {
    const cluster = new FakeCluster({ stopAfter: SECOND });
    startControllers(cluster, ['replicaset', 'garbage-collector']);
    const { spec } = deployment(2);
    const set = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: meta('web'),
      spec: { replicas: 2, selector: spec.selector, template: spec.template, minReadySeconds: 0 },
      status: { replicas: 0 },
    } as ReplicaSet;
    cluster.create('replicasets', set);
    cluster.run(2 * SECOND);
    cluster.delete('replicasets', 'default/web', { propagationPolicy });
    cluster.run(2.5 * SECOND);
    if (propagationPolicy === 'Foreground') assert.equal(cluster.all('replicasets').length, 1);
    cluster.run(5 * SECOND);
    assert.equal(cluster.all('replicasets').length, 0);
    assert.equal(cluster.all('pods').length, propagationPolicy === 'Foreground' ? 0 : 2);
  }
});

test('a namespace gets its service account and root certificate, and is emptied before it goes', () => {
  const cluster = new FakeCluster();
  startControllers(cluster, ['namespace', 'serviceaccount', 'root-ca-certificate-publisher']);
  cluster.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: meta('team', '') });
  cluster.run(SECOND);
  assert.ok(cluster.get('serviceaccounts', 'team/default') !== undefined);
  assert.ok(cluster.get('configmaps', 'team/kube-root-ca.crt') !== undefined);
  cluster.delete('namespaces', 'team');
  cluster.run(5 * SECOND);
  assert.ok(cluster.get('namespaces', 'team') !== undefined, 'the first look is 5 s after the deletion');
  cluster.run(30 * SECOND);
  assert.equal(cluster.get('namespaces', 'team'), undefined);
  assert.equal(cluster.get('serviceaccounts', 'team/default'), undefined);
});

test('an EndpointSlice follows readiness, and a terminating pod stays as serving', () => {
  const cluster = new FakeCluster({ stopAfter: 2 * SECOND });
  startControllers(cluster, ['deployment', 'replicaset', 'endpointslice', 'endpoint']);
  cluster.create('services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta('web'),
    spec: { type: 'ClusterIP', selector: { app: 'a' }, ports: [{ port: 80, targetPort: 'http', protocol: 'TCP' }] },
  } as Service);
  cluster.create('deployments', deployment(120));
  cluster.run(10 * SECOND);
  const slices = cluster.all<EndpointSlice>('endpointslices');
  const endpoints = slices.flatMap((slice) => slice.endpoints);
  assert.equal(endpoints.length, 120);
  assert.ok(slices.every((slice) => slice.endpoints.length <= 100));
  assert.ok(endpoints.every(({ conditions, nodeName, zone }) => conditions.ready && nodeName !== undefined && zone !== undefined));
  assert.deepEqual(slices[0]!.ports, [{ port: 8080, protocol: 'TCP' }]);
  assert.match(slices[0]!.metadata.name, /^web-/);
  cluster.delete('pods', `default/${cluster.all<Pod>('pods')[0]!.metadata.name}`);
  cluster.run(11 * SECOND);
  const going = cluster.all<EndpointSlice>('endpointslices').flatMap((slice) => slice.endpoints).filter(({ conditions }) => conditions.terminating);
  assert.deepEqual(going.map(({ conditions }) => conditions), [{ ready: false, serving: true, terminating: true }]);
  cluster.run(20 * SECOND);
  const legacy = cluster.get<Endpoints>('endpoints', 'default/web')!;
  assert.equal(legacy.subsets![0]!.addresses!.length, 120);
  assert.equal(legacy.subsets![0]!.notReadyAddresses, undefined);
  const after = cluster.all<EndpointSlice>('endpointslices').flatMap((slice) => slice.endpoints);
  assert.equal(after.length, 120);
  assert.equal(new Set(after.map(({ addresses }) => addresses[0])).size, 120);
});

function statefulSet(replicas: number, policy: 'OrderedReady' | 'Parallel', partition = 0): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: meta('db'),
    spec: {
      replicas,
      selector: { matchLabels: { app: 'a' } },
      template: template('db:v1'),
      serviceName: 'db',
      podManagementPolicy: policy,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition } },
      revisionHistoryLimit: 10,
      minReadySeconds: 0,
    },
    status: { replicas: 0 },
  };
}

test('a StatefulSet starts in order, is updated from the top, one at a time, and ends with the update revision', () => {
  const cluster = new FakeCluster({ readyAfter: () => 500 * MILLISECOND });
  startControllers(cluster, ['statefulset']);
  cluster.create('statefulsets', statefulSet(3, 'OrderedReady'));
  cluster.run(5 * SECOND);
  const created = cluster.audit.filter(({ request }) => request.verb === 'create' && request.resource === 'pods' && request.subresource === undefined);
  assert.deepEqual(created.map(({ request }) => request.name), ['db-0', 'db-1', 'db-2']);
  assert.ok(created[1]!.time - created[0]!.time >= 500 * MILLISECOND);
  cluster.edit<StatefulSet>('statefulsets', 'default/db', (set) => ({ ...set, spec: { ...set.spec, template: template('db:v2') } }));
  cluster.run(15 * SECOND);
  const deleted = cluster.audit.filter(({ user, request }) => user === 'statefulset-controller' && request.verb === 'delete');
  assert.deepEqual(deleted.map(({ request }) => request.name), ['db-2', 'db-1', 'db-0']);
  const set = cluster.get<StatefulSet>('statefulsets', 'default/db')!;
  assert.equal(set.status.currentRevision, set.status.updateRevision);
  assert.deepEqual([set.status.replicas, set.status.readyReplicas, set.status.currentReplicas, set.status.updatedReplicas], [3, 3, 3, 3]);
  assert.ok(messages(cluster, 'StatefulSet').includes('SuccessfulCreate: create Pod db-0 in StatefulSet db successful'));
});

test('a partition keeps the lower ordinals at the old revision; Parallel starts all at once and scales down at once', () => {
  const cluster = new FakeCluster({ readyAfter: () => 500 * MILLISECOND });
  startControllers(cluster, ['statefulset']);
  cluster.create('statefulsets', statefulSet(5, 'Parallel', 3));
  cluster.run(3 * SECOND);
  const created = cluster.audit.filter(({ request }) => request.verb === 'create' && request.resource === 'pods' && request.subresource === undefined);
  assert.equal(created.length, 5);
  assert.ok(created[4]!.time - created[0]!.time < 100 * MILLISECOND);
  cluster.edit<StatefulSet>('statefulsets', 'default/db', (set) => ({ ...set, spec: { ...set.spec, template: template('db:v2') } }));
  cluster.run(10 * SECOND);
  const images = cluster.all<Pod>('pods').sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)).map((pod) => pod.spec.containers[0]!.image);
  assert.deepEqual(images, ['db:v1', 'db:v1', 'db:v1', 'db:v2', 'db:v2']);
  cluster.edit<StatefulSet>('statefulsets', 'default/db', (set) => ({ ...set, spec: { ...set.spec, replicas: 1 } }));
  cluster.run(12 * SECOND);
  assert.deepEqual(cluster.all<Pod>('pods').map((pod) => pod.metadata.name), ['db-0']);
});

test('a DaemonSet puts a pod on every fitting node and renews them as many at a time as allowed', () => {
  const cluster = new FakeCluster({ nodes: 6, readyAfter: () => 500 * MILLISECOND });
  startControllers(cluster, ['daemonset']);
  cluster.edit<Node>('nodes', 'node-5', (node) => ({ ...node, spec: { taints: [{ key: 'dedicated', effect: 'NoSchedule' }] } }));
  const set: DaemonSet = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: meta('agent'),
    spec: {
      selector: { matchLabels: { app: 'a' } },
      template: template('agent:v1'),
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2, maxSurge: 0 } },
      revisionHistoryLimit: 10,
    },
    status: { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 },
  };
  cluster.create('daemonsets', set);
  cluster.run(3 * SECOND);
  assert.equal(cluster.all('pods').length, 5);
  assert.equal(cluster.get<DaemonSet>('daemonsets', 'default/agent')!.status.numberAvailable, 5);
  const from = cluster.history.length;
  cluster.edit<DaemonSet>('daemonsets', 'default/agent', (ds) => ({ ...ds, spec: { ...ds.spec, template: template('agent:v2') } }));
  cluster.run(20 * SECOND);
  const { status } = cluster.get<DaemonSet>('daemonsets', 'default/agent')!;
  assert.deepEqual([status.updatedNumberScheduled, status.numberAvailable, status.numberUnavailable], [5, 5, undefined]);
  for (const object of cluster.history.slice(from)) {
    if (object.kind === 'DaemonSet') assert.ok(((object as DaemonSet).status.numberUnavailable ?? 0) <= 2);
  }
});

function job(spec: Partial<JobSpec>): Job {
  const base = template('job:v1');
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: meta('j'),
    spec: { parallelism: 1, completions: 1, backoffLimit: 6, completionMode: 'NonIndexed', template: { ...base, spec: { ...base.spec, restartPolicy: 'Never' } }, ...spec },
    status: {},
  };
}

test('a Job of 10 completions, 3 at a time, ends Complete with SuccessCriteriaMet before it', () => {
  const cluster = new FakeCluster({ finishAfter: () => ({ after: 2 * SECOND, phase: 'Succeeded' }) });
  startControllers(cluster, ['job']);
  cluster.create('jobs', job({ parallelism: 3, completions: 10 }));
  let most = 0;
  for (let t = 1; t <= 60; t++) {
    cluster.run(t * SECOND);
    most = Math.max(most, cluster.all<Pod>('pods').filter((pod) => pod.status.phase === 'Running' || pod.status.phase === 'Pending').length);
  }
  const { status } = cluster.get<Job>('jobs', 'default/j')!;
  assert.equal(most, 3);
  assert.equal(status.succeeded, 10);
  assert.deepEqual(status.conditions!.map(({ type, reason }) => `${type}/${reason}`), ['SuccessCriteriaMet/CompletionsReached', 'Complete/CompletionsReached']);
  assert.ok(cluster.all<Pod>('pods').every((pod) => (pod.metadata.finalizers ?? []).length === 0));
  assert.ok(messages(cluster, 'Job').includes('Completed: Job completed'));
});

test('failed pods come back after 10 s and 20 s, and the Job fails at its limit (job-fail-bl2)', () => {
  const cluster = new FakeCluster({ finishAfter: () => ({ after: 500 * MILLISECOND, phase: 'Failed' }) });
  startControllers(cluster, ['job']);
  cluster.create('jobs', job({ backoffLimit: 2 }));
  cluster.run(120 * SECOND);
  const times = cluster.audit.filter(({ request }) => request.verb === 'create' && request.resource === 'pods' && request.subresource === undefined).map(({ time }) => time / SECOND);
  assert.equal(times.length, 3);
  assert.ok(Math.abs(times[1]! - 10.6) < 1.1, `second pod at ${times[1]}`);
  assert.ok(Math.abs(times[2]! - 32.1) < 2.2, `third pod at ${times[2]}`);
  const { status } = cluster.get<Job>('jobs', 'default/j')!;
  assert.deepEqual(status.conditions!.map(({ type, reason }) => `${type}/${reason}`), ['FailureTarget/BackoffLimitExceeded', 'Failed/BackoffLimitExceeded']);
  assert.equal(status.failed, 3);
  assert.ok(messages(cluster, 'Job').includes('BackoffLimitExceeded: Job has reached the specified backoff limit'));
});

test('an indexed Job with backoffLimitPerIndex fails only the bad index', () => {
  const cluster = new FakeCluster({
    finishAfter: (_ordinal, pod) => ({ after: 500 * MILLISECOND, phase: pod.metadata.annotations?.['batch.kubernetes.io/job-completion-index'] === '1' ? 'Failed' : 'Succeeded' }),
  });
  startControllers(cluster, ['job']);
  cluster.create('jobs', job({ parallelism: 4, completions: 4, completionMode: 'Indexed', backoffLimit: 2147483647, backoffLimitPerIndex: 1 }));
  cluster.run(120 * SECOND);
  const { status } = cluster.get<Job>('jobs', 'default/j')!;
  assert.equal(status.completedIndexes, '0,2,3');
  assert.equal(status.failedIndexes, '1');
  assert.equal(status.conditions!.at(-1)!.reason, 'FailedIndexes');
  assert.ok(cluster.all<Pod>('pods').every((pod) => /^j-[0-3]-\d{5}$/.test(pod.metadata.name)));
});

test('a CronJob runs each minute, with the name of the minute; Forbid skips while one runs', () => {
  const cluster = new FakeCluster({ finishAfter: () => ({ after: 75 * SECOND, phase: 'Succeeded' }) });
  startControllers(cluster, ['job', 'cronjob']);
  const cronJob: CronJob = {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: meta('cj'),
    spec: {
      schedule: '* * * * *',
      concurrencyPolicy: 'Forbid',
      jobTemplate: { metadata: {}, spec: job({}).spec },
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
    },
    status: {},
  };
  cluster.create('cronjobs', cronJob);
  cluster.run(65 * SECOND);
  assert.deepEqual(cluster.all<Job>('jobs').map((object) => object.metadata.name), [`cj-${1735689660 / 60}`]);
  cluster.run(125 * SECOND);
  assert.equal(cluster.all('jobs').length, 1);
  assert.ok(messages(cluster, 'CronJob').includes('JobAlreadyActive: Not starting job because prior execution is running and concurrency policy is Forbid'));
  cluster.run(145 * SECOND);
  assert.deepEqual(cluster.all<Job>('jobs').map((object) => object.metadata.name), [`cj-${1735689660 / 60}`, `cj-${1735689720 / 60}`]);
  assert.ok(messages(cluster, 'CronJob').includes(`SawCompletedJob: Saw completed job: cj-${1735689660 / 60}, condition: Complete`));
});

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

  podMetrics(_namespace: string, _selector: unknown, _resource: string, now: number): ReadonlyMap<string, PodMetric> {
    const running = this.cluster.all<Pod>('pods').filter((pod) => pod.status.phase === 'Running');
    return new Map(running.map((pod) => [pod.metadata.name, { value: Math.round(this.total / running.length), timestamp: now, window: 0 }]));
  }

  value(): undefined {
    return undefined;
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
      scaleTargetRef: { kind: 'Deployment', name: 'web' },
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
  const evicted = cluster.audit.find(({ user, request }) => user === 'taint-eviction-controller' && request.verb === 'delete')!;
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

test('a quota shows what its namespace uses', () => {
  const cluster = new FakeCluster();
  startControllers(cluster, ['deployment', 'replicaset', 'resourcequota']);
  cluster.create('resourcequotas', { apiVersion: 'v1', kind: 'ResourceQuota', metadata: meta('quota'), spec: { hard: { pods: 10 } } } as KubernetesObject);
  cluster.create('deployments', deployment(3));
  cluster.run(2 * SECOND);
  assert.deepEqual(cluster.get<ResourceQuota>('resourcequotas', 'default/quota')!.status, { hard: { pods: 10 }, used: { pods: 3 } });
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
  const { subsets, truncated } = endpointSubsets(service, pods(0, 700), pods(1000, 400));
  assert.equal(truncated, true);
  assert.deepEqual(subsets.map(({ addresses, notReadyAddresses }) => [addresses!.length, notReadyAddresses!.length]), [[700, 300]]);
});
