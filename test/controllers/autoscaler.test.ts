import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod } from '../../src/api/core.js';
import type { LabelSelector } from '../../src/api/meta.js';
import type { HorizontalPodAutoscaler, MetricSpec, ScaleTargetReference, ScalingRules } from '../../src/api/policy.js';
import { Serializer } from '../../src/api/serialize.js';
import type { Deployment } from '../../src/api/workloads.js';
import { EMPTY_HISTORY, normalize, type Timestamped } from '../../src/controllers/horizontal-limits.js';
import { hasFailed, metricResult, type MetricsSource } from '../../src/controllers/horizontal-metrics.js';
import { type PodMetric, type PodMetricTarget, podMetricProposal } from '../../src/controllers/horizontal-policy.js';
import { startControllers } from '../../src/controllers/registry.js';
import { SECOND } from '../../src/kernel/time.js';
import { FakeCluster, meta } from './fake-cluster.js';
import { deployment, messages } from './objects.js';

/** Worked examples of the replica calculator and the controller around it (kubernetes pkg/controller/podautoscaler). */

const NOW = 10_000 * SECOND;

interface PodOptions {
  readonly phase?: string;
  readonly ready?: 'True' | 'False' | 'Unknown';
  readonly started?: number;
  readonly changed?: number;
  readonly containers?: readonly Container[];
}

/** A pod of one container that asks for 100 millicores; started and ready long ago. */
function pod(name: string, { phase = 'Running', ready = 'True', started = 0, changed = 10, containers }: PodOptions = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: meta(name),
    spec: { containers: containers ?? [{ name: 'app', image: 'a', resources: { requests: { cpu: 100, memory: 1024 } } }] },
    status: {
      phase,
      startTime: started * SECOND,
      conditions: [{ type: 'Ready', status: ready, lastTransitionTime: changed * SECOND }],
    },
  } as unknown as Pod;
}

function usage(values: Record<string, number>): ReadonlyMap<string, PodMetric> {
  return new Map(Object.entries(values).map(([name, value]) => [name, { value, timestamp: NOW - 5 * SECOND, window: 15 * SECOND }]));
}

function replicas(target: PodMetricTarget, current: number, pods: readonly Pod[], values: Record<string, number>, resource = 'cpu'): number | string {
  const result = podMetricProposal({ resource }, target, current, pods, usage(values), NOW);
  return 'error' in result ? result.error : result.replicas;
}

const HALF = { utilization: 50 };

test('pods without metrics and pending ones speak against scaling, in either direction', () => {
  const three = [pod('a'), pod('b'), pod('c')];
  // 90 of 100 at a target of 50 %: ceil(1.8 × 3).
  assert.equal(replicas(HALF, 3, three, { a: 90, b: 90, c: 90 }), 6);
  // One pod without metrics and one pending count as 0: 270 of 500 is 54 %, within the tolerance.
  assert.equal(replicas(HALF, 5, [...three, pod('d'), pod('e', { phase: 'Pending' })], { a: 90, b: 90, c: 90 }), 5);
  // Falling, the pod without metrics counts as all of its request: (10 + 10 + 10 + 100) / 400 = 32 %, ceil(0.64 × 4).
  assert.equal(replicas(HALF, 4, [...three, pod('d')], { a: 10, b: 10, c: 10 }), 3);
  // At a target above 100 % it counts as the target: (30 + 200) / 200 = 115 %, ratio 0.575, ceil(1.15).
  assert.equal(replicas({ utilization: 200 }, 2, [pod('a'), pod('b')], { a: 30 }), 2);
  // Pending pods do not count when the use falls: ceil(0.2 × 3).
  assert.equal(replicas(HALF, 4, [...three, pod('e', { phase: 'Pending' })], { a: 10, b: 10, c: 10 }), 1);
});

