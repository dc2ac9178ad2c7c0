import type { KubernetesObject } from '../../api/meta.js';
import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../../apiserver/request.js';
import type { ApiClient } from '../../client/types.js';
import type { Simulation } from '../../kernel/simulation.js';
import type { Component } from '../../kernel/component.js';
import type { Duration } from '../../kernel/time.js';

/** Told when a task has done all its work. */
export interface TaskOwner {
  /** `failure`: why it stopped before its end; empty: it did not. */
  taskDone(failure: string): void;
}

/** Makes the requests of a piece of work, one after the other. */
export interface Work {
  readonly pieces: number;
  /** Request `step` of a piece; undefined: the piece is done. `last` answered the request before. */
  request(piece: number, step: number, last: ApiResponse | null): ApiRequest | undefined;
}

/** How often a create that met an existing name is tried again with another (node_util.go createNodeRetries). */
const RETRIES = 5;
const OP_TICK = 1;

interface Running {
  piece: number;
  step: number;
  retries: number;
}

/**
 * Works through pieces with a number of workers at once (client-go workqueue.ParallelizeUntil), or, with an interval, begins one
 * at each tick.
 */
export class Task implements Component, ResponseReceiver {
  readonly name: string;
  private readonly simulation: Simulation;
  private readonly client: ApiClient;
  private readonly work: Work;
  private readonly owner: TaskOwner;
  private readonly target: number;
  private readonly interval: Duration;
  private readonly running: (Running | null)[] = [];
  private next = 0;
  private active = 0;
  private over = false;

  constructor(name: string, simulation: Simulation, client: ApiClient, work: Work, owner: TaskOwner, workers: number, interval = 0) {
    this.name = name;
    this.simulation = simulation;
    this.client = client;
    this.work = work;
    this.owner = owner;
    this.interval = interval;
    this.target = simulation.add(this);
    const slots = interval > 0 ? 1 : Math.min(workers, work.pieces);
    for (let slot = 0; slot < slots; slot++) this.running.push(null);
    if (interval > 0) simulation.schedule(interval, this.target, OP_TICK);
    else simulation.schedule(0, this.target, OP_TICK);
  }

  describe(): string {
    return 'the next piece of work';
  }

  /** Ends the task; answers under way are not waited for. */
  stop(): void {
    this.over = true;
  }

  handle(): void {
    if (this.over) return;
    if (this.interval === 0) {
      for (let slot = 0; slot < this.running.length; slot++) this.begin(slot);
      this.finishIfIdle();
      return;
    }
    // A tick that finds the last piece still at work is dropped, as a Go ticker's.
    if (this.running[0] === null) this.begin(0);
    if (this.next < this.work.pieces) this.simulation.schedule(this.interval, this.target, OP_TICK);
    else this.finishIfIdle();
  }

  private begin(slot: number): void {
    if (this.next === this.work.pieces) return;
    this.running[slot] = { piece: this.next++, step: 0, retries: 0 };
    this.active++;
    this.send(slot, null);
  }

  private send(slot: number, last: ApiResponse | null): void {
    const running = this.running[slot]!;
    const request = this.work.request(running.piece, running.step, last);
    if (request !== undefined) {
      this.client.request(request, this, slot);
      return;
    }
    this.running[slot] = null;
    this.active--;
    if (this.interval === 0) this.begin(slot);
    this.finishIfIdle();
  }

  receive(slot: number, response: ApiResponse, request: ApiRequest): void {
    if (this.over) return;
    const running = this.running[slot]!;
    if (!succeeded(response)) {
      const again = request.verb === 'create' && request.name === '' && response.reason === 'AlreadyExists';
      if (again && running.retries < RETRIES) {
        running.retries++;
        this.client.request(request, this, slot);
        return;
      }
      // Someone else may have deleted the object already.
      if (request.verb !== 'delete' || response.code !== 404) {
        this.over = true;
        this.owner.taskDone(`${request.verb} ${request.resource}: ${response.message ?? `code ${response.code}`}`);
        return;
      }
    }
    running.step++;
    this.send(slot, response);
  }

  private finishIfIdle(): void {
    if (this.over || this.active > 0 || this.next < this.work.pieces) return;
    this.over = true;
    this.owner.taskDone('');
  }
}

/** An object with another namespace, or name. */
export function placed(object: KubernetesObject, namespace: string, name = object.metadata.name): KubernetesObject {
  const { metadata } = object;
  if (metadata.namespace === namespace && metadata.name === name) return object;
  return { ...object, metadata: { ...metadata, namespace, name } };
}
