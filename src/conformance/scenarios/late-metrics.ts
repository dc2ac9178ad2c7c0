import type { ApiRequest, ResponseReceiver } from '../../apiserver/request.js';
import type { ProcessContext } from '../../client/context.js';
import type { ApiClient, EventRecorder, InformerFactory, WorkQueue, WorkQueueConsumer } from '../../client/types.js';
import { SYNC_PERIOD } from '../../controllers/horizontal-limits.js';
import type { Component } from '../../kernel/component.js';
import type { Simulation } from '../../kernel/simulation.js';
import { Slots } from '../../kernel/slots.js';
import { type Duration, MILLISECOND, type Time } from '../../kernel/time.js';
import type { Randomness } from '../../random/stream.js';
import type { CostProfile, Scenario } from '../../scenario/types.js';
import type { Recording } from '../controllers-recording.js';

/**
 * The metrics API of a recording: it answered late, and the autoscaler looked 15 s after it had finished last, so that the delays
 * added up; which pods count as ready depends on the second. By number of the look: how much later than at multiples of 15 s.
 */
export type MetricsDelays = ReadonlyMap<number, Duration>;

/** From the answer of the metrics API to the autoscaler's status. */
const REST: Duration = 5 * MILLISECOND;

/** How late the recorded autoscaler wrote its status, by number of the look. */
export function metricsDelaysOf(recording: Recording): MetricsDelays {
  const delays = new Map<number, Duration>();
  let added: Time = -1;
  for (const { kind, type, time } of recording.changes) {
    if (kind !== 'HorizontalPodAutoscaler' || type === 'D') continue;
    if (added < 0) {
      added = time;
      continue;
    }
    const look = Math.round((time - added) / SYNC_PERIOD);
    if (look > 0 && !delays.has(look)) delays.set(look, Math.max(0, time - added - look * SYNC_PERIOD - REST));
  }
  return delays;
}

/** kube-controller-manager with a metrics API that answers as late as recorded. */
export class LateMetrics implements ProcessContext {
  private readonly process: ProcessContext;
  private readonly delays: MetricsDelays;

  constructor(process: ProcessContext, delays: MetricsDelays) {
    this.process = process;
    this.delays = delays;
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
    const client = this.process.client(name, qps, burst);
    if (name !== 'horizontal-pod-autoscaler' || this.delays.size === 0) return client;
    return new LateClient(this.process, client, this.delays);
  }

  eventRecorder(component: string): EventRecorder {
    return this.process.eventRecorder(component);
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
  readonly name = 'metrics-api';
  private readonly context: ProcessContext;
  private readonly client: ApiClient;
  private readonly delays: MetricsDelays;
  private readonly target: number;
  private readonly waiting = new Slots<Waiting>();

  constructor(context: ProcessContext, client: ApiClient, delays: MetricsDelays) {
    this.context = context;
    this.client = client;
    this.delays = delays;
    this.target = context.simulation.add(this);
  }

  get user(): string {
    return this.client.user;
  }

  request(request: ApiRequest, receiver: ResponseReceiver, tag: number): void {
    const delay = request.verb === 'list' && request.resource === 'pods' ? this.delay() : 0;
    if (delay <= 0) this.client.request(request, receiver, tag);
    else this.context.simulation.schedule(delay, this.target, 1, this.waiting.put({ request, receiver, tag }));
  }

  handle(_opcode: number, argument: number): void {
    const { request, receiver, tag } = this.waiting.take(argument);
    this.client.request(request, receiver, tag);
  }

  /** Until the recorded time of this look; looks that left no trace were as late as the one before. */
  private delay(): Duration {
    const { simulation, informers } = this.context;
    for (const { metadata } of informers.informer('horizontalpodautoscalers').list()) {
      const since = simulation.now - metadata.creationTimestamp;
      const look = Math.round(since / SYNC_PERIOD);
      let late = this.delays.get(look);
      for (let before = look; late === undefined && before > 0; before--) late = this.delays.get(before);
      return Math.round(look * SYNC_PERIOD + (late ?? 0) - since);
    }
    return 0;
  }
}
