import { Slots } from '../kernel/slots.js';
import type { Time } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import { type Message, MessageType } from '../raft/index.js';
import { MEMBER_OPCODE, type Member } from './member.js';

/** Encoded bytes of a raft message without entries, and of an entry without payload. */
const MESSAGE_BYTES = 48;
const ENTRY_BYTES = 16;

/**
 * Raft messages of one Ready on their way to one peer, with the life of the receiver that they were sent to: the stream's
 * writer flushes when it has nothing more to write, so they travel together.
 */
export interface PeerEnvelope {
  readonly messages: Message[];
  readonly incarnation: number;
  bytes: number;
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
  /** Stream numbers by from × 64 + to, × 2 for the kind; -1: not opened. */
  private readonly streams: number[] = [];
  private readonly heardAt: Time[] = [];
  /** Envelopes of the Ready being sent, by to × 2 + kind. */
  private readonly open: (PeerEnvelope | null)[] = [];
  private readonly openKeys: number[] = [];

  constructor(network: Network) {
    this.network = network;
  }

  add(member: Member): void {
    this.members[member.index] = member;
    this.inboxes[member.index] = new Slots();
  }

  inbox(index: number): Slots<PeerEnvelope> {
    return this.inboxes[index]!;
  }

  heard(index: number, from: number, now: Time): void {
    this.heardAt[index * 64 + from] = now;
  }

  /** When a member last heard from a peer (by raft id). */
  lastHeard(index: number, id: number): Time {
    return this.heardAt[index * 64 + id] ?? Number.NEGATIVE_INFINITY;
  }

  reachable(from: Member, id: number): boolean {
    const to = this.members[id - 1];
    return to !== undefined && to.running && this.network.reachable(from.host, to.host);
  }

  /** Sends a Ready's messages in order; of its append responses only the last, which covers the others. */
  sendAll(from: Member, messages: readonly Message[]): void {
    let lastResponse = messages.length - 1;
    while (lastResponse >= 0 && messages[lastResponse]!.type !== MessageType.AppResp) lastResponse--;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      if (message.type === MessageType.AppResp && i !== lastResponse) continue;
      this.collect(message.type === MessageType.Snap ? { ...message, snapshot: from.snapshot() } : message);
    }
    for (let i = 0; i < this.openKeys.length; i++) {
      const key = this.openKeys[i]!;
      this.flush(from, this.members[key >> 1]!, key & 1, this.open[key]!);
      this.open[key] = null;
    }
    this.openKeys.length = 0;
  }

  /** Puts a message into the envelope of its stream. */
  private collect(message: Message): void {
    const to = this.members[message.to - 1];
    if (to === undefined) return;
    const key = to.index * 2 + (message.type === MessageType.App ? 1 : 0);
    let envelope = this.open[key];
    if (envelope === undefined || envelope === null) {
      envelope = { messages: [], incarnation: to.incarnation, bytes: 0 };
      this.open[key] = envelope;
      this.openKeys.push(key);
    }
    envelope.messages.push(message);
    envelope.bytes += messageBytes(message);
  }

  private flush(from: Member, to: Member, kind: number, envelope: PeerEnvelope): void {
    if (to.running) {
      const inbox = this.inboxes[to.index]!;
      const slot = inbox.put(envelope);
      const stream = this.stream(from, to, kind);
      if (this.network.sendOnStream(stream, envelope.bytes, to.target, MEMBER_OPCODE.PeerMessage, slot)) {
        from.metrics.networkPeerSentBytesTotal += envelope.bytes;
        this.reportSnapshots(from, envelope, false);
        return;
      }
      inbox.take(slot);
    }
    from.metrics.networkPeerSentFailuresTotal++;
    from.node.reportUnreachable(to.id);
    this.reportSnapshots(from, envelope, true);
  }

  private reportSnapshots(from: Member, envelope: PeerEnvelope, failed: boolean): void {
    for (const message of envelope.messages) if (message.type === MessageType.Snap) from.node.reportSnapshot(message.to, failed);
  }

  private stream(from: Member, to: Member, kind: number): number {
    const key = (from.index * 64 + to.index) * 2 + kind;
    let stream = this.streams[key];
    if (stream === undefined) {
      stream = this.network.openStream(from.host, to.host);
      this.streams[key] = stream;
    }
    return stream;
  }
}
