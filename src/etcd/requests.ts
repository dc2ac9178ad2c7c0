import { Slots } from '../kernel/slots.js';
import type { Duration } from '../kernel/time.js';
import { type Call, CLIENT_ANSWER, CLIENT_RESET, type EtcdConnection } from './connection.js';
import { EtcdError, grpcCode } from './errors.js';
import type { Member } from './member.js';
import { MEMBER_OPCODE } from './opcodes.js';
import { OperationKind } from './operation.js';
import type { EtcdResponse, KeyValue } from './types.js';

/** Bytes of an HTTP/2 frame with headers around a request or answer. */
const FRAME_BYTES = 64;

/** The gRPC side of a member: takes requests in, sends them to where they are served, answers. */
export class Requests {
  /** Requests on their way in or in work, by the argument of their events. */
  readonly inbox = new Slots<Call>();
  /** Clients to tell when the process dies. */
  private readonly connections = new Set<EtcdConnection>();
  /** The one that was noted last. */
  private last: EtcdConnection | null = null;
  private readonly member: Member;
  /** Half of a request's own work comes before it is served, half with the answer. */
  private readonly halfCpu: Duration;
  /** Reads that wait for the end of a defragmentation. */
  private readonly blocked: Call[] = [];

  constructor(member: Member) {
    this.member = member;
    this.halfCpu = Math.round(member.costs.requestCpu / 2);
  }

  /** A request arrives. */
  arrived(slot: number): void {
    const { member } = this;
    const connection = this.inbox.get(slot).connection!;
    if (!this.greet(connection)) {
      this.inbox.take(slot);
      return;
    }
    const { now } = member.simulation;
    const end = member.processor.reserve(now, this.halfCpu);
    if (end === now) this.decoded(slot);
    else member.simulation.postAt(end, member.target, MEMBER_OPCODE.RequestReady, slot);
  }

  /** Notes a connection; false, and a reset to the client, when it was made to an earlier life of the process. */
  greet(connection: EtcdConnection): boolean {
    if (this.stale(connection)) {
      this.reset(connection);
      return false;
    }
    if (connection !== this.last && connection.open) {
      this.connections.add(connection);
      this.last = connection;
    }
    return true;
  }

  /** A request is read: it goes to the log, to the read loop, or straight to the store. */
  decoded(slot: number): void {
    const call = this.inbox.take(slot);
    const { member } = this;
    if (this.stale(call.connection!)) return;
    const { operation } = call;
    member.metrics.rpc(operation.op).started++;
    member.metrics.networkClientGrpcReceivedBytesTotal += FRAME_BYTES + operation.bytes;
    const range = operation.kind === OperationKind.Range;
    const local = range && isSerializable(call);
    if (!local && member.isLearner) this.refuse(call, EtcdError.NotSupportedForLearner);
    else if (local) this.serveRange(call);
    else if (range) member.reads.submit(call);
    else member.proposals.submit(call);
    member.loop.pump();
  }

  /** A range whose consistency is settled: reads the store. */
  serveRange(call: Call): void {
    const { member } = this;
    if (member.applier.locked) {
      this.blocked.push(call);
      return;
    }
    const asked = !isSerializable(call);
    const cost = member.costs.rangeCpu + (asked ? (member.costs.linearizableCpu ?? 0) : 0);
    const { now } = member.simulation;
    const end = member.processor.reserve(now, cost);
    member.metrics.serverRangeDurationSeconds.observe(end - now);
    const slot = this.inbox.put(call);
    if (end === now) this.rangeDone(slot);
    else member.simulation.postAt(end, member.target, MEMBER_OPCODE.RangeDone, slot);
  }

  /** The store is read. */
  rangeDone(slot: number): void {
    const call = this.inbox.take(slot);
    const { request } = call.operation;
    if (this.stale(call.connection!) || request?.op !== 'range') return;
    const { store, metrics } = this.member;
    metrics.mvccRangeTotal++;
    const { key, prefix } = request;
    const limit = request.limit ?? 0;
    const at = request.revision ?? 0;
    if (request.countOnly === true && prefix && at === 0) {
      this.answer(call, { succeeded: true, revision: store.revision, count: store.count(key) });
      return;
    }
    const kvs = store.range(key, prefix, request.countOnly === true ? 0 : limit, at, request.after);
    if (kvs === null) {
      this.answer(call, { error: store.error, succeeded: false, revision: store.revision });
    } else if (request.countOnly === true) {
      this.answer(call, { succeeded: true, revision: store.revision, count: kvs.length });
    } else {
      const cut = prefix && limit > 0 && kvs.length >= limit;
      this.answer(call, { succeeded: true, revision: store.revision, kvs, count: cut ? store.count(key) : kvs.length });
    }
  }

  /** A defragmentation is over: the reads that waited go on. */
  unblock(): void {
    for (const call of this.blocked.splice(0)) this.serveRange(call);
  }

  refuse(call: Call, error: string): void {
    this.answer(call, { error, succeeded: false, revision: 0 });
  }

  /** Sends an answer to the client, after the second half of the request's own work. */
  answer(call: Call, response: EtcdResponse): void {
    const connection = call.connection!;
    if (!connection.open || this.stale(connection)) return;
    call.response = response;
    const { member } = this;
    const counts = member.metrics.rpc(call.operation.op);
    if (response.error === undefined) counts.ok++;
    else {
      const code = grpcCode(response.error);
      counts.failed.set(code, (counts.failed.get(code) ?? 0) + 1);
    }
    const { now } = member.simulation;
    const after = member.processor.reserve(now, this.halfCpu) - now;
    member.processor.handled(now);
    const bytes = FRAME_BYTES + (response.kvs === undefined ? 0 : kvBytes(response.kvs));
    member.metrics.networkClientGrpcSentBytesTotal += bytes;
    const slot = connection.keepAnswer(call);
    if (
      !member.network.send(
        member.host,
        connection.clientHost,
        bytes,
        connection.clientTarget,
        CLIENT_ANSWER,
        slot,
        after,
      )
    ) {
      connection.answerLost(slot);
    }
  }

  /** The process dies: the kernel of a machine that still runs resets its connections. */
  clear(): void {
    this.blocked.length = 0;
    for (const connection of this.connections) if (connection.open) this.reset(connection);
    this.connections.clear();
    this.last = null;
  }

  private stale(connection: EtcdConnection): boolean {
    return connection.incarnation !== this.member.incarnation || !this.member.running;
  }

  private reset(connection: EtcdConnection): void {
    const { network, host, index } = this.member;
    network.send(host, connection.clientHost, FRAME_BYTES, connection.clientTarget, CLIENT_RESET, index);
  }
}

/** Whether a range is read without a quorum. */
function isSerializable({ operation: { request } }: Call): boolean {
  return request?.op === 'range' && request.serializable === true;
}

function kvBytes(kvs: readonly KeyValue[]): number {
  let bytes = 0;
  for (let i = 0; i < kvs.length; i++) bytes += kvs[i]!.key.length + kvs[i]!.bytes + 16;
  return bytes;
}
