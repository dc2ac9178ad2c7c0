import type { KubernetesObject } from '../api/meta.js';
import { apiVersionOf, resourceInfo } from '../api/resources.js';
import type { ApiRequest, ApiResponse, ResponseReceiver } from '../apiserver/request.js';
import type { RestClient } from '../client/rest-client.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import type { Duration, Time } from '../kernel/time.js';
import { sample } from '../random/distribution.js';
import type { Randomness, Stream } from '../random/stream.js';
import type { ApiClientSpec } from '../scenario/types.js';
import { LogHistogram } from '../stats/index.js';

const OP_ARRIVAL = 1;
/** Objects that one client gets, updates and overwrites in turn. */
const OBJECTS = 20;

/**
 * A program that uses the API in a way its author did not think through: requests come at a mean rate (Poisson) and are sent while
 * fewer than its workers are busy; those that find none free are merged with the ones in hand, as a work queue does.
 */
export class SyntheticClient implements Component, ResponseReceiver {
  readonly name: string;
  readonly spec: ApiClientSpec;
  /** Requests answered, those refused or failed (429, 5xx, no connection), and those that found no free worker. */
  answered = 0;
  failed = 0;
  merged = 0;
  /** From the sending of a request (with its retries) to its answer, nanoseconds. */
  readonly latency = new LogHistogram();
  private readonly simulation: Simulation;
  private readonly client: RestClient;
  private readonly arrivals: Stream;
  private readonly target: number;
  private origin: Time = 0;
  private created = 0;
  private turn = 0;
  private readonly sentAt: Time[] = [];
  private readonly free: number[] = [];

  constructor(simulation: Simulation, randomness: Randomness, client: RestClient, spec: ApiClientSpec) {
    this.name = `client/${spec.name}`;
    this.spec = spec;
    this.simulation = simulation;
    this.client = client;
    this.arrivals = randomness.stream(`${this.name}/arrivals`);
    this.target = simulation.add(this);
    for (let i = spec.concurrency - 1; i >= 0; i--) this.free.push(i);
  }

  /** The scenario's time begins. */
  start(origin: Time): void {
    this.origin = origin;
    this.next(this.spec.start);
  }

  private next(wait: Duration): void {
    const gap = sample({ kind: 'exponential', mean: 1e9 / this.spec.rate }, this.arrivals);
    this.simulation.post(wait + gap, this.target, OP_ARRIVAL);
  }

  describe(): string {
    return 'a client of the API has something to ask';
  }

  handle(): void {
    const { end } = this.spec;
    if (end !== undefined && this.simulation.now - this.origin >= end) return;
    this.next(0);
    const worker = this.free.pop();
    if (worker === undefined) {
      this.merged++;
      return;
    }
    this.sentAt[worker] = this.simulation.now;
    this.client.request(this.request(), this, worker);
  }

  receive(worker: number, response: ApiResponse, request: ApiRequest): void {
    if (response.continue !== undefined) {
      // The next page of a list.
      this.client.request({ ...request, continue: response.continue }, this, worker);
      return;
    }
    if (response.code === 410 && request.continue !== undefined) {
      // The pager lists anew, in one go (client-go tools/pager FullListIfExpired).
      const { continue: _token, limit: _limit, ...whole } = request;
      this.client.request(whole, this, worker);
      return;
    }
    this.free.push(worker);
    this.answered++;
    if (response.code === 0 || response.code === 429 || response.code >= 500) this.failed++;
    this.latency.observe(this.simulation.now - this.sentAt[worker]!);
  }

  private request(): ApiRequest {
    const { verb, resource, limit, source } = this.spec;
    const { namespaced } = resourceInfo(resource);
    if (verb === 'list') {
      const page = limit === undefined ? {} : { limit };
      return { verb, resource, namespace: '', name: '', ...page, ...(source === undefined ? {} : { source }) };
    }
    const namespace = namespaced ? this.spec.namespace : '';
    if (verb === 'create' || this.created < OBJECTS) {
      const body = this.object(`${this.spec.name}-${this.created++}`);
      return { verb: 'create', resource, namespace, name: body.metadata.name, body };
    }
    const name = `${this.spec.name}-${this.turn++ % OBJECTS}`;
    if (verb === 'get') return { verb, resource, namespace, name };
    return { verb, resource, namespace, name, body: this.object(name, this.turn) };
  }

  private object(name: string, generation = 1): KubernetesObject {
    const { resource, namespace } = this.spec;
    const info = resourceInfo(resource);
    const now = this.simulation.now;
    const metadata = { name, namespace, uid: '', resourceVersion: 0, generation: 0, creationTimestamp: now, annotations: { generation: String(generation) } };
    const object: KubernetesObject = { apiVersion: apiVersionOf(info), kind: info.kind, metadata };
    if (resource !== 'events') return object;
    const involvedObject = { kind: 'Pod', namespace, name: this.spec.name, uid: '' };
    const event = { involvedObject, reason: 'Unhealthy', message: name, type: 'Warning', source: { component: this.spec.name }, firstTimestamp: now, lastTimestamp: now, count: 1 };
    return { ...object, ...event } as KubernetesObject;
  }
}
