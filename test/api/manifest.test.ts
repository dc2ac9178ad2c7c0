import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import type { Node, Pod, Service } from '../../src/api/core.js';
import { admit, defaultImagePullPolicy } from '../../src/api/defaults.js';
import { fieldErrorText } from '../../src/api/fields.js';
import { readManifest } from '../../src/api/manifest.js';
import type { RawMap } from '../../src/api/reader.js';
import { Serializer } from '../../src/api/serialize.js';
import { validateObject } from '../../src/api/validation.js';
import type { Deployment } from '../../src/api/workloads.js';

const scenarios = fileURLToPath(new URL('../../../scenarios/', import.meta.url));

function documents(file: string): RawMap[] {
  return parseAllDocuments(readFileSync(`${scenarios}${file}`, 'utf8'))
    .map((document) => document.toJS() as RawMap | null)
    .filter((value) => value !== null);
}

function read<T>(raw: RawMap): T {
  const { object, errors } = readManifest(raw);
  assert.deepEqual(errors.map(fieldErrorText), []);
  return object as T;
}

const minimal = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'nginx' }] } },
  },
};

describe('readManifest', () => {
  it('fills in the defaults of a Deployment (kubernetes.io API reference)', () => {
    const deployment = read<Deployment>(minimal);
    assert.deepEqual(deployment.spec, {
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          containers: [{ name: 'c', image: 'nginx', imagePullPolicy: 'Always' }],
          schedulerName: 'default-scheduler',
          restartPolicy: 'Always',
          terminationGracePeriodSeconds: 30,
          dnsPolicy: 'ClusterFirst',
        },
      },
      replicas: 1,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      minReadySeconds: 0,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
    });
    assert.equal(deployment.metadata.namespace, 'default');
  });

  it('keeps zero where zero is meant', () => {
    const deployment = read<Deployment>({
      ...minimal,
      spec: { ...minimal.spec, replicas: 0, revisionHistoryLimit: 0 },
    });
    assert.equal(deployment.spec.replicas, 0);
    assert.equal(deployment.spec.revisionHistoryLimit, 0);
  });

  it('defaults probes, ports and Service ports', () => {
    const pod = read<Pod>({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: {
        containers: [
          { name: 'c', image: 'a:1', ports: [{ containerPort: 80 }], livenessProbe: { tcpSocket: { port: 80 } } },
        ],
      },
    });
    const [container] = pod.spec.containers;
    assert.deepEqual(container!.ports, [{ containerPort: 80, protocol: 'TCP' }]);
    assert.deepEqual(container!.livenessProbe, {
      handler: 'tcpSocket',
      port: 80,
      initialDelaySeconds: 0,
      periodSeconds: 10,
      timeoutSeconds: 1,
      successThreshold: 1,
      failureThreshold: 3,
    });
    assert.equal(container!.imagePullPolicy, 'IfNotPresent');
    const service = read<Service>({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 's' },
      spec: { selector: { a: 'b' }, ports: [{ port: 80 }] },
    });
    assert.deepEqual(service.spec.ports, [{ port: 80, protocol: 'TCP', targetPort: 80 }]);
    assert.equal(service.spec.type, 'ClusterIP');
  });

  it('reads amounts and taints of a node', () => {
    const node = read<Node>({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n' },
      spec: { taints: [{ key: 'k', effect: 'NoSchedule', timeAdded: '2025-01-01T00:01:00Z' }] },
      status: { capacity: { cpu: '4', memory: '16Gi', pods: 110 } },
    });
    assert.deepEqual(node.status.allocatable, { cpu: 4000, memory: 17179869184, pods: 110 });
    assert.deepEqual(node.spec.taints, [{ key: 'k', effect: 'NoSchedule', timeAdded: 60e9 }]);
    assert.equal(node.metadata.namespace, '');
  });

  it('finds the seconds of a plain sleep before stopping', () => {
    const spec = (command: string[]) => ({
      containers: [{ name: 'c', image: 'a:1', lifecycle: { preStop: { exec: { command } } } }],
    });
    for (const [command, seconds] of [
      [['sleep', '5'], 5],
      [['/bin/sh', '-c', 'sleep 10'], 10],
      [['/bin/sh', '-c', 'nginx -s quit'], undefined],
    ] as const) {
      const pod = read<Pod>({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: spec([...command]) });
      assert.equal(pod.spec.containers[0]!.preStop?.seconds, seconds);
    }
  });

  it('keeps what the models do not read', () => {
    const deployment = documents('online-boutique/kubernetes-manifests.yaml').find((raw) => raw.kind === 'Deployment')!;
    const { template } = read<Deployment>(deployment).spec;
    assert.deepEqual(template.spec.extra, {
      securityContext: { fsGroup: 1000, runAsGroup: 1000, runAsNonRoot: true, runAsUser: 1000 },
    });
  });

  it('names every wrong field at once', () => {
    const { errors } = readManifest({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 5 },
      spec: {
        replicas: 'three',
        template: {
          metadata: { labels: { app: true } },
          spec: { containers: [{ nmae: 'x', resources: { requests: { cpu: '100mm' } } }] },
        },
      },
    });
    assert.deepEqual(
      errors.map((error) => error.field),
      [
        'metadata.name',
        'spec.replicas',
        'spec.template.metadata.labels[app]',
        'spec.template.spec.containers[0].resources.requests[cpu]',
        'spec.template.spec.containers[0].nmae',
      ],
    );
    assert.equal(
      fieldErrorText(errors[4]!),
      'spec.template.spec.containers[0].nmae: unknown field; did you mean "name"?',
    );
  });

  for (const file of ['online-boutique/kubernetes-manifests.yaml', 'hello/hello.yaml', 'nodes/4cpu-16gi.yaml']) {
    it(`comes back the same through JSON: ${file}`, () => {
      const serializer = new Serializer();
      for (const raw of documents(file)) {
        const object = read<Deployment>(raw);
        assert.deepEqual(validateObject(object).map(fieldErrorText), []);
        const json = JSON.parse(JSON.stringify(serializer.object(object))) as RawMap;
        assert.deepEqual(read(json), object);
      }
    });
  }

  for (const raw of [
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'db' },
      spec: {
        ...minimal.spec,
        serviceName: 'db',
        updateStrategy: { rollingUpdate: { partition: 1 } },
        volumeClaimTemplates: [
          {
            metadata: { name: 'data' },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Gi' } } },
          },
        ],
      },
    },
    { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent' }, spec: minimal.spec },
    {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata: { name: 'rc' },
      spec: { replicas: 2, template: minimal.spec.template },
    },
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'j' },
      spec: { parallelism: 3, template: minimal.spec.template },
    },
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'c' },
      spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template: minimal.spec.template } } },
    },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'b' },
      spec: { maxUnavailable: '25%', selector: { matchLabels: { a: 'b' } } },
    },
    {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'h' },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        maxReplicas: 9,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'AverageValue', averageValue: '250m' } } },
          { type: 'Pods', pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '100' } } },
        ],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'q' },
      spec: { hard: { 'requests.cpu': '500m', 'requests.memory': '1Gi', pods: '10' } },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'v' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    },
  ] as RawMap[]) {
    it(`comes back the same through JSON: ${String(raw.kind)}`, () => {
      const object = read<Deployment>(raw);
      const json = JSON.parse(JSON.stringify(new Serializer().object(object))) as RawMap;
      assert.deepEqual(read(json), object);
      assert.equal(JSON.stringify(json).includes('"handler"'), false);
    });
  }

  it('writes amounts of metrics and claims as quantities', () => {
    const serializer = new Serializer();
    const quota = serializer.object(
      read({
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'q' },
        spec: { hard: { 'requests.cpu': '500m', 'requests.memory': '1024Mi' } },
      }),
    );
    assert.deepEqual(quota.spec, { hard: { 'requests.cpu': '500m', 'requests.memory': '1Gi' } });
  });

  it('writes quantities, handlers and timestamps as the API server does', () => {
    const raw = documents('online-boutique/kubernetes-manifests.yaml').find((each) => each.kind === 'Deployment')!;
    const json = new Serializer().object(read<Deployment>(raw)) as {
      spec: { template: { spec: { containers: Record<string, unknown>[] } } };
    };
    const [container] = json.spec.template.spec.containers;
    assert.deepEqual(container!.resources, {
      limits: { cpu: '200m', memory: '128Mi' },
      requests: { cpu: '100m', memory: '64Mi' },
    });
    assert.deepEqual(container!.readinessProbe, {
      httpGet: {
        path: '/_healthz',
        port: 8080,
        scheme: 'HTTP',
        httpHeaders: [{ name: 'Cookie', value: 'shop_session-id=x-readiness-probe' }],
      },
      initialDelaySeconds: 10,
      periodSeconds: 10,
      timeoutSeconds: 1,
      successThreshold: 1,
      failureThreshold: 3,
    });
    assert.equal(
      (json as unknown as { metadata: { creationTimestamp: string } }).metadata.creationTimestamp,
      '2025-01-01T00:00:00Z',
    );
  });
});

