import type { Pod, Service } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import { resourceInfo } from '../api/resources.js';
import type { EndpointSlice } from '../api/workloads.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import type { Duration } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import { ApiServer } from './api-server.js';
import { CONNECTION_REFUSED, type Call, type CallTable } from './call.js';
import type { ApiRequest } from './request.js';
import type { WatchRecord } from './watch-cache.js';
import { WatchDelivery } from './watch-delivery.js';
import type { ChangeObserver, NodeFleet, Watcher } from './watchers.js';

export type { ChangeObserver, NodeFleet, Watcher } from './watchers.js';

const OP_SEND = 1;
const OP_RESPONSE = 2;
const OP_WATCH_EVENT = 3;
const OP_POD_EVENT = 4;
const OP_FLEET_EVENT = 5;
const OP_WATCH_LOST = 6;
const OP_MOVE_NODES = 7;
const OP_POD_LIST = 8;

const EVENT_NAMES: Readonly<Record<number, string>> = {
  [OP_SEND]: 'a client sends a request that its limiter held back',
  [OP_RESPONSE]: 'an answer reaches its client',
  [OP_WATCH_EVENT]: 'a watch event reaches an informer',
  [OP_POD_EVENT]: 'a watch event reaches a kubelet',
  [OP_FLEET_EVENT]: 'a watch event reaches the kube-proxies',
  [OP_WATCH_LOST]: 'a watch breaks',
  [OP_MOVE_NODES]: 'nodes look for another API server',
  [OP_POD_LIST]: 'a list of pods reaches a kubelet',
};

/** A dead connection is noticed by HTTP/2 health checks: read idle 30 s and ping 15 s (client-go transport, x/net/http2). */
const DEAD_CONNECTION: Duration = 45e9;
/** Times a request is sent again when the server asks for it. */
const MAXIMUM_RETRIES = 10;
const HEADER_BYTES = 300;
const POD_BYTES = resourceInfo('pods').typicalBytes;

interface PodDelivery {
  readonly node: number;
  readonly pod: Pod;
  readonly removed: boolean;
}

