/**
 * The etcd API as the models use it. Values are references to immutable objects with a stated size: the simulation pays for
 * bytes and never encodes them.
 */
export interface KeyValue {
  readonly key: string;
  readonly value: unknown;
  readonly bytes: number;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: number;
}

/** Where whoever writes a key again and again keeps its row in the stores: they leave it there, and need not look for it the next time. */
export interface KeyNote {
  /** −1: not known yet. */
  row: number;
  /** Length of the key: known without reading its text. */
  readonly keyBytes: number;
}

export type EtcdRequest =
  | {
      readonly op: 'put';
      readonly key: string;
      readonly value: unknown;
      readonly bytes: number;
      readonly lease?: number;
    }
  /**
   * The transactions Kubernetes uses: if modRevision(key) = expected (0: the key does not exist) then put or delete, else
   * return the current key-value.
   */
  | {
      readonly op: 'txn';
      readonly key: string;
      readonly expectedModRevision: number;
      readonly then: 'put' | 'delete';
      readonly value?: unknown;
      readonly bytes: number;
      readonly lease?: number;
      readonly note?: KeyNote | undefined;
    }
  | { readonly op: 'delete'; readonly key: string }
  /** One key, or all keys with the prefix `key` when `prefix` is set, in key order. */
  | {
      readonly op: 'range';
      readonly key: string;
      readonly prefix: boolean;
      readonly limit?: number;
      /** Only keys behind this one (the range begins at it and a zero byte, as the next page of a list does). */
      readonly after?: string;
      /** Read at this revision; absent or 0: the current one. */
      readonly revision?: number;
      /** Local read without a quorum. */
      readonly serializable?: boolean;
      readonly countOnly?: boolean;
    }
  | { readonly op: 'compact'; readonly revision: number }
  | { readonly op: 'leaseGrant'; readonly id: number; readonly ttlSeconds: number }
  | { readonly op: 'leaseRevoke'; readonly id: number };

export interface EtcdResponse {
  /** Text of the error as etcd's clients see it (`etcdserver: request timed out`); absent on success. */
  readonly error?: string;
  /** For txn: whether the compare held. */
  readonly succeeded: boolean;
  /** Revision of the store after (write) or at (read) the request. */
  readonly revision: number;
  readonly kvs?: readonly KeyValue[];
  readonly count?: number;
}

export interface WatchEvent {
  readonly type: 'PUT' | 'DELETE';
  readonly kv: KeyValue;
  readonly previous?: KeyValue;
  /** That of the transaction which wrote it. */
  readonly note?: KeyNote;
}

export interface EtcdReceiver {
  etcdResponse(tag: number, response: EtcdResponse): void;
}

export interface EtcdWatchReceiver {
  /** Events in revision order, those of one revision never split; with them everything up to `revision` has been sent. */
  watchEvents(tag: number, events: readonly WatchEvent[], revision: number): void;
  /** Progress notification: everything up to `revision` has been sent, so a watch from `revision + 1` on misses nothing. */
  watchProgress?(tag: number, revision: number): void;
  /** The watch ended: `compactRevision` > 0 when the wanted start was compacted, else the connection to the member is lost. */
  watchCancelled(tag: number, compactRevision: number): void;
}

/** A connection of one client process to the cluster (clientv3): picks a member, moves to another when that one goes away. */
export interface EtcdClient {
  /** Clients of the clusters behind it, when there are several: each has its own revisions and is compacted for itself. */
  readonly clusters?: readonly EtcdClient[];
  /** The client of the cluster that has a key, when there are several. */
  clientFor?(key: string): EtcdClient;
  request(request: EtcdRequest, receiver: EtcdReceiver, tag: number): void;
  /** Asks for the progress of all watches; those that are in step with the store are told it. */
  requestProgress?(): void;
  /** Watches a prefix from a revision on (0: from now); with `progressNotify`, a silent watch is told its progress. */
  watch(
    prefix: string,
    startRevision: number,
    receiver: EtcdWatchReceiver,
    tag: number,
    progressNotify?: boolean,
  ): void;
}
