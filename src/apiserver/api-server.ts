import { typicalBytes } from './object-size.js';
import type { KubernetesObject, ObjectMeta } from '../api/meta.js';
import { resourceInfo, resources } from '../api/resources.js';
import type { EtcdClient, EtcdReceiver, EtcdResponse, EtcdWatchReceiver, KeyValue, WatchEvent } from '../etcd/types.js';
import { Fifo } from '../kernel/fifo.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import type { Duration } from '../kernel/time.js';
import { type DistributionSpec, sample } from '../random/distribution.js';
import type { Randomness, Stream } from '../random/stream.js';
import type { CostProfile } from '../scenario/types.js';
import { type Call, type CallTable, failure } from './call.js';
import { CpuPool } from './cpu-pool.js';
import { RequestMetrics } from './metrics.js';
import { alreadyExists, decide, qualifiedName, type RegistryContext } from './registry.js';
import type { ApiRequest, ApiResponse } from './request.js';
import { WatchCache, type WatchRecord } from './watch-cache.js';
import type { Connections } from './connections.js';

const OP_ARRIVE = 1;
const OP_CPU_DONE = 2;
const OP_RETRY_WATCH = 3;
const OP_RETRY_FILL = 4;

const EVENT_NAMES: Readonly<Record<number, string>> = {
  [OP_ARRIVE]: 'a request arrives',
  [OP_CPU_DONE]: 'a core has worked off a request',
  [OP_RETRY_WATCH]: 'a watch of etcd is opened again',
  [OP_RETRY_FILL]: 'a list from etcd is tried again',
};

const REGISTRY = '/registry/';
/** Bytes of HTTP/2 headers and framing of a request or response. */
const HEADER_BYTES = 300;
/** Pause before an etcd watch that was cut is opened again (reflector backoff of the cacher starts at 0.8 s; etcd client retries at once). */
const WATCH_RETRY: Duration = 50e6;

export interface ApiServerOptions {
  readonly simulation: Simulation;
  readonly randomness: Randomness;
  readonly profile: CostProfile;
  readonly host: number;
  readonly index: number;
  readonly calls: CallTable;
  readonly etcd: EtcdClient;
  readonly registry: RegistryContext;
  readonly connections: Connections;
}

/**
 * One kube-apiserver: requests arrive over the network, are limited in number, queue for its cores, are decided by the
 * registry, stored through etcd and answered; changes come back through etcd watches into watch caches, and from there to the
 * watchers connected to this server.
 */
export class ApiServer implements Component, EtcdReceiver, EtcdWatchReceiver {
  readonly name: string;
  readonly host: number;
  readonly index: number;
  readonly target: number;
  readonly metrics = new RequestMetrics();
  up = true;

  private readonly simulation: Simulation;
  private readonly profile: CostProfile;
  private readonly calls: CallTable;
  private readonly etcd: EtcdClient;
  private readonly registry: RegistryContext;
  private readonly connections: Connections;
  private readonly cpu: CpuPool;
  private readonly stream: Stream;
  private readonly caches = new Map<string, WatchCache>();
  private readonly cacheList: WatchCache[] = [];
  /** Cost of a request by `verb resource`, looked up once. */
  private readonly costs = new Map<string, DistributionSpec>();
  /** Calls in flight here, in order of arrival, for the case that this server dies. */
  private readonly inFlight = new Set<number>();
  private reading = 0;
  private mutating = 0;
  private readonly waitingReads = new Fifo<number>();
  private readonly waitingWrites = new Fifo<number>();
  /** Raised at each restart, so that answers of etcd to an earlier life are ignored. */
  private life = 0;
  /** Fills the caches while the process starts. */
  private filler: CacheFiller | null = null;

  constructor(options: ApiServerOptions) {
    this.index = options.index;
    this.name = `kube-apiserver-${options.index}`;
    this.host = options.host;
    this.simulation = options.simulation;
    this.profile = options.profile;
    this.calls = options.calls;
    this.etcd = options.etcd;
    this.registry = options.registry;
    this.connections = options.connections;
    this.stream = options.randomness.stream(`${this.name}/cpu`);
    this.target = this.simulation.add(this);
    this.cpu = new CpuPool(this.simulation, this.target, OP_CPU_DONE, options.profile.apiServer.cores);
    for (const info of resources()) {
      const cache = new WatchCache(info.resource);
      this.caches.set(info.resource, cache);
      this.cacheList.push(cache);
    }
  }

  /** The watch cache of a resource. */
  cache(resource: string): WatchCache {
    const cache = this.caches.get(resource);
    if (cache === undefined) throw new Error(`resource ${resource} is not served`);
    return cache;
  }

