import type { CronJob, Job } from '../api/batch.js';
import { controllerOf, type ObjectReference } from '../api/meta.js';
import { timeZone } from '../api/time-zones.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { MILLISECOND, SECOND, type Time } from '../kernel/time.js';
import { ControllerWorkers, objectRequest, type Reconciler, type Reconciliation, StagedReconciliation, type Step } from './controller.js';
import { type CronSchedule, mostRecent, nextTime, parseSchedule, rfc1123, rfc3339 } from './cron-schedule.js';
import { isNamespaceTerminating } from './pod-control.js';
import { KeyHandler, OwnerHandler } from './handlers.js';
import { BY_CONTROLLER, ControllerUidIndexer, controllerReference } from './ownership.js';

const WORKERS = 5;
/** Timers fire this long after the scheduled time (nextScheduleDelta). */
const SCHEDULE_DELTA = 100 * MILLISECOND;
/** More missed times than this give a warning. */
const TOO_MANY_MISSED = 100;

/** The CronJob controller (pkg/controller/cronjob/cronjob_controllerv2.go). Schedules are read in the job's time zone, else as UTC. */
export class CronJobController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly recorder: EventRecorder;
  readonly cronJobs: Informer<CronJob>;
  readonly jobs: Informer<Job>;
  /** Seconds since 1970 of simulated time 0. */
  readonly epoch: number;
  private readonly simulation: Simulation;
  private readonly schedules = new Map<string, CronSchedule | string>();

  constructor(context: ProcessContext, client: ApiClient) {
    this.simulation = context.simulation;
    this.epoch = context.scenario.startTime / 1000;
    this.recorder = context.eventRecorder('cronjob-controller', client);
    this.cronJobs = context.informers.informer<CronJob>('cronjobs');
    this.jobs = context.informers.informer<Job>('jobs');
    this.jobs.addIndexer(new ControllerUidIndexer());
    this.workers = new ControllerWorkers(context, { name: 'cronjob', workers: WORKERS, client });
    this.cronJobs.addEventHandler(new KeyHandler<CronJob>(this.workers.queue));
    this.jobs.addEventHandler(new OwnerHandler<Job>(this.workers.queue, 'CronJob'));
    this.workers.start(this, [this.cronJobs, this.jobs]);
  }

  reconcile(key: string): Reconciliation | null {
    const cronJob = this.cronJobs.get(key);
    return cronJob === undefined ? null : new CronJobSync(this, cronJob, this.simulation);
  }

  /** The parsed schedule, or why it is none. */
  schedule(text: string): CronSchedule | string {
    let schedule = this.schedules.get(text);
    if (schedule === undefined) {
      try {
        schedule = parseSchedule(text);
      } catch (error) {
        schedule = (error as Error).message;
      }
      this.schedules.set(text, schedule);
    }
    return schedule;
  }
}

/** When a Job ended and how; undefined while it runs. */
export function jobEnd(job: Job): 'Complete' | 'Failed' | undefined {
  for (const { type, status } of job.status.conditions ?? []) {
    if (status === 'True' && (type === 'Complete' || type === 'Failed')) return type;
  }
  return undefined;
}

/** Jobs beyond the history limits, oldest first (cleanupFinishedJobs). */
export function jobsToCleanUp(cronJob: CronJob, jobs: readonly Job[]): readonly Job[] {
  const remove: Job[] = [];
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec;
  for (const [end, limit] of [['Complete', successfulJobsHistoryLimit], ['Failed', failedJobsHistoryLimit]] as const) {
    const finished = jobs.filter((job) => jobEnd(job) === end);
    finished.sort((a, b) => (a.status.startTime ?? 0) - (b.status.startTime ?? 0) || (a.metadata.name < b.metadata.name ? -1 : 1));
    remove.push(...finished.slice(0, Math.max(0, finished.length - limit)));
  }
  return remove;
}

const START = 0;
const REPLACED = 1;
const CREATE = 2;
const CREATED = 3;
const CLEAN_UP = 4;
const CLEANED = 5;
const STATUS = 6;
const STATUS_WRITTEN = 7;
const LOOKED_UP = 8;
const SEARCHED = 9;
const TO_REPLACE = 10;
const FOUND = 11;

