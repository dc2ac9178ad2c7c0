import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job, JobSpec, PodFailurePolicyRule } from '../../src/api/batch.js';
import type { Pod } from '../../src/api/core.js';
import { failureAction, finishTime, indexBackoffRemaining } from '../../src/controllers/job-failures.js';
import { compareForRemoval } from '../../src/controllers/job-policy.js';
import { startControllers } from '../../src/controllers/registry.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { FakeCluster, meta, template } from './fake-cluster.js';
import { messages } from './objects.js';

/** Jobs that are suspended, shrink, succeed by policy, or fail by policy (kubernetes pkg/controller/job). */

const MAX_INT32 = 2147483647;

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

function edit(cluster: FakeCluster, spec: Partial<JobSpec>): void {
  cluster.edit<Job>('jobs', 'default/j', (current) => ({ ...current, spec: { ...current.spec, ...spec } }));
}

function statusOf(cluster: FakeCluster): Job['status'] {
  return cluster.get<Job>('jobs', 'default/j')!.status;
}

function conditionsOf(cluster: FakeCluster): string[] {
  return (statusOf(cluster).conditions ?? []).map(({ type, status, reason }) => `${type}=${status}/${reason}`);
}

const INDEX = 'batch.kubernetes.io/job-completion-index';

function indexOf(pod: Pod): number {
  return Number(pod.metadata.annotations?.[INDEX]);
}

function creations(cluster: FakeCluster): number[] {
  return cluster.audit.filter(({ request }) => request.verb === 'create' && request.resource === 'pods' && request.subresource === undefined).map(({ time }) => time / SECOND);
}

test('a Job that is suspended loses its pods without counting them as failed, and starts again with a new start time', () => {
  const cluster = new FakeCluster({ finishAfter: () => ({ after: 30 * SECOND, phase: 'Succeeded' }) });
  startControllers(cluster, ['job']);
  cluster.create('jobs', job({ parallelism: 3, completions: 3, backoffLimit: 0 }));
  cluster.run(5 * SECOND);
  const started = statusOf(cluster).startTime!;
  edit(cluster, { suspend: true });
  cluster.run(15 * SECOND);
  assert.deepEqual(conditionsOf(cluster), ['Suspended=True/JobSuspended']);
  const suspended = statusOf(cluster);
  assert.deepEqual([suspended.active ?? 0, suspended.failed ?? 0, suspended.terminating, suspended.ready], [0, 0, 0, 0]);
  assert.equal(suspended.startTime, started, 'kept until 1.36');
  edit(cluster, { suspend: false });
  cluster.run(60 * SECOND);
  assert.deepEqual(conditionsOf(cluster), ['Suspended=False/JobResumed', 'SuccessCriteriaMet=True/CompletionsReached', 'Complete=True/CompletionsReached']);
  assert.equal(statusOf(cluster).succeeded, 3);
  assert.equal(statusOf(cluster).failed, undefined);
  assert.ok(statusOf(cluster).startTime! >= started + 10 * SECOND, 'the deadline counts from the resumption');
  const said = messages(cluster, 'Job').filter((text) => text.includes('Job '));
  assert.deepEqual(said, ['Suspended: Job suspended', 'Resumed: Job resumed', 'Completed: Job completed']);
});

test('less parallelism: the pods that go are no failures', () => {
  const cluster = new FakeCluster({ finishAfter: () => ({ after: 20 * SECOND, phase: 'Succeeded' }) });
  startControllers(cluster, ['job']);
  cluster.create('jobs', job({ parallelism: 5, completions: 5, backoffLimit: 0 }));
  cluster.run(5 * SECOND);
  edit(cluster, { parallelism: 2 });
  cluster.run(10 * SECOND);
  assert.deepEqual([statusOf(cluster).active, statusOf(cluster).failed], [2, undefined]);
  cluster.run(120 * SECOND);
  assert.deepEqual([statusOf(cluster).succeeded, statusOf(cluster).failed], [5, undefined]);
});

test('a success policy ends the Job; the indexes that still run are stopped and are no failures', () => {
  const cluster = new FakeCluster({ finishAfter: (_ordinal, pod) => ({ after: indexOf(pod) === 1 ? 2 * SECOND : 900 * SECOND, phase: 'Succeeded' }) });
  startControllers(cluster, ['job']);
  const rules = [{ succeededIndexes: '2-3' }, { succeededIndexes: '0-1', succeededCount: 1 }];
  cluster.create('jobs', job({ parallelism: 4, completions: 4, completionMode: 'Indexed', successPolicy: { rules } }));
  cluster.run(60 * SECOND);
  const status = statusOf(cluster);
  assert.deepEqual(conditionsOf(cluster), ['SuccessCriteriaMet=True/SuccessPolicy', 'Complete=True/SuccessPolicy']);
  assert.equal(status.conditions![0]!.message, 'Matched rules at index 1');
  assert.deepEqual([status.completedIndexes, status.succeeded, status.failed], ['1', 1, undefined]);
  assert.ok(cluster.all<Pod>('pods').every((pod) => (pod.metadata.finalizers ?? []).length === 0));
});

