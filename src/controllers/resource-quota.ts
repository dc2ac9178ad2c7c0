import { isPodTerminal, type Pod } from '../api/core.js';
import { equal } from '../api/equal.js';
import { keyOf, type KubernetesObject } from '../api/meta.js';
import type { ResourceQuota } from '../api/policy.js';
import { resources } from '../api/resources.js';
import { countName, inScope, podUsage, type Usage, usageOf } from '../apiserver/admission/quota.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import { Changes } from '../client/changes.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Informer, ResourceEventHandler, WorkQueue } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { type Duration, MILLISECOND, SECOND } from '../kernel/time.js';
import { ControllerWorkers, objectRequest, Reconciliation, type Reconciler } from './controller.js';
import { NamespaceIndexer } from './endpointslice.js';

const WORKERS = 5;
/** All quotas are computed anew this often, which mends what admission has charged for objects that never came (ResourceQuotaSyncPeriod). */
const RESYNC_PERIOD: Duration = 300 * SECOND;
const OP_RESYNC = 1;
/** So many sorts of pods are counted before they are summed up. */
const MOST_SORTS = 64;
/** How often it looks whether a cache that a quota needs is filled (cache.WaitForCacheSync). */
const SYNC_POLL: Duration = 100 * MILLISECOND;
/** Resources that quotas often count besides pods; others are watched once a quota names them. */
const COUNTED = [
  'services',
  'configmaps',
  'secrets',
  'replicationcontrollers',
  'persistentvolumeclaims',
  'resourcequotas',
  'deployments',
  'replicasets',
  'statefulsets',
  'jobs',
  'cronjobs',
] as const;

/** Use of what a quota limits, from the sum over its namespace. */
export function quotaUsage(hard: Readonly<Record<string, number>>, totals: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  const used: Record<string, number> = {};
  for (const name of Object.keys(hard)) used[name] = totals.get(name) ?? 0;
  return used;
}

/** Keeps the status of ResourceQuotas (pkg/controller/resourcequota); admission charges them between two syncs. */
export class ResourceQuotaController implements Reconciler, Component {
  readonly name = 'resourcequota';
  readonly workers: ControllerWorkers;
  private readonly context: ProcessContext;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly quotas: Informer<ResourceQuota>;
  private readonly pods: Informer<Pod>;
  /** What pods use, by namespace. */
  private readonly podUse = new Map<string, PodUse>();
  private readonly counted = new Map<string, Informer<KubernetesObject>>();

  constructor(context: ProcessContext, client: ApiClient) {
    this.quotas = context.informers.informer<ResourceQuota>('resourcequotas');
    this.pods = context.informers.informer<Pod>('pods');
    this.pods.addIndexer(new NamespaceIndexer());
    this.quotas.addIndexer(new NamespaceIndexer());
    this.workers = new ControllerWorkers(context, { name: 'resourcequota', workers: WORKERS, client });
    this.quotas.addEventHandler(new QuotaHandler(this.workers.queue));
    this.pods.addEventHandler(new PodHandler(this));
    this.context = context;
    for (const resource of COUNTED) this.count(resource);
    this.workers.start(this, [this.quotas, this.pods, ...this.counted.values()]);
    this.simulation = context.simulation;
    this.target = this.simulation.add(this);
    this.simulation.schedule(RESYNC_PERIOD, this.target, OP_RESYNC);
  }

  /** Watches what quotas count. */
  private count(resource: string): Informer<KubernetesObject> {
    const informer = this.context.informers.informer(resource);
    informer.addIndexer(new NamespaceIndexer());
    const changing = resource === 'services' || resource === 'persistentvolumeclaims';
    informer.addEventHandler(changing ? new ChangingHandler(this, resource) : new CountHandler(this));
    this.counted.set(resource, informer);
    return informer;
  }

  /** Whether all that a quota counts by name is watched; what was not is from now on. */
  private watches(hard: Readonly<Record<string, number>>): boolean {
    let all = true;
    for (const name of Object.keys(hard)) {
      const resource = resourceOfCount(name);
      if (resource === undefined || resource === 'pods') continue;
      const informer = this.counted.get(resource) ?? this.count(resource);
      all &&= informer.synced;
    }
    return all;
  }

  handle(): void {
    this.simulation.schedule(RESYNC_PERIOD, this.target, OP_RESYNC);
    for (const quota of this.quotas.list()) this.workers.queue.add(keyOf(quota));
  }

  reconcile(key: string): Reconciliation | null {
    const quota = this.quotas.get(key);
    if (quota === undefined) return null;
    const { namespace } = quota.metadata;
    const hard = quota.spec.hard ?? {};
    if (!this.watches(hard)) {
      this.workers.queue.addAfter(key, SYNC_POLL);
      return null;
    }
    const totals = new Map(this.scoped(quota) ?? this.podUse.get(namespace)?.sums() ?? []);
    for (const [resource, informer] of this.counted) {
      if (!counts(hard, resource)) continue;
      for (const object of informer.byIndex('namespace', namespace)) addUsage(totals, usageOf(resource, object), 1);
    }
    const status = { hard, used: quotaUsage(hard, totals) };
    return equal(quota.status, status) ? null : new WriteQuota(quota, status);
  }

  charge(pod: Pod, sign: number): void {
    const { namespace } = pod.metadata;
    let use = this.podUse.get(namespace);
    if (use === undefined) {
      use = new PodUse();
      this.podUse.set(namespace, use);
    }
    use.note(podUsage(pod), sign);
  }

