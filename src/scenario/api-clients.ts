import { z } from 'zod';
import { resources } from '../api/resources.js';
import { durationText, rateText, text, wholeNumber } from './schema-values.js';
import type { ApiClientSpec } from './types.js';
import { duration, rate } from './units.js';

/** Programs that use the API beside the cluster's own components. */
export const apiClientSchema = z.strictObject({
  name: text('Name of the program.'),
  user: text('Whom it authenticates as. Default system:serviceaccount:NAMESPACE:NAME; its roles decide what it may do.').optional(),
  namespace: text('Namespace of its objects. Default `default`.').optional(),
  verb: z
    .enum(['list', 'get', 'create', 'update'], { error: 'expected list, get, create or update' })
    .describe('list asks for all objects; get and update go through 20 objects that it creates first.'),
  resource: text('Plural name: any that is served for list; configmaps or events else.'),
  rate: rateText('Mean requests, Poisson: 500/s.'),
  concurrency: wholeNumber('Requests in flight at most; more are merged. Default 10.', 1, 100000).optional(),
  qps: z.number({ error: 'expected a number' }).positive().optional().describe('Client-side limit. Default: none.'),
  burst: wholeNumber('Burst of the client-side limit. Default: qps.', 1).optional(),
  source: z
    .enum(['cache', 'consistent', 'etcd'], { error: 'expected cache, consistent or etcd' })
    .optional()
    .describe('list: cache, resourceVersion 0 (the default); consistent, resourceVersion unset, from cache once that is as new as etcd; etcd, read from etcd.'),
  limit: wholeNumber('list, source consistent or etcd: objects of a page; all pages, of one revision, are fetched one after the other.', 1).optional(),
  from: durationText('First request; default 0s.').optional(),
  until: durationText('Last request; default the end of the run.').optional(),
});

export type RawApiClient = z.infer<typeof apiClientSchema>;

/** A client of a scenario file; `complain` is told what is wrong. */
export function toApiClient(raw: RawApiClient, complain: (key: string, message: string) => void): ApiClientSpec | undefined {
  const served = resources().map(({ resource }) => resource);
  const known = raw.verb === 'list' ? served : ['configmaps', 'events'];
  if (!known.includes(raw.resource)) {
    complain('resource', `expected ${raw.verb === 'list' ? 'a resource that is served' : known.join(' or ')}, found "${raw.resource}"`);
    return undefined;
  }
  if (raw.verb !== 'list' && (raw.source !== undefined || raw.limit !== undefined)) {
    complain(raw.source === undefined ? 'limit' : 'source', 'belongs to lists');
    return undefined;
  }
  if (raw.limit !== undefined && (raw.source ?? 'cache') === 'cache') {
    complain('limit', 'a list with resourceVersion 0 comes whole: pages need "source: consistent" or "source: etcd"');
    return undefined;
  }
  const namespace = raw.namespace ?? 'default';
  return {
    name: raw.name,
    user: raw.user ?? `system:serviceaccount:${namespace}:${raw.name}`,
    namespace,
    verb: raw.verb,
    resource: raw.resource,
    rate: rate(raw.rate),
    concurrency: raw.concurrency ?? 10,
    qps: raw.qps ?? 0,
    burst: raw.burst ?? Math.ceil(raw.qps ?? 0),
    start: raw.from === undefined ? 0 : duration(raw.from),
    ...(raw.source === undefined || raw.source === 'cache' ? {} : { source: raw.source }),
    ...(raw.limit === undefined ? {} : { limit: raw.limit }),
    ...(raw.until === undefined ? {} : { end: duration(raw.until) }),
  };
}