test('the cpu of a pod that starts does not count for five minutes, unless it was ready for a window of the metric', () => {
  const young = NOW / SECOND - 100;
  const old = [pod('a'), pod('b')];
  const values = { a: 90, b: 90, c: 900 };
  // Ready for longer than the sample's 15 s: it counts. 1080 of 300 is 360 %: ceil(7.2 × 3).
  assert.equal(replicas(HALF, 3, [...old, pod('c', { started: young, changed: young + 20 })], values), 22);
  // Ready for 4 s when the sample ended: as 0. 180 of 300 is 60 %: ceil(1.2 × 3).
  assert.equal(replicas(HALF, 3, [...old, pod('c', { started: young, changed: NOW / SECOND - 9 })], values), 4);
  // Not ready: as 0.
  assert.equal(replicas(HALF, 3, [...old, pod('c', { started: young, ready: 'False' })], values), 4);
  // After five minutes it counts even when it is not ready, if it was ready later than 30 s after its start …
  assert.equal(replicas(HALF, 3, [...old, pod('c', { ready: 'False', changed: 31 })], values), 22);
  // … and not if it never was. On a node that is lost Ready is Unknown, which is not False.
  assert.equal(replicas(HALF, 3, [...old, pod('c', { ready: 'False', changed: 29 })], values), 4);
  assert.equal(replicas(HALF, 3, [...old, pod('c', { ready: 'Unknown', changed: 29 })], values), 22);
  // Memory and other metrics know no such rule.
  assert.equal(replicas({ averageValue: 50 }, 3, [...old, pod('c', { ready: 'False', started: young })], values, ''), 22);
});

test('what the calculator says when there is nothing to calculate with', () => {
  assert.equal(replicas(HALF, 3, [], {}), 'no pods returned by selector while calculating replica count');
  assert.equal(replicas(HALF, 1, [pod('a', { phase: 'Pending' })], { a: 1 }), 'did not receive metrics for targeted pods (pods might be unready)');
  const plain = { image: 'a', imagePullPolicy: 'IfNotPresent' as const };
  const two: Container[] = [{ ...plain, name: 'app', resources: { requests: { cpu: 100 } } }, { ...plain, name: 'proxy' }];
  assert.equal(replicas(HALF, 1, [pod('a', { containers: two })], { a: 1 }), 'missing request for cpu in container proxy of Pod a');
  // An average needs no requests; a limit stands for a request that is not given.
  assert.equal(replicas({ averageValue: 50 }, 1, [pod('a', { containers: two })], { a: 100 }), 2);
  assert.equal(replicas(HALF, 1, [pod('a', { containers: [{ ...plain, name: 'app', resources: { limits: { cpu: 100 } } }] })], { a: 100 }), 2);
});

const WEB: LabelSelector = { matchLabels: { app: 'a' } };

/** Answers by name of the metric; `pods` and `value` note what they were asked for. */
class Given implements MetricsSource {
  values: Record<string, number> = {};
  asked: unknown[] = [];

  resource(pods: readonly Pod[], resource: string, now: number, container?: string): ReadonlyMap<string, PodMetric> {
    if (container !== undefined) this.asked.push(container);
    const value = this.values[resource];
    return new Map(value === undefined ? [] : pods.map(({ metadata }) => [metadata.name, { value, timestamp: now, window: 0 }]));
  }

  pods(_namespace: string, pods: readonly Pod[], metric: string, now: number, selector?: LabelSelector): ReadonlyMap<string, PodMetric> {
    this.asked.push(selector);
    const value = this.values[metric];
    return new Map(value === undefined ? [] : pods.map(({ metadata }) => [metadata.name, { value, timestamp: now, window: 0 }]));
  }

  value(_namespace: string, metric: string, _now: number, selector?: LabelSelector, object?: ScaleTargetReference): number | undefined {
    this.asked.push(selector, object?.name);
    return this.values[metric];
  }
}

function evaluate(metric: MetricSpec, values: Record<string, number>, size = 4): unknown {
  const source = new Given();
  source.values = values;
  const pods = Array.from({ length: size }, (_, i) => pod(`p${i}`));
  const context = { source, namespace: 'shop', size: { current: size, inStatus: size }, pods, tolerance: { up: 0.1, down: 0.1 }, containerMustExist: true, now: NOW };
  const result = metricResult(context, metric);
  return hasFailed(result) ? [result.reason, result.message, result.error] : [result.proposal.replicas, result.name, result.status.current];
}

const INGRESS = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', name: 'main' };

