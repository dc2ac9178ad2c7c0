import type { KubernetesObject } from '../api/meta.js';
import { resources } from '../api/resources.js';
import type { ProcessorShare } from '../etcd/processor.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import type { Duration, Time } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import type { Stream } from '../random/stream.js';
import { ApiServer } from './api-server.js';
import { CONNECTION_REFUSED, type Call, type CallMeter, type CallTable } from './call.js';
import { NodeWatches } from './node-watches.js';
import type { LoadBalancerSpec } from '../scenario/types.js';
import type { WatchRecord } from './watch-cache.js';
import { WatchDelivery } from './watch-delivery.js';
import { LoadBalancer } from './load-balancer.js';
import { DEAD_CONNECTION } from './watchers.js';
import type { ChangeObserver, NodeFleet, RequestAuditor, Watcher, WatchOpening } from './watchers.js';

export type { ChangeObserver, NodeFleet, RequestAuditor, Watcher, WatchOpening } from './watchers.js';

const OP_SEND = 1;
const OP_RESPONSE = 2;
const OP_WATCH_EVENT = 3;
const OP_POD_EVENT = 4;
const OP_FLEET_EVENT = 5;
const OP_WATCH_LOST = 6;
const OP_NODE_WATCH = 7;
const OP_POD_LIST = 8;
const OP_WRITE = 9;
const NODE_OPCODES = { podEvent: OP_POD_EVENT, podList: OP_POD_LIST, fleetEvent: OP_FLEET_EVENT, open: OP_NODE_WATCH };

const EVENT_NAMES: Readonly<Record<number, string>> = {
  [OP_SEND]: 'a client sends a request that its limiter held back',
  [OP_WRITE]: 'a client writes a request that its limiter held back',
  [OP_RESPONSE]: 'an answer reaches its client',
  [OP_WATCH_EVENT]: 'a watch event reaches an informer',
  [OP_POD_EVENT]: 'a watch event reaches a kubelet',
  [OP_FLEET_EVENT]: 'a watch event reaches the kube-proxies',
  [OP_WATCH_LOST]: 'a watch breaks',
  [OP_NODE_WATCH]: 'a node opens a watch again',
  [OP_POD_LIST]: 'a list of pods reaches a kubelet',
};

/** Times a request is sent again when the server asks for it. */
const MAXIMUM_RETRIES = 10;
const HEADER_BYTES = 300;

/**
 * The HTTP/2 connections between clients and API servers: carries requests, answers and watch events over the network, picks
 * a server for each client (sticky, as one connection per process), and moves clients when a server goes away.
 */
export class Connections implements Component {
  readonly name = 'connections';
  readonly servers: ApiServer[] = [];
  readonly calls: CallTable;
  private readonly simulation: Simulation;
  private readonly network: Network;
  private readonly target: number;
  private readonly watches: WatchDelivery;
  private readonly lostWatchers = new Slots<Watcher>();
  /** Watches of kubelets and kube-proxies; null: there are no nodes. */
  nodes: NodeWatches | null = null;
  /** In front of the servers; null: clients know the servers themselves. */
  balancer: LoadBalancer | null = null;
  /** Requests that got no answer from any server: refused, or cut off. */
  unanswered = 0;
  /** Hosts whose clients dial anew for each request, as kubectl does: they never sit on a dead connection. */
  readonly dialling = new Set<number>();
  /** Until when those who are connected to a machine that is lost do not know it, by server. */
  private readonly deadUntil: Time[] = [];
  /** What clients on machines that hang are about to send, by host. */
  private readonly held = new Map<number, number[]>();
  /** Since when no answer of a server gets to a host that reaches it, by `host server`. */
  private readonly deafSince = new Map<string, Time>();
  /** Told of every change; null: nobody looks. */
  observer: ChangeObserver | null = null;
  /** Told of every answer that leaves a server; null: nobody looks. */
  auditor: RequestAuditor | null = null;
  /** Told of every answer that reaches its client; null: nobody looks. */
  follower: CallMeter | null = null;
  /** Newest revision seen, by number of the resource: with several servers the first one to see a change carries it to observer and fleet. */
  private readonly seen = new Float64Array(resources().length);

