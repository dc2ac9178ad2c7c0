import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IntOrString } from '../../src/api/meta.js';
import type { Deployment, ReplicaSet } from '../../src/api/workloads.js';
import { startControllers } from '../../src/controllers/registry.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { FakeCluster, meta, template, type FakeOptions } from './fake-cluster.js';
import { messages } from './objects.js';

function web(replicas: number, surge: IntOrString, unavailable: IntOrString, extra: Partial<Deployment['spec']> = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta('web'),
    spec: {
      replicas,
      selector: { matchLabels: { app: 'a' } },
      template: template('app:v1'),
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } },
      minReadySeconds: 0,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      ...extra,
    },
    status: {},
  };
}

function start(deployment: Deployment, options: FakeOptions = {}): FakeCluster {
  const cluster = new FakeCluster(options);
  startControllers(cluster, ['deployment', 'replicaset', 'endpointslice']);
  cluster.create('deployments', deployment);
  return cluster;
}

function setImage(cluster: FakeCluster, image: string): void {
  cluster.edit<Deployment>('deployments', 'default/web', (d) => ({ ...d, spec: { ...d.spec, template: template(image) } }));
}

/** (revision, spec.replicas) of every change of a ReplicaSet's size, in order of revision. */
function scaleSteps(cluster: FakeCluster): [string, number][] {
  const last = new Map<string, number>();
  const steps: [string, number][] = [];
  for (const object of cluster.history) {
    if (object.kind !== 'ReplicaSet') continue;
    const set = object as ReplicaSet;
    if (last.get(set.metadata.name) === set.spec.replicas) continue;
    last.set(set.metadata.name, set.spec.replicas);
    steps.push([`r${[...last.keys()].indexOf(set.metadata.name) + 1}`, set.spec.replicas]);
  }
  return steps;
}

function conditions(deployment: Deployment): string[] {
  return (deployment.status.conditions ?? []).map(({ type, status, reason }) => `${type}=${status}/${reason}`);
}

test('a Deployment is created and reports what the real one does', () => {
  const cluster = start(web(3, '25%', '25%'));
  cluster.run(2 * SECOND);
  const deployment = cluster.get<Deployment>('deployments', 'default/web')!;
  assert.deepEqual(conditions(deployment), ['Available=True/MinimumReplicasAvailable', 'Progressing=True/NewReplicaSetAvailable']);
  assert.equal(deployment.status.conditions![1]!.message, `ReplicaSet "${cluster.all('replicasets')[0]!.metadata.name}" has successfully progressed.`);
  const { conditions: _, ...counts } = deployment.status;
  assert.deepEqual(counts, { observedGeneration: 1, replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 });
  const [set] = cluster.all<ReplicaSet>('replicasets');
  assert.match(set!.metadata.name, /^web-[456789bcdf]{6,10}$/);
  assert.deepEqual(set!.metadata.annotations, {
    'deployment.kubernetes.io/desired-replicas': '3',
    'deployment.kubernetes.io/max-replicas': '4',
    'deployment.kubernetes.io/revision': '1',
  });
  assert.equal(cluster.all('pods').length, 3);
  assert.equal(cluster.events[0]!.message, `Scaled up replica set ${set!.metadata.name} from 0 to 3`);
  assert.deepEqual(cluster.events.filter((event) => event.reason === 'SuccessfulCreate').length, 3);
});

test('API calls of one pod through a Deployment are those of the audit log of a real control plane', () => {
  const cluster = start(web(1, '25%', '25%'), { readyAfter: () => 3 * SECOND });
  cluster.run(5 * SECOND);
  const count = (user: string, verb: string, resource: string, code: number): number =>
    cluster.audit.filter((entry) => {
      const { request } = entry;
      return entry.user === user && request.verb === verb && request.resource === resource && entry.code === code;
    }).length;
  assert.equal(count('deployment-controller', 'create', 'replicasets', 201), 1);
  assert.equal(count('replicaset-controller', 'create', 'pods', 201), 1);
  assert.ok(Math.abs(count('deployment-controller', 'update', 'deployments', 200) - 4) <= 1);
  assert.ok(count('deployment-controller', 'update', 'deployments', 409) <= 3);
  assert.ok(Math.abs(count('replicaset-controller', 'update', 'replicasets', 200) - 4) <= 1);
  assert.equal(count('deployment-controller', 'update', 'replicasets', 200), 0);
});

