import type { Time } from '../kernel/time.js';
import type { Call } from './connection.js';
import type { Superseded } from './history.js';
import type { Era } from './key-space.js';
import { type MemberRequest, Operation } from './operation.js';
import type { EtcdRequest, KeyValue, WatchEvent } from './types.js';

/**
 * One proposal: the payload of a log entry. All members apply the same object; the first one to apply it leaves the events
 * that it made here, so that the others share them instead of making equal ones.
 */
export class Command {
  readonly operation: Operation;
  /** Row of the key in the stores' table of versions, once one of them has found it; −1 before. */
  row = -1;
  /** Index and incarnation of the member that proposed it and will answer. */
  readonly origin: number;
  readonly incarnation: number;
  /** When it was proposed: the start of its timeout. */
  readonly start: Time;
  /** The client's call that waits at the origin; null when answered, or when the member asked for itself. */
  call: Call | null;
  /** Answered or timed out at the origin. */
  done = false;
  /** Events of the write, once applied by any member; null before, and for commands that change no key. */
  events: readonly WatchEvent[] | null = null;
  /** The version that it wrote over another, at this revision, into this row in this era; null: something else has happened. */
  written: KeyValue | null = null;
  revision = 0;
  /** What a compaction takes away, once one member has looked. */
  superseded: Superseded | null = null;
  /** How often it was applied. */
  private applied = 0;
  era: Era | null = null;

  /** @param request what is proposed; of a client's call, as it was taken apart there */
  constructor(
    request: Operation | EtcdRequest | MemberRequest,
    origin: number,
    incarnation: number,
    start: Time,
    call: Call | null,
  ) {
    const operation = request instanceof Operation ? request : new Operation(request);
    this.operation = operation;
    if (operation.note !== null) this.row = operation.note.row;
    this.origin = origin;
    this.incarnation = incarnation;
    this.start = start;
    this.call = call;
  }

  /** A store has written a version over another, and no lease has to do with it: the other stores may do the same blindly. */
  wrote(version: KeyValue, era: Era): void {
    this.written = version;
    this.revision = version.modRevision;
    this.era = era;
  }

  /** One of so many members has applied it. What they share is let go when all have: the log keeps the command for long. */
  appliedBy(members: number): void {
    if (++this.applied < members) return;
    this.events = null;
    this.written = null;
    this.revision = 0;
    this.superseded = null;
  }

  /** A store has found the key at a row: those that come after it need not look, nor does the key's next writer. */
  found(row: number): void {
    this.row = row;
    const { note } = this.operation;
    if (note !== null) note.row = row;
  }
}
