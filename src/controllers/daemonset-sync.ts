import type { ControllerRevision, DaemonSet, DaemonSetStatus } from '../api/apps.js';
import type { Pod } from '../api/core.js';
import { equal } from '../api/equal.js';
import { keyOf } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { Simulation } from '../kernel/simulation.js';
import { SECOND } from '../kernel/time.js';
import { Claiming } from './claiming.js';
import { objectRequest, StagedReconciliation, type Step } from './controller.js';
import { DAEMON_BURST, daemonPodSpec, daemonSetStatus, planPlacement, planUpdate } from './daemon-set-policy.js';
import { nodeOf } from './daemon-pods.js';
import type { DaemonSetController } from './daemonset.js';
import { BY_CONTROLLER, claim } from './ownership.js';
import { createPod, podCreated, podDeleted, podFromTemplate } from './pod-control.js';
import { nextBatch } from './replica-set-policy.js';
import { planRevision, REVISION_LABEL, revisionsToDelete, sortRevisions } from './revisions.js';

/** Back-off of failed daemon pods on a node (cmd/kube-controller-manager/app/apps.go). */
const FAILED_BACKOFF = SECOND;
const FAILED_BACKOFF_MAXIMUM = 15 * 60 * SECOND;

const CLAIM_REVISIONS = -2;
const CLAIM_PODS = -1;
const REVISION = 0;
const REVISION_WRITTEN = 1;
const PLACE = 2;
const CREATE = 3;
const CREATED = 4;
const DELETE = 5;
const DELETED = 6;
const UPDATE = 7;
const HISTORY = 8;
const HISTORY_DELETED = 9;
const STATUS = 10;
const STATUS_WRITTEN = 11;
const STATUS_READ = 12;
const STATUS_WRITTEN_AGAIN = 13;

/** One sync of a DaemonSet (syncDaemonSet): placement, a step of the update, status. */
export class DaemonSetSync extends StagedReconciliation {
  private readonly controller: DaemonSetController;
  private readonly simulation: Simulation;
  private readonly key: string;
  private set: DaemonSet;
  private revisions: ControllerRevision[] = [];
  private readonly revisionClaiming: Claiming<ControllerRevision>;
  private readonly podClaiming: Claiming<Pod>;
  private current: ControllerRevision | undefined = undefined;
  private hash = '';
  private createNodes: readonly string[] = [];
  private removePods: readonly Pod[] = [];
  private created = 0;
  private batch = 0;
  private afterPods = UPDATE;
  private updating = false;
  private changedPods = false;
  private observe = true;
  private podError: string | undefined = undefined;
  private status: DaemonSetStatus | undefined = undefined;