test('a rollout of 10 with 25%/25% begins 0→3, 10→8, 3→5 and ends with the new ReplicaSet', () => {
  const cluster = start(web(10, '25%', '25%'), { readyAfter: () => 500 * MILLISECOND });
  cluster.run(3 * SECOND);
  setImage(cluster, 'app:v2');
  cluster.run(20 * SECOND);
  const steps = scaleSteps(cluster);
  assert.deepEqual(steps.slice(0, 4), [['r1', 10], ['r2', 3], ['r1', 8], ['r2', 5]]);
  assert.deepEqual(steps.slice(-1), [['r1', 0]]);
  const deployment = cluster.get<Deployment>('deployments', 'default/web')!;
  assert.deepEqual(conditions(deployment), ['Available=True/MinimumReplicasAvailable', 'Progressing=True/NewReplicaSetAvailable']);
  assert.equal(deployment.metadata.annotations?.['deployment.kubernetes.io/revision'], '2');
  assert.equal(cluster.all('pods').length, 10);
});

test('N=4 with surge 1 and unavailable 0 goes in the worked steps of the facts', () => {
  const cluster = start(web(4, 1, 0), { readyAfter: () => 500 * MILLISECOND });
  cluster.run(3 * SECOND);
  setImage(cluster, 'app:v2');
  cluster.run(30 * SECOND);
  assert.deepEqual(scaleSteps(cluster).slice(1), [
    ['r2', 1], ['r1', 3], ['r2', 2], ['r1', 2], ['r2', 3], ['r1', 1], ['r2', 4], ['r1', 0],
  ]);
});

test('never more than N + surge replicas wanted and never fewer than N − unavailable available', () => {
  const cluster = start(web(10, 2, 1), { readyAfter: (ordinal) => ((ordinal * 7919) % 17) * 50 * MILLISECOND + 100 * MILLISECOND });
  cluster.run(5 * SECOND);
  const from = cluster.history.length;
  setImage(cluster, 'app:v2');
  cluster.run(60 * SECOND);
  const sets = new Map<string, ReplicaSet>();
  for (const [i, object] of cluster.history.entries()) {
    if (object.kind !== 'ReplicaSet') continue;
    sets.set(object.metadata.name, object as ReplicaSet);
    if (i < from) continue;
    let wanted = 0;
    let available = 0;
    for (const set of sets.values()) {
      wanted += set.spec.replicas;
      available += set.status.availableReplicas ?? 0;
    }
    assert.ok(wanted <= 12, `${wanted} wanted`);
    assert.ok(available >= 9, `${available} available`);
  }
  assert.equal(cluster.get<Deployment>('deployments', 'default/web')!.status.updatedReplicas, 10);
});

test('Recreate waits until the old pods have gone', () => {
  const cluster = start(web(3, 0, 0, { strategy: { type: 'Recreate' } }), { stopAfter: 2 * SECOND });
  cluster.run(3 * SECOND);
  setImage(cluster, 'app:v2');
  cluster.run(10 * SECOND);
  assert.deepEqual(scaleSteps(cluster), [['r1', 3], ['r1', 0], ['r2', 3]]);
  const created = cluster.audit.find((entry) => entry.request.resource === 'replicasets' && entry.request.verb === 'create' && entry.time > 3 * SECOND)!;
  const gone = cluster.audit.filter((entry) => entry.user === 'kubelet' && entry.request.verb === 'delete');
  assert.ok(created.time > gone[gone.length - 1]!.time);
});

test('a rollout that does not progress exceeds its deadline, and is told so', () => {
  const cluster = start(web(4, 0, 1, { progressDeadlineSeconds: 12 }), { readyAfter: (ordinal) => (ordinal < 4 ? 50 * MILLISECOND : -1) });
  cluster.run(3 * SECOND);
  setImage(cluster, 'app:v2');
  cluster.run(30 * SECOND);
  const deployment = cluster.get<Deployment>('deployments', 'default/web')!;
  assert.ok(conditions(deployment).includes('Progressing=False/ProgressDeadlineExceeded'));
  const first = cluster.history.find(
    (object) => object.kind === 'Deployment' && conditions(object as Deployment).includes('Progressing=False/ProgressDeadlineExceeded'),
  ) as Deployment;
  const since = first.status.conditions!.find((condition) => condition.type === 'Progressing')!.lastTransitionTime! / SECOND;
  assert.ok(since >= 14 && since <= 17, `at ${since} s`);
});

