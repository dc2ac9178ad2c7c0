import { keyOf, type KubernetesObject } from '../api/meta.js';
import type { Pod } from '../api/core.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { type Duration, MILLISECOND, SECOND, type Time } from '../kernel/time.js';
import type { ClaimRef, PersistentVolume, PersistentVolumeClaim, StorageClass } from '../scheduler/cache/cluster-objects.js';
import { fullyBound } from '../scheduler/plugins/volume-common.js';
import { ClaimPods } from './claim-pods.js';
import { ControllerWorkers, type Reconciler, type Reconciliation } from './controller.js';
import type { VolumeView } from './volume-binding.js';
import { VolumeIndex } from './volume-index.js';
import { ClaimSync, VolumeSync } from './volume-syncs.js';

/** --pvclaimbinder-sync-period of kube-controller-manager. */
const RESYNC_PERIOD: Duration = 15 * SECOND;
/** Back-off of failed deletions (goroutinemap/exponentialbackoff). */
const FIRST_RETRY: Duration = 500 * MILLISECOND;
const LAST_RETRY: Duration = 122 * SECOND;
const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';
const DEFAULT_CLASS_BETA = 'storageclass.beta.kubernetes.io/is-default-class';

const OP_RESYNC = 1;

/**
 * The PersistentVolume controller (pkg/controller/volume/persistentvolume): binds claims to volumes, looks after the phases of
 * both, and carries out reclaim policies. It has one worker for claims and one for volumes; every 15 s it looks again at those that
 * are not settled (the real one also at the others, in vain). Nothing of it exists before the first claim or volume does.
 */
export class PersistentVolumeBinder implements Component, VolumeView {
  readonly name = 'persistentvolume-binder';
  private readonly context: ProcessContext;
  private readonly client: ApiClient;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly start: Time;
  private readonly claims: Informer<PersistentVolumeClaim>;
  private readonly volumes: Informer<PersistentVolume>;
  private readonly classes: Informer<StorageClass>;
  private readonly pods: ClaimPods;
  /** The latest versions known, from the informers and from what the binder itself has written. */
  private readonly index = new VolumeIndex();
  private readonly known = new Map<string, PersistentVolumeClaim>();
  private readonly unsettledClaims = new Set<string>();
  private readonly unsettledVolumes = new Set<string>();
  private readonly retries = new Map<string, { until: Time; delay: Duration }>();
  private workers: { readonly claims: ControllerWorkers; readonly volumes: ControllerWorkers; readonly recorder: EventRecorder } | null = null;
  private armed = false;

  constructor(context: ProcessContext, client: ApiClient) {
    const { simulation, informers } = context;
    this.context = context;
    this.client = client;
    this.simulation = simulation;
    this.target = simulation.add(this);
    this.start = simulation.now;
    this.classes = informers.informer<StorageClass>('storageclasses');
    this.volumes = informers.informer<PersistentVolume>('persistentvolumes');
    this.claims = informers.informer<PersistentVolumeClaim>('persistentvolumeclaims');
    this.pods = new ClaimPods(informers.informer<Pod>('pods'));
    this.volumes.addEventHandler(new VolumeHandler(this));
    this.claims.addEventHandler(new ClaimHandler(this));
  }

  get recorder(): EventRecorder {
    return this.parts().recorder;
  }

  private parts(): NonNullable<PersistentVolumeBinder['workers']> {
    if (this.workers === null) {
      const { context, client } = this;
      const recorder = context.eventRecorder('persistentvolume-controller', client);
      // A failed sync is not tried again at once (maxRetries 0): the queues have no rate limiter.
      const options = { workers: 1, client, maxRetries: 0 };
      const claims = new ControllerWorkers(context, { ...options, name: 'claims' });
      const volumes = new ControllerWorkers(context, { ...options, name: 'volumes' });
      this.workers = { claims, volumes, recorder };
      claims.start(new ClaimReconciler(this), [this.claims, this.volumes, this.classes]);
      volumes.start(new VolumeReconciler(this), [this.claims, this.volumes, this.classes]);
    }
    return this.workers;
  }

