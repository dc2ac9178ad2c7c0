import type { Node } from '../api/core.js';
import { type KubernetesObject, keyOf } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import { type Duration, MINUTE, SECOND, type Time } from '../kernel/time.js';
import { type DistributionSpec, sample } from '../random/distribution.js';
import { hashText, type KeyedDraws } from '../random/stream.js';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../scheduler/cache/cluster-objects.js';
import { ANNOTATION_SELECTED_NODE, classOf } from '../scheduler/plugins/volume-common.js';
import { claimReference } from '../scheduler/volumes/patches.js';
import { AddFinalizerPatch } from './attachment-patches.js';
import { RemoveFinalizerPatch } from './garbage-collector.js';
import { ANNOTATION_STORAGE_PROVISIONER } from './volume-binding.js';
import { ANNOTATION_MIGRATED_TO, ANNOTATION_PROVISIONED_BY, FINALIZER_PROVISIONER, migratedDriver } from './volume-plugins.js';

/** external-provisioner's own limits (--kube-api-qps, --kube-api-burst), and how it tries again (--retry-interval-start, -max). */
const QPS = 5;
const BURST = 10;
const FIRST_RETRY: Duration = SECOND;
const LAST_RETRY: Duration = 5 * MINUTE;

const OP_DONE = 1;
const OP_AGAIN = 2;
const AT_ONCE: DistributionSpec = { kind: 'constant', value: 0 };
const ZONE = 'topology.kubernetes.io/zone';

type Step = 'cloud' | 'write' | 'release';

/** A volume that is made for a claim, deleted, or marked. */
interface Work {
  readonly kind: 'provision' | 'delete' | 'mark';
  /** Key of the claim, or name of the volume. */
  readonly key: string;
  readonly uid: string;
  /** Driver whose provisioner it is. */
  readonly driver: string;
  step: Step;
  retry: Duration;
}

/** A work that begins. */
function workOn(kind: Work['kind'], key: string, uid: string, driver: string): Work {
  return { kind, key, uid, driver, step: 'cloud', retry: FIRST_RETRY };
}

/**
 * The external provisioner of every CSI driver (kubernetes-csi/external-provisioner): it makes volumes for claims that the binder has
 * given it, which takes the profile's time, in the zone of the node that a pod waits for, and deletes volumes that are Released with
 * reclaim policy Delete. Drivers of in-tree names (kubernetes.io/…) have none.
 */
export class ExternalProvisioner implements Component, ResponseReceiver {
  readonly name = 'csi-provisioner';
  /** Volumes made. */
  provisioned = 0;
  private readonly context: ProcessContext;
  private readonly simulation: Simulation;
  private readonly client: ApiClient;
  private readonly draws: KeyedDraws;
  private readonly provisioning: DistributionSpec;
  private readonly deleting: DistributionSpec;
  private readonly claims: Informer<PersistentVolumeClaim>;
  private readonly volumes: Informer<PersistentVolume>;
  private readonly classes: Informer<StorageClass>;
  private readonly nodes: Informer<Node>;
  private readonly recorders = new Map<string, EventRecorder>();
  private readonly work = new Slots<Work>();
  /** What is worked on, by kind and key: whether its object has changed since. */
  private readonly busy = new Map<string, boolean>();
  /** Volumes that were made and that the informer does not show yet. */
  private readonly made = new Set<string>();
  /** Of the component; negative: it has had nothing to do yet. */
  private target = -1;

  constructor(context: ProcessContext) {
    const { simulation, randomness, profile, informers } = context;
    this.context = context;
    this.simulation = simulation;
    this.client = context.client('csi-provisioner', QPS, BURST);
    this.draws = randomness.keyed('persistentvolume-binder/provision');
    this.provisioning = profile.volumes?.provision ?? AT_ONCE;
    this.deleting = profile.volumes?.delete ?? AT_ONCE;
    this.nodes = informers.informer<Node>('nodes');
    this.classes = informers.informer<StorageClass>('storageclasses');
    this.volumes = informers.informer<PersistentVolume>('persistentvolumes');
    this.claims = informers.informer<PersistentVolumeClaim>('persistentvolumeclaims');
    this.volumes.addEventHandler(new VolumeHandler(this));
    this.claims.addEventHandler(new ClaimHandler(this));
  }

  describe(opcode: number): string {
    return opcode === OP_DONE ? 'the cloud has made or deleted a volume' : 'the provisioner tries again';
  }

  handle(opcode: number, slot: number): void {
    if (opcode === OP_DONE) this.work.get(slot).step = 'write';
    this.run(slot);
  }

  /** A claim came or changed (shouldProvision). */
  claimChanged(claim: PersistentVolumeClaim): void {
    const driver = this.driverFor(claim);
    if (driver === undefined) return;
    const { uid } = claim.metadata;
    const name = volumeName(uid);
    if (this.made.has(name) || this.volumes.get(name) !== undefined) return;
    this.begin(workOn('provision', keyOf(claim), uid, driver));
  }