test('each type of metric: replicas, name in messages, status', () => {
  const cpu = { type: 'Utilization' as const, averageUtilization: 50 };
  assert.deepEqual(evaluate({ type: 'Resource', name: 'cpu', target: cpu }, { cpu: 90 }), [
    8,
    'cpu resource utilization (percentage of request)',
    { averageUtilization: 90, averageValue: 90 },
  ]);
  assert.deepEqual(evaluate({ type: 'ContainerResource', name: 'cpu', container: 'app', target: cpu }, { cpu: 90 }), [
    8,
    'cpu container resource utilization (percentage of request)',
    { averageUtilization: 90, averageValue: 90 },
  ]);
  assert.deepEqual(evaluate({ type: 'Resource', name: 'memory', target: { type: 'AverageValue', averageValue: 1000 } }, { memory: 1500 }), [
    6,
    'memory resource',
    { averageValue: 1_500_000 },
  ]);
  assert.deepEqual(evaluate({ type: 'Pods', name: 'rate', target: { type: 'AverageValue', averageValue: 0.5 } }, { rate: 1.2 }), [
    10,
    'pods metric rate',
    { averageValue: 1200 },
  ]);
  const object = { type: 'Object' as const, name: 'rate', describedObject: INGRESS };
  assert.deepEqual(evaluate({ ...object, target: { type: 'Value', value: 100 } }, { rate: 300 }), [12, 'Ingress metric rate', { value: 300_000 }]);
  // The real message calls it external.
  assert.deepEqual(evaluate({ ...object, target: { type: 'AverageValue', averageValue: 50 } }, { rate: 301 }), [7, 'external metric rate(nil)', { averageValue: 75_250 }]);
  const external = { type: 'External' as const, name: 'queue', selector: { matchLabels: { topic: 'jobs', zone: 'a' } } };
  const name = 'external metric queue(&LabelSelector{MatchLabels:map[string]string{topic: jobs,zone: a,},MatchExpressions:[]LabelSelectorRequirement{},})';
  assert.deepEqual(evaluate({ ...external, target: { type: 'AverageValue', averageValue: 30 } }, { queue: 200 }), [7, name, { averageValue: 50_000 }]);
  // 280 / 300 is within the tolerance.
  assert.deepEqual(evaluate({ ...external, target: { type: 'Value', value: 300 } }, { queue: 280 }), [4, name, { value: 280_000 }]);
});

test('each type of metric that cannot be had: reason, message, and the error as it is passed on', () => {
  const cpu = { type: 'Utilization' as const, averageUtilization: 50 };
  const none = 'failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API';
  assert.deepEqual(evaluate({ type: 'Resource', name: 'cpu', target: cpu }, {}), ['FailedGetResourceMetric', none, `failed to get cpu resource metric value: ${none}`]);
  assert.deepEqual(evaluate({ type: 'ContainerResource', name: 'cpu', container: 'app', target: cpu }, {}), [
    'FailedGetContainerResourceMetric',
    none,
    `failed to get app container metric value: ${none}`,
  ]);
  const absent = 'failed to get cpu utilization: container proxy not found in Pod p0';
  assert.deepEqual(evaluate({ type: 'ContainerResource', name: 'cpu', container: 'proxy', target: cpu }, { cpu: 1 }), [
    'FailedGetContainerResourceMetric',
    absent,
    `failed to get proxy container metric value: ${absent}`,
  ]);
  const pods = 'unable to get metric rate: no metrics returned from custom metrics API';
  assert.deepEqual(evaluate({ type: 'Pods', name: 'rate', target: { type: 'AverageValue', averageValue: 1 } }, {}), [
    'FailedGetPodsMetric',
    pods,
    `failed to get pods metric value: ${pods}`,
  ]);
  const object =
    'unable to get metric rate: Ingress on shop main/unable to fetch metrics from custom metrics API: the server could not find the metric rate for ingresses.networking.k8s.io main';
  assert.deepEqual(evaluate({ type: 'Object', name: 'rate', describedObject: INGRESS, target: { type: 'AverageValue', averageValue: 1 } }, {}), [
    'FailedGetObjectMetric',
    object,
    `failed to get object metric value: failed to get rate object metric: ${object}`,
  ]);
  const external = 'unable to get external metric shop/queue/nil: no metrics returned from external metrics API';
  assert.deepEqual(evaluate({ type: 'External', name: 'queue', target: { type: 'Value', value: 1 } }, {}), [
    'FailedGetExternalMetric',
    external,
    `failed to get queue external metric value: failed to get external metric queue: ${external}`,
  ]);
});

