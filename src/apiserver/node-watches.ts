import type { Pod, Service } from '../api/core.js';
import { resourceInfo } from '../api/resources.js';
import type { EndpointSlice } from '../api/workloads.js';
import type { Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import type { Duration } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import type { Stream } from '../random/stream.js';
import type { ApiServer } from './api-server.js';
import { Call, Caller } from './call.js';
import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from './request.js';
import type { WatchRecord } from './watch-cache.js';
import { DEAD_CONNECTION, type NodeFleet } from './watchers.js';

/** What each node watches: kubelet its pods and its own Node, kube-proxy Services and EndpointSlices. */
const WATCHED = ['pods', 'nodes', 'services', 'endpointslices'] as const;
const PODS = 0;
/** The first of the two that a kube-proxy watches. */
const SERVICES = 2;
const KINDS = WATCHED.length;

/** Reflector back-off: 0.8 s doubling to 30 s, jitter 1.0 (client-go tools/cache/reflector.go). */
const BACKOFF_BASE: Duration = 0.8e9;
const BACKOFF_MAXIMUM: Duration = 30e9;
const HEADER_BYTES = 300;
const POD_BYTES = resourceInfo('pods').typicalBytes;

interface PodDelivery {
  readonly node: number;
  readonly pod: Pod;
  readonly removed: boolean;
}

interface PodList {
  readonly node: number;
  readonly pods: readonly Pod[];
}

/** Events that the owner of a fleet's watches gets for them. */
export interface NodeOpcodes {
  readonly podEvent: number;
  readonly podList: number;
  readonly fleetEvent: number;
  readonly open: number;
}

/** What the watches of nodes need of the connections they belong to. */
export interface NodeConnections {
  readonly servers: readonly ApiServer[];
  serverFor(host: number, user: string, preferred: number): number;
  submit(call: Call, preferred: number, delay: Duration): void;
}

/**
 * The watches of all kubelets and kube-proxies. A change goes out once for each node that it concerns; a watch that breaks is opened
 * again by a request of its node, and when its revision is too old by then (410), the node lists first. A watch has the number
 * node × kinds + kind.
 */
export class NodeWatches implements ResponseReceiver {
  /** Lists and watches that nodes have asked for after they had lost a server. */
  lists = 0;
  opened = 0;
  private readonly simulation: Simulation;
  private readonly network: Network;
  private readonly target: number;
  private readonly opcodes: NodeOpcodes;
  private readonly connections: NodeConnections;
  private readonly fleet: NodeFleet;
  private readonly jitter: Stream;
  /** Server by watch; −1: none. */
  private readonly serverOf: Int32Array;
  /** Revision up to which a lost watch has seen everything. */
  private readonly seen: Float64Array;
  /** Back-offs in a row, by watch. */
  private readonly failures: Uint8Array;
  /** Watches by server × kinds + kind. */
  private readonly counts: Int32Array;
  private readonly fleetDeliveries = new Slots<WatchRecord>();
  private readonly podDeliveries = new Slots<PodDelivery>();
  private readonly podLists = new Slots<PodList>();
  /** Numbers of the streams to nodes, by server × nodes + node; −1: nothing was sent yet. */
  private readonly streams: Int32Array;
  /** By server: nodes that are up and that it does not reach, or that do not reach it, and as of which state of the network. */
  private readonly apart: { nodes: readonly number[]; asOf: number }[];

  constructor(
    simulation: Simulation,
    network: Network,
    target: number,
    opcodes: NodeOpcodes,
    connections: NodeConnections,
    fleet: NodeFleet,
    jitter: Stream,
  ) {
    this.simulation = simulation;
    this.network = network;
    this.target = target;
    this.opcodes = opcodes;
    this.connections = connections;
    this.fleet = fleet;
    this.jitter = jitter;
    const servers = connections.servers.length;
    this.serverOf = new Int32Array(fleet.size * KINDS).fill(-1);
    this.seen = new Float64Array(fleet.size * KINDS);
    this.failures = new Uint8Array(fleet.size * KINDS);
    this.counts = new Int32Array(servers * KINDS);
    this.streams = new Int32Array(servers * fleet.size).fill(-1);
    this.apart = connections.servers.map(() => ({ nodes: [], asOf: -1 }));
    for (let watch = 0; watch < this.serverOf.length; watch++) {
      const node = Math.floor(watch / KINDS);
      if (fleet.watches?.(node) !== false) this.attach(watch, node % servers);
    }
  }

  private attach(watch: number, server: number): void {
    this.serverOf[watch] = server;
    this.counts[server * KINDS + (watch % KINDS)]!++;
  }

  private detach(watch: number, server: ApiServer): void {
    const kind = watch % KINDS;
    this.serverOf[watch] = -1;
    this.counts[server.index * KINDS + kind]!--;
    if (kind >= SERVICES) this.fleet.proxyDisconnected?.((watch - kind) / KINDS);
  }

  /** The kube-proxy of a node goes on if it has both of its watches. */
  private proxyGoesOn(node: number): void {
    const first = node * KINDS + SERVICES;
    if (this.serverOf[first]! >= 0 && this.serverOf[first + 1]! >= 0) this.fleet.proxyConnected?.(node);
  }

  /** Nodes that a change of a Service or EndpointSlice is sent to by a server. */
  count(server: ApiServer, resource: string): number {
    const kind = WATCHED.indexOf(resource as (typeof WATCHED)[number]);
    return kind < 0 ? 0 : this.counts[server.index * KINDS + kind]!;
  }

  /** Watches of nodes open at a server by resource; each watches its own Node only. */
  byResource(server: ApiServer): { readonly resource: string; readonly all: number; readonly one: number }[] {
    return WATCHED.map((resource, kind) => {
      const open = this.counts[server.index * KINDS + kind]!;
      return resource === 'nodes' ? { resource, all: 0, one: open } : { resource, all: open, one: 0 };
    });
  }

  /** Watches of nodes that are open at a server. */
  countAll(server: ApiServer): number {
    let count = 0;
    for (let kind = 0; kind < KINDS; kind++) count += this.counts[server.index * KINDS + kind]!;
    return count;
  }

  /** Sends a change to the nodes it concerns; returns how many that are. `first`: no other server has sent it before. */
  dispatch(server: ApiServer, record: WatchRecord, bytes: number, first: boolean): number {
    if (record.resource === 'pods') return this.dispatchPod(server, record, bytes);
    if (record.resource !== 'endpointslices' && record.resource !== 'services') return 0;
    if (!this.network.whole) this.breakOff(server, WATCHED.indexOf(record.resource), record);
    if (first && this.fleet.size > 0) {
      const slot = this.fleetDeliveries.put(record);
      this.simulation.post(this.network.delay(server.host, this.fleet.hostOf(0), bytes), this.target, this.opcodes.fleetEvent, slot);
    }
    return this.count(server, record.resource);
  }

  private dispatchPod(server: ApiServer, record: WatchRecord, bytes: number): number {
    const pod = record.object as Pod;
    const nodeName = pod.spec.nodeName;
    if (nodeName === undefined || nodeName === '') return 0;
    const node = this.fleet.indexOf(nodeName);
    if (node === undefined || this.serverOf[node * KINDS + PODS] !== server.index) return 0;
    if (record.revision <= this.seen[node * KINDS + PODS]!) return 1;
    const slot = this.podDeliveries.put({ node, pod, removed: record.type === 'DELETED' });
    // Nothing arrives either where acknowledgements do not come back.
    const cut = !this.network.whole && !this.network.reachable(this.fleet.hostOf(node), server.host);
    if (cut || !this.network.sendOnStream(this.streamTo(node, server), bytes, this.target, this.opcodes.podEvent, slot)) {
      this.podDeliveries.take(slot);
      if (this.network.isUp(this.fleet.hostOf(node)) && this.network.isUp(server.host)) this.dead(node * KINDS + PODS, server, Math.ceil(record.revision) - 1);
    }
    return 1;
  }

  /** The stream on which a node hears from a server, about pods. */
  private streamTo(node: number, server: ApiServer): number {
    const at = server.index * this.fleet.size + node;
    const stream = this.streams[at]!;
    return stream >= 0 ? stream : (this.streams[at] = this.network.orderedStream(server.host, this.fleet.hostOf(node)));
  }

  /** A change does not reach the kube-proxies of nodes whose link to the server is cut, in either direction: their watches are over. */
  private breakOff(server: ApiServer, kind: number, record: WatchRecord): void {
    const { network, fleet } = this;
    const known = this.apart[server.index]!;
    if (known.asOf !== network.changes) {
      const nodes: number[] = [];
      for (let node = 0; node < fleet.size; node++) {
        const host = fleet.hostOf(node);
        if (!network.isUp(host) || (network.reachable(server.host, host) && network.reachable(host, server.host))) continue;
        nodes.push(node);
      }
      known.nodes = nodes;
      known.asOf = network.changes;
    }
    for (const node of known.nodes) {
      const watch = node * KINDS + kind;
      if (this.serverOf[watch] === server.index) this.dead(watch, server, Math.ceil(record.revision) - 1);
    }
  }

  /** A server's watches broke; the nodes notice after `delay`. `resource` absent: all. */
  lost(server: ApiServer, delay: Duration, resource?: string): void {
    for (let watch = 0; watch < this.serverOf.length; watch++) {
      const kind = watch % KINDS;
      if (this.serverOf[watch] !== server.index || (resource !== undefined && WATCHED[kind] !== resource)) continue;
      this.detach(watch, server);
      this.seen[watch] = server.cache(WATCHED[kind]!).revision;
      this.failures[watch] = 0;
      this.simulation.post(delay, this.target, this.opcodes.open, watch * 2);
    }
  }

  /** The link of a watch is cut: its node finds out by the health checks of the connection, and goes on after `revision`. */
  private dead(watch: number, server: ApiServer, revision: number): void {
    this.detach(watch, server);
    this.seen[watch] = revision;
    this.failures[watch] = 0;
    this.simulation.post(DEAD_CONNECTION, this.target, this.opcodes.open, watch * 2);
  }

  /** A node is back after its machine was down: its kubelet starts with a list. */
  restarted(node: number): void {
    for (let watch = node * KINDS; watch < (node + 1) * KINDS; watch++) {
      if (this.serverOf[watch]! >= 0) continue;
      this.seen[watch] = 0;
      this.simulation.post(0, this.target, this.opcodes.open, watch * 2 + 1);
    }
    if (this.serverOf[node * KINDS + PODS]! >= 0) this.sendPods(node);
    this.proxyGoesOn(node);
  }

  handle(opcode: number, argument: number): void {
    const { podEvent, podList, fleetEvent } = this.opcodes;
    if (opcode === podEvent) {
      const { node, pod, removed } = this.podDeliveries.take(argument);
      if (removed) this.fleet.podRemoved(node, pod);
      else this.fleet.podChanged(node, pod);
    } else if (opcode === podList) {
      const { node, pods } = this.podLists.take(argument);
      this.fleet.podsListed(node, pods);
    } else if (opcode === fleetEvent) {
      const { type, resource, object } = this.fleetDeliveries.take(argument);
      const removed = type === 'DELETED';
      if (resource === 'services') this.fleet.serviceChanged(object as Service, removed);
      else this.fleet.endpointSliceChanged(object as EndpointSlice, removed);
    } else this.ask(argument);
  }

  /** A node opens a watch (an even argument), or lists before it does (an odd one). */
  private ask(argument: number): void {
    const watch = argument >> 1;
    if (this.serverOf[watch]! >= 0) return;
    const node = Math.floor(watch / KINDS);
    const resource = WATCHED[watch % KINDS]!;
    const name = this.fleet.nameOf(node);
    const host = this.fleet.hostOf(node);
    if (!this.network.isUp(host)) return;
    const listing = argument % 2 === 1;
    if (listing) this.lists++;
    const request: ApiRequest = {
      verb: listing ? 'list' : 'watch',
      resource,
      namespace: '',
      name: resource === 'nodes' ? name : '',
      ...(resource === 'pods' ? { nodeName: name } : {}),
      // What a node knew has become too old (410): the reflector asks for the newest state (resourceVersion unset).
      ...(listing && this.seen[watch]! > 0 ? { source: 'consistent' } : {}),
    };
    this.connections.submit(new Call(request, new Caller(this.userOf(watch), host), this, argument), node % this.connections.servers.length, 0);
  }

  /** Kubelets are users of their own, all kube-proxies are one. */
  private userOf(watch: number): string {
    return watch % KINDS < 2 ? `system:node:${this.fleet.nameOf(Math.floor(watch / KINDS))}` : 'system:serviceaccount:kube-system:kube-proxy';
  }

  receive(argument: number, response: ApiResponse): void {
    const watch = argument >> 1;
    if (this.serverOf[watch]! >= 0) return;
    const node = Math.floor(watch / KINDS);
    if (!succeeded(response)) {
      this.backOff(watch, argument);
      return;
    }
    if (argument % 2 === 1) {
      this.seen[watch] = response.resourceVersion!;
      this.ask(watch * 2);
      return;
    }
    const server = this.connections.serverFor(this.fleet.hostOf(node), this.userOf(watch), node % this.connections.servers.length);
    if (server < 0) this.backOff(watch, argument);
    // "too old resource version": the reflector starts again with a list.
    else if (!this.connections.servers[server]!.cache(WATCHED[watch % KINDS]!).has(this.seen[watch]!)) this.backOff(watch, watch * 2 + 1);
    // A server that is behind would take back what the kubelet knows.
    else if (this.connections.servers[server]!.cache(WATCHED[watch % KINDS]!).revision < this.seen[watch]!) this.backOff(watch, watch * 2);
    else {
      this.opened++;
      this.failures[watch] = 0;
      this.attach(watch, server);
      if (watch % KINDS === PODS) this.sendPods(node);
      else this.proxyGoesOn(node);
    }
  }

  private backOff(watch: number, argument: number): void {
    let delay = BACKOFF_BASE;
    for (let i = 0; i < this.failures[watch]! && delay < BACKOFF_MAXIMUM; i++) delay *= 2;
    if (this.failures[watch]! < 255) this.failures[watch]!++;
    this.simulation.post(Math.min(delay, BACKOFF_MAXIMUM) * (1 + this.jitter.next()), this.target, this.opcodes.open, argument);
  }

  /** A kubelet's new watch brings it up to date: all pods of its node, as the server knows them. */
  private sendPods(node: number): void {
    const server = this.connections.servers[this.serverOf[node * KINDS + PODS]!]!;
    const pods = server.podsOf(this.fleet.nameOf(node));
    const slot = this.podLists.put({ node, pods });
    const bytes = HEADER_BYTES + pods.length * POD_BYTES;
    if (!this.network.sendOnStream(this.streamTo(node, server), bytes, this.target, this.opcodes.podList, slot)) this.podLists.take(slot);
  }

  /** Watches that nodes have lost and not opened again yet. */
  get waiting(): number {
    let count = 0;
    for (let watch = 0; watch < this.serverOf.length; watch++) {
      if (this.serverOf[watch]! < 0 && this.fleet.watches?.(Math.floor(watch / KINDS)) !== false) count++;
    }
    return count;
  }
}
