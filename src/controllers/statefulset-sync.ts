import type { ControllerRevision, StatefulSet, StatefulSetStatus } from '../api/apps.js';
import type { Pod, PodTemplateSpec } from '../api/core.js';
import { equal } from '../api/equal.js';
import { matchesSelector } from '../api/labels.js';
import { keyOf } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { Simulation } from '../kernel/simulation.js';
import { type Duration, MILLISECOND, SECOND } from '../kernel/time.js';
import { Claiming } from './claiming.js';
import { objectRequest, StagedReconciliation, type Step } from './controller.js';
import { BY_CONTROLLER, claim } from './ownership.js';
import { nextBatch } from './replica-set-policy.js';
import { HISTORY_LABEL, planRevision, REVISION_LABEL, revisionsToDelete, sortRevisions } from './revisions.js';
import { isMemberOf } from './stateful-set-pods.js';
import { completeRollingUpdate, nextAvailability, planStatefulSet, type StatefulPodDeletion, type StatefulSetPlan } from './stateful-set-policy.js';
import { StatefulSetWrites } from './statefulset-writes.js';
import type { StatefulSetController } from './statefulset.js';

const CLAIM_REVISIONS = 0;
const CLAIM_PODS = 1;
const REVISION = 2;
const REVISION_WRITTEN = 3;
const PLAN = 4;
const FIX = 5;
const CREATE = 6;
const REMOVE = 7;
const REMOVED = 8;
const STATUS = 9;
const STATUS_WRITTEN = 10;
const TRUNCATED = 11;

/** Writes of a status that conflicts, and the time between two (client-go util/retry DefaultRetry, without its jitter). */
const STATUS_TRIES = 5;
const STATUS_PAUSE = 10 * MILLISECOND;

/** One sync of a StatefulSet (sync, UpdateStatefulSet). */
export class StatefulSetSync extends StagedReconciliation {
  private readonly controller: StatefulSetController;
  private readonly simulation: Simulation;
  private set: StatefulSet;
  private readonly revisionClaiming: Claiming<ControllerRevision>;
  private readonly podClaiming: Claiming<Pod>;
  private pods: readonly Pod[] = [];
  private revisions: ControllerRevision[] = [];
  private update: ControllerRevision | undefined = undefined;
  private plan: StatefulSetPlan = { fix: [], create: [], remove: [], status: { replicas: 0 } };
  private writes: StatefulSetWrites;
  private batch = 0;
  private done = 0;
  private deletions: readonly StatefulPodDeletion[] = [];
  private written: StatefulSetStatus = { replicas: 0 };
  /** Writes of the status that conflicted. */
  private tries = 0;
  private podError: string | undefined = undefined;

  constructor(controller: StatefulSetController, set: StatefulSet, simulation: Simulation) {
    super();
    this.controller = controller;
    this.simulation = simulation;
    this.set = set;
    this.writes = new StatefulSetWrites(controller, set);
    const { uid, namespace } = set.metadata;
    const { selector } = set.spec;
    const owned = controller.revisions.byIndex(BY_CONTROLLER, uid);
    const adopt: ControllerRevision[] = [];
    for (const revision of controller.orphanRevisions(namespace)) if (matchesSelector(selector, revision.metadata.labels)) adopt.push(revision);
    this.revisionClaiming = new Claiming(set, 'statefulsets', 'controllerrevisions', { owned: [...owned], adopt, release: [] });
    const claims = claim(set, selector, controller.pods.byIndex(BY_CONTROLLER, uid), controller.orphanPods(namespace));
    const strangers = set.metadata.deletionTimestamp === undefined ? claims.owned.filter((pod) => !isMemberOf(set, pod)) : [];
    this.podClaiming = new Claiming(set, 'statefulsets', 'pods', {
      owned: claims.owned.filter((pod) => isMemberOf(set, pod)),
      adopt: claims.adopt.filter((pod) => isMemberOf(set, pod)),
      release: [...claims.release, ...strangers],
    });
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    switch (this.stage) {
      case CLAIM_REVISIONS:
        return this.claim(this.revisionClaiming, responses);
      case CLAIM_PODS:
        return this.claim(this.podClaiming, responses);
      case REVISION:
        return this.revision();
      case REVISION_WRITTEN:
        return this.revisionWritten(responses[0]!);
      case PLAN:
        return this.makePlan();
      case FIX:
        return this.fix(responses);
      case CREATE:
        return this.create(responses);
      case REMOVE:
        return this.nextDeletions();
      case REMOVED:
        return this.removed(responses);
      case STATUS:
        return this.status();
      case STATUS_WRITTEN:
        return this.statusWritten(responses[0]!);
      case TRUNCATED:
        return this.end();
      default:
        return null;
    }
  }

  private claim(claiming: Claiming<ControllerRevision> | Claiming<Pod>, responses: readonly ApiResponse[]): Step {
    const requests = claiming.next(responses);
    if (requests !== undefined) return requests;
    if (claiming.error !== undefined) return this.fail(claiming.error);
    this.stage++;
    return undefined;
  }

  private revision(): Step {
    const { set } = this;
    this.pods = this.podClaiming.objects;
    this.revisions = sortRevisions(this.revisionClaiming.objects);
    const plan = planRevision(set, set.spec.template, set.spec.template.metadata.labels, this.revisions, set.status.collisionCount, HISTORY_LABEL);
    this.update = plan.revision;
    if (plan.kind === 'have') {
      this.stage = PLAN;
      return undefined;
    }
    this.stage = REVISION_WRITTEN;
    const verb = plan.kind === 'create' ? 'create' : 'update';
    return [objectRequest(verb, 'controllerrevisions', plan.revision, { body: plan.revision })];
  }