function autoscaler(name: string, metrics: readonly MetricSpec[], scaleTargetRef: ScaleTargetReference, maxReplicas = 10): HorizontalPodAutoscaler {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: meta(name),
    spec: { scaleTargetRef, minReplicas: 1, maxReplicas, metrics },
    status: { desiredReplicas: 0 },
  };
}

const TARGET = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const CPU: MetricSpec = { type: 'Resource', name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } };
const QUEUE: MetricSpec = { type: 'External', name: 'queue', target: { type: 'AverageValue', averageValue: 10 } };

function start(source: MetricsSource, replicas = 4): FakeCluster {
  const cluster = new FakeCluster();
  startControllers(cluster, ['deployment', 'replicaset', 'horizontalpodautoscaler'], source);
  cluster.create('deployments', deployment(replicas));
  return cluster;
}

function conditions(cluster: FakeCluster, name = 'web'): string[] {
  const { status } = cluster.get<HorizontalPodAutoscaler>('horizontalpodautoscalers', `default/${name}`)!;
  return status.conditions!.map(({ type, status: value, reason }) => `${type}=${value}/${reason}`);
}

test('with one metric of two missing it grows and does not shrink; the first failure is the condition', () => {
  const source = new Given();
  const cluster = start(source);
  cluster.create('horizontalpodautoscalers', autoscaler('web', [CPU, QUEUE], TARGET));
  source.values = { queue: 10 };
  cluster.run(20 * SECOND);
  assert.equal(cluster.get<Deployment>('deployments', 'default/web')!.spec.replicas, 4, 'queue asks for 1, cpu is missing');
  assert.deepEqual(conditions(cluster), ['AbleToScale=True/SucceededGetScale', 'ScalingActive=False/FailedGetResourceMetric']);
  const cpu = 'failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API';
  assert.deepEqual(messages(cluster, 'HorizontalPodAutoscaler'), [
    `FailedGetResourceMetric: ${cpu}`,
    `FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 2), first error is: failed to get cpu resource metric value: ${cpu}`,
  ]);
  const object = cluster.get<HorizontalPodAutoscaler>('horizontalpodautoscalers', 'default/web')!;
  assert.deepEqual([object.status.currentReplicas, object.status.desiredReplicas], [4, 0], 'the last decision stays');
  source.values = { queue: 55 };
  cluster.run(35 * SECOND);
  assert.equal(cluster.get<Deployment>('deployments', 'default/web')!.spec.replicas, 6);
  assert.equal(messages(cluster, 'HorizontalPodAutoscaler').at(-1), 'SuccessfulRescale: New size: 6; reason: external metric queue(nil) above target');
  const { currentMetrics } = new Serializer().object(cluster.get<HorizontalPodAutoscaler>('horizontalpodautoscalers', 'default/web')!).status as { currentMetrics: unknown };
  assert.deepEqual(currentMetrics, [{ type: '' }, { type: 'External', external: { metric: { name: 'queue' }, current: { averageValue: '13750m' } } }]);
});

test('targets that cannot be scaled: an unknown kind, a missing object, a kind without scale', () => {
  const cluster = start(new Given());
  const targets: Record<string, ScaleTargetReference> = {
    kind: { apiVersion: 'apps/v1', kind: 'Deploymnet', name: 'web' },
    scale: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent' },
    missing: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'wbe' },
  };
  for (const name in targets) cluster.create('horizontalpodautoscalers', autoscaler(name, [CPU], targets[name]!));
  cluster.run(20 * SECOND);
  for (const name in targets) assert.deepEqual(conditions(cluster, name), ['AbleToScale=False/FailedGetScale'], name);
  const texts = messages(cluster, 'HorizontalPodAutoscaler');
  assert.ok(texts.includes('FailedGetScale: no matches for kind "Deploymnet" in group "apps"'));
  assert.ok(texts.includes('FailedGetScale: the server could not find the requested resource'));
  assert.ok(texts.includes('FailedGetScale: deployments/scale.apps "wbe" not found'));
});

