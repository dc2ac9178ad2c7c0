import { type Pod, servingContainer } from '../api/core.js';
import { podVersion } from '../api/image.js';
import { Fifo } from '../kernel/fifo.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { type Duration, MILLISECOND } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import type { AddressBook } from '../node/addresses.js';
import type { PodLifecycleListener } from '../node/behaviour.js';
import type { ScenarioBehaviour } from './behaviour.js';
import { timeToDrain } from './drain.js';
import { ClientPods } from './client-pods.js';
import { EndpointHistory } from './endpoint-history.js';
import { LOAD_ERROR, NODE_LOST_IN_FLIGHT, QUEUE_FULL, VERSION_ERROR } from './mechanisms.js';
import { PodServer, type RequestStream } from './pod-server.js';
import { CALL_FAILED, type CallGraph, NO_CALLS } from './call-graph.js';
import { CALLING, RequestTable, SERVING, WAITING } from './request-table.js';
import { failsBetweenVersions } from './sessions.js';
import { errorProbability, slowness } from './service-time.js';
import type { PodSample } from './sampling.js';
import { ServerTable } from './server-table.js';
import { APPLICATION, CONNECTION_REFUSED, CONNECTION_RESET, DEPENDENCY, MIXED_VERSION, NODE_UNREACHABLE, OUT_OF_MEMORY, OVERLOAD, SUCCESS, TIMEOUT } from './statistics.js';
import { answerTime } from './links.js';
import { recordEnd, settleTimeouts } from './timeouts.js';

/** A request reaches the pod's address; argument: request. */
export const OP_ARRIVE = 1;
/** Its service ends; argument: request. */
const OP_DONE = 2;
/** The server hears that nobody waits for it; argument: request. */
const OP_CANCEL = 3;
/** Something happens to the shared processor of a pod; argument: address. */
const OP_PROCESSOR = 4;
/** A pod begins or ceases to listen. */
const OP_POD = 5;
const DESCRIPTIONS = ['', 'a request reaches a pod', 'a request is answered', 'a request is cancelled', 'a processor is shared anew', 'a pod begins or ceases to listen'];

/** Draw of a request that decides whether the application answers with an error; its service time uses those from 0. */
const ERROR_DRAW = 63;

/** How often a server that waits for its calls looks whether it may exit: first interval of the timer in Shutdown of Go's net/http is 1 ms, doubled up to 500 ms. */
const DRAIN_POLL = 10 * MILLISECOND;

/** What a pod begins or ceases to do, kept until the requests of before have been handled. */
interface PodChange {
  readonly pod: Pod;
  /** Begins to listen here; null: ceases to. */
  readonly place: { readonly host: number; readonly address: number } | null;
  readonly killed: boolean;
  readonly outOfMemory: boolean;
}

/** The applications in all pods as servers of requests. */
export class PodServers implements Component, PodLifecycleListener {
  readonly name = 'pods';
  readonly requests = new RequestTable();
  readonly target: number;
  /** Requests are handled aside (see `Simulation.addAside`). */
  readonly aside: boolean;
  /** Some application takes uploads. */
  uploads = false;
  /** Calls that requests make to other Services; null: they make none. */
  graph: CallGraph | null = null;
  /** The pods whose requests are simulated; null: all are. */
  sample: PodSample | null = null;
  private readonly simulation: Simulation;
  private readonly behaviour: ScenarioBehaviour;
  private readonly streams: RequestStream[] = [];
  /** Some stream tells its clients apart. */
  private sessions = false;
  private readonly table = new ServerTable();
  private readonly byUid = new Map<string, PodServer>();
  /** Server and host of each address number. */
  private readonly byAddress: (PodServer | undefined)[] = [];
  private readonly hosts: number[] = [];
  private addresses: AddressBook | null = null;
  private network: Network | null = null;
  private readonly history = new EndpointHistory();
  /** Pods that send requests. */
  readonly clients = new ClientPods();
  private readonly hostOfNode = new Map<string, number>();
  /** In order of time, each with an event. */
  private readonly changes = new Fifo<PodChange>();

  /** @param aside nothing but requests to pods, which can be handled aside */
  constructor(simulation: Simulation, behaviour: ScenarioBehaviour, aside = false) {
    this.simulation = simulation;
    this.behaviour = behaviour;
    this.aside = aside;
    this.target = aside ? simulation.addAside(this) : simulation.add(this);
  }

  /** Tells the numbers of addresses and the network hosts of nodes. */
  connect(addresses: AddressBook, network: Network, nodeNames: readonly string[], hosts: readonly number[]): void {
    this.addresses = addresses;
    this.network = network;
    nodeNames.forEach((name, index) => {
      this.hostOfNode.set(name, hosts[index]!);
    });
  }

