import { isPodActive, isPodReady, type Pod } from '../api/core.js';
import { matchesSelector } from '../api/labels.js';
import { controllerOf, keyOf } from '../api/meta.js';
import type { ReplicaSet } from '../api/workloads.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler, WorkQueue } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { SECOND } from '../kernel/time.js';
import { ControllerWorkers, type Reconciler, type Reconciliation } from './controller.js';
import { Expectations } from './expectations.js';
import { consistencyOf } from './gates.js';
import { type OwnedPods, PodsByController } from './owned-pods.js';
import { BY_CONTROLLER, ControllerUidIndexer, ORPHANS, OrphanIndexer } from './ownership.js';
import type { RanksByNode } from './pod-ranking.js';
import { selectorOf } from './replica-set-policy.js';
import { ReplicaSetSync } from './replicaset-sync.js';

const WORKERS = 5;

/** Which kind a replica manager looks after: ReplicaSets, or ReplicationControllers by the same code. */
export interface ReplicaKind {
  /** `replicaset`. */
  readonly name: string;
  /** Source of its events. */
  readonly recorder: string;
  readonly resource: 'replicasets' | 'replicationcontrollers';
  readonly kind: 'ReplicaSet' | 'ReplicationController';
}

export const REPLICA_SET: ReplicaKind = { name: 'replicaset', recorder: 'replicaset-controller', resource: 'replicasets', kind: 'ReplicaSet' };

/** The ReplicaSet controller (pkg/controller/replicaset), also used for ReplicationControllers. */
export class ReplicaSetController implements Reconciler {
  readonly kind: ReplicaKind;
  readonly workers: ControllerWorkers;
  readonly recorder: EventRecorder;
  readonly sets: Informer<ReplicaSet>;
  readonly podInformer: Informer<Pod>;
  readonly expectations = new Expectations();
  readonly pods = new PodsByController();
  /** status.terminatingReplicas is written (gate DeploymentReplicaSetTerminatingReplicas, on since 1.35). */
  readonly countTerminating: boolean;
  private readonly simulation: Simulation;

  constructor(context: ProcessContext, client: ApiClient, kind: ReplicaKind = REPLICA_SET) {
    this.kind = kind;
    this.simulation = context.simulation;
    this.countTerminating = context.scenario.kubernetesVersion !== '1.34' && kind === REPLICA_SET;
    this.recorder = context.eventRecorder(kind.recorder, client);
    this.sets = context.informers.informer<ReplicaSet>(kind.resource);
    this.podInformer = context.informers.informer<Pod>('pods');
    this.sets.addIndexer(new ControllerUidIndexer());
    this.podInformer.addIndexer(new OrphanIndexer());
    // ReplicationControllers are not looked after in this way.
    const guarded = kind === REPLICA_SET ? consistencyOf(context.scenario, 'StaleControllerConsistencyReplicaSet', [this.podInformer, this.sets]) : {};
    this.workers = new ControllerWorkers(context, { name: kind.name, workers: WORKERS, client, ...guarded });
    this.sets.addEventHandler(new SetHandler(this));
    this.podInformer.addEventHandler(new PodHandler(this));
    this.workers.start(this, [this.sets, this.podInformer]);
  }

  get queue(): WorkQueue {
    return this.workers.queue;
  }

  reconcile(key: string): Reconciliation | null {
    const set = this.sets.get(key);
    if (set === undefined) {
      this.expectations.forget(key);
      return null;
    }
    return new ReplicaSetSync(this, set, this.simulation);
  }

  podsOf(key: string): number {
    const set = this.sets.get(key);
    return set === undefined ? 0 : (this.pods.find(set.metadata.uid)?.size ?? 0);
  }

  /** Pods without a controller in a namespace. */
  orphansIn(namespace: string): Iterable<Pod> {
    return this.podInformer.byIndex(ORPHANS, namespace);
  }

  /** Pods of all sets that have the same controller as this one, itself included (getIndirectlyRelatedPods). */
  related(set: ReplicaSet): RelatedPods {
    const owner = controllerOf(set);
    const sets: Iterable<ReplicaSet> = owner === undefined ? [set] : this.sets.byIndex(BY_CONTROLLER, owner.uid);
    const owned: OwnedPods[] = [];
    for (const other of sets) {
      const pods = this.pods.find(other.metadata.uid);
      if (pods !== undefined) owned.push(pods);
    }
    return new RelatedPods(owned);
  }

