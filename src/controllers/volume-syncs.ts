import { keyOf, type KubernetesObject } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { PersistentVolume, PersistentVolumeClaim } from '../scheduler/cache/cluster-objects.js';
import { objectRequest, StagedReconciliation, type Step } from './controller.js';
import type { PersistentVolumeBinder } from './persistent-volume-binder.js';
import {
  annealedClaim,
  annealedVolume,
  type BindingEvent,
  boundClaim,
  boundVolume,
  type ClaimDecision,
  claimInPhase,
  claimOfProvisioner,
  decideClaim,
  decideVolume,
  isReleased,
  reclaimOf,
  recycling,
  unboundVolume,
  type VolumeDecision,
  volumeInPhase,
} from './volume-binding.js';
import { deleterOf, FINALIZER_IN_TREE } from './volume-plugins.js';

/** Syncs of the binder: its decisions, one write after the other. A sync that fails is left to the next change or the resync. */

/** What a sync of claims and volumes has in common: writes that the binder's own cache knows at once. */
abstract class BindingSync extends StagedReconciliation {
  protected readonly binder: PersistentVolumeBinder;
  private readonly kind: 'claim' | 'volume';
  private readonly key: string;
  protected volume: PersistentVolume | undefined = undefined;
  protected claim: PersistentVolumeClaim | undefined = undefined;

  /** `kind` and `key`: what is looked at again with the next resync, if this fails. */
  constructor(binder: PersistentVolumeBinder, kind: 'claim' | 'volume', key: string) {
    super();
    this.binder = binder;
    this.kind = kind;
    this.key = key;
  }

  protected override fail(message: string): null {
    this.binder.failed(this.kind, this.key);
    return super.fail(message);
  }

  /** Writes what differs and goes on with `next`; undefined: nothing differs. */
  protected write<T extends KubernetesObject>(current: T, wanted: T, next: number, subresource?: 'status'): Step {
    this.stage = next;
    if (wanted === current) return undefined;
    const resource = wanted.kind === 'PersistentVolume' ? 'persistentvolumes' : 'persistentvolumeclaims';
    return [objectRequest('update', resource, current, { body: wanted, ...(subresource === undefined ? {} : { subresource }) })];
  }

  /** Takes over what a write has stored; false: it failed. */
  protected took(responses: readonly ApiResponse[]): boolean {
    const response = responses[0];
    if (response === undefined) return true;
    if (!succeeded(response)) {
      this.fail(response.message ?? 'request failed');
      return false;
    }
    const { object } = response;
    if (object?.kind === 'PersistentVolume') {
      this.volume = object as PersistentVolume;
      this.binder.storeVolume(this.volume);
    } else if (object?.kind === 'PersistentVolumeClaim') {
      this.claim = object as PersistentVolumeClaim;
      this.binder.storeClaim(this.claim);
    }
    return true;
  }

  protected record(object: KubernetesObject, event: BindingEvent | undefined): void {
    if (event !== undefined) this.binder.recorder.event(object, event.type, event.reason, event.message);
  }
}

const CLAIM_START = 0;
const CLAIM_DECIDE = 1;
const BIND_VOLUME_STATUS = 2;
const BIND_CLAIM = 3;
const BIND_CLAIM_STATUS = 4;
const CLAIM_DONE = 5;
const CLAIM_MARKED = 6;
const PROVISIONED_READ = 7;

/** One sync of a claim (syncClaim). */
export class ClaimSync extends BindingSync {
  private decision: ClaimDecision | undefined = undefined;

  constructor(binder: PersistentVolumeBinder, claim: PersistentVolumeClaim) {
    super(binder, 'claim', keyOf(claim));
    this.claim = claim;
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    const claim = this.claim!;
    if (this.stage === PROVISIONED_READ) return this.provisioned(claim, responses[0]!);
    if (this.stage === CLAIM_MARKED && responses[0] !== undefined && !succeeded(responses[0])) {
      this.record(claim, { type: 'Warning', reason: 'ProvisioningFailed', message: `Error saving claim: ${responses[0].message ?? ''}` });
    }
    return this.took(responses) ? this.proceed(this.claim!) : null;
  }

  private proceed(claim: PersistentVolumeClaim): Step {
    switch (this.stage) {
      case CLAIM_START:
        return this.write(claim, annealedClaim(claim), CLAIM_DECIDE);
      case CLAIM_DECIDE:
        return this.decide(claim);
      case BIND_VOLUME_STATUS:
        return this.write(this.volume!, volumeInPhase(this.volume!, 'Bound'), BIND_CLAIM, 'status');
      case BIND_CLAIM:
        return this.write(claim, boundClaim(claim, this.volume!), BIND_CLAIM_STATUS);
      case BIND_CLAIM_STATUS:
        return this.status(claim, 'Bound', this.volume!);
      case CLAIM_MARKED: {
        const decision = this.decision as Extract<ClaimDecision, { readonly action: 'provision' }>;
        if (decision.inTree === true) {
          this.stage = PROVISIONED_READ;
          return [{ verb: 'get', resource: 'persistentvolumes', namespace: '', name: `pvc-${claim.metadata.uid}` }];
        }
        this.record(claim, decision.event);
        return null;
      }
      default:
        if (this.decision!.action === 'phase') this.record(claim, this.decision!.after);
        return null;
    }
  }

