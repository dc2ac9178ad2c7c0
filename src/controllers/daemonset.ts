import type { ControllerRevision, DaemonSet } from '../api/apps.js';
import { isPodReady, type Node, type Pod } from '../api/core.js';
import { equal } from '../api/equal.js';
import { matchesSelector } from '../api/labels.js';
import { controllerOf, keyOf } from '../api/meta.js';
import { Changes } from '../client/changes.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { SECOND } from '../kernel/time.js';
import { ControllerWorkers, type Reconciler, type Reconciliation } from './controller.js';
import { NodeFits, type PodsByNode } from './daemon-set-policy.js';
import { DaemonPods } from './daemon-pods.js';
import { DaemonSetSync } from './daemonset-sync.js';
import { Expectations } from './expectations.js';
import { consistencyOf } from './gates.js';
import { cachedOwner, KeyHandler } from './handlers.js';
import { ControllerUidIndexer, ORPHANS, OrphanIndexer } from './ownership.js';

const WORKERS = 2;

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
  /** Uids of sets that have pods whose labels changed: one of them may be selected no more. */
  readonly relabelled = new Set<string>();
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
    this.revisions.addIndexer(new OrphanIndexer());
    this.pods.addIndexer(new OrphanIndexer());
    const consistency = consistencyOf(context.scenario, 'StaleControllerConsistencyDaemonSet', [this.pods, this.sets]);
    this.workers = new ControllerWorkers(context, { name: 'daemonset', workers: WORKERS, client, ...consistency });
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

  /** Pods, or revisions, without a controller in a namespace. */
  orphanPods(namespace: string): Iterable<Pod> {
    return this.pods.byIndex(ORPHANS, namespace);
  }

  orphanRevisions(namespace: string): Iterable<ControllerRevision> {
    return this.revisions.byIndex(ORPHANS, namespace);
  }

  /** Queues every set that could adopt an orphan. */
  enqueueForOrphan(pod: Pod): void {
    if (controllerOf(pod) !== undefined || pod.metadata.deletionTimestamp !== undefined) return;
    for (const set of this.sets.list()) {
      if (set.metadata.namespace !== pod.metadata.namespace) continue;
      if (matchesSelector(set.spec.selector, pod.metadata.labels)) this.workers.queue.add(keyOf(set));
    }
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
  readonly controllerKind = 'DaemonSet';
  private readonly controller: DaemonSetController;

  constructor(controller: DaemonSetController) {
    this.controller = controller;
  }

  onAdd(pod: Pod): void {
    this.controller.daemonPods.move(undefined, pod);
    this.controller.enqueueForOrphan(pod);
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
    const relabelled = old.metadata.labels !== pod.metadata.labels;
    if (controllerOf(pod) === undefined) {
      const previous = cachedOwner(old, 'DaemonSet', this.controller.sets);
      if (previous !== undefined) this.controller.workers.queue.add(keyOf(previous));
      if (previous !== undefined || relabelled) this.controller.enqueueForOrphan(pod);
      return;
    }
    const set = cachedOwner(pod, 'DaemonSet', this.controller.sets);
    if (set === undefined) return;
    if (relabelled) this.controller.relabelled.add(set.metadata.uid);
    const key = keyOf(set);
    if (pod.metadata.deletionTimestamp !== undefined) this.controller.expectations.deletionObserved(key, keyOf(pod));
    this.controller.workers.queue.add(key);
    const minimum = set.spec.minReadySeconds ?? 0;
    // A second more than needed, against skewed clocks (daemon_controller.go updatePod).
    if (minimum > 0 && !isPodReady(old) && isPodReady(pod)) this.controller.workers.queue.addAfter(key, (minimum + 1) * SECOND);
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
  readonly updates = Changes.Labels | Changes.Spec;
  private readonly controller: DaemonSetController;

  constructor(controller: DaemonSetController) {
    this.controller = controller;
  }

  onAdd(): void {
    this.enqueueAll();
  }

  onUpdate(old: Node, node: Node): void {
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
