import type { KubernetesObject } from '../api/meta.js';

/** Request verbs of the Kubernetes API (as in audit logs and RBAC). */
export type Verb = 'create' | 'get' | 'list' | 'watch' | 'update' | 'patch' | 'delete' | 'deletecollection';

/** Subresources that the simulated API server serves. */
export type Subresource = 'status' | 'binding' | 'scale' | 'eviction' | 'token';

/**
 * A patch as the API server sees it: what it makes of the current object, and how many bytes travelled. `apply` is pure: it
 * returns a new version, or the same reference when nothing changes (then nothing is written), and may run again after a
 * conflict inside the server. Implementations are classes with data fields only, so that they can be saved.
 */
export interface Patch {
  readonly bytes: number;
  apply(current: KubernetesObject): KubernetesObject;
  /**
   * What `apply` makes of an object, unless that is the object itself, was put together by `withMetadata` from a `copyMetadata` that
   * nobody else has: the server fills in what it owns there, and needs no copy of its own.
   */
  readonly fresh?: true;
}

/** What a continue token holds (storage/continue.go): the revision of the first page, and the last key of the page before. */
export interface ContinueToken {
  readonly resourceVersion: number;
  /** `namespace/name` or name. */
  readonly after: string;
}

export interface ApiRequest {
  readonly verb: Verb;
  /** Plural resource name: `pods`. */
  readonly resource: string;
  readonly subresource?: Subresource;
  /** Empty for cluster-scoped resources and for lists over all namespaces. */
  readonly namespace: string;
  readonly name: string;
  /**
   * Body of create and update; for the `binding` subresource see `target`. An update whose `metadata.resourceVersion` is not
   * 0 succeeds only if that is still the stored one (409 Conflict else).
   */
  readonly body?: KubernetesObject;
  /** The body of a create or update was made for this request alone: the server fills in what it owns there, and needs no copy of its own. */
  readonly fresh?: true;
  readonly patch?: Patch;
  /** Node name of a binding. */
  readonly target?: string;
  /** Desired replicas, for a `scale` update. */
  readonly replicas?: number;
  /** Delete options. Absent grace: the object's own (pods: spec.terminationGracePeriodSeconds). */
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  /** Field selector spec.nodeName of a list or watch of pods: an index of the cache has them. */
  readonly nodeName?: string;
  /**
   * What a list must see: absent, the cache as it is (resourceVersion 0); `consistent`, nothing older than etcd has now
   * (resourceVersion unset), from the cache once that has caught up; `etcd`, read from etcd itself.
   */
  readonly source?: 'consistent' | 'etcd';
  /** A list (or a watch with its first objects) that must not be older than this (resourceVersionMatch NotOlderThan). */
  readonly resourceVersion?: number;
  /** Most items of an answer; the rest is asked for page by page. */
  readonly limit?: number;
  /** Where a page begins: what the answer before gave as `continue`. */
  readonly continue?: ContinueToken;
  /** A get that any version in the watch cache answers (resourceVersion "0"): etcd is not asked. */
  readonly fromCache?: true;
  /** A watch that starts with the objects there are (WatchList): it costs and carries what a list does. */
  readonly sendInitialEvents?: true;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: number };
}

export interface ApiResponse {
  /** HTTP status code; 0 when the connection failed before an answer came. */
  readonly code: number;
  /** `Status.reason` of a failure: Conflict, NotFound, AlreadyExists, Invalid, Forbidden, Timeout, TooManyRequests, … */
  readonly reason?: string;
  readonly message?: string;
  /** Text of the cause that an eviction names when a budget refuses it (`details.causes`). */
  readonly cause?: string;
  /** The object after the request (create, get, update, patch, delete). */
  readonly object?: KubernetesObject;
  readonly items?: readonly KubernetesObject[];
  /** There are more items: where the next page begins. */
  readonly continue?: ContinueToken;
  /** Items that are left after this page, when that is known (`metadata.remainingItemCount`). */
  readonly remainingItemCount?: number;
  /** Revision that a list saw. */
  readonly resourceVersion?: number;
  readonly retryAfterSeconds?: number;
}

/** Whether a response means success. */
export function succeeded(response: ApiResponse): boolean {
  return response.code >= 200 && response.code < 300;
}

/** Who gets the answer to a request: a component's object, told by a tag of its own choosing which request it was. */
export interface ResponseReceiver {
  receive(tag: number, response: ApiResponse, request: ApiRequest): void;
}

/** Whether the server has pods/eviction; kubectl asks discovery and deletes pods when it has not. */
export function servesEviction(): boolean {
  return SERVED_SUBRESOURCES.has('eviction');
}

const SERVED_SUBRESOURCES: ReadonlySet<Subresource> = new Set(['status', 'binding', 'scale', 'eviction']);
