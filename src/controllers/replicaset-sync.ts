import type { Pod } from '../api/core.js';
import { matchesSelector } from '../api/labels.js';
import { keyOf } from '../api/meta.js';
import type { ReplicaSet, ReplicaSetStatus } from '../api/workloads.js';
import { succeeded, type ApiRequest, type ApiResponse } from '../apiserver/request.js';
import type { Simulation } from '../kernel/simulation.js';
import { objectRequest, StagedReconciliation, type Step } from './controller.js';
import { AdoptPatch, controllerReference, ReleasePatch } from './ownership.js';
import { createPod, isNamespaceTerminating, podCreated, podDeleted, podFromTemplate } from './pod-control.js';
import { EXACT_LIMIT } from './deletion-order.js';
import type { OwnedPods } from './owned-pods.js';
import { podsToDelete } from './pod-ranking.js';
import { availabilityCheck, nextBatch, podsToChange, replicaSetStatus, selectorOf, statusChanged, type PodCounts } from './replica-set-policy.js';
import type { ReplicaSetController } from './replicaset.js';

const CLAIM = 0;
const CAN_ADOPT = 1;
const CLAIMED = 2;
const MANAGE = 3;
const CREATE_BATCH = 4;
const BATCH_CREATED = 5;
const DELETED = 6;
const STATUS = 7;
const STATUS_WRITTEN = 8;
const STATUS_READ = 9;
const STATUS_WRITTEN_AGAIN = 10;

const NO_COUNTS: PodCounts = { active: 0, fullyLabeled: 0, ready: 0, available: 0, terminating: 0 };

/** One sync of a ReplicaSet (replica_set.go syncReplicaSet). */
export class ReplicaSetSync extends StagedReconciliation {
  private readonly controller: ReplicaSetController;
  private readonly simulation: Simulation;
  private readonly key: string;
  private set: ReplicaSet;
  private mayManage = false;
  private counts: PodCounts = NO_COUNTS;
  private adopting: Pod[] = [];
  private releasing: Pod[] = [];
  private pod: Pod | undefined = undefined;
  private wanted = 0;
  private created = 0;
  private batch = 0;
  private victims: readonly Pod[] = [];
  private manageError: string | undefined = undefined;
  private status: ReplicaSetStatus = { replicas: 0 };

  constructor(controller: ReplicaSetController, set: ReplicaSet, simulation: Simulation) {
    super();
    this.controller = controller;
    this.set = set;
    this.simulation = simulation;
    this.key = keyOf(set);
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    switch (this.stage) {
      case CLAIM:
        return this.claim();
      case CAN_ADOPT:
        return this.adopt(responses[0]!);
      case CLAIMED:
        return this.claimed(responses);
      case MANAGE:
        return this.manage();
      case CREATE_BATCH:
        return this.createBatch();
      case BATCH_CREATED:
        return this.batchCreated(responses);
      case DELETED:
        return this.deleted(responses);
      case STATUS:
        return this.writeStatus();
      case STATUS_WRITTEN:
        if (succeeded(responses[0]!)) return this.finish(responses[0]!.object as ReplicaSet);
        this.stage = STATUS_READ;
        return [objectRequest('get', this.controller.kind.resource, this.set)];
      case STATUS_READ:
        if (!succeeded(responses[0]!)) return this.fail(responses[0]!.message ?? 'request failed');
        this.set = responses[0]!.object as ReplicaSet;
        this.stage = STATUS_WRITTEN_AGAIN;
        return [this.statusRequest()];
      default:
        if (!succeeded(responses[0]!)) return this.fail(responses[0]!.message ?? 'request failed');
        return this.finish(responses[0]!.object as ReplicaSet);
    }
  }