  /** Registers a stream of requests; returns its number. */
  addStream(stream: RequestStream): number {
    this.sessions ||= Boolean(stream.sessions);
    return this.streams.push(stream) - 1;
  }

  /** The server that listens at an address now; undefined when nothing does. */
  at(address: number): PodServer | undefined {
    return this.byAddress[address];
  }

  /** The server of a pod; undefined when it does not run. */
  of(uid: string): PodServer | undefined {
    this.simulation.catchUp();
    return this.byUid.get(uid);
  }

  /** The servers of all pods that run. */
  get running(): Iterable<PodServer> {
    this.simulation.catchUp();
    return this.byUid.values();
  }

  /** Network host of the pod that has, or last had, an address; undefined for one never used. */
  hostOf(address: number): number | undefined {
    return this.hosts[address];
  }

  podListening(pod: Pod): void {
    const { podIP } = pod.status;
    const host = this.hostOfNode.get(pod.spec.nodeName ?? '');
    if (podIP === undefined || host === undefined || this.addresses === null) return;
    this.change({ pod, place: { host, address: this.addresses.number(podIP) }, killed: false, outOfMemory: false });
  }

  podStoppedListening(pod: Pod, killed: boolean, outOfMemory = false): void {
    this.change({ pod, place: null, killed, outOfMemory });
  }

  private change(change: PodChange): void {
    if (!this.aside) {
      this.make(change);
      return;
    }
    this.changes.push(change);
    this.simulation.post(0, this.target, OP_POD);
  }

  private make({ pod, place, killed, outOfMemory }: PodChange): void {
    if (place === null) this.stops(pod, killed, outOfMemory);
    else this.listens(pod, place.host, place.address);
  }

  private listens(pod: Pod, host: number, address: number): void {
    const container = servingContainer(pod.spec.containers);
    const behaviour = this.behaviour.of(container.image);
    const cpuLimit = (container.resources?.limits?.['cpu'] ?? Number.POSITIVE_INFINITY) / 1000;
    const server = new PodServer(this.table, pod.metadata.uid, podVersion(pod.spec), host, address, behaviour, this.simulation.now, cpuLimit);
    if (behaviour.request.upload !== undefined) this.uploads = true;
    this.byUid.set(server.uid, server);
    this.byAddress[address] = server;
    this.hosts[address] = host;
    this.history.listens(address);
    this.clients.listens(pod, address);
    this.sample?.listens(pod, address);
  }

  private stops(pod: Pod, killed: boolean, outOfMemory: boolean): void {
    const server = this.byUid.get(pod.metadata.uid);
    if (server === undefined) return;
    server.accepting = false;
    this.history.stops(server.address, pod, this.simulation.now);
    if (!killed) return;
    this.byUid.delete(server.uid);
    this.clients.stops(server.address);
    if (this.byAddress[server.address] === server) this.byAddress[server.address] = undefined;
    const mechanism = this.history.killed(server.address, outOfMemory, this.network!.isUp(server.host));
    this.drop(server, outOfMemory ? OUT_OF_MEMORY : CONNECTION_RESET, mechanism, true);
    server.leave();
  }

  /** A machine hangs: what its pods hold gets no answer. */
  hang(host: number): void {
    this.simulation.catchUp();
    for (const server of this.byUid.values()) if (server.host === host) this.drop(server, NODE_UNREACHABLE, NODE_LOST_IN_FLIGHT, false);
  }

  /** All that a pod holds fails, now if users hear of it, else when they give up. */
  private drop(server: PodServer, cause: number, mechanism: number, heard: boolean): void {
    const { requests, simulation } = this;
    simulation.cancel(server.processorEvent);
    server.processorEvent = 0;
    for (let request = server.serving; request !== 0; ) {
      const next = requests.next[request]!;
      if (requests.state[request] === CALLING) this.graph!.abandon(requests.done[request]!);
      else if (server.processor === null) simulation.cancel(requests.done[request]!);
      server.processor?.remove(request);
      this.fail(request, server.version, cause, mechanism, -1, heard);
      request = next;
    }
    for (let request = server.queueHead; request !== 0; ) {
      const next = requests.next[request]!;
      this.fail(request, server.version, cause, mechanism, -1, heard);
      request = next;
    }
    server.serving = 0;
    server.queueHead = 0;
    server.queueTail = 0;
    server.inService = 0;
    server.calling = 0;
    server.queued = 0;
  }