  /** Fills the caches with the content that etcd started with. */
  warmStart(kvs: readonly KeyValue[], revision: number): void {
    const byResource = new Map<string, [string, KubernetesObject][]>();
    for (const kv of kvs) {
      const [, , resource] = kv.key.split('/', 3);
      const key = kv.key.slice(REGISTRY.length + resource!.length + 1);
      const objects = byResource.get(resource!) ?? [];
      objects.push([key, objectOf(kv)!]);
      byResource.set(resource!, objects);
    }
    for (const cache of this.cacheList) cache.replace(byResource.get(cache.resource) ?? [], revision);
  }

  /** Opens the etcd watches that feed the watch caches, from the revision the caches were filled at. */
  start(): void {
    for (let i = 0; i < this.cacheList.length; i++) this.openEtcdWatch(i);
  }

  private openEtcdWatch(index: number): void {
    const cache = this.cacheList[index]!;
    this.etcd.watch(`${REGISTRY}${cache.resource}/`, cache.revision + 1, this, this.life * 1024 + index);
  }

  describe(opcode: number): string {
    return EVENT_NAMES[opcode] ?? `opcode ${opcode}`;
  }

  handle(opcode: number, argument: number): void {
    switch (opcode) {
      case OP_ARRIVE:
        this.arrive(argument);
        return;
      case OP_CPU_DONE: {
        const slot = this.cpu.finish(argument);
        if (slot >= 0) this.execute(slot);
        return;
      }
      case OP_RETRY_WATCH:
        if (this.up && Math.floor(argument / 1024) === this.life) this.openEtcdWatch(argument % 1024);
        return;
      case OP_RETRY_FILL:
        if (this.filler !== null) this.fill(this.filler, argument);
        return;
      default:
        throw new Error(`${this.name}: unknown opcode ${opcode}`);
    }
  }

  /** Opcode of a request's arrival, for clients. */
  static readonly ARRIVE = OP_ARRIVE;

  private arrive(slot: number): void {
    const call = this.calls.get(slot);
    if (!this.up) {
      // The process died while the request was on its way: nobody listens on the port.
      this.connections.connectionLost(this, call, slot);
      return;
    }
    call.arrivedAt = this.simulation.now;
    this.inFlight.add(slot);
    const { maxRequestsInFlight, maxMutatingRequestsInFlight } = this.profile.apiServer;
    if (isMutating(call.request)) {
      if (this.mutating >= maxMutatingRequestsInFlight) this.waitingWrites.push(slot);
      else this.admit(slot, call);
    } else if (this.reading >= maxRequestsInFlight) this.waitingReads.push(slot);
    else this.admit(slot, call);
  }

  /** Takes a seat for the call and queues it for a core. */
  private admit(slot: number, call: Call): void {
    if (isMutating(call.request)) this.mutating++;
    else this.reading++;
    let cost = sample(this.costOf(call.request), this.stream);
    if (call.request.verb === 'list') cost += this.cache(call.request.resource).objects.size * this.profile.apiServer.listObjectCpu;
    this.cpu.request(cost, slot);
  }

  private costOf(request: ApiRequest): DistributionSpec {
    const key =
      request.subresource === undefined
        ? `${request.verb} ${request.resource}`
        : `${request.verb} ${request.resource}/${request.subresource}`;
    let spec = this.costs.get(key);
    if (spec === undefined) {
      const { requestCpu } = this.profile.apiServer;
      spec =
        requestCpu[key] ?? requestCpu[`${request.verb} ${request.resource}`] ?? requestCpu[request.verb] ?? requestCpu['default'];
      if (spec === undefined) throw new Error(`the profile gives no apiServer.requestCpu for "${key}" and no default`);
      this.costs.set(key, spec);
    }
    return spec;
  }

  private execute(slot: number): void {
    const call = this.calls.get(slot);
    const { request } = call;
    const cache = this.cache(request.resource);
    if (request.verb === 'list') {
      this.respond(slot, { code: 200, items: selectItems(cache, request.namespace), resourceVersion: cache.revision });
      return;
    }
    const key = request.namespace === '' ? request.name : `${request.namespace}/${request.name}`;
    if (request.verb === 'get') {
      this.readLive(slot, request.resource, key);
      return;
    }
    if (request.verb === 'create' && request.subresource === undefined) {
      this.mutate(slot, call, undefined, true);
      return;
    }
    const cached = cache.objects.get(key);
    // GuaranteedUpdate starts from the cached object; one that the cache does not have is looked up.
    if (cached === undefined) this.readLive(slot, request.resource, key);
    else this.mutate(slot, call, cached, false);
  }

  private readLive(slot: number, resource: string, key: string): void {
    const call = this.calls.get(slot);
    call.fresh = true;
    call.proposed = undefined;
    call.deleting = false;
    this.etcd.request({ op: 'range', key: `${REGISTRY}${resource}/${key}`, prefix: false }, this, slot * 64 + (this.life & 63));
  }

