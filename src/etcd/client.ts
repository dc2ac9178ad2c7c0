import type { Component, Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import { type Duration, MILLISECOND, SECOND } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import { Connection, link, unlink } from './client-connection.js';
import { Call, CLIENT_ANSWER, CLIENT_RESET, CLIENT_WATCH, WatchCall, WatchDelivery } from './connection.js';
import { EtcdError, isUnavailable } from './errors.js';
import type { Member } from './member.js';
import { MEMBER_OPCODE } from './opcodes.js';
import { Operation, OperationKind } from './operation.js';
import type { EtcdClient, EtcdReceiver, EtcdRequest, EtcdWatchReceiver } from './types.js';

/** Events of a client beside those that members send (0..2). */
const RETRANSMIT = 3;
const RETRY = 4;
const RECONNECT = 5;
const KEEPALIVE = 6;
const KEEPALIVE_FAILED = 7;
const WATCH_RETRANSMIT = 8;
/** What the events of a client mean, for traces: by opcode. */
const CLIENT_EVENTS: readonly string[] = [
  'an answer arrives',
  'a watch message arrives',
  'a connection is reset',
  'a lost message is sent again',
  'a failed request is tried again',
  'a lost connection is opened again',
  'a keepalive is due',
  'a keepalive was not answered',
  'a lost watch request is sent again',
];

const FRAME_BYTES = 64;
/** First retransmission timeout of TCP, doubled each time. */
const RETRANSMISSION_TIMEOUT = 200 * MILLISECOND;
/** kube-apiserver's etcd client: --etcd keepalive time and timeout (storagebackend/factory). */
const KEEPALIVE_TIME = 30 * SECOND;
const KEEPALIVE_TIMEOUT = 10 * SECOND;
/** grpc-go's base backoff between connection attempts. */
const RECONNECT_BACKOFF = SECOND;
/** clientv3: attempts of a call, and the wait after each quorum of them. */
const MAX_ATTEMPTS = 100;
const BACKOFF_WAIT = 25 * MILLISECOND;

/**
 * One process's etcd client (clientv3): a connection to each member, calls over the preferred one or over all in turn, reads
 * tried again at another member, writes only when they cannot have been sent.
 */
export class Client implements EtcdClient, Component {
  readonly name: string;
  readonly target: number;
  readonly host: number;
  private readonly simulation: Simulation;
  private readonly network: Network;
  private readonly members: readonly Member[];
  private readonly preferred: number;
  private readonly connections: (Connection | null)[];
  private readonly answers = new Slots<Call>();
  private readonly deliveries = new Slots<WatchDelivery>();
  private readonly parked = new Slots<Call>();
  private readonly parkedWatches = new Slots<WatchCall>();
  private readonly keepaliveArmed: boolean[];
  private nextMember = 0;

  /** `preferred`: index of the member to use while it is there; -1: all in turn, as gRPC's round robin does. */
  constructor(simulation: Simulation, network: Network, host: number, members: readonly Member[], preferred: number) {
    this.simulation = simulation;
    this.network = network;
    this.host = host;
    this.members = members;
    this.preferred = preferred;
    this.target = simulation.add(this);
    this.name = `etcd-client-${this.target}`;
    this.connections = members.map(() => null);
    this.keepaliveArmed = members.map(() => false);
  }

  request(request: EtcdRequest, receiver: EtcdReceiver, tag: number): void {
    this.dispatch(new Call(new Operation(request), receiver, tag));
  }

  watch(prefix: string, startRevision: number, receiver: EtcdWatchReceiver, tag: number, progressNotify = false): void {
    this.openWatch(new WatchCall(prefix, startRevision, receiver, tag, progressNotify));
  }

  /**
   * Asks for the progress of all watches (clientv3's RequestProgress): a member answers when all watches that it has of this
   * client are in step with its store, otherwise not at all.
   */
  requestProgress(): void {
    for (const connection of this.connections) {
      if (!connection?.open || connection.watches.size === 0) continue;
      const member = this.members[connection.member]!;
      const slot = member.progressInbox.put(connection);
      const { network, host } = this;
      if (!network.send(host, member.host, FRAME_BYTES, member.target, MEMBER_OPCODE.ProgressRequest, slot))
        member.progressInbox.take(slot);
    }
  }

  describe(opcode: number): string {
    return CLIENT_EVENTS[opcode] ?? `opcode ${opcode}`;
  }

  handle(opcode: number, argument: number): void {
    switch (opcode) {
      case CLIENT_ANSWER:
        this.answered(this.answers.take(argument));
        break;
      case CLIENT_WATCH:
        this.delivered(this.deliveries.take(argument));
        break;
      case CLIENT_RESET:
        this.checkReset(argument);
        break;
      case RETRANSMIT:
        this.retransmit(this.parked.take(argument));
        break;
      case RETRY:
        this.dispatch(this.parked.take(argument));
        break;
      case RECONNECT:
        this.reconnect(argument);
        break;
      case KEEPALIVE:
        this.keepalive(argument);
        break;
      case KEEPALIVE_FAILED:
        this.keepaliveFailed(argument);
        break;
      case WATCH_RETRANSMIT:
        this.transmitWatch(this.parkedWatches.take(argument));
        break;
    }
  }

  /** The network lost an answer: the member's TCP sends it again. */
  answerLost(call: Call): void {
    this.park(call);
  }

  private dispatch(call: Call): void {
    const connection = this.pick();
    if (connection === null) {
      if (++call.troubled.attempts <= MAX_ATTEMPTS) {
        this.simulation.schedule(BACKOFF_WAIT, this.target, RETRY, this.parked.put(call));
      } else {
        this.fail(call, EtcdError.NoConnection);
      }
      return;
    }
    call.connection = connection;
    link(connection, call);
    if (!this.keepaliveArmed[connection.member]) this.armKeepalive(connection.member);
    this.transmit(call);
  }

  private transmit(call: Call): void {
    const member = this.members[call.connection!.member]!;
    const slot = member.requests.inbox.put(call);
    const bytes = FRAME_BYTES + call.operation.bytes;
    if (this.network.send(this.host, member.host, bytes, member.target, MEMBER_OPCODE.Request, slot)) return;
    member.requests.inbox.take(slot);
    this.park(call);
  }

  /** TCP sends again, after a doubling wait. */
  private park(call: Call): void {
    const { now } = this.simulation;
    const trouble = call.troubled;
    if (trouble.lostAt < 0) {
      trouble.lostAt = now;
      trouble.losses = 0;
    }
    const left = trouble.lostAt + KEEPALIVE_TIMEOUT - now;
    const wait: Duration = Math.min(RETRANSMISSION_TIMEOUT * (1 << Math.min(trouble.losses++, 8)), left);
    this.simulation.schedule(wait, this.target, RETRANSMIT, this.parked.put(call));
  }

  private retransmit(call: Call): void {
    const connection = call.connection as Connection;
    if (!connection.open || call.done) return;
    const { host } = this.members[connection.member]!;
    const answered = call.response !== null;
    const path = answered ? this.network.reachable(host, this.host) : this.network.reachable(this.host, host);
    if (!path) {
      // With keepalive on, grpc-go sets TCP_USER_TIMEOUT: data that nobody acknowledges ends the connection.
      if (this.simulation.now - call.troubled.lostAt >= KEEPALIVE_TIMEOUT) this.lose(connection, EtcdError.KeepaliveFailed);
      else this.park(call);
      return;
    }
    call.troubled.lostAt = -1;
    if (answered) this.network.send(host, this.host, FRAME_BYTES, this.target, CLIENT_ANSWER, this.answers.put(call));
    else this.transmit(call);
  }

  private answered(call: Call): void {
    const connection = call.connection as Connection;
    if (!connection.open || call.done) return;
    unlink(connection, call);
    const response = call.response!;
    if (response.error !== undefined && call.operation.kind === OperationKind.Range && isUnavailable(response.error))
      this.retry(call, response.error);
    else {
      call.done = true;
      call.receiver.etcdResponse(call.tag, response);
    }
  }

  /** clientv3's retry of reads: at once at the next member, with a pause after each quorum of attempts. */
  private retry(call: Call, error: string): void {
    if (call.attempts === MAX_ATTEMPTS) {
      this.fail(call, error);
      return;
    }
    // A new call: an answer to the old one may still be on its way.
    call.done = true;
    const again = new Call(call.operation, call.receiver, call.tag);
    again.troubled.attempts = call.attempts + 1;
    const quorum = Math.floor(this.members.length / 2) + 1;
    const wait = again.attempts % quorum === 0 ? BACKOFF_WAIT : 0;
    this.simulation.schedule(wait, this.target, RETRY, this.parked.put(again));
  }

  private fail(call: Call, error: string): void {
    call.done = true;
    call.receiver.etcdResponse(call.tag, { error, succeeded: false, revision: 0 });
  }

  private pick(): Connection | null {
    const count = this.members.length;
    if (this.preferred >= 0) {
      for (let i = 0; i < count; i++) {
        const connection = this.connection((this.preferred + i) % count);
        if (connection !== null) return connection;
      }
      return null;
    }
    for (let i = 0; i < count; i++) {
      const connection = this.connection(this.nextMember++ % count);
      if (connection !== null) return connection;
    }
    return null;
  }

  /** The connection to a member; made on first use, null while it is lost and not yet made again. */
  private connection(index: number): Connection | null {
    const connection = this.connections[index]!;
    if (connection !== null) return connection.open ? connection : null;
    return this.connect(index);
  }

  private connect(index: number): Connection | null {
    const member = this.members[index]!;
    if (!member.serving || !this.reachable(member)) return null;
    const stream = this.network.openStream(member.host, this.host);
    const connection = new Connection(this, member, this.answers, this.deliveries, stream);
    this.connections[index] = connection;
    return connection;
  }

  /** A reset arrived: unless it is about an earlier connection, this one is gone. */
  private checkReset(index: number): void {
    const connection = this.connections[index];
    if (connection?.open && connection.incarnation !== this.members[index]!.incarnation) {
      this.lose(connection, EtcdError.ConnectionClosed);
    }
  }

  private lose(connection: Connection, error: string): void {
    connection.open = false;
    this.simulation.schedule(RECONNECT_BACKOFF, this.target, RECONNECT, connection.member);
    const calls: Call[] = [];
    for (let call = connection.calls; call !== null; call = call.next) calls.push(call);
    connection.calls = null;
    for (const call of calls.reverse()) {
      call.previous = null;
      call.next = null;
      if (call.operation.kind === OperationKind.Range) this.retry(call, error);
      else this.fail(call, error);
    }
    const watches = [...connection.watches];
    connection.watches.clear();
    for (const watch of watches) watch.receiver.watchCancelled(watch.tag, 0);
  }

  private reconnect(index: number): void {
    if (this.connect(index) === null) this.simulation.schedule(RECONNECT_BACKOFF, this.target, RECONNECT, index);
  }

  private openWatch(call: WatchCall): void {
    const connection = this.pick();
    if (connection === null) {
      // Told by an event, like every end of a watch: the receiver decides when to ask again.
      const end = this.deliveries.put(new WatchDelivery([call], null, 0));
      this.simulation.schedule(RECONNECT_BACKOFF, this.target, CLIENT_WATCH, end);
      return;
    }
    call.connection = connection;
    connection.watches.add(call);
    this.transmitWatch(call);
    this.armKeepalive(connection.member);
  }

  private transmitWatch(call: WatchCall): void {
    const connection = call.connection as Connection;
    if (!connection.open) return;
    const member = this.members[connection.member]!;
    const slot = member.watchInbox.put(call);
    if (this.network.send(this.host, member.host, FRAME_BYTES, member.target, MEMBER_OPCODE.Watch, slot)) return;
    this.simulation.schedule(
      SECOND,
      this.target,
      WATCH_RETRANSMIT,
      this.parkedWatches.put(member.watchInbox.take(slot)),
    );
  }

  private delivered(delivery: WatchDelivery): void {
    const { calls, events, revision } = delivery;
    for (let i = 0; i < calls.length; i++) {
      const call = calls[i]!;
      const connection = call.connection as Connection | null;
      if (events === null) {
        if (connection === null || connection.watches.delete(call)) call.receiver.watchCancelled(call.tag, revision);
      } else if (connection!.open) {
        if (events.length > 0) call.receiver.watchEvents(call.tag, events, revision);
        else call.receiver.watchProgress?.(call.tag, revision);
      }
    }
  }

  private armKeepalive(index: number): void {
    if (this.keepaliveArmed[index]) return;
    this.keepaliveArmed[index] = true;
    this.simulation.schedule(KEEPALIVE_TIME, this.target, KEEPALIVE, index);
  }

  /** The ping on a connection in use: answered as long as both directions work and the process lives. */
  private keepalive(index: number): void {
    this.keepaliveArmed[index] = false;
    const connection = this.connections[index];
    if (!connection?.open || (connection.watches.size === 0 && connection.calls === null)) return;
    const member = this.members[index]!;
    if (!this.reachable(member) || member.paused) {
      this.keepaliveArmed[index] = true;
      this.simulation.schedule(KEEPALIVE_TIMEOUT, this.target, KEEPALIVE_FAILED, index);
    } else if (member.incarnation !== connection.incarnation) {
      // A machine that is up answers for a process that is gone.
      this.lose(connection, EtcdError.ConnectionClosed);
    } else {
      this.armKeepalive(index);
    }
  }

  private keepaliveFailed(index: number): void {
    this.keepaliveArmed[index] = false;
    const connection = this.connections[index];
    if (!connection?.open) return;
    const member = this.members[index]!;
    const alive = this.reachable(member) && !member.paused && member.incarnation === connection.incarnation;
    if (alive) this.armKeepalive(index);
    else this.lose(connection, EtcdError.KeepaliveFailed);
  }

  private reachable(member: Member): boolean {
    return this.network.reachable(this.host, member.host) && this.network.reachable(member.host, this.host);
  }
}