  /**
   * Time until the last request that the pod holds now is answered: its queue is worked off in order by its servers. Where requests make
   * calls to other Services nobody can know that: then the time after which to ask again.
   */
  drainTime(pod: Pod): Duration {
    this.simulation.catchUp();
    const server = this.byUid.get(pod.metadata.uid);
    if (server === undefined || server.inService === 0) return 0;
    if (server.behaviour.calls !== undefined) return DRAIN_POLL;
    return timeToDrain(server, this.requests, this.simulation.now, (request) => this.work(server, request));
  }

  describe(opcode: number): string {
    return DESCRIPTIONS[opcode]!;
  }

  handle(opcode: number, request: number): void {
    if (opcode === OP_DONE) this.done(request);
    else if (opcode === OP_ARRIVE) this.arrive(request);
    else if (opcode === OP_PROCESSOR) this.processorEvent(request);
    else if (opcode === OP_POD) this.make(this.changes.shift()!);
    else this.cancelled(request);
  }

  private arrive(request: number): void {
    const { requests } = this;
    const now = this.simulation.now;
    const server = this.byAddress[requests.address[request]!];
    if (server === undefined || !server.accepting) {
      this.fail(request, server?.version ?? '', CONNECTION_REFUSED, requests.mechanism[request]! || this.history.refused(requests.address[request]!), this.history.since(requests.address[request]!, now));
      return;
    }
    requests.arrived[request] = now;
    if (server.inService < server.behaviour.concurrency) {
      this.serve(server, request);
      return;
    }
    if (server.queued >= server.behaviour.queue) {
      this.fail(request, server.version, OVERLOAD, QUEUE_FULL, -1);
      return;
    }
    requests.state[request] = WAITING;
    requests.next[request] = 0;
    if (server.queueTail === 0) server.queueHead = request;
    else requests.next[server.queueTail] = request;
    server.queueTail = request;
    server.queued++;
  }

  private serve(server: PodServer, request: number): void {
    const { requests } = this;
    requests.state[request] = SERVING;
    requests.began[request] = this.simulation.now;
    const head = server.serving;
    requests.next[request] = head;
    requests.previous[request] = 0;
    if (head !== 0) requests.previous[head] = request;
    server.serving = request;
    server.settleCpu(this.simulation.now);
    server.inService++;
    const time = this.work(server, request);
    if (server.processor !== null) {
      server.processor.advance(this.simulation.now);
      server.processor.add(request, time);
      this.armProcessor(server);
      return;
    }
    requests.ends[request] = this.simulation.now + time;
    requests.done[request] = this.simulation.schedule(time, this.target, OP_DONE, request);
  }

  /** Service time of a request that begins now. */
  private work(server: PodServer, request: number): Duration {
    const { requests } = this;
    const { behaviour } = server;
    const { demand } = this.streams[requests.stream[request]!]!;
    const time = demand.sample(behaviour.time, requests.number[request]!, requests.first[request]!);
    if (behaviour.slower === undefined && behaviour.warmUp === undefined) return time;
    return Math.round(time * slowness(behaviour, this.simulation.now - server.started));
  }

  private armProcessor(server: PodServer): void {
    const { simulation } = this;
    simulation.cancel(server.processorEvent);
    const next = server.processor!.next();
    server.processorEvent = next === Number.POSITIVE_INFINITY ? 0 : simulation.scheduleAt(next, this.target, OP_PROCESSOR, server.address);
  }

  private processorEvent(address: number): void {
    const server = this.byAddress[address]!;
    server.processorEvent = 0;
    server.processor!.advance(this.simulation.now);
    for (let request = server.processor!.take(); request !== 0; request = server.processor!.take()) this.done(request);
    this.armProcessor(server);
  }

  /** Takes a request out of service. */
  private unlink(server: PodServer, request: number): void {
    const { requests } = this;
    const next = requests.next[request]!;
    const previous = requests.previous[request]!;
    if (previous === 0) server.serving = next;
    else requests.next[previous] = next;
    if (next !== 0) requests.previous[next] = previous;
    server.settleCpu(this.simulation.now);
    server.inService--;
  }

  private done(request: number): void {
    const { requests } = this;
    const server = this.byAddress[requests.address[request]!]!;
    const errors = errorProbability(server.behaviour, server.inService + server.queued);
    const { cpu, calls } = server.behaviour;
    if (cpu !== undefined && server.processor === null) server.cpuTime += cpu;
    let cause = SUCCESS;
    if (errors > 0) {
      const { demand } = this.streams[requests.stream[request]!]!;
      const draw = demand.at(requests.number[request]!, requests.first[request]! + ERROR_DRAW).next();
      if (draw < errors) {
        cause = APPLICATION;
        requests.mechanism[request] = draw < server.behaviour.errors ? VERSION_ERROR : LOAD_ERROR;
      }
    }
    if (this.sessions && cause === SUCCESS && failsBetweenVersions(this.streams[requests.stream[request]!]!, requests, request, server.version)) cause = MIXED_VERSION;
    if (calls !== undefined && cause === SUCCESS) {
      const wait = this.graph!.begin(request, server);
      if (wait > NO_CALLS) {
        server.settleCpu(this.simulation.now);
        server.calling++;
        requests.state[request] = CALLING;
        requests.done[request] = wait;
        return;
      }
      if (wait === CALL_FAILED) cause = DEPENDENCY;
    }
    this.answer(server, request, cause);
  }

