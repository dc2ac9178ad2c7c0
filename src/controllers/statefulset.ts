import type { ControllerRevision, PersistentVolumeClaim, StatefulSet, StatefulSetStatus } from '../api/apps.js';
import { isPodReady, type Pod, type PodTemplateSpec, type Volume } from '../api/core.js';
import { equal } from '../api/equal.js';
import { keyOf } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler, WorkQueue } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { SECOND } from '../kernel/time.js';
import { ControllerWorkers, objectRequest, type Reconciler, type Reconciliation, StagedReconciliation, type Step } from './controller.js';
import { cachedOwner, KeyHandler } from './handlers.js';
import { BY_CONTROLLER, ControllerUidIndexer } from './ownership.js';
import { createPod, podFromTemplate } from './pod-control.js';
import { nextBatch } from './replica-set-policy.js';
import { HISTORY_LABEL, planRevision, REVISION_LABEL, revisionsToDelete, sortRevisions } from './revisions.js';
import {
  completeRollingUpdate,
  planStatefulSet,
  type StatefulPodCreation,
  type StatefulPodDeletion,
  type StatefulSetPlan,
} from './stateful-set-policy.js';

const WORKERS = 5;

/** The StatefulSet controller (pkg/controller/statefulset). */
export class StatefulSetController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly recorder: EventRecorder;
  readonly sets: Informer<StatefulSet>;
  readonly pods: Informer<Pod>;
  readonly revisions: Informer<ControllerRevision>;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly maxUnavailableGate = false;
  /** 1.35 and later begin the event's text with a capital letter. */
  readonly capitalEvents: boolean;
  private readonly simulation: Simulation;

  constructor(context: ProcessContext, client: ApiClient) {
    this.simulation = context.simulation;
    this.capitalEvents = context.scenario.kubernetesVersion !== '1.34';
    this.recorder = context.eventRecorder('statefulset-controller', client);
    this.sets = context.informers.informer<StatefulSet>('statefulsets');
    this.pods = context.informers.informer<Pod>('pods');
    this.revisions = context.informers.informer<ControllerRevision>('controllerrevisions');
    this.claims = context.informers.informer<PersistentVolumeClaim>('persistentvolumeclaims');
    this.pods.addIndexer(new ControllerUidIndexer());
    this.revisions.addIndexer(new ControllerUidIndexer());
    this.workers = new ControllerWorkers(context, { name: 'statefulset', workers: WORKERS, client });
    this.sets.addEventHandler(new KeyHandler<StatefulSet>(this.workers.queue));
    this.pods.addEventHandler(new PodHandler(this.workers.queue, this.sets));
    this.workers.start(this, [this.sets, this.pods, this.revisions, this.claims]);
  }

  reconcile(key: string): Reconciliation | null {
    const set = this.sets.get(key);
    return set === undefined ? null : new StatefulSetSync(this, set, this.simulation);
  }
}

class PodHandler implements ResourceEventHandler<Pod> {
  private readonly queue: WorkQueue;
  private readonly sets: Informer<StatefulSet>;

  constructor(queue: WorkQueue, sets: Informer<StatefulSet>) {
    this.queue = queue;
    this.sets = sets;
  }

  onAdd(pod: Pod): void {
    this.enqueue(pod);
  }

  onUpdate(old: Pod, pod: Pod): void {
    if (old.metadata.resourceVersion === pod.metadata.resourceVersion) return;
    const set = this.enqueue(pod);
    const minimum = set?.spec.minReadySeconds ?? 0;
    if (minimum > 0 && !isPodReady(old) && isPodReady(pod)) this.queue.addAfter(keyOf(set!), (minimum + 1) * SECOND);
  }

  onDelete(pod: Pod): void {
    this.enqueue(pod);
  }

  private enqueue(pod: Pod): StatefulSet | undefined {
    const set = cachedOwner(pod, 'StatefulSet', this.sets);
    if (set !== undefined) this.queue.add(keyOf(set));
    return set;
  }
}

