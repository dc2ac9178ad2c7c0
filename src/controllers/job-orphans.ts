import type { Job } from '../api/batch.js';
import type { Pod } from '../api/core.js';
import { controllerOf, keyOf, type KubernetesObject } from '../api/meta.js';
import { type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Informer } from '../client/types.js';
import { ControllerWorkers, objectRequest, type Reconciler, type Reconciliation, StagedReconciliation, type Step } from './controller.js';
import { RemoveFinalizerPatch } from './garbage-collector.js';
import { cachedOwner } from './handlers.js';
import { hasFinalizer, JOB_FINALIZER } from './job-failures.js';
import { isFinished } from './job-policy.js';
import { BY_CONTROLLER } from './ownership.js';

const WORKERS = 1;

/**
 * Takes the tracking finalizer off pods whose Job is gone or has finished: no sync of a Job will (pkg/controller/job
 * job_controller.go, orphanWorker and syncOrphanPod).
 */
export class JobOrphans implements Reconciler {
  readonly workers: ControllerWorkers;
  private readonly jobs: Informer<Job>;
  private readonly pods: Informer<Pod>;

  constructor(context: ProcessContext, client: ApiClient, jobs: Informer<Job>, pods: Informer<Pod>) {
    this.jobs = jobs;
    this.pods = pods;
    this.workers = new ControllerWorkers(context, { name: 'job_orphan_pod', workers: WORKERS, client });
    this.workers.start(this, [jobs, pods]);
  }

  /** A Job was deleted: its pods may still have the finalizer. */
  jobDeleted(job: Job): void {
    for (const pod of this.pods.byIndex(BY_CONTROLLER, job.metadata.uid)) if (hasFinalizer(pod)) this.add(pod);
  }

  /** A pod that is going or gone. */
  podDeleted(pod: Pod): void {
    if (hasFinalizer(pod) && this.isOrphan(pod)) this.add(pod);
  }

  /** A pod that has no controller. */
  podLeft(pod: Pod): void {
    if (controllerOf(pod as KubernetesObject) === undefined && hasFinalizer(pod)) this.add(pod);
  }

  reconcile(key: string): Reconciliation | null {
    const pod = this.pods.get(key);
    return pod === undefined || !hasFinalizer(pod) || !this.isOrphan(pod) ? null : new RemoveTracking(pod);
  }

  private add(pod: Pod): void {
    this.workers.queue.add(keyOf(pod));
  }

  private isOrphan(pod: Pod): boolean {
    const owner = controllerOf(pod as KubernetesObject);
    if (owner !== undefined && owner.kind !== 'Job') return false;
    const job = cachedOwner(pod, 'Job', this.jobs);
    return job === undefined || isFinished(job);
  }
}

class RemoveTracking extends StagedReconciliation {
  private readonly pod: Pod;

  constructor(pod: Pod) {
    super();
    this.pod = pod;
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    if (this.stage === 0) {
      this.stage = 1;
      return [objectRequest('patch', 'pods', this.pod, { patch: new RemoveFinalizerPatch(JOB_FINALIZER) })];
    }
    const response = responses[0]!;
    return succeeded(response) || response.code === 404 ? null : this.fail(response.message ?? 'request failed');
  }
}
