import type { ApiRequest, ResponseReceiver } from '../../apiserver/request.js';
import type { ProcessContext } from '../../client/context.js';
import type { ApiClient, EventRecorder, InformerFactory, WorkQueue, WorkQueueConsumer } from '../../client/types.js';
import type { Component } from '../../kernel/component.js';
import type { Simulation } from '../../kernel/simulation.js';
import { Slots } from '../../kernel/slots.js';
import type { Duration } from '../../kernel/time.js';
import type { Randomness } from '../../random/stream.js';
import type { CostProfile, Scenario } from '../../scenario/types.js';

/** How much later than the model would a recorded API server answered. */
export interface Lateness {
  /** Of the next such request of a user: how long it waits before it is sent. */
  delayOf(user: string, request: ApiRequest, context: ProcessContext): Duration;
}

/** A process whose requests are held back. */
export class LateProcess implements ProcessContext {
  private readonly process: ProcessContext;
  private readonly lateness: Lateness;

  constructor(process: ProcessContext, lateness: Lateness) {
    this.process = process;
    this.lateness = lateness;
  }

  get simulation(): Simulation {
    return this.process.simulation;
  }

  get randomness(): Randomness {
    return this.process.randomness;
  }

  get profile(): CostProfile {
    return this.process.profile;
  }

  get scenario(): Scenario {
    return this.process.scenario;
  }

  get informers(): InformerFactory {
    return this.process.informers;
  }

  client(name: string, qps: number, burst: number): ApiClient {
    return new LateClient(this.process, this.process.client(name, qps, burst), this.lateness);
  }

  eventRecorder(component: string, client?: ApiClient): EventRecorder {
    return this.process.eventRecorder(component, client instanceof LateClient ? client.client : client);
  }

  workQueue(name: string, consumer: WorkQueueConsumer, baseDelay?: number, maximumDelay?: number): WorkQueue {
    return this.process.workQueue(name, consumer, baseDelay, maximumDelay);
  }
}

interface Waiting {
  readonly request: ApiRequest;
  readonly receiver: ResponseReceiver;
  readonly tag: number;
}

class LateClient implements ApiClient, Component {
  readonly name = 'late-requests';
  private readonly context: ProcessContext;
  readonly client: ApiClient;
  private readonly lateness: Lateness;
  private readonly target: number;
  private readonly waiting = new Slots<Waiting>();

  constructor(context: ProcessContext, client: ApiClient, lateness: Lateness) {
    this.context = context;
    this.client = client;
    this.lateness = lateness;
    this.target = context.simulation.add(this);
  }

  get user(): string {
    return this.client.user;
  }

  request(request: ApiRequest, receiver: ResponseReceiver, tag: number): void {
    const delay = this.lateness.delayOf(this.user, request, this.context);
    if (delay <= 0) this.client.request(request, receiver, tag);
    else this.context.simulation.schedule(delay, this.target, 1, this.waiting.put({ request, receiver, tag }));
  }

  handle(_opcode: number, argument: number): void {
    const { request, receiver, tag } = this.waiting.take(argument);
    this.client.request(request, receiver, tag);
  }
}