test('scaling in the middle of a rollout is shared out in proportion (10 to 15, surge 3, unavailable 2)', () => {
  const cluster = start(web(10, 3, 2), { readyAfter: (ordinal) => (ordinal < 10 ? 50 * MILLISECOND : -1) });
  cluster.run(3 * SECOND);
  setImage(cluster, 'app:v2');
  cluster.run(6 * SECOND);
  cluster.edit<Deployment>('deployments', 'default/web', (d) => ({ ...d, spec: { ...d.spec, replicas: 15 } }));
  cluster.run(9 * SECOND);
  assert.deepEqual(scaleSteps(cluster).slice(-2), [['r1', 11], ['r2', 7]]);
});

test('a paused Deployment only scales, and resumes', () => {
  const cluster = start(web(3, 1, 1));
  cluster.run(2 * SECOND);
  cluster.edit<Deployment>('deployments', 'default/web', (d) => ({ ...d, spec: { ...d.spec, paused: true, template: template('app:v2') } }));
  cluster.run(4 * SECOND);
  assert.ok(conditions(cluster.get<Deployment>('deployments', 'default/web')!).includes('Progressing=Unknown/DeploymentPaused'));
  assert.equal(cluster.all('replicasets').length, 1);
  cluster.edit<Deployment>('deployments', 'default/web', (d) => {
    const { paused: _, ...spec } = d.spec;
    return { ...d, spec };
  });
  cluster.run(8 * SECOND);
  assert.ok(conditions(cluster.get<Deployment>('deployments', 'default/web')!).includes('Progressing=True/NewReplicaSetAvailable'));
  assert.equal(cluster.all('replicasets').length, 2);
});

test('an undo takes a new revision, keeps the old number in history, and history beyond the limit is deleted', () => {
  const cluster = start(web(2, 1, 0, { revisionHistoryLimit: 1 }));
  cluster.run(2 * SECOND);
  for (const [i, image] of ['app:v2', 'app:v3', 'app:v2'].entries()) {
    setImage(cluster, image);
    cluster.run((4 + 2 * i) * SECOND);
  }
  const sets = cluster.all<ReplicaSet>('replicasets');
  assert.deepEqual(
    sets.map((set) => [set.spec.template.spec.containers[0]!.image, set.metadata.annotations!['deployment.kubernetes.io/revision'], set.metadata.annotations!['deployment.kubernetes.io/revision-history']]),
    [['app:v2', '4', '2'], ['app:v3', '3', undefined]],
  );
});

test('a ReplicaSet that the cache shows too old makes the write of its status conflict: it is read and written once more', () => {
  const cluster = new FakeCluster({ watchDelay: 12 * MILLISECOND });
  startControllers(cluster, ['deployment', 'replicaset']);
  cluster.create('deployments', web(10, '25%', '25%'));
  cluster.run(5 * SECOND);
  setImage(cluster, 'app:v2');
  cluster.run(10 * SECOND);
  const mine = cluster.audit.filter(({ user, request }) => user === 'replicaset-controller' && request.resource === 'replicasets');
  const conflict = mine.findIndex(({ code }) => code === 409);
  assert.ok(conflict >= 0);
  const { name } = mine[conflict]!.request;
  const next = mine.slice(conflict + 1).filter(({ request }) => request.name === name);
  assert.deepEqual(next.slice(0, 2).map(({ request, code }) => [request.verb, code]), [['get', 200], ['update', 200]]);
  assert.ok(cluster.all<ReplicaSet>('replicasets').every(({ spec, status }) => spec.replicas === status.replicas));
});

