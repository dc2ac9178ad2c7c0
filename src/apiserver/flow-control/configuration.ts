import type { ApiRequest } from '../request.js';
import type { Hand } from './shuffle-shard.js';

/**
 * API Priority and Fairness as every cluster starts with it (k8s.io/apiserver pkg/apis/flowcontrol/bootstrap/default.go): priority
 * levels share the server's seats, flow schemas put requests into levels and flows.
 */
export interface PriorityLevel {
  readonly name: string;
  readonly nominalShares: number;
  /** Part of the nominal seats that others may borrow, percent. */
  readonly lendablePercent: number;
  /** `exempt`: no limit; `reject`: 429 when the seats are taken; `queue`: fair queuing. */
  readonly response: 'exempt' | 'reject' | 'queue';
  readonly queues: number;
  readonly handSize: number;
  readonly queueLengthLimit: number;
}

export const PRIORITY_LEVELS: readonly PriorityLevel[] = [
  { name: 'exempt', nominalShares: 0, lendablePercent: 0, response: 'exempt', queues: 0, handSize: 0, queueLengthLimit: 0 },
  { name: 'system', nominalShares: 30, lendablePercent: 33, response: 'queue', queues: 64, handSize: 6, queueLengthLimit: 50 },
  { name: 'node-high', nominalShares: 40, lendablePercent: 25, response: 'queue', queues: 64, handSize: 6, queueLengthLimit: 50 },
  { name: 'leader-election', nominalShares: 10, lendablePercent: 0, response: 'queue', queues: 16, handSize: 4, queueLengthLimit: 50 },
  { name: 'workload-high', nominalShares: 40, lendablePercent: 50, response: 'queue', queues: 128, handSize: 6, queueLengthLimit: 50 },
  { name: 'workload-low', nominalShares: 100, lendablePercent: 90, response: 'queue', queues: 128, handSize: 6, queueLengthLimit: 50 },
  { name: 'global-default', nominalShares: 20, lendablePercent: 50, response: 'queue', queues: 128, handSize: 6, queueLengthLimit: 50 },
  { name: 'catch-all', nominalShares: 5, lendablePercent: 0, response: 'reject', queues: 0, handSize: 0, queueLengthLimit: 0 },
];

/** What tells the flows of a schema apart. */
export type Distinguisher = 'ByUser' | 'ByNamespace' | 'none';

/** Where a request belongs. */
export interface Classification {
  readonly schema: string;
  readonly level: string;
  /** Schema and distinguisher: requests of one flow share a hand of queues. */
  readonly flow: string;
}

/** The same with the requests that it is of, and the queues of its level that the flow may use, which are dealt when its first request joins one. */
export interface Flow extends Classification, Hand {
  readonly resource: string;
  readonly verb: string;
  readonly namespace: string;
}

interface FlowSchema {
  readonly name: string;
  readonly precedence: number;
  readonly level: string;
  readonly distinguisher: Distinguisher;
  matches(request: ApiRequest, user: string): boolean;
}

const NODE = 'system:node:';
const SERVICE_ACCOUNT = 'system:serviceaccount:';
const SYSTEM_SERVICE_ACCOUNT = 'system:serviceaccount:kube-system:';

function electsLeaders(request: ApiRequest): boolean {
  return request.resource === 'leases' && (request.verb === 'get' || request.verb === 'create' || request.verb === 'update');
}

