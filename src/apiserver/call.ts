import type { KubernetesObject } from '../api/meta.js';
import type { ProcessorShare } from '../etcd/processor.js';
import type { EtcdResponse } from '../etcd/types.js';
import type { CachedObject } from './cached-objects.js';
import type { Flow } from './flow-control/configuration.js';
import { Slots } from '../kernel/slots.js';
import type { Duration, Time } from '../kernel/time.js';
import { typicalBytes } from './object-size.js';
import type { ApiRequest, ApiResponse, ResponseReceiver } from './request.js';
import { type RequestKind, requestKind } from './request-kind.js';

/** Told of each answer when it reaches its client, before the receiver is (rest_client metrics). */
export interface CallMeter {
  answered(call: Call, now: Time): void;
}

/** A request that takes several transactions of etcd: told of each answer, and when a pause is over. */
export interface Operation {
  etcdAnswered(response: EtcdResponse): void;
  resumed(): void;
}

const NO_GROUPS: readonly string[] = [];

/** Who sends calls: one for all calls of a client. */
export class Caller {
  readonly user: string;
  readonly host: number;
  /** Groups of the user beside those that its name brings. */
  groups: readonly string[] = NO_GROUPS;
  /** Counts the answers on the client's side; null: nobody counts. */
  readonly meter: CallMeter | null;
  /** Cores that the client shares with others, where calls are written when the limiter lets them go; null: enough for everything. */
  readonly writer: ProcessorShare | null;
  /** What servers remember of it: whether its user may do all that it asks for (null: not asked yet), the sort of its user (negative: not known yet), its flows, the object that it wrote last and its namespace. */
  trusted: boolean | null = null;
  sort = -1;
  flow: Flow | null = null;
  last: CachedObject | null = null;
  lastNamespace = '';
  /** Kind of its last request: clients repeat themselves. */
  kind: RequestKind | null = null;

  constructor(user: string, host: number, meter: CallMeter | null = null, writer: ProcessorShare | null = null) {
    this.user = user;
    this.host = host;
    this.meter = meter;
    this.writer = writer;
  }
}

/** When a call that somebody follows passed each place; −1: it did not. */
class CallTimes {
  submittedAt: Time = -1;
  arrivedAt: Time = -1;
  answeredAt: Time = -1;
  limiterWait: Duration = 0;
}

/** What most calls never need. */
class Exception {
  denied: ApiResponse | null = null;
  excluded: Duration = 0;
  deleting = false;
  deletes = false;
  operation: Operation | null = null;
  listBytes = 0;
  waits = 0;
  attempts = 0;
  conflicts = 0;
}

/**
 * One request on its way: from a client through an API server (and etcd) and back. There may be many at a time, so what few of them
 * need is apart.
 */
export class Call {
  readonly request: ApiRequest;
  readonly kind: RequestKind;
  readonly namespace: string;
  /** Name of the object asked for; empty: all. */
  readonly name: string;
  /** Bytes of the request's body. */
  readonly bodyBytes: number;
  readonly caller: Caller;
  readonly receiver: ResponseReceiver;
  readonly tag: number;
  /** Number of the API server that works on it; −1 before it is sent. */
  server = -1;
  response: ApiResponse | null = null;
  /** Object the pending transaction was computed from, and what it would store. */
  base: KubernetesObject | undefined = undefined;
  proposed: KubernetesObject | undefined = undefined;
  /** The object that admission works on. */
  candidate: KubernetesObject | undefined = undefined;
  /** The object as the watch cache had it; null: it had none. */
  cached: CachedObject | null = null;
  /** Whether `base` was read from etcd for this call (true) or from the watch cache. */
  fresh = false;
  /** Revision that the pending transaction expects. */
  expectedRevision = 0;
  private times: CallTimes | null = null;
  private exception: Exception | null = null;

  constructor(request: ApiRequest, caller: Caller, receiver: ResponseReceiver, tag: number) {
    const { verb, resource, subresource, namespace, name, body, patch } = request;
    let { kind } = caller;
    if (kind === null || kind.verb !== verb || kind.resource !== resource || kind.subresource !== subresource) {
      kind = requestKind(verb, resource, subresource);
      caller.kind = kind;
    }
    this.request = request;
    this.kind = kind;
    this.namespace = namespace;
    this.name = name;
    this.bodyBytes = body === undefined ? (patch === undefined ? 0 : patch.bytes) : kind.objectBytes >= 0 ? kind.objectBytes : typicalBytes(resource, body);
    this.caller = caller;
    this.receiver = receiver;
    this.tag = tag;
  }

  get user(): string {
    return this.caller.user;
  }

  get clientHost(): number {
    return this.caller.host;
  }

  /** When the client handed it to its limiter; −1: nobody wants to know. */
  get submittedAt(): Time {
    return this.times === null ? -1 : this.times.submittedAt;
  }

  set submittedAt(time: Time) {
    this.timed().submittedAt = time;
  }

  /** When it reached the API server; −1: not yet, or nobody wants to know. */
  get arrivedAt(): Time {
    return this.times === null ? -1 : this.times.arrivedAt;
  }

  set arrivedAt(time: Time) {
    this.timed().arrivedAt = time;
  }

