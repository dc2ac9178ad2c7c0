import type { ApiRequest, ApiResponse, ResponseReceiver } from '../apiserver/request.js';
import { type ProcessContext, worked } from '../client/context.js';
import type { ApiClient, Informer, WorkQueue, WorkQueueConsumer } from '../client/types.js';
import type { KubernetesObject } from '../api/meta.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { type Duration, MILLISECOND } from '../kernel/time.js';
import { type DistributionSpec, sample } from '../random/distribution.js';
import type { Stream } from '../random/stream.js';
import type { ConsistencyStore } from './consistency.js';

/** No responses: what the first call of `next` gets. */
const NONE: readonly ApiResponse[] = [];

/**
 * One sync of one key, as a state machine: `next` gets the answers to the requests it returned last (none at first) and
 * returns the requests to make now, all at once; null when it has finished. `error` afterwards means that the key is queued
 * again rate limited, `requeueAfter` that it is queued again after that long.
 */
export abstract class Reconciliation {
  error: string | undefined = undefined;
  /** Nanoseconds; negative: no. */
  requeueAfter: Duration = -1;
  /** How long the worker waits before it makes the requests returned last. */
  pause: Duration = 0;
  /** Queued again by the rate limiter although there was no error. */
  requeueRateLimited = false;
  abstract next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null;

  /** Ends with an error; for `return this.fail(…)`. */
  protected fail(message: string): null {
    this.error = message;
    return null;
  }
}

/** What a stage gives: requests to wait for, null at the end, undefined to go on with the next stage at once. */
export type Step = readonly ApiRequest[] | null | undefined;

/** A reconciliation written as numbered stages; `advance` sets `stage` to what follows. */
export abstract class StagedReconciliation extends Reconciliation {
  protected stage = 0;

  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    let step = this.advance(responses);
    while (step === undefined) step = this.advance(NONE);
    return step;
  }

  protected abstract advance(responses: readonly ApiResponse[]): Step;
}

/** A sync that ends before it begins: a cache is behind what the controller itself has written. */
class StaleSync extends Reconciliation {
  next(): null {
    return this.fail('the cache is not as new as what was written');
  }
}

/** Makes the reconciliation of a key from the informers' caches; null when there is nothing to do. */
export interface Reconciler {
  reconcile(key: string): Reconciliation | null;
  /** Pods that a sync of the key goes through; absent: none. */
  podsOf?(key: string): number;
}

export interface ControllerOptions {
  /** `deployment`, `replicaset`, …: names the sync cost in the profile and the work queue. */
  readonly name: string;
  readonly workers: number;
  readonly client: ApiClient;
  /** Failed tries after which a key is dropped; absent: never (the real default differs by controller). */
  readonly maxRetries?: number;
  /** Absent: syncs do not wait for the caches to show the controller's own writes. */
  readonly consistency?: ConsistencyStore;
  /** Rate limiter of the queue, per item, nanoseconds. */
  readonly baseDelay?: Duration;
  readonly maximumDelay?: Duration;
}

/** How often a controller looks whether its caches are filled before it starts work (cache.WaitForCacheSync). */
const SYNC_POLL: Duration = 100 * MILLISECOND;
const OP_POLL = 2;

const OP_SYNC = 1;
const OP_READ = 3;
const OP_SEND = 4;
/** Requests of one batch are told apart by the low part of the tag, workers by the rest. */
const TAG_WORKER = 65536;

/** A worker's sync in progress. */
class Work {
  key = '';
  /** Processor time of the sync. */
  cost: Duration = 0;
  reconciliation: Reconciliation | null = null;
  /** Requests decided on; null: the sync is over. */
  requests: readonly ApiRequest[] | null = null;
  responses: ApiResponse[] = [];
  outstanding = 0;
}

/**
 * The workers of one controller: each takes a key from the work queue, reads the object, pays the CPU time of a sync, then runs
 * its reconciliation, waiting for the answers of each batch of requests (client-go controllers' `processNextWorkItem`).
 */
export class ControllerWorkers implements Component, ResponseReceiver, WorkQueueConsumer {
  readonly name: string;
  readonly queue: WorkQueue;
  /** Syncs finished, and syncs that ended in an error. */
  syncs = 0;
  errors = 0;
  /** Syncs that ended at once because a cache was behind the controller's own writes (stale_sync_skips_total). */
  staleSyncs = 0;
  private readonly context: ProcessContext;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly client: ApiClient;
  private readonly syncCpu: DistributionSpec;
  /** Beside it, for each pod. */
  private readonly podCpu: Duration;
  private readonly wakeUp: DistributionSpec | undefined;
  private readonly draws: Stream;
  private readonly maxRetries: number;
  private readonly consistency: ConsistencyStore | null;
  private readonly work: Work[] = [];
  private readonly idle: number[] = [];
  private reconciler: Reconciler | null = null;
  private informers: readonly Informer<KubernetesObject>[] = [];
  private started = false;