/** In order of precedence; the first that matches holds. */
const FLOW_SCHEMAS: readonly FlowSchema[] = [
  { name: 'exempt', precedence: 1, level: 'exempt', distinguisher: 'none', matches: (_, user) => user === 'system:masters' },
  {
    name: 'system-leader-election',
    precedence: 100,
    level: 'leader-election',
    distinguisher: 'ByUser',
    matches: (request, user) =>
      (user === 'system:kube-controller-manager' || user === 'system:kube-scheduler') &&
      electsLeaders(request) &&
      request.namespace === 'kube-system',
  },
  {
    name: 'endpoint-controller',
    precedence: 150,
    level: 'workload-high',
    distinguisher: 'ByUser',
    matches: (request, user) =>
      user === `${SYSTEM_SERVICE_ACCOUNT}endpoint-controller` &&
      request.resource === 'endpoints' &&
      (request.verb === 'get' || request.verb === 'create' || request.verb === 'update'),
  },
  {
    name: 'workload-leader-election',
    precedence: 200,
    level: 'leader-election',
    distinguisher: 'ByUser',
    matches: (request, user) => user.startsWith(SYSTEM_SERVICE_ACCOUNT) && electsLeaders(request),
  },
  {
    name: 'system-node-high',
    precedence: 400,
    level: 'node-high',
    distinguisher: 'ByUser',
    matches: (request, user) => user.startsWith(NODE) && (request.resource === 'nodes' || request.resource === 'leases'),
  },
  { name: 'system-nodes', precedence: 500, level: 'system', distinguisher: 'ByUser', matches: (_, user) => user.startsWith(NODE) },
  {
    name: 'kube-controller-manager',
    precedence: 800,
    level: 'workload-high',
    distinguisher: 'ByNamespace',
    matches: (_, user) => user === 'system:kube-controller-manager',
  },
  {
    name: 'kube-scheduler',
    precedence: 800,
    level: 'workload-high',
    distinguisher: 'ByNamespace',
    matches: (_, user) => user === 'system:kube-scheduler',
  },
  {
    name: 'kube-system-service-accounts',
    precedence: 900,
    level: 'workload-high',
    distinguisher: 'ByNamespace',
    matches: (_, user) => user.startsWith(SYSTEM_SERVICE_ACCOUNT),
  },
  {
    name: 'service-accounts',
    precedence: 9000,
    level: 'workload-low',
    distinguisher: 'ByUser',
    matches: (_, user) => user.startsWith(SERVICE_ACCOUNT),
  },
  { name: 'global-default', precedence: 9900, level: 'global-default', distinguisher: 'ByUser', matches: (_, user) => user !== 'system:anonymous' },
  { name: 'catch-all', precedence: 10000, level: 'catch-all', distinguisher: 'ByUser', matches: () => true },
];

/** Puts a request of a user into a schema, a level and a flow. */
export function classify(request: ApiRequest, user: string): Classification {
  const { name, level, distinguisher } = schemaOf(request, user);
  const part = distinguisher === 'ByUser' ? user : distinguisher === 'ByNamespace' ? request.namespace : '';
  return { schema: name, level, flow: `${name}/${part}` };
}

function schemaOf(request: ApiRequest, user: string): FlowSchema {
  for (const schema of FLOW_SCHEMAS) if (schema.matches(request, user)) return schema;
  throw new Error('catch-all matches everything');
}

/**
 * Classifications by user and resource, of the verb and namespace that came last: most users repeat themselves. Clients keep the one of
 * their last request, so that a kubelet's renewals of its lease need no look-up by name.
 */
export class Classifier {
  private readonly byUser = new Map<string, Remembered>();

  classify(request: ApiRequest, client: { readonly user: string; flow: Flow | null }): Flow {
    const { resource, verb, namespace } = request;
    const last = client.flow;
    if (last !== null && last.resource === resource && last.verb === verb && last.namespace === namespace) return last;
    const { user } = client;
    const first = this.byUser.get(user);
    let known = first;
    while (known !== undefined && known.resource !== resource) known = known.next;
    if (known === undefined) {
      known = new Remembered(request, classify(request, user), first);
      this.byUser.set(user, known);
    } else if (known.verb !== verb || known.namespace !== namespace) known.become(request, classify(request, user));
    client.flow = known;
    return known;
  }
}

/** The last classification of a user's requests for a resource; a user has few of them. */
class Remembered implements Flow {
  readonly resource: string;
  verb: string;
  namespace: string;
  schema: string;
  level: string;
  flow: string;
  cards = -1;
  moreCards = 0;
  readonly next: Remembered | undefined;

  constructor({ resource, verb, namespace }: ApiRequest, where: Classification, next: Remembered | undefined) {
    this.resource = resource;
    this.verb = verb;
    this.namespace = namespace;
    this.schema = where.schema;
    this.level = where.level;
    this.flow = where.flow;
    this.next = next;
  }

  become({ verb, namespace }: ApiRequest, { schema, level, flow }: Classification): void {
    this.verb = verb;
    this.namespace = namespace;
    this.schema = schema;
    this.level = level;
    if (this.flow === flow) return;
    this.flow = flow;
    this.cards = -1;
  }
}

/** Seats of a level of a server: ⌈limit · shares / Σ shares⌉ (apf_controller.go). */
export function nominalSeats(level: PriorityLevel, serverLimit: number): number {
  let total = 0;
  for (const { nominalShares } of PRIORITY_LEVELS) total += nominalShares;
  return Math.ceil((serverLimit * level.nominalShares) / total);
}

/** Most seats that one request of a level may take (at most 15 % of the nominal seats, and a hand of it must fit). */
export function maximumSeats(level: PriorityLevel, nominal: number): number {
  if (level.response !== 'queue') return nominal;
  return Math.max(1, Math.min(Math.ceil(0.15 * nominal), Math.floor(nominal / level.handSize)));
}
