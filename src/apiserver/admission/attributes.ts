import type { KubernetesObject } from '../../api/meta.js';
import { resourceInfo } from '../../api/resources.js';
import type { Duration } from '../../kernel/time.js';
import { failure } from '../call.js';
import type { ApiRequest, ApiResponse } from '../request.js';

/** What admission asks for (k8s.io/apiserver pkg/admission Attributes). */
export type Operation = 'CREATE' | 'UPDATE' | 'DELETE';

export interface Attributes {
  readonly request: ApiRequest;
  readonly operation: Operation;
  /** The object as it would be stored; undefined for DELETE and for subresources with a body of their own (binding, eviction). */
  readonly object: KubernetesObject | undefined;
  /** The stored object; undefined for CREATE. */
  readonly old: KubernetesObject | undefined;
}

/** What admission looks up in the server's caches. All look-ups cost O(1) or what they return. */
export interface AdmissionView {
  /** Object of a resource by key (`namespace/name`, or `name`). */
  get(resource: string, key: string): KubernetesObject | undefined;
  /** Objects of a resource in a namespace (empty: cluster-scoped ones). Only for resources that are indexed. */
  in(resource: string, namespace: string): Iterable<KubernetesObject>;
  /** A number that changes with every change of an indexed resource. */
  version(resource: string): number;
}

/** What a plugin makes of a request: goes on (with another object), refuses, or looks again after a while. */
export type Verdict =
  | { readonly kind: 'allow'; readonly object: KubernetesObject | undefined }
  | { readonly kind: 'refuse'; readonly response: ApiResponse }
  | { readonly kind: 'wait'; readonly delay: Duration };

/** `pods "web-x" is forbidden: why` (admission.NewForbidden): the name, or generateName while there is none. */
export function forbiddenBy({ request, object }: Attributes, why: string): ApiResponse {
  const { group } = resourceInfo(request.resource);
  const resource = group === '' ? request.resource : `${request.resource}.${group}`;
  const metadata = object?.metadata;
  const name = request.name !== '' ? request.name : metadata?.name !== undefined && metadata.name !== '' ? metadata.name : (metadata?.generateName ?? '');
  return failure(403, `${resource}${name === '' ? '' : ` "${name}"`} is forbidden: ${why}`);
}

export function refuse(response: ApiResponse): Verdict {
  return { kind: 'refuse', response };
}

/** Errors of a plugin that finds several (utilerrors.NewAggregate). */
export function aggregate(messages: readonly string[]): string {
  const distinct = [...new Set(messages)];
  return distinct.length === 1 ? distinct[0]! : `[${distinct.join(', ')}]`;
}
