import { keyOf, type KubernetesObject } from '../../api/meta.js';
import { equal } from '../../api/equal.js';
import { type ApiRequest, type ApiResponse, type Patch, type ResponseReceiver, succeeded } from '../../apiserver/request.js';
import type { ApiClient, EventRecorder } from '../../client/types.js';
import { worked } from '../../client/context.js';
import type { ProcessorShare } from '../../etcd/processor.js';
import { Fifo } from '../../kernel/fifo.js';
import type { Component, Simulation } from '../../kernel/simulation.js';
import { Slots } from '../../kernel/slots.js';
import type { Duration, Time } from '../../kernel/time.js';
import type { Stream } from '../../random/stream.js';
import type { CostProfile } from '../../scenario/types.js';
import { CelError } from './cel.js';
import { nextStage, stageDelay } from './lifecycle.js';
import { type PlayEnvironment, RenderedPatches } from './rendered-patches.js';
import type { Stage, StageStep } from './stage.js';
import { JsonDataPatch, StatusPatch } from './status-patch.js';
import { finalizerOperations } from './steps.js';
import { ObjectSubject } from './subject.js';
import { Serializer } from '../../api/serialize.js';

const OP_DUE = 1;
const OP_PLAY = 2;

/** Back-off of failed jobs (pkg/kwok/controllers/utils.go defaultBackoff). */
const BACKOFF: Duration = 1e9;
const BACKOFF_CAP: Duration = 1920e9;
const BACKOFF_JITTER = 0.2;

/** Answers after which a job is tried again (shouldRetry). */
const RETRIED: ReadonlySet<number> = new Set([0, 429, 503, 504]);

/** A stage that an object is about to go through. */
class Job {
  readonly key: string;
  readonly object: KubernetesObject;
  readonly stage: Stage;
  slot = 0;
  /** When its preprocessing is over: before, nobody can cancel it. */
  addedAt: Time = 0;
  /** Scheduled end of its delay. */
  due = 0;
  cancelled = false;
  step = 0;
  /** Which part of the step comes next: finalizers, deletion, patch. */
  part = 0;
  deleted = false;
  retries = 0;
  /** The newest answer to one of its patches. */
  result: KubernetesObject | null = null;

  constructor(key: string, object: KubernetesObject, stage: Stage) {
    this.key = key;
    this.object = object;
    this.stage = stage;
  }
}

/** Which objects are played: those whose node is managed now. */
export interface ManagedObjects {
  manages(object: KubernetesObject): boolean;
}

export interface StagePlayerOptions {
  readonly simulation: Simulation;
  readonly name: string;
  readonly resource: 'pods' | 'nodes';
  readonly stages: readonly Stage[];
  /** Workers (podPlayStageParallelism, nodePlayStageParallelism). */
  readonly parallelism: number;
  readonly client: ApiClient;
  readonly recorder: EventRecorder;
  readonly stream: Stream;
  readonly costs: CostProfile['kwok'];
  readonly environment: PlayEnvironment;
  readonly managed: ManagedObjects;
  /** Cores that its process shares with others; absent: enough for everything. */
  readonly machine?: ProcessorShare;
  readonly startTime: number;
}

/**
 * KWOK's controller of one kind (pkg/kwok/controllers pod_controller.go and node_controller.go): each change of an object is
 * preprocessed (the next stage is chosen and its delay drawn) one after the other; when the delay is over a worker plays the
 * stage's steps and waits for each answer.
 */
export class StagePlayer implements Component, ResponseReceiver {
  readonly name: string;
  /** Stages played to their end. */
  played = 0;
  private readonly options: StagePlayerOptions;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly subject: ObjectSubject;
  private readonly patches = new RenderedPatches();
  private readonly jobs = new Slots<Job>();
  /** The job that waits for each object. */
  private readonly waiting = new Map<string, Job>();
  private readonly fresh = new Fifo<Job>();
  private readonly retried = new Fifo<Job>();
  private idle: number;
  /** When the only preprocessing worker is free. */
  private preprocessed: Time = 0;

  constructor(options: StagePlayerOptions) {
    this.options = options;
    this.name = options.name;
    this.simulation = options.simulation;
    this.idle = options.parallelism;
    this.subject = new ObjectSubject(new Serializer(options.startTime));
    this.target = options.simulation.add(this);
  }

  /** Jobs that wait for their delay or for a worker. */
  get backlog(): number {
    return this.waiting.size;
  }

  /** An object was added or changed. */
  changed(object: KubernetesObject): void {
    const key = keyOf(object);
    const waiting = this.waiting.get(key);
    if (waiting !== undefined && waiting.object.metadata.resourceVersion === object.metadata.resourceVersion) return;
    const { stages, stream, costs } = this.options;
    const begins = Math.max(this.simulation.now, this.preprocessed);
    this.preprocessed = Math.max(begins + costs.preprocessCpu, this.simulation.now + worked(this.options, costs.preprocessCpu));
    const subject = this.subject.of(object);
    let stage: Stage | undefined;
    try {
      stage = nextStage(stages, subject, stream);
    } catch (error) {
      // An expression that fails on an object: KWOK logs it and leaves the object alone.
      if (!(error instanceof CelError)) throw error;
    }
    if (stage === undefined) return;
    const delay = stageDelay(stage, subject, this.simulation.now, stream);
    const job = new Job(key, object, stage);
    job.addedAt = this.preprocessed;
    this.add(job, this.preprocessed - this.simulation.now + delay);
  }