  constructor(controller: DaemonSetController, set: DaemonSet, simulation: Simulation) {
    super();
    this.controller = controller;
    this.set = set;
    this.simulation = simulation;
    this.key = keyOf(set);
    this.stage = CLAIM_REVISIONS;
    const { uid, namespace } = set.metadata;
    const { selector } = set.spec;
    const revisions = claim(set, selector, controller.revisions.byIndex(BY_CONTROLLER, uid), controller.orphanRevisions(namespace));
    this.revisionClaiming = new Claiming(set, 'daemonsets', 'controllerrevisions', revisions);
    const owned = controller.relabelled.delete(uid) ? [...controller.podsByNode(set).values()].flat() : [];
    this.podClaiming = new Claiming(set, 'daemonsets', 'pods', claim(set, selector, owned, controller.orphanPods(namespace)));
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
        if (!succeeded(responses[0]!) && responses[0]!.reason !== 'AlreadyExists') return this.fail(responses[0]!.message ?? 'request failed');
        if (responses[0]!.object !== undefined) this.current = responses[0]!.object as ControllerRevision;
        return this.revisionKnown();
      case PLACE:
        return this.place();
      case CREATE:
        return this.create();
      case CREATED:
        return this.batchCreated(responses);
      case DELETE:
        return this.delete();
      case DELETED:
        return this.deleted(responses);
      case UPDATE:
        return this.update();
      case HISTORY:
        return this.history();
      case HISTORY_DELETED:
        return this.go(STATUS);
      case STATUS:
        return this.writeStatus();
      case STATUS_WRITTEN:
        if (succeeded(responses[0]!)) return this.end();
        this.stage = STATUS_READ;
        return [objectRequest('get', 'daemonsets', this.set)];
      case STATUS_READ:
        if (!succeeded(responses[0]!)) return this.fail(responses[0]!.message ?? 'request failed');
        this.set = responses[0]!.object as DaemonSet;
        this.stage = STATUS_WRITTEN_AGAIN;
        return [this.statusRequest()];
      default:
        return succeeded(responses[0]!) ? this.end() : this.fail(responses[0]!.message ?? 'request failed');
    }
  }

  private go(stage: number): undefined {
    this.stage = stage;
    return undefined;
  }

  private claim(claiming: Claiming<ControllerRevision> | Claiming<Pod>, responses: readonly ApiResponse[]): Step {
    const requests = claiming.next(responses);
    if (requests !== undefined) return requests;
    if (claiming.error !== undefined) return this.fail(claiming.error);
    return this.go(this.stage + 1);
  }

  private revision(): Step {
    const { set } = this;
    this.revisions = sortRevisions(this.revisionClaiming.objects);
    // What was adopted counts at once, although the cache does not show it yet.
    for (const pod of this.podClaiming.adopted) this.controller.daemonPods.move(undefined, pod);
    for (const pod of this.podClaiming.released) this.controller.daemonPods.move(pod, undefined);
    const plan = planRevision(set, set.spec.template, set.spec.template.metadata.labels, this.revisions, set.status.collisionCount);
    this.current = plan.revision;
    if (plan.kind === 'have') return this.revisionKnown();
    this.stage = REVISION_WRITTEN;
    return [objectRequest(plan.kind === 'create' ? 'create' : 'update', 'controllerrevisions', plan.revision, { body: plan.revision })];
  }

  private revisionKnown(): Step {
    this.hash = this.current!.metadata.labels?.[REVISION_LABEL] ?? '';
    if (this.controller.expectations.satisfied(this.key, this.simulation.now)) return this.go(PLACE);
    // Own writes are still under way: only the status is brought up to date.
    this.observe = false;
    return this.go(STATUS);
  }

  private place(): Step {
    const { controller, set } = this;
    const { now } = this.simulation;
    const plan = planPlacement(set, controller.nodes.list(), controller.podsByNode(set), this.hash, now, controller.fitsOf(set));
    const held = new Set<Pod>();
    for (const pod of plan.finished) if (this.inBackoff(pod)) held.add(pod);
    this.afterPods = UPDATE;
    return this.syncNodes(plan.create, plan.remove.filter((pod) => !held.has(pod)));
  }

  /** Whether a finished pod has to stay a while before it is made anew; notes the event when not. */
  private inBackoff(pod: Pod): boolean {
    const { now } = this.simulation;
    const { namespace, name } = pod.metadata;
    const node = nodeOf(pod) ?? '';
    const failed = pod.status.phase === 'Failed';
    if (failed) {
      const key = `${this.set.metadata.uid}/${this.set.metadata.generation}/${node}`;
      const entry = this.controller.backoff.get(key);
      if (entry !== undefined && now < entry.until) {
        const wait = entry.until - now;
        if (this.requeueAfter < 0 || wait < this.requeueAfter) this.requeueAfter = wait;
        return true;
      }
      const delay = entry === undefined ? FAILED_BACKOFF : Math.min(entry.delay * 2, FAILED_BACKOFF_MAXIMUM);
      this.controller.backoff.set(key, { until: now + delay, delay });
    }
    const reason = failed ? 'FailedDaemonPod' : 'SucceededDaemonPod';
    const text = `Found ${failed ? 'failed' : 'succeeded'} daemon pod ${namespace}/${name} on node ${node}, will try to ${failed ? 'kill' : 'delete'} it`;
    this.controller.recorder.event(this.set, failed ? 'Warning' : 'Normal', reason, text);
    return false;
  }

  /** Creates and deletes within the burst (syncNodes). */
  private syncNodes(create: readonly string[], remove: readonly Pod[]): undefined {
    this.createNodes = create.slice(0, DAEMON_BURST);
    this.removePods = remove.slice(0, DAEMON_BURST);
    this.created = 0;
    this.batch = 0;
    if (this.createNodes.length + this.removePods.length > 0) {
      this.changedPods = true;
      this.controller.expectations.expectBoth(this.key, this.createNodes.length, this.removePods.map(keyOf), this.simulation.now);
    }
    return this.go(CREATE);
  }

  private create(): Step {
    this.batch = nextBatch(this.batch, this.createNodes.length - this.created);
    if (this.batch === 0) return this.go(DELETE);
    const labels = { [REVISION_LABEL]: this.hash, 'pod-template-generation': String(this.set.metadata.generation) };
    const template = podFromTemplate(this.set, this.set.spec.template, { labels });
    this.stage = CREATED;
    return this.createNodes
      .slice(this.created, this.created + this.batch)
      .map((node) => createPod({ ...template, spec: daemonPodSpec(template.spec, node) }));
  }

  private batchCreated(responses: readonly ApiResponse[]): Step {
    let failures = 0;
    for (const response of responses) {
      const error = podCreated(this.controller.recorder, this.set, response);
      if (error === undefined) continue;
      failures++;
      this.podError ??= error;
    }
    this.created += responses.length - failures;
    if (failures === 0) return this.go(CREATE);
    this.controller.expectations.creationObserved(this.key, this.createNodes.length - this.created);
    return this.go(DELETE);
  }

  private delete(): Step {
    if (this.removePods.length === 0) return this.go(this.afterPods);
    this.stage = DELETED;
    return this.removePods.map((pod) => objectRequest('delete', 'pods', pod));
  }

  private deleted(responses: readonly ApiResponse[]): Step {
    for (let i = 0; i < responses.length; i++) {
      const pod = this.removePods[i]!;
      const error = podDeleted(this.controller.recorder, this.set, pod.metadata.name, responses[i]!);
      if (error === undefined) continue;
      this.controller.expectations.deletionObserved(this.key, keyOf(pod));
      if (responses[i]!.code !== 404) this.podError ??= error;
    }
    return this.go(this.afterPods);
  }

  private update(): Step {
    const { controller, set } = this;
    if (this.podError !== undefined) return this.go(STATUS);
    const ready = controller.expectations.satisfied(this.key, this.simulation.now);
    if (this.updating || !ready || set.spec.updateStrategy.type !== 'RollingUpdate') return this.go(HISTORY);
    this.updating = true;
    this.status = this.count();
    // Nothing to renew when the pods of all nodes are of the current template.
    if ((this.status.updatedNumberScheduled ?? 0) === this.status.currentNumberScheduled) return this.go(HISTORY);
    const plan = planUpdate(set, controller.podsByNode(set), this.status.desiredNumberScheduled, this.hash, this.simulation.now);
    this.afterPods = HISTORY;
    return this.syncNodes(plan.create, plan.remove);
  }

  private history(): Step {
    // At most the limit can be unused: nothing to look for.
    if (this.revisions.length - 1 <= this.set.spec.revisionHistoryLimit) return this.go(STATUS);
    const live = new Set<string>([this.current!.metadata.name]);
    const used = new Set<string>();
    for (const pods of this.controller.podsByNode(this.set).values()) for (const pod of pods) used.add(pod.metadata.labels?.[REVISION_LABEL] ?? '');
    for (const revision of this.revisions) if (used.has(revision.metadata.labels?.[REVISION_LABEL] ?? '')) live.add(revision.metadata.name);
    const old = revisionsToDelete(this.revisions, live, this.set.spec.revisionHistoryLimit);
    this.stage = HISTORY_DELETED;
    return old.length === 0 ? undefined : old.map((revision) => objectRequest('delete', 'controllerrevisions', revision));
  }

  private count(): DaemonSetStatus {
    const { controller, set } = this;
    const pods = controller.podsByNode(set);
    return daemonSetStatus(set, controller.nodes.list(), pods, this.hash, this.simulation.now, this.observe, controller.fitsOf(set));
  }

  private writeStatus(): Step {
    const { set } = this;
    if (this.status === undefined || this.changedPods) this.status = this.count();
    if (equal(set.status, this.status)) return this.end();
    this.stage = STATUS_WRITTEN;
    return [this.statusRequest()];
  }

  private statusRequest(): ApiRequest {
    return objectRequest('update', 'daemonsets', this.set, { subresource: 'status', body: { ...this.set, status: this.status! } as DaemonSet });
  }

  private end(): null {
    if (this.podError !== undefined) return this.fail(this.podError);
    const minimum = this.set.spec.minReadySeconds ?? 0;
    if (minimum > 0 && this.status!.numberReady !== (this.status!.numberAvailable ?? 0)) this.requeueAfter = minimum * SECOND;
    return null;
  }
}
