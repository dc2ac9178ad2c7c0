import { Slots } from '../kernel/slots.js';
import { MINUTE } from '../kernel/time.js';
import { type EtcdConnection, WatchDelivery } from './connection.js';
import type { Member } from './member.js';
import { MEMBER_OPCODE } from './opcodes.js';
import type { Watcher } from './watch.js';

/** embed/config.go, WatchProgressNotifyInterval; v3rpc/watch.go adds up to a tenth of it to each stream's. */
export const PROGRESS_INTERVAL = 10 * MINUTE;

/** The watches of one connection. */
interface WatchStream {
  readonly connection: EtcdConnection;
  readonly watchers: Set<Watcher>;
  /** Its round of notifications is scheduled. */
  armed: boolean;
}

/**
 * Progress notifications (v3rpc/watch.go): a watch that wants them and was sent nothing for a whole interval is told the
 * store's revision; and a client may ask at any time. Only watchers in step with the store are told: what was sent before
 * on the same stream then holds everything up to that revision.
 */
export class WatchProgress {
  private readonly member: Member;
  private readonly streams = new Map<EtcdConnection, WatchStream>();
  private readonly rounds = new Slots<WatchStream>();

  constructor(member: Member) {
    this.member = member;
  }

  /** A watch begins. */
  opened(watcher: Watcher): void {
    const { connection } = watcher;
    let stream = this.streams.get(connection);
    if (stream === undefined) {
      stream = { connection, watchers: new Set(), armed: false };
      this.streams.set(connection, stream);
    }
    stream.watchers.add(watcher);
    if (watcher.call.progressNotify && !stream.armed) this.arm(stream);
  }

  /** A watch is over. */
  closed(watcher: Watcher): void {
    const stream = this.streams.get(watcher.connection);
    if (stream === undefined) return;
    stream.watchers.delete(watcher);
    if (stream.watchers.size === 0) this.streams.delete(watcher.connection);
  }

  /** A client asks for the progress of its watches: it is told when all of them are in step (progressIfSync). */
  requested(connection: EtcdConnection): void {
    const stream = this.streams.get(connection);
    if (stream === undefined || !connection.open || connection.incarnation !== this.member.incarnation) return;
    this.tell([...stream.watchers]);
  }

  /** The interval of a stream is over. */
  tick(slot: number): void {
    const stream = this.rounds.take(slot);
    stream.armed = false;
    const { connection } = stream;
    if (!connection.open || connection.incarnation !== this.member.incarnation) return;
    if (this.streams.get(connection) !== stream) return;
    for (const watcher of stream.watchers) {
      if (!watcher.call.progressNotify) continue;
      if (watcher.silent) this.tell([watcher]);
      watcher.silent = true;
    }
    this.arm(stream);
  }

  clear(): void {
    this.streams.clear();
  }

  private tell(watchers: readonly Watcher[]): void {
    const { revision } = this.member.store;
    for (const watcher of watchers) if (!watcher.synced || watcher.nextRevision > revision + 1) return;
    const calls = watchers.map(({ call }) => call);
    this.member.watchServer.deliver(watchers[0]!, new WatchDelivery(calls, [], revision));
  }

  private arm(stream: WatchStream): void {
    const { member } = this;
    stream.armed = true;
    const interval = PROGRESS_INTERVAL + member.watchStream.integer(PROGRESS_INTERVAL / 10);
    member.simulation.schedule(interval, member.target, MEMBER_OPCODE.WatchProgress, this.rounds.put(stream));
  }
}
