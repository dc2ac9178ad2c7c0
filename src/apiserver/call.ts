import type { KubernetesObject } from '../api/meta.js';
import type { ProcessorShare } from '../etcd/processor.js';
import type { EtcdResponse } from '../etcd/types.js';
import type { CachedObject } from './cached-objects.js';
import { Slots } from '../kernel/slots.js';
import type { Duration, Time } from '../kernel/time.js';
import type { ApiRequest, ApiResponse, ResponseReceiver } from './request.js';

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

/** One request on its way: from a client through an API server (and etcd) and back. */
export class Call {
  readonly request: ApiRequest;
  readonly user: string;
  /** Groups of the user beside those that its name brings. */
  groups: readonly string[] = NO_GROUPS;
  /** Why authorization refuses it; null: it does not. */
  denied: ApiResponse | null = null;
  readonly clientHost: number;
  readonly receiver: ResponseReceiver;
  readonly tag: number;
  /** Number of the API server that works on it; −1 before it is sent. */
  server = -1;
  /** When it reached the API server. */
  arrivedAt: Time = 0;
  /** Time in queues of priority and fairness and at webhooks: no part of apiserver_request_sli_duration_seconds. */
  excluded: Duration = 0;
  /** When its answer left the API server; −1 before. */
  answeredAt: Time = -1;
  /** When its last request to etcd was sent. */
  etcdSentAt: Time = 0;
  /** Time spent in front of the client-side limiter. */
  limiterWait: Duration = 0;
  /** When the client handed it to its limiter. */
  submittedAt: Time = 0;
  /** Cores that its client shares with others, where it is written when the limiter lets it go; null: enough for everything. */
  writer: ProcessorShare | null = null;
  /** Counts the answer on the client's side; null: nobody counts. */
  meter: CallMeter | null = null;
  response: ApiResponse | null = null;
  /** Object the pending transaction was computed from, and what it would store. */
  base: KubernetesObject | undefined = undefined;
  proposed: KubernetesObject | undefined = undefined;
  /** The object as the watch cache had it; null: it had none. */
  cached: CachedObject | null = null;
  /** Whether `base` was read from etcd for this call (true) or from the watch cache. */
  fresh = false;
  deleting = false;
  /** Revision that the pending transaction expects. */
  expectedRevision = 0;
  /** The object that admission works on. */
  candidate: KubernetesObject | undefined = undefined;
  /** Times that an admission plugin has let it wait. */
  waits = 0;
  /** The object is deleted once `proposed` is written. */
  deletes = false;
  /** A request of several steps (an eviction); null: one transaction. */
  operation: Operation | null = null;
  /** Encoded bytes of the list that it works on; negative: from the watch cache. */
  listBytes = 0;
  /** Times it was sent again because the server asked for it (Retry-After). */
  attempts = 0;
  /** Times the transaction was tried again because the object had changed meanwhile. */
  conflicts = 0;

  constructor(request: ApiRequest, user: string, clientHost: number, receiver: ResponseReceiver, tag: number) {
    this.request = request;
    this.user = user;
    this.clientHost = clientHost;
    this.receiver = receiver;
    this.tag = tag;
  }
}

/** A call like another, to be answered while that one is still worked on. */
export function twinOf(call: Call): Call {
  const { request, user, clientHost, receiver, tag } = call;
  const twin = new Call(request, user, clientHost, receiver, tag);
  const { server, arrivedAt, limiterWait, submittedAt, meter, attempts, groups, writer } = call;
  return Object.assign(twin, { server, arrivedAt, limiterWait, submittedAt, meter, attempts, groups, writer });
}

/** All calls in flight, by slot; shared by clients and API servers because events carry slots. */
export type CallTable = Slots<Call>;

/** Creates an empty call table. */
export function createCallTable(): CallTable {
  return new Slots<Call>();
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
