import type { Job, JobStatus } from '../api/batch.js';
import type { Pod } from '../api/core.js';
import { equal } from '../api/equal.js';
import { keyOf, type Condition, type Labels } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { Simulation } from '../kernel/simulation.js';
import { apiTime, findCondition } from './conditions.js';
import { objectRequest, StagedReconciliation, type Step } from './controller.js';
import { RemoveFinalizerPatch } from './garbage-collector.js';
import { parseIndexes } from './job-indexes.js';
import { COMPLETION_INDEX, hasFinalizer, INDEX_FAILURES, JOB_FINALIZER, type JobPlan, type JobPodCreation, MAX_UNCOUNTED, planJob } from './job-policy.js';
import type { JobController } from './job.js';
import { BY_CONTROLLER } from './ownership.js';
import { createPod, podCreated, podDeleted, podFromTemplate } from './pod-control.js';
import { nextBatch } from './replica-set-policy.js';

const WITHOUT_FINALIZER = new RemoveFinalizerPatch(JOB_FINALIZER);

const PLAN = 0;
const DELETED = 1;
const CREATE = 2;
const CREATED = 3;
const TRACK = 4;
const UNCOUNTED_WRITTEN = 5;
const FINALIZERS_REMOVED = 6;
const FINISH = 7;
const STATUS_WRITTEN = 8;

/** One sync of a Job (syncJob, trackJobStatusAndRemoveFinalizers). */
export class JobSync extends StagedReconciliation {
  private readonly controller: JobController;
  private readonly simulation: Simulation;
  private readonly key: string;
  private job: Job;
  private plan!: JobPlan;
  private status!: JobStatus;
  private pods: readonly Pod[] = [];
  private created = 0;
  private batch = 0;
  private creations: readonly JobPodCreation[] = [];
  private removing: readonly Pod[] = [];
  private podError: string | undefined = undefined;
  private finished: Condition | undefined = undefined;

  constructor(controller: JobController, job: Job, simulation: Simulation) {
    super();
    this.controller = controller;
    this.job = job;
    this.simulation = simulation;
    this.key = keyOf(job);
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    switch (this.stage) {
      case PLAN:
        return this.makePlan();
      case DELETED:
        return this.deleted(responses);
      case CREATE:
        return this.create();
      case CREATED:
        return this.batchCreated(responses);
      case TRACK:
        return this.track();
      case UNCOUNTED_WRITTEN:
        if (!succeeded(responses[0]!)) return this.fail(responses[0]!.message ?? 'request failed');
        this.job = responses[0]!.object as Job;
        return this.removeFinalizers();
      case FINALIZERS_REMOVED:
        return this.counted(responses);
      case FINISH:
        return this.finish();
      default:
        return this.written(responses[0]!);
    }
  }

  private go(stage: number): undefined {
    this.stage = stage;
    return undefined;
  }

  private makePlan(): Step {
    const { controller, job, key } = this;
    const { now } = this.simulation;
    const released = controller.releasedOf(key);
    const cached = [...controller.pods.byIndex(BY_CONTROLLER, job.metadata.uid)];
    const pods = released.size === 0 ? cached : cached.map((pod) => (released.has(pod.metadata.uid) ? (WITHOUT_FINALIZER.apply(pod) as Pod) : pod));
    const mayManage = controller.expectations.satisfied(key, now);
    this.plan = planJob({ job, pods, backoff: controller.backoffOf(key), mayManage, now });
    this.pods = pods;
    this.status = this.plan.status;
    this.requeueAfter = this.plan.requeueAfter;
    const { create, remove } = this.plan;
    if (create.length + remove.length > 0) controller.expectations.expectBoth(key, create.length, remove.map(keyOf), now);
    if (remove.length === 0) return this.go(CREATE);
    this.stage = DELETED;
    return remove.map((pod) => objectRequest('delete', 'pods', pod));
  }

  private deleted(responses: readonly ApiResponse[]): Step {
    for (let i = 0; i < responses.length; i++) {
      const pod = this.plan.remove[i]!;
      const error = podDeleted(this.controller.recorder, this.job, pod.metadata.name, responses[i]!);
      if (error === undefined) continue;
      this.controller.expectations.deletionObserved(this.key, keyOf(pod));
      if (responses[i]!.code !== 404) this.podError ??= error;
    }
    return this.go(CREATE);
  }

  private create(): Step {
    this.batch = nextBatch(this.batch, this.plan.create.length - this.created);
    if (this.batch === 0) return this.go(TRACK);
    this.creations = this.plan.create.slice(this.created, this.created + this.batch);
    this.stage = CREATED;
    return this.creations.map((creation) => createPod(jobPod(this.job, creation)));
  }

