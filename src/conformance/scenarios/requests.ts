import type { RequestAuditor } from '../../apiserver/connections.js';
import type { ApiRequest } from '../../apiserver/request.js';

/** Requests to the API server by `component|verb|resource|code`, as an audit log counts them. */
export type RequestCounts = ReadonlyMap<string, number>;

const SERVICE_ACCOUNT = 'system:serviceaccount:kube-system:';

/** The component behind a user, as the audit logs name it. */
function componentOf(user: string): string {
  if (user.startsWith(SERVICE_ACCOUNT)) return `kcm:${user.slice(SERVICE_ACCOUNT.length)}`;
  if (user === 'system:kube-scheduler') return 'scheduler';
  if (user === 'system:kwok') return 'kubelet(kwok)';
  return user === 'kubernetes-admin' ? 'user(recorder)' : user;
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
    const { verb, subresource, namespace } = request;
    if (verb === 'watch') return;
    const resource = subresource === undefined ? request.resource : `${request.resource}/${subresource}`;
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
  /** Deletions that a controller sent once more because its cache was stale, of which some found nothing. */
  repeats: number;
}

/**
 * The rows that are judged: creations, bindings and deletions by resource, sizes and statuses, conflicts. Events follow from how the
 * steps fall and are shown apart. What the API server asks of itself is not counted, nor what KWOK deletes twice.
 */
function rowOf(key: string): { readonly what: string; readonly rule: Rule } | undefined {
  const [component = '', verb = '', resource = '', code = ''] = key.split('|');
  if (component === 'apiserver' || component.startsWith('user')) return undefined;
  if (code === '409') return { what: `409 on ${resource}`, rule: CONFLICTS };
  if (!code.startsWith('2')) return undefined;
  if (resource === 'events') return component === 'scheduler' && verb === 'create' ? { what: 'POST events by the scheduler', rule: EQUAL } : undefined;
  if (verb === 'create') return { what: `POST ${resource}`, rule: EQUAL };
  if (verb === 'delete') return { what: `DELETE ${resource} by ${component}`, rule: EQUAL };
  if (resource.endsWith('/status')) return { what: `${verb === 'patch' ? 'PATCH' : 'PUT'} ${resource}`, rule: STATUS };
  if (verb === 'update') return { what: `PUT ${resource}`, rule: SCALE };
  return verb === 'patch' ? { what: `PATCH ${resource} by ${component}`, rule: SCALE } : undefined;
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
    if (sum === undefined) sums.set(row.what, (sum = { real: 0, model: models.map(() => 0), rule: row.rule, repeats: 0 }));
    return sum;
  };
  for (const [key, number] of real) {
    const sum = sumOf(key);
    if (sum === undefined) continue;
    sum.real += number;
    if (key.startsWith('kcm:') && key.includes('|delete|')) sum.repeats += real.get(key.replace(/\|200$/, '|404')) ?? 0;
  }
  models.forEach((counts, i) => {
    for (const [key, number] of counts) {
      const sum = sumOf(key);
      if (sum !== undefined) sum.model[i]! += number;
    }
  });
  return [...sums].map(([what, { real: a, model, rule, repeats }]): RequestRow => {
    const b = [...model].sort((x, y) => x - y)[model.length >> 1]!;
    const holds = Math.abs(a - b) <= rule.slack(a) + repeats;
    return { scenario, what, real: a, model: b, rule: repeats > 0 ? `${rule.name} but for ${repeats} repeated` : rule.name, holds };
  });
}
