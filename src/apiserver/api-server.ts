import type { KubernetesObject } from '../api/meta.js';
import type { Pod } from '../api/core.js';
import type { KeyValue } from '../etcd/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import type { Duration } from '../kernel/time.js';
import { sample } from '../random/distribution.js';
import type { Stream } from '../random/stream.js';
import type { CostProfile } from '../scenario/types.js';
import { note, responseBytes } from './answers.js';
import type { ApiServerOptions } from './api-server-options.js';
import { Broadcast } from './broadcast.js';
import { CacheFeeder, type FeederOwner } from './cache-feeder.js';
import { Authorizer } from './authorization/authorizer.js';
import type { CallTable } from './call.js';
import { Compactors } from './compactor.js';
import type { Connections } from './connections.js';
import { CpuPool } from './cpu-pool.js';
import { Deadlines, TIMED_OUT } from './deadlines.js';
import { INDEXED } from './indexed.js';
import { InFlight } from './in-flight.js';
import { ListPath } from './list-path.js';
import { Listing, memoryOf } from './memory.js';
import { RequestMetrics } from './metrics.js';
import { NamespaceIndex } from './namespace-index.js';
import type { ApiResponse } from './request.js';
import { RequestCosts } from './request-costs.js';
import type { RequestKind } from './request-kind.js';
import { SeatControl, TOO_MANY_REQUESTS } from './seat-control.js';
import { Shutdown } from './shutdown.js';
import { EVENT_NAMES, OP_ARRIVE, OP_BORROW, OP_COMPACT, OP_CPU_DONE, OP_DEADLINE, OP_DRAIN } from './server-events.js';
import { OP_PROGRESS, OP_RESUME, OP_RETRY_FILL, OP_RETRY_WATCH, OP_SEATS_FREE, OP_START, OP_WAIT_OVER } from './server-events.js';
import type { WatchCache, WatchRecord } from './watch-cache.js';
import { WritePath } from './write-path.js';
import type { WriteOwner } from './write-path-options.js';