  private mutate(slot: number, call: Call, current: KubernetesObject | undefined, fresh: boolean): void {
    const { request } = call;
    const decision = decide(request, current, this.registry);
    if (decision.kind === 'fail' || decision.kind === 'unchanged') {
      // A refusal or no-op that came from a cached object is checked against the store once.
      if (!fresh) {
        this.readLive(slot, request.resource, request.namespace === '' ? request.name : `${request.namespace}/${request.name}`);
        return;
      }
      this.respond(slot, decision.kind === 'fail' ? decision.response : { code: 200, object: decision.object });
      return;
    }
    call.base = current;
    call.fresh = fresh;
    call.proposed = decision.object;
    call.etcdSentAt = this.simulation.now;
    call.deleting = decision.kind === 'delete';
    const { namespace, name } = decision.object.metadata;
    const key = `${REGISTRY}${request.resource}/${namespace === '' ? name : `${namespace}/${name}`}`;
    const tag = slot * 64 + (this.life & 63);
    if (decision.kind === 'delete') {
      this.etcd.request({ op: 'txn', key, expectedModRevision: decision.expectedRevision, then: 'delete', bytes: 0 }, this, tag);
      return;
    }
    const bytes = typicalBytes(request.resource, decision.object);
    this.etcd.request(
      { op: 'txn', key, expectedModRevision: decision.expectedRevision, then: 'put', value: decision.object, bytes },
      this,
      tag,
    );
  }

  etcdResponse(tag: number, response: EtcdResponse): void {
    const slot = Math.floor(tag / 64);
    if (!this.up || tag % 64 !== (this.life & 63) || !this.inFlight.has(slot)) return;
    const call = this.calls.get(slot);
    if (response.error !== undefined) {
      const timeout = response.error.includes('timed out');
      this.respond(slot, failure(timeout ? 504 : 500, response.error));
      return;
    }
    const { request } = call;
    if (call.proposed === undefined) {
      const current = objectOf(response.kvs?.[0]);
      if (request.verb !== 'get') this.mutate(slot, call, current, true);
      else if (current === undefined) this.respond(slot, failure(404, `${qualifiedName(request)} not found`));
      else this.respond(slot, { code: 200, object: current });
      return;
    }
    this.metrics.observeEtcdWrite(this.simulation.now - call.etcdSentAt);
    if (response.succeeded) {
      const object = call.proposed;
      if (!call.deleting) stamp(object, response.revision);
      this.respond(slot, { code: request.verb === 'create' ? 201 : 200, object });
      return;
    }
    // The compare failed: somebody wrote in between.
    call.conflicts++;
    if (request.verb === 'create' && request.subresource === undefined) {
      this.respond(slot, alreadyExists(request));
      return;
    }
    this.mutate(slot, call, objectOf(response.kvs?.[0]), true);
  }

  private respond(slot: number, response: ApiResponse): void {
    const call = this.calls.get(slot);
    call.response = response;
    this.inFlight.delete(slot);
    this.metrics.observe(call.request, response.code, this.simulation.now - call.arrivedAt);
    if (this.simulation.trace !== null && isMutating(call.request)) this.note(call, response);
    if (isMutating(call.request)) {
      this.mutating--;
      const next = this.waitingWrites.shift();
      if (next !== undefined) this.admit(next, this.calls.get(next));
    } else {
      this.reading--;
      const next = this.waitingReads.shift();
      if (next !== undefined) this.admit(next, this.calls.get(next));
    }
    this.connections.deliverResponse(this, call, slot, HEADER_BYTES + responseBytes(call.request, response));
  }

  /** Remarks on the object of a write, for traces: under `namespace/name` for pods, with the kind for the rest. */
  private note(call: Call, response: ApiResponse): void {
    const { request } = call;
    const name = response.object?.metadata.name ?? request.name;
    const key = request.namespace === '' ? name : `${request.namespace}/${name}`;
    const subject = request.resource === 'pods' ? key : `${request.resource} ${key}`;
    const what = request.subresource === undefined ? request.verb : `${request.verb} ${request.subresource}`;
    const target = request.target === undefined ? '' : ` to ${request.target}`;
    this.simulation.note(subject, `${what}${target} by ${call.user}: ${response.code} ${response.reason ?? ''}`.trimEnd());
  }

  watchEvents(tag: number, events: readonly WatchEvent[], _revision: number): void {
    if (!this.up || Math.floor(tag / 1024) !== this.life) return;
    const cache = this.cacheList[tag % 1024]!;
    const skip = REGISTRY.length + cache.resource.length + 1;
    for (const event of events) {
      const { kv } = event;
      const object = event.type === 'PUT' ? objectOf(kv) : undefined;
      const record = cache.apply(kv.key.slice(skip), object, kv.modRevision, this.simulation.now);
      if (record !== undefined) this.dispatch(record);
    }
  }

