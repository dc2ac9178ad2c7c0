import { keyBytes } from './command.js';
import type { EtcdRequest, KeyValue, WatchEvent } from './types.js';

/**
 * Bytes that a stored revision costs beside key and value: the 17-byte revision key, protobuf fields of mvccpb.KeyValue and
 * bbolt's 16-byte leaf element.
 */
export const RECORD_OVERHEAD = 64;
/** etcd's estimate of a put's cost beside key and value when it checks the quota (storage/quota.go, kvOverhead). */
const QUOTA_PUT_OVERHEAD = 256;
/** etcd's estimate of a lease's cost (storage/quota.go, leaseOverhead). */
const QUOTA_LEASE_OVERHEAD = 64;

/** A copy of a store, as a raft snapshot or a backup carries it. */
export interface StoreSnapshot {
  readonly revision: number;
  readonly compactRevision: number;
  readonly kvs: readonly KeyValue[];
  readonly history: readonly (readonly WatchEvent[])[];
  readonly leases: readonly { readonly id: number; readonly ttlSeconds: number }[];
  readonly sizeInUse: number;
  readonly size: number;
  readonly noSpace: boolean;
  readonly corrupt: boolean;
}

/** Bytes one stored version occupies in the database. */
export function recordBytes(kv: KeyValue): number {
  return RECORD_OVERHEAD + kv.key.length + kv.bytes;
}

/** A request that writes a key, of a transaction or alone. */
export type Put = Extract<EtcdRequest, { readonly op: 'put' | 'txn' }>;

/** The event of a put. The key is the same text object in all its versions. */
export function putEvent(request: Put, previous: KeyValue | null, revision: number): WatchEvent {
  const { value, bytes, lease = 0 } = request;
  const kv: KeyValue = {
    key: previous === null ? request.key : previous.key,
    value,
    bytes,
    createRevision: previous === null ? revision : previous.createRevision,
    modRevision: revision,
    version: previous === null ? 1 : previous.version + 1,
    lease,
  };
  if (previous === null) return { type: 'PUT', kv };
  const note = request.op === 'txn' ? request.note : undefined;
  return note === undefined ? { type: 'PUT', kv, previous } : { type: 'PUT', kv, previous, note };
}

/** The event of a deletion. */
export function tombstone(previous: KeyValue, revision: number): WatchEvent {
  const kv: KeyValue = {
    key: previous.key,
    value: undefined,
    bytes: 0,
    createRevision: 0,
    modRevision: revision,
    version: 0,
    lease: 0,
  };
  return { type: 'DELETE', kv, previous };
}

/** What a request costs as the quota counts it, before it is proposed; 0: it needs no room. */
export function quotaCost(request: EtcdRequest): number {
  if (request.op === 'put' || (request.op === 'txn' && request.then === 'put'))
    return QUOTA_PUT_OVERHEAD + keyBytes(request) + request.bytes;
  return request.op === 'leaseGrant' ? QUOTA_LEASE_OVERHEAD : 0;
}

/** Hash of the content of a store (HashKV): equal for equal content. */
export function hashOf(kvs: readonly KeyValue[]): number {
  let hash = 0x811c9dc5;
  const mix = (value: number) => (hash = Math.imul(hash ^ value, 0x01000193));
  for (const { key, bytes, createRevision, modRevision, version, lease } of kvs) {
    for (let i = 0; i < key.length; i++) mix(key.charCodeAt(i));
    mix(bytes);
    mix(createRevision);
    mix(modRevision);
    mix(version);
    mix(lease);
  }
  return hash >>> 0;
}
