import type { Slots } from '../kernel/slots.js';
import type { Call, EtcdConnection, WatchCall, WatchDelivery } from './connection.js';
import type { Member } from './member.js';

/** The client that owns a connection. */
interface Owner {
  readonly target: number;
  readonly host: number;
  /** The network lost an answer: the member's TCP sends it again. */
  answerLost(call: Call): void;
}

/** One connection, as the client holds it. */
export class Connection implements EtcdConnection {
  readonly clientTarget: number;
  readonly clientHost: number;
  readonly member: number;
  readonly incarnation: number;
  readonly watchStream: number;
  open = true;
  /** Calls in flight, newest first. */
  calls: Call | null = null;
  readonly watches = new Set<WatchCall>();
  private readonly answers: Slots<Call>;
  private readonly deliveries: Slots<WatchDelivery>;
  private readonly client: Owner;

  constructor(
    client: Owner,
    member: Member,
    answers: Slots<Call>,
    deliveries: Slots<WatchDelivery>,
    watchStream: number,
  ) {
    this.client = client;
    this.clientTarget = client.target;
    this.clientHost = client.host;
    this.member = member.index;
    this.incarnation = member.incarnation;
    this.answers = answers;
    this.deliveries = deliveries;
    this.watchStream = watchStream;
  }

  keepAnswer(call: Call): number {
    return this.answers.put(call);
  }

  answerLost(slot: number): void {
    this.client.answerLost(this.answers.take(slot));
  }

  keepDelivery(delivery: WatchDelivery): number {
    return this.deliveries.put(delivery);
  }

  deliveryLost(slot: number): void {
    this.deliveries.take(slot);
  }
}

/** Notes a call in flight. */
export function link(connection: Connection, call: Call): void {
  call.previous = null;
  call.next = connection.calls;
  if (connection.calls !== null) connection.calls.previous = call;
  connection.calls = call;
}

/** A call is no longer in flight. */
export function unlink(connection: Connection, call: Call): void {
  if (call.previous === null) connection.calls = call.next;
  else call.previous.next = call.next;
  if (call.next !== null) call.next.previous = call.previous;
  call.previous = null;
  call.next = null;
}
