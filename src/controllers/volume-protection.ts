import type { PersistentVolumeClaim } from '../api/apps.js';
import { isPodTerminal, type Pod } from '../api/core.js';
import { controllerOf, keyOf, type KubernetesObject } from '../api/meta.js';
import { claimNames } from '../api/volumes.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import { Changes } from '../client/changes.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Informer, ResourceEventHandler, WorkQueue } from '../client/types.js';
import { ControllerWorkers, objectRequest, Reconciliation, type Reconciler } from './controller.js';
import { NamespaceIndexer } from './endpointslice.js';

/** Claims and volumes that are being deleted go when nobody uses them (pkg/controller/volume/pvcprotection and pvprotection). */

const WORKERS = 1;
export const CLAIM_FINALIZER = 'kubernetes.io/pvc-protection';
export const VOLUME_FINALIZER = 'kubernetes.io/pv-protection';

/**
 * Whether a pod keeps a claim of its namespace: it is on a node and names it, even if it has finished; a generic ephemeral volume keeps
 * its own claim until the pod has stopped (podUsesPVC).
 */
export function usesClaim(pod: Pod, claim: PersistentVolumeClaim): boolean {
  if ((pod.spec.nodeName ?? '') === '') return false;
  const { name } = claim.metadata;
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  const stopped = deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0;
  for (const volume of pod.spec.volumes ?? []) {
    if (volume.persistentVolumeClaim?.claimName === name) return true;
    const own = volume.ephemeral !== undefined && `${pod.metadata.name}-${volume.name}` === name && controllerOf(claim)?.uid === pod.metadata.uid;
    if (own && !stopped) return true;
  }
  return false;
}

/** Whether an object is to be looked at: it goes and is protected, or stays and is not (IsDeletionCandidate, NeedToAddFinalizer). */
function concerns({ metadata }: KubernetesObject, finalizer: string): boolean {
  return (metadata.deletionTimestamp !== undefined) === (metadata.finalizers?.includes(finalizer) === true);
}

/** Takes the finalizer off claims that no pod uses, and gives it to those that were made without. */
export class ClaimProtectionController implements Reconciler {
  readonly workers: ControllerWorkers;
  private readonly claims: Informer<PersistentVolumeClaim>;
  private readonly pods: Informer<Pod>;

  constructor(context: ProcessContext, client: ApiClient) {
    this.claims = context.informers.informer<PersistentVolumeClaim>('persistentvolumeclaims');
    this.pods = context.informers.informer<Pod>('pods');
    this.pods.addIndexer(new NamespaceIndexer());
    this.workers = new ControllerWorkers(context, { name: 'persistentvolumeclaim-protection', workers: WORKERS, client });
    this.claims.addEventHandler(new ProtectedHandler(this.workers.queue, CLAIM_FINALIZER));
    this.pods.addEventHandler(new PodHandler(this.workers.queue));
    this.workers.start(this, [this.claims, this.pods]);
  }

  reconcile(key: string): Reconciliation | null {
    const claim = this.claims.get(key);
    if (claim === undefined || !concerns(claim, CLAIM_FINALIZER)) return null;
    if (claim.metadata.deletionTimestamp === undefined) return new SetFinalizer('persistentvolumeclaims', claim, CLAIM_FINALIZER);
    for (const pod of this.pods.byIndex('namespace', claim.metadata.namespace)) if (usesClaim(pod, claim)) return null;
    return new ReleaseClaim(claim);
  }
}

interface Volume extends KubernetesObject {
  readonly status?: { readonly phase?: string };
}

/** Takes the finalizer off volumes that are bound to no claim, and gives it to those that were made without. */
export class VolumeProtectionController implements Reconciler {
  readonly workers: ControllerWorkers;
  private readonly volumes: Informer<Volume>;

  constructor(context: ProcessContext, client: ApiClient) {
    this.volumes = context.informers.informer<Volume>('persistentvolumes');
    this.workers = new ControllerWorkers(context, { name: 'persistentvolume-protection', workers: WORKERS, client });
    this.volumes.addEventHandler(new ProtectedHandler(this.workers.queue, VOLUME_FINALIZER));
    this.workers.start(this, [this.volumes]);
  }

  reconcile(key: string): Reconciliation | null {
    const volume = this.volumes.get(key);
    if (volume === undefined || !concerns(volume, VOLUME_FINALIZER)) return null;
    if (volume.metadata.deletionTimestamp !== undefined && volume.status?.phase === 'Bound') return null;
    return new SetFinalizer('persistentvolumes', volume, VOLUME_FINALIZER);
  }
}

/** Puts the finalizer on, or takes it off an object that goes. */
class SetFinalizer extends Reconciliation {
  private readonly resource: string;
  protected readonly object: KubernetesObject;
  private readonly finalizer: string;
  private sent = false;

  constructor(resource: string, object: KubernetesObject, finalizer: string) {
    super();
    this.resource = resource;
    this.object = object;
    this.finalizer = finalizer;
  }

  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    if (!this.sent) return this.write();
    const [response] = responses;
    return succeeded(response!) || response!.code === 404 ? null : this.fail(response!.message ?? 'request failed');
  }

  protected write(): readonly ApiRequest[] {
    this.sent = true;
    const { metadata } = this.object;
    const { finalizers = [], deletionTimestamp } = metadata;
    const wanted = deletionTimestamp === undefined ? [...finalizers, this.finalizer] : finalizers.filter((name) => name !== this.finalizer);
    return [objectRequest('update', this.resource, this.object, { body: { ...this.object, metadata: { ...metadata, finalizers: wanted } } })];
  }
}

/** Asks the API server for the pods first: the cache may not show one that was made just now (askAPIServer). */
class ReleaseClaim extends SetFinalizer {
  private listed = false;

  constructor(claim: PersistentVolumeClaim) {
    super('persistentvolumeclaims', claim, CLAIM_FINALIZER);
  }

  override next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    if (this.listed) return super.next(responses);
    const [response] = responses;
    if (response === undefined) return [{ verb: 'list', resource: 'pods', namespace: this.object.metadata.namespace, name: '' }];
    if (!succeeded(response)) return this.fail(`live list of pods failed: ${response.message ?? ''}`);
    this.listed = true;
    const pods = (response.items ?? []) as readonly Pod[];
    return pods.some((pod) => usesClaim(pod, this.object as PersistentVolumeClaim)) ? null : this.write();
  }
}

/** Queues claims or volumes that concern the controller. */
class ProtectedHandler implements ResourceEventHandler<KubernetesObject> {
  private readonly queue: WorkQueue;
  private readonly finalizer: string;

  constructor(queue: WorkQueue, finalizer: string) {
    this.queue = queue;
    this.finalizer = finalizer;
  }

  onAdd(object: KubernetesObject): void {
    if (concerns(object, this.finalizer)) this.queue.add(keyOf(object));
  }

  onUpdate(_old: KubernetesObject, object: KubernetesObject): void {
    this.onAdd(object);
  }

  onDelete(): void {}
}

/** Queues the claims of pods that finish or go. */
class PodHandler implements ResourceEventHandler<Pod> {
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
    if (pod.spec.volumes === undefined) return;
    for (const name of claimNames(pod)) this.queue.add(`${pod.metadata.namespace}/${name}`);
  }
}
