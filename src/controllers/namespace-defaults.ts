import type { ConfigMap, Namespace, ServiceAccount } from '../api/cluster-kinds.js';
import type { KubernetesObject } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Informer, ResourceEventHandler, WorkQueue } from '../client/types.js';
import { ControllerWorkers, objectRequest, Reconciliation, type Reconciler } from './controller.js';
import { KeyHandler } from './handlers.js';
import { isNamespaceTerminating } from './pod-control.js';

/** What every namespace gets: the `default` ServiceAccount and the ConfigMap with the cluster's root certificate. */

const WORKERS = 1;
/** Stands for the certificate's text. */
export const CERTIFICATE = 'kube-root-ca';
const DESCRIPTION = 'kubernetes.io/description';
/** What the ConfigMap with the certificate says of itself. */
export const CERTIFICATE_ANNOTATIONS: Readonly<Record<string, string>> = {
  [DESCRIPTION]:
    'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.',
};

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

/** Creates one object in every active namespace, and again when somebody deletes it; the certificate also comes back when it is changed. */
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
    this.namespaces.addEventHandler(what === ROOT_CERTIFICATE ? new ActiveHandler(this.workers.queue) : new KeyHandler<Namespace>(this.workers.queue));
    this.objects.addEventHandler(new ObjectHandler(this.workers.queue, what));
    this.workers.start(this, [this.namespaces, this.objects]);
  }

  reconcile(namespace: string): Reconciliation | null {
    const found = this.objects.get(`${namespace}/${this.what.objectName}`);
    if (this.what === ROOT_CERTIFICATE) {
      if (found === undefined) return new CreateDefault(this.what, namespace);
      return isCertificate(found as ConfigMap) ? null : new RestoreCertificate(found as ConfigMap);
    }
    const object = this.namespaces.get(namespace);
    if (object === undefined || object.metadata.deletionTimestamp !== undefined || object.status?.phase === 'Terminating') return null;
    return found === undefined ? new CreateDefault(this.what, namespace) : null;
  }
}

/** Whether a ConfigMap has the certificate and nothing else, and says what it is for. */
function isCertificate({ data = {}, metadata }: ConfigMap): boolean {
  const keys = Object.keys(data);
  return keys.length === 1 && data['ca.crt'] === CERTIFICATE && (metadata.annotations?.[DESCRIPTION] ?? '') !== '';
}

/**
 * Queues namespaces that come, and those that change while they are active. The publisher itself does not ask whether a namespace is
 * going: there it is told 403 once its ConfigMap is deleted.
 */
class ActiveHandler implements ResourceEventHandler<Namespace> {
  private readonly queue: WorkQueue;

  constructor(queue: WorkQueue) {
    this.queue = queue;
  }

  onAdd(namespace: Namespace): void {
    this.queue.add(namespace.metadata.name);
  }

  onUpdate(_old: Namespace, namespace: Namespace): void {
    if (namespace.status?.phase !== 'Terminating') this.queue.add(namespace.metadata.name);
  }

  onDelete(): void {}
}

class ObjectHandler implements ResourceEventHandler<KubernetesObject> {
  private readonly queue: WorkQueue;
  private readonly what: NamespaceDefault;

  constructor(queue: WorkQueue, what: NamespaceDefault) {
    this.queue = queue;
    this.what = what;
  }

  onAdd(): void {}

  onUpdate(_old: KubernetesObject, object: KubernetesObject): void {
    if (this.what === ROOT_CERTIFICATE) this.onDelete(object);
  }

  onDelete(object: KubernetesObject): void {
    if (object.metadata.name === this.what.objectName) this.queue.add(object.metadata.namespace);
  }
}

/** Writes the certificate back. */
class RestoreCertificate extends Reconciliation {
  private readonly object: ConfigMap;
  private sent = false;

  constructor(object: ConfigMap) {
    super();
    this.object = object;
  }

  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    if (this.sent) return succeeded(responses[0]!) ? null : this.fail(responses[0]!.message ?? 'request failed');
    this.sent = true;
    const { metadata } = this.object;
    const body = { ...this.object, metadata: { ...metadata, annotations: { ...metadata.annotations, ...CERTIFICATE_ANNOTATIONS } }, data: { 'ca.crt': CERTIFICATE } };
    return [objectRequest('update', 'configmaps', this.object, { body })];
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
      if (succeeded(response) || response.reason === 'AlreadyExists' || isNamespaceTerminating(response) || response.code === 404) return null;
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
        : { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...metadata, annotations: CERTIFICATE_ANNOTATIONS }, data: { 'ca.crt': CERTIFICATE } };
    return [{ verb: 'create' as const, resource, namespace: this.namespace, name: objectName, body }];
  }
}