  /** The calls of a request are over, or one that it needs has failed. */
  called(request: number, cause: number): void {
    const server = this.byAddress[this.requests.address[request]!]!;
    server.settleCpu(this.simulation.now);
    server.calling--;
    this.answer(server, request, cause);
  }

  private answer(server: PodServer, request: number, cause: number): void {
    this.unlink(server, request);
    const { answer } = server.behaviour;
    if (answer !== undefined && this.requests.leaves[request]! > 0) this.requests.back[request]! += answerTime(this.network!, answer, this.requests, request, server.host);
    this.end(request, server.version, cause, this.simulation.now);
    this.serveNext(server);
  }

  /** A place is free: the first of the queue takes it, past those for which nobody waits. */
  private serveNext(server: PodServer): void {
    const { requests } = this;
    for (;;) {
      const waiting = server.queueHead;
      if (waiting === 0) return;
      server.queueHead = requests.next[waiting]!;
      if (server.queueHead === 0) server.queueTail = 0;
      if (requests.dropped[waiting] === 0) {
        server.queued--;
        this.serve(server, waiting);
        return;
      }
      requests.free(waiting);
    }
  }

  /** Nobody waits for a request any more: the server hears of it after the way to the pod. */
  cancelLater(request: number): void {
    const { requests } = this;
    requests.timer[request] = this.simulation.schedule(requests.inside[request]!, this.target, OP_CANCEL, request);
  }

  private cancelled(request: number): void {
    const { requests } = this;
    requests.timer[request] = 0;
    const server = this.byAddress[requests.address[request]!];
    if (server === undefined) return;
    if (requests.state[request] === WAITING) {
      requests.dropped[request] = 1;
      server.queued--;
    } else if (requests.state[request] === SERVING) {
      if (server.processor === null) this.simulation.cancel(requests.done[request]!);
      else {
        server.processor.advance(this.simulation.now);
        server.processor.remove(request);
        this.armProcessor(server);
      }
      this.unlink(server, request);
      requests.free(request);
      this.serveNext(server);
    } else if (requests.state[request] === CALLING) {
      this.graph!.abandon(requests.done[request]!);
      server.settleCpu(this.simulation.now);
      server.calling--;
      this.unlink(server, request);
      requests.free(request);
      this.serveNext(server);
    }
  }

  /** Version of the pod that holds a request; empty when none does. */
  versionOf(request: number): string {
    const { requests } = this;
    const state = requests.state[request]!;
    if (state !== WAITING && state !== SERVING && state !== CALLING) return '';
    return this.byAddress[requests.address[request]!]?.version ?? '';
  }

  /** A request fails for a reason that is known: now, or when its user gives up, who does not hear of it (`heard` false). */
  private fail(request: number, version: string, cause: number, mechanism: number, lag: Duration, heard = true): void {
    const { requests } = this;
    const giveUp = requests.sent[request]! + this.streams[requests.stream[request]!]!.timeout;
    const unheard = !heard && giveUp !== Number.POSITIVE_INFINITY;
    if (unheard) requests.back[request] = 0;
    requests.because(request, mechanism, lag);
    this.end(request, version, cause, unheard ? giveUp : this.simulation.now);
  }

  /** The answer leaves the pod (or the refusal the node) at `time` and travels back; the user may have given up before. */
  end(request: number, version: string, cause: number, time: number): void {
    const { requests } = this;
    const stream = this.streams[requests.stream[request]!]!;
    const { timeout, balancer, calls } = stream;
    if (calls) {
      calls.ended(request, version, cause, time);
      return;
    }
    const end = time + requests.back[request]!;
    if (balancer && requests.proxy[request] !== 0) balancer.release(requests.proxy[request]! - 1, requests.address[request]!, request, end > requests.sent[request]! + timeout ? TIMEOUT : cause);
    if (requests.timedOut[request] === 0) recordEnd(stream, requests, request, version, cause, end);
    requests.free(request);
  }

  /** Counts the requests under way whose users have given up by now: call before statistics are read. */
  settle(): void {
    this.simulation.catchUp();
    settleTimeouts(this.requests, this.streams, this.byAddress, this.simulation.now);
  }
}
