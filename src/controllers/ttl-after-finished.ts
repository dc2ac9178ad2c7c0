import type { Job } from '../api/batch.js';
import { keyOf } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Informer, ResourceEventHandler, WorkQueue } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { SECOND, type Time } from '../kernel/time.js';
import { ControllerWorkers, objectRequest, Reconciliation, type Reconciler } from './controller.js';

const WORKERS = 5;

/** When a finished Job expires; undefined: never, or not finished (pkg/controller/ttlafterfinished). */
export function expiryOf(job: Job): Time | undefined {
  const ttl = job.spec.ttlSecondsAfterFinished;
  if (ttl === undefined) return undefined;
  const end = job.status.conditions?.find(({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True');
  return end?.lastTransitionTime === undefined ? undefined : end.lastTransitionTime + ttl * SECOND;
}

/** Deletes Jobs some time after they have ended. */
export class TtlAfterFinishedController implements Reconciler {
  readonly workers: ControllerWorkers;
  private readonly jobs: Informer<Job>;
  private readonly simulation: Simulation;

  constructor(context: ProcessContext, client: ApiClient) {
    this.simulation = context.simulation;
    this.jobs = context.informers.informer<Job>('jobs');
    this.workers = new ControllerWorkers(context, { name: 'ttl-after-finished', workers: WORKERS, client });
    this.jobs.addEventHandler(new ExpiringHandler(this.workers.queue));
    this.workers.start(this, [this.jobs]);
  }

  reconcile(key: string): Reconciliation | null {
    const job = this.jobs.get(key);
    if (job === undefined || job.metadata.deletionTimestamp !== undefined) return null;
    const expiry = expiryOf(job);
    if (expiry === undefined) return null;
    const left = expiry - this.simulation.now;
    if (left > 0) {
      this.workers.queue.addAfter(keyOf(job), left);
      return null;
    }
    return new DeleteExpired(job, this.simulation);
  }
}

/** Queues Jobs that have finished and are to expire (needsCleanup). */
class ExpiringHandler implements ResourceEventHandler<Job> {
  private readonly queue: WorkQueue;

  constructor(queue: WorkQueue) {
    this.queue = queue;
  }

  onAdd(job: Job): void {
    if (job.metadata.deletionTimestamp === undefined && expiryOf(job) !== undefined) this.queue.add(keyOf(job));
  }

  onUpdate(_old: Job, job: Job): void {
    this.onAdd(job);
  }

  onDelete(): void {}
}

/** Looks at the Job once more, uncached, then deletes it. */
class DeleteExpired extends Reconciliation {
  private readonly job: Job;
  private readonly simulation: Simulation;
  private stage = 0;

  constructor(job: Job, simulation: Simulation) {
    super();
    this.job = job;
    this.simulation = simulation;
  }

  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    if (this.stage > 0 && !succeeded(responses[0]!)) {
      return responses[0]!.code === 404 ? null : this.fail(responses[0]!.message ?? 'request failed');
    }
    if (this.stage++ === 0) return [objectRequest('get', 'jobs', this.job)];
    if (this.stage > 2) return null;
    const fresh = responses[0]!.object as Job;
    const expiry = expiryOf(fresh);
    if (expiry === undefined) return null;
    if (expiry > this.simulation.now) {
      this.requeueAfter = expiry - this.simulation.now;
      return null;
    }
    return [objectRequest('delete', 'jobs', fresh, { propagationPolicy: 'Foreground', preconditions: { uid: fresh.metadata.uid } })];
  }
}