const REVISION = 0;
const REVISION_WRITTEN = 1;
const PLAN = 2;
const CLAIMS = 3;
const CLAIMS_CREATED = 4;
const CREATED = 5;
const REMOVE = 6;
const REMOVED = 7;
const STATUS = 8;
const STATUS_WRITTEN = 9;
const TRUNCATED = 10;

/** One sync of a StatefulSet (UpdateStatefulSet). */
class StatefulSetSync extends StagedReconciliation {
  private readonly controller: StatefulSetController;
  private readonly simulation: Simulation;
  private readonly set: StatefulSet;
  private readonly pods: readonly Pod[];
  private revisions: ControllerRevision[];
  private update: ControllerRevision | undefined = undefined;
  private plan: StatefulSetPlan = { create: [], remove: [], status: { replicas: 0 } };
  private batch = 0;
  private done = 0;
  private creations: readonly StatefulPodCreation[] = [];
  private deletions: readonly StatefulPodDeletion[] = [];
  private podError: string | undefined = undefined;

  constructor(controller: StatefulSetController, set: StatefulSet, simulation: Simulation) {
    super();
    this.controller = controller;
    this.simulation = simulation;
    this.set = set;
    this.pods = [...controller.pods.byIndex(BY_CONTROLLER, set.metadata.uid)];
    this.revisions = sortRevisions(controller.revisions.byIndex(BY_CONTROLLER, set.metadata.uid));
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    switch (this.stage) {
      case REVISION:
        return this.revision();
      case REVISION_WRITTEN:
        return this.revisionWritten(responses[0]!);
      case PLAN:
        return this.makePlan();
      case CLAIMS:
        return this.nextCreations();
      case CLAIMS_CREATED:
        return this.claimsCreated(responses);
      case CREATED:
        return this.created(responses);
      case REMOVE:
        return this.nextDeletions();
      case REMOVED:
        return this.removed(responses);
      case STATUS:
        return this.status();
      case STATUS_WRITTEN:
        if (!succeeded(responses[0]!)) return this.fail(responses[0]!.message ?? 'request failed');
        return this.truncate();
      case TRUNCATED:
        return this.end();
      default:
        return null;
    }
  }

