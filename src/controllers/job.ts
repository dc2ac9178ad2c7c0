import type { Job } from '../api/batch.js';
import type { Pod } from '../api/core.js';
import { matchesSelector } from '../api/labels.js';
import { controllerOf, keyOf } from '../api/meta.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { MINUTE, SECOND } from '../kernel/time.js';
import { ControllerWorkers, type Reconciler, type Reconciliation } from './controller.js';
import { Expectations } from './expectations.js';
import { consistencyOf } from './gates.js';
import { cachedOwner } from './handlers.js';
import { JobOrphans } from './job-orphans.js';
import { type BackoffRecord, hasFinalizer } from './job-failures.js';
import { isFinished } from './job-policy.js';
import { JobSync } from './job-sync.js';
import { selectorOf } from './job-pods.js';
import { OrphanIndexer, PodControllerIndexer } from './ownership.js';

const WORKERS = 5;
/** Pod events are gathered for a second before a sync (SyncJobBatchPeriod); API errors back off 1 s to 1 min. */
const BATCH_PERIOD = SECOND;
const BASE_DELAY = SECOND;
const MAXIMUM_DELAY = MINUTE;
const NO_PODS: ReadonlySet<string> = new Set();
const NO_FAILURES: BackoffRecord = { failures: 0, lastFailure: 0 };

/** The Job controller (pkg/controller/job). */
export class JobController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly recorder: EventRecorder;
  readonly jobs: Informer<Job>;
  readonly pods: Informer<Pod>;
  readonly expectations = new Expectations();
  readonly backoff = new Map<string, BackoffRecord>();
  /** Pods by job whose finalizer was taken off, which the cache does not show yet (tracking_utils.go uidTrackingExpectations). */
  private readonly released = new Map<string, Set<string>>();
  /** Uids of Jobs whose end this controller has written; the cache may not show it yet. */
  readonly finished = new Set<string>();
  /** Gate MutableSchedulingDirectivesForSuspendedJobs, on from 1.36: a suspended Job has no start time. */
  readonly suspensionClearsStart: boolean;
  readonly orphans: JobOrphans;
  private readonly simulation: Simulation;

  constructor(context: ProcessContext, client: ApiClient) {
    this.simulation = context.simulation;
    this.suspensionClearsStart = context.scenario.kubernetesVersion >= '1.36';
    this.recorder = context.eventRecorder('job-controller', client);
    this.jobs = context.informers.informer<Job>('jobs');
    this.pods = context.informers.informer<Pod>('pods');
    this.pods.addIndexer(new PodControllerIndexer());
    this.pods.addIndexer(new OrphanIndexer());
    const options = { name: 'job', workers: WORKERS, client, baseDelay: BASE_DELAY, maximumDelay: MAXIMUM_DELAY };
    const consistency = consistencyOf(context.scenario, 'StaleControllerConsistencyJob', [this.pods, this.jobs]);
    this.workers = new ControllerWorkers(context, { ...options, ...consistency });
    this.jobs.addEventHandler(new JobHandler(this));
    this.pods.addEventHandler(new PodHandler(this));
    this.workers.start(this, [this.jobs, this.pods]);
    this.orphans = new JobOrphans(context, client, this.jobs, this.pods);
  }

  reconcile(key: string): Reconciliation | null {
    const job = this.jobs.get(key);
    if (job === undefined) {
      this.expectations.forget(key);
      this.backoff.delete(key);
      this.released.delete(key);
      return null;
    }
    if (isManagedElsewhere(job)) return null;
    if (isFinished(job)) {
      this.backoff.delete(key);
      this.finished.delete(job.metadata.uid);
      return null;
    }
    return this.finished.has(job.metadata.uid) ? null : new JobSync(this, job, this.simulation);
  }

  backoffOf(key: string): BackoffRecord {
    return this.backoff.get(key) ?? NO_FAILURES;
  }

  /** Pods of a job that count as without their finalizer already. */
  releasedOf(key: string): ReadonlySet<string> {
    return this.released.get(key) ?? NO_PODS;
  }

  expectReleased(key: string, pods: readonly Pod[]): void {
    const released = this.released.get(key) ?? new Set<string>();
    for (const { metadata } of pods) released.add(metadata.uid);
    this.released.set(key, released);
  }

  /** The cache shows that a pod has lost its finalizer, or it has not lost it after all. */
  releaseSeen(key: string, uid: string): void {
    const released = this.released.get(key);
    if (released?.delete(uid) === true && released.size === 0) this.released.delete(key);
  }

  /** A pod of a job came, changed or went: its job is looked at after the batch period. */
  podSeen(pod: Pod, change: 'added' | 'updated' | 'deleted'): void {
    if (change === 'deleted' || pod.metadata.deletionTimestamp !== undefined) this.orphans.podDeleted(pod);
    else this.orphans.podLeft(pod);
    const job = cachedOwner(pod, 'Job', this.jobs);
    if (job === undefined) {
      if (change !== 'deleted' && pod.metadata.deletionTimestamp === undefined && controllerOf(pod) === undefined) this.orphanSeen(pod);
      return;
    }
    const key = keyOf(job);
    if (change === 'deleted' || !hasFinalizer(pod)) this.releaseSeen(key, pod.metadata.uid);
    if (change === 'added' && pod.metadata.deletionTimestamp === undefined) this.expectations.creationObserved(key);
    if (change === 'deleted' || pod.metadata.deletionTimestamp !== undefined) this.expectations.deletionObserved(key, keyOf(pod));
    this.workers.queue.addAfter(key, BATCH_PERIOD);
  }

  /** A pod without a controller: all Jobs that select it are looked at (getPodJobs). */
  private orphanSeen(pod: Pod): void {
    for (const job of this.jobs.list()) {
      if (job.metadata.namespace !== pod.metadata.namespace || !matchesSelector(selectorOf(job), pod.metadata.labels)) continue;
      this.workers.queue.addAfter(keyOf(job), BATCH_PERIOD);
    }
  }
}

/** Whether another controller has taken the Job over by `spec.managedBy` (gate JobManagedBy). */
function isManagedElsewhere({ spec }: Job): boolean {
  return spec.managedBy !== undefined && spec.managedBy !== 'kubernetes.io/job-controller';
}

class JobHandler implements ResourceEventHandler<Job> {
  private readonly controller: JobController;

  constructor(controller: JobController) {
    this.controller = controller;
  }

  onAdd(job: Job): void {
    this.controller.workers.queue.add(keyOf(job));
  }

  onUpdate(old: Job, job: Job): void {
    // Its own status writes come back batched, everything else at once.
    if (old.metadata.generation === job.metadata.generation) this.controller.workers.queue.addAfter(keyOf(job), BATCH_PERIOD);
    else this.controller.workers.queue.add(keyOf(job));
  }

  onDelete(job: Job): void {
    this.controller.finished.delete(job.metadata.uid);
    this.controller.workers.queue.add(keyOf(job));
    this.controller.orphans.jobDeleted(job);
  }
}

class PodHandler implements ResourceEventHandler<Pod> {
  readonly controllerKind = 'Job';
  private readonly controller: JobController;

  constructor(controller: JobController) {
    this.controller = controller;
  }

  onAdd(pod: Pod): void {
    this.controller.podSeen(pod, 'added');
  }

  onUpdate(old: Pod, pod: Pod): void {
    if (old.metadata.resourceVersion !== pod.metadata.resourceVersion) this.controller.podSeen(pod, 'updated');
  }

  onDelete(pod: Pod): void {
    this.controller.podSeen(pod, 'deleted');
  }
}
