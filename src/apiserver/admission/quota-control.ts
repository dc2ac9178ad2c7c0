import type { Pod } from '../../api/core.js';
import type { KubernetesObject } from '../../api/meta.js';
import type { ResourceQuota } from '../../api/policy.js';
import type { EtcdClient, EtcdReceiver, EtcdResponse } from '../../etcd/types.js';
import { objectOf, stamp } from '../cache-feeder.js';
import { REGISTRY } from '../cached-objects.js';
import { failure } from '../call.js';
import { typicalBytes } from '../object-size.js';
import type { ApiRequest, ApiResponse } from '../request.js';
import { type AdmissionView, type Attributes, forbiddenBy } from './attributes.js';
import { charge, constraintProblem, increase, inScope, type Usage, usageOf } from './quota.js';

/** resourcequota/controller.go: tries of a batch whose status update met a conflict. */
const ATTEMPTS = 3;
const LIVES = 64;

/** Whether what requests of a kind change may count: new objects, and those that can grow. */
export function quotasConcern({ verb, resource, subresource }: Pick<ApiRequest, 'verb' | 'resource'> & { readonly subresource?: string | undefined }): boolean {
  if (subresource !== undefined || verb === 'delete') return false;
  return verb === 'create' || resource === 'services' || resource === 'persistentvolumeclaims';
}

/** Told when the quotas of a namespace have let a request pass, or why not. */
export interface QuotaOwner {
  quotaDecided(slot: number, refusal: ApiResponse | undefined): void;
}

/** A request that waits for the quotas of its namespace. */
interface Waiter {
  readonly slot: number;
  readonly attributes: Attributes;
  readonly usage: Usage;
  readonly before: Usage | undefined;
}

/** The requests of one namespace that are decided together, with one status update a quota. */
class Batch {
  readonly number: number;
  readonly namespace: string;
  waiters: readonly Waiter[];
  /** Waiters whose charges are in the updates below. */
  passed: readonly Waiter[] = [];
  /** Quotas with their new use, still to be written. */
  updates: readonly ResourceQuota[] = [];
  /** How many of them are written. */
  written = 0;
  attempts = 0;

  constructor(number: number, namespace: string, waiters: readonly Waiter[]) {
    this.number = number;
    this.namespace = namespace;
    this.waiters = waiters;
  }
}

interface Namespace {
  /** Newest version of each quota that this server has written or met, when the cache does not have it yet. */
  readonly known: Map<string, ResourceQuota>;
  waiting: Waiter[];
  working: boolean;
}

/**
 * The quota plugin at work: requests of one namespace are decided in batches, each of which charges the quotas in memory and writes
 * their status with optimistic concurrency before its requests go on. What a batch takes to write, requests that come later wait.
 */
export class QuotaControl implements EtcdReceiver {
  private readonly view: AdmissionView;
  private readonly etcd: EtcdClient;
  private readonly owner: QuotaOwner;
  private readonly namespaces = new Map<string, Namespace>();
  private readonly batches = new Map<number, Batch>();
  private nextBatch = 0;
  private life = 0;

  constructor(view: AdmissionView, etcd: EtcdClient, owner: QuotaOwner) {
    this.view = view;
    this.etcd = etcd;
    this.owner = owner;
  }

  /** The process died. */
  reset(): void {
    this.life++;
    this.namespaces.clear();
    this.batches.clear();
  }

  /** Whether quotas have a say in a request: it creates, or makes larger, what a quota of its namespace counts. */
  concerns({ request, object }: Attributes): boolean {
    if (object === undefined || request.namespace === '' || !quotasConcern(request)) return false;
    for (const _ of this.view.in('resourcequotas', request.namespace)) return true;
    return false;
  }

  /** Queues a request that quotas have a say in; the owner is told of the decision. */
  decide(slot: number, attributes: Attributes): void {
    const { request, object, old } = attributes;
    const { namespace, resource } = request;
    let entry = this.namespaces.get(namespace);
    if (entry === undefined) this.namespaces.set(namespace, (entry = { known: new Map(), waiting: [], working: false }));
    const before = old === undefined ? undefined : usageOf(resource, old);
    entry.waiting.push({ slot, attributes, usage: usageOf(resource, object!), before });
    if (!entry.working) this.next(namespace, entry);
  }

  private next(namespace: string, entry: Namespace): void {
    entry.working = entry.waiting.length > 0;
    if (!entry.working) return;
    const batch = new Batch(this.nextBatch++, namespace, entry.waiting);
    entry.waiting = [];
    this.batches.set(batch.number, batch);
    this.check(batch, entry);
  }

