import type { Node, Pod } from '../../src/api/core.js';
import { keyOf, type KubernetesObject } from '../../src/api/meta.js';
import { decide, notFound, type RegistryContext } from '../../src/apiserver/registry.js';
import type { ApiRequest, ApiResponse, ResponseReceiver } from '../../src/apiserver/request.js';
import { Audience } from '../../src/client/audience.js';
import { changesOf, isReadyPod } from '../../src/client/changes.js';
import type { ProcessContext } from '../../src/client/context.js';
import { IndexedStore } from '../../src/client/store.js';
import type {
  ApiClient,
  EventRecorder,
  CacheObserver,
  Indexer,
  Informer,
  InformerFactory,
  ResourceEventHandler,
  WorkQueue,
  WorkQueueConsumer,
} from '../../src/client/types.js';
import { RateLimitingQueue } from '../../src/client/work-queue.js';
import { meta } from './builders.js';
import { type Component, Simulation } from '../../src/kernel/simulation.js';
import { Slots } from '../../src/kernel/slots.js';
import { MILLISECOND, type Duration, type Time } from '../../src/kernel/time.js';
import { Randomness } from '../../src/random/stream.js';
import type { CostProfile, Scenario } from '../../src/scenario/types.js';

export { meta, template } from './builders.js';

/** A cluster in one object: an API store with latencies, informers that lag behind it, and pods that run and stop. */

const OP_ARRIVE = 1;
const OP_ANSWER = 2;
const OP_WATCH = 3;
const OP_POD = 4;

export interface AuditEntry {
  readonly time: Time;
  readonly user: string;
  readonly request: ApiRequest;
  readonly code: number;
}

export interface RecordedEvent {
  readonly object: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

export interface FakeOptions {
  readonly latency?: Duration;
  readonly watchDelay?: Duration;
  /** When a pod becomes ready after it is bound; negative: never. */
  readonly readyAfter?: (ordinal: number) => Duration;
  readonly stopAfter?: Duration;
  /** Outcome of a pod after it has run: absent, it runs until stopped. */
  readonly finishAfter?: (ordinal: number, pod: Pod) => { after: Duration; phase: 'Succeeded' | 'Failed' } | undefined;
  /** Refuses a request (quota, faults). */
  readonly refuse?: (request: ApiRequest) => ApiResponse | undefined;
  readonly version?: '1.34' | '1.35' | '1.36';
  readonly nodes?: number;
}

interface Pending {
  readonly request: ApiRequest;
  readonly user: string;
  readonly receiver: ResponseReceiver;
  readonly tag: number;
  response?: ApiResponse;
}

interface PodStep {
  readonly key: string;
  readonly uid: string;
  readonly step: 'bind' | 'run' | 'ready' | 'finish' | 'gone';
}

class FakeInformer<T extends KubernetesObject> implements Informer<T> {
  readonly resource: string;
  synced = true;
  private shown = 0;
  private readonly store = new IndexedStore<T>();
  private readonly audience = new Audience<T>();

  constructor(resource: string) {
    this.resource = resource;
  }

  get(key: string): T | undefined {
    return this.store.objects.get(key);
  }

  list(): Iterable<T> {
    return this.store.objects.values();
  }

  get size(): number {
    return this.store.objects.size;
  }

  addIndexer(indexer: Indexer<T>): void {
    this.store.addIndexer(indexer);
  }

  byIndex(name: string, value: string): Iterable<T> {
    return this.store.byIndex(name, value)!;
  }

  indexValues(name: string): Iterable<string> {
    return this.store.indexValues(name)!;
  }

  addEventHandler(handler: ResourceEventHandler<T>): void {
    this.audience.add(handler, this.store.objects);
  }

  observe(observer: CacheObserver<T>): void {
    this.store.observe(observer);
  }

  get resourceVersion(): number {
    return this.shown;
  }

