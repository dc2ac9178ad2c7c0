import type { Namespace } from '../api/cluster-kinds.js';
import { isPodTerminal, type Pod } from '../api/core.js';
import { keyOf } from '../api/meta.js';
import { resourceInfo, resources } from '../api/resources.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Informer, ResourceEventHandler } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { SECOND } from '../kernel/time.js';
import { ControllerWorkers, objectRequest, type Reconciler, type Reconciliation, StagedReconciliation, type Step } from './controller.js';
import { RemoveFinalizerPatch } from './garbage-collector.js';
import { namespaceConditions } from './namespace-conditions.js';

/** pkg/controller/namespace and its config: 10 workers, 5 s to let a deleted namespace settle, retries 5 ms to 60 s. */
const WORKERS = 10;
const DELETION_GRACE_PERIOD = 5 * SECOND;
const BASE_DELAY = 5e6;
const MAXIMUM_DELAY = 60 * SECOND;
/** Estimate for content that waits for finalizers (finalizerEstimateSeconds). */
const FINALIZER_ESTIMATE_SECONDS = 15;
/** The finalizer that keeps a namespace until its content is gone. */
export const NAMESPACE_FINALIZER = 'kubernetes';

/** Empties a namespace that is being deleted, then lets it go. */
export class NamespaceController implements Reconciler {
  readonly workers: ControllerWorkers;
  private readonly namespaces: Informer<Namespace>;
  private readonly simulation: Simulation;

  constructor(context: ProcessContext, client: ApiClient) {
    this.simulation = context.simulation;
    this.namespaces = context.informers.informer<Namespace>('namespaces');
    this.workers = new ControllerWorkers(context, {
      name: 'namespace',
      workers: WORKERS,
      client,
      baseDelay: BASE_DELAY,
      maximumDelay: MAXIMUM_DELAY,
    });
    this.namespaces.addEventHandler(new NamespaceHandler(this));
    this.workers.start(this, [this.namespaces]);
  }

  enqueue(namespace: Namespace): void {
    if (namespace.metadata.deletionTimestamp !== undefined) this.workers.queue.addAfter(keyOf(namespace), DELETION_GRACE_PERIOD);
  }

  reconcile(key: string): Reconciliation | null {
    const namespace = this.namespaces.get(key);
    return namespace?.metadata.deletionTimestamp === undefined ? null : new EmptyNamespace(namespace, this.simulation);
  }
}

class NamespaceHandler implements ResourceEventHandler<Namespace> {
  private readonly controller: NamespaceController;

  constructor(controller: NamespaceController) {
    this.controller = controller;
  }

  onAdd(namespace: Namespace): void {
    this.controller.enqueue(namespace);
  }

  onUpdate(_old: Namespace, namespace: Namespace): void {
    this.controller.enqueue(namespace);
  }

  onDelete(): void {}
}

const READ = 0;
const PHASE_WRITTEN = 1;
const ESTIMATED = 2;
const NEXT = 3;
const DELETED = 4;
const LISTED = 5;
const CONDITIONS = 6;
const CONDITIONS_WRITTEN = 7;
const FINALIZED = 8;

/** Pods go before everything else (OrderedNamespaceDeletion, GA in 1.34). */
const ORDER: readonly string[] = [
  'pods',
  ...resources()
    .filter(({ namespaced, resource }) => namespaced && resource !== 'pods')
    .map(({ resource }) => resource),
];

/** Deletes the content of one namespace, one resource after the other (namespaced_resources_deleter.go Delete). */
class EmptyNamespace extends StagedReconciliation {
  private readonly simulation: Simulation;
  private namespace: Namespace;
  private index = 0;
  /** Grace of the pods that are left, seconds; 0 when they should be gone by now. */
  private grace = 0;
  /** The longest wait that any resource asks for, seconds. */
  private estimate = 0;
  private readonly remaining = new Map<string, number>();
  private readonly finalizers = new Map<string, number>();
  private readonly errors: string[] = [];

  constructor(namespace: Namespace, simulation: Simulation) {
    super();
    this.namespace = namespace;
    this.simulation = simulation;
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    const response = responses[0];
    switch (this.stage) {
      case READ:
        if (response === undefined) return [objectRequest('get', 'namespaces', this.namespace)];
        return this.read(response);
      case PHASE_WRITTEN:
        if (response!.code === 404) return null;
        if (!succeeded(response!)) return this.fail(response!.message ?? 'request failed');
        this.namespace = response!.object as Namespace;
        return this.estimatePods();
      case ESTIMATED:
        this.estimated(response!);
        return this.go(NEXT);
      case NEXT:
        return this.nextResource();
      case DELETED:
        return this.deleted(response!);
      case LISTED:
        return this.listed(response!);
      case CONDITIONS:
        return this.writeConditions();
      case CONDITIONS_WRITTEN:
        // Conditions that could not be written are written next time.
        if (response !== undefined && succeeded(response)) this.namespace = response.object as Namespace;
        return this.end();
      default:
        if (!succeeded(response!) && response!.code !== 404) return this.fail(response!.message ?? 'request failed');
        return null;
    }
  }