  /** The driver that is to make a claim's volume now; undefined: none. */
  private driverFor({ metadata, spec }: PersistentVolumeClaim): string | undefined {
    const driver = metadata.annotations?.[ANNOTATION_STORAGE_PROVISIONER];
    if (driver === undefined || driver.startsWith('kubernetes.io/') || (spec.volumeName ?? '') !== '') return undefined;
    const storageClass = this.classes.get(classOf({ metadata, spec } as PersistentVolumeClaim));
    if (storageClass === undefined || driverOf(storageClass) !== driver) return undefined;
    const delayed = storageClass.volumeBindingMode === 'WaitForFirstConsumer';
    return delayed && (metadata.annotations?.[ANNOTATION_SELECTED_NODE] ?? '') === '' ? undefined : driver;
  }

  /** A volume came or changed (handleProtectionFinalizer, shouldDelete). */
  volumeChanged(volume: PersistentVolume): void {
    this.made.delete(volume.metadata.name);
    const driver = responsible(volume);
    if (driver === undefined) return;
    const { name, uid, finalizers = [], deletionTimestamp } = volume.metadata;
    const policy = volume.spec.persistentVolumeReclaimPolicy;
    const held = finalizers.includes(FINALIZER_PROVISIONER);
    const phase = volume.status?.phase;
    const wanted = policy === 'Delete' ? held || (phase === 'Bound' && deletionTimestamp === undefined) : false;
    if (wanted !== held) this.begin(workOn('mark', name, uid, driver));
    else if (phase === 'Released' && policy === 'Delete' && (held || deletionTimestamp === undefined)) {
      this.begin(workOn('delete', name, uid, driver));
    }
  }

  private begin(work: Work): void {
    const id = `${work.kind} ${work.key}`;
    if (this.busy.has(id)) {
      this.busy.set(id, true);
      return;
    }
    this.busy.set(id, false);
    if (this.target < 0) this.target = this.simulation.add(this);
    this.run(this.work.put(work));
  }

  private end(slot: number): void {
    const { kind, key } = this.work.take(slot);
    const id = `${kind} ${key}`;
    const changed = this.busy.get(id)!;
    this.busy.delete(id);
    if (!changed) return;
    const object = kind === 'provision' ? this.claims.get(key) : this.volumes.get(key);
    if (object === undefined) return;
    if (kind === 'provision') this.claimChanged(object as PersistentVolumeClaim);
    else this.volumeChanged(object as PersistentVolume);
  }

  private run(slot: number): void {
    const { kind } = this.work.get(slot);
    if (kind === 'provision') this.provision(slot);
    else if (kind === 'delete') this.remove(slot);
    else this.mark(slot);
  }

  private provision(slot: number): void {
    const work = this.work.get(slot);
    const claim = this.claims.get(work.key);
    if (claim?.metadata.uid !== work.uid || this.driverFor(claim) !== work.driver) {
      this.end(slot);
      return;
    }
    if (work.step === 'cloud') {
      this.event(work.driver, claim, 'Provisioning', `External provisioner is provisioning volume for claim "${work.key}"`);
      // Keyed by the claim, so that other claims never shift its luck.
      this.wait(sample(this.provisioning, this.draws.source(hashText(work.key))), OP_DONE, slot);
      return;
    }
    const body = volumeFor(claim, this.classes.get(classOf(claim))!, this.nodes.get(claim.metadata.annotations?.[ANNOTATION_SELECTED_NODE] ?? ''), this.simulation.now);
    this.send(slot, { verb: 'create', resource: 'persistentvolumes', namespace: '', name: body.metadata.name, body });
  }

  private remove(slot: number): void {
    const work = this.work.get(slot);
    const volume = this.volumes.get(work.key);
    if (volume?.metadata.uid !== work.uid) this.end(slot);
    else if (work.step === 'cloud') this.wait(sample(this.deleting, this.draws.source(hashText(`delete ${work.key}`))), OP_DONE, slot);
    else if (work.step === 'write') this.send(slot, { verb: 'delete', resource: 'persistentvolumes', namespace: '', name: work.key });
    else this.send(slot, this.patch(work.key, new RemoveFinalizerPatch(FINALIZER_PROVISIONER)));
  }

  private mark(slot: number): void {
    const { key, uid } = this.work.get(slot);
    const volume = this.volumes.get(key);
    if (volume?.metadata.uid !== uid) this.end(slot);
    else {
      const kept = volume.spec.persistentVolumeReclaimPolicy === 'Delete';
      this.send(slot, this.patch(key, kept ? new AddFinalizerPatch(FINALIZER_PROVISIONER) : new RemoveFinalizerPatch(FINALIZER_PROVISIONER)));
    }
  }

  private patch(name: string, patch: NonNullable<ApiRequest['patch']>): ApiRequest {
    return { verb: 'patch', resource: 'persistentvolumes', namespace: '', name, patch };
  }