  watchCancelled(tag: number, compactRevision: number): void {
    if (!this.up || Math.floor(tag / 1024) !== this.life) return;
    if (compactRevision > 0) {
      throw new Error(`${this.name}: watch of ${this.cacheList[tag % 1024]!.resource} fell behind compaction at ${compactRevision}`);
    }
    this.simulation.schedule(WATCH_RETRY, this.target, OP_RETRY_WATCH, tag);
  }

  private dispatch(record: WatchRecord): void {
    const bytes = this.recordBytes(record);
    const receivers = this.connections.dispatch(this, record, bytes);
    if (receivers === 0) return;
    const { watchEventCpu, encodeNanosecondsPerByte } = this.profile.apiServer;
    this.cpu.request(receivers * watchEventCpu + bytes * encodeNanosecondsPerByte, CpuPool.BACKGROUND);
  }

  /** The server's process dies: connections break, calls in flight are lost, caches are gone. */
  fail(): void {
    if (!this.up) return;
    this.up = false;
    this.life++;
    for (const slot of this.inFlight) this.connections.connectionLost(this, this.calls.get(slot), slot);
    this.inFlight.clear();
    this.waitingReads.clear();
    this.waitingWrites.clear();
    this.reading = 0;
    this.mutating = 0;
    this.cpu.reset();
    this.connections.serverLost(this);
  }

  /** The process starts again: it lists every resource from etcd, then serves. */
  heal(): void {
    if (this.up || this.filler !== null) return;
    this.filler = new CacheFiller(this, this.cacheList.length);
    for (let i = 0; i < this.cacheList.length; i++) this.fill(this.filler, i);
  }

  /** Asks etcd for all objects of a resource. */
  fill(filler: CacheFiller, index: number): void {
    this.etcd.request({ op: 'range', key: `${REGISTRY}${this.cacheList[index]!.resource}/`, prefix: true }, filler, index);
  }

  /** A list from etcd for a watch cache has come. */
  filled(index: number, response: EtcdResponse): void {
    const cache = this.cacheList[index]!;
    const skip = REGISTRY.length + cache.resource.length + 1;
    const objects = (response.kvs ?? []).map((kv) => [kv.key.slice(skip), objectOf(kv)!] as const);
    cache.replace(objects, response.revision);
  }

  /** All watch caches are filled. */
  ready(): void {
    this.filler = null;
    this.up = true;
    this.start();
    this.connections.serverBack();
  }

  /** Tries a failed list again after a pause. */
  retryFill(index: number): void {
    this.simulation.schedule(WATCH_RETRY, this.target, OP_RETRY_FILL, index);
  }

  /** Bytes of a watch event on the wire. */
  recordBytes(record: WatchRecord): number {
    return HEADER_BYTES + typicalBytes(record.resource, record.object);
  }
}

/** Collects the lists that fill the watch caches of a starting API server. */
class CacheFiller implements EtcdReceiver {
  private readonly server: ApiServer;
  private missing: number;

  constructor(server: ApiServer, resources: number) {
    this.server = server;
    this.missing = resources;
  }

  etcdResponse(tag: number, response: EtcdResponse): void {
    if (response.error !== undefined) {
      this.server.retryFill(tag);
      return;
    }
    this.server.filled(tag, response);
    if (--this.missing === 0) this.server.ready();
  }
}

function isMutating(request: ApiRequest): boolean {
  return request.verb !== 'get' && request.verb !== 'list' && request.verb !== 'watch';
}

function selectItems(cache: WatchCache, namespace: string): readonly KubernetesObject[] {
  const items: KubernetesObject[] = [];
  for (const object of cache.objects.values()) {
    if (namespace === '' || object.metadata.namespace === namespace) items.push(object);
  }
  return items;
}

/**
 * The object of a key-value, with its revision as resourceVersion. The API server that stored it made its metadata for this
 * write alone, so the revision is filled in place, once, as decoding from etcd would.
 */
function objectOf(kv: KeyValue | undefined): KubernetesObject | undefined {
  if (kv === undefined) return undefined;
  const object = kv.value as KubernetesObject;
  stamp(object, kv.modRevision);
  return object;
}

function stamp(object: KubernetesObject, revision: number): void {
  (object.metadata as { -readonly [K in keyof ObjectMeta]: ObjectMeta[K] }).resourceVersion = revision;
}

function responseBytes(request: ApiRequest, response: ApiResponse): number {
  if (response.items !== undefined) return response.items.length * resourceInfo(request.resource).typicalBytes;
  return response.object === undefined ? 0 : typicalBytes(request.resource, response.object);
}
