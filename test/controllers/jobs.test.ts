import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CronJob, Job, JobSpec } from '../../src/api/batch.js';
import type { Pod } from '../../src/api/core.js';
import { controllerOf } from '../../src/api/meta.js';
import { validateObject } from '../../src/api/validation.js';
import { startControllers } from '../../src/controllers/registry.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { FakeCluster, meta, template } from './fake-cluster.js';
import { messages } from './objects.js';

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

test('a CronJob that replaces reads the job that still runs and deletes it, and keeps as many ended ones as its limits say', () => {
  const cluster = new FakeCluster({ finishAfter: () => ({ after: 300 * SECOND, phase: 'Succeeded' }) });
  startControllers(cluster, ['cronjob']);
  const cronJob: CronJob = {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: meta('cj'),
    spec: { schedule: '* * * * *', concurrencyPolicy: 'Replace', jobTemplate: { metadata: {}, spec: job({}).spec }, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 },
    status: {},
  };
  cluster.create('cronjobs', cronJob);
  cluster.run(125 * SECOND);
  const minute = 1735689660 / 60;
  assert.deepEqual(cluster.all<Job>('jobs').map(({ metadata }) => metadata.name), [`cj-${minute + 1}`]);
  const asked = cluster.audit.filter(({ user, request }) => user === 'cronjob-controller' && request.resource === 'jobs').map(({ request }) => `${request.verb} ${request.name}`);
  assert.deepEqual(asked, [`create cj-${minute}`, `get cj-${minute}`, `delete cj-${minute}`, `create cj-${minute + 1}`]);
  cluster.delete('jobs', `default/cj-${minute + 1}`);
  cluster.run(130 * SECOND);
  assert.equal(messages(cluster, 'CronJob').at(-1), `MissingJob: Active job went missing: cj-${minute + 1}`);
});

const manual = { manualSelector: true, selector: { matchLabels: { batch: 'b' } } } as const;

function labelled(spec: Partial<JobSpec>): Job {
  const plain = job(spec);
  return { ...plain, spec: { ...plain.spec, template: { ...plain.spec.template, metadata: { labels: { batch: 'b' } } } } };
}

test('a Job with a selector of its own takes over the pods that one before it left behind, with its finalizer, and makes no others', () => {
  const cluster = new FakeCluster({ finishAfter: () => ({ after: 60 * SECOND, phase: 'Succeeded' }) });
  startControllers(cluster, ['job', 'garbage-collector']);
  cluster.create('jobs', labelled({ ...manual, parallelism: 2, completions: 2 }));
  cluster.run(5 * SECOND);
  const pods = cluster.all<Pod>('pods');
  assert.equal(pods.length, 2);
  for (const { metadata } of pods) assert.deepEqual(metadata.labels, { batch: 'b' });
  cluster.delete('jobs', 'default/j', { propagationPolicy: 'Orphan' });
  cluster.run(8 * SECOND);
  for (const pod of cluster.all<Pod>('pods')) {
    assert.equal(controllerOf(pod), undefined);
    assert.deepEqual(pod.metadata.finalizers ?? [], []);
  }
  cluster.create('jobs', labelled({ ...manual, parallelism: 2, completions: 2 }));
  cluster.run(12 * SECOND);
  const { uid } = cluster.get<Job>('jobs', 'default/j')!.metadata;
  const adopted = cluster.all<Pod>('pods');
  assert.deepEqual(adopted.map(({ metadata }) => metadata.uid), pods.map(({ metadata }) => metadata.uid));
  for (const pod of adopted) {
    assert.equal(controllerOf(pod)?.uid, uid);
    assert.deepEqual(pod.metadata.finalizers, ['batch.kubernetes.io/job-tracking']);
  }
  cluster.run(120 * SECOND);
  assert.equal(cluster.get<Job>('jobs', 'default/j')!.status.succeeded, 2);
  assert.equal(cluster.all('pods').length, 2);
});

test('a pod that a Job selects no more is let go without its finalizer, and another runs in its place', () => {
  const cluster = new FakeCluster({ finishAfter: () => ({ after: 60 * SECOND, phase: 'Succeeded' }) });
  startControllers(cluster, ['job']);
  cluster.create('jobs', job({}));
  cluster.run(3 * SECOND);
  const [first] = cluster.all<Pod>('pods');
  cluster.edit<Pod>('pods', `default/${first!.metadata.name}`, (pod) => ({ ...pod, metadata: { ...pod.metadata, labels: { app: 'debug' } } }));
  cluster.run(6 * SECOND);
  const [free, ...others] = cluster.all<Pod>('pods');
  assert.equal(controllerOf(free!), undefined);
  assert.deepEqual(free!.metadata.finalizers ?? [], []);
  assert.equal(others.length, 1);
  assert.equal(cluster.get<Job>('jobs', 'default/j')!.status.active, 1);
});

test('selectors of Jobs: the user gives one with manualSelector alone, and it selects the template', () => {
  const reasons = (spec: Partial<JobSpec>): readonly string[] => validateObject(labelled(spec)).map(({ field, detail }) => `${field}: ${detail}`);
  assert.deepEqual(reasons({ ...manual }), []);
  assert.deepEqual(reasons({ selector: { matchLabels: { batch: 'b' } } }), ['spec.selector: `selector` not auto-generated']);
  assert.deepEqual(reasons({ selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'dumped' } } }), []);
  assert.deepEqual(reasons({ manualSelector: true }), ['spec.selector: ']);
  assert.deepEqual(reasons({ manualSelector: true, selector: { matchLabels: { batch: 'c' } } }), ['spec.template.metadata.labels: `selector` does not match template `labels`']);
});