  /** A plugin of kube-controller-manager's own: made already, or it fails. */
  private provisioned(claim: PersistentVolumeClaim, response: ApiResponse): Step {
    if (succeeded(response)) return null;
    if (response.code === 404) this.record(claim, (this.decision as { readonly event: BindingEvent }).event);
    return this.fail(response.message ?? 'request failed');
  }

  private decide(claim: PersistentVolumeClaim): Step {
    const decision = decideClaim(claim, this.binder);
    this.decision = decision;
    switch (decision.action) {
      case 'bind':
        this.volume = decision.volume;
        return this.write(decision.volume, boundVolume(decision.volume, claim), BIND_VOLUME_STATUS);
      case 'phase':
        this.record(claim, decision.before);
        // Said once, when it comes about.
        if (decision.after !== undefined && claim.status?.phase === decision.phase) return null;
        return this.status(claim, decision.phase, null);
      case 'assign class':
        return this.write(claim, { ...claim, spec: { ...claim.spec, storageClassName: decision.name } }, CLAIM_DONE);
      case 'provision':
        return this.write(claim, decision.provisioner === undefined ? claim : claimOfProvisioner(claim, decision.provisioner), CLAIM_MARKED);
      default:
        this.record(claim, decision.event);
        return this.fail(decision.message);
    }
  }

  private status(claim: PersistentVolumeClaim, phase: string, volume: PersistentVolume | null): Step {
    const wanted = claimInPhase(claim, phase, volume);
    return typeof wanted === 'string' ? this.fail(wanted) : this.write(claim, wanted, CLAIM_DONE, 'status');
  }
}

const VOLUME_START = 0;
const VOLUME_CLAIM = 1;
const VOLUME_CLAIM_READ = 2;
const VOLUME_CLAIM_AGAIN = 3;
const VOLUME_DECIDE = 4;
const RECLAIM = 5;
const RECLAIM_READ = 6;
const UNBOUND = 7;
const FAILED = 8;
const FINALIZERS = 9;
const FINALIZERS_READ = 12;
const DELETED = 10;
const VOLUME_DONE = 11;

/** One sync of a volume (syncVolume). */
export class VolumeSync extends BindingSync {
  private failure: BindingEvent | undefined = undefined;

  constructor(binder: PersistentVolumeBinder, volume: PersistentVolume) {
    super(binder, 'volume', volume.metadata.name);
    this.volume = volume;
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    const response = responses[0];
    switch (this.stage) {
      case VOLUME_CLAIM_READ:
      case VOLUME_CLAIM_AGAIN:
        return this.readClaim(response!);
      case RECLAIM_READ:
        return this.reclaimRead(response!);
      case FINALIZERS_READ:
        return this.freeVolume(response!);
      case DELETED:
        // Deleted on the next occasion, then.
        return null;
      default:
    }
    if (!this.took(responses)) return null;
    const volume = this.volume!;
    switch (this.stage) {
      case VOLUME_START:
        return this.write(volume, annealedVolume(volume), VOLUME_CLAIM);
      case VOLUME_CLAIM:
        return this.findClaim(volume);
      case VOLUME_DECIDE:
        return this.carryOut(volume, decideVolume(volume, this.claim));
      case RECLAIM:
        return this.reclaim(volume);
      case UNBOUND:
        return this.write(volume, volumeInPhase(volume, 'Available'), VOLUME_DONE, 'status');
      case FAILED:
        this.record(volume, this.failure);
        return this.failed();
      case FINALIZERS:
        this.stage = DELETED;
        return [objectRequest('delete', 'persistentvolumes', volume)];
      default:
        return null;
    }
  }

  private failed(): Step {
    this.binder.backOff(this.volume!.metadata.name);
    return null;
  }

  /** The claim in the caches, or as the API server has it. */
  private findClaim(volume: PersistentVolume): Step {
    const { claimRef } = volume.spec;
    if ((claimRef?.uid ?? '') === '') {
      this.stage = VOLUME_DECIDE;
      return undefined;
    }
    const phase = volume.status?.phase;
    const settled = phase === 'Released' || phase === 'Failed';
    this.claim = this.binder.claimOf(claimRef!, !settled);
    if (this.claim === undefined) {
      this.stage = settled ? VOLUME_DECIDE : VOLUME_CLAIM_READ;
      return settled ? undefined : this.getClaim(volume);
    }
    return this.compareClaim(volume);
  }

