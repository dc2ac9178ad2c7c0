import { resourceInfo } from '../api/resources.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Call } from './call.js';
import { typicalBytes } from './object-size.js';
import type { ApiRequest, ApiResponse } from './request.js';

/** Whether a request may change something. */
export function isMutating(request: ApiRequest): boolean {
  return request.verb !== 'get' && request.verb !== 'list' && request.verb !== 'watch';
}

/** Bytes of a request's body. */
export function requestBytes({ resource, body, patch }: ApiRequest): number {
  return body === undefined ? (patch?.bytes ?? 0) : typicalBytes(resource, body);
}

/** Bytes of an answer's body. */
export function responseBytes(request: ApiRequest, response: ApiResponse): number {
  if (response.items !== undefined) return response.items.length * resourceInfo(request.resource).typicalBytes;
  return response.object === undefined ? 0 : typicalBytes(request.resource, response.object);
}

/** Remarks on the object of a write, for traces: under `namespace/name` for pods, with the kind for the rest. */
export function note(simulation: Simulation, call: Call, response: ApiResponse): void {
  const { request } = call;
  const name = response.object?.metadata.name ?? request.name;
  const key = request.namespace === '' ? name : `${request.namespace}/${name}`;
  const subject = request.resource === 'pods' ? key : `${request.resource} ${key}`;
  const what = request.subresource === undefined ? request.verb : `${request.verb} ${request.subresource}`;
  const target = request.target === undefined ? '' : ` to ${request.target}`;
  simulation.note(subject, `${what}${target} by ${call.user}: ${response.code} ${response.reason ?? ''}`.trimEnd());
}
