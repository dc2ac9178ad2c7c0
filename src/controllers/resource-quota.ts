import { isPodTerminal, type Pod } from '../api/core.js';
import { equal } from '../api/equal.js';
import { keyOf, type KubernetesObject } from '../api/meta.js';
import { podLimits, podRequests } from '../api/pod-resources.js';
import type { ResourceQuota } from '../api/policy.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Informer, ResourceEventHandler } from '../client/types.js';
import { ControllerWorkers, objectRequest, Reconciliation, type Reconciler } from './controller.js';
import { NamespaceIndexer } from './endpointslice.js';
import { KeyHandler } from './handlers.js';

const WORKERS = 5;
/** Resources counted by `count/<resource>`-like names that a quota may hold, besides pods and their requests. */
const COUNTED = ['services', 'configmaps', 'secrets', 'replicationcontrollers', 'persistentvolumeclaims', 'resourcequotas'] as const;

/** What a pod uses of a quota: itself, its requests and its limits; nothing when it has finished (quota evaluator/core/pods.go). */
export function podUsage(pod: Pod): Readonly<Record<string, number>> {
  if (isPodTerminal(pod)) return {};
  const usage: Record<string, number> = { pods: 1, 'count/pods': 1 };
  const requests = podRequests(pod.spec);
  for (const name of Object.keys(requests)) {
    usage[`requests.${name}`] = requests[name]!;
    if (name === 'cpu' || name === 'memory') usage[name] = requests[name]!;
  }
  const limits = podLimits(pod.spec);
  for (const name of Object.keys(limits)) usage[`limits.${name}`] = limits[name]!;
  return usage;
}

/** Use of what a quota limits, from the sum over its namespace. */
export function quotaUsage(hard: Readonly<Record<string, number>>, totals: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  const used: Record<string, number> = {};
  for (const name of Object.keys(hard)) used[name] = totals.get(name) ?? 0;
  return used;
}

/** Keeps the status of ResourceQuotas (pkg/controller/resourcequota); admission charges them between two syncs. */
export class ResourceQuotaController implements Reconciler {
  readonly workers: ControllerWorkers;
  private readonly quotas: Informer<ResourceQuota>;
  /** Sums of pods' use by namespace and name of the resource. */
  private readonly podTotals = new Map<string, Map<string, number>>();
  private readonly counted = new Map<string, Informer<KubernetesObject>>();

  constructor(context: ProcessContext, client: ApiClient) {
    this.quotas = context.informers.informer<ResourceQuota>('resourcequotas');
    const pods = context.informers.informer<Pod>('pods');
    this.quotas.addIndexer(new NamespaceIndexer());
    this.workers = new ControllerWorkers(context, { name: 'resourcequota', workers: WORKERS, client });
    this.quotas.addEventHandler(new KeyHandler<ResourceQuota>(this.workers.queue));
    pods.addEventHandler(new PodHandler(this));
    for (const resource of COUNTED) {
      const informer = context.informers.informer(resource);
      informer.addIndexer(new NamespaceIndexer());
      informer.addEventHandler(new CountHandler(this));
      this.counted.set(resource, informer);
    }
    this.workers.start(this, [this.quotas, pods, ...this.counted.values()]);
  }

  reconcile(key: string): Reconciliation | null {
    const quota = this.quotas.get(key);
    if (quota === undefined) return null;
    const { namespace } = quota.metadata;
    const hard = quota.spec.hard ?? {};
    const totals = new Map(this.podTotals.get(namespace) ?? []);
    for (const [resource, informer] of this.counted) {
      if (hard[resource] === undefined && hard[`count/${resource}`] === undefined) continue;
      let count = 0;
      for (const _ of informer.byIndex('namespace', namespace)) count++;
      totals.set(resource, count);
      totals.set(`count/${resource}`, count);
    }
    const status = { hard, used: quotaUsage(hard, totals) };
    return equal(quota.status, status) ? null : new WriteQuota(quota, status);
  }

  charge(pod: Pod, sign: number): void {
    const { namespace } = pod.metadata;
    let totals = this.podTotals.get(namespace);
    if (totals === undefined) {
      totals = new Map();
      this.podTotals.set(namespace, totals);
    }
    const usage = podUsage(pod);
    for (const name of Object.keys(usage)) totals.set(name, (totals.get(name) ?? 0) + sign * usage[name]!);
  }

  /** Queues the quotas of a namespace. */
  enqueue(namespace: string): void {
    for (const quota of this.quotas.byIndex('namespace', namespace)) this.workers.queue.add(keyOf(quota));
  }
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

/** Use is given back when a pod finishes or goes; only then is the quota looked at, admission sees to the rest. */
class PodHandler implements ResourceEventHandler<Pod> {
  private readonly controller: ResourceQuotaController;

  constructor(controller: ResourceQuotaController) {
    this.controller = controller;
  }

  onAdd(pod: Pod): void {
    this.controller.charge(pod, 1);
    this.controller.enqueue(pod.metadata.namespace);
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

  onAdd(object: KubernetesObject): void {
    this.controller.enqueue(object.metadata.namespace);
  }

  onUpdate(): void {}

  onDelete(object: KubernetesObject): void {
    this.controller.enqueue(object.metadata.namespace);
  }
}