  constructor(simulation: Simulation, network: Network, calls: CallTable) {
    this.simulation = simulation;
    this.network = network;
    this.calls = calls;
    this.target = simulation.add(this);
    this.watches = new WatchDelivery(simulation, network, this.target, OP_WATCH_EVENT, this);
  }

  /** Adds a server; its number is its position. */
  addServer(server: ApiServer): void {
    this.servers.push(server);
    this.watches.addServer();
    this.deadUntil.push(0);
  }

  /** Connects the nodes, spread evenly over the servers; `jitter` is that of their back-offs. */
  setFleet(fleet: NodeFleet, jitter: Stream): void {
    this.nodes = new NodeWatches(this.simulation, this.network, this.target, NODE_OPCODES, this, fleet, jitter);
  }

  /** Puts a load balancer in front of all servers. */
  balance(spec: LoadBalancerSpec): void {
    this.balancer = new LoadBalancer(this.simulation, this.network, this.servers, spec);
  }

  /** A server that is up, by preference, then one that does not end soon; −1 when all are down. */
  pickServer(preferred: number): number {
    const count = this.servers.length;
    let ending = -1;
    for (let i = 0; i < count; i++) {
      const index = (preferred + i) % count;
      const server = this.servers[index]!;
      if (!server.up) continue;
      if (i === 0 || server.ready) return index;
      if (ending < 0) ending = index;
    }
    return ending;
  }

  /** The server that a client's next request goes to; −1: its connection is refused. */
  serverFor(host: number, user: string, preferred: number): number {
    const { balancer } = this;
    if (balancer === null) return this.pickServer(preferred);
    const keep = !this.dialling.has(host);
    const open = keep ? balancer.open(host, user) : -1;
    return open >= 0 ? open : balancer.connect(host, user, keep);
  }

  /** Sends a call `delay` from now (the wait at the client-side limiter). */
  submit(call: Call, preferred: number, delay: Duration): void {
    call.server = preferred;
    const { meter, writer } = call.caller;
    if (meter !== null || this.follower !== null) {
      call.submittedAt = this.simulation.now;
      call.limiterWait = delay;
    }
    const slot = this.calls.put(call);
    if (delay > 0) this.simulation.post(delay, this.target, writer === null ? OP_SEND : OP_WRITE, slot);
    else if (writer === null) this.send(slot);
    else this.write(slot, writer);
  }

  /** The client's own work for a call comes first. */
  private write(slot: number, writer: ProcessorShare): void {
    const { now } = this.simulation;
    const written = writer.handled(now);
    if (written > now) this.simulation.post(written - now, this.target, OP_SEND, slot);
    else this.send(slot);
  }

  describe(opcode: number): string {
    return EVENT_NAMES[opcode] ?? `opcode ${opcode}`;
  }

  handle(opcode: number, argument: number): void {
    switch (opcode) {
      case OP_SEND:
        this.send(argument);
        return;
      case OP_WRITE:
        this.write(argument, this.calls.get(argument).caller.writer!);
        return;
      case OP_RESPONSE: {
        const call = this.calls.take(argument);
        call.caller.meter?.answered(call, this.simulation.now);
        if (this.follower !== null) {
          call.arrivedAt = this.calls.arrivedAt[argument]!;
          this.follower.answered(call, this.simulation.now);
        }
        if (this.tryLater(call)) return;
        call.receiver.receive(call.tag, call.response!, call.request);
        return;
      }
      case OP_WATCH_EVENT: {
        this.watches.arrived(argument);
        return;
      }
      case OP_POD_EVENT:
      case OP_POD_LIST:
      case OP_FLEET_EVENT:
      case OP_NODE_WATCH:
        this.nodes!.handle(opcode, argument);
        return;
      case OP_WATCH_LOST:
        this.lostWatchers.take(argument).watchLost();
        return;
      default:
        throw new Error(`${this.name}: unknown opcode ${opcode}`);
    }
  }