  private revisionWritten(response: ApiResponse): Step {
    // A revision that exists already is the one this controller has just made and not seen yet.
    if (!succeeded(response) && response.reason !== 'AlreadyExists') return this.fail(response.message ?? 'request failed');
    if (response.object !== undefined) this.update = response.object as ControllerRevision;
    this.stage = PLAN;
    return undefined;
  }

  private makePlan(): Step {
    const { set } = this;
    const updateRevision = this.update!.metadata.name;
    const known = this.revisions.find((revision) => revision.metadata.name === set.status.currentRevision);
    this.plan = planStatefulSet({
      set,
      pods: this.pods,
      currentRevision: known?.metadata.name ?? updateRevision,
      updateRevision,
      maxUnavailableGate: this.controller.maxUnavailableGate,
      claims: this.controller.claims,
      now: this.simulation.now,
    });
    this.stage = FIX;
    return undefined;
  }

  /** Claims and pods that are not as they should be. */
  private fix(responses: readonly ApiResponse[]): Step {
    return this.writing(this.writes.fix(this.plan.fix, responses), CREATE);
  }

  /** The next pods to create (one, or a slow-start batch), their volume claims first. */
  private create(responses: readonly ApiResponse[]): Step {
    return this.writing(
      this.writes.create(this.plan.create, responses, (revision) => this.templateOf(revision)),
      REMOVE,
    );
  }

  private writing(requests: readonly ApiRequest[] | undefined, next: number): Step {
    if (requests !== undefined) return requests;
    this.podError ??= this.writes.error;
    this.stage = this.podError === undefined ? next : STATUS;
    return undefined;
  }

  private templateOf(revision: string): PodTemplateSpec {
    if (revision === this.update!.metadata.name) return this.set.spec.template;
    return this.revisions.find(({ metadata }) => metadata.name === revision)?.data ?? this.set.spec.template;
  }

  private nextDeletions(): Step {
    const left = this.plan.remove.length - this.done;
    if (left === 0 || this.podError !== undefined) {
      this.stage = STATUS;
      return undefined;
    }
    this.batch = nextBatch(this.batch, left);
    this.deletions = this.plan.remove.slice(this.done, this.done + this.batch);
    for (const { pod, reason } of this.deletions) {
      if (reason === undefined) continue;
      const state = reason === 'RecreatingFailedPod' ? 'failed' : 'terminated';
      this.writes.event('Warning', reason, `StatefulSet ${this.set.metadata.namespace}/${this.set.metadata.name} is recreating ${state} Pod ${pod.metadata.name}`);
    }
    this.stage = REMOVED;
    return this.deletions.map(({ pod }) => objectRequest('delete', 'pods', pod));
  }

  private removed(responses: readonly ApiResponse[]): Step {
    for (let i = 0; i < responses.length; i++) this.writes.podEvent('delete', this.deletions[i]!.pod.metadata.name, responses[i]!);
    this.podError ??= this.writes.error;
    this.done += responses.length;
    this.stage = REMOVE;
    return undefined;
  }

  private status(): Step {
    const { set } = this;
    const status: StatefulSetStatus = completeRollingUpdate(set, this.plan.status);
    if (equal(set.status, status)) return this.truncate();
    this.stage = STATUS_WRITTEN;
    this.written = status;
    return [this.statusRequest()];
  }

  private statusRequest(): ApiRequest {
    const { set, written } = this;
    return objectRequest('update', 'statefulsets', set, { subresource: 'status', body: { ...set, status: written } as StatefulSet });
  }

  /** After a conflict the status is written again, to the object that the cache has by then (UpdateStatefulSetStatus). */
  private statusWritten(response: ApiResponse): Step {
    if (succeeded(response)) return this.truncate();
    if (response.reason !== 'Conflict' || ++this.tries >= STATUS_TRIES) return this.fail(response.message ?? 'request failed');
    this.set = this.controller.sets.get(keyOf(this.set)) ?? this.set;
    this.pause = STATUS_PAUSE;
    return [this.statusRequest()];
  }

  private truncate(): Step {
    const live = new Set([this.update!.metadata.name, this.set.status.currentRevision ?? '']);
    for (const pod of this.pods) live.add(pod.metadata.labels?.[REVISION_LABEL] ?? '');
    const old = revisionsToDelete(this.revisions, live, this.set.spec.revisionHistoryLimit);
    this.stage = TRUNCATED;
    return old.length === 0 ? undefined : old.map((revision) => objectRequest('delete', 'controllerrevisions', revision));
  }

  private end(): null {
    if (this.podError !== undefined) return this.fail(this.podError);
    this.requeueAfter = this.recheck();
    return null;
  }

  /** When pods that are ready become available; negative: nobody waits for that. */
  private recheck(): Duration {
    const { spec } = this.set;
    const minimum = spec.minReadySeconds ?? 0;
    const { readyReplicas = 0, availableReplicas = 0 } = this.plan.status;
    if (minimum === 0) return -1;
    if (!this.controller.exactRecheck) return availableReplicas === spec.replicas ? -1 : minimum * SECOND;
    if (readyReplicas === availableReplicas) return -1;
    return nextAvailability(this.pods, minimum, this.simulation.now) ?? minimum * SECOND;
  }
}