interface PodList {
  readonly node: number;
  readonly pods: Pod[];
}

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
  private readonly fleetDeliveries = new Slots<WatchRecord>();
  private readonly podDeliveries = new Slots<PodDelivery>();
  /** Nodes that want to list their pods and found no server: they do when one is back. */
  private readonly unlisted = new Set<number>();
  private readonly podLists = new Slots<PodList>();
  private readonly lostWatchers = new Slots<Watcher>();
  private fleet: NodeFleet | null = null;
  /** Told of every change; null: nobody looks. */
  observer: ChangeObserver | null = null;
  /** API server of each node's kubelet and kube-proxy. */
  private nodeServer = new Int32Array(0);
  private nodesOnServer: number[] = [];
  /** Newest revision seen, by resource: with several servers the first one to see a change carries it to observer and fleet. */
  private readonly seenRevision = new Map<string, number>();

  constructor(simulation: Simulation, network: Network, calls: CallTable) {
    this.simulation = simulation;
    this.network = network;
    this.calls = calls;
    this.target = simulation.add(this);
    this.watches = new WatchDelivery(simulation, network, this.target, OP_WATCH_EVENT);
  }

  /** Adds a server; its number is its position. */
  addServer(server: ApiServer): void {
    this.servers.push(server);
    this.watches.addServer();
    this.nodesOnServer.push(0);
  }

  /** Connects the nodes, spread evenly over the servers. */
  setFleet(fleet: NodeFleet): void {
    this.fleet = fleet;
    this.nodeServer = new Int32Array(fleet.size);
    for (let node = 0; node < fleet.size; node++) {
      this.nodeServer[node] = node % this.servers.length;
      if (fleet.watches?.(node) !== false) this.nodesOnServer[this.nodeServer[node]!]!++;
    }
  }

  /** A server that is up, by preference; −1 when all are down. */
  pickServer(preferred: number): number {
    const count = this.servers.length;
    for (let i = 0; i < count; i++) {
      const index = (preferred + i) % count;
      if (this.servers[index]!.up) return index;
    }
    return -1;
  }

  /** Sends a call `delay` from now (the wait at the client-side limiter). */
  submit(call: Call, preferred: number, delay: Duration): void {
    call.server = preferred;
    call.limiterWait = delay;
    call.submittedAt = this.simulation.now;
    const slot = this.calls.put(call);
    if (delay <= 0) this.send(slot);
    else this.simulation.post(delay, this.target, OP_SEND, slot);
  }

  describe(opcode: number): string {
    return EVENT_NAMES[opcode] ?? `opcode ${opcode}`;
  }

  handle(opcode: number, argument: number): void {
    switch (opcode) {
      case OP_SEND:
        this.send(argument);
        return;
      case OP_RESPONSE: {
        const call = this.calls.take(argument);
        call.meter?.answered(call, this.simulation.now);
        if (this.tryLater(call)) return;
        call.receiver.receive(call.tag, call.response!, call.request);
        return;
      }
      case OP_WATCH_EVENT: {
        this.watches.arrived(argument);
        return;
      }
      case OP_POD_EVENT: {
        const { node, pod, removed } = this.podDeliveries.take(argument);
        if (removed) this.fleet!.podRemoved(node, pod);
        else this.fleet!.podChanged(node, pod);
        return;
      }
      case OP_POD_LIST: {
        const { node, pods } = this.podLists.take(argument);
        this.fleet!.podsListed(node, pods);
        return;
      }
      case OP_FLEET_EVENT: {
        this.fleetEvent(this.fleetDeliveries.take(argument));
        return;
      }
      case OP_WATCH_LOST:
        this.lostWatchers.take(argument).watchLost();
        return;
      case OP_MOVE_NODES:
        this.moveNodes();
        return;
      default:
        throw new Error(`${this.name}: unknown opcode ${opcode}`);
    }
  }

  private send(slot: number): void {
    const call = this.calls.get(slot);
    if (!this.network.isUp(call.clientHost)) {
      // The client itself is gone; nobody waits for the answer.
      this.calls.take(slot);
      return;
    }
    const index = this.pickServer(call.server);
    const server = index < 0 ? undefined : this.servers[index]!;
    if (server === undefined) {
      this.answerLocally(slot, this.network.delay(call.clientHost, call.clientHost, 0));
      return;
    }
    call.server = index;
    const bytes = HEADER_BYTES + (call.request.patch?.bytes ?? 0);
    if (!this.network.send(call.clientHost, server.host, bytes, server.target, ApiServer.ARRIVE, slot)) {
      this.answerLocally(slot, DEAD_CONNECTION);
    }
  }

  /** client-go sends a request that was answered with Retry-After again after that long, ten times at most (rest/with_retry.go). */
  private tryLater(call: Call): boolean {
    const after = call.response!.retryAfterSeconds;
    if (after === undefined || call.attempts >= MAXIMUM_RETRIES) return false;
    call.attempts++;
    call.response = null;
    // For its meter the next try begins when it is sent.
    call.submittedAt = this.simulation.now + after * 1e9;
    call.limiterWait = 0;
    this.simulation.post(after * 1e9, this.target, OP_SEND, this.calls.put(call));
    return true;
  }

  /** The client learns by itself that there will be no answer. */
  private answerLocally(slot: number, delay: Duration): void {
    this.calls.get(slot).response = CONNECTION_REFUSED;
    this.simulation.post(delay, this.target, OP_RESPONSE, slot);
  }

  /** Carries an answer back to its client. */
  deliverResponse(server: ApiServer, call: Call, slot: number, bytes: number): void {
    if (!this.network.send(server.host, call.clientHost, bytes, this.target, OP_RESPONSE, slot)) {
      this.answerLocally(slot, DEAD_CONNECTION);
    }
  }

  /** The server died with the call in hand: its client sees the connection reset. */
  connectionLost(server: ApiServer, call: Call, slot: number): void {
    this.answerLocally(slot, this.network.delay(server.host, call.clientHost, 0));
  }

  /**
   * Connects a watcher to a server that is up and sends it what happened after `revision`. False: no server, or the revision
   * is too old there and the watcher must list again.
   */
  watch(watcher: Watcher, preferred: number, revision: number): boolean {
    const index = this.pickServer(preferred);
    if (index < 0) return false;
    const server = this.servers[index]!;
    const missed = server.cache(watcher.resource).since(revision);
    if (missed === undefined) return false;
    this.watches.open(server, watcher, missed);
    return true;
  }

  /** Ends a watch; what is on its way still arrives. */
  unwatch(watcher: Watcher): void {
    this.watches.close(watcher);
  }

  /** Watchers of a server that a change of a resource is sent to (a pod's: one kubelet besides the informers). */
  watcherCount(server: ApiServer, { resource, namespace, name }: ApiRequest): number {
    let count = resource === 'endpointslices' || resource === 'services' ? this.nodesOnServer[server.index]! : resource === 'pods' ? 1 : 0;
    count += this.watches.count(server, resource, namespace, name);
    return count;
  }

  /** Sends a change to all watchers of a server; returns how many it has to serve. */
  dispatch(server: ApiServer, record: WatchRecord, bytes: number): number {
    const first = record.revision > (this.seenRevision.get(record.resource) ?? 0);
    if (first) {
      this.seenRevision.set(record.resource, record.revision);
      this.observer?.changed(record);
    }
    let receivers = this.watches.dispatch(server, record, bytes);
    if (this.fleet === null) return receivers;
    if (record.resource === 'pods') return receivers + this.dispatchPod(server, record, bytes);
    if (record.resource === 'endpointslices' || record.resource === 'services') {
      receivers += this.nodesOnServer[server.index]!;
      if (first && this.fleet.size > 0) {
        const slot = this.fleetDeliveries.put(record);
        this.simulation.post(this.network.delay(server.host, this.fleet.hostOf(0), bytes), this.target, OP_FLEET_EVENT, slot);
      }
    }
    return receivers;
  }

  private dispatchPod(server: ApiServer, record: WatchRecord, bytes: number): number {
    const pod = record.object as Pod;
    const nodeName = pod.spec.nodeName;
    if (nodeName === undefined || nodeName === '') return 0;
    const node = this.fleet!.indexOf(nodeName);
    if (node === undefined || this.nodeServer[node] !== server.index) return 0;
    this.sendPod(server, node, pod, record.type === 'DELETED', bytes);
    return 1;
  }

  private sendPod(server: ApiServer, node: number, pod: Pod, removed: boolean, bytes: number): void {
    const slot = this.podDeliveries.put({ node, pod, removed });
    if (!this.network.sendOrdered(server.host, this.fleet!.hostOf(node), bytes, this.target, OP_POD_EVENT, slot)) {
      this.podDeliveries.take(slot);
    }
  }

  private fleetEvent(record: WatchRecord): void {
    const removed = record.type === 'DELETED';
    const { object } = record;
    if (record.resource === 'services') this.fleet!.serviceChanged(object as Service, removed);
    else this.fleet!.endpointSliceChanged(object as EndpointSlice, removed);
  }

  /** A kubelet is back after its node was down: it lists the pods of its node again. */
  relistNode(node: number): void {
    this.listPods(new Set([node]));
  }

  /** A server died: its watchers learn it and look for another, its nodes move to the others. */
  serverLost(server: ApiServer): void {
    for (const watcher of this.watches.closeAll(server)) this.loseWatch(server, watcher);
    this.simulation.post(this.network.delay(server.host, server.host, 0), this.target, OP_MOVE_NODES, 0);
  }

  /** A server has listed a resource anew: the watches of it end, and their clients open them again or list. */
  resourceRelisted(server: ApiServer, resource: string): void {
    for (const watcher of this.watches.closeAll(server, resource)) this.loseWatch(server, watcher);
    if (resource !== 'pods' || this.fleet === null) return;
    this.listPods(new Set([...this.nodeServer.keys()].filter((node) => this.nodeServer[node] === server.index)));
  }

  private loseWatch(server: ApiServer, watcher: Watcher): void {
    watcher.server = -1;
    this.simulation.post(this.network.delay(server.host, watcher.host, 0), this.target, OP_WATCH_LOST, this.lostWatchers.put(watcher));
  }

  /** A server is back: nodes without a server connect to it. */
  serverBack(): void {
    this.simulation.post(0, this.target, OP_MOVE_NODES, 0);
  }

  /** Nodes whose server is down connect to another one and list what they watch. */
  private moveNodes(): void {
    if (this.fleet === null) return;
    const moved = new Set<number>();
    for (let node = 0; node < this.nodeServer.length; node++) {
      if (this.servers[this.nodeServer[node]!]!.up) continue;
      const next = this.pickServer(node % this.servers.length);
      if (next < 0) return;
      const watches = this.fleet.watches?.(node) !== false;
      if (watches) this.nodesOnServer[this.nodeServer[node]!]!--;
      this.nodeServer[node] = next;
      if (!watches) continue;
      this.nodesOnServer[next]!++;
      moved.add(node);
    }
    for (const node of this.unlisted) moved.add(node);
    this.unlisted.clear();
    if (moved.size > 0) this.listPods(moved);
  }

  /** Nodes list their pods: one answer each, with what the server's watch cache holds. */
  private listPods(nodes: ReadonlySet<number>): void {
    const fleet = this.fleet!;
    const index = this.pickServer(0);
    if (index < 0) {
      for (const node of nodes) this.unlisted.add(node);
      return;
    }
    const lists = new Map<number, Pod[]>();
    for (const node of nodes) lists.set(node, []);
    for (const object of this.servers[index]!.cache('pods').objects.values()) {
      const pod = object as Pod;
      const node = pod.spec.nodeName === undefined ? undefined : fleet.indexOf(pod.spec.nodeName);
      if (node !== undefined) lists.get(node)?.push(pod);
    }
    for (const [node, pods] of lists) {
      const server = this.servers[this.nodeServer[node]!]!;
      const slot = this.podLists.put({ node, pods });
      const bytes = HEADER_BYTES + pods.length * POD_BYTES;
      if (!this.network.sendOrdered(server.host, fleet.hostOf(node), bytes, this.target, OP_POD_LIST, slot)) this.podLists.take(slot);
    }
  }

  /** Current objects of a resource on the first server that is up, for observers outside the model. */
  current(resource: string): Iterable<KubernetesObject> {
    const index = this.pickServer(0);
    return index < 0 ? [] : this.servers[index]!.cache(resource).objects.values();
  }
}