  receive(slot: number, response: ApiResponse): void {
    const work = this.work.get(slot);
    const { kind, step } = work;
    const gone = response.code === 404 || (kind === 'provision' && response.code === 409);
    if (!succeeded(response) && !gone) {
      this.wait(work.retry, OP_AGAIN, slot);
      work.retry = Math.min(2 * work.retry, LAST_RETRY);
      return;
    }
    if (kind === 'provision') {
      this.provisioned++;
      if (this.volumes.get(volumeName(work.uid)) === undefined) this.made.add(volumeName(work.uid));
      const claim = this.claims.get(work.key);
      if (claim !== undefined) this.event(work.driver, claim, 'ProvisioningSucceeded', `Successfully provisioned volume ${volumeName(work.uid)}`);
    } else if (kind === 'delete' && step === 'write' && response.code !== 404) {
      work.step = 'release';
      this.run(slot);
      return;
    }
    this.end(slot);
  }

  private wait(delay: Duration, opcode: number, slot: number): void {
    this.simulation.schedule(delay, this.target, opcode, slot);
  }

  private send(slot: number, request: ApiRequest): void {
    this.client.request(request, this, slot);
  }

  private event(driver: string, object: KubernetesObject, reason: string, message: string): void {
    let recorder = this.recorders.get(driver);
    if (recorder === undefined) {
      recorder = this.context.eventRecorder(`${driver}_csi-provisioner`, this.client);
      this.recorders.set(driver, recorder);
    }
    recorder.event(object, 'Normal', reason, message);
  }
}

/** `pvc-<uid>`: the name of the volume that is made for a claim. */
function volumeName(uid: string): string {
  return `pvc-${uid}`;
}

/** The driver that makes the volumes of a class. */
function driverOf({ provisioner }: StorageClass): string | undefined {
  return migratedDriver(provisioner) ?? provisioner;
}

/** The driver whose provisioner looks after a volume; undefined: none does (isProvisionerForVolume). */
function responsible({ metadata, spec }: PersistentVolume): string | undefined {
  const by = metadata.annotations?.[ANNOTATION_PROVISIONED_BY];
  const migrated = metadata.annotations?.[ANNOTATION_MIGRATED_TO];
  if (by === undefined) return spec.csi?.driver ?? migrated;
  return by.startsWith('kubernetes.io/') ? migrated : by;
}

/** A volume of the size of its claim, in the zone of the node that will use it. */
function volumeFor(claim: PersistentVolumeClaim, storageClass: StorageClass, node: Node | undefined, now: Time): PersistentVolume {
  const { accessModes, volumeMode, resources, volumeAttributesClassName } = claim.spec;
  const name = volumeName(claim.metadata.uid);
  const zone = node?.metadata.labels?.[ZONE];
  const required = { nodeSelectorTerms: [{ matchExpressions: [{ key: ZONE, operator: 'In' as const, values: [zone ?? ''] }] }] };
  const annotations = {
    [ANNOTATION_PROVISIONED_BY]: storageClass.provisioner ?? '',
    'volume.kubernetes.io/provisioner-deletion-secret-name': '',
    'volume.kubernetes.io/provisioner-deletion-secret-namespace': '',
  };
  const policy = storageClass.reclaimPolicy ?? 'Delete';
  const metadata = { name, namespace: '', uid: '', resourceVersion: 0, generation: 1, creationTimestamp: now, annotations, finalizers: [FINALIZER_PROVISIONER] };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata,
    spec: {
      capacity: { storage: resources?.requests?.storage ?? 0 },
      ...(accessModes === undefined ? {} : { accessModes }),
      ...(volumeMode === undefined ? {} : { volumeMode }),
      ...(volumeAttributesClassName === undefined ? {} : { volumeAttributesClassName }),
      storageClassName: classOf(claim),
      persistentVolumeReclaimPolicy: policy,
      claimRef: claimReference(claim),
      csi: { driver: driverOf(storageClass) ?? '', volumeHandle: name },
      ...(zone === undefined ? {} : { nodeAffinity: { required } }),
    },
  };
}

class VolumeHandler implements ResourceEventHandler<PersistentVolume> {
  private readonly provisioner: ExternalProvisioner;

  constructor(provisioner: ExternalProvisioner) {
    this.provisioner = provisioner;
  }

  onAdd(volume: PersistentVolume): void {
    this.provisioner.volumeChanged(volume);
  }

  onUpdate(_: PersistentVolume, volume: PersistentVolume): void {
    this.provisioner.volumeChanged(volume);
  }

  onDelete(): void {}
}

class ClaimHandler implements ResourceEventHandler<PersistentVolumeClaim> {
  private readonly provisioner: ExternalProvisioner;

  constructor(provisioner: ExternalProvisioner) {
    this.provisioner = provisioner;
  }

  onAdd(claim: PersistentVolumeClaim): void {
    this.provisioner.claimChanged(claim);
  }

  onUpdate(_: PersistentVolumeClaim, claim: PersistentVolumeClaim): void {
    this.provisioner.claimChanged(claim);
  }

  onDelete(): void {}
}
