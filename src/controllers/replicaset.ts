import { isPodActive, isPodReady, type Pod } from '../api/core.js';
import { matchesSelector } from '../api/labels.js';
import { controllerOf, keyOf } from '../api/meta.js';
import type { ReplicaSet } from '../api/workloads.js';
import { Changes } from '../client/changes.js';
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
  readonly pods: PodsByController;
  /** status.terminatingReplicas is written (gate DeploymentReplicaSetTerminatingReplicas, on since 1.35). */
  readonly countTerminating: boolean;
  private readonly simulation: Simulation;

  constructor(context: ProcessContext, client: ApiClient, kind: ReplicaKind = REPLICA_SET) {
    this.kind = kind;
    this.pods = new PodsByController(kind.kind);
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
    return set === undefined ? 0 : (this.pods.of(set.metadata.uid)?.size ?? 0);
  }

  /** Pods without a controller in a namespace. */
  orphansIn(namespace: string): Iterable<Pod> {
    return this.podInformer.byIndex(ORPHANS, namespace);
  }

  private relatedSets(set: ReplicaSet): Iterable<ReplicaSet> {
    const owner = controllerOf(set);
    return owner === undefined ? [set] : this.sets.byIndex(BY_CONTROLLER, owner.uid);
  }

  /** Pods of all sets that have the same controller as this one, itself included (getIndirectlyRelatedPods). */
  related(set: ReplicaSet): RelatedPods {
    const owned: OwnedPods[] = [];
    for (const other of this.relatedSets(set)) {
      const pods = this.pods.of(other.metadata.uid);
      if (pods !== undefined) owned.push(pods);
    }
    return new RelatedPods(owned);
  }

  /** Keeps a pod with the others of its controller, which it returns. */
  putPod(pod: Pod, key: string): OwnedPods | undefined {
    return this.pods.put(pod, key);
  }

  /** As `putPod`, of a pod that came or changed so that it may be new on its node: then related pods there move forward in their order of deletion. */
  putOnNode(old: Pod | undefined, pod: Pod, key: string): OwnedPods | undefined {
    const owned = this.pods.put(pod, key);
    const node = pod.spec.nodeName ?? '';
    if (owned === undefined || node === '' || !isPodActive(pod)) return owned;
    if (old !== undefined && old.spec.nodeName === pod.spec.nodeName && isPodActive(old)) return owned;
    const set = this.setOf(owned);
    if (set !== undefined) for (const other of this.relatedSets(set)) this.pods.of(other.metadata.uid)?.promote(node);
    return owned;
  }

  /** The set that pods have as their controller, if the cache has it with the same uid (resolveControllerRef). */
  setOf(owned: OwnedPods): ReplicaSet | undefined {
    const set = this.sets.get(owned.ownerKey);
    return set?.metadata.uid === owned.ownerUid ? set : undefined;
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
  readonly controllerKind: string;
  private readonly controller: ReplicaSetController;

  constructor(controller: ReplicaSetController) {
    this.controller = controller;
    this.controllerKind = controller.kind.kind;
  }

  onAdd(pod: Pod, key: string): void {
    const { controller } = this;
    const owned = controller.putOnNode(undefined, pod, key);
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.deletionSeen(owned, key);
      return;
    }
    if (controllerOf(pod) === undefined) {
      controller.enqueueForOrphan(pod);
      return;
    }
    if (owned === undefined || controller.setOf(owned) === undefined) return;
    controller.expectations.creationObserved(owned.ownerKey);
    controller.queue.add(owned.ownerKey);
  }

  onUpdate(old: Pod, pod: Pod, key: string, changes: number): void {
    if (old.metadata.resourceVersion === pod.metadata.resourceVersion) return;
    const { controller } = this;
    const reowned = (changes & Changes.Owners) !== 0 && controllerOf(old)?.uid !== controllerOf(pod)?.uid;
    const former = reowned ? controller.pods.take(old, key) : undefined;
    const moved = (changes & (Changes.Spec | Changes.Ended | Changes.Deletion)) !== 0;
    const owned = moved ? controller.putOnNode(old, pod, key) : controller.putPod(pod, key);
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.deletionSeen(owned, key);
      return;
    }
    if (former !== undefined && controller.setOf(former) !== undefined) controller.queue.add(former.ownerKey);
    if (owned !== undefined) {
      const set = controller.setOf(owned);
      if (set === undefined) return;
      controller.queue.add(owned.ownerKey);
      const { minReadySeconds } = set.spec;
      // A second more than needed, against skewed clocks (replica_set.go updatePod); the last ones are looked at exactly when they are due.
      if (minReadySeconds > 0 && !isPodReady(old) && isPodReady(pod)) controller.queue.addAfter(owned.ownerKey, (minReadySeconds + 1) * SECOND);
      return;
    }
    if ((reowned || old.metadata.labels !== pod.metadata.labels) && controllerOf(pod) === undefined) controller.enqueueForOrphan(pod);
  }

  onDelete(pod: Pod, _finalStateUnknown: boolean, key: string): void {
    this.deletionSeen(this.controller.pods.take(pod, key), key);
  }

  private deletionSeen(owned: OwnedPods | undefined, key: string): void {
    if (owned === undefined || this.controller.setOf(owned) === undefined) return;
    this.controller.expectations.deletionObserved(owned.ownerKey, key);
    this.controller.queue.add(owned.ownerKey);
  }
}
