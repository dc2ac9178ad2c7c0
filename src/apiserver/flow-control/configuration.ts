import type { ApiRequest } from '../request.js';
import { REQUEST_KINDS, type RequestKind } from '../request-kind.js';
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

/** The same with the queues of its level that the flow may use, which are dealt when its first request joins one. */
export interface Flow extends Classification, Hand {
  /** Number of the schema, below `FLOW_SCHEMA_COUNT`. */
  readonly number: number;
  /** Namespace of its requests, where they are told apart by that; empty: they are not. */
  readonly namespace: string;
  /** Another flow of the same client. */
  readonly next: Flow | null;
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

/** How many schemas there are. */
export const FLOW_SCHEMA_COUNT = FLOW_SCHEMAS.length;

/** Puts a request of a user into a schema, a level and a flow. */
export function classify(request: ApiRequest, user: string): Classification {
  return classification(FLOW_SCHEMAS[schemaOf(request, user)]!, user, request.namespace);
}

function classification({ name, level, distinguisher }: FlowSchema, user: string, namespace: string): Classification {
  const part = distinguisher === 'ByUser' ? user : distinguisher === 'ByNamespace' ? namespace : '';
  return { schema: name, level, flow: `${name}/${part}` };
}

function schemaOf(request: ApiRequest, user: string): number {
  const number = FLOW_SCHEMAS.findIndex((schema) => schema.matches(request, user));
  if (number < 0) throw new Error('catch-all matches everything');
  return number;
}

/** Users by what the schemas see of them. */
const USERS = ['system:masters', 'system:kube-controller-manager', 'system:kube-scheduler', `${SYSTEM_SERVICE_ACCOUNT}endpoint-controller`, 'system:anonymous'];
const USER_PREFIXES = [NODE, SYSTEM_SERVICE_ACCOUNT, SERVICE_ACCOUNT];
const SORTS_OF_USERS = USERS.length + USER_PREFIXES.length + 1;

function sortOf(user: string): number {
  const whole = USERS.indexOf(user);
  if (whole >= 0) return whole;
  const prefix = USER_PREFIXES.findIndex((each) => user.startsWith(each));
  return prefix < 0 ? SORTS_OF_USERS - 1 : USERS.length + prefix;
}

/** Numbers of schemas + 1 (0: not asked for yet) by sort of user, whether the namespace is kube-system, and kind of request: all that schemas look at. */
const schemas = new Uint8Array(SORTS_OF_USERS * 2 * REQUEST_KINDS);

/** Flows of a client that are remembered. */
const REMEMBERED = 8;

/** A client as its requests are classified. */
export interface Classified {
  readonly user: string;
  /** Sort of its user; negative: not known yet. */
  sort: number;
  /** The first of its flows. */
  flow: Flow | null;
}

/** The flow of a client's request. Clients keep theirs, so that no request of theirs is looked up by name. */
export function flowOf(request: ApiRequest, kind: RequestKind, namespace: string, client: Classified): Flow {
  if (client.sort < 0) client.sort = sortOf(client.user);
  const at = (2 * client.sort + (namespace === 'kube-system' ? 1 : 0)) * REQUEST_KINDS + kind.number;
  if (schemas[at] === 0) schemas[at] = 1 + schemaOf(request, client.user);
  const number = schemas[at]! - 1;
  const part = FLOW_SCHEMAS[number]!.distinguisher === 'ByNamespace' ? namespace : '';
  let count = 0;
  for (let flow = client.flow; flow !== null; flow = flow.next) {
    if (flow.number === number && flow.namespace === part) return flow;
    count++;
  }
  const first = count < REMEMBERED ? client.flow : null;
  return (client.flow = new KnownFlow(number, part, classification(FLOW_SCHEMAS[number]!, client.user, namespace), first));
}

class KnownFlow implements Flow {
  readonly number: number;
  readonly namespace: string;
  readonly schema: string;
  readonly level: string;
  readonly flow: string;
  cards = -1;
  moreCards = 0;
  readonly next: Flow | null;

  constructor(number: number, namespace: string, where: Classification, next: Flow | null) {
    this.number = number;
    this.namespace = namespace;
    this.schema = where.schema;
    this.level = where.level;
    this.flow = where.flow;
    this.next = next;
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
