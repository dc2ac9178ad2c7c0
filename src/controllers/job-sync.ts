import type { Job, JobStatus } from '../api/batch.js';
import type { Pod } from '../api/core.js';
import { equal } from '../api/equal.js';
import { keyOf, type Condition } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { Simulation } from '../kernel/simulation.js';
import { apiTime, findCondition } from './conditions.js';
import { objectRequest, StagedReconciliation, type Step } from './controller.js';
import { RemoveFinalizerPatch } from './garbage-collector.js';
import { parseIndexes } from './job-indexes.js';
import { Claiming } from './claiming.js';
import { type Counting, countFinished } from './job-counting.js';
import { hasFinalizer, JOB_FINALIZER } from './job-failures.js';
import { type JobPlan, type JobPodCreation, planJob } from './job-policy.js';
import type { JobController } from './job.js';
import { jobPod, selectorOf } from './job-pods.js';
import { BY_CONTROLLER, claim, ORPHANS } from './ownership.js';
import { createPod, podCreated, podDeleted } from './pod-control.js';
import { nextBatch } from './replica-set-policy.js';

const WITHOUT_FINALIZER = new RemoveFinalizerPatch(JOB_FINALIZER);

const CLAIM = 0;
const DELETED = 1;
const CREATE = 2;
const CREATED = 3;
const TRACK = 4;
const UNCOUNTED_WRITTEN = 5;
const FINALIZERS_REMOVED = 6;
const FINISH = 7;
const STATUS_WRITTEN = 8;
const UNTRACKED = 9;
const CLAIMED = 10;

/** One sync of a Job (syncJob, trackJobStatusAndRemoveFinalizers). */
export class JobSync extends StagedReconciliation {
  private readonly controller: JobController;
  private readonly simulation: Simulation;
  private readonly key: string;
  private job: Job;
  private claiming!: Claiming<Pod>;
  private mayManage = false;
  private plan!: JobPlan;
  private status!: JobStatus;
  private pods: readonly Pod[] = [];
  private created = 0;
  private batch = 0;
  private creations: readonly JobPodCreation[] = [];
  private removing: readonly Pod[] = [];
  private podError: string | undefined = undefined;
  private finished: Condition | undefined = undefined;
  /** The condition that ends the Job, unless some of its pods could not be deleted. */
  private target: Condition | undefined = undefined;
  /** Pods that are deleted in this sync. */
  private victims: readonly Pod[] = [];
  private counting: Counting | undefined = undefined;