  /** An object is gone: its job is not played any more, unless it is still being preprocessed or a worker has it already. */
  removed(key: string): void {
    const job = this.waiting.get(key);
    if (job !== undefined && job.addedAt <= this.simulation.now) this.cancel(job);
  }

  private cancel(job: Job): void {
    job.cancelled = true;
    this.waiting.delete(job.key);
    if (job.due !== 0 && this.simulation.cancel(job.due)) this.jobs.take(job.slot);
  }

  private add(job: Job, delay: Duration): void {
    const older = this.waiting.get(job.key);
    if (older !== undefined) this.cancel(older);
    this.waiting.set(job.key, job);
    job.slot = this.jobs.put(job);
    job.due = this.simulation.schedule(delay, this.target, OP_DUE, job.slot);
  }

  describe(opcode: number, argument: number): string {
    const { key, stage } = this.jobs.get(argument);
    return opcode === OP_DUE ? `the delay of stage ${stage.name} for ${key} is over` : `a worker plays stage ${stage.name} for ${key}`;
  }

  handle(opcode: number, argument: number): void {
    const job = this.jobs.get(argument);
    if (opcode === OP_DUE) {
      job.due = 0;
      (job.retries > 0 ? this.retried : this.fresh).push(job);
      this.work();
    } else this.play(job);
  }

  /** Idle workers take jobs, fresh ones first. */
  private work(): void {
    while (this.idle > 0) {
      const job = this.fresh.shift() ?? this.retried.shift();
      if (job === undefined) return;
      if (job.cancelled) {
        this.jobs.take(job.slot);
        continue;
      }
      this.waiting.delete(job.key);
      this.idle--;
      this.simulation.schedule(worked(this.options, this.options.costs.playCpu), this.target, OP_PLAY, job.slot);
    }
  }

  /** Goes on with the steps of a job until a request has been sent or all are done. */
  private play(job: Job): void {
    const { steps } = job.stage;
    while (job.step < steps.length) {
      const step = steps[job.step]!;
      while (job.part < 4) {
        const part = job.part++;
        if (part === 0) this.event(step, job);
        else if (!job.deleted && this.request(step, part, job)) return;
      }
      job.step++;
      job.part = 0;
    }
    this.finish(job, true);
  }

  private event(step: StageStep, job: Job): void {
    if (step.event !== undefined) this.options.recorder.event(job.object, step.event.type, step.event.reason, step.event.message);
  }

  /** Sends what a part of a step asks for; false when that is nothing. */
  private request(step: StageStep, part: number, job: Job): boolean {
    if (part === 1 && step.finalizers !== undefined) {
      const operations = finalizerOperations(job.object.metadata.finalizers ?? [], step.finalizers);
      if (operations.length === 0) return false;
      return this.sendPatch(job, new JsonDataPatch('json', operations, this.options.startTime), '');
    }
    if (part === 2 && step.delete === true) {
      job.deleted = true;
      this.send(job, { verb: 'delete', gracePeriodSeconds: 0 });
      return true;
    }
    if (part !== 3 || step.delete === true || step.patch === undefined) return false;
    const patch = this.patches.patch(step.patch, job.object, this.subject, this.options.environment);
    return this.sendPatch(job, patch, step.patch.subresource);
  }

  /** A patch that would change nothing of the object is not sent (checkNeedPatch). */
  private sendPatch(job: Job, patch: Patch, subresource: string): boolean {
    if (!(patch instanceof StatusPatch && patch.stamped)) {
      const after = patch.apply(job.object);
      if (after === job.object || equal(after, job.object)) return false;
    }
    this.send(job, { verb: 'patch', patch, ...(subresource === 'status' ? { subresource } : {}) });
    return true;
  }

  private send(job: Job, part: Pick<ApiRequest, 'verb' | 'patch' | 'subresource' | 'gracePeriodSeconds'>): void {
    const { namespace, name } = job.object.metadata;
    this.options.client.request({ ...part, resource: this.options.resource, namespace, name }, this, job.slot);
  }

  receive(tag: number, response: ApiResponse): void {
    const job = this.jobs.get(tag);
    if (!succeeded(response)) {
      if (RETRIED.has(response.code)) this.retry(job);
      else this.finish(job, false);
      return;
    }
    job.result = job.deleted ? null : (response.object ?? null);
    this.play(job);
  }

  /** The job goes back into the queue, behind fresh ones, with a delay that doubles. */
  private retry(job: Job): void {
    let delay = BACKOFF;
    for (let i = 0; i < job.retries && delay < BACKOFF_CAP; i++) delay *= 2;
    delay = Math.min(delay, BACKOFF_CAP) * (1 + BACKOFF_JITTER * this.options.stream.next());
    const again = new Job(job.key, job.object, job.stage);
    again.step = job.step;
    again.retries = job.retries + 1;
    this.jobs.take(job.slot);
    this.add(again, delay);
    this.idle++;
    this.work();
  }

  private finish(job: Job, complete: boolean): void {
    this.jobs.take(job.slot);
    this.idle++;
    if (complete) {
      this.played++;
      if (job.result !== null && job.stage.immediateNextStage && this.options.managed.manages(job.result)) this.changed(job.result);
    }
    this.work();
  }
}