  /** When its answer left the API server; −1: not yet, or nobody wants to know. */
  get answeredAt(): Time {
    return this.times === null ? -1 : this.times.answeredAt;
  }

  set answeredAt(time: Time) {
    if (this.times !== null) this.times.answeredAt = time;
  }

  /** Time spent in front of the client-side limiter. */
  get limiterWait(): Duration {
    return this.times === null ? 0 : this.times.limiterWait;
  }

  set limiterWait(wait: Duration) {
    if (this.times !== null || wait !== 0) this.timed().limiterWait = wait;
  }

  /** Why authorization refuses it; null: it does not. */
  get denied(): ApiResponse | null {
    return this.exception === null ? null : this.exception.denied;
  }

  set denied(response: ApiResponse | null) {
    this.exceptional().denied = response;
  }

  /** Time in queues of priority and fairness and at webhooks: no part of apiserver_request_sli_duration_seconds. */
  get excluded(): Duration {
    return this.exception === null ? 0 : this.exception.excluded;
  }

  set excluded(duration: Duration) {
    if (this.exception !== null || duration !== 0) this.exceptional().excluded = duration;
  }

  get deleting(): boolean {
    return this.exception !== null && this.exception.deleting;
  }

  set deleting(deleting: boolean) {
    if (this.exception !== null || deleting) this.exceptional().deleting = deleting;
  }

  /** The object is deleted once `proposed` is written. */
  get deletes(): boolean {
    return this.exception !== null && this.exception.deletes;
  }

  set deletes(deletes: boolean) {
    if (this.exception !== null || deletes) this.exceptional().deletes = deletes;
  }

  /** A request of several steps (an eviction); null: one transaction. */
  get operation(): Operation | null {
    return this.exception === null ? null : this.exception.operation;
  }

  set operation(operation: Operation | null) {
    if (this.exception !== null || operation !== null) this.exceptional().operation = operation;
  }

  /** Encoded bytes of the list that it works on; negative: from the watch cache. */
  get listBytes(): number {
    return this.exception === null ? 0 : this.exception.listBytes;
  }

  set listBytes(bytes: number) {
    if (this.exception !== null || bytes !== 0) this.exceptional().listBytes = bytes;
  }

  /** Times that an admission plugin has let it wait. */
  get waits(): number {
    return this.exception === null ? 0 : this.exception.waits;
  }

  set waits(waits: number) {
    if (this.exception !== null || waits !== 0) this.exceptional().waits = waits;
  }

  /** Times it was sent again because the server asked for it (Retry-After). */
  get attempts(): number {
    return this.exception === null ? 0 : this.exception.attempts;
  }

  set attempts(attempts: number) {
    if (this.exception !== null || attempts !== 0) this.exceptional().attempts = attempts;
  }

  /** Times the transaction was tried again because the object had changed meanwhile. */
  get conflicts(): number {
    return this.exception === null ? 0 : this.exception.conflicts;
  }

  set conflicts(conflicts: number) {
    if (this.exception !== null || conflicts !== 0) this.exceptional().conflicts = conflicts;
  }

  private timed(): CallTimes {
    this.times ??= new CallTimes();
    return this.times;
  }

  private exceptional(): Exception {
    this.exception ??= new Exception();
    return this.exception;
  }
}

/** A call like another, to be answered while that one is still worked on. */
export function twinOf(call: Call): Call {
  const { request, caller, receiver, tag, server, submittedAt, limiterWait, attempts } = call;
  const twin = new Call(request, caller, receiver, tag);
  twin.server = server;
  if (submittedAt >= 0) twin.submittedAt = submittedAt;
  twin.limiterWait = limiterWait;
  twin.attempts = attempts;
  return twin;
}

/**
 * All calls in flight, by slot; shared by clients and API servers because events carry slots. Times are columns: numbers that are no
 * small integers would be objects of their own in each call.
 */
export class CallTable extends Slots<Call> {
  /** When the calls reached their API server; −1: they did not. */
  arrivedAt = new Float64Array(64);
  /** When their last requests to etcd were sent. */
  etcdSentAt = new Float64Array(64);

  override put(call: Call): number {
    const slot = super.put(call);
    if (slot === this.arrivedAt.length) {
      this.arrivedAt = doubled(this.arrivedAt);
      this.etcdSentAt = doubled(this.etcdSentAt);
    }
    this.arrivedAt[slot] = -1;
    return slot;
  }
}

function doubled(column: Float64Array): Float64Array<ArrayBuffer> {
  const twice = new Float64Array(2 * column.length);
  twice.set(column);
  return twice;
}

/** Creates an empty call table. */
export function createCallTable(): CallTable {
  return new CallTable();
}

const FAILURE_REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** A failure with the reason that belongs to its code, unless another is given (409 AlreadyExists). */
export function failure(code: number, message: string, reason?: string): ApiResponse {
  return { code, reason: reason ?? FAILURE_REASONS[code] ?? 'Unknown', message };
}

/** Reason by which clients know that a server has not reached a resourceVersion yet (`details.causes`: ResourceVersionTooLarge). */
export const TOO_LARGE = 'ResourceVersionTooLarge';

/** The answer a client makes up when no server could be reached. */
export const CONNECTION_REFUSED: ApiResponse = {
  code: 0,
  reason: 'ServiceUnavailable',
  message: 'dial tcp: connect: connection refused',
};
