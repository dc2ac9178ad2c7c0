import { resourceInfo } from '../api/resources.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Call } from './call.js';
import { typicalBytes } from './object-size.js';
import type { ApiResponse } from './request.js';
import type { RequestKind } from './request-kind.js';

/** Bytes of an answer's body. */
export function responseBytes({ resource, objectBytes }: RequestKind, { items, object }: ApiResponse): number {
  if (items !== undefined) return items.length * resourceInfo(resource).typicalBytes;
  return object === undefined ? 0 : objectBytes >= 0 ? objectBytes : typicalBytes(resource, object);
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
