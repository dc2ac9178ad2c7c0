import type { ControllerRevision, DaemonSet, DaemonSetStatus } from '../api/apps.js';
import type { Node, Pod } from '../api/core.js';
import { equal } from '../api/equal.js';
import { keyOf } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { SECOND } from '../kernel/time.js';
import { ControllerWorkers, objectRequest, type Reconciler, type Reconciliation, StagedReconciliation, type Step } from './controller.js';
import { DAEMON_BURST, daemonPodSpec, daemonSetStatus, NodeFits, planPlacement, planUpdate, type PodsByNode } from './daemon-set-policy.js';
import { DaemonPods, nodeOf } from './daemon-pods.js';
import { Expectations } from './expectations.js';
import { cachedOwner, KeyHandler } from './handlers.js';
import { BY_CONTROLLER, ControllerUidIndexer } from './ownership.js';
import { createPod, podCreated, podDeleted, podFromTemplate } from './pod-control.js';
import { nextBatch } from './replica-set-policy.js';
import { planRevision, REVISION_LABEL, revisionsToDelete, sortRevisions } from './revisions.js';

const WORKERS = 2;
/** Back-off of failed daemon pods on a node (cmd/kube-controller-manager/app/apps.go). */
const FAILED_BACKOFF = SECOND;
const FAILED_BACKOFF_MAXIMUM = 15 * 60 * SECOND;

/** The DaemonSet controller (pkg/controller/daemon). */
export class DaemonSetController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly recorder: EventRecorder;
  readonly sets: Informer<DaemonSet>;
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly revisions: Informer<ControllerRevision>;
  readonly expectations = new Expectations();
  /** Back-off by set and node: until when, and the last delay. */
  readonly backoff = new Map<string, { until: number; delay: number }>();
  readonly daemonPods = new DaemonPods();
  private readonly fits = new Map<string, NodeFits>();
  private readonly simulation: Simulation;

  constructor(context: ProcessContext, client: ApiClient) {
    this.simulation = context.simulation;
    this.recorder = context.eventRecorder('daemonset-controller', client);
    this.sets = context.informers.informer<DaemonSet>('daemonsets');
    this.pods = context.informers.informer<Pod>('pods');
    this.nodes = context.informers.informer<Node>('nodes');
    this.revisions = context.informers.informer<ControllerRevision>('controllerrevisions');
    this.revisions.addIndexer(new ControllerUidIndexer());
    this.workers = new ControllerWorkers(context, { name: 'daemonset', workers: WORKERS, client });
    this.sets.addEventHandler(new KeyHandler<DaemonSet>(this.workers.queue));
    this.pods.addEventHandler(new PodHandler(this));
    this.nodes.addEventHandler(new NodeHandler(this));
    this.workers.start(this, [this.sets, this.pods, this.nodes, this.revisions]);
  }

  reconcile(key: string): Reconciliation | null {
    const set = this.sets.get(key);
    if (set === undefined) {
      this.expectations.forget(key);
      return null;
    }
    return set.metadata.deletionTimestamp === undefined ? new DaemonSetSync(this, set, this.simulation) : null;
  }

  /** Pods by the node they are on or are meant for. */
  podsByNode(set: DaemonSet): PodsByNode {
    return this.daemonPods.of(set.metadata.uid);
  }

  /** Which nodes should run a set's pods. */
  fitsOf(set: DaemonSet): NodeFits {
    const { spec } = set.spec.template;
    const known = this.fits.get(set.metadata.uid);
    if (known?.isFor(spec) === true) return known;
    const fits = new NodeFits(spec);
    this.fits.set(set.metadata.uid, fits);
    return fits;
  }

  nodeGone(name: string): void {
    for (const fits of this.fits.values()) fits.forget(name);
  }
}

class PodHandler implements ResourceEventHandler<Pod> {
  private readonly controller: DaemonSetController;

  constructor(controller: DaemonSetController) {
    this.controller = controller;
  }

  onAdd(pod: Pod): void {
    this.controller.daemonPods.move(undefined, pod);
    const set = cachedOwner(pod, 'DaemonSet', this.controller.sets);
    if (set === undefined) return;
    const key = keyOf(set);
    if (pod.metadata.deletionTimestamp === undefined) this.controller.expectations.creationObserved(key);
    else this.controller.expectations.deletionObserved(key, keyOf(pod));
    this.controller.workers.queue.add(key);
  }

  onUpdate(old: Pod, pod: Pod): void {
    if (old.metadata.resourceVersion === pod.metadata.resourceVersion) return;
    this.controller.daemonPods.move(old, pod);
    const set = cachedOwner(pod, 'DaemonSet', this.controller.sets);
    if (set === undefined) return;
    const key = keyOf(set);
    if (pod.metadata.deletionTimestamp !== undefined) this.controller.expectations.deletionObserved(key, keyOf(pod));
    this.controller.workers.queue.add(key);
  }

  onDelete(pod: Pod): void {
    this.controller.daemonPods.move(pod, undefined);
    const set = cachedOwner(pod, 'DaemonSet', this.controller.sets);
    if (set === undefined) return;
    const key = keyOf(set);
    this.controller.expectations.deletionObserved(key, keyOf(pod));
    this.controller.workers.queue.add(key);
  }
}

/** A node that comes or changes in labels or taints may concern every set. */
class NodeHandler implements ResourceEventHandler<Node> {
  private readonly controller: DaemonSetController;

  constructor(controller: DaemonSetController) {
    this.controller = controller;
  }

  onAdd(): void {
    this.enqueueAll();
  }

  onUpdate(old: Node, node: Node): void {
    if (old.metadata.labels === node.metadata.labels && old.spec === node.spec) return;
    if (equal(old.metadata.labels, node.metadata.labels) && equal(old.spec.taints, node.spec.taints)) return;
    this.enqueueAll();
  }

  onDelete(node: Node): void {
    this.controller.nodeGone(node.metadata.name);
  }

  private enqueueAll(): void {
    for (const set of this.controller.sets.list()) this.controller.workers.queue.add(keyOf(set));
  }
}

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
class DaemonSetSync extends StagedReconciliation {
  private readonly controller: DaemonSetController;
  private readonly simulation: Simulation;
  private readonly key: string;
  private set: DaemonSet;
  private readonly revisions: ControllerRevision[];
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
    this.revisions = sortRevisions(controller.revisions.byIndex(BY_CONTROLLER, set.metadata.uid));
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    switch (this.stage) {
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

  private revision(): Step {
    const { set } = this;
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