  change(object: T, deleted: boolean): void {
    this.shown = Math.max(this.shown, object.metadata.resourceVersion);
    const key = keyOf(object);
    if (deleted) {
      const entry = this.store.objects.find(key);
      if (entry === undefined) return;
      this.store.delete(entry);
      this.audience.deleted(object, false, key);
      return;
    }
    const entry = this.store.objects.entry(key);
    const old = entry.object;
    const changes = old === undefined ? 0 : changesOf(old, object, isReadyPod(old), isReadyPod(object));
    this.store.set(entry, object, changes);
    if (old === undefined) this.audience.added(object, key);
    else this.audience.updated(old, object, key, changes);
  }
}

export class FakeCluster implements ProcessContext, InformerFactory, Component, RegistryContext {
  readonly name = 'fake';
  readonly simulation = new Simulation();
  readonly randomness = new Randomness('1');
  readonly profile = {
    controllers: { syncCpu: { default: { kind: 'constant', value: 50_000 } }, wakeUp: { default: { kind: 'constant', value: 50_000 } } },
  } as unknown as CostProfile;
  readonly scenario: Scenario;
  readonly audit: AuditEntry[] = [];
  readonly events: RecordedEvent[] = [];
  /** Every stored version, in revision order. */
  readonly history: KubernetesObject[] = [];
  private readonly options: FakeOptions;
  private readonly target: number;
  private readonly store = new Map<string, Map<string, KubernetesObject>>();
  private readonly informerByResource = new Map<string, FakeInformer<KubernetesObject>>();
  private readonly pending = new Slots<Pending>();
  private readonly changes = new Slots<{ resource: string; object: KubernetesObject; deleted: boolean }>();
  private readonly podSteps = new Slots<PodStep>();
  private revision = 0;
  private names = 0;
  private podCount = 0;
  private readonly ordinals = new Map<string, number>();

  constructor(options: FakeOptions = {}) {
    this.options = options;
    this.target = this.simulation.add(this);
    this.scenario = {
      kubernetesVersion: options.version ?? '1.34',
      cluster: { controllerManager: { qps: 20, burst: 30 } },
      startTime: 1735689600000,
    } as unknown as Scenario;
    for (let i = 0; i < (options.nodes ?? 3); i++) {
      const node = {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: meta(`node-${i}`, '', { 'topology.kubernetes.io/zone': 'abc'[i % 3]! }),
        spec: {},
        status: { capacity: {}, allocatable: {}, conditions: [{ type: 'Ready', status: 'True' }] },
      } as Node;
      this.put('nodes', node);
    }
  }

  get now(): Time {
    return this.simulation.now;
  }

  get informers(): InformerFactory {
    return this;
  }

  informer<T extends KubernetesObject>(resource: string): Informer<T> {
    let informer = this.informerByResource.get(resource);
    if (informer === undefined) {
      informer = new FakeInformer(resource);
      for (const object of this.all(resource)) informer.change(object, false);
      this.informerByResource.set(resource, informer);
    }
    return informer as unknown as Informer<T>;
  }

  client(name: string): ApiClient {
    return new FakeClient(this, name);
  }

  eventRecorder(_component: string): EventRecorder {
    return this.recorder;
  }

  private readonly recorder: EventRecorder = {
    event: (object, type, reason, message) => {
      this.events.push({ object: `${object.kind}/${object.metadata.name}`, type, reason, message });
    },
  };

  workQueue(name: string, consumer: WorkQueueConsumer, baseDelay?: number, maximumDelay?: number): WorkQueue {
    return new RateLimitingQueue(this.simulation, name, consumer, baseDelay, maximumDelay);
  }

  newUid(): string {
    return `uid-${String(++this.names).padStart(6, '0')}`;
  }

  newNameSuffix(): string {
    return String(++this.names).padStart(5, '0');
  }

  newClusterIP(): string {
    return `10.0.0.${++this.names}`;
  }

  newNodePort(): number {
    return 30000 + ++this.names;
  }

  /** All stored objects of a resource. */
  all<T extends KubernetesObject>(resource: string): T[] {
    return [...(this.store.get(resource)?.values() ?? [])] as T[];
  }

