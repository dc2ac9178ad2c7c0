import { Slots } from '../kernel/slots.js';
import { type Duration, SECOND, type Time } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import { type Message, MessageType } from '../raft/index.js';
import { takeSnapshot } from './backend-file.js';
import type { Member } from './member.js';
import { MEMBER_OPCODE } from './opcodes.js';

/** Encoded bytes of a raft message without entries, and of an entry without payload. */
const MESSAGE_BYTES = 48;
const ENTRY_BYTES = 16;
/** rafthttp: period of the prober that measures round trips to peers. */
export const PEER_PROBE_INTERVAL = 4 * SECOND;
/** Members that a cluster ever has, replaced ones included. */
const MAX_MEMBERS = 64;

/**
 * Raft messages of one Ready on their way to one peer, with the life of the receiver that they were sent to: the stream's
 * writer flushes when it has nothing more to write, so they travel together.
 */
class PeerEnvelope {
  readonly messages: Message[] = [];
  incarnation = 0;
  sentAt: Time = 0;
  bytes = 0;
  /** Whether a snapshot is among them. */
  snapshot = false;
}

/** One of the two streams from a member to a peer. */
class PeerLink {
  readonly to: Member;
  /** Envelopes on their way to the peer. */
  readonly inbox: Slots<PeerEnvelope>;
  /** Its number in the network. */
  readonly stream: number;
  /** The envelope of the Ready being sent. */
  open: PeerEnvelope | null = null;

  constructor(to: Member, inbox: Slots<PeerEnvelope>, stream: number) {
    this.to = to;
    this.inbox = inbox;
    this.stream = stream;
  }
}

/** Bytes of a message on the wire. */
export function messageBytes(message: Message): number {
  let bytes = MESSAGE_BYTES;
  const { entries } = message;
  for (let i = 0; i < entries.length; i++) bytes += ENTRY_BYTES + entries[i]!.dataLength;
  return message.snapshot === null ? bytes : bytes + message.snapshot.dataLength;
}

/** The connections among the members: to each peer one stream for appends and one for everything else (rafthttp). */
export class Peers {
  private readonly network: Network;
  private readonly members: Member[] = [];
  private readonly inboxes: Slots<PeerEnvelope>[] = [];
  /** By from × MAX_MEMBERS + to, × 2 for the kind; opened when first used. */
  private readonly links: (PeerLink | undefined)[] = [];
  private readonly heardAt: Time[] = [];
  /** Streams with envelopes of the Ready being sent. */
  private readonly open: PeerLink[] = [];
  /** Envelopes that have been read, to be used again. */
  private readonly spare: PeerEnvelope[] = [];

  constructor(network: Network) {
    this.network = network;
  }

  add(member: Member): void {
    this.members[member.index] = member;
    this.inboxes[member.index] = new Slots();
  }

  /** A warm start: all members have just heard from one another. */
  warm(now: Time): void {
    for (const member of this.members) {
      for (const peer of this.members) this.heardAt[member.index * MAX_MEMBERS + peer.id] = now;
    }
  }

  /** An envelope arrives at a member. */
  arrived(member: Member, slot: number): void {
    const inbox = this.inboxes[member.index]!;
    const envelope = inbox.get(slot);
    if (!member.running || envelope.incarnation !== member.incarnation) {
      inbox.take(slot);
      if (envelope.snapshot) this.reportSnapshots(envelope, true);
      return;
    }
    const { now } = member.simulation;
    const end = member.processor.reserve(now, member.costs.messageCpu * envelope.messages.length);
    if (end === now) this.step(member, slot);
    else member.simulation.postAt(end, member.target, MEMBER_OPCODE.PeerStep, slot);
  }