  private claim(): Step {
    const { controller, set } = this;
    this.mayManage = controller.expectations.satisfied(this.key, this.simulation.now);
    const selector = selectorOf(set);
    if (set.metadata.deletionTimestamp === undefined) {
      for (const pod of controller.orphansIn(set.metadata.namespace)) {
        if (pod.metadata.deletionTimestamp !== undefined || pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed') continue;
        if (matchesSelector(selector, pod.metadata.labels)) this.adopting.push(pod);
      }
      for (const pod of controller.pods.get(set).relabelled(set.spec.template.metadata.labels ?? {})) {
        if (!matchesSelector(selector, pod.metadata.labels)) this.releasing.push(pod);
      }
    }
    if (this.adopting.length > 0) {
      this.stage = CAN_ADOPT;
      return [objectRequest('get', controller.kind.resource, set)];
    }
    if (this.releasing.length > 0) return this.adoptOrRelease();
    this.stage = MANAGE;
    return undefined;
  }

  private adopt(response: ApiResponse): Step {
    if (!succeeded(response)) return this.fail(response.message ?? 'request failed');
    const { metadata } = response.object!;
    if (metadata.uid !== this.set.metadata.uid) return this.fail(`original ${this.controller.kind.kind} is gone`);
    if (metadata.deletionTimestamp !== undefined) return this.fail(`${this.controller.kind.kind} has just been deleted`);
    return this.adoptOrRelease();
  }

  private adoptOrRelease(): Step {
    const adopt = new AdoptPatch(controllerReference(this.set));
    const release = new ReleasePatch(this.set.metadata.uid);
    this.stage = CLAIMED;
    return [
      ...this.adopting.map((pod) => objectRequest('patch', 'pods', pod, { patch: adopt })),
      ...this.releasing.map((pod) => objectRequest('patch', 'pods', pod, { patch: release })),
    ];
  }

  private claimed(responses: readonly ApiResponse[]): Step {
    for (const response of responses) {
      if (!succeeded(response) && response.code !== 404) return this.fail(response.message ?? 'request failed');
    }
    this.stage = MANAGE;
    return undefined;
  }

  /** Creates or deletes pods when nothing expected is outstanding (manageReplicas). */
  private manage(): Step {
    const { set, controller } = this;
    const { now } = this.simulation;
    const owned = controller.pods.get(set);
    const counts = owned.counts(set.spec.template.metadata.labels ?? {}, set.spec.minReadySeconds, now);
    // Pods adopted a moment ago count although the cache does not show them yet; released ones no longer do.
    const change = this.adopting.length - this.releasing.length;
    this.counts = change === 0 ? counts : { ...counts, active: counts.active + change };
    this.stage = STATUS;
    if (!this.mayManage || set.metadata.deletionTimestamp !== undefined) return undefined;
    // The pods of a set that has gone since it was read are going too, and not missing.
    if (controller.sets.get(this.key)?.metadata.uid !== set.metadata.uid) return undefined;
    const difference = podsToChange(set.spec.replicas, this.counts.active);
    if (difference > 0) {
      controller.expectations.expectCreations(this.key, difference, now);
      this.wanted = difference;
      this.stage = CREATE_BATCH;
    } else if (difference < 0) {
      return this.delete(-difference, owned);
    }
    return undefined;
  }

  private createBatch(): Step {
    this.batch = nextBatch(this.batch, this.wanted - this.created);
    if (this.batch === 0) {
      this.stage = STATUS;
      return undefined;
    }
    this.pod ??= podFromTemplate(this.set, this.set.spec.template);
    const request = createPod(this.pod);
    const requests: ApiRequest[] = [];
    for (let i = 0; i < this.batch; i++) requests.push(request);
    this.stage = BATCH_CREATED;
    return requests;
  }

  private batchCreated(responses: readonly ApiResponse[]): Step {
    let failures = 0;
    for (const response of responses) {
      const error = podCreated(this.controller.recorder, this.set, response);
      // No more pods can come into a namespace that is being deleted: not an error.
      if (error === undefined || isNamespaceTerminating(response)) continue;
      failures++;
      this.manageError ??= error;
    }
    this.created += responses.length - failures;
    if (failures > 0) {
      this.controller.expectations.creationObserved(this.key, this.wanted - this.created);
      this.stage = STATUS;
    } else this.stage = CREATE_BATCH;
    return undefined;
  }

  private delete(count: number, owned: OwnedPods): Step {
    const { controller, set } = this;
    const { now } = this.simulation;
    const related = controller.related(set);
    if (owned.activeCount > EXACT_LIMIT) this.victims = owned.firstToDelete(count, related, now);
    else this.victims = podsToDelete([...owned.activePods()], related, count, now);
    controller.expectations.expectDeletions(this.key, this.victims.map(keyOf), now);
    this.stage = DELETED;
    return this.victims.map((pod) => objectRequest('delete', 'pods', pod));
  }

  private deleted(responses: readonly ApiResponse[]): Step {
    for (let i = 0; i < responses.length; i++) {
      const pod = this.victims[i]!;
      const error = podDeleted(this.controller.recorder, this.set, pod.metadata.name, responses[i]!);
      if (error === undefined) continue;
      this.controller.expectations.deletionObserved(this.key, keyOf(pod));
      if (responses[i]!.code !== 404) this.manageError ??= error;
    }
    this.stage = STATUS;
    return undefined;
  }

  private writeStatus(): Step {
    const { set, controller } = this;
    this.status = replicaSetStatus(set, this.counts, this.manageError, controller.countTerminating, this.simulation.now);
    if (!statusChanged(set, this.status)) return this.finish(set);
    this.stage = STATUS_WRITTEN;
    return [this.statusRequest()];
  }

  private statusRequest(): ApiRequest {
    // The generation acted on stays, also in a second try on a fresh object: a spec read only then has not been seen.
    const body = { ...this.set, status: this.status } as ReplicaSet;
    return objectRequest('update', this.controller.kind.resource, this.set, { subresource: 'status', body });
  }

  private finish(set: ReplicaSet): null {
    if (this.manageError !== undefined) return this.fail(this.manageError);
    const { replicas, minReadySeconds } = set.spec;
    if (minReadySeconds > 0 && this.status.readyReplicas === replicas && (this.status.availableReplicas ?? 0) !== replicas) {
      const waiting = this.controller.pods.get(set).nextWaiting();
      if (waiting !== undefined) this.requeueAfter = availabilityCheck(waiting, minReadySeconds, this.simulation.now);
    }
    return null;
  }
}
