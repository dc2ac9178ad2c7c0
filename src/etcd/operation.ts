import type { EtcdRequest, KeyNote } from './types.js';

/** Bytes of an InternalRaftRequest around key and value: header, field tags and lengths. */
const REQUEST_OVERHEAD = 32;

/** Alarms of etcd: the database has reached its quota, or members hold different data. Both stop writes until they are disarmed. */
export type Alarm = 'NOSPACE' | 'CORRUPT';

/**
 * A request of a member's own that goes through the log like a client's: an alarm, or what a started member tells of
 * itself, after which it serves clients.
 */
export type MemberRequest =
  | { readonly op: 'alarm'; readonly alarm: Alarm; readonly active: boolean }
  | { readonly op: 'publish' };

/** The operations as numbers. */
export const OperationKind = {
  Put: 0,
  Txn: 1,
  Delete: 2,
  Range: 3,
  Compact: 4,
  LeaseGrant: 5,
  LeaseRevoke: 6,
  Alarm: 7,
  Publish: 8,
} as const;

/**
 * A request taken apart once. Requests are objects of many shapes, and every step of their way through client and members asks for the same
 * few things: all of them share this.
 */
export class Operation {
  /** One of {@link OperationKind}. */
  readonly kind: number;
  readonly op: (EtcdRequest | MemberRequest)['op'];
  /** '': it is about no key. */
  readonly key: string;
  readonly keyBytes: number = 0;
  /** What it writes, if it does. */
  readonly value: unknown;
  readonly valueBytes: number = 0;
  readonly lease: number = 0;
  readonly note: KeyNote | null = null;
  /** Transactions: the revision that the key must be at, and whether they put then, rather than delete. */
  readonly expectedModRevision: number = 0;
  readonly thenPut: boolean = false;
  /** Encoded size, as `max-request-bytes`, the log and the network count it. */
  readonly bytes: number;
  /** The request itself, where there is more to it than this: null for puts, transactions and deletions. */
  readonly request: EtcdRequest | MemberRequest | null;

  constructor(request: EtcdRequest | MemberRequest) {
    const { op } = request;
    this.op = op;
    switch (op) {
      case 'txn': {
        const { key, note } = request;
        this.kind = OperationKind.Txn;
        this.key = key;
        this.keyBytes = note === undefined ? key.length : note.keyBytes;
        this.value = request.value;
        this.valueBytes = request.bytes;
        this.lease = request.lease ?? 0;
        if (note !== undefined) this.note = note;
        this.expectedModRevision = request.expectedModRevision;
        this.thenPut = request.then === 'put';
        this.bytes = REQUEST_OVERHEAD + this.keyBytes + this.valueBytes;
        this.request = null;
        return;
      }
      case 'put':
        this.kind = OperationKind.Put;
        this.key = request.key;
        this.keyBytes = request.key.length;
        this.value = request.value;
        this.valueBytes = request.bytes;
        this.lease = request.lease ?? 0;
        this.bytes = REQUEST_OVERHEAD + this.keyBytes + this.valueBytes;
        this.request = null;
        return;
      case 'delete':
      case 'range':
        this.kind = op === 'range' ? OperationKind.Range : OperationKind.Delete;
        this.key = request.key;
        this.keyBytes = request.key.length;
        this.value = undefined;
        this.bytes = REQUEST_OVERHEAD + this.keyBytes;
        this.request = op === 'range' ? request : null;
        return;
      default:
        this.kind = KINDS[op];
        this.key = '';
        this.value = undefined;
        this.bytes = REQUEST_OVERHEAD;
        this.request = request;
    }
  }

  /** Bytes of key and value. */
  get payload(): number {
    return this.bytes - REQUEST_OVERHEAD;
  }

  /** Whether it puts a value when it is applied, if its compare holds. */
  get puts(): boolean {
    return this.thenPut || this.kind === OperationKind.Put;
  }
}

const KINDS = {
  compact: OperationKind.Compact,
  leaseGrant: OperationKind.LeaseGrant,
  leaseRevoke: OperationKind.LeaseRevoke,
  alarm: OperationKind.Alarm,
  publish: OperationKind.Publish,
} as const;
