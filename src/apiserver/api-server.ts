import type { KubernetesObject } from '../api/meta.js';
import { resourceInfo } from '../api/resources.js';
import type { EtcdClient, KeyValue } from '../etcd/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import type { Duration } from '../kernel/time.js';
import { type DistributionSpec, sample } from '../random/distribution.js';
import type { Randomness, Stream } from '../random/stream.js';
import type { CostProfile } from '../scenario/types.js';
import { isMutating, responseBytes, selectItems } from './answers.js';
import { INDEXED_CONFIGURATIONS } from './admission/admission.js';
import { INDEXED_FOR_ADMISSION } from './admission/plugins.js';
import type { WebhookServers } from './admission/webhook-calls.js';
import { CacheFeeder, type FeederOwner } from './cache-feeder.js';
import { Authorizer } from './authorization/authorizer.js';
import { RBAC_RESOURCES } from './authorization/rbac.js';
import { type Call, type CallTable, failure, twinOf } from './call.js';
import { Compactors } from './compactor.js';
import type { Connections } from './connections.js';
import { CpuPool } from './cpu-pool.js';
import { Deadlines, TIMED_OUT } from './deadlines.js';
import { RequestMetrics } from './metrics.js';
import { typicalBytes } from './object-size.js';
import { NamespaceIndex } from './namespace-index.js';
import type { RegistryContext } from './registry.js';
import type { ApiRequest, ApiResponse } from './request.js';
import { SeatControl } from './seat-control.js';
import type { WatchCache, WatchRecord } from './watch-cache.js';
import { type WriteOwner, WritePath } from './write-path.js';

const OP_ARRIVE = 1;
const OP_CPU_DONE = 2;
const OP_RETRY_WATCH = 3;
const OP_RETRY_FILL = 4;
const OP_WAIT_OVER = 5;
const OP_SEATS_FREE = 6;
const OP_BORROW = 7;
const OP_RESUME = 8;
const OP_COMPACT = 9;
const OP_DEADLINE = 10;

const EVENT_NAMES: Readonly<Record<number, string>> = {
  [OP_ARRIVE]: 'a request arrives',
  [OP_CPU_DONE]: 'a core has worked off a request',
  [OP_RETRY_WATCH]: 'a watch of etcd is opened again',
  [OP_RETRY_FILL]: 'a list from etcd is tried again',
  [OP_WAIT_OVER]: 'a request has waited long enough for a seat',
  [OP_SEATS_FREE]: 'a write has been sent to its watchers',
  [OP_BORROW]: 'seats are divided anew among the priority levels',
  [OP_DEADLINE]: 'a request has taken too long',
  [OP_RESUME]: 'a request goes on after a pause',
  [OP_COMPACT]: 'etcd is to be compacted',
};

/** Bytes of HTTP/2 headers and framing of a request or response. */
const HEADER_BYTES = 300;
/** What a client is told when priority and fairness turns it away (Retry-After: 1). */
const TOO_MANY_REQUESTS: ApiResponse = {
  ...failure(429, 'the server has received too many requests and has asked us to try again later'),
  retryAfterSeconds: 1,
};

/** Resources that are looked up by namespace, or as a whole. */
const INDEXED = ['poddisruptionbudgets', ...RBAC_RESOURCES, ...INDEXED_FOR_ADMISSION, ...INDEXED_CONFIGURATIONS];

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
  /** Absent: 1.34. */
  readonly kubernetesVersion?: string;
  /** --etcd-compaction-interval; absent or 0: never. */
  readonly compactionInterval?: Duration;
  /** The cluster's webhooks; absent: authorization and admission are off, plugins and quotas included. */
  readonly webhooks?: WebhookServers;
  /** --disable-admission-plugins. */
  readonly disabledPlugins?: readonly string[];
}

/**
 * One kube-apiserver: requests arrive over the network, are limited in number, queue for its cores, are decided by the
 * registry, stored through etcd and answered; changes come back through etcd watches into watch caches, and from there to the
 * watchers connected to this server.
 */
export class ApiServer implements Component, FeederOwner, WriteOwner {
  readonly name: string;
  readonly host: number;
  readonly index: number;
  readonly target: number;
  readonly metrics = new RequestMetrics();
  /** Opcode of a request's arrival, for clients. */
  static readonly ARRIVE = OP_ARRIVE;
  up = true;

