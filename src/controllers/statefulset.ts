import type { ControllerRevision, PersistentVolumeClaim, StatefulSet } from '../api/apps.js';
import { isPodReady, type Pod } from '../api/core.js';
import { matchesSelector } from '../api/labels.js';
import { controllerOf, keyOf } from '../api/meta.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { SECOND } from '../kernel/time.js';
import { ControllerWorkers, type Reconciler, type Reconciliation } from './controller.js';
import { consistencyOf, hasGate } from './gates.js';
import { cachedOwner, KeyHandler } from './handlers.js';
import { ControllerUidIndexer, ORPHANS, OrphanIndexer, PodControllerIndexer } from './ownership.js';
import { StatefulSetSync } from './statefulset-sync.js';

const WORKERS = 5;

/** The StatefulSet controller (pkg/controller/statefulset). */
export class StatefulSetController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly recorder: EventRecorder;
  readonly sets: Informer<StatefulSet>;
  readonly pods: Informer<Pod>;
  readonly revisions: Informer<ControllerRevision>;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly maxUnavailableGate: boolean;
  /** 1.35 and later begin the event's text with a capital letter. */
  readonly capitalEvents: boolean;
  /** 1.35 and later look again just when the next pod becomes available. */
  readonly exactRecheck: boolean;
  private readonly simulation: Simulation;

  constructor(context: ProcessContext, client: ApiClient) {
    const { kubernetesVersion } = context.scenario;
    this.simulation = context.simulation;
    this.maxUnavailableGate = hasGate(context.scenario, 'MaxUnavailableStatefulSet');
    this.capitalEvents = kubernetesVersion !== '1.34';
    this.exactRecheck = kubernetesVersion !== '1.34';
    this.recorder = context.eventRecorder('statefulset-controller', client);
    this.sets = context.informers.informer<StatefulSet>('statefulsets');
    this.pods = context.informers.informer<Pod>('pods');
    this.revisions = context.informers.informer<ControllerRevision>('controllerrevisions');
    this.claims = context.informers.informer<PersistentVolumeClaim>('persistentvolumeclaims');
    this.pods.addIndexer(new PodControllerIndexer());
    this.revisions.addIndexer(new ControllerUidIndexer());
    for (const informer of [this.pods, this.revisions]) informer.addIndexer(new OrphanIndexer());
    const consistency = consistencyOf(context.scenario, 'StaleControllerConsistencyStatefulSet', [this.pods, this.claims, this.sets]);
    this.workers = new ControllerWorkers(context, { name: 'statefulset', workers: WORKERS, client, ...consistency });
    this.sets.addEventHandler(new KeyHandler<StatefulSet>(this.workers.queue));
    this.pods.addEventHandler(new PodHandler(this));
    this.workers.start(this, [this.sets, this.pods, this.revisions, this.claims]);
  }

  reconcile(key: string): Reconciliation | null {
    const set = this.sets.get(key);
    return set === undefined ? null : new StatefulSetSync(this, set, this.simulation);
  }

  /** Pods, or revisions, without a controller in a namespace. */
  orphanPods(namespace: string): Iterable<Pod> {
    return this.pods.byIndex(ORPHANS, namespace);
  }

  orphanRevisions(namespace: string): Iterable<ControllerRevision> {
    return this.revisions.byIndex(ORPHANS, namespace);
  }

  /** Queues the owner of a pod; for an orphan, every set that could adopt it. */
  podSeen(pod: Pod): StatefulSet | undefined {
    const { queue } = this.workers;
    if (controllerOf(pod) !== undefined) {
      const set = cachedOwner(pod, 'StatefulSet', this.sets);
      if (set !== undefined) queue.add(keyOf(set));
      return set;
    }
    if (pod.metadata.deletionTimestamp !== undefined) return undefined;
    for (const set of this.sets.list()) {
      const { namespace } = set.metadata;
      if (namespace === pod.metadata.namespace && matchesSelector(set.spec.selector, pod.metadata.labels)) queue.add(keyOf(set));
    }
    return undefined;
  }
}

class PodHandler implements ResourceEventHandler<Pod> {
  readonly controllerKind = 'StatefulSet';
  private readonly controller: StatefulSetController;

  constructor(controller: StatefulSetController) {
    this.controller = controller;
  }

  onAdd(pod: Pod): void {
    this.controller.podSeen(pod);
  }

  onUpdate(old: Pod, pod: Pod): void {
    if (old.metadata.resourceVersion === pod.metadata.resourceVersion) return;
    const before = controllerOf(old);
    const after = controllerOf(pod);
    if (before !== undefined && before.uid !== after?.uid) this.controller.podSeen(old);
    if (after === undefined && before === undefined && old.metadata.labels === pod.metadata.labels) return;
    const set = this.controller.podSeen(pod);
    const minimum = set?.spec.minReadySeconds ?? 0;
    if (minimum > 0 && !isPodReady(old) && isPodReady(pod)) {
      // A second more than needed, against skewed clocks, where the next look is not exact.
      const seconds = this.controller.exactRecheck ? minimum : minimum + 1;
      this.controller.workers.queue.addAfter(keyOf(set!), seconds * SECOND);
    }
  }

  onDelete(pod: Pod): void {
    if (controllerOf(pod) !== undefined) this.controller.podSeen(pod);
  }
}
