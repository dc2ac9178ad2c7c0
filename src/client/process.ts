import type { KubernetesObject } from '../api/meta.js';
import type { Connections } from '../apiserver/connections.js';
import type { ProcessorShare } from '../etcd/processor.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Randomness } from '../random/stream.js';
import type { CostProfile, Scenario } from '../scenario/types.js';
import type { ProcessContext } from './context.js';
import { ClientEventRecorder } from './event-recorder.js';
import { clientFeatures, type ClientFeatures } from './features.js';
import { SharedInformer } from './informer.js';
import { ClientMeter, type ProcessFigures } from './metrics.js';
import { RestClient } from './rest-client.js';
import type { ApiClient, EventRecorder, Informer, InformerFactory, WorkQueue, WorkQueueConsumer } from './types.js';
import { RateLimitingQueue } from './work-queue.js';

/** kube-controller-manager's informers resync after 12 to 24 hours (--min-resync-period, app/controllermanager.go ResyncPeriod). */
const CONTROLLER_MANAGER_RESYNC = 12 * 3600e9;

export interface ProcessOptions {
  readonly simulation: Simulation;
  readonly randomness: Randomness;
  readonly scenario: Scenario;
  readonly connections: Connections;
  /** `kube-controller-manager`, `kube-scheduler`, … */
  readonly name: string;
  readonly host: number;
  readonly preferredServer: number;
  /** Cores that it shares with others on its machine; absent: enough for everything. */
  readonly machine?: ProcessorShare;
  /** Client limits of requests that have no client of their own (events). */
  readonly qps: number;
  readonly burst: number;
}

/** A process of the control plane: its informers, clients, queues and event recorders on one host. */
export class Process implements ProcessContext, InformerFactory {
  readonly simulation: Simulation;
  readonly randomness: Randomness;
  readonly scenario: Scenario;
  readonly profile: CostProfile;
  readonly name: string;
  private readonly options: ProcessOptions;
  private readonly byResource = new Map<string, SharedInformer<KubernetesObject>>();
  readonly machine?: ProcessorShare;
  readonly clients: RestClient[] = [];
  readonly queues: RateLimitingQueue[] = [];
  readonly features: ClientFeatures;
  /** Counts the requests of its clients, that of its lease included. */
  readonly meter = new ClientMeter();
  private readonly resyncPeriod: number;
  /** Its informers have been started. */
  running = false;
  /** The process has ended, or lost its lease: it sends nothing, hears nothing and works no more. */
  stopped = false;

  constructor(options: ProcessOptions) {
    this.options = options;
    if (options.machine !== undefined) this.machine = options.machine;
    this.simulation = options.simulation;
    this.randomness = options.randomness;
    this.scenario = options.scenario;
    this.profile = options.scenario.profile;
    this.name = options.name;
    const { kubernetesVersion, cluster } = options.scenario;
    this.features = clientFeatures(kubernetesVersion, this.name, cluster.informerQueue);
    const jitter = 1 + options.randomness.stream(`${this.name}/resync`).next();
    this.resyncPeriod = this.name === 'kube-controller-manager' ? Math.round(CONTROLLER_MANAGER_RESYNC * jitter) : 0;
  }

  private get cores(): { readonly machine?: ProcessorShare } {
    return this.machine === undefined ? {} : { machine: this.machine };
  }

  /** Sends, hears and works no more. */
  stop(): void {
    this.stopped = true;
    for (const client of this.clients) client.stopped = true;
    for (const informer of this.byResource.values()) informer.stop();
    for (const queue of this.queues) queue.stop();
  }

  /** What the process's clients and queues export as metrics (rest_client_*, workqueue_*). */
  figures(): ProcessFigures {
    return { restClient: this.meter.figures(), workQueues: this.queues.map((queue) => queue.figures()) };
  }

  get informers(): InformerFactory {
    return this;
  }

  informer<T extends KubernetesObject>(resource: string): Informer<T> {
    let informer = this.byResource.get(resource);
    if (informer === undefined) {
      const { simulation, connections, host, preferredServer, randomness, name } = this.options;
      const stream = randomness.stream(`${name}/informer/${resource}`);
      const cost = this.profile.client.eventCpu;
      const { features, resyncPeriod, meter } = this;
      const delays = name === 'kube-controller-manager' ? this.profile.controllers.eventDelay : undefined;
      const eventDelay = delays?.[resource] ?? delays?.['default'];
      const options = { features, resyncPeriod, meter, ...(eventDelay === undefined ? {} : { eventDelay }), ...this.cores };
      const user = name === 'kubectl' ? 'kubernetes-admin' : `system:${name}`;
      informer = new SharedInformer(simulation, connections, user, resource, host, preferredServer, cost, stream, options);
      this.byResource.set(resource, informer);
      if (this.running) informer.start();
    }
    return informer as unknown as Informer<T>;
  }

  client(name: string, qps: number, burst: number): ApiClient {
    const { simulation, connections, host, preferredServer } = this.options;
    const client = new RestClient(simulation, connections, this.userOf(name), host, preferredServer, qps, burst, this.meter, this.machine ?? null);
    this.clients.push(client);
    return client;
  }

  /** Controllers use the credentials of their service accounts (--use-service-account-credentials), the rest those of the process. */
  private userOf(client: string): string {
    if (this.name === 'kube-controller-manager') return `system:serviceaccount:kube-system:${client}`;
    return this.name.startsWith('kube-') ? `system:${this.name}` : 'kubernetes-admin';
  }

  eventRecorder(component: string, shared?: ApiClient): EventRecorder {
    const client = shared ?? this.client(component, this.options.qps, this.options.burst);
    const stream = this.randomness.stream(`${this.name}/events/${component}`);
    return new ClientEventRecorder(this.simulation, client, component, '', stream, this.name === 'kube-scheduler');
  }

  workQueue(name: string, consumer: WorkQueueConsumer, baseDelay?: number, maximumDelay?: number): WorkQueue {
    const queue = new RateLimitingQueue(this.simulation, `${this.name}/${name}`, consumer, baseDelay, maximumDelay);
    this.queues.push(queue);
    return queue;
  }

  /** Puts the client-side limits of all clients in force, or lifts them. */
  setLimited(limited: boolean): void {
    for (const client of this.clients) client.limited = limited;
  }

  /** Starts all informers that were asked for. */
  start(): void {
    if (this.running) return;
    this.running = true;
    for (const informer of this.byResource.values()) informer.start();
  }

  /** Whether all informers have delivered their first list (WaitForCacheSync). */
  get synced(): boolean {
    for (const informer of this.byResource.values()) if (!informer.synced) return false;
    return true;
  }
}
