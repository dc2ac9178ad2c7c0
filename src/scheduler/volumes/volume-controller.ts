import type { Node } from '../../api/core.js';
import { type KubernetesObject, keyOf } from '../../api/meta.js';
import { resources } from '../../api/resources.js';
import type { ApiRequest, ApiResponse, ResponseReceiver } from '../../apiserver/request.js';
import type { ProcessContext } from '../../client/context.js';
import type { ApiClient, Informer, ResourceEventHandler } from '../../client/types.js';
import type { Component, Simulation } from '../../kernel/simulation.js';
import { Slots } from '../../kernel/slots.js';
import { type DistributionSpec, sample } from '../../random/distribution.js';
import type { KeyedDraws } from '../../random/stream.js';
import { hashText } from '../../random/stream.js';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../cache/cluster-objects.js';
import { classOf, findMatchingVolume, fullyBound, NO_PROVISIONER } from '../plugins/volume-common.js';
import { ANNOTATION_SELECTED_NODE, BindClaimPatch, ClaimRefPatch, PhasePatch } from './patches.js';

const OP_PROVISIONED = 1;

const ZONE = 'topology.kubernetes.io/zone';
const ANNOTATION_PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';

/**
 * Binds claims to volumes and makes volumes for classes with a provisioner: the persistent volume controller of
 * kube-controller-manager (pkg/controller/volume/persistentvolume) and the external provisioner in one. Claims of a class with
 * WaitForFirstConsumer wait until the scheduler has named a node. Claims of a class that is not known get a volume too, as in
 * clusters whose provider brings a class along.
 */
export class VolumeController implements Component, ResponseReceiver {
  readonly name = 'persistentvolume-binder';
  /** Volumes made. */
  provisioned = 0;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly client: ApiClient;
  private readonly provisioning: DistributionSpec;
  private readonly draws: KeyedDraws;
  private readonly claims: Informer<PersistentVolumeClaim>;
  private readonly volumes: Informer<PersistentVolume>;
  private readonly nodes: Informer<Node>;
  private readonly classes: Informer<StorageClass> | undefined;
  /** Names of volumes that are made for or reserved to a claim, by claim. */
  private readonly volumeOf = new Map<string, string>();
  /** Claims whose volume is on its way. */
  private readonly busy = new Set<string>();
  private readonly waiting = new Slots<PersistentVolumeClaim>();

  /** @param provisioning time from the request for a volume until it exists */
  constructor(context: ProcessContext, client: ApiClient, provisioning: DistributionSpec) {
    this.simulation = context.simulation;
    this.target = context.simulation.add(this);
    this.client = client;
    this.provisioning = provisioning;
    this.draws = context.randomness.keyed('persistentvolume-binder/provision');
    const { informers } = context;
    this.nodes = informers.informer<Node>('nodes');
    const served = resources().some((info) => info.resource === 'storageclasses');
    this.classes = served ? informers.informer<StorageClass>('storageclasses') : undefined;
    this.volumes = informers.informer<PersistentVolume>('persistentvolumes');
    this.volumes.addEventHandler(new VolumeHandler(this));
    this.claims = informers.informer<PersistentVolumeClaim>('persistentvolumeclaims');
    this.claims.addEventHandler(new ClaimHandler(this));
  }

  handle(_opcode: number, slot: number): void {
    const claim = this.waiting.take(slot);
    const key = keyOf(claim);
    this.busy.delete(key);
    const current = this.claims.get(key);
    if (current === undefined || current.metadata.uid !== claim.metadata.uid) return;
    this.provisioned++;
    const body = this.volumeFor(current);
    this.send({ verb: 'create', resource: 'persistentvolumes', namespace: '', name: body.metadata.name, body });
  }

  receive(_tag: number, _response: ApiResponse): void {}

  /** A claim appeared or changed (syncClaim). */
  claimChanged(claim: PersistentVolumeClaim): void {
    const key = keyOf(claim);
    if (fullyBound(claim)) {
      if (claim.status?.phase !== 'Bound')
        this.patch('persistentvolumeclaims', claim, new PhasePatch('Bound'), 'status');
      return;
    }
    if (this.busy.has(key)) return;
    const reserved = this.volumes.get(claim.spec.volumeName ?? this.volumeOf.get(key) ?? '');
    if (reserved !== undefined) {
      this.bind(claim, reserved);
      return;
    }
    const storageClass = this.classes?.get(classOf(claim));
    const selected = claim.metadata.annotations?.[ANNOTATION_SELECTED_NODE];
    if (storageClass?.volumeBindingMode === 'WaitForFirstConsumer' && selected === undefined) return;
    const match =
      selected === undefined
        ? findMatchingVolume(claim, this.volumes.list(), null, new Set(this.volumeOf.values()))
        : undefined;
    if (match !== undefined) this.bind(claim, match);
    else if (storageClass?.provisioner !== NO_PROVISIONER) {
      this.busy.add(key);
      // Keyed by the claim, so that other claims never shift its luck.
      const delay = sample(this.provisioning, this.draws.source(hashText(key)));
      this.simulation.schedule(delay, this.target, OP_PROVISIONED, this.waiting.put(claim));
    }
  }