  get<T extends KubernetesObject>(resource: string, key: string): T | undefined {
    return this.store.get(resource)?.get(key) as T | undefined;
  }

  /** A user's request, done at once. */
  do(request: ApiRequest): ApiResponse {
    return this.perform(request, 'user');
  }

  create(resource: string, body: KubernetesObject): ApiResponse {
    return this.do({ verb: 'create', resource, namespace: body.metadata.namespace, name: body.metadata.name, body });
  }

  /** Changes an object as a user's patch does. */
  edit<T extends KubernetesObject>(resource: string, key: string, change: (object: T) => T): ApiResponse {
    const object = this.get<T>(resource, key)!;
    const { namespace, name } = object.metadata;
    return this.do({ verb: 'update', resource, namespace, name, body: change(object) });
  }

  delete(resource: string, key: string, extra: Partial<ApiRequest> = {}): ApiResponse {
    const { namespace, name } = this.get(resource, key)!.metadata;
    return this.do({ verb: 'delete', resource, namespace, name, ...extra });
  }

  run(until: Time): void {
    this.simulation.run(until);
  }

  submit(request: ApiRequest, user: string, receiver: ResponseReceiver, tag: number): void {
    const slot = this.pending.put({ request, user, receiver, tag });
    this.simulation.schedule((this.options.latency ?? MILLISECOND) / 2, this.target, OP_ARRIVE, slot);
  }

  handle(opcode: number, argument: number): void {
    if (opcode === OP_ARRIVE) {
      const call = this.pending.get(argument);
      call.response = this.perform(call.request, call.user);
      this.simulation.schedule((this.options.latency ?? MILLISECOND) / 2, this.target, OP_ANSWER, argument);
    } else if (opcode === OP_ANSWER) {
      const { receiver, tag, response, request } = this.pending.take(argument);
      receiver.receive(tag, response!, request);
    } else if (opcode === OP_WATCH) {
      const { resource, object, deleted } = this.changes.take(argument);
      this.informerByResource.get(resource)?.change(object, deleted);
    } else this.podStep(this.podSteps.take(argument));
  }

  private perform(request: ApiRequest, user: string): ApiResponse {
    const response = this.options.refuse?.(request) ?? this.decide(request);
    this.audit.push({ time: this.now, user, request, code: response.code });
    return response;
  }

  private decide(request: ApiRequest): ApiResponse {
    const { resource, namespace, name } = request;
    const key = namespace === '' ? name : `${namespace}/${name}`;
    const current = this.store.get(resource)?.get(key);
    if (request.verb === 'list') {
      const items = this.all(resource).filter((object) => namespace === '' || object.metadata.namespace === namespace);
      return { code: 200, items, resourceVersion: this.revision };
    }
    if (request.verb === 'deletecollection') {
      const items = this.all(resource).filter((object) => namespace === '' || object.metadata.namespace === namespace);
      for (const { metadata } of items) this.decide({ ...request, verb: 'delete', namespace: metadata.namespace, name: metadata.name });
      return { code: 200, items };
    }
    if (request.verb === 'get') {
      return current === undefined ? notFound(request) : { code: 200, object: current };
    }
    const decision = decide(request, current, this);
    if (decision.kind === 'fail') return decision.response;
    if (decision.kind === 'unchanged') return { code: 200, object: decision.object };
    if (decision.kind === 'delete') {
      this.store.get(resource)!.delete(key);
      this.announce(resource, { ...decision.object, metadata: { ...decision.object.metadata, resourceVersion: ++this.revision } }, true);
      return { code: 200, object: decision.object };
    }
    const object = this.put(resource, decision.object);
    if (resource === 'pods') this.podWritten(object as Pod, request);
    return { code: request.verb === 'create' ? 201 : 200, object };
  }