test('a ReplicaSet scaled while a sync makes its pods: the second try of the status keeps the generation that was acted on', () => {
  const cluster = new FakeCluster();
  startControllers(cluster, ['replicaset']);
  const set: ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: meta('web'),
    spec: { replicas: 10, minReadySeconds: 0, selector: { matchLabels: { app: 'a' } }, template: template('app:v1') },
    status: { replicas: 0 },
  };
  cluster.create('replicasets', set);
  for (let time = MILLISECOND; cluster.all('pods').length === 0; time += MILLISECOND) cluster.run(time);
  cluster.edit<ReplicaSet>('replicasets', 'default/web', (current) => ({ ...current, spec: { ...current.spec, replicas: 12 } }));
  cluster.run(5 * SECOND);
  const writes = cluster.audit.filter(({ user, request }) => user === 'replicaset-controller' && request.resource === 'replicasets');
  const observed = writes.map(({ request, code }) => [request.verb, code, (request.body as ReplicaSet | undefined)?.status.observedGeneration]);
  assert.deepEqual(observed.slice(0, 3), [['update', 409, 1], ['get', 200, undefined], ['update', 200, 1]]);
  const { metadata, spec, status } = cluster.get<ReplicaSet>('replicasets', 'default/web')!;
  assert.deepEqual([spec.replicas, status.replicas, metadata.generation, status.observedGeneration], [12, 12, 2, 2]);
});

test('the rollback annotation of old API versions: a revision, the one before, the same, one that is gone', () => {
  const rolled = (to: string): readonly string[] => {
    const cluster = new FakeCluster();
    startControllers(cluster, ['deployment', 'replicaset']);
    cluster.create('deployments', web(2, '25%', '25%'));
    cluster.run(3 * SECOND);
    cluster.edit<Deployment>('deployments', 'default/web', (current) => ({ ...current, spec: { ...current.spec, template: template('app:v2') } }));
    cluster.run(10 * SECOND);
    cluster.edit<Deployment>('deployments', 'default/web', (current) => ({
      ...current,
      metadata: { ...current.metadata, annotations: { ...current.metadata.annotations, 'deprecated.deployment.rollback.to': to } },
    }));
    cluster.run(20 * SECOND);
    const { metadata, spec } = cluster.get<Deployment>('deployments', 'default/web')!;
    assert.equal(metadata.annotations!['deprecated.deployment.rollback.to'], undefined);
    const said = messages(cluster, 'Deployment').filter((text) => text.startsWith('DeploymentRollback'));
    return [spec.template.spec.containers[0]!.image, metadata.annotations!['deployment.kubernetes.io/revision']!, ...said];
  };
  assert.deepEqual(rolled('0'), ['app:v1', '3', 'DeploymentRollback: Rolled back deployment "web" to revision 1']);
  assert.deepEqual(rolled('1'), ['app:v1', '3', 'DeploymentRollback: Rolled back deployment "web" to revision 1']);
  assert.deepEqual(rolled('2'), ['app:v2', '2', 'DeploymentRollbackTemplateUnchanged: The rollback revision contains the same template as current deployment "web"']);
  assert.deepEqual(rolled('7'), ['app:v2', '2', 'DeploymentRollbackRevisionNotFound: Unable to find the revision to rollback to.']);
});

test('syncs that go through many pods take longer, by what the profile has for each', () => {
  const lastStatus = (cost: number): number => {
    const cluster = new FakeCluster();
    Object.assign(cluster.profile.controllers, { syncPodCpu: { replicaset: cost } });
    startControllers(cluster, ['deployment', 'replicaset']);
    cluster.create('deployments', web(20, '25%', '25%'));
    cluster.run(60 * SECOND);
    const writes = cluster.audit.filter(({ request }) => request.resource === 'replicasets' && request.subresource === 'status');
    assert.equal(cluster.all<ReplicaSet>('replicasets')[0]!.status.readyReplicas, 20);
    return writes.at(-1)!.time;
  };
  const longer = (lastStatus(MILLISECOND) - lastStatus(0)) / MILLISECOND;
  assert.ok(longer >= 20 && longer < 100, `${longer} ms`);
});

test('pods count as available their minReadySeconds after they are ready, though others never are', () => {
  const cluster = new FakeCluster({ readyAfter: (ordinal) => (ordinal === 0 ? 1000 * SECOND : SECOND) });
  startControllers(cluster, ['deployment', 'replicaset']);
  cluster.create('deployments', web(3, '25%', '25%', { minReadySeconds: 5 }));
  cluster.run(30 * SECOND);
  const { readyReplicas, availableReplicas } = cluster.all<ReplicaSet>('replicasets')[0]!.status;
  assert.deepEqual([readyReplicas, availableReplicas], [2, 2]);
});