class CronJobSync extends StagedReconciliation {
  private readonly controller: CronJobController;
  private readonly simulation: Simulation;
  private cronJob: CronJob;
  private readonly jobs: readonly Job[];
  private active: readonly ObjectReference[];
  private lastScheduleTime: Time | undefined;
  private lastSuccessfulTime: Time | undefined;
  private changed = false;
  private scheduled = 0;
  private removing: readonly Job[] = [];
  private syncError: string | undefined = undefined;

  constructor(controller: CronJobController, cronJob: CronJob, simulation: Simulation) {
    super();
    this.controller = controller;
    this.simulation = simulation;
    this.cronJob = cronJob;
    this.jobs = [...controller.jobs.byIndex(BY_CONTROLLER, cronJob.metadata.uid)];
    this.active = cronJob.status.active ?? [];
    this.lastScheduleTime = cronJob.status.lastScheduleTime;
    this.lastSuccessfulTime = cronJob.status.lastSuccessfulTime;
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    switch (this.stage) {
      case START:
        return this.start();
      case LOOKED_UP:
        return this.lookedUp(responses[0]!);
      case SEARCHED:
        return this.searched(responses);
      case TO_REPLACE:
        return this.replace(responses[0]!);
      case REPLACED:
        return this.replaced(responses[0]!);
      case FOUND:
        return this.found(responses[0]!);
      case CREATE:
        return this.create();
      case CREATED:
        return this.created(responses[0]!);
      case CLEAN_UP:
        return this.cleanUp();
      case CLEANED:
        return this.cleaned(responses);
      case STATUS:
        return this.status();
      case STATUS_WRITTEN:
        if (!succeeded(responses[0]!)) return this.fail(responses[0]!.message ?? 'request failed');
        return this.syncError === undefined ? null : this.fail(this.syncError);
      default:
        return null;
    }
  }

  private go(stage: number): undefined {
    this.stage = stage;
    return undefined;
  }

