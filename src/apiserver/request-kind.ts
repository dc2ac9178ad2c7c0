import { resourceInfo, resourceNumber, resources } from '../api/resources.js';
import { sizesDiffer } from './object-size.js';
import type { ApiRequest, Subresource, Verb } from './request.js';

const VERBS: readonly Verb[] = ['create', 'get', 'list', 'watch', 'update', 'patch', 'delete', 'deletecollection'];
const SUBRESOURCES: readonly (Subresource | undefined)[] = [undefined, 'status', 'binding', 'scale', 'eviction', 'token'];

/** How many numbers of kinds there are. */
export const REQUEST_KINDS = VERBS.length * SUBRESOURCES.length * resources().length;

/**
 * What all requests of one verb, resource and subresource have in common. Requests are plain objects with the fields that they need, so that
 * each look at one is a search; a call takes its kind when it is made, and what is kept by kind is found by a number.
 */
export class RequestKind {
  /** The same in every process: below `REQUEST_KINDS`. */
  readonly number: number;
  readonly verb: Verb;
  readonly resource: string;
  readonly subresource: Subresource | undefined;
  /** Place of the resource among all that are served. */
  readonly resourceNumber: number;
  /** It may change something. */
  readonly mutating: boolean;
  /** It makes an object. */
  readonly creates: boolean;
  /** Bytes of the objects of the resource; negative: they differ. */
  readonly objectBytes: number;

  constructor(verb: Verb, resource: string, subresource: Subresource | undefined) {
    const info = resourceInfo(resource);
    this.verb = verb;
    this.resource = info.resource;
    this.subresource = subresource;
    this.resourceNumber = resourceNumber(resource);
    this.number = (this.resourceNumber * VERBS.length + VERBS.indexOf(verb)) * SUBRESOURCES.length + SUBRESOURCES.indexOf(subresource);
    this.mutating = verb !== 'get' && verb !== 'list' && verb !== 'watch';
    this.creates = verb === 'create' && subresource === undefined;
    this.objectBytes = sizesDiffer(resource) ? -1 : info.typicalBytes;
  }
}

/** The kinds asked for so far, by resource: nothing that a run could see. */
const known = new Map<string, RequestKind[]>();

/** The kind of requests of a verb, resource and subresource. Throws for a resource that is not served. */
export function requestKind(verb: Verb, resource: string, subresource: Subresource | undefined): RequestKind {
  let kinds = known.get(resource);
  if (kinds === undefined) known.set(resource, (kinds = []));
  for (let i = 0; i < kinds.length; i++) {
    const kind = kinds[i]!;
    if (kind.verb === verb && kind.subresource === subresource) return kind;
  }
  const kind = new RequestKind(verb, resource, subresource);
  kinds.push(kind);
  return kind;
}

/** The kind of a request. */
export function kindOf({ verb, resource, subresource }: ApiRequest): RequestKind {
  return requestKind(verb, resource, subresource);
}