test('two autoscalers on the same pods stop both', () => {
  const source = new Given();
  source.values = { queue: 100 };
  const cluster = start(source);
  cluster.create('horizontalpodautoscalers', autoscaler('one', [QUEUE], TARGET));
  cluster.create('horizontalpodautoscalers', autoscaler('two', [QUEUE], TARGET));
  cluster.run(50 * SECOND);
  assert.deepEqual(conditions(cluster, 'two').slice(0, 2), ['AbleToScale=True/SucceededGetScale', 'ScalingActive=False/AmbiguousSelector']);
  assert.ok(conditions(cluster, 'one').includes('ScalingActive=False/AmbiguousSelector'));
  const text = 'pods by selector app=a are controlled by multiple HPAs: [{one default} {two default}]';
  assert.ok(messages(cluster, 'HorizontalPodAutoscaler').includes(`AmbiguousSelector: ${text}`));
  cluster.delete('horizontalpodautoscalers', 'default/two');
  cluster.run(90 * SECOND);
  assert.equal(cluster.get<Deployment>('deployments', 'default/web')!.spec.replicas, 10, 'the other one goes on when it is alone');
});

function limited(behavior: { scaleUp?: ScalingRules; scaleDown?: ScalingRules } | undefined, current: number, desired: number, recommendations: Timestamped[] = [], ups: Timestamped[] = []) {
  const base = autoscaler('web', [CPU], TARGET, 100);
  const object = behavior === undefined ? base : { ...base, spec: { ...base.spec, behavior } };
  const { replicas: size, stabilized, limit } = normalize(object, current, desired, { ...EMPTY_HISTORY, recommendations, ups }, NOW);
  return [size, stabilized, limit];
}

test('windows, policies and limits', () => {
  // Without behavior: at most double or four, at once; recommendations of the last 300 s hold it up, their end included.
  assert.deepEqual(limited(undefined, 3, 50), [6, undefined, 'ScaleUpLimit']);
  assert.deepEqual(limited(undefined, 1, 50), [4, undefined, 'ScaleUpLimit']);
  assert.deepEqual(limited(undefined, 60, 500), [100, undefined, 'TooManyReplicas']);
  assert.deepEqual(limited(undefined, 8, 2, [{ time: NOW - 300 * SECOND, replicas: 7 }]), [7, 'down', undefined]);
  assert.deepEqual(limited(undefined, 8, 2, [{ time: NOW - 301 * SECOND, replicas: 7 }]), [2, undefined, undefined]);
  // An empty behavior has the default rules: 4 pods or 100 % per 15 s up, all at once down after 300 s.
  assert.deepEqual(limited({}, 3, 50), [7, undefined, 'ScaleUpLimit']);
  assert.deepEqual(limited({}, 8, 50), [16, undefined, 'ScaleUpLimit']);
  assert.deepEqual(limited({}, 16, 50, [], [{ time: NOW - 10 * SECOND, replicas: 8 }]), [16, undefined, 'ScaleUpLimit']);
  assert.deepEqual(limited({}, 8, 2, [{ time: NOW - 299 * SECOND, replicas: 8 }]), [8, 'down', undefined]);
  // Policies: the greatest change wins unless selectPolicy says Min or Disabled.
  const policies = [
    { type: 'Pods' as const, value: 2, periodSeconds: 60 },
    { type: 'Percent' as const, value: 10, periodSeconds: 60 },
  ];
  const down = (selectPolicy: 'Max' | 'Min' | 'Disabled') => limited({ scaleDown: { stabilizationWindowSeconds: 0, selectPolicy, policies } }, 50, 1);
  assert.deepEqual([down('Max')[0], down('Min')[0], down('Disabled')[0]], [45, 48, 50]);
  // A window up takes the lowest recommendation of it.
  assert.deepEqual(limited({ scaleUp: { stabilizationWindowSeconds: 60 } }, 4, 8, [{ time: NOW - 30 * SECOND, replicas: 5 }]), [5, 'up', undefined]);
});

test('selectors select', () => {
  const source = new Given();
  source.values = { queue: 1, rate: 1 };
  const pods = [pod('a')];
  const context = { source, namespace: 'shop', size: { current: 1, inStatus: 1 }, pods, tolerance: { up: 0.1, down: 0.1 }, containerMustExist: true, now: NOW };
  metricResult(context, { ...QUEUE, selector: WEB });
  metricResult(context, { type: 'Pods', name: 'rate', selector: WEB, target: { type: 'AverageValue', averageValue: 1 } });
  metricResult(context, { type: 'Object', name: 'rate', describedObject: INGRESS, target: { type: 'Value', value: 1 } });
  assert.deepEqual(source.asked, [WEB, undefined, WEB, undefined, 'main']);
});
