import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '../../src/api/core.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { Deployment } from '../../src/api/workloads.js';
import { canaryReplicas, planRollout, type Step } from '../../src/strategies/plan.js';

const metadata = { namespace: 'default', uid: 'u', resourceVersion: 1, generation: 1, creationTimestamp: 0 };
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { ...metadata, name: 'web' },
  spec: {
    replicas: 20,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web', team: 'a' } },
      spec: { containers: [{ name: 'server', image: 'web:1' }, { name: 'proxy', image: 'proxy:3' }] },
    },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    minReadySeconds: 0,
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
  },
  status: { replicas: 20 },
} as unknown as Deployment;
const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { ...metadata, name: 'web' },
  spec: { type: 'ClusterIP', selector: { app: 'web' }, ports: [] },
} as unknown as Service;
const input = { deployment, services: [service], container: 'server', image: 'web:2' };

function requests(steps: readonly Step[]): { verb: string; what: string; body: KubernetesObject | undefined }[] {
  return steps.flatMap((step) =>
    step.kind === 'requests'
      ? step.requests.map((request) => ({
          verb: request.verb,
          what: `${request.resource}/${request.name}${request.replicas === undefined ? '' : `=${request.replicas}`}`,
          body: request.patch === undefined ? request.body : request.patch.apply(request.resource === 'services' ? service : deployment),
        }))
      : [],
  );
}

test('recreate and ramped change strategy and image in one patch', () => {
  const steps = planRollout({ name: 'recreate', kind: 'recreate' }, input);
  assert.deepEqual(steps.map((step) => step.kind), ['requests', 'rolloutStatus']);
  const patched = requests(steps)[0]!.body as Deployment;
  assert.equal(patched.spec.strategy.type, 'Recreate');
  assert.deepEqual(patched.spec.template.spec.containers.map((container) => container.image), ['web:2', 'proxy:3']);
  const ramped = planRollout({ name: 'r', kind: 'ramped', maxSurge: 1, maxUnavailable: 0 }, input);
  assert.deepEqual((requests(ramped)[0]!.body as Deployment).spec.strategy, {
    type: 'RollingUpdate',
    rollingUpdate: { maxSurge: 1, maxUnavailable: 0 },
  });
});

test('blue/green: green is invisible to the Service until the selector is switched', () => {
  const steps = planRollout({ name: 'bg', kind: 'blueGreen', hold: 30e9 }, input);
  assert.deepEqual(steps.map((step) => step.kind), ['requests', 'rolloutStatus', 'requests', 'pause', 'requests', 'rolloutStatus']);
  const [create, patch, scale] = requests(steps);
  const green = create!.body as Deployment;
  assert.equal(green.metadata.name, 'web-green');
  assert.equal(green.spec.replicas, 20);
  assert.deepEqual(green.spec.template.metadata.labels, { app: 'web-green', team: 'a' });
  assert.deepEqual(green.spec.selector.matchLabels, { app: 'web-green' });
  assert.deepEqual((patch!.body as Service).spec.selector, { app: 'web-green' });
  assert.equal(scale!.what, 'deployments/web=0');
});

test('canary: sizes follow the weights, rounded up, and the total stays N after each step', () => {
  const weights = [5, 25, 50, 100].map((weight) => ({ weight, pause: 10e9 }));
  const steps = planRollout({ name: 'c', kind: 'canary', steps: weights }, input);
  assert.deepEqual(
    requests(steps).map(({ what }) => what),
    [
      'deployments/web-canary',
      'deployments/web=19',
      'deployments/web-canary=5',
      'deployments/web=15',
      'deployments/web-canary=10',
      'deployments/web=10',
      'deployments/web-canary=20',
      'deployments/web=0',
    ],
  );
  const canary = requests(steps)[0]!.body as Deployment;
  assert.equal(canary.spec.replicas, 1);
  assert.deepEqual(canary.spec.template.metadata.labels, { app: 'web', team: 'a', track: 'canary' });
  const open = planRollout({ name: 'c', kind: 'canary', steps: [{ weight: 10, pause: 0 }] }, input);
  assert.equal(requests(open).at(-2)!.what, 'deployments/web-canary=20', 'a canary that stops below 100 % is completed');
});

test('replicas at a weight', () => {
  assert.deepEqual([5, 20, 25, 33, 50, 100].map((weight) => canaryReplicas(10, weight)), [1, 2, 3, 4, 5, 10]);
  assert.equal(canaryReplicas(3, 1), 1);
});