  private event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.controller.recorder.event(this.cronJob, type, reason, message);
  }

  private get nowSeconds(): number {
    return this.controller.epoch + this.simulation.now / SECOND;
  }

  private start(): Step {
    const unlisted = this.jobs.some((job) => jobEnd(job) === undefined && !this.lists(job));
    if (!unlisted) return this.tidyActive();
    // A job that the last sync made may not be on the cached list yet: the API server knows.
    this.stage = LOOKED_UP;
    return [objectRequest('get', 'cronjobs', this.cronJob)];
  }

  private lookedUp(response: ApiResponse): Step {
    if (!succeeded(response)) return this.fail(response.message ?? 'request failed');
    const fresh = response.object as CronJob;
    const { active = [], lastScheduleTime, lastSuccessfulTime } = fresh.status;
    if (this.jobs.some(({ metadata }) => active.some(({ uid }) => uid === metadata.uid))) {
      this.cronJob = fresh;
      this.active = active;
      this.lastScheduleTime = lastScheduleTime;
      this.lastSuccessfulTime = lastSuccessfulTime;
    }
    return this.tidyActive();
  }

  private lists(job: Job): boolean {
    return this.active.some(({ uid }) => uid === job.metadata.uid);
  }

  /** Takes finished jobs off the active list, and looks for those that the cache does not have. */
  private tidyActive(): Step {
    for (const job of this.jobs) {
      const end = jobEnd(job);
      if (end === undefined) {
        if (!this.lists(job)) this.event('Warning', 'UnexpectedJob', `Saw a job that the controller did not create or forgot: ${job.metadata.name}`);
        continue;
      }
      if (this.lists(job)) {
        this.active = this.active.filter(({ uid }) => uid !== job.metadata.uid);
        this.event('Normal', 'SawCompletedJob', `Saw completed job: ${job.metadata.name}, condition: ${end}`);
        this.changed = true;
      }
      const { completionTime } = job.status;
      if (end === 'Complete' && completionTime !== undefined && completionTime > (this.lastSuccessfulTime ?? Number.NEGATIVE_INFINITY)) {
        this.lastSuccessfulTime = completionTime;
        this.changed = true;
      }
    }
    const missing = this.missing();
    if (missing.length === 0) return this.run();
    this.stage = SEARCHED;
    const { namespace } = this.cronJob.metadata;
    return missing.map(({ name }): ApiRequest => ({ verb: 'get', resource: 'jobs', namespace, name }));
  }

  private missing(): readonly ObjectReference[] {
    return this.active.filter((reference) => !this.jobs.some((job) => job.metadata.uid === reference.uid));
  }

  /** Jobs that are not in the cache either are new or have been deleted. */
  private searched(responses: readonly ApiResponse[]): Step {
    const missing = this.missing();
    for (let i = 0; i < missing.length; i++) {
      const response = responses[i]!;
      if (response.code === 404) {
        this.active = this.active.filter((reference) => reference !== missing[i]);
        this.event('Normal', 'MissingJob', `Active job went missing: ${missing[i]!.name}`);
        this.changed = true;
      } else if (!succeeded(response)) return this.fail(response.message ?? 'request failed');
    }
    return this.run();
  }

  /** Starts what is due. */
  private run(): Step {
    const { cronJob } = this;
    this.stage = CLEAN_UP;
    if (cronJob.metadata.deletionTimestamp !== undefined || cronJob.spec.suspend === true) return undefined;
    const schedule = this.controller.schedule(cronJob.spec.schedule);
    if (typeof schedule === 'string') {
      this.event('Warning', 'UnparseableSchedule', `unparseable schedule: "${cronJob.spec.schedule}" : ${schedule}`);
      return undefined;
    }
    return this.decide(schedule);
  }

  private decide(schedule: CronSchedule): Step {
    const { spec, metadata } = this.cronJob;
    const now = this.nowSeconds;
    let earliest = this.controller.epoch + (this.lastScheduleTime ?? metadata.creationTimestamp) / SECOND;
    if (spec.startingDeadlineSeconds !== undefined) earliest = Math.max(earliest, now - spec.startingDeadlineSeconds);
    const zone = spec.timeZone === undefined ? undefined : timeZone(spec.timeZone);
    if (spec.timeZone !== undefined && zone === undefined) {
      this.event('Warning', 'UnknownTimeZone', `invalid timeZone: "${spec.timeZone}": unknown time zone ${spec.timeZone}`);
      return undefined;
    }
    const due = mostRecent(schedule, earliest, now, zone);
    const next = nextTime(schedule, now, zone);
    if (next !== undefined) this.requeueAfter = Math.round((next - now) * SECOND) + SCHEDULE_DELTA;
    if (due === undefined) return undefined;
    if (due.missed > TOO_MANY_MISSED) {
      this.event('Warning', 'TooManyMissedTimes', 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew');
    }
    this.scheduled = due.time;
    if (spec.startingDeadlineSeconds !== undefined && due.time + spec.startingDeadlineSeconds < now) {
      this.event('Warning', 'MissSchedule', `Missed scheduled time to start a job: ${rfc1123(due.time)}`);
      return undefined;
    }
    const name = jobName(this.cronJob, due.time);
    if (this.active.some((reference) => reference.name === name)) return undefined;
    if (spec.concurrencyPolicy === 'Forbid' && this.active.length > 0) {
      this.event('Normal', 'JobAlreadyActive', 'Not starting job because prior execution is running and concurrency policy is Forbid');
      return undefined;
    }
    return spec.concurrencyPolicy === 'Replace' ? this.replaceNext() : this.go(CREATE);
  }

  /** The jobs that still run are read and deleted, one after the other. */
  private replaceNext(): Step {
    const running = this.active[0];
    if (running === undefined) return this.go(CREATE);
    this.stage = TO_REPLACE;
    return [{ verb: 'get', resource: 'jobs', namespace: this.cronJob.metadata.namespace, name: running.name }];
  }

  private replace(response: ApiResponse): Step {
    if (!succeeded(response)) {
      const message = response.message ?? 'request failed';
      this.event('Warning', 'FailedGet', `Get job: ${message}`);
      this.syncError = message;
      return this.go(CLEAN_UP);
    }
    this.stage = REPLACED;
    return [objectRequest('delete', 'jobs', response.object as Job, { propagationPolicy: 'Background' })];
  }

  private replaced(response: ApiResponse): Step {
    const { name, namespace } = this.active[0]!;
    if (!succeeded(response)) {
      this.event('Warning', 'FailedDelete', `Deleted job: ${response.message ?? 'request failed'}`);
      this.syncError = `could not replace job ${namespace}/${name}`;
      return this.go(CLEAN_UP);
    }
    this.event('Normal', 'SuccessfulDelete', `Deleted job ${name}`);
    this.active = this.active.slice(1);
    this.changed = true;
    return this.replaceNext();
  }

  private create(): Step {
    const { metadata, spec } = this.cronJob;
    const name = jobName(this.cronJob, this.scheduled);
    const { labels, annotations } = spec.jobTemplate.metadata;
    const body: Job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: {
        name,
        namespace: metadata.namespace,
        uid: '',
        resourceVersion: 0,
        generation: 0,
        creationTimestamp: 0,
        ...(labels === undefined ? {} : { labels }),
        annotations: { ...annotations, 'batch.kubernetes.io/cronjob-scheduled-timestamp': rfc3339(this.scheduled, spec.timeZone === undefined ? undefined : timeZone(spec.timeZone)) },
        ownerReferences: [controllerReference(this.cronJob)],
      },
      spec: spec.jobTemplate.spec,
      status: {},
    };
    this.stage = CREATED;
    return [objectRequest('create', 'jobs', body, { body })];
  }

  private created(response: ApiResponse): Step {
    const name = jobName(this.cronJob, this.scheduled);
    if (succeeded(response)) {
      this.event('Normal', 'SuccessfulCreate', `Created job ${name}`);
      this.note(response.object as Job);
      return this.go(CLEAN_UP);
    }
    if (response.reason === 'AlreadyExists') {
      this.stage = FOUND;
      return [{ verb: 'get', resource: 'jobs', namespace: this.cronJob.metadata.namespace, name }];
    }
    this.syncError = response.message ?? 'request failed';
    if (!isNamespaceTerminating(response)) this.event('Warning', 'FailedCreate', `Error creating job: ${this.syncError}`);
    return this.go(CLEAN_UP);
  }

  /** The job of this time exists: made by an earlier try, or by somebody else, who then knows of it. */
  private found(response: ApiResponse): Step {
    if (!succeeded(response)) this.syncError = response.message ?? 'request failed';
    else {
      const job = response.object as Job;
      if (controllerOf(job)?.uid === this.cronJob.metadata.uid && !this.lists(job)) this.note(job);
    }
    return this.go(CLEAN_UP);
  }

  private note(job: Job): void {
    const { name, namespace, uid } = job.metadata;
    this.active = [...this.active, { apiVersion: 'batch/v1', kind: 'Job', name, namespace, uid }];
    this.lastScheduleTime = (this.scheduled - this.controller.epoch) * SECOND;
    this.changed = true;
  }

  private cleanUp(): Step {
    this.removing = jobsToCleanUp(this.cronJob, this.jobs);
    this.stage = CLEANED;
    if (this.removing.length === 0) return undefined;
    return this.removing.map((job) => objectRequest('delete', 'jobs', job, { propagationPolicy: 'Background' }));
  }

  private cleaned(responses: readonly ApiResponse[]): Step {
    for (let i = 0; i < responses.length; i++) {
      const { name, uid } = this.removing[i]!.metadata;
      const response = responses[i]!;
      if (!succeeded(response)) {
        this.event('Warning', 'FailedDelete', `Deleted job: ${response.message ?? 'request failed'}`);
        continue;
      }
      this.event('Normal', 'SuccessfulDelete', `Deleted job ${name}`);
      this.active = this.active.filter((reference) => reference.uid !== uid);
      this.changed = true;
    }
    return this.go(STATUS);
  }

  private status(): Step {
    if (!this.changed) return this.syncError === undefined ? null : this.fail(this.syncError);
    const status: CronJob['status'] = {
      ...(this.active.length === 0 ? {} : { active: this.active }),
      ...(this.lastScheduleTime === undefined ? {} : { lastScheduleTime: this.lastScheduleTime }),
      ...(this.lastSuccessfulTime === undefined ? {} : { lastSuccessfulTime: this.lastSuccessfulTime }),
    };
    this.stage = STATUS_WRITTEN;
    return [objectRequest('update', 'cronjobs', this.cronJob, { subresource: 'status', body: { ...this.cronJob, status } as CronJob })];
  }
}

/** Name of the job of a scheduled time: the same for every try, so that it runs once. */
function jobName(cronJob: CronJob, scheduled: number): string {
  return `${cronJob.metadata.name}-${Math.floor(scheduled / 60)}`;
}