  private batchCreated(responses: readonly ApiResponse[]): Step {
    let failures = 0;
    for (const response of responses) {
      const error = podCreated(this.controller.recorder, this.job, response);
      if (error === undefined) continue;
      failures++;
      this.podError ??= error;
    }
    this.created += responses.length - failures;
    if (failures === 0) return this.go(CREATE);
    const skipped = this.plan.create.length - this.created;
    this.controller.expectations.creationObserved(this.key, skipped);
    const active = (this.status.active ?? 0) - skipped;
    const { active: _, ...rest } = this.status;
    this.status = active > 0 ? { ...rest, active } : rest;
    return this.go(TRACK);
  }

  /** Lists the finished pods in the status before their finalizers go, so that none is counted twice or lost. */
  private track(): Step {
    this.suspension();
    const uncounted = this.settleReleased();
    const before = (uncounted?.succeeded?.length ?? 0) + (uncounted?.failed?.length ?? 0);
    const room = Math.max(0, MAX_UNCOUNTED - before);
    const ok = this.plan.succeeded.slice(0, room);
    const bad = this.plan.failed.slice(0, room - ok.length);
    this.removing = [...ok, ...bad, ...this.plan.uncountedOnly];
    this.interimCondition();
    if (this.removing.length === 0 && before === 0) return this.go(FINISH);
    // Completed indexes say by themselves who has been counted.
    const { completionMode, completions = 0 } = this.job.spec;
    const indexed = completionMode === 'Indexed';
    const total = indexed ? parseIndexes(this.status.completedIndexes, completions).size : 0;
    this.status = {
      ...this.status,
      ...(total > 0 ? { succeeded: total } : {}),
      uncountedTerminatedPods: {
        succeeded: [...(uncounted?.succeeded ?? []), ...(indexed ? [] : ok.map((pod) => pod.metadata.uid))],
        failed: [...(uncounted?.failed ?? []), ...bad.map((pod) => pod.metadata.uid)],
      },
    };
    if (ok.length + bad.length === 0) return this.removeFinalizers();
    this.stage = UNCOUNTED_WRITTEN;
    return [this.statusRequest()];
  }

  /** Listed pods that have lost their finalizer are counted for good (cleanUncountedPodsWithoutFinalizers); those that are left. */
  private settleReleased(): JobStatus['uncountedTerminatedPods'] {
    const listed = this.job.status.uncountedTerminatedPods;
    if (listed === undefined) return undefined;
    const held = new Set(this.pods.filter(hasFinalizer).map(({ metadata }) => metadata.uid));
    const succeeded = (listed.succeeded ?? []).filter((uid) => held.has(uid));
    const failed = (listed.failed ?? []).filter((uid) => held.has(uid));
    const ok = (listed.succeeded?.length ?? 0) - succeeded.length;
    const bad = (listed.failed?.length ?? 0) - failed.length;
    if (ok + bad === 0) return listed;
    const left = { succeeded, failed };
    this.status = {
      ...this.status,
      ...(ok > 0 ? { succeeded: (this.status.succeeded ?? 0) + ok } : {}),
      ...(bad > 0 ? { failed: (this.status.failed ?? 0) + bad } : {}),
      uncountedTerminatedPods: left,
    };
    return left;
  }

  private statusRequest(): ApiRequest {
    return objectRequest('update', 'jobs', this.job, { subresource: 'status', body: { ...this.job, status: this.status } as Job });
  }

  /** FailureTarget and SuccessCriteriaMet come before Failed and Complete. */
  private interimCondition(): void {
    const { target } = this.plan;
    if (target === undefined) return;
    const type = target.type === 'Failed' ? 'FailureTarget' : 'SuccessCriteriaMet';
    if (findCondition(this.status.conditions, type) !== undefined) return;
    this.status = { ...this.status, conditions: [...(this.status.conditions ?? []), { ...target, type }] };
  }

  /** Notes suspending and resuming. */
  private suspension(): void {
    const suspended = this.job.spec.suspend === true;
    const current = findCondition(this.status.conditions, 'Suspended');
    if ((current?.status === 'True') === suspended || this.plan.target !== undefined) return;
    const time = apiTime(this.simulation.now);
    const reason = suspended ? 'JobSuspended' : 'JobResumed';
    const message = suspended ? 'Job suspended' : 'Job resumed';
    const condition: Condition = {
      type: 'Suspended',
      status: suspended ? 'True' : 'False',
      reason,
      message,
      lastProbeTime: time,
      lastTransitionTime: time,
    };
    this.status = { ...this.status, conditions: [...(this.status.conditions ?? []).filter(({ type }) => type !== 'Suspended'), condition] };
    this.controller.recorder.event(this.job, 'Normal', suspended ? 'Suspended' : 'Resumed', message);
  }