test('a Job past its deadline counts the pods that ran as failed', () => {
  const cluster = new FakeCluster({ finishAfter: () => ({ after: 900 * SECOND, phase: 'Succeeded' }) });
  startControllers(cluster, ['job']);
  cluster.create('jobs', job({ parallelism: 2, completions: 2, activeDeadlineSeconds: 10 }));
  cluster.run(60 * SECOND);
  assert.deepEqual(conditionsOf(cluster), ['FailureTarget=True/DeadlineExceeded', 'Failed=True/DeadlineExceeded']);
  assert.deepEqual([statusOf(cluster).failed, statusOf(cluster).active ?? 0], [2, 0]);
  assert.ok(messages(cluster, 'Job').includes('DeadlineExceeded: Job was active longer than specified deadline'));
});

test('an index waits for its own failures: 10 s, then 20 s; others go on', () => {
  const cluster = new FakeCluster({ finishAfter: (_ordinal, pod) => ({ after: 500 * MILLISECOND, phase: indexOf(pod) === 1 ? 'Failed' : 'Succeeded' }) });
  startControllers(cluster, ['job']);
  cluster.create('jobs', job({ parallelism: 2, completions: 4, completionMode: 'Indexed', backoffLimit: MAX_INT32, backoffLimitPerIndex: 2 }));
  cluster.run(120 * SECOND);
  const times = creations(cluster);
  assert.equal(times.length, 6, 'four indexes and two more tries of one');
  const bad = cluster.all<Pod>('pods').filter((pod) => indexOf(pod) === 1);
  assert.deepEqual(bad.map((pod) => pod.metadata.annotations!['batch.kubernetes.io/job-index-failure-count']), ['0', '1', '2']);
  const gaps = bad.slice(1).map((pod, i) => (pod.metadata.creationTimestamp - finishTime(bad[i]!)) / SECOND);
  assert.ok(gaps[0]! >= 9 && gaps[0]! < 12.5 && gaps[1]! >= 19 && gaps[1]! < 22.5, `gaps ${gaps}`);
  assert.deepEqual([statusOf(cluster).completedIndexes, statusOf(cluster).failedIndexes, statusOf(cluster).failed], ['0,2,3', '1', 3]);
  assert.deepEqual(conditionsOf(cluster), ['FailureTarget=True/FailedIndexes', 'Failed=True/FailedIndexes']);
});

test('a Job that is managed by another controller is left alone', () => {
  const cluster = new FakeCluster();
  startControllers(cluster, ['job']);
  cluster.create('jobs', job({ managedBy: 'kueue.x-k8s.io/multikueue' }));
  cluster.run(10 * SECOND);
  assert.deepEqual([cluster.all('pods').length, statusOf(cluster)], [0, {}]);
});

interface Ended {
  readonly name: string;
  readonly code: number;
}

function pod(containers: readonly Ended[], conditions: readonly { type: string; status: string }[] = [], init: readonly Ended[] = []): Pod {
  const ended = ({ name, code }: Ended) => ({ name, restartCount: 0, state: { terminated: { exitCode: code, finishedAt: 100 * SECOND } } });
  return {
    metadata: { ...meta('p-1'), creationTimestamp: 10 * SECOND },
    spec: { containers: [] },
    status: { phase: 'Failed', conditions, containerStatuses: containers.map(ended), initContainerStatuses: init.map(ended) },
  } as unknown as Pod;
}

