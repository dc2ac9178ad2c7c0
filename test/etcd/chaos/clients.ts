import type { EtcdClient, EtcdReceiver, EtcdRequest, EtcdResponse } from '../../../src/etcd/types.js';
import type { RegisterOperation } from '../../raft/checkers/history.js';
import { ActionKind } from './plan.js';

/** Keys that clients use as registers: 0 is no such key. */
export const KEYS = ['/c/a', '/c/b', '/c/c'];
const BYTES = 20;

/** A client's operation on a register, with when it was called and when it answered. */
export interface Operation extends RegisterOperation {
  readonly id: number;
  readonly key: string;
  readonly local: boolean;
  completed: number;
  read: number;
  succeeded: boolean;
  /** Revision in the answer. */
  revision: number;
}

/** What a client knows of a key. */
interface Known {
  readonly revision: number;
  readonly value: number;
}

/** Calls in order and in time: the moments of the history. */
export class Moments {
  private last = 0;

  next(): number {
    return ++this.last;
  }
}

/** A client with one operation at a time. */
export class Worker implements EtcdReceiver {
  readonly operations: Operation[] = [];
  private readonly client: EtcdClient;
  private readonly number: number;
  private readonly moments: Moments;
  private waiting: Operation | null = null;
  private readonly known = new Map<string, Known>();

  constructor(client: EtcdClient, number: number, moments: Moments) {
    this.client = client;
    this.number = number;
    this.moments = moments;
  }

  /** Calls, unless it still waits for an earlier answer. */
  call(kind: number, bits: number): void {
    if (this.waiting !== null) return;
    const key = KEYS[bits % KEYS.length]!;
    const known = this.known.get(key) ?? { revision: 0, value: 0 };
    const read = kind === ActionKind.Get || kind === ActionKind.LocalGet;
    const compare = kind === ActionKind.CompareAndSwap;
    const remove = kind === ActionKind.Delete || (compare && known.revision > 0 && (bits >> 4) % 4 === 0);
    const id = this.number * 1_000_000 + this.operations.length + 1;
    const operation: Operation = {
      id,
      kind: read ? 'get' : compare ? 'cas' : 'put',
      key,
      value: read || remove ? 0 : id,
      expected: compare ? known.value : -1,
      local: kind === ActionKind.LocalGet,
      invoked: this.moments.next(),
      completed: Number.POSITIVE_INFINITY,
      read: 0,
      succeeded: false,
      revision: 0,
    };
    this.operations.push(operation);
    this.waiting = operation;
    this.client.request(requestOf(operation, known.revision, remove), this, this.operations.length - 1);
  }

  giveUp(): void {
    this.waiting = null;
  }

  etcdResponse(tag: number, response: EtcdResponse): void {
    const operation = this.operations[tag]!;
    if (this.waiting !== operation) return;
    this.waiting = null;
    if (response.error !== undefined) return;
    const { key, kind, value } = operation;
    const found = response.kvs?.[0];
    operation.completed = this.moments.next();
    operation.revision = response.revision;
    operation.succeeded = response.succeeded;
    operation.read = (found?.value as number | undefined) ?? 0;
    if (kind === 'get' || !response.succeeded)
      this.known.set(key, { revision: found?.modRevision ?? 0, value: operation.read });
    else this.known.set(key, { revision: value === 0 ? 0 : response.revision, value });
  }
}

function requestOf({ kind, key, value, local }: Operation, expectedModRevision: number, remove: boolean): EtcdRequest {
  if (kind === 'get') return { op: 'range', key, prefix: false, serializable: local };
  if (kind === 'cas')
    return { op: 'txn', key, expectedModRevision, then: remove ? 'delete' : 'put', value, bytes: remove ? 0 : BYTES };
  return remove ? { op: 'delete', key } : { op: 'put', key, value, bytes: BYTES };
}

/** Grants leases, hangs keys on them, revokes some. */
export class Tenant implements EtcdReceiver {
  /** Leases that the cluster has acknowledged. */
  readonly granted: number[] = [];
  /** Leases that it has asked to revoke. */
  readonly revoked = new Set<number>();
  private readonly client: EtcdClient;
  private leases = 0;
  private keys = 0;

  constructor(client: EtcdClient) {
    this.client = client;
  }

  grant(bits: number): void {
    const id = ++this.leases;
    this.client.request({ op: 'leaseGrant', id, ttlSeconds: 2 + (bits % 2) }, this, id);
  }

  put(bits: number): void {
    if (this.granted.length === 0) return;
    // The newest ones are the likeliest to be alive.
    const lease = this.granted[Math.max(0, this.granted.length - 1 - (bits % 4))]!;
    const key = `/l/${lease}/${++this.keys}`;
    this.client.request({ op: 'put', key, value: this.keys, bytes: BYTES, lease }, this, 0);
  }

  revoke(bits: number): void {
    if (this.granted.length === 0) return;
    const id = this.granted[bits % this.granted.length]!;
    this.revoked.add(id);
    this.client.request({ op: 'leaseRevoke', id }, this, 0);
  }

  etcdResponse(tag: number, response: EtcdResponse): void {
    if (tag > 0 && response.error === undefined) this.granted.push(tag);
  }
}