  claimGone(claim: PersistentVolumeClaim): void {
    const key = keyOf(claim);
    this.busy.delete(key);
    const volume = this.volumes.get(this.volumeOf.get(key) ?? '');
    this.volumeOf.delete(key);
    if (volume?.metadata.annotations?.[ANNOTATION_PROVISIONED_BY] === undefined) return;
    // Volumes of a provisioner have the reclaim policy Delete.
    this.send({ verb: 'delete', resource: 'persistentvolumes', namespace: '', name: volume.metadata.name });
  }

  /** A volume appeared or changed (syncVolume). */
  volumeChanged(volume: PersistentVolume): void {
    const { claimRef } = volume.spec;
    if (claimRef === undefined) {
      if (volume.status?.phase === undefined)
        this.patch('persistentvolumes', volume, new PhasePatch('Available'), 'status');
      return;
    }
    const key = `${claimRef.namespace ?? ''}/${claimRef.name}`;
    this.volumeOf.set(key, volume.metadata.name);
    const claim = this.claims.get(key);
    if (claim === undefined || (claimRef.uid ?? claim.metadata.uid) !== claim.metadata.uid) return;
    if (volume.status?.phase !== 'Bound') this.patch('persistentvolumes', volume, new PhasePatch('Bound'), 'status');
    if (!fullyBound(claim)) this.bind(claim, volume);
  }

  /** Volume first, then the claim, as the real controller does. */
  private bind(claim: PersistentVolumeClaim, volume: PersistentVolume): void {
    this.volumeOf.set(keyOf(claim), volume.metadata.name);
    const reference = volume.spec.claimRef;
    if (reference?.uid !== claim.metadata.uid) this.patch('persistentvolumes', volume, new ClaimRefPatch(claim));
    else this.patch('persistentvolumeclaims', claim, new BindClaimPatch(volume.metadata.name));
  }

  /** A volume of the size of its claim, in the zone of the node that will use it. */
  private volumeFor(claim: PersistentVolumeClaim): PersistentVolume {
    const { namespace, name, uid } = claim.metadata;
    const driver = this.classes?.get(classOf(claim))?.provisioner ?? 'default-provisioner';
    const node = this.nodes.get(claim.metadata.annotations?.[ANNOTATION_SELECTED_NODE] ?? '');
    const zone = node?.metadata.labels?.[ZONE];
    const required = {
      nodeSelectorTerms: [{ matchExpressions: [{ key: ZONE, operator: 'In' as const, values: [zone ?? ''] }] }],
    };
    const volumeName = `pvc-${uid}`;
    return {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: {
        name: volumeName,
        namespace: '',
        uid: '',
        resourceVersion: 0,
        generation: 1,
        creationTimestamp: this.simulation.now,
        annotations: { [ANNOTATION_PROVISIONED_BY]: driver },
      },
      spec: {
        capacity: { storage: claim.spec.resources?.requests?.storage ?? 0 },
        ...(claim.spec.accessModes === undefined ? {} : { accessModes: claim.spec.accessModes }),
        ...(claim.spec.storageClassName === undefined ? {} : { storageClassName: claim.spec.storageClassName }),
        claimRef: { namespace, name, uid },
        csi: { driver, volumeHandle: volumeName },
        ...(zone === undefined ? {} : { nodeAffinity: { required } }),
      },
    };
  }

  private patch(
    resource: string,
    object: KubernetesObject,
    patch: NonNullable<ApiRequest['patch']>,
    subresource?: 'status',
  ): void {
    const { namespace, name } = object.metadata;
    this.send({
      verb: 'patch',
      resource,
      namespace,
      name,
      patch,
      ...(subresource === undefined ? {} : { subresource }),
    });
  }

  private send(request: ApiRequest): void {
    this.client.request(request, this, 0);
  }
}

class VolumeHandler implements ResourceEventHandler<PersistentVolume> {
  private readonly controller: VolumeController;

  constructor(controller: VolumeController) {
    this.controller = controller;
  }

  onAdd(volume: PersistentVolume): void {
    this.controller.volumeChanged(volume);
  }

  onUpdate(_: PersistentVolume, volume: PersistentVolume): void {
    this.controller.volumeChanged(volume);
  }

  onDelete(): void {}
}

class ClaimHandler implements ResourceEventHandler<PersistentVolumeClaim> {
  private readonly controller: VolumeController;

  constructor(controller: VolumeController) {
    this.controller = controller;
  }

  onAdd(claim: PersistentVolumeClaim): void {
    this.controller.claimChanged(claim);
  }

  onUpdate(_: PersistentVolumeClaim, claim: PersistentVolumeClaim): void {
    this.controller.claimChanged(claim);
  }

  onDelete(claim: PersistentVolumeClaim): void {
    this.controller.claimGone(claim);
  }
}