  describe(): string {
    return 'looks again at claims and volumes that are not settled';
  }

  handle(): void {
    this.armed = false;
    for (const key of this.unsettledClaims) this.parts().claims.queue.add(key);
    for (const name of this.unsettledVolumes) this.parts().volumes.queue.add(name);
    this.arm();
  }

  private arm(): void {
    if (this.armed || (this.unsettledClaims.size === 0 && this.unsettledVolumes.size === 0)) return;
    this.armed = true;
    const { now } = this.simulation;
    const next = (Math.floor((now - this.start) / RESYNC_PERIOD) + 1) * RESYNC_PERIOD + this.start;
    this.simulation.post(next - now, this.target, OP_RESYNC);
  }

  claimSeen(claim: PersistentVolumeClaim): void {
    const key = keyOf(claim);
    const settled = fullyBound(claim) && claim.status?.phase === 'Bound';
    this.settle(this.unsettledClaims, key, settled);
    this.queueClaim(key);
  }

  volumeSeen(volume: PersistentVolume): void {
    const { name } = volume.metadata;
    const bound = (volume.spec.claimRef?.uid ?? '') !== '';
    this.settle(this.unsettledVolumes, name, volume.status?.phase === (bound ? 'Bound' : 'Available'));
    this.queueVolume(name);
  }

  queueClaim(key: string): void {
    this.parts().claims.queue.add(key);
  }

  queueVolume(name: string): void {
    this.parts().volumes.queue.add(name);
  }

  private settle(unsettled: Set<string>, key: string, settled: boolean): void {
    if (settled) unsettled.delete(key);
    else unsettled.add(key);
    this.arm();
  }

  /** The sync of a claim; of one that is gone: its volume is looked at (updateClaim, deleteClaim). */
  claimSync(key: string): Reconciliation | null {
    const claim = this.claims.get(key);
    if (claim !== undefined) return this.storeClaim(claim) ? new ClaimSync(this, claim) : null;
    this.unsettledClaims.delete(key);
    const gone = this.known.get(key);
    this.known.delete(key);
    const volume = gone?.spec.volumeName ?? '';
    if (volume !== '') this.queueVolume(volume);
    return null;
  }

  /** The sync of a volume; of one that is gone: its claim is looked at (updateVolume, deleteVolume). */
  volumeSync(name: string): Reconciliation | null {
    const volume = this.volumes.get(name);
    if (volume !== undefined) return this.storeVolume(volume) ? new VolumeSync(this, volume) : null;
    this.unsettledVolumes.delete(name);
    this.retries.delete(name);
    const claim = this.index.get(name)?.spec.claimRef;
    this.index.delete(name);
    if (claim !== undefined) this.queueClaim(claimKey(claim));
    return null;
  }

  /** A sync that failed is repeated with the next resync. */
  failed(kind: 'claim' | 'volume', key: string): void {
    this.settle(kind === 'claim' ? this.unsettledClaims : this.unsettledVolumes, key, false);
  }

  /** Takes in a version unless a newer one is known (storeObjectUpdate). */
  storeClaim(claim: PersistentVolumeClaim): boolean {
    const key = keyOf(claim);
    if (isOlder(claim, this.known.get(key))) return false;
    this.known.set(key, claim);
    return true;
  }

  storeVolume(volume: PersistentVolume): boolean {
    const before = this.index.get(volume.metadata.name);
    if (isOlder(volume, before)) return false;
    if (before !== volume) this.index.set(volume);
    return true;
  }

  /** The claim of the name that a volume names, as the binder knows it or, `cached`, as its informer does. */
  claimOf(reference: ClaimRef, cached: boolean): PersistentVolumeClaim | undefined {
    const key = claimKey(reference);
    return this.known.get(key) ?? (cached ? this.claims.get(key) : undefined);
  }