  private send(slot: number): void {
    const call = this.calls.get(slot);
    if (!this.network.isUp(call.clientHost)) {
      const held = this.held.get(call.clientHost);
      // The client itself is gone; nobody waits for the answer. One that hangs sends it when it goes on.
      if (held === undefined) this.calls.take(slot);
      else held.push(slot);
      return;
    }
    const before = this.balancer === null ? call.server : this.balancer.last(call.clientHost, call.user);
    const unaware = before < 0 ? 0 : this.deadUntil[before]! - this.simulation.now;
    if (unaware > 0 && !this.dialling.has(call.clientHost) && !this.servers[before]!.up) {
      // The connection is dead and the client does not know it yet.
      this.answerLocally(slot, unaware);
      return;
    }
    const index = this.serverFor(call.clientHost, call.user, call.server);
    const server = index < 0 ? undefined : this.servers[index]!;
    if (server === undefined) {
      this.answerLocally(slot, this.network.delay(call.clientHost, call.clientHost, 0));
      return;
    }
    call.server = index;
    if ((!this.network.whole || this.deafSince.size > 0) && this.isDeaf(call.clientHost, server)) {
      this.answerLocally(slot, DEAD_CONNECTION);
      return;
    }
    const bytes = HEADER_BYTES + (call.kind.verb === 'patch' ? call.bodyBytes : 0);
    if (!this.network.send(call.clientHost, server.host, bytes, server.target, ApiServer.ARRIVE, slot)) {
      this.answerLocally(slot, DEAD_CONNECTION);
    }
  }

  /**
   * Whether a client cannot send because no answer would reach it: without acknowledgements of the server no connection is opened. On one
   * that is open requests still get through, unanswered, until its health checks fail.
   */
  private isDeaf(host: number, server: ApiServer): boolean {
    const key = `${host} ${server.index}`;
    if (this.network.reachable(server.host, host)) {
      this.deafSince.delete(key);
      return false;
    }
    const { now } = this.simulation;
    const since = this.deafSince.get(key);
    if (since === undefined) this.deafSince.set(key, now);
    return this.dialling.has(host) || now - (since ?? now) >= DEAD_CONNECTION;
  }

  /** A machine hangs: its clients send nothing until it goes on. */
  hang(host: number): void {
    if (!this.held.has(host)) this.held.set(host, []);
  }

  /** A machine that hung goes on (true), or is lost with all that its clients were about to send. */
  hangOver(host: number, goesOn: boolean): void {
    for (const slot of this.held.get(host) ?? []) {
      if (goesOn) this.simulation.post(0, this.target, OP_SEND, slot);
      else this.calls.take(slot);
    }
    this.held.delete(host);
  }

  /** client-go sends a request that was answered with Retry-After again after that long, ten times at most (rest/with_retry.go). */
  private tryLater(call: Call): boolean {
    const after = call.response!.retryAfterSeconds;
    if (after === undefined || call.attempts >= MAXIMUM_RETRIES) return false;
    call.attempts++;
    call.response = null;
    call.answeredAt = -1;
    // For its meter the next try begins when it is sent.
    if (call.submittedAt >= 0) call.submittedAt = this.simulation.now + after * 1e9;
    call.limiterWait = 0;
    this.simulation.post(after * 1e9, this.target, OP_SEND, this.calls.put(call));
    return true;
  }

  /** The client learns by itself that there will be no answer. */
  private answerLocally(slot: number, delay: Duration): void {
    this.unanswered++;
    this.calls.get(slot).response = CONNECTION_REFUSED;
    this.simulation.post(delay, this.target, OP_RESPONSE, slot);
  }

  /** Carries an answer back to its client. */
  deliverResponse(server: ApiServer, call: Call, slot: number, bytes: number): void {
    call.answeredAt = this.simulation.now;
    if (this.auditor !== null) this.auditor.answered(call.user, call.request, call.response!.code);
    if (!this.network.send(server.host, call.clientHost, bytes, this.target, OP_RESPONSE, slot)) {
      this.answerLocally(slot, DEAD_CONNECTION);
    }
  }

  /** The server died with the call in hand: its client sees the connection reset. */
  connectionLost(server: ApiServer, call: Call, slot: number): void {
    this.answerLocally(slot, this.silence(server) ?? this.network.delay(server.host, call.clientHost, 0));
  }

  /** A server that ends turned the call away unseen (GOAWAY): its client sends it again (x/net/http2 transport). */
  sendAgain(slot: number): void {
    this.simulation.post(0, this.target, OP_SEND, slot);
  }

  /** One way of a message to a process of the same machine. */
  messageDelay(host: number): Duration {
    return this.network.delay(host, host, 0);
  }

  /** How long clients will not notice that a server's machine is lost; undefined: its connections are reset. */
  private silence(server: ApiServer): Duration | undefined {
    return this.network.isUp(server.host) ? undefined : DEAD_CONNECTION;
  }

