import type { PersistentVolumeClaim } from '../api/apps.js';
import { isPodTerminal, type Pod } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import { Changes } from '../client/changes.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Informer, ResourceEventHandler, WorkQueue } from '../client/types.js';
import { ControllerWorkers, objectRequest, Reconciliation, type Reconciler } from './controller.js';
import { NamespaceIndexer } from './endpointslice.js';
import { KeyHandler } from './handlers.js';

/** Claims and volumes that are being deleted go when nobody uses them (pkg/controller/volume/pvcprotection and pvprotection). */

const WORKERS = 1;
const CLAIM_FINALIZER = 'kubernetes.io/pvc-protection';
const VOLUME_FINALIZER = 'kubernetes.io/pv-protection';

/** Whether a pod keeps a claim of its namespace: it names it, is on a node and has not finished. */
export function usesClaim(pod: Pod, claim: string): boolean {
  if ((pod.spec.nodeName ?? '') === '' || isPodTerminal(pod)) return false;
  return pod.spec.volumes?.some(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === claim) === true;
}

/** Takes the finalizer off claims that no pod uses. */
export class ClaimProtectionController implements Reconciler {
  readonly workers: ControllerWorkers;
  private readonly claims: Informer<PersistentVolumeClaim>;
  private readonly pods: Informer<Pod>;

  constructor(context: ProcessContext, client: ApiClient) {
    this.claims = context.informers.informer<PersistentVolumeClaim>('persistentvolumeclaims');
    this.pods = context.informers.informer<Pod>('pods');
    this.pods.addIndexer(new NamespaceIndexer());
    this.workers = new ControllerWorkers(context, { name: 'persistentvolumeclaim-protection', workers: WORKERS, client });
    this.claims.addEventHandler(new KeyHandler<PersistentVolumeClaim>(this.workers.queue));
    this.pods.addEventHandler(new PodGone(this.workers.queue));
    this.workers.start(this, [this.claims, this.pods]);
  }

  reconcile(key: string): Reconciliation | null {
    const claim = this.claims.get(key);
    if (claim === undefined || !isGoing(claim, CLAIM_FINALIZER)) return null;
    for (const pod of this.pods.byIndex('namespace', claim.metadata.namespace)) if (usesClaim(pod, claim.metadata.name)) return null;
    return new Release('persistentvolumeclaims', claim, CLAIM_FINALIZER);
  }
}

interface Volume extends KubernetesObject {
  readonly status?: { readonly phase?: string };
}

/** Takes the finalizer off volumes that are bound to no claim. */
export class VolumeProtectionController implements Reconciler {
  readonly workers: ControllerWorkers;
  private readonly volumes: Informer<Volume>;

  constructor(context: ProcessContext, client: ApiClient) {
    this.volumes = context.informers.informer<Volume>('persistentvolumes');
    this.workers = new ControllerWorkers(context, { name: 'persistentvolume-protection', workers: WORKERS, client });
    this.volumes.addEventHandler(new KeyHandler<Volume>(this.workers.queue));
    this.workers.start(this, [this.volumes]);
  }

  reconcile(key: string): Reconciliation | null {
    const volume = this.volumes.get(key);
    if (volume === undefined || !isGoing(volume, VOLUME_FINALIZER) || volume.status?.phase === 'Bound') return null;
    return new Release('persistentvolumes', volume, VOLUME_FINALIZER);
  }
}

function isGoing({ metadata }: KubernetesObject, finalizer: string): boolean {
  return metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(finalizer) === true;
}

class Release extends Reconciliation {
  private readonly resource: string;
  private readonly object: KubernetesObject;
  private readonly finalizer: string;
  private sent = false;

  constructor(resource: string, object: KubernetesObject, finalizer: string) {
    super();
    this.resource = resource;
    this.object = object;
    this.finalizer = finalizer;
  }

  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    const [response] = responses;
    if (this.sent) return succeeded(response!) || response!.code === 404 ? null : this.fail(response!.message ?? 'request failed');
    this.sent = true;
    const { metadata } = this.object;
    const finalizers = (metadata.finalizers ?? []).filter((name) => name !== this.finalizer);
    return [objectRequest('update', this.resource, this.object, { body: { ...this.object, metadata: { ...metadata, finalizers } } })];
  }
}

/** Queues the claims of pods that finish or go. */
class PodGone implements ResourceEventHandler<Pod> {
  readonly updates = Changes.Ended;
  private readonly queue: WorkQueue;

  constructor(queue: WorkQueue) {
    this.queue = queue;
  }

  onAdd(): void {}

  onUpdate(old: Pod, pod: Pod): void {
    if (isPodTerminal(pod) && !isPodTerminal(old)) this.enqueue(pod);
  }

  onDelete(pod: Pod): void {
    this.enqueue(pod);
  }

  private enqueue(pod: Pod): void {
    for (const { persistentVolumeClaim } of pod.spec.volumes ?? []) {
      if (persistentVolumeClaim !== undefined) this.queue.add(`${pod.metadata.namespace}/${persistentVolumeClaim.claimName}`);
    }
  }
}
