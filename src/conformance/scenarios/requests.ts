import type { RequestAuditor } from '../../apiserver/connections.js';
import type { ApiRequest } from '../../apiserver/request.js';

/** Requests to the API server by `component|verb|resource|code`, as an audit log counts them. */
export type RequestCounts = ReadonlyMap<string, number>;

const SERVICE_ACCOUNT = 'system:serviceaccount:kube-system:';

/** The component behind a user, as the audit logs name it. */
export function componentOf(user: string): string {
  if (user.startsWith(SERVICE_ACCOUNT)) return `kcm:${user.slice(SERVICE_ACCOUNT.length)}`;
  if (user === 'system:kube-scheduler') return 'scheduler';
  if (user === 'system:kwok') return 'kubelet(kwok)';
  return user === 'kubernetes-admin' ? 'user(recorder)' : user;
}

/** Resource and subresource, as the audit logs name them. */
export function resourceOf({ resource, subresource }: ApiRequest): string {
  return subresource === undefined ? resource : `${resource}/${subresource}`;
}

/** Counts the requests about one namespace, and those of the nodes' leases and statuses. */
export class AuditLog implements RequestAuditor {
  readonly counts = new Map<string, number>();
  /** Requests about nodes and their leases, by `verb resource`. */
  readonly nodes = new Map<string, number>();
  private readonly namespace: string;

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  answered(user: string, request: ApiRequest, code: number): void {
    const { verb, namespace } = request;
    if (verb === 'watch') return;
    const resource = resourceOf(request);
    if (namespace === this.namespace) count(this.counts, `${componentOf(user)}|${verb}|${resource}|${code}`);
    else if (user === 'system:kwok') count(this.nodes, `${verb} ${resource}`);
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** One row of a comparison of request counts. */
export interface RequestRow {
  readonly scenario: string;
  readonly what: string;
  readonly real: number;
  readonly model: number;
  /** How far the model may be off, in words. */
  readonly rule: string;
  readonly holds: boolean;
}

/** Controllers that tell of each size that they write. */
const SCALERS = new Set(['kcm:deployment-controller', 'kcm:horizontal-pod-autoscaler']);

interface Rule {
  readonly name: string;
  readonly slack: (real: number) => number;
}

const EQUAL: Rule = { name: 'equal', slack: () => 0 };
const SCALE: Rule = { name: '± 1', slack: () => 1 };
const STATUS: Rule = { name: '± 25 %', slack: (real) => real / 4 };
const CONFLICTS: Rule = { name: '± (2 + 50 %)', slack: (real) => 2 + real / 2 };

interface Sum {
  readonly rule: Rule;
  real: number;
  /** Of each replay. */
  readonly model: number[];
  /** Deletions that a controller sent once more because its cache was stale, of which some found nothing; their events. */
  repeats: number;
  /** Events that were not written before the namespace went. */
  unwritten: number;
}

/**
 * The rows that are judged: creations, bindings and deletions by resource, sizes and statuses, conflicts, events. What the API server asks
 * of itself is not counted, nor what KWOK deletes twice, nor GETs, which follow conflicts.
 */
function rowOf(key: string): { readonly what: string; readonly rule: Rule } | undefined {
  const [component = '', verb = '', resource = '', code = ''] = key.split('|');
  if (component === 'apiserver' || component.startsWith('user')) return undefined;
  if (code === '409') return { what: `409 on ${resource}`, rule: CONFLICTS };
  if (code === '403') return { what: `403 on ${resource}`, rule: STATUS };
  if (!code.startsWith('2')) return undefined;
  if (verb === 'create') {
    if (resource !== 'events') return { what: `POST ${resource}`, rule: EQUAL };
    return { what: `POST events by ${component}`, rule: SCALERS.has(component) ? SCALE : EQUAL };
  }
  if (verb === 'delete') return { what: `DELETE ${resource} by ${component}`, rule: EQUAL };
  if (resource.endsWith('/status')) return { what: `${verb === 'patch' ? 'PATCH' : 'PUT'} ${resource}`, rule: STATUS };
  if (verb === 'update') return { what: `PUT ${resource}`, rule: SCALE };
  return verb === 'patch' ? { what: `PATCH ${resource} by ${component}`, rule: SCALE } : undefined;
}

/** Recorders pass at most so many events of one object on at once (client-go, EventSourceObjectSpamFilter). */
const EVENT_BURST = 25;

/**
 * Events about pods that the ReplicaSet controller still owed when the namespace went: one goroutine writes the events of all its
 * ReplicaSets, those of the other scenarios that ran included.
 */
function unwrittenEvents(counts: RequestCounts, component: string): number {
  const number = (key: string): number => counts.get(`${component}|${key}`) ?? 0;
  const owed = Math.min(number('create|pods|201') + number('delete|pods|200'), EVENT_BURST * (counts.get('kcm:deployment-controller|create|replicasets|201') ?? 1));
  return Math.max(0, owed - number('create|events|201') - number('patch|events|200'));
}

/**
 * Rows for one scenario: recorded counts against those of replays with seeds of their own, of which the median counts: how changes
 * fall together, a millisecond apart, decides how many statuses are written.
 */
export function compareRequests(scenario: string, real: RequestCounts, models: readonly RequestCounts[]): readonly RequestRow[] {
  const sums = new Map<string, Sum>();
  const sumOf = (key: string): Sum | undefined => {
    const row = rowOf(key);
    if (row === undefined) return undefined;
    let sum = sums.get(row.what);
    if (sum === undefined) sums.set(row.what, (sum = { real: 0, model: models.map(() => 0), rule: row.rule, repeats: 0, unwritten: 0 }));
    return sum;
  };
  for (const [key, number] of real) {
    const sum = sumOf(key);
    if (sum === undefined) continue;
    sum.real += number;
    if (!key.startsWith('kcm:')) continue;
    const component = key.slice(0, key.indexOf('|'));
    if (key.includes('|delete|')) sum.repeats += real.get(key.replace(/\|200$/, '|404')) ?? 0;
    else if (key.includes('|events|')) sum.repeats += real.get(`${component}|delete|pods|404`) ?? 0;
    if (key === 'kcm:replicaset-controller|create|events|201') sum.unwritten = unwrittenEvents(real, component);
  }
  models.forEach((counts, i) => {
    for (const [key, number] of counts) {
      const sum = sumOf(key);
      if (sum !== undefined) sum.model[i]! += number;
    }
  });
  return [...sums].map(([what, { real: a, model, rule, repeats, unwritten }]): RequestRow => {
    const b = [...model].sort((x, y) => x - y)[model.length >> 1]!;
    const exceptions = [...(repeats > 0 ? [`${repeats} repeated`] : []), ...(unwritten > 0 ? [`${unwritten} not written`] : [])];
    const holds = Math.abs(a + unwritten - b) <= rule.slack(a) + repeats;
    return { scenario, what, real: a, model: b, rule: exceptions.length > 0 ? `${rule.name} but for ${exceptions.join(', ')}` : rule.name, holds };
  });
}