  private readonly simulation: Simulation;
  private readonly profile: CostProfile;
  private readonly calls: CallTable;
  private readonly connections: Connections;
  private readonly cpu: CpuPool;
  private readonly stream: Stream;
  private readonly feeder: CacheFeeder;
  private readonly seats: SeatControl;
  private readonly writes: WritePath;
  private readonly lister: NamespaceIndex;
  private readonly compactors: Compactors;
  /** Cost of a request by `verb resource`, looked up once. */
  private readonly costs = new Map<string, DistributionSpec>();
  /** Calls in flight here, in order of arrival, for the case that this server dies. */
  private readonly inFlight = new Set<number>();
  /** Calls that have been answered 504 and are still worked on. */
  private readonly abandoned = new Set<number>();
  private readonly deadlines: Deadlines;
  private readonly authorizer: Authorizer | null;
  /** Calls that may start: filled by seat control, emptied at once. */
  private readonly startable: number[] = [];

  constructor(options: ApiServerOptions) {
    this.index = options.index;
    this.name = `kube-apiserver-${options.index}`;
    this.host = options.host;
    this.simulation = options.simulation;
    this.profile = options.profile;
    this.calls = options.calls;
    this.connections = options.connections;
    this.stream = options.randomness.stream(`${this.name}/cpu`);
    this.target = this.simulation.add(this);
    const { simulation, target } = this;
    const { cores, maxRequestsInFlight, maxMutatingRequestsInFlight } = options.profile.apiServer;
    this.cpu = new CpuPool(simulation, target, OP_CPU_DONE, cores);
    this.feeder = new CacheFeeder(simulation, target, { watch: OP_RETRY_WATCH, list: OP_RETRY_FILL }, options.etcd, this);
    const { etcd, registry, calls, randomness, kubernetesVersion = '1.34' } = options;
    this.lister = new NamespaceIndex(this.feeder, INDEXED);
    const admission = options.webhooks === undefined ? null : { view: this.lister, webhooks: options.webhooks, disabled: new Set(options.disabledPlugins) };
    this.authorizer = options.webhooks === undefined ? null : new Authorizer(this.lister, options.profile);
    this.deadlines = new Deadlines(simulation, target, OP_DEADLINE);
    const jitter = randomness.stream(`${this.name}/retry`);
    this.writes = new WritePath({ simulation, target, resumeOpcode: OP_RESUME, calls, etcd, registry, owner: this, jitter, kubernetesVersion, admission });
    const opcodes = { waitOver: OP_WAIT_OVER, seatsFree: OP_SEATS_FREE, borrow: OP_BORROW };
    this.seats = new SeatControl(simulation, target, opcodes, maxRequestsInFlight + maxMutatingRequestsInFlight);
    this.compactors = new Compactors(simulation, target, OP_COMPACT, etcd, options.compactionInterval ?? 0);
  }

  /** PodDisruptionBudgets of a namespace, as the watch cache has them. */
  budgetsIn(namespace: string): Iterable<KubernetesObject> {
    return this.lister.in('poddisruptionbudgets', namespace);
  }

  /** Counts one write transaction of etcd. */
  observeEtcdWrite(latency: Duration): void {
    this.metrics.observeEtcdWrite(latency);
  }

  /** The watch cache of a resource. */
  cache(resource: string): WatchCache {
    return this.feeder.cache(resource);
  }

  /** Fills the caches with the content that etcd started with. */
  warmStart(kvs: readonly KeyValue[], revision: number): void {
    this.feeder.warmStart(kvs, revision);
    this.lister.rebuild();
  }

  /** Opens the etcd watches that feed the watch caches, from the revision the caches were filled at. */
  start(): void {
    this.feeder.start();
    this.compactors.start();
  }