  private removeFinalizers(): Step {
    if (this.removing.length === 0) return this.go(FINISH);
    this.controller.expectReleased(this.key, this.removing);
    this.stage = FINALIZERS_REMOVED;
    return this.removing.map((pod) => objectRequest('patch', 'pods', pod, { patch: WITHOUT_FINALIZER }));
  }

  /** Moves pods whose finalizer has gone from the lists to the counters. */
  private counted(responses: readonly ApiResponse[]): Step {
    const gone = new Set<string>();
    for (let i = 0; i < responses.length; i++) {
      const response = responses[i]!;
      if (succeeded(response) || response.code === 404) gone.add(this.removing[i]!.metadata.uid);
      else {
        this.podError ??= response.message ?? 'request failed';
        this.controller.releaseSeen(this.key, this.removing[i]!.metadata.uid);
      }
    }
    const { uncountedTerminatedPods, ...rest } = this.status;
    const ok = uncountedTerminatedPods?.succeeded ?? [];
    const bad = uncountedTerminatedPods?.failed ?? [];
    const succeededCount = (rest.succeeded ?? 0) + ok.filter((uid) => gone.has(uid)).length;
    const failedCount = (rest.failed ?? 0) + bad.filter((uid) => gone.has(uid)).length;
    this.status = {
      ...rest,
      ...(succeededCount > 0 ? { succeeded: succeededCount } : {}),
      ...(failedCount > 0 ? { failed: failedCount } : {}),
      uncountedTerminatedPods: { succeeded: ok.filter((uid) => !gone.has(uid)), failed: bad.filter((uid) => !gone.has(uid)) },
    };
    return this.go(FINISH);
  }

  /** Adds the terminal condition when all is counted and no pod is left (enactJobFinished), and writes what changed. */
  private finish(): Step {
    const { target } = this.plan;
    const { uncountedTerminatedPods, active, terminating, ready } = this.status;
    const pending = (uncountedTerminatedPods?.succeeded?.length ?? 0) + (uncountedTerminatedPods?.failed?.length ?? 0);
    if (pending === 0 && uncountedTerminatedPods !== undefined) this.status = { ...this.status, uncountedTerminatedPods: {} };
    const busy = (active ?? 0) + (terminating ?? 0) + (ready ?? 0) + this.plan.remove.length;
    if (target !== undefined && pending === 0 && busy === 0) {
      this.finished = target;
      const time = apiTime(this.simulation.now);
      this.status = {
        ...this.status,
        conditions: [...(this.status.conditions ?? []), { ...target, lastProbeTime: time, lastTransitionTime: time }],
        ...(target.type === 'Complete' ? { completionTime: time } : {}),
      };
    }
    if (equal(this.job.status, this.status)) return this.end();
    this.stage = STATUS_WRITTEN;
    return [this.statusRequest()];
  }

  private written(response: ApiResponse): Step {
    if (!succeeded(response)) return this.fail(response.message ?? 'request failed');
    const { finished, job } = this;
    if (finished !== undefined) {
      const complete = finished.type === 'Complete';
      const message = complete ? 'Job completed' : (finished.message ?? '');
      this.controller.recorder.event(job, complete ? 'Normal' : 'Warning', complete ? 'Completed' : (finished.reason ?? ''), message);
    }
    return this.end();
  }

  private end(): null {
    this.controller.backoff.set(this.key, this.plan.backoff);
    return this.podError === undefined ? null : this.fail(this.podError);
  }
}

/** A pod of a Job, with its index when the Job is indexed. */
function jobPod(job: Job, { index, failures }: JobPodCreation): Pod {
  const { name, uid } = job.metadata;
  const labels: Labels = {
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
    ...(index === undefined ? {} : { [COMPLETION_INDEX]: String(index) }),
  };
  const annotations: Labels = {
    ...(index === undefined ? {} : { [COMPLETION_INDEX]: String(index) }),
    ...(index === undefined || job.spec.backoffLimitPerIndex === undefined ? {} : { [INDEX_FAILURES]: String(failures) }),
  };
  const pod = podFromTemplate(job, job.spec.template, {
    generateName: index === undefined ? `${name}-` : `${name}-${index}-`,
    labels,
    ...(index === undefined ? {} : { annotations }),
    finalizers: [...(job.spec.template.metadata.finalizers ?? []), JOB_FINALIZER],
  });
  return index === undefined ? pod : { ...pod, spec: { ...pod.spec, hostname: `${name}-${index}` } };
}