  /**
   * Connects a watcher to a server that is up and sends it what happened after its revision, unless that is too old there: then
   * the watcher must list again.
   */
  watch(watcher: Watcher, preferred: number): WatchOpening {
    const index = this.serverFor(watcher.host, watcher.user ?? '', preferred);
    if (index < 0) return 'unreachable';
    const server = this.servers[index]!;
    const missed = server.cache(watcher.resource).since(watcher.revision);
    if (missed === undefined) return 'expired';
    this.watches.open(server, watcher, missed);
    return 'watching';
  }

  /** Watches open at a server, those of nodes included. */
  watchesAt(server: ApiServer): number {
    return this.watches.countAll(server) + (this.nodes?.countAll(server) ?? 0);
  }

  /** Watches open at a server by resource: of all objects, and of single ones (apiserver_longrunning_requests). */
  watchesByResource(server: ApiServer): Map<string, { all: number; one: number }> {
    const open = new Map<string, { all: number; one: number }>();
    for (const { resource, all, one } of [...this.watches.byResource(server), ...(this.nodes?.byResource(server) ?? [])]) {
      const known = open.get(resource) ?? { all: 0, one: 0 };
      open.set(resource, { all: known.all + all, one: known.one + one });
    }
    return open;
  }

  /** Ends a watch; what is on its way still arrives. */
  unwatch(watcher: Watcher): void {
    if (watcher.server >= 0) this.watches.close(this.servers[watcher.server]!, watcher);
  }

  /** Watchers of a server that a change of a resource is sent to (a pod's: one kubelet besides the informers). */
  watcherCount(server: ApiServer, { kind: { resource, resourceNumber }, namespace, name }: Call): number {
    const nodes = resource === 'pods' ? 1 : resource === 'endpointslices' || resource === 'services' ? (this.nodes?.count(server, resource) ?? 0) : 0;
    return nodes + this.watches.count(server, resourceNumber, namespace, name);
  }

  /** Sends a change of the resource of a number to all watchers of a server; returns how many it has to serve. */
  dispatch(server: ApiServer, record: WatchRecord, resource: number, bytes: number): number {
    const { revision } = record;
    const first = revision > this.seen[resource]!;
    if (first) {
      this.seen[resource] = revision;
      this.observer?.changed(record);
    }
    const receivers = this.watches.dispatch(server, record, resource, bytes);
    return this.nodes === null ? receivers : receivers + this.nodes.dispatch(server, record, bytes, first);
  }

  /** A kubelet is back after its node was down: it lists the pods of its node again. */
  relistNode(node: number): void {
    this.nodes!.restarted(node);
  }

  /** A server died: its watchers and nodes learn it and look for another; the loss of its machine is noticed late. */
  serverLost(server: ApiServer): void {
    const silence = this.silence(server);
    if (silence !== undefined) this.deadUntil[server.index] = this.simulation.now + silence;
    for (const watcher of this.watches.closeAll(server)) this.loseWatch(server, watcher);
    this.nodes?.lost(server, silence ?? this.network.delay(server.host, server.host, 0));
  }

  /** A server has listed a resource anew: the watches of it end, and their clients open them again or list. */
  resourceRelisted(server: ApiServer, resource: string): void {
    for (const watcher of this.watches.closeAll(server, resource)) this.loseWatch(server, watcher);
    this.nodes?.lost(server, this.network.delay(server.host, server.host, 0), resource);
  }

  /** The link of a watch is cut: its client finds out by the health checks of the connection. */
  watchDead(watcher: Watcher): void {
    this.simulation.post(DEAD_CONNECTION, this.target, OP_WATCH_LOST, this.lostWatchers.put(watcher));
  }

  private loseWatch(server: ApiServer, watcher: Watcher): void {
    watcher.server = -1;
    this.simulation.post(this.silence(server) ?? this.network.delay(server.host, watcher.host, 0), this.target, OP_WATCH_LOST, this.lostWatchers.put(watcher));
  }

  /** Current objects of a resource on the first server that is up, for observers outside the model. */
  current(resource: string): Iterable<KubernetesObject> {
    const index = this.pickServer(0);
    return index < 0 ? [] : this.servers[index]!.cache(resource).objects.values();
  }
}