describe('admit', () => {
  const pod = read<Pod>({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'c', image: 'a:1', resources: { limits: { cpu: '1' } } }] },
  });

  it('adds priority, tolerations of 300 s, service account, requests from limits', () => {
    const { spec, status } = admit(pod);
    assert.equal(spec.priority, 0);
    assert.equal(spec.preemptionPolicy, 'PreemptLowerPriority');
    assert.equal(spec.serviceAccountName, 'default');
    assert.deepEqual(spec.containers[0]!.resources, { limits: { cpu: 1000 }, requests: { cpu: 1000 } });
    assert.deepEqual(spec.tolerations, [
      { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
      { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
    ]);
    assert.equal(status.qosClass, 'Burstable');
  });

  it('shares the spec among pods of one template', () => {
    assert.equal(admit({ ...pod, metadata: { ...pod.metadata, name: 'q' } }).spec, admit(pod).spec);
  });

  it('leaves tolerations that are there', () => {
    const own = { operator: 'Exists' as const };
    assert.deepEqual(admit({ ...pod, spec: { ...pod.spec, tolerations: [own] } }).spec.tolerations, [own]);
  });

  it('takes the value of a priority class', () => {
    const critical = { ...pod, spec: { ...pod.spec, priorityClassName: 'system-node-critical' } };
    assert.equal(admit(critical).spec.priority, 2000001000);
    const priorityClasses = new Map([['high', { value: 7, preemptionPolicy: 'Never' as const }]]);
    const { spec } = admit(pod, { priorityClasses, defaultPriorityClass: 'high' });
    assert.equal(spec.priority, 7);
    assert.equal(spec.preemptionPolicy, 'Never');
    assert.equal(spec.priorityClassName, 'high');
  });
});

describe('defaultImagePullPolicy', () => {
  for (const [image, policy] of [
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['nginx:1.29', 'IfNotPresent'],
    ['registry:5000/nginx', 'Always'],
    ['registry:5000/nginx:1', 'IfNotPresent'],
    ['nginx@sha256:fd8d9aa63ba2', 'IfNotPresent'],
  ] as const) {
    it(`${image}: ${policy}`, () => {
      assert.equal(defaultImagePullPolicy(image), policy);
    });
  }
});