  /** What the pods use that a quota with scopes is about; undefined: it has none. */
  private scoped(quota: ResourceQuota): Map<string, number> | undefined {
    if (quota.spec.scopes === undefined && quota.spec.scopeSelector === undefined) return undefined;
    const totals = new Map<string, number>();
    for (const pod of this.pods.byIndex('namespace', quota.metadata.namespace)) {
      if (inScope(quota, 'pods', pod)) addUsage(totals, podUsage(pod), 1);
    }
    return totals;
  }

  /** Queues the quotas of a namespace. */
  enqueue(namespace: string): void {
    for (const quota of this.quotas.byIndex('namespace', namespace)) this.workers.queue.add(keyOf(quota));
  }
}

/** The resource of a name such as `count/daemonsets.apps`; undefined: it is no such name, or nothing that the API serves in namespaces. */
function resourceOfCount(name: string): string | undefined {
  if (!name.startsWith('count/')) return undefined;
  return resources().find(({ resource, namespaced }) => namespaced && countName(resource) === name)?.resource;
}

/** What the pods of a namespace use by name of the resource; pods of one template come and go as one figure until somebody asks. */
class PodUse {
  private readonly totals = new Map<string, number>();
  /** How many pods of each sort have come (less those that have gone) since. */
  private readonly changes = new Map<Usage, number>();

  note(usage: Usage, sign: number): void {
    const count = (this.changes.get(usage) ?? 0) + sign;
    if (count === 0) this.changes.delete(usage);
    else this.changes.set(usage, count);
    if (this.changes.size > MOST_SORTS) this.sums();
  }

  sums(): ReadonlyMap<string, number> {
    for (const [usage, count] of this.changes) addUsage(this.totals, usage, count);
    this.changes.clear();
    return this.totals;
  }
}

/** Whether a quota limits anything that objects of a resource use. */
function counts(hard: Readonly<Record<string, number>>, resource: string): boolean {
  const own = countName(resource);
  return Object.keys(hard).some(
    (name) =>
      name === own ||
      name === resource ||
      (resource === 'services' && name.startsWith('services.')) ||
      (resource === 'persistentvolumeclaims' && (name === 'requests.storage' || name.includes('.storageclass.storage.k8s.io/'))),
  );
}

function addUsage(totals: Map<string, number>, usage: Usage, times: number): void {
  for (const name of Object.keys(usage)) totals.set(name, (totals.get(name) ?? 0) + times * usage[name]!);
}

class WriteQuota extends Reconciliation {
  private readonly quota: ResourceQuota;
  private readonly status: NonNullable<ResourceQuota['status']>;
  private sent = false;

  constructor(quota: ResourceQuota, status: NonNullable<ResourceQuota['status']>) {
    super();
    this.quota = quota;
    this.status = status;
  }

  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    if (this.sent) return succeeded(responses[0]!) ? null : this.fail(responses[0]!.message ?? 'request failed');
    this.sent = true;
    const body: ResourceQuota = { ...this.quota, status: this.status };
    return [objectRequest('update', 'resourcequotas', this.quota, { subresource: 'status', body })];
  }
}

/** A quota is computed anew when it is made or its limits change; changes of its status are the controller's own or admission's. */
class QuotaHandler implements ResourceEventHandler<ResourceQuota> {
  private readonly queue: WorkQueue;

  constructor(queue: WorkQueue) {
    this.queue = queue;
  }

  onAdd(quota: ResourceQuota): void {
    this.queue.add(keyOf(quota));
  }

  onUpdate(old: ResourceQuota, quota: ResourceQuota): void {
    if (!equal(old.spec.hard, quota.spec.hard)) this.queue.add(keyOf(quota));
  }

  onDelete(quota: ResourceQuota): void {
    this.queue.add(keyOf(quota));
  }
}

/** Use is given back when a pod finishes or goes; only then is the quota looked at, admission sees to the rest. */
class PodHandler implements ResourceEventHandler<Pod> {
  readonly updates = Changes.Ended | Changes.Spec;
  private readonly controller: ResourceQuotaController;

  constructor(controller: ResourceQuotaController) {
    this.controller = controller;
  }

  onAdd(pod: Pod): void {
    this.controller.charge(pod, 1);
  }

  onUpdate(old: Pod, pod: Pod): void {
    if (isPodTerminal(old) === isPodTerminal(pod) && old.spec.containers === pod.spec.containers) return;
    this.controller.charge(old, -1);
    this.controller.charge(pod, 1);
    this.controller.enqueue(pod.metadata.namespace);
  }

  onDelete(pod: Pod): void {
    this.controller.charge(pod, -1);
    this.controller.enqueue(pod.metadata.namespace);
  }
}

class CountHandler implements ResourceEventHandler<KubernetesObject> {
  private readonly controller: ResourceQuotaController;

  constructor(controller: ResourceQuotaController) {
    this.controller = controller;
  }

  /** Admission has counted it. */
  onAdd(): void {}

  onUpdate(_old: KubernetesObject, _object: KubernetesObject): void {}

  onDelete(object: KubernetesObject): void {
    this.controller.enqueue(object.metadata.namespace);
  }
}

/** Objects whose use may change: the type of Services, the requests of claims (DefaultUpdateFilter). */
class ChangingHandler extends CountHandler {
  private readonly resource: string;

  constructor(controller: ResourceQuotaController, resource: string) {
    super(controller);
    this.resource = resource;
  }

  override onUpdate(old: KubernetesObject, object: KubernetesObject): void {
    if (!equal(usageOf(this.resource, old), usageOf(this.resource, object))) this.onDelete(object);
  }
}