  /** The messages of an envelope are read. */
  step(member: Member, slot: number): void {
    const envelope = this.inboxes[member.index]!.take(slot);
    const lost = !member.running || envelope.incarnation !== member.incarnation;
    if (envelope.snapshot) this.reportSnapshots(envelope, lost);
    if (lost) return;
    const { messages } = envelope;
    const { from } = messages[0]!;
    if (member.removedIds.size > 0 && member.removedIds.has(from)) {
      this.turnAway(member, this.members[from - 1]!);
      return;
    }
    this.heardAt[member.index * MAX_MEMBERS + from] = member.simulation.now;
    member.metrics.peer(from).receivedBytes += envelope.bytes;
    // Given back to who made it: acknowledgements and appends are not equally many.
    const sender = this.members[from - 1]!.node;
    const { node } = member;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      node.step(message);
      sender.release(message);
    }
    while (messages.length > 0) messages.pop();
    this.spare.push(envelope);
    member.loop.pump();
  }

  /** rafthttp: the connection of a removed member is answered 410 Gone, upon which it stops, even if it missed its removal. */
  private turnAway({ host }: Member, from: Member): void {
    this.network.send(host, from.host, MESSAGE_BYTES, from.target, MEMBER_OPCODE.Gone, from.incarnation);
  }

  /** Whether a member has been in touch with a peer (by raft id) since an instant, as far as it can tell. */
  connectedSince(member: Member, id: number, since: Time): boolean {
    const heard = this.heardAt[member.index * MAX_MEMBERS + id] ?? Number.NEGATIVE_INFINITY;
    return heard >= since - member.electionTimeout && this.connected(member, id);
  }

  /** Whether a member has been in touch with a quorum since an instant. */
  quorumSince(member: Member, since: Time): boolean {
    const { voters } = member.confState;
    let connected = 1;
    for (const id of voters) if (id !== member.id && this.connectedSince(member, id, since)) connected++;
    return connected > voters.length / 2;
  }

  /** The members that a member can ask for something now: those of its configuration that run and can be reached. */
  reachable(member: Member): Member[] {
    const { voters, learners } = member.confState;
    return [...voters, ...learners]
      .filter((id) => id !== member.id && this.connected(member, id))
      .map((id) => this.members[id - 1]!);
  }

  /** Time of a question to a peer and its answer. */
  roundTrip(member: Member, { host }: Member): Duration {
    return this.network.delay(member.host, host, 0) + this.network.delay(host, member.host, 0);
  }

  /** How many peers a member has connections to. */
  active(member: Member): number {
    return this.reachable(member).length;
  }

  /** The prober's measurement of the round trip to each peer. */
  probe(member: Member): void {
    for (const id of member.confState.voters) {
      if (id === member.id || !this.connected(member, id)) continue;
      member.metrics.peer(id).roundTrip.observe(this.roundTrip(member, this.members[id - 1]!));
    }
  }

  /** Whether messages between a member and a peer (by raft id) get through, both ways. */
  connected(from: Member, id: number): boolean {
    const to = this.members[id - 1];
    if (to === undefined || !to.running) return false;
    return this.network.reachable(from.host, to.host) && this.network.reachable(to.host, from.host);
  }

  /** Sends a Ready's messages in order; of its append responses only the last, which covers the others. */
  sendAll(from: Member, messages: readonly Message[]): void {
    const count = messages.length;
    if (count === 0) return;
    let lastResponse = count - 1;
    while (lastResponse >= 0 && messages[lastResponse]!.type !== MessageType.AppResp) lastResponse--;
    for (let i = 0; i < count; i++) {
      const message = messages[i]!;
      if (message.type === MessageType.AppResp && i !== lastResponse) continue;
      this.collect(from, message.type === MessageType.Snap ? { ...message, snapshot: takeSnapshot(from) } : message);
    }
    const { open } = this;
    for (let i = 0; i < open.length; i++) if (open[i]!.open !== null) this.flush(from, open[i]!);
    while (open.length > 0) open.pop();
  }

  /** Puts a message into the envelope of its stream. */
  private collect(from: Member, message: Message): void {
    const to = message.to - 1;
    const key = (from.index * MAX_MEMBERS + to) * 2 + (message.type === MessageType.App ? 1 : 0);
    const link = this.links[key] ?? this.openLink(from, this.members[to], key);
    if (link === null) return;
    let envelope = link.open;
    if (envelope === null) {
      envelope = this.spare.pop() ?? new PeerEnvelope();
      envelope.incarnation = link.to.incarnation;
      envelope.sentAt = from.simulation.now;
      envelope.bytes = 0;
      envelope.snapshot = false;
      link.open = envelope;
      this.open.push(link);
    }
    envelope.messages.push(message);
    envelope.bytes += messageBytes(message);
    if (message.snapshot !== null) envelope.snapshot = true;
  }

  /** Null: there is no such peer. */
  private openLink(from: Member, to: Member | undefined, key: number): PeerLink | null {
    if (to === undefined) return null;
    const link = new PeerLink(to, this.inboxes[to.index]!, this.network.openStream(from.host, to.host));
    while (this.links.length <= key) this.links.push(undefined);
    return (this.links[key] = link);
  }

  private flush(from: Member, link: PeerLink): void {
    const { to, inbox } = link;
    const envelope = link.open!;
    link.open = null;
    const counts = from.metrics.peer(to.id);
    if (to.running) {
      const slot = inbox.put(envelope);
      if (this.network.sendOnStream(link.stream, envelope.bytes, to.target, MEMBER_OPCODE.PeerMessage, slot)) {
        counts.sentBytes += envelope.bytes;
        counts.active = true;
        return;
      }
      inbox.take(slot);
    }
    counts.sentFailures++;
    if (counts.active) counts.disconnected++;
    counts.active = false;
    from.node.reportUnreachable(to.id);
    if (envelope.snapshot) this.reportSnapshots(envelope, true);
  }

  /** Tells the sender of a snapshot whether it arrived. */
  private reportSnapshots(envelope: PeerEnvelope, failed: boolean): void {
    const { messages } = envelope;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      if (message.type !== MessageType.Snap) continue;
      const sender = this.members[message.from - 1]!;
      if (!sender.running) continue;
      if (failed) sender.metrics.peer(message.to).snapshotFailures++;
      else this.snapshotArrived(sender, this.members[message.to - 1]!, sender.simulation.now - envelope.sentAt);
      sender.node.reportSnapshot(message.to, failed);
      sender.loop.pump();
    }
  }

  private snapshotArrived(from: Member, to: Member, duration: Duration): void {
    const sent = from.metrics.peer(to.id);
    sent.snapshotsSent++;
    sent.snapshotSend.observe(duration);
    from.metrics.diskBackendSnapshotDurationSeconds.observe(duration);
    const received = to.metrics.peer(from.id);
    received.snapshotsReceived++;
    received.snapshotReceive.observe(duration);
  }
}