  private revision(): Step {
    const { set } = this;
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
      now: this.simulation.now,
    });
    this.stage = CLAIMS;
    return undefined;
  }

  /** The next pods to create (one, or a slow-start batch), their volume claims first. */
  private nextCreations(): Step {
    const left = this.plan.create.length - this.done;
    if (left === 0 || this.podError !== undefined) {
      this.stage = this.podError === undefined ? REMOVE : STATUS;
      this.done = 0;
      this.batch = 0;
      return undefined;
    }
    this.batch = nextBatch(this.batch, left);
    this.creations = this.plan.create.slice(this.done, this.done + this.batch);
    const requests: ApiRequest[] = [];
    for (const { ordinal } of this.creations) {
      for (const claim of claimsFor(this.set, ordinal)) {
        if (this.controller.claims.get(keyOf(claim)) !== undefined) continue;
        requests.push(objectRequest('create', 'persistentvolumeclaims', claim, { body: claim }));
      }
    }
    this.stage = CLAIMS_CREATED;
    return requests.length > 0 ? requests : undefined;
  }

  private claimsCreated(responses: readonly ApiResponse[]): Step {
    for (const response of responses) {
      if (!succeeded(response) && response.reason !== 'AlreadyExists') {
        this.podError = response.message ?? 'request failed';
        this.stage = STATUS;
        return undefined;
      }
      if (succeeded(response)) {
        const { name } = response.object!.metadata;
        const set = this.set.metadata.name;
        this.event('Normal', 'SuccessfulCreate', `create Claim ${name} Pod ${podOfClaim(name, set)} in StatefulSet ${set} success`);
      }
    }
    this.stage = CREATED;
    return this.creations.map(({ ordinal, revision }) => createPod(statefulPod(this.set, this.templateOf(revision), ordinal, revision)));
  }

  private templateOf(revision: string): PodTemplateSpec {
    if (revision === this.update!.metadata.name) return this.set.spec.template;
    return this.revisions.find(({ metadata }) => metadata.name === revision)?.data ?? this.set.spec.template;
  }

  private created(responses: readonly ApiResponse[]): Step {
    for (let i = 0; i < responses.length; i++) {
      const name = `${this.set.metadata.name}-${this.creations[i]!.ordinal}`;
      this.podEvent('create', name, responses[i]!);
    }
    this.done += responses.length;
    this.stage = CLAIMS;
    return undefined;
  }

  private podEvent(verb: 'create' | 'delete', name: string, response: ApiResponse): void {
    const reason = verb === 'create' ? 'Create' : 'Delete';
    const shown = this.controller.capitalEvents ? reason : verb;
    const set = this.set.metadata.name;
    if (succeeded(response)) {
      this.event('Normal', `Successful${reason}`, `${shown} Pod ${name} in StatefulSet ${set} successful`);
      return;
    }
    this.podError ??= response.message ?? 'request failed';
    if (response.reason === 'AlreadyExists') return;
    this.event('Warning', `Failed${reason}`, `${shown} Pod ${name} in StatefulSet ${set} failed error: ${response.message ?? ''}`);
  }

  private event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.controller.recorder.event(this.set, type, reason, message);
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
      this.event('Warning', reason, `StatefulSet ${this.set.metadata.namespace}/${this.set.metadata.name} is recreating ${state} Pod ${pod.metadata.name}`);
    }
    this.stage = REMOVED;
    return this.deletions.map(({ pod }) => objectRequest('delete', 'pods', pod));
  }

  private removed(responses: readonly ApiResponse[]): Step {
    for (let i = 0; i < responses.length; i++) this.podEvent('delete', this.deletions[i]!.pod.metadata.name, responses[i]!);
    this.done += responses.length;
    this.stage = REMOVE;
    return undefined;
  }

  private status(): Step {
    const { set } = this;
    const status: StatefulSetStatus = completeRollingUpdate(set, this.plan.status);
    if (equal(set.status, status)) return this.truncate();
    this.stage = STATUS_WRITTEN;
    return [objectRequest('update', 'statefulsets', set, { subresource: 'status', body: { ...set, status } as StatefulSet })];
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
    const minimum = this.set.spec.minReadySeconds ?? 0;
    if (minimum > 0 && (this.plan.status.availableReplicas ?? 0) !== this.set.spec.replicas) this.requeueAfter = minimum * SECOND;
    return null;
  }
}

/** `data-web-0` belongs to `web-0`. */
function podOfClaim(claim: string, set: string): string {
  const ordinal = claim.slice(claim.lastIndexOf('-') + 1);
  return `${set}-${ordinal}`;
}

function claimName(template: PersistentVolumeClaim, set: StatefulSet, ordinal: number): string {
  return `${template.metadata.name}-${set.metadata.name}-${ordinal}`;
}

/** Volume claims of one pod (getPersistentVolumeClaims). */
function claimsFor(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  return (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    ...template,
    metadata: {
      ...template.metadata,
      name: claimName(template, set, ordinal),
      namespace: set.metadata.namespace,
      labels: { ...template.metadata.labels, ...set.spec.selector.matchLabels },
    },
  }));
}

/** The pod of an ordinal: stable name, host name and volumes (newStatefulSetPod). */
function statefulPod(set: StatefulSet, template: PodTemplateSpec, ordinal: number, revision: string): Pod {
  const name = `${set.metadata.name}-${ordinal}`;
  const pod = podFromTemplate(set, template, {
    name,
    generateName: `${set.metadata.name}-`,
    labels: { 'statefulset.kubernetes.io/pod-name': name, 'apps.kubernetes.io/pod-index': String(ordinal), [REVISION_LABEL]: revision },
  });
  const claims = (set.spec.volumeClaimTemplates ?? []).map(
    (claim): Volume => ({ name: claim.metadata.name, persistentVolumeClaim: { claimName: claimName(claim, set, ordinal), readOnly: false } }),
  );
  const others = (template.spec.volumes ?? []).filter((volume) => !claims.some((claim) => claim.name === volume.name));
  const volumes = [...claims, ...others];
  return {
    ...pod,
    spec: { ...pod.spec, hostname: name, subdomain: set.spec.serviceName, ...(volumes.length === 0 ? {} : { volumes }) },
  };
}