  constructor(controller: JobController, job: Job, simulation: Simulation) {
    super();
    this.controller = controller;
    this.job = job;
    this.simulation = simulation;
    this.key = keyOf(job);
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    switch (this.stage) {
      case CLAIM:
        return this.claim();
      case CLAIMED:
        return this.claimed(responses);
      case UNTRACKED:
        return this.untracked(responses);
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

  /** The Job takes over pods that it selects and lets go those that it selects no more (getPodsForJob). */
  private claim(): Step {
    const { controller, job, key } = this;
    this.mayManage = controller.expectations.satisfied(key, this.simulation.now);
    const released = controller.releasedOf(key);
    const cached = [...controller.pods.byIndex(BY_CONTROLLER, job.metadata.uid)];
    const pods = released.size === 0 ? cached : cached.map((pod) => (released.has(pod.metadata.uid) ? (WITHOUT_FINALIZER.apply(pod) as Pod) : pod));
    const claimed = claim(job, selectorOf(job), pods, controller.pods.byIndex(ORPHANS, job.metadata.namespace));
    this.claiming = new Claiming(job, 'jobs', 'pods', claimed, JOB_FINALIZER);
    return this.claimed([]);
  }

  private claimed(responses: readonly ApiResponse[]): Step {
    const requests = this.claiming.next(responses);
    if (requests !== undefined) {
      this.stage = CLAIMED;
      return requests;
    }
    return this.claiming.error === undefined ? this.makePlan(this.claiming.objects) : this.fail(this.claiming.error);
  }

  private makePlan(pods: readonly Pod[]): Step {
    const { controller, job, key, mayManage } = this;
    const { now } = this.simulation;
    const { suspensionClearsStart } = controller;
    this.plan = planJob({ job, pods, backoff: controller.backoffOf(key), mayManage, suspensionClearsStart, now });
    this.pods = pods;
    this.status = this.plan.status;
    this.target = this.plan.target;
    this.requeueAfter = this.plan.requeueAfter;
    const { create, remove, untracked, suspension } = this.plan;
    if (suspension !== '') controller.recorder.event(job, 'Normal', suspension, suspension === 'Suspended' ? 'Job suspended' : 'Job resumed');
    // The pods of a Job that ends are deleted without waiting to see them go.
    const awaited = untracked ? remove.map(keyOf) : [];
    if (create.length + awaited.length > 0) controller.expectations.expectBoth(key, create.length, awaited, now);
    this.victims = remove;
    if (remove.length === 0) return this.go(CREATE);
    if (!untracked) return this.delete();
    this.stage = UNTRACKED;
    return remove.map((pod) => objectRequest('patch', 'pods', pod, { patch: WITHOUT_FINALIZER }));
  }

  private delete(): Step {
    if (this.victims.length === 0) return this.go(CREATE);
    this.stage = DELETED;
    return this.victims.map((pod) => objectRequest('delete', 'pods', pod));
  }

  /** Pods that are too many are no longer tracked: their deletion is no failure (deleteJobPods). */
  private untracked(responses: readonly ApiResponse[]): Step {
    this.victims = this.victims.filter((pod, i) => {
      const response = responses[i]!;
      if (succeeded(response)) return true;
      this.controller.expectations.deletionObserved(this.key, keyOf(pod));
      if (response.code !== 404) this.undeleted(`removing completion finalizer: ${response.message ?? 'request failed'}`);
      return false;
    });
    return this.delete();
  }

  private deleted(responses: readonly ApiResponse[]): Step {
    for (let i = 0; i < responses.length; i++) {
      const pod = this.victims[i]!;
      const error = podDeleted(this.controller.recorder, this.job, pod.metadata.name, responses[i]!);
      if (error === undefined) continue;
      if (this.plan.untracked) this.controller.expectations.deletionObserved(this.key, keyOf(pod));
      if (responses[i]!.code !== 404) this.undeleted(error);
    }
    return this.go(CREATE);
  }

  /** A pod that should have gone is still active, and the Job cannot end. */
  private undeleted(error: string): void {
    this.podError ??= error;
    this.target = undefined;
    const { active = 0, terminating = 0 } = this.status;
    this.status = { ...this.status, active: active + 1, terminating: terminating - 1 };
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
    const uncounted = this.settleReleased();
    const before = (uncounted?.succeeded?.length ?? 0) + (uncounted?.failed?.length ?? 0);
    this.counting = countFinished(this.job, this.pods, uncounted, this.plan.delayed, this.target);
    const { succeeded: ok, failed: bad, removing } = this.counting;
    this.removing = removing;
    const interim = this.interimCondition();
    if (removing.length === 0 && before === 0 && !interim) return this.go(FINISH);
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
    if (ok.length + bad.length === 0 && !interim) return this.removeFinalizers();
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

  /** FailureTarget and SuccessCriteriaMet come before Failed and Complete; whether one was added. */
  private interimCondition(): boolean {
    const { target } = this;
    if (target === undefined) return false;
    const type = target.type === 'Failed' ? 'FailureTarget' : 'SuccessCriteriaMet';
    if (findCondition(this.status.conditions, type) !== undefined) return false;
    this.status = { ...this.status, conditions: [...(this.status.conditions ?? []), { ...target, type }] };
    return true;
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
    const { target } = this;
    const { uncountedTerminatedPods, terminating } = this.status;
    const pending = (uncountedTerminatedPods?.succeeded?.length ?? 0) + (uncountedTerminatedPods?.failed?.length ?? 0);
    if (pending === 0 && uncountedTerminatedPods !== undefined) this.status = { ...this.status, uncountedTerminatedPods: {} };
    if (target !== undefined && pending === 0 && (terminating ?? 0) === 0 && !this.counting!.truncated) {
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
      this.controller.finished.add(job.metadata.uid);
      if (complete && (this.status.succeeded ?? 0) > (job.spec.completions ?? Number.POSITIVE_INFINITY)) {
        this.controller.recorder.event(job, 'Warning', 'TooManySucceededPods', 'Too many succeeded pods running after completion count reached');
      }
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