/** Bytes of HTTP/2 headers and framing of a request or response. */
const HEADER_BYTES = 300;

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
  /** Accepts requests. */
  up = true;
  /** Starts of the process so far: its connections do not outlive it. */
  life = 0;
  /** Its graceful end. */
  private readonly shutdown: Shutdown;

  private readonly simulation: Simulation;
  private readonly profile: CostProfile;
  private readonly calls: CallTable;
  private readonly connections: Connections;
  private readonly cpu: CpuPool;
  private readonly broadcast: Broadcast;
  private readonly stream: Stream;
  private readonly feeder: CacheFeeder;
  /** Priority and fairness: seats and queues by level and flow. */
  readonly seats: SeatControl;
  /** Gets and writes, with admission. */
  readonly writes: WritePath;
  private readonly lists: ListPath;
  private readonly lister: NamespaceIndex;
  private readonly compactors: Compactors;
  private readonly costs: RequestCosts;
  private readonly inFlight: InFlight;
  private readonly deadlines: Deadlines;
  private readonly authorizer: Authorizer | null;
  /** Bytes of lists in flight. */
  readonly listing = new Listing();
  /** Calls that may start: filled by seat control, emptied at once. */
  private readonly startable: number[] = [];

  constructor(options: ApiServerOptions) {
    this.index = options.index;
    this.name = `kube-apiserver-${options.index}`;
    this.host = options.host;
    this.simulation = options.simulation;
    this.profile = options.profile;
    this.calls = options.calls;
    this.inFlight = new InFlight(options.calls);
    this.connections = options.connections;
    this.costs = new RequestCosts(options.profile);
    this.stream = options.randomness.stream(`${this.name}/cpu`);
    this.target = this.simulation.add(this);
    const { simulation, target } = this;
    const { cores, maxRequestsInFlight, maxMutatingRequestsInFlight } = options.profile.apiServer;
    this.cpu = new CpuPool(simulation, target, OP_CPU_DONE, cores, options.machine);
    this.broadcast = new Broadcast(this, options.connections, this.cpu, options.profile);
    this.feeder = new CacheFeeder(simulation, target, { watch: OP_RETRY_WATCH, list: OP_RETRY_FILL }, options.etcd, this);
    const { etcd, registry, calls, randomness, kubernetesVersion = '1.34' } = options;
    this.lister = new NamespaceIndex(this.feeder, INDEXED);
    const admission = options.webhooks === undefined ? null : { view: this.lister, webhooks: options.webhooks, disabled: new Set(options.disabledPlugins) };
    this.authorizer = options.webhooks === undefined ? null : new Authorizer(this.lister, options.profile);
    this.shutdown = new Shutdown(simulation, target, { drain: OP_DRAIN, start: OP_START });
    this.lists = new ListPath(simulation, target, OP_PROGRESS, calls, etcd, this);
    this.deadlines = new Deadlines(simulation, target, OP_DEADLINE);
    this.writes = new WritePath({ simulation, target, resumeOpcode: OP_RESUME, calls, etcd, registry, owner: this, index: this.index, eventTtl: options.eventTtl ?? 0, jitter: randomness.stream(`${this.name}/retry`), kubernetesVersion, admission });
    const opcodes = { waitOver: OP_WAIT_OVER, seatsFree: OP_SEATS_FREE, borrow: OP_BORROW };
    this.seats = new SeatControl(simulation, target, opcodes, maxRequestsInFlight + maxMutatingRequestsInFlight, options.fair === false ? [maxRequestsInFlight, maxMutatingRequestsInFlight] : null);
    this.compactors = new Compactors(simulation, target, OP_COMPACT, etcd, options.compactionInterval ?? 0);
  }

  /** What /readyz says. */
  get ready(): boolean {
    return this.up && !this.shutdown.ending;
  }

  /** PodDisruptionBudgets of a namespace, as the watch cache has them. */
  budgetsIn(namespace: string): Iterable<KubernetesObject> {
    return this.lister.in('poddisruptionbudgets', namespace);
  }

  /** Pods of a node, as the watch cache has them. */
  podsOf(nodeName: string): readonly Pod[] {
    return this.lists.podsOf(nodeName);
  }

  /** One way of a message on its machine. */
  messageDelay(): Duration {
    return this.connections.messageDelay(this.host);
  }

  /** The watch caches of all resources. */
  caches(): readonly WatchCache[] {
    return this.feeder.caches;
  }

  /** Resident bytes of the process, at the height of its lists since the last time they were asked for. */
  takeMemory(): number {
    const { memory } = this.profile;
    if (memory === undefined || (!this.up && !this.shutdown.draining)) return 0;
    return memoryOf({ caches: this.caches(), watches: this.connections.watchesAt(this), requests: this.inFlight.size, ...this.listing.takePeak() }, memory);
  }

  /** The watch cache of a resource. */
  cache(resource: string): WatchCache {
    return this.feeder.cache(resource);
  }

  cacheOf(kind: RequestKind): WatchCache {
    return this.feeder.caches[kind.resourceNumber]!;
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
      case OP_BORROW:
        if (opcode === OP_BORROW) this.seats.borrow(argument, this.startable);
        else this.seats.seatsFree(argument, this.startable);
        this.startCalls();
        return;
      case OP_COMPACT:
        this.compactors.due(argument);
        return;
      case OP_DEADLINE:
        this.timeOut();
        return;
      case OP_RESUME:
        this.writes.resume(argument);
        return;
      case OP_PROGRESS:
        this.lists.due(argument);
        return;
      case OP_DRAIN:
        this.drain();
        return;
      case OP_START:
        if (this.shutdown.restarts) this.heal();
        return;
      default:
        throw new Error(`${this.name}: unknown opcode ${opcode}`);
    }
  }

  private arrive(slot: number): void {
    const call = this.calls.get(slot);
    if (this.shutdown.draining) {
      this.connections.sendAgain(slot);
      return;
    }
    if (!this.up) {
      // The process died while the request was on its way: nobody listens on the port.
      this.connections.connectionLost(this, call, slot);
      return;
    }
    this.calls.arrivedAt[slot] = this.simulation.now;
    this.inFlight.add(slot);
    this.deadlines.watch();
    const { kind } = call;
    const bytes = kind.verb === 'list' ? this.lists.bytes(call.request) : 0;
    const watchers = kind.mutating ? this.connections.watcherCount(this, call) : 0;
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
    const waited = this.simulation.now - this.calls.arrivedAt[slot]!;
    this.metrics.observe(call, 429, waited, waited);
    this.connections.deliverResponse(this, call, slot, HEADER_BYTES);
    this.drained();
  }

  /** Queues a call that has its seats for a core. */
  private admit(slot: number): void {
    const call = this.calls.get(slot);
    const { kind } = call;
    const { spec, wait } = this.costs.of(kind);
    let cost = sample(spec, this.stream);
    const objects = kind.verb === 'list' || kind.verb === 'watch' ? this.lists.objects(call.request) : 0;
    if (objects > 0) {
      cost += objects * this.profile.apiServer.listObjectCpu;
      this.listing.begin(call, objects);
    }
    if (this.authorizer !== null) cost += this.authorizer.cost(call);
    call.excluded = this.simulation.now - this.calls.arrivedAt[slot]!;
    this.cpu.request(cost, slot, wait);
  }

  private execute(slot: number): void {
    if (this.dropped(slot)) return;
    const call = this.calls.get(slot);
    if (call.denied !== null) {
      this.respond(slot, call.denied);
      return;
    }
    const { verb } = call.kind;
    if (verb === 'list' || verb === 'watch') this.lists.begin(slot);
    else this.writes.begin(slot);
  }

  /** Answers a call: to its client, to the metrics, and to those who wait for its seats. */
  respond(slot: number, response: ApiResponse): void {
    if (this.dropped(slot)) return;
    const call = this.calls.get(slot);
    call.response = response;
    this.inFlight.delete(slot);
    this.cpu.answered(this.costs.of(call.kind).beside);
    if (call.listBytes !== 0) this.listing.end(call);
    this.metrics.observe(call, response.code, this.simulation.now - this.calls.arrivedAt[slot]!, call.excluded, response);
    if (this.simulation.trace !== null && call.kind.mutating) note(this.simulation, call, response);
    this.connections.deliverResponse(this, call, slot, HEADER_BYTES + responseBytes(call.kind, response));
    this.seats.answered(slot, this.startable);
    this.startCalls();
    this.drained();
  }

  /** Whether nobody waits for a call any more, which is then forgotten. */
  private dropped(slot: number): boolean {
    const call = this.inFlight.takeAbandoned(slot);
    if (call === null) return false;
    this.listing.end(call);
    return true;
  }

  /** Requests that have taken too long are answered; what is being done for them comes to nobody's notice. */
  private timeOut(): void {
    for (const slot of this.inFlight.due(this.deadlines)) {
      const arrivedAt = this.calls.arrivedAt[slot]!;
      const other = this.inFlight.abandon(slot, arrivedAt);
      const twin = this.calls.get(other);
      this.metrics.observe(twin, TIMED_OUT.code, this.simulation.now - arrivedAt);
      this.connections.deliverResponse(this, twin, other, HEADER_BYTES);
      this.seats.answered(slot, this.startable);
    }
    this.startCalls();
    this.drained();
  }

  /** A change went into a watch cache: it is sent to all who watch. */
  cacheChanged(record: WatchRecord, cache: WatchCache): void {
    this.lister.changed(record, cache.number);
    this.lists.changed(record);
    this.broadcast.send(record, cache);
  }

  /**
   * The process is told to end (SIGTERM): it serves on for `shutdownDelay` (--shutdown-delay-duration), then accepts nothing more,
   * finishes the requests in flight, closes its watches and ends; `startAfter` later it starts again.
   */
  restart(shutdownDelay: Duration, startAfter: Duration): void {
    if (!this.up) return;
    this.shutdown.begin(shutdownDelay, startAfter);
  }

  private drain(): void {
    if (!this.up || !this.shutdown.restarts) return;
    this.up = false;
    this.shutdown.draining = true;
    this.drained();
  }

  /** A request is done; the last one of a server that ends. */
  private drained(): void {
    if (!this.shutdown.draining || this.inFlight.size > 0) return;
    const { startAfter } = this.shutdown;
    this.fail();
    this.shutdown.startAgain(startAfter);
  }

  /** The server's process dies: connections break, calls in flight are lost, caches are gone. */
  fail(): void {
    if (!this.up && !this.shutdown.draining) return;
    this.up = false;
    this.shutdown.reset();
    this.life++;
    this.writes.reset();
    this.lists.reset();
    for (const slot of this.inFlight.takeAll()) {
      const call = this.calls.get(slot);
      call.listBytes = 0;
      this.connections.connectionLost(this, call, slot);
    }
    this.seats.reset();
    this.listing.reset();
    this.cpu.reset();
    this.feeder.stop();
    this.compactors.stop();
    this.connections.serverLost(this);
  }

  /** The process starts again: it lists every resource from etcd, then serves. */
  heal(): void {
    if (!this.up && !this.shutdown.draining) this.feeder.restart();
  }

  cachesFilled(): void {
    this.lister.rebuild();
    this.up = true;
    this.compactors.start();
  }

  cacheAdvanced(resource: string): void {
    this.lists.advanced(resource);
  }

  cacheRefilled(resource: string): void {
    this.lister.rebuild();
    this.lists.refilled();
    this.connections.resourceRelisted(this, resource);
  }

  /** Bytes of a watch event on the wire. */
  recordBytes(record: WatchRecord): number {
    return this.broadcast.bytesOf(record);
  }
}