  /** Seats and queues of priority and fairness by level. */
  flowControl(): ReturnType<SeatControl['figures']> {
    return this.seats.figures();
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
      case OP_RETRY_FILL:
        this.feeder.retry(opcode, argument);
        return;
      case OP_WAIT_OVER: {
        const slot = this.seats.waitOver(argument);
        if (slot >= 0) this.turnAway(slot);
        return;
      }
      case OP_SEATS_FREE:
        this.seats.seatsFree(argument, this.startable);
        this.startCalls();
        return;
      case OP_COMPACT:
        this.compactors.due(argument);
        return;
      case OP_BORROW:
        this.seats.borrow(this.startable);
        this.startCalls();
        return;
      case OP_DEADLINE:
        this.timeOut();
        return;
      case OP_RESUME:
        this.writes.resume(argument);
        return;
      default:
        throw new Error(`${this.name}: unknown opcode ${opcode}`);
    }
  }

  private arrive(slot: number): void {
    const call = this.calls.get(slot);
    if (!this.up) {
      // The process died while the request was on its way: nobody listens on the port.
      this.connections.connectionLost(this, call, slot);
      return;
    }
    call.arrivedAt = this.simulation.now;
    this.inFlight.add(slot);
    this.deadlines.watch();
    const { request } = call;
    const bytes = request.verb === 'list' ? this.cache(request.resource).objects.size * resourceInfo(request.resource).typicalBytes : 0;
    const watchers = isMutating(request) ? this.connections.watcherCount(this, request) : 0;
    if (!this.seats.arrive(slot, call, bytes, watchers, this.startable)) this.turnAway(slot);
    this.startCalls();
  }

  /** The calls that have got their seats queue for a core. */
  private startCalls(): void {
    for (let i = 0; i < this.startable.length; i++) this.admit(this.startable[i]!);
    while (this.startable.length > 0) this.startable.pop();
  }

  /** Priority and fairness has no place for the call. */
  private turnAway(slot: number): void {
    const call = this.calls.get(slot);
    call.response = TOO_MANY_REQUESTS;
    this.inFlight.delete(slot);
    this.metrics.observe(call.request, 429, this.simulation.now - call.arrivedAt);
    this.connections.deliverResponse(this, call, slot, HEADER_BYTES);
  }

  /** Queues a call that has its seats for a core. */
  private admit(slot: number): void {
    const call = this.calls.get(slot);
    let cost = sample(this.costOf(call.request), this.stream);
    if (call.request.verb === 'list' || call.request.sendInitialEvents) cost += this.cache(call.request.resource).objects.size * this.profile.apiServer.listObjectCpu;
    if (this.authorizer !== null) cost += this.authorizer.cost(call);
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
    if (this.dropped(slot)) return;
    const call = this.calls.get(slot);
    if (call.denied !== null) {
      this.respond(slot, call.denied);
      return;
    }
    const { request } = call;
    const cache = this.cache(request.resource);
    if (request.verb === 'list') {
      this.respond(slot, { code: 200, items: selectItems(cache, request.namespace), resourceVersion: cache.revision });
      return;
    }
    if (request.verb === 'watch') {
      // The events themselves are carried by the connections; this is what opening the stream costs.
      const items = request.sendInitialEvents ? { items: selectItems(cache, request.namespace) } : {};
      this.respond(slot, { code: 200, resourceVersion: cache.revision, ...items });
      return;
    }
    this.writes.begin(slot);
  }

  /** Answers a call: to its client, to the metrics, and to those who wait for its seats. */
  respond(slot: number, response: ApiResponse): void {
    if (this.dropped(slot)) return;
    const call = this.calls.get(slot);
    call.response = response;
    this.inFlight.delete(slot);
    this.metrics.observe(call.request, response.code, this.simulation.now - call.arrivedAt);
    if (this.simulation.trace !== null && isMutating(call.request)) this.note(call, response);
    this.connections.deliverResponse(this, call, slot, HEADER_BYTES + responseBytes(call.request, response));
    this.seats.answered(slot, this.startable);
    this.startCalls();
  }

  /** Whether nobody waits for a call any more, which is then forgotten. */
  private dropped(slot: number): boolean {
    if (!this.abandoned.delete(slot)) return false;
    this.calls.take(slot);
    return true;
  }

  /** Requests that have taken too long are answered; what is being done for them comes to nobody's notice. */
  private timeOut(): void {
    for (const slot of this.deadlines.due(this.inFlight, this.calls)) {
      const twin = twinOf(this.calls.get(slot));
      twin.response = TIMED_OUT;
      this.inFlight.delete(slot);
      this.abandoned.add(slot);
      this.metrics.observe(twin.request, TIMED_OUT.code, this.simulation.now - twin.arrivedAt);
      this.connections.deliverResponse(this, twin, this.calls.put(twin), HEADER_BYTES);
      this.seats.answered(slot, this.startable);
    }
    this.startCalls();
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

  /** A change went into a watch cache: it is sent to all who watch. */
  cacheChanged(record: WatchRecord): void {
    this.lister.changed(record);
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
    this.writes.reset();
    for (const slot of this.inFlight) this.connections.connectionLost(this, this.calls.get(slot), slot);
    this.inFlight.clear();
    for (const slot of this.abandoned) this.calls.take(slot);
    this.abandoned.clear();
    this.seats.reset();
    this.cpu.reset();
    this.feeder.stop();
    this.compactors.stop();
    this.connections.serverLost(this);
  }

  /** The process starts again: it lists every resource from etcd, then serves. */
  heal(): void {
    if (!this.up) this.feeder.restart();
  }

  cachesFilled(): void {
    this.lister.rebuild();
    this.up = true;
    this.compactors.start();
    this.connections.serverBack();
  }

  cacheRefilled(resource: string): void {
    this.lister.rebuild();
    this.connections.resourceRelisted(this, resource);
  }

  /** Bytes of a watch event on the wire. */
  recordBytes(record: WatchRecord): number {
    return HEADER_BYTES + typicalBytes(record.resource, record.object);
  }
}
