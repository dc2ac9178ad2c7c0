import type { Time } from '../kernel/time.js';
import type { Call } from './connection.js';
import type { Era } from './key-space.js';
import type { EtcdRequest, KeyValue, WatchEvent } from './types.js';

/** Bytes of an InternalRaftRequest around key and value: header, field tags and lengths. */
const COMMAND_OVERHEAD = 32;

/** Alarms of etcd: the database has reached its quota, or members hold different data. Both stop writes until they are disarmed. */
export type Alarm = 'NOSPACE' | 'CORRUPT';

/**
 * A request of a member's own that goes through the log like a client's: an alarm, or what a started member tells of
 * itself, after which it serves clients.
 */
export type MemberRequest =
  | { readonly op: 'alarm'; readonly alarm: Alarm; readonly active: boolean }
  | { readonly op: 'publish' };

/**
 * One proposal: the payload of a log entry. All members apply the same object; the first one to apply it leaves the events
 * that it made here, so that the others share them instead of making equal ones.
 */
export class Command {
  readonly request: EtcdRequest | MemberRequest;
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
  era: Era | null = null;
  /** Bytes of key and value. */
  readonly payload: number;

  constructor(
    request: EtcdRequest | MemberRequest,
    origin: number,
    incarnation: number,
    start: Time,
    call: Call | null,
  ) {
    this.request = request;
    this.payload = requestBytes(request) - COMMAND_OVERHEAD;
    if (request.op === 'txn' && request.note !== undefined) this.row = request.note.row;
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

  /** A store has found the key at a row: those that come after it need not look, nor does the key's next writer. */
  found(row: number): void {
    this.row = row;
    const { request } = this;
    if (request.op === 'txn' && request.note !== undefined) request.note.row = row;
  }
}

/** Length of the key of a request that may write one. */
export function keyBytes(request: Extract<EtcdRequest, { readonly op: 'put' | 'txn' }>): number {
  return request.op === 'txn' && request.note !== undefined ? request.note.keyBytes : request.key.length;
}

/** Encoded size of a request, as `max-request-bytes`, the log and the network count it. */
export function requestBytes(request: EtcdRequest | MemberRequest): number {
  switch (request.op) {
    case 'put':
    case 'txn':
      return COMMAND_OVERHEAD + keyBytes(request) + request.bytes;
    case 'delete':
    case 'range':
      return COMMAND_OVERHEAD + request.key.length;
    default:
      return COMMAND_OVERHEAD;
  }
}
