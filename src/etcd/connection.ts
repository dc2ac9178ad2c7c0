import type { Time } from '../kernel/time.js';
import type { Operation } from './operation.js';
import type { EtcdReceiver, EtcdResponse, EtcdWatchReceiver, WatchEvent } from './types.js';

/** One gRPC connection between a client process and one incarnation of a member. Both ends hold it; the network carries it. */
export interface EtcdConnection {
  /** Component number and host of the client. */
  readonly clientTarget: number;
  readonly clientHost: number;
  readonly member: number;
  /** Incarnation of the member it was made to: a restarted member knows nothing of it. */
  readonly incarnation: number;
  open: boolean;
  /** Ordered stream from the member to the client that carries watch messages. */
  readonly watchStream: number;
  /** Keeps a call until its answer arrives at the client; returns the slot that the network carries. */
  keepAnswer(call: Call): number;
  /** Gives back the slot of an answer that the network lost; the client sends or asks again. */
  answerLost(slot: number): void;
  /** Keeps a watch message until it arrives at the client. */
  keepDelivery(delivery: WatchDelivery): number;
  deliveryLost(slot: number): void;
}

/** Opcodes of the client that members address. */
export const CLIENT_ANSWER = 0;
export const CLIENT_WATCH = 1;
export const CLIENT_RESET = 2;

/** What has happened to a call that does not go well. */
export class Trouble {
  /** Attempts at other members so far (reads). */
  attempts = 0;
  /** When the message in flight was first lost (-1: it is not), and its retransmissions since. */
  lostAt: Time = -1;
  losses = 0;
}

/** One request on its way through client, network and member. */
export class Call {
  readonly operation: Operation;
  readonly receiver: EtcdReceiver;
  readonly tag: number;
  connection: EtcdConnection | null = null;
  /** null: it goes well. */
  trouble: Trouble | null = null;
  response: EtcdResponse | null = null;
  done = false;
  /** Neighbours in the list of calls in flight on the connection. */
  previous: Call | null = null;
  next: Call | null = null;

  constructor(operation: Operation, receiver: EtcdReceiver, tag: number) {
    this.operation = operation;
    this.receiver = receiver;
    this.tag = tag;
  }

  /** Attempts at other members so far. */
  get attempts(): number {
    return this.trouble === null ? 0 : this.trouble.attempts;
  }

  /** It does not go well. */
  get troubled(): Trouble {
    this.trouble ??= new Trouble();
    return this.trouble;
  }
}

/** A watch request on its way to a member. */
export class WatchCall {
  readonly prefix: string;
  readonly startRevision: number;
  readonly receiver: EtcdWatchReceiver;
  readonly tag: number;
  readonly progressNotify: boolean;
  connection: EtcdConnection | null = null;

  constructor(
    prefix: string,
    startRevision: number,
    receiver: EtcdWatchReceiver,
    tag: number,
    progressNotify: boolean,
  ) {
    this.prefix = prefix;
    this.startRevision = startRevision;
    this.receiver = receiver;
    this.tag = tag;
    this.progressNotify = progressNotify;
  }
}

/** Events, progress, or the end of a watch, on their way to a client. */
export class WatchDelivery {
  /** The watches it is for: one, except for the progress of a whole stream. */
  readonly calls: readonly WatchCall[];
  /**
   * Empty: progress up to `revision`. Null: the watch is over; `revision` is the compacted one, or 0 when there was no
   * connection.
   */
  readonly events: readonly WatchEvent[] | null;
  readonly revision: number;

  constructor(calls: readonly WatchCall[], events: readonly WatchEvent[] | null, revision: number) {
    this.calls = calls;
    this.events = events;
    this.revision = revision;
  }
}