  private put(resource: string, object: KubernetesObject): KubernetesObject {
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: ++this.revision } };
    let objects = this.store.get(resource);
    if (objects === undefined) {
      objects = new Map();
      this.store.set(resource, objects);
    }
    objects.set(keyOf(stored), stored);
    this.announce(resource, stored, false);
    return stored;
  }

  private announce(resource: string, object: KubernetesObject, deleted: boolean): void {
    this.history.push(object);
    const slot = this.changes.put({ resource, object, deleted });
    this.simulation.schedule(this.options.watchDelay ?? MILLISECOND, this.target, OP_WATCH, slot);
  }

  private podWritten(pod: Pod, request: ApiRequest): void {
    if (request.verb === 'create' && request.subresource === undefined) {
      this.ordinals.set(pod.metadata.uid, this.podCount++);
      this.later(pod, 'bind', 5 * MILLISECOND);
    } else if (request.verb === 'delete' && pod.metadata.deletionTimestamp !== undefined) {
      this.later(pod, 'gone', this.options.stopAfter ?? 10 * MILLISECOND);
    }
  }

  private later(pod: Pod, step: PodStep['step'], delay: Duration): void {
    this.simulation.schedule(delay, this.target, OP_POD, this.podSteps.put({ key: keyOf(pod), uid: pod.metadata.uid, step }));
  }

  private podStep({ key, uid, step }: PodStep): void {
    const pod = this.get<Pod>('pods', key);
    if (pod?.metadata.uid !== uid) return;
    const { namespace, name } = pod.metadata;
    const address = { resource: 'pods', namespace, name } as const;
    const ordinal = this.ordinals.get(uid)!;
    if (step === 'gone') {
      this.perform({ verb: 'delete', ...address, gracePeriodSeconds: 0 }, 'kubelet');
      return;
    }
    if (pod.metadata.deletionTimestamp !== undefined) return;
    if (step === 'bind') {
      const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
      const wanted = terms?.[0]?.matchFields?.[0]?.values?.[0];
      const target = pod.spec.nodeName ?? wanted ?? `node-${ordinal % (this.options.nodes ?? 3)}`;
      if (pod.spec.nodeName === undefined) this.perform({ verb: 'create', ...address, subresource: 'binding', target }, 'scheduler');
      this.later(pod, 'run', 5 * MILLISECOND);
      const ready = this.options.readyAfter?.(ordinal) ?? 50 * MILLISECOND;
      if (ready >= 0) this.later(pod, 'ready', ready);
      const finish = this.options.finishAfter?.(ordinal, pod);
      if (finish !== undefined) this.later(pod, 'finish', finish.after);
      return;
    }
    const finish = step === 'finish' ? this.options.finishAfter!(ordinal, pod)!.phase : undefined;
    const condition = { type: 'Ready', status: step === 'ready' ? ('True' as const) : ('False' as const), lastTransitionTime: this.now };
    const others = (pod.status.conditions ?? []).filter((other) => other.type !== 'Ready');
    const status = {
      ...pod.status,
      phase: finish ?? ('Running' as const),
      podIP: `10.1.${ordinal >> 8}.${ordinal & 255}`,
      startTime: pod.status.startTime ?? this.now,
      conditions: [...others, condition],
      ...(finish === undefined
        ? {}
        : {
            containerStatuses: pod.spec.containers.map((container) => ({
              name: container.name,
              image: container.image,
              ready: false,
              restartCount: 0,
              state: {
                terminated: {
                  reason: finish === 'Failed' ? 'Error' : 'Completed',
                  exitCode: finish === 'Failed' ? 1 : 0,
                  startedAt: this.now,
                  finishedAt: this.now,
                },
              },
            })),
          }),
    };
    this.perform({ verb: 'update', ...address, subresource: 'status', body: { ...pod, status } as Pod }, 'kubelet');
  }
}

class FakeClient implements ApiClient {
  readonly user: string;
  private readonly cluster: FakeCluster;

  constructor(cluster: FakeCluster, user: string) {
    this.cluster = cluster;
    this.user = user;
  }

  request(request: ApiRequest, receiver: ResponseReceiver, tag: number): void {
    this.cluster.submit(request, this.user, receiver, tag);
  }
}
