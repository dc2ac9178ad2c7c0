import type { Namespace } from '../api/cluster-kinds.js';
import { isPodTerminal, type Pod } from '../api/core.js';
import { keyOf, type KubernetesObject } from '../api/meta.js';
import { resources } from '../api/resources.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Informer, ResourceEventHandler } from '../client/types.js';
import { SECOND } from '../kernel/time.js';
import { ControllerWorkers, objectRequest, type Reconciler, type Reconciliation, StagedReconciliation, type Step } from './controller.js';
import { RemoveFinalizerPatch } from './garbage-collector.js';

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

  constructor(context: ProcessContext, client: ApiClient) {
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
    return namespace?.metadata.deletionTimestamp === undefined ? null : new EmptyNamespace(namespace);
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

const PHASE = 0;
const PHASE_WRITTEN = 1;
const LISTED = 2;
const DELETED = 3;
const LISTED_AGAIN = 4;
const FINALIZED = 5;

/** Pods go before everything else (OrderedNamespaceDeletion, GA in 1.34). */
const ORDER: readonly (readonly string[])[] = [
  ['pods'],
  resources()
    .filter(({ namespaced, resource }) => namespaced && resource !== 'pods')
    .map(({ resource }) => resource),
];

/** Deletes the content of one namespace (namespaced_resources_deleter.go Delete). */
class EmptyNamespace extends StagedReconciliation {
  private readonly namespace: Namespace;
  private round = 0;
  private longestGrace = 0;
  private remaining = 0;

  constructor(namespace: Namespace) {
    super();
    this.namespace = namespace;
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    switch (this.stage) {
      case PHASE:
        return this.phase();
      case PHASE_WRITTEN:
        if (!succeeded(responses[0]!)) return this.fail(responses[0]!.message ?? 'request failed');
        return this.list(LISTED);
      case LISTED:
        return this.deleteAll(responses);
      case DELETED:
        for (const response of responses) {
          if (!succeeded(response) && response.code !== 404) return this.fail(response.message ?? 'request failed');
        }
        return this.list(LISTED_AGAIN);
      case LISTED_AGAIN:
        return this.again(responses);
      case FINALIZED:
        if (!succeeded(responses[0]!) && responses[0]!.code !== 404) return this.fail(responses[0]!.message ?? 'request failed');
        return null;
      default:
        return null;
    }
  }

  private phase(): Step {
    if (this.namespace.status?.phase === 'Terminating') return this.list(LISTED);
    const body: Namespace = { ...this.namespace, status: { phase: 'Terminating' } };
    this.stage = PHASE_WRITTEN;
    return [objectRequest('update', 'namespaces', body, { subresource: 'status', body })];
  }

  private list(stage: number): Step {
    this.stage = stage;
    const { name } = this.namespace.metadata;
    return ORDER[this.round]!.map((resource): ApiRequest => ({ verb: 'list', resource, namespace: name, name: '' }));
  }

  /** The real controller sends one DELETE for each collection; here every object gets its own. */
  private deleteAll(responses: readonly ApiResponse[]): Step {
    const requests: ApiRequest[] = [];
    const names = ORDER[this.round]!;
    for (let i = 0; i < names.length; i++) {
      if (!succeeded(responses[i]!)) return this.fail(responses[i]!.message ?? 'request failed');
      for (const object of responses[i]!.items ?? []) {
        this.noteGrace(object);
        if (object.metadata.deletionTimestamp === undefined) {
          requests.push(objectRequest('delete', names[i]!, object, { propagationPolicy: 'Background' }));
        }
      }
    }
    if (requests.length > 0) {
      this.stage = DELETED;
      return requests;
    }
    return this.again(responses);
  }

  private noteGrace(object: KubernetesObject): void {
    if (object.kind !== 'Pod') return;
    const pod = object as Pod;
    if (isPodTerminal(pod)) return;
    const seconds = pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds;
    this.longestGrace = Math.max(this.longestGrace, seconds);
  }

  private again(responses: readonly ApiResponse[]): Step {
    this.remaining = 0;
    for (const response of responses) {
      if (!succeeded(response)) return this.fail(response.message ?? 'request failed');
      this.remaining += response.items?.length ?? 0;
    }
    if (this.remaining > 0) {
      // Content remains: again after half the estimate and a second (namespace_controller.go worker).
      const estimate = this.longestGrace > 0 ? this.longestGrace : FINALIZER_ESTIMATE_SECONDS;
      this.requeueAfter = (Math.floor(estimate / 2) + 1) * SECOND;
      return null;
    }
    if (++this.round < ORDER.length) return this.list(LISTED);
    this.stage = FINALIZED;
    const patch = new RemoveFinalizerPatch(NAMESPACE_FINALIZER);
    return [objectRequest('patch', 'namespaces', this.namespace, { patch })];
  }
}