  constructor(context: ProcessContext, options: ControllerOptions) {
    const { syncCpu, syncPodCpu, wakeUp } = context.profile.controllers;
    this.name = `${options.name}-controller`;
    this.context = context;
    this.simulation = context.simulation;
    this.target = context.simulation.add(this);
    this.client = options.client;
    this.syncCpu = syncCpu[options.name] ?? syncCpu['default'] ?? { kind: 'constant', value: 0 };
    this.podCpu = syncPodCpu?.[options.name] ?? 0;
    this.wakeUp = wakeUp?.[options.name] ?? wakeUp?.['default'];
    this.draws = context.randomness.stream(`${this.name}/sync`);
    this.maxRetries = options.maxRetries ?? Number.POSITIVE_INFINITY;
    this.consistency = options.consistency ?? null;
    for (let i = 0; i < options.workers; i++) {
      this.work.push(new Work());
      this.idle.push(options.workers - 1 - i);
    }
    this.queue = context.workQueue(options.name, this, options.baseDelay, options.maximumDelay);
  }

  /** Starts taking keys as soon as the informers are synced; `reconciler` decides what each key needs. */
  start(reconciler: Reconciler, informers: readonly Informer<KubernetesObject>[]): void {
    this.reconciler = reconciler;
    this.informers = informers;
    this.simulation.post(0, this.target, OP_POLL);
  }

  workAvailable(): void {
    if (!this.started) return;
    while (this.idle.length > 0) {
      const key = this.queue.get();
      if (key === undefined) return;
      const worker = this.idle.pop()!;
      const work = this.work[worker]!;
      work.key = key;
      work.cost = sample(this.syncCpu, this.draws);
      if (this.podCpu > 0) work.cost += this.podCpu * (this.reconciler?.podsOf?.(key) ?? 0);
      const woken = this.wakeUp === undefined ? 0 : sample(this.wakeUp, this.draws);
      const wait = worked(this.context, work.cost) - work.cost + woken;
      if (wait > 0) this.simulation.post(wait, this.target, OP_READ, worker);
      else this.read(worker);
    }
  }

  describe(opcode: number): string {
    if (opcode === OP_SEND) return 'a worker tries again';
    if (opcode === OP_READ) return 'a worker reads the object of its key';
    return opcode === OP_POLL ? 'looks whether its caches are filled' : 'a worker has computed a sync';
  }

  handle(opcode: number, worker: number): void {
    if (opcode === OP_POLL) {
      this.started = this.informers.every((informer) => informer.synced);
      if (this.started) this.workAvailable();
      else this.simulation.post(SYNC_POLL, this.target, OP_POLL);
      return;
    }
    if (opcode === OP_READ) {
      this.read(worker);
      return;
    }
    if (opcode === OP_SEND) {
      this.work[worker]!.reconciliation!.pause = 0;
      this.proceed(worker);
      return;
    }
    this.work[worker]!.responses = [];
    this.advance(worker);
  }

  /** The object is what the cache has now: what changes of it while the sync is computed and makes its requests goes unseen. */
  private read(worker: number): void {
    const work = this.work[worker]!;
    if (this.consistency?.isReady(work.key) === false) {
      this.staleSyncs++;
      work.reconciliation = new StaleSync();
    } else work.reconciliation = this.reconciler!.reconcile(work.key);
    this.simulation.post(work.cost, this.target, OP_SYNC, worker);
  }

  receive(tag: number, response: ApiResponse, request: ApiRequest): void {
    const worker = Math.floor(tag / TAG_WORKER);
    const work = this.work[worker]!;
    this.consistency?.wrote(work.key, request, response);
    work.responses[tag % TAG_WORKER] = response;
    if (--work.outstanding > 0) return;
    this.advance(worker);
  }

  private advance(worker: number): void {
    const work = this.work[worker]!;
    work.requests = work.reconciliation === null ? null : work.reconciliation.next(work.responses);
    if (work.requests?.length === 0) throw new Error(`${this.name}: reconciliation of ${work.key} returned an empty batch`);
    this.proceed(worker);
  }

  /** Makes the requests that were decided on, or ends the sync. */
  private proceed(worker: number): void {
    const { requests, reconciliation } = this.work[worker]!;
    if (requests === null) this.finish(worker);
    else if (reconciliation!.pause > 0) this.simulation.post(reconciliation!.pause, this.target, OP_SEND, worker);
    else this.send(worker, requests);
  }

  private send(worker: number, requests: readonly ApiRequest[]): void {
    const work = this.work[worker]!;
    work.responses = new Array<ApiResponse>(requests.length);
    work.outstanding = requests.length;
    for (let i = 0; i < requests.length; i++) this.client.request(requests[i]!, this, worker * TAG_WORKER + i);
  }

  private finish(worker: number): void {
    const work = this.work[worker]!;
    const { key, reconciliation } = work;
    this.syncs++;
    if (reconciliation?.error !== undefined) {
      this.errors++;
      if (this.queue.retries(key) < this.maxRetries) this.queue.addRateLimited(key);
      else this.queue.forget(key);
    } else {
      if (reconciliation?.requeueRateLimited === true) this.queue.addRateLimited(key);
      this.queue.forget(key);
      if (reconciliation !== null && reconciliation.requeueAfter >= 0) this.queue.addAfter(key, reconciliation.requeueAfter);
    }
    work.reconciliation = null;
    this.idle.push(worker);
    this.queue.done(key);
    this.workAvailable();
  }
}

/** A request for one object; `extra` adds the rest. */
export function objectRequest(
  verb: ApiRequest['verb'],
  resource: string,
  object: { readonly metadata: { readonly namespace: string; readonly name: string } },
  extra: Partial<ApiRequest> = {},
): ApiRequest {
  return { verb, resource, namespace: object.metadata.namespace, name: object.metadata.name, ...extra };
}