test('podFailurePolicy: the first rule that matches, and the container or condition that it is about', () => {
  const rules: PodFailurePolicyRule[] = [
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] },
    { action: 'FailJob', onExitCodes: { containerName: 'main', operator: 'In', values: [42, 43] } },
    { action: 'FailIndex', onExitCodes: { operator: 'NotIn', values: [1, 2] } },
    { action: 'Count', onExitCodes: { operator: 'In', values: [1] } },
  ];
  const actionOf = (...args: Parameters<typeof pod>) => failureAction(rules, pod(...args))?.action;
  assert.equal(actionOf([{ name: 'main', code: 42 }], [{ type: 'DisruptionTarget', status: 'True' }]), 'Ignore');
  assert.equal(actionOf([{ name: 'side', code: 7 }, { name: 'main', code: 43 }], [{ type: 'DisruptionTarget', status: 'False' }]), 'FailJob');
  assert.equal(actionOf([{ name: 'side', code: 42 }]), 'FailIndex', 'another container than the rule names');
  assert.equal(actionOf([{ name: 'main', code: 1 }]), 'Count');
  assert.equal(actionOf([{ name: 'main', code: 2 }]), undefined);
  assert.equal(actionOf([{ name: 'main', code: 0 }]), undefined, 'an exit code of 0 matches nothing');
  assert.equal(actionOf([], [], [{ name: 'setup', code: 9 }]), 'FailIndex');
  const failing = pod([{ name: 'side', code: 7 }, { name: 'main', code: 43 }]);
  assert.equal(failureAction(rules, failing)!.message, 'Container main for pod default/p-1 failed with exit code 43 matching FailJob rule at index 1');
  const byCondition: PodFailurePolicyRule[] = [{ action: 'FailJob', onPodConditions: [{ type: 'ConfigIssue' }] }];
  const stuck = pod([], [{ type: 'Ready', status: 'False' }, { type: 'ConfigIssue', status: 'True' }]);
  assert.equal(failureAction(byCondition, stuck)!.message, 'Pod default/p-1 has condition ConfigIssue matching FailJob rule at index 0');
});

test('when a pod finished, and how long its index waits', () => {
  const ended = pod([{ name: 'main', code: 1 }]);
  assert.equal(finishTime(ended), 100 * SECOND);
  const running = { ...ended, status: { ...ended.status, containerStatuses: [...ended.status.containerStatuses!, { name: 'side', restartCount: 0, state: {} }] } } as unknown as Pod;
  assert.equal(finishTime(running), 10 * SECOND, 'a container that has not ended tells nothing: the creation');
  const notReady = { ...running, status: { ...running.status, conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: 90 * SECOND }] } } as unknown as Pod;
  assert.equal(finishTime(notReady), 90 * SECOND);
  const deleted = { ...running, metadata: { ...running.metadata, deletionTimestamp: 80 * SECOND, deletionGracePeriodSeconds: 30 } } as Pod;
  assert.equal(finishTime(deleted), 50 * SECOND);
  const third = { ...ended, metadata: { ...ended.metadata, annotations: { 'batch.kubernetes.io/job-index-failure-count': '1', 'batch.kubernetes.io/job-index-ignored-failure-count': '1' } } } as Pod;
  // Two failures before this one: 10 s · 2².
  assert.equal(indexBackoffRemaining(third, 100 * SECOND), 40 * SECOND);
  assert.equal(indexBackoffRemaining(third, 141 * SECOND), 0);
});

test('which pods a Job that has too many removes first', () => {
  const of = (name: string, node: string, phase: string, ready: number, created: number, restarts = 0) =>
    ({
      metadata: { ...meta(name), creationTimestamp: created * SECOND },
      spec: { containers: [], nodeName: node },
      status: {
        phase,
        conditions: ready === 0 ? [] : [{ type: 'Ready', status: 'True', lastTransitionTime: ready * SECOND }],
        containerStatuses: [{ name: 'c', restartCount: restarts, state: {} }],
      },
    }) as unknown as Pod;
  const order = [
    of('unassigned', '', 'Pending', 0, 1),
    of('pending', 'n', 'Pending', 0, 1),
    of('unready', 'n', 'Running', 0, 1),
    of('ready-late', 'n', 'Running', 20, 1),
    of('restarted', 'n', 'Running', 10, 1, 3),
    of('younger', 'n', 'Running', 10, 2),
    of('older', 'n', 'Running', 10, 1),
  ];
  const sorted = [...order].reverse().sort(compareForRemoval);
  assert.deepEqual(sorted.map(({ metadata }) => metadata.name), order.map(({ metadata }) => metadata.name));
});

test('while a Job backs off its status counts no active pods, though others of it run', () => {
  const cluster = new FakeCluster({ finishAfter: (ordinal) => (ordinal === 0 ? { after: SECOND, phase: 'Failed' } : { after: 60 * SECOND, phase: 'Succeeded' }) });
  startControllers(cluster, ['job']);
  cluster.create('jobs', job({ parallelism: 2, completions: 2 }));
  cluster.run(6 * SECOND);
  assert.equal(cluster.all<Pod>('pods').filter(({ status }) => status.phase === 'Running').length, 1);
  const { active = 0, ready, failed } = statusOf(cluster);
  assert.deepEqual([active, ready, failed], [0, 1, 1]);
  cluster.run(15 * SECOND);
  assert.equal(statusOf(cluster).active, 2);
});