  /** Charges the waiters one after the other; the refused ones are answered, the others wait for the updates. */
  private check(batch: Batch, entry: Namespace): void {
    const quotas = this.quotas(batch.namespace, entry);
    const changed = new Set<string>();
    const passed: Waiter[] = [];
    for (const waiter of batch.waiters) {
      const why = chargeAll(waiter, quotas, changed);
      if (why === undefined) passed.push(waiter);
      else this.owner.quotaDecided(waiter.slot, forbiddenBy(waiter.attributes, why));
    }
    batch.passed = passed;
    batch.updates = [...quotas.values()].filter(({ metadata }) => changed.has(metadata.name));
    batch.written = 0;
    this.write(batch, entry);
  }

  /** Quotas of a namespace by name: the cached ones, or newer ones that this server knows. */
  private quotas(namespace: string, entry: Namespace): Map<string, ResourceQuota> {
    const quotas = new Map<string, ResourceQuota>();
    for (const object of this.view.in('resourcequotas', namespace)) {
      const { name, resourceVersion } = object.metadata;
      const known = entry.known.get(name);
      if (known !== undefined && known.metadata.resourceVersion > resourceVersion) quotas.set(name, known);
      else {
        entry.known.delete(name);
        quotas.set(name, object as ResourceQuota);
      }
    }
    return quotas;
  }

  private write(batch: Batch, entry: Namespace): void {
    const quota = batch.updates[batch.written];
    if (quota === undefined) {
      this.batches.delete(batch.number);
      for (const { slot } of batch.passed) this.owner.quotaDecided(slot, undefined);
      this.next(batch.namespace, entry);
      return;
    }
    const key = `${REGISTRY}resourcequotas/${batch.namespace}/${quota.metadata.name}`;
    const expectedModRevision = quota.metadata.resourceVersion;
    const bytes = typicalBytes('resourcequotas', quota);
    const value: ResourceQuota = { ...quota, metadata: { ...quota.metadata } };
    batch.updates = batch.updates.with(batch.written, value);
    this.etcd.request({ op: 'txn', key, expectedModRevision, then: 'put', value, bytes }, this, batch.number * LIVES + (this.life % LIVES));
  }

  etcdResponse(tag: number, response: EtcdResponse): void {
    const batch = this.batches.get(Math.floor(tag / LIVES));
    if (tag % LIVES !== this.life % LIVES || batch === undefined) return;
    const entry = this.namespaces.get(batch.namespace)!;
    const quota = batch.updates[batch.written]!;
    if (response.error !== undefined) {
      this.fail(batch, entry, failure(500, response.error, 'Unknown'));
      return;
    }
    if (response.succeeded) {
      stamp(quota, response.revision);
      entry.known.set(quota.metadata.name, quota);
      batch.written++;
      this.write(batch, entry);
      return;
    }
    const current = objectOf(response.kvs?.[0]) as ResourceQuota | undefined;
    if (current !== undefined) entry.known.set(current.metadata.name, current);
    else entry.known.delete(quota.metadata.name);
    if (++batch.attempts > ATTEMPTS) {
      const why = `Operation cannot be fulfilled on resourcequotas "${quota.metadata.name}": the object has been modified; please apply your changes to the latest version and try again`;
      this.fail(batch, entry, failure(409, why));
      return;
    }
    batch.waiters = batch.passed;
    this.check(batch, entry);
  }

  private fail(batch: Batch, entry: Namespace, response: ApiResponse): void {
    this.batches.delete(batch.number);
    for (const { slot } of batch.passed) this.owner.quotaDecided(slot, response);
    this.next(batch.namespace, entry);
  }
}

/** Charges all quotas of a request or none; why not, or undefined. Names of changed quotas go to `changed`. */
function chargeAll({ attributes, usage, before }: Waiter, quotas: Map<string, ResourceQuota>, changed: Set<string>): string | undefined {
  const { request, operation } = attributes;
  const object = attributes.object as KubernetesObject;
  const charged: ResourceQuota[] = [];
  for (const quota of quotas.values()) {
    if (!inScope(quota, request.resource, object)) continue;
    if (request.resource === 'pods' && operation === 'CREATE') {
      const problem = constraintProblem(quota, object as Pod);
      if (problem !== undefined) return problem;
    }
    const delta = increase(quota, usage, before);
    if (delta === undefined) continue;
    const result = charge(quota, delta);
    if ('why' in result) return result.why;
    charged.push({ ...quota, status: { ...quota.status, used: result.used } });
  }
  for (const quota of charged) {
    quotas.set(quota.metadata.name, quota);
    changed.add(quota.metadata.name);
  }
  return undefined;
}
