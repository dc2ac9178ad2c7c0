import { Slots } from '../kernel/slots.js';
import type { Time } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import { type Message, MessageType } from '../raft/index.js';
import { MEMBER_OPCODE, type Member } from './member.js';

/** Encoded bytes of a raft message without entries, and of an entry without payload. */
const MESSAGE_BYTES = 48;
const ENTRY_BYTES = 16;

/** A raft message on its way, with the life of the receiver that it was sent to. */
export interface PeerEnvelope {
  readonly message: Message;
  readonly incarnation: number;
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
      this.send(from, message.type === MessageType.Snap ? { ...message, snapshot: from.snapshot() } : message);
    }
  }

  private send(from: Member, message: Message): void {
    const to = this.members[message.to - 1];
    if (to === undefined) return;
    const bytes = messageBytes(message);
    const append = message.type === MessageType.App ? 1 : 0;
    const inbox = this.inboxes[to.index]!;
    if (to.running) {
      const slot = inbox.put({ message, incarnation: to.incarnation });
      const stream = this.stream(from, to, append);
      if (this.network.sendOnStream(stream, bytes, to.target, MEMBER_OPCODE.PeerMessage, slot)) {
        from.metrics.networkPeerSentBytesTotal += bytes;
        if (message.type === MessageType.Snap) from.node.reportSnapshot(message.to, false);
        return;
      }
      inbox.take(slot);
    }
    from.metrics.networkPeerSentFailuresTotal++;
    from.node.reportUnreachable(message.to);
    if (message.type === MessageType.Snap) from.node.reportSnapshot(message.to, true);
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
