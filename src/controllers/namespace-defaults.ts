import type { ConfigMap, Namespace, ServiceAccount } from '../api/cluster-kinds.js';
import type { KubernetesObject } from '../api/meta.js';
import { type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Informer, ResourceEventHandler, WorkQueue } from '../client/types.js';
import { ControllerWorkers, Reconciliation, type Reconciler } from './controller.js';
import { KeyHandler } from './handlers.js';

/** What every namespace gets: the `default` ServiceAccount and the ConfigMap with the cluster's root certificate. */

const WORKERS = 1;
/** Stands for the certificate's text. */
const CERTIFICATE = 'kube-root-ca';

/** A kind of object that each active namespace has one of. */
export interface NamespaceDefault {
  /** Controller name: `serviceaccount`. */
  readonly name: string;
  readonly resource: 'serviceaccounts' | 'configmaps';
  readonly objectName: string;
}

/** pkg/controller/serviceaccount/serviceaccounts_controller.go. */
export const DEFAULT_SERVICE_ACCOUNT: NamespaceDefault = {
  name: 'serviceaccount',
  resource: 'serviceaccounts',
  objectName: 'default',
};

/** pkg/controller/certificates/rootcacertpublisher. */
export const ROOT_CERTIFICATE: NamespaceDefault = {
  name: 'root-ca-certificate-publisher',
  resource: 'configmaps',
  objectName: 'kube-root-ca.crt',
};

/** Creates one object in every active namespace, and again when somebody deletes it. */
export class NamespaceDefaultController implements Reconciler {
  readonly workers: ControllerWorkers;
  private readonly what: NamespaceDefault;
  private readonly namespaces: Informer<Namespace>;
  private readonly objects: Informer<KubernetesObject>;

  constructor(context: ProcessContext, client: ApiClient, what: NamespaceDefault) {
    this.what = what;
    this.namespaces = context.informers.informer<Namespace>('namespaces');
    this.objects = context.informers.informer<KubernetesObject>(what.resource);
    this.workers = new ControllerWorkers(context, { name: what.name, workers: WORKERS, client });
    this.namespaces.addEventHandler(new KeyHandler<Namespace>(this.workers.queue));
    this.objects.addEventHandler(new DeletedHandler(this.workers.queue, what.objectName));
    this.workers.start(this, [this.namespaces, this.objects]);
  }

  reconcile(namespace: string): Reconciliation | null {
    const object = this.namespaces.get(namespace);
    if (object === undefined || object.metadata.deletionTimestamp !== undefined || object.status?.phase === 'Terminating') return null;
    if (this.objects.get(`${namespace}/${this.what.objectName}`) !== undefined) return null;
    return new CreateDefault(this.what, namespace);
  }
}

class DeletedHandler implements ResourceEventHandler<KubernetesObject> {
  private readonly queue: WorkQueue;
  private readonly objectName: string;

  constructor(queue: WorkQueue, objectName: string) {
    this.queue = queue;
    this.objectName = objectName;
  }

  onAdd(): void {}

  onUpdate(): void {}

  onDelete(object: KubernetesObject): void {
    if (object.metadata.name === this.objectName) this.queue.add(object.metadata.namespace);
  }
}

class CreateDefault extends Reconciliation {
  private readonly what: NamespaceDefault;
  private readonly namespace: string;
  private sent = false;

  constructor(what: NamespaceDefault, namespace: string) {
    super();
    this.what = what;
    this.namespace = namespace;
  }

  next(responses: readonly ApiResponse[]) {
    if (this.sent) {
      const response = responses[0]!;
      // Somebody was faster, or the namespace is going: both are fine.
      if (succeeded(response) || response.reason === 'AlreadyExists' || response.code === 403 || response.code === 404) return null;
      return this.fail(response.message ?? 'request failed');
    }
    this.sent = true;
    const { resource, objectName } = this.what;
    const metadata = {
      name: objectName,
      namespace: this.namespace,
      uid: '',
      resourceVersion: 0,
      generation: 0,
      creationTimestamp: 0,
    };
    const body: ServiceAccount | ConfigMap =
      resource === 'serviceaccounts'
        ? { apiVersion: 'v1', kind: 'ServiceAccount', metadata }
        : { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.crt': CERTIFICATE } };
    return [{ verb: 'create' as const, resource, namespace: this.namespace, name: objectName, body }];
  }
}
