import { type Operation, OperationKind } from './operation.js';
import type { KeyValue, WatchEvent } from './types.js';

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

/** The event of a put. The key is the same text object in all its versions. */
export function putEvent({ key, value, valueBytes, lease, note }: Operation, previous: KeyValue | null, revision: number): WatchEvent {
  const kv: KeyValue = {
    key: previous === null ? key : previous.key,
    value,
    bytes: valueBytes,
    createRevision: previous === null ? revision : previous.createRevision,
    modRevision: revision,
    version: previous === null ? 1 : previous.version + 1,
    lease,
  };
  if (previous === null) return note === null ? { type: 'PUT', kv } : { type: 'PUT', kv, note };
  return note === null ? { type: 'PUT', kv, previous } : { type: 'PUT', kv, previous, note };
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
export function quotaCost(operation: Operation): number {
  if (operation.puts) return QUOTA_PUT_OVERHEAD + operation.payload;
  return operation.kind === OperationKind.LeaseGrant ? QUOTA_LEASE_OVERHEAD : 0;
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
