import type {
  EtcdClient,
  EtcdReceiver,
  EtcdRequest,
  EtcdResponse,
  EtcdWatchReceiver,
  KeyValue,
  WatchEvent,
} from '../../src/etcd/types.js';
import type { Component, Simulation } from '../../src/kernel/simulation.js';
import { Slots } from '../../src/kernel/slots.js';

interface Waiting {
  readonly receiver: EtcdReceiver;
  readonly tag: number;
  readonly response: EtcdResponse;
}

interface Watch {
  readonly prefix: string;
  readonly receiver: EtcdWatchReceiver;
  readonly tag: number;
}

/** A store with etcd's semantics and a constant latency, without consensus: for tests of what stands in front of it. */
export class FakeEtcd implements EtcdClient, Component {
  readonly name = 'fake-etcd';
  revision = 0;
  /** Requests get no answer until they are released. */
  hold = false;
  private readonly held: { readonly request: EtcdRequest; readonly receiver: EtcdReceiver; readonly tag: number }[] = [];
  readonly kvs = new Map<string, KeyValue>();
  /** Revisions at which it was asked to compact; the history stays. */
  readonly compactions: number[] = [];
  readonly history: { readonly key: string; readonly event: WatchEvent }[] = [];
  private readonly simulation: Simulation;
  private readonly latency: number;
  private readonly target: number;
  private readonly waiting = new Slots<Waiting>();
  private readonly watches: Watch[] = [];

  constructor(simulation: Simulation, latency = 1e6) {
    this.simulation = simulation;
    this.latency = latency;
    this.target = simulation.add(this);
  }

  request(request: EtcdRequest, receiver: EtcdReceiver, tag: number): void {
    if (this.hold) {
      this.held.push({ request, receiver, tag });
      return;
    }
    const response = this.apply(request);
    this.simulation.schedule(this.latency, this.target, 1, this.waiting.put({ receiver, tag, response }));
  }

  /** Works off what was held. */
  release(): void {
    this.hold = false;
    for (const { request, receiver, tag } of this.held.splice(0)) this.request(request, receiver, tag);
  }

  /** All watches are in step: they are told so after the latency. */
  requestProgress(): void {
    if (!this.hold) this.simulation.schedule(this.latency, this.target, 2, this.revision);
  }

  handle(opcode: number, argument: number): void {
    if (opcode === 2) {
      for (const { receiver, tag } of this.watches) receiver.watchProgress?.(tag, argument);
      return;
    }
    const { receiver, tag, response } = this.waiting.take(argument);
    receiver.etcdResponse(tag, response);
  }

  watch(prefix: string, startRevision: number, receiver: EtcdWatchReceiver, tag: number): void {
    this.watches.push({ prefix, receiver, tag });
    if (startRevision === 0) return;
    const missed = this.history.filter(({ key, event }) => key.startsWith(prefix) && event.kv.modRevision >= startRevision);
    if (missed.length > 0) receiver.watchEvents(tag, missed.map(({ event }) => event), this.revision);
  }

  private apply(request: EtcdRequest): EtcdResponse {
    if (request.op === 'range') {
      if (request.prefix) {
        const kvs = [...this.kvs.values()].filter(({ key }) => key.startsWith(request.key));
        return { succeeded: true, revision: this.revision, kvs };
      }
      const kv = this.kvs.get(request.key);
      return { succeeded: true, revision: this.revision, kvs: kv === undefined ? [] : [kv] };
    }
    if (request.op === 'compact') {
      this.compactions.push(request.revision);
      return { succeeded: true, revision: this.revision };
    }
    if (request.op !== 'txn') throw new Error(`fake etcd: ${request.op} is not needed`);
    const current = this.kvs.get(request.key);
    if ((current?.modRevision ?? 0) !== request.expectedModRevision) {
      return { succeeded: false, revision: this.revision, kvs: current === undefined ? [] : [current] };
    }
    const modRevision = ++this.revision;
    const kv: KeyValue = {
      key: request.key,
      value: request.value,
      bytes: request.bytes,
      createRevision: current?.createRevision ?? modRevision,
      modRevision,
      version: (current?.version ?? 0) + 1,
      lease: 0,
    };
    if (request.then === 'delete') this.kvs.delete(request.key);
    else this.kvs.set(request.key, kv);
    const event: WatchEvent = { type: request.then === 'delete' ? 'DELETE' : 'PUT', kv };
    this.history.push({ key: request.key, event });
    for (const watch of this.watches) {
      if (request.key.startsWith(watch.prefix)) watch.receiver.watchEvents(watch.tag, [event], modRevision);
    }
    return { succeeded: true, revision: modRevision };
  }
}