  private getClaim(volume: PersistentVolume): readonly ApiRequest[] {
    const { namespace = '', name } = volume.spec.claimRef!;
    return [{ verb: 'get', resource: 'persistentvolumeclaims', namespace, name }];
  }

  private compareClaim(volume: PersistentVolume): Step {
    if (this.claim!.metadata.uid === volume.spec.claimRef!.uid) {
      this.stage = VOLUME_DECIDE;
      return undefined;
    }
    this.stage = VOLUME_CLAIM_AGAIN;
    return this.getClaim(volume);
  }

  private readClaim(response: ApiResponse): Step {
    if (!succeeded(response) && response.code !== 404) return this.fail(response.message ?? 'request failed');
    this.claim = response.object as PersistentVolumeClaim | undefined;
    if (this.stage === VOLUME_CLAIM_READ && this.claim !== undefined) return this.compareClaim(this.volume!);
    if (this.claim?.metadata.uid !== this.volume!.spec.claimRef!.uid) this.claim = undefined;
    this.stage = VOLUME_DECIDE;
    return undefined;
  }

  private carryOut(volume: PersistentVolume, decision: VolumeDecision): Step {
    switch (decision.action) {
      case 'phase':
        return this.write(volume, volumeInPhase(volume, decision.phase), VOLUME_DONE, 'status');
      case 'mismatch':
        this.record(volume, decision.ofVolume);
        this.record(this.claim!, decision.ofClaim);
        return null;
      case 'sync claim':
        this.binder.queueClaim(keyOf(this.claim!));
        return null;
      case 'unbind':
        return this.write(volume, unboundVolume(volume), UNBOUND);
      default: {
        const phase = volume.status?.phase;
        return this.write(volume, phase === 'Failed' ? volume : volumeInPhase(volume, 'Released'), RECLAIM, 'status');
      }
    }
  }

  private reclaim(volume: PersistentVolume): Step {
    const reclaim = reclaimOf(volume);
    if (reclaim === 'nothing') return null;
    if (typeof reclaim === 'object') return this.markFailed(volume, reclaim);
    if (this.binder.isBackingOff(volume.metadata.name)) return null;
    this.stage = RECLAIM_READ;
    return [objectRequest('get', 'persistentvolumes', volume)];
  }

  /** The volume as it is now: deleteVolumeOperation, recycleVolumeOperation. */
  private reclaimRead(response: ApiResponse): Step {
    if (!succeeded(response)) return null;
    const volume = this.volume!;
    const live = response.object as PersistentVolume;
    const { claimRef } = live.spec;
    if (!isReleased(live, claimRef === undefined ? undefined : this.binder.claimOf(claimRef, false))) return null;
    if (reclaimOf(volume) === 'recycle') return this.recycle(live);
    const deleter = deleterOf(volume);
    if (deleter === 'external') return null;
    if (typeof deleter === 'object') return this.markFailed(volume, { type: 'Warning', reason: 'VolumeFailedDelete', message: deleter.failure });
    this.stage = FINALIZERS_READ;
    return [objectRequest('get', 'persistentvolumes', volume)];
  }

  /** What stood behind the volume is gone (removeDeletionProtectionFinalizer). */
  private freeVolume(response: ApiResponse): Step {
    if (!succeeded(response)) return null;
    const live = response.object as PersistentVolume;
    const finalizers = live.metadata.finalizers ?? [];
    const freed = finalizers.includes(FINALIZER_IN_TREE) ? { ...live, metadata: { ...live.metadata, finalizers: finalizers.filter((name) => name !== FINALIZER_IN_TREE) } } : live;
    return this.write(live, freed, FINALIZERS);
  }

  private recycle(live: PersistentVolume): Step {
    const users = this.binder.usersOf(live);
    const { claimRef } = live.spec;
    if (users.length > 0 && this.binder.claimOf(claimRef!, false) === undefined) {
      this.record(live, { type: 'Normal', reason: 'VolumeFailedRecycle', message: `Volume is used by pods: ${users.join()}` });
      return null;
    }
    const problem = recycling(live);
    if (problem !== null) return this.markFailed(live, problem);
    this.record(live, { type: 'Normal', reason: 'VolumeRecycled', message: 'Volume recycled' });
    return this.write(live, unboundVolume(live), UNBOUND);
  }

  /** Said once, when it comes about; tried again all the same (updateVolumePhaseWithEvent). */
  private markFailed(volume: PersistentVolume, event: BindingEvent): Step {
    if (volume.status?.phase === 'Failed') return this.failed();
    this.failure = event;
    return this.write(volume, volumeInPhase(volume, 'Failed', event.message), FAILED, 'status');
  }
}