  private go(stage: number): undefined {
    this.stage = stage;
    return undefined;
  }

  private read(response: ApiResponse): Step {
    if (response.code === 404) return null;
    if (!succeeded(response)) return this.fail(response.message ?? 'request failed');
    this.namespace = response.object as Namespace;
    if (this.namespace.metadata.deletionTimestamp === undefined) return null;
    if (this.namespace.metadata.finalizers?.includes(NAMESPACE_FINALIZER) !== true) return null;
    if (this.namespace.status?.phase === 'Terminating') return this.estimatePods();
    const body: Namespace = { ...this.namespace, status: { ...this.namespace.status, phase: 'Terminating' } };
    this.stage = PHASE_WRITTEN;
    return [objectRequest('update', 'namespaces', body, { subresource: 'status', body })];
  }

  /** How long the pods may still take (estimateGracefulTerminationForPods). */
  private estimatePods(): Step {
    this.stage = ESTIMATED;
    return [this.request('list', 'pods')];
  }

  private estimated(response: ApiResponse): void {
    for (const object of response.items ?? []) {
      const pod = object as Pod;
      if (!isPodTerminal(pod)) this.grace = Math.max(this.grace, pod.spec.terminationGracePeriodSeconds);
    }
    const since = this.simulation.now - this.namespace.metadata.deletionTimestamp!;
    if (since >= this.grace * SECOND) this.grace = 0;
  }

  private request(verb: ApiRequest['verb'], resource: string): ApiRequest {
    return { verb, resource, namespace: this.namespace.metadata.name, name: '' };
  }

  private nextResource(): Step {
    // While pods are left everything else stays, for they may need it to end well.
    if (this.index >= ORDER.length || (this.index === 1 && this.remaining.size > 0)) return this.go(CONDITIONS);
    this.stage = DELETED;
    return [{ ...this.request('deletecollection', ORDER[this.index]!), propagationPolicy: 'Background' }];
  }

  private deleted(response: ApiResponse): Step {
    if (!succeeded(response)) return this.resourceFailed(response);
    this.stage = LISTED;
    return [this.request('list', ORDER[this.index]!)];
  }

  private resourceFailed(response: ApiResponse): Step {
    this.errors.push(response.message ?? 'request failed');
    this.index++;
    return this.go(NEXT);
  }

  private listed(response: ApiResponse): Step {
    if (!succeeded(response)) return this.resourceFailed(response);
    const resource = ORDER[this.index]!;
    const items = response.items ?? [];
    if (items.length > 0) {
      this.remaining.set(resource, items.length);
      let waiting = false;
      for (const { metadata } of items) {
        for (const finalizer of metadata.finalizers ?? []) {
          this.finalizers.set(finalizer, (this.finalizers.get(finalizer) ?? 0) + 1);
          waiting = true;
        }
      }
      const grace = resource === 'pods' ? this.grace : 0;
      if (grace > 0) this.estimate = Math.max(this.estimate, grace);
      else if (waiting) this.estimate = Math.max(this.estimate, FINALIZER_ESTIMATE_SECONDS);
      else this.errors.push(`unexpected items still remain in namespace: ${this.namespace.metadata.name} for gvr: ${gvr(resource)}`);
    }
    this.index++;
    return this.go(NEXT);
  }

  private writeConditions(): Step {
    // What is left is counted only when the turn of everything has come.
    const all = this.index >= ORDER.length;
    const totals = all ? { resources: this.remaining, finalizers: this.finalizers } : { resources: NOTHING, finalizers: NOTHING };
    const conditions = namespaceConditions(this.namespace.status?.conditions ?? [], { ...totals, errors: this.errors }, this.simulation.now);
    this.stage = CONDITIONS_WRITTEN;
    if (conditions === this.namespace.status?.conditions) return undefined;
    const body: Namespace = { ...this.namespace, status: { ...this.namespace.status, conditions } };
    return [objectRequest('update', 'namespaces', body, { subresource: 'status', body })];
  }

  private end(): Step {
    if (this.errors.length > 0) return this.fail(this.errors.join(', '));
    if (this.estimate > 0) {
      // Content remains: again after half the estimate and a second (namespace_controller.go worker).
      this.requeueAfter = (Math.floor(this.estimate / 2) + 1) * SECOND;
      return null;
    }
    this.stage = FINALIZED;
    const patch = new RemoveFinalizerPatch(NAMESPACE_FINALIZER);
    return [objectRequest('patch', 'namespaces', this.namespace, { patch })];
  }
}

const NOTHING: ReadonlyMap<string, number> = new Map();

/** `apps/v1, Resource=deployments`: schema.GroupVersionResource as it prints itself. */
function gvr(resource: string): string {
  const { group, version } = resourceInfo(resource);
  return `${group}/${version}, Resource=${resource}`;
}
