import type { Node, Pod } from '../../src/api/core.js';
import { type KubernetesObject, keyOf } from '../../src/api/meta.js';
import type { ApiRequest, ApiResponse, ResponseReceiver } from '../../src/apiserver/request.js';
import type { ProcessContext } from '../../src/client/context.js';
import { Changes } from '../../src/client/changes.js';
import type { Indexer, Informer, ResourceEventHandler } from '../../src/client/types.js';
import { type Component, Simulation } from '../../src/kernel/simulation.js';
import { Slots } from '../../src/kernel/slots.js';
import { MILLISECOND } from '../../src/kernel/time.js';
import { Randomness } from '../../src/random/stream.js';
import type { CostProfile, Scenario } from '../../src/scenario/types.js';
import { KubeScheduler } from '../../src/scheduler/scheduler.js';

/** An informer that says what the fake cluster tells it. */
class FakeInformer implements Informer<KubernetesObject> {
  readonly resource: string;
  synced = true;
  readonly objects = new Map<string, KubernetesObject>();
  private readonly handlers: ResourceEventHandler<KubernetesObject>[] = [];

  constructor(resource: string) {
    this.resource = resource;
  }

  get size(): number {
    return this.objects.size;
  }

  get(key: string): KubernetesObject | undefined {
    return this.objects.get(key);
  }

  list(): Iterable<KubernetesObject> {
    return this.objects.values();
  }

  addIndexer(_: Indexer<KubernetesObject>): void {}

  byIndex(): Iterable<KubernetesObject> {
    return [];
  }

  indexValues(): Iterable<string> {
    return [];
  }

  addEventHandler(handler: ResourceEventHandler<KubernetesObject>): void {
    this.handlers.push(handler);
  }

  observe(): void {}

  tell(key: string, object: KubernetesObject | undefined): void {
    const old = this.objects.get(key);
    if (object === undefined) {
      this.objects.delete(key);
      if (old !== undefined) for (const handler of this.handlers) handler.onDelete(old, false, key);
      return;
    }
    this.objects.set(key, object);
    for (const handler of this.handlers) {
      if (old === undefined) handler.onAdd(object, key);
      else handler.onUpdate(old, object, key, Changes.All);
    }
  }
}

/** A request on its way, or the news of its effect. */
interface Message {
  readonly request: ApiRequest;
  readonly receiver: ResponseReceiver;
  readonly tag: number;
}

/** An API that answers after a millisecond and whose watchers hear of it after another. */
export class FakeCluster implements Component {
  readonly name = 'fake-api';
  readonly simulation = new Simulation();
  readonly requests: { readonly at: number; readonly request: ApiRequest }[] = [];
  readonly events: { readonly reason: string; readonly message: string; readonly object: string }[] = [];
  readonly scheduler: KubeScheduler;
  readonly context: ProcessContext;
  /** Answers bindings with this instead of carrying them out. */
  refuseBindings: ApiResponse | null = null;
  private readonly informers = new Map<string, FakeInformer>();
  private readonly pods = new Map<string, Pod>();
  private readonly messages = new Slots<Message>();
  private readonly target: number;
  private revision = 10;

  constructor(settings: Partial<Scenario> = {}) {
    this.target = this.simulation.add(this);
    const profile = {
      scheduler: {
        cycleFixed: 20_000,
        cyclePerEvaluatedNode: 1_300,
        failurePerNode: 1_000,
        spreadPerNode: 220,
        antiAffinityPerPod: 2_000,
        affinityPerPod: 2_000,
        preferredAffinityPerPod: 1_300,
      },
    } as CostProfile;
    const scheduler = { qps: 50, burst: 100, percentageOfNodesToScore: 0, parallelism: 16 };
    const scenario = { kubernetesVersion: '1.34', cluster: { scheduler }, profile, ...settings } as Scenario;
    const context = {
      simulation: this.simulation,
      randomness: new Randomness('test'),
      profile,
      scenario,
      informers: { informer: (resource: string) => this.informer(resource) },
      client: () => ({ user: 'kube-scheduler', request: this.request.bind(this) }),
      eventRecorder: () => ({
        event: (object: KubernetesObject, _type: string, reason: string, message: string) => {
          this.events.push({ reason, message, object: keyOf(object) });
        },
      }),
    };
    this.context = context as unknown as ProcessContext;
    this.scheduler = new KubeScheduler(this.context);
  }

  pod(key: string): Pod | undefined {
    return this.pods.get(key);
  }

  setNode(node: Node): void {
    this.informer('nodes').tell(node.metadata.name, {
      ...node,
      metadata: { ...node.metadata, resourceVersion: ++this.revision },
    });
  }

  set(resource: string, object: KubernetesObject): void {
    this.informer(resource).tell(keyOf(object), object);
  }

  setPod(pod: Pod | undefined, key: string): void {
    if (pod === undefined) this.pods.delete(key);
    else this.pods.set(key, { ...pod, metadata: { ...pod.metadata, resourceVersion: ++this.revision } });
    this.informer('pods').tell(key, this.pods.get(key));
  }

  create(pod: Pod): void {
    this.setPod(pod, keyOf(pod));
  }

  handle(_: number, slot: number): void {
    const { request, receiver, tag } = this.messages.take(slot);
    if (request.resource !== 'pods') {
      this.serve(request);
      receiver.receive(tag, { code: 200 }, request);
      return;
    }
    const key = `${request.namespace}/${request.name}`;
    const old = this.pods.get(key);
    if (request.subresource === 'binding' && this.refuseBindings !== null) {
      receiver.receive(tag, this.refuseBindings, request);
      return;
    }
    if (old === undefined) {
      receiver.receive(tag, { code: 404, reason: 'NotFound', message: `pods "${request.name}" not found` }, request);
      return;
    }
    if (request.verb === 'delete') this.setPod(undefined, key);
    else if (request.subresource === 'binding')
      this.setPod({ ...old, spec: { ...old.spec, nodeName: request.target! } }, key);
    else if (request.patch !== undefined) this.setPod(request.patch.apply(old) as Pod, key);
    receiver.receive(tag, { code: 200 }, request);
  }

  /** Any kind but pods: what the request makes of the object, told to the watchers. */
  private serve(request: ApiRequest): void {
    const informer = this.informer(request.resource);
    const key = request.namespace === '' ? request.name : `${request.namespace}/${request.name}`;
    const old = informer.get(key);
    if (request.verb === 'delete') informer.tell(key, undefined);
    else if (request.verb === 'create') informer.tell(key, request.body);
    else if (old !== undefined && request.patch !== undefined) {
      const made = request.patch.apply(old) as KubernetesObject & { readonly status?: unknown };
      const status = request.subresource === 'status' ? made.status : (old as { readonly status?: unknown }).status;
      informer.tell(key, { ...made, ...(status === undefined ? {} : { status }) } as KubernetesObject);
    }
  }

  request(request: ApiRequest, receiver: ResponseReceiver, tag: number): void {
    this.requests.push({ at: this.simulation.now, request });
    this.simulation.schedule(MILLISECOND, this.target, 1, this.messages.put({ request, receiver, tag }));
  }

  private informer(resource: string): FakeInformer {
    let informer = this.informers.get(resource);
    if (informer === undefined) {
      informer = new FakeInformer(resource);
      this.informers.set(resource, informer);
    }
    return informer;
  }
}
