import type { PersistentVolumeClaim } from '../api/apps.js';
import type { Pod } from '../api/core.js';
import { controllerOf, keyOf, type Labels } from '../api/meta.js';
import { resourceAmount } from '../api/quantity.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler } from '../client/types.js';
import { ControllerWorkers, Reconciliation, type Reconciler } from './controller.js';
import { controllerReference } from './ownership.js';

/** --concurrent-ephemeralvolume-syncs. */
const WORKERS = 5;

interface ClaimTemplate {
  readonly metadata?: { readonly labels?: Labels; readonly annotations?: Labels };
  readonly spec?: Omit<PersistentVolumeClaim['spec'], 'resources'> & { readonly resources?: { readonly requests?: Readonly<Record<string, string | number>> } };
}

interface EphemeralVolume {
  readonly name: string;
  readonly ephemeral?: { readonly volumeClaimTemplate?: ClaimTemplate };
}

function ephemeralVolumes(pod: Pod): readonly EphemeralVolume[] {
  return ((pod.spec.volumes ?? []) as readonly EphemeralVolume[]).filter(({ ephemeral }) => ephemeral !== undefined);
}

/** The claim of a generic ephemeral volume: named after the pod and the volume, and owned by the pod (handleVolume). */
export function ephemeralClaim(pod: Pod, { name, ephemeral }: EphemeralVolume): PersistentVolumeClaim {
  const { metadata = {}, spec = {} } = ephemeral?.volumeClaimTemplate ?? {};
  const { resources, ...rest } = spec;
  const requests = Object.entries(resources?.requests ?? {}).map(([resource, amount]) => [resource, resourceAmount(resource, amount)] as const);
  const { namespace } = pod.metadata;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      ...metadata,
      name: `${pod.metadata.name}-${name}`,
      namespace,
      uid: '',
      resourceVersion: 0,
      generation: 0,
      creationTimestamp: 0,
      ownerReferences: [controllerReference(pod)],
    },
    spec: { ...rest, ...(resources === undefined ? {} : { resources: { requests: Object.fromEntries(requests) } }) },
  };
}

/** Makes the claims of generic ephemeral volumes (pkg/controller/volume/ephemeral); with the pod they go by garbage collection. */
export class EphemeralVolumeController implements Reconciler {
  private readonly context: ProcessContext;
  private readonly client: ApiClient;
  private readonly pods: Informer<Pod>;
  private readonly claims: Informer<PersistentVolumeClaim>;
  /** Made with the first pod that has such a volume. */
  private parts: { readonly workers: ControllerWorkers; readonly recorder: EventRecorder } | null = null;

  constructor(context: ProcessContext, client: ApiClient) {
    this.context = context;
    this.client = client;
    this.pods = context.informers.informer<Pod>('pods');
    this.claims = context.informers.informer<PersistentVolumeClaim>('persistentvolumeclaims');
    this.pods.addEventHandler(new PodHandler(this));
    this.claims.addEventHandler(new ClaimHandler(this));
  }

  podSeen(pod: Pod): void {
    if (pod.spec.volumes === undefined || pod.metadata.deletionTimestamp !== undefined || ephemeralVolumes(pod).length === 0) return;
    if (this.parts === null) {
      const workers = new ControllerWorkers(this.context, { name: 'ephemeral-volume', workers: WORKERS, client: this.client });
      this.parts = { workers, recorder: this.context.eventRecorder('ephemeral_volume', this.client) };
      workers.start(this, [this.pods, this.claims]);
    }
    this.parts.workers.queue.add(keyOf(pod));
  }

  /** A claim is gone: the pod that it was made for gets another. */
  claimGone(claim: PersistentVolumeClaim): void {
    const owner = controllerOf(claim);
    if (owner?.kind !== 'Pod') return;
    const pod = this.pods.get(`${claim.metadata.namespace}/${owner.name}`);
    if (pod !== undefined) this.podSeen(pod);
  }

  reconcile(key: string): Reconciliation | null {
    const pod = this.pods.get(key);
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return null;
    return new ClaimsSync(pod, this.claims, this.parts!.recorder);
  }
}

class ClaimsSync extends Reconciliation {
  private readonly pod: Pod;
  private readonly claims: Informer<PersistentVolumeClaim>;
  private readonly recorder: EventRecorder;
  private readonly volumes: readonly EphemeralVolume[];
  private index = 0;

  constructor(pod: Pod, claims: Informer<PersistentVolumeClaim>, recorder: EventRecorder) {
    super();
    this.pod = pod;
    this.claims = claims;
    this.recorder = recorder;
    this.volumes = ephemeralVolumes(pod);
  }

  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    const [response] = responses;
    if (response !== undefined) {
      const { name } = this.pod.metadata;
      const volume = this.volumes[this.index]!;
      if (!succeeded(response)) return this.refuse(volume, `create PVC ${name}-${volume.name}: ${response.message ?? ''}`);
      this.index++;
    }
    for (; this.index < this.volumes.length; this.index++) {
      const volume = this.volumes[this.index]!;
      const body = ephemeralClaim(this.pod, volume);
      const { namespace, name } = body.metadata;
      const claim = this.claims.get(`${namespace}/${name}`);
      if (claim === undefined) return [{ verb: 'create', resource: 'persistentvolumeclaims', namespace, name, body }];
      if (controllerOf(claim)?.uid !== this.pod.metadata.uid) {
        return this.refuse(volume, `PVC ${namespace}/${name} was not created for pod ${keyOf(this.pod)} (pod is not owner)`);
      }
    }
    return null;
  }

  private refuse({ name }: EphemeralVolume, problem: string): null {
    const message = `ephemeral volume ${name}: ${problem}`;
    this.recorder.event(this.pod, 'Warning', 'FailedBinding', message);
    return this.fail(`pod ${keyOf(this.pod)}, ${message}`);
  }
}

class PodHandler implements ResourceEventHandler<Pod> {
  readonly updates = 0;
  private readonly controller: EphemeralVolumeController;

  constructor(controller: EphemeralVolumeController) {
    this.controller = controller;
  }

  onAdd(pod: Pod): void {
    this.controller.podSeen(pod);
  }

  onUpdate(): void {}

  onDelete(): void {}
}

class ClaimHandler implements ResourceEventHandler<PersistentVolumeClaim> {
  readonly updates = 0;
  private readonly controller: EphemeralVolumeController;

  constructor(controller: EphemeralVolumeController) {
    this.controller = controller;
  }

  onAdd(): void {}

  onUpdate(): void {}

  onDelete(claim: PersistentVolumeClaim): void {
    this.controller.claimGone(claim);
  }
}