  volume(name: string): PersistentVolume | undefined {
    return this.index.get(name);
  }

  bestMatch(claim: PersistentVolumeClaim, delayed: boolean): PersistentVolume | undefined {
    return this.index.bestMatch(claim, delayed);
  }

  storageClass(name: string): StorageClass | undefined {
    return this.classes.get(name);
  }

  defaultClass(): StorageClass | undefined {
    let found: StorageClass | undefined;
    for (const each of this.classes.list()) {
      const { annotations, creationTimestamp, name } = each.metadata;
      if (annotations?.[DEFAULT_CLASS] !== 'true' && annotations?.[DEFAULT_CLASS_BETA] !== 'true') continue;
      const age = found === undefined ? 1 : creationTimestamp - found.metadata.creationTimestamp;
      if (age > 0 || (age === 0 && name < found!.metadata.name)) found = each;
    }
    return found;
  }

  unscheduledPods(claim: PersistentVolumeClaim): readonly string[] {
    const names: string[] = [];
    for (const { metadata, spec } of this.pods.of(keyOf(claim))) if ((spec.nodeName ?? '') === '') names.push(metadata.name);
    return names;
  }

  /** Pods that still use the claim of a volume, by name (isVolumeUsed). */
  usersOf({ spec }: PersistentVolume): readonly string[] {
    return [...this.pods.of(claimKey(spec.claimRef!))].map((pod) => keyOf(pod)).sort();
  }

  /** A volume could not be deleted: not tried again for a while. */
  backOff(name: string): void {
    const last = this.retries.get(name)?.delay ?? FIRST_RETRY / 2;
    const delay = Math.min(2 * last, LAST_RETRY);
    this.retries.set(name, { until: this.simulation.now + delay, delay });
  }

  isBackingOff(name: string): boolean {
    return (this.retries.get(name)?.until ?? -1) > this.simulation.now;
  }
}

function claimKey({ namespace = '', name }: ClaimRef): string {
  return `${namespace}/${name}`;
}

function isOlder(object: KubernetesObject, known: KubernetesObject | undefined): boolean {
  return known !== undefined && known.metadata.resourceVersion > object.metadata.resourceVersion;
}

class ClaimReconciler implements Reconciler {
  private readonly binder: PersistentVolumeBinder;

  constructor(binder: PersistentVolumeBinder) {
    this.binder = binder;
  }

  reconcile(key: string): Reconciliation | null {
    return this.binder.claimSync(key);
  }
}

class VolumeReconciler implements Reconciler {
  private readonly binder: PersistentVolumeBinder;

  constructor(binder: PersistentVolumeBinder) {
    this.binder = binder;
  }

  reconcile(key: string): Reconciliation | null {
    return this.binder.volumeSync(key);
  }
}

class ClaimHandler implements ResourceEventHandler<PersistentVolumeClaim> {
  private readonly binder: PersistentVolumeBinder;

  constructor(binder: PersistentVolumeBinder) {
    this.binder = binder;
  }

  onAdd(claim: PersistentVolumeClaim): void {
    this.binder.claimSeen(claim);
  }

  onUpdate(_: PersistentVolumeClaim, claim: PersistentVolumeClaim): void {
    this.binder.claimSeen(claim);
  }

  onDelete(claim: PersistentVolumeClaim): void {
    this.binder.queueClaim(keyOf(claim));
  }
}

class VolumeHandler implements ResourceEventHandler<PersistentVolume> {
  private readonly binder: PersistentVolumeBinder;

  constructor(binder: PersistentVolumeBinder) {
    this.binder = binder;
  }

  onAdd(volume: PersistentVolume): void {
    this.binder.volumeSeen(volume);
  }

  onUpdate(_: PersistentVolume, volume: PersistentVolume): void {
    this.binder.volumeSeen(volume);
  }

  onDelete(volume: PersistentVolume): void {
    this.binder.queueVolume(volume.metadata.name);
  }
}