  /** Keeps a pod; when it is new on its node, related pods there move forward in their order of deletion. */
  putPod(old: Pod | undefined, pod: Pod): void {
    this.pods.put(pod);
    const node = pod.spec.nodeName ?? '';
    if (node === '' || !isPodActive(pod)) return;
    if (old !== undefined && old.spec.nodeName === pod.spec.nodeName && isPodActive(old)) return;
    const set = this.ownerOf(pod);
    if (set !== undefined) this.related(set).promote(node);
  }

  /** The set that controls a pod, if the cache has it with the same uid (resolveControllerRef). */
  ownerOf(pod: Pod): ReplicaSet | undefined {
    const owner = controllerOf(pod);
    if (owner === undefined || owner.kind !== this.kind.kind) return undefined;
    const set = this.sets.get(`${pod.metadata.namespace}/${owner.name}`);
    return set?.metadata.uid === owner.uid ? set : undefined;
  }

  /** Queues every set that could adopt an orphan. */
  enqueueForOrphan(pod: Pod): void {
    for (const set of this.sets.list()) {
      if (set.metadata.namespace !== pod.metadata.namespace) continue;
      if (matchesSelector(selectorOf(set), pod.metadata.labels)) this.queue.add(keyOf(set));
    }
  }
}

/** The pods of several sets of one owner, for ranking by node. */
export class RelatedPods implements RanksByNode {
  private readonly owned: readonly OwnedPods[];

  constructor(owned: readonly OwnedPods[]) {
    this.owned = owned;
  }

  rank(node: string): number {
    let count = 0;
    for (const pods of this.owned) count += pods.countOn(node);
    return count;
  }

  promote(node: string): void {
    for (const pods of this.owned) pods.promote(node);
  }
}

class SetHandler implements ResourceEventHandler<ReplicaSet> {
  private readonly controller: ReplicaSetController;

  constructor(controller: ReplicaSetController) {
    this.controller = controller;
  }

  onAdd(set: ReplicaSet): void {
    this.controller.queue.add(keyOf(set));
  }

  onUpdate(old: ReplicaSet, set: ReplicaSet): void {
    if (old.metadata.uid !== set.metadata.uid) this.controller.expectations.forget(keyOf(old));
    this.controller.queue.add(keyOf(set));
  }

  onDelete(set: ReplicaSet): void {
    this.controller.expectations.forget(keyOf(set));
    this.controller.queue.add(keyOf(set));
  }
}

class PodHandler implements ResourceEventHandler<Pod> {
  private readonly controller: ReplicaSetController;

  constructor(controller: ReplicaSetController) {
    this.controller = controller;
  }

  onAdd(pod: Pod): void {
    const { controller } = this;
    controller.putPod(undefined, pod);
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.deletionSeen(pod);
      return;
    }
    if (controllerOf(pod) === undefined) {
      controller.enqueueForOrphan(pod);
      return;
    }
    const set = controller.ownerOf(pod);
    if (set === undefined) return;
    const key = keyOf(set);
    controller.expectations.creationObserved(key);
    controller.queue.add(key);
  }

  onUpdate(old: Pod, pod: Pod): void {
    if (old.metadata.resourceVersion === pod.metadata.resourceVersion) return;
    const { controller } = this;
    const before = controllerOf(old)?.uid;
    const after = controllerOf(pod)?.uid;
    if (before !== after) controller.pods.remove(old);
    controller.putPod(old, pod);
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.deletionSeen(pod);
      return;
    }
    if (before !== undefined && before !== after) {
      const previous = controller.ownerOf(old);
      if (previous !== undefined) controller.queue.add(keyOf(previous));
    }
    if (after !== undefined) {
      const set = controller.ownerOf(pod);
      if (set === undefined) return;
      controller.queue.add(keyOf(set));
      const { minReadySeconds } = set.spec;
      // A second more than needed, against skewed clocks (replica_set.go updatePod); the last ones are looked at exactly when they are due.
      if (minReadySeconds > 0 && !isPodReady(old) && isPodReady(pod)) controller.queue.addAfter(keyOf(set), (minReadySeconds + 1) * SECOND);
      return;
    }
    if (before !== after || old.metadata.labels !== pod.metadata.labels) controller.enqueueForOrphan(pod);
  }

  onDelete(pod: Pod): void {
    this.controller.pods.remove(pod);
    this.deletionSeen(pod);
  }

  private deletionSeen(pod: Pod): void {
    const set = this.controller.ownerOf(pod);
    if (set === undefined) return;
    const key = keyOf(set);
    this.controller.expectations.deletionObserved(key, keyOf(pod));
    this.controller.queue.add(key);
  }
}
