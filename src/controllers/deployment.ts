import { isEmptySelector, matchesSelector } from '../api/labels.js';
import { isPodTerminal, type Pod } from '../api/core.js';
import { controllerOf, keyOf } from '../api/meta.js';
import type { Deployment, ReplicaSet } from '../api/workloads.js';
import { Changes } from '../client/changes.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler, WorkQueue } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { ControllerWorkers, type Reconciler, type Reconciliation } from './controller.js';
import { DeploymentSync } from './deployment-sync.js';
import { BY_CONTROLLER, ControllerUidIndexer, ORPHANS, OrphanIndexer } from './ownership.js';

/** Deployment workers and tries before a key is dropped (deployment/config defaults, deployment_controller.go maxRetries). */
const WORKERS = 5;
const MAX_RETRIES = 15;

interface PodCount {
  all: number;
  unfinished: number;
}

/** The Deployment controller (pkg/controller/deployment): informers in, ReplicaSets and status out. */
export class DeploymentController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly recorder: EventRecorder;
  readonly deployments: Informer<Deployment>;
  readonly replicaSets: Informer<ReplicaSet>;
  /** Pods by ReplicaSet uid, only counted, for Recreate: all, and those that have not finished. */
  private readonly pods = new Map<string, PodCount>();
  private readonly simulation: Simulation;

  constructor(context: ProcessContext, client: ApiClient) {
    this.simulation = context.simulation;
    this.recorder = context.eventRecorder('deployment-controller', client);
    this.deployments = context.informers.informer<Deployment>('deployments');
    this.replicaSets = context.informers.informer<ReplicaSet>('replicasets');
    const pods = context.informers.informer<Pod>('pods');
    this.replicaSets.addIndexer(new ControllerUidIndexer());
    this.replicaSets.addIndexer(new OrphanIndexer());
    this.workers = new ControllerWorkers(context, { name: 'deployment', workers: WORKERS, client, maxRetries: MAX_RETRIES });
    this.deployments.addEventHandler(new DeploymentHandler(this.workers.queue));
    this.replicaSets.addEventHandler(new ReplicaSetHandler(this));
    pods.addEventHandler(new PodHandler(this));
    this.workers.start(this, [this.deployments, this.replicaSets, pods]);
  }

  get queue(): WorkQueue {
    return this.workers.queue;
  }

  reconcile(key: string): Reconciliation | null {
    const deployment = this.deployments.get(key);
    if (deployment === undefined) return null;
    return new DeploymentSync(this, deployment, this.simulation, isEmptySelector(deployment.spec.selector));
  }

  /** It lists the pods of all of its ReplicaSets (getPodMapForDeployment). */
  podsOf(key: string): number {
    const deployment = this.deployments.get(key);
    let pods = 0;
    if (deployment !== undefined) for (const { metadata } of this.ownedBy(deployment)) pods += this.pods.get(metadata.uid)?.all ?? 0;
    return pods;
  }

  /** ReplicaSets owned by uid, in order of first arrival. */
  ownedBy(deployment: Deployment): Iterable<ReplicaSet> {
    return this.replicaSets.byIndex(BY_CONTROLLER, deployment.metadata.uid);
  }

  orphansIn(namespace: string): Iterable<ReplicaSet> {
    return this.replicaSets.byIndex(ORPHANS, namespace);
  }

  /** Whether some old ReplicaSet still has a pod that has not finished, terminating ones included (oldPodsRunning). */
  hasUnfinishedPods(oldSets: readonly ReplicaSet[]): boolean {
    return oldSets.some((set) => (this.pods.get(set.metadata.uid)?.unfinished ?? 0) > 0);
  }

  /** Queues the Deployment that controls a ReplicaSet, or for an orphan all whose selector matches. */
  enqueueOwner(set: ReplicaSet): void {
    const owner = controllerOf(set);
    const { namespace } = set.metadata;
    if (owner !== undefined) {
      const key = `${namespace}/${owner.name}`;
      if (owner.kind === 'Deployment' && this.deployments.get(key)?.metadata.uid === owner.uid) this.queue.add(key);
      return;
    }
    for (const deployment of this.deployments.list()) {
      if (deployment.metadata.namespace === namespace && matchesSelector(deployment.spec.selector, set.metadata.labels)) {
        this.queue.add(keyOf(deployment));
      }
    }
  }

  /** Counts a pod in or out. */
  countPod(pod: Pod, change: number): void {
    const owner = controllerOf(pod);
    if (owner === undefined || owner.kind !== 'ReplicaSet') return;
    let count = this.pods.get(owner.uid);
    if (count === undefined) {
      count = { all: 0, unfinished: 0 };
      this.pods.set(owner.uid, count);
    }
    count.all += change;
    if (!isPodTerminal(pod)) count.unfinished += change;
    if (count.all === 0) this.pods.delete(owner.uid);
  }

  /** Queues the Recreate Deployment whose last pod has gone. */
  podDeleted(pod: Pod): void {
    const owner = controllerOf(pod);
    if (owner === undefined) return;
    const set = this.replicaSets.get(`${pod.metadata.namespace}/${owner.name}`);
    const deploymentOwner = set === undefined ? undefined : controllerOf(set);
    if (deploymentOwner === undefined) return;
    const key = `${pod.metadata.namespace}/${deploymentOwner.name}`;
    const deployment = this.deployments.get(key);
    if (deployment?.spec.strategy.type !== 'Recreate') return;
    for (const owned of this.ownedBy(deployment)) if (this.pods.has(owned.metadata.uid)) return;
    this.queue.add(key);
  }
}

class DeploymentHandler implements ResourceEventHandler<Deployment> {
  private readonly queue: WorkQueue;

  constructor(queue: WorkQueue) {
    this.queue = queue;
  }

  onAdd(object: Deployment): void {
    this.queue.add(keyOf(object));
  }

  onUpdate(_old: Deployment, object: Deployment): void {
    this.queue.add(keyOf(object));
  }

  onDelete(object: Deployment): void {
    this.queue.add(keyOf(object));
  }
}

class ReplicaSetHandler implements ResourceEventHandler<ReplicaSet> {
  private readonly controller: DeploymentController;

  constructor(controller: DeploymentController) {
    this.controller = controller;
  }

  onAdd(set: ReplicaSet): void {
    this.controller.enqueueOwner(set);
  }

  onUpdate(old: ReplicaSet, set: ReplicaSet): void {
    if (old.metadata.resourceVersion === set.metadata.resourceVersion) return;
    const before = controllerOf(old)?.uid;
    const after = controllerOf(set)?.uid;
    if (before !== undefined && before !== after) this.controller.enqueueOwner(old);
    if (after === undefined && before === undefined && old.metadata.labels === set.metadata.labels) return;
    this.controller.enqueueOwner(set);
  }

  onDelete(set: ReplicaSet): void {
    if (controllerOf(set) !== undefined) this.controller.enqueueOwner(set);
  }
}

class PodHandler implements ResourceEventHandler<Pod> {
  readonly updates = Changes.Ended | Changes.Owners;
  private readonly controller: DeploymentController;

  constructor(controller: DeploymentController) {
    this.controller = controller;
  }

  onAdd(pod: Pod): void {
    this.controller.countPod(pod, 1);
  }

  onUpdate(old: Pod, pod: Pod): void {
    this.controller.countPod(old, -1);
    this.controller.countPod(pod, 1);
  }

  onDelete(pod: Pod): void {
    this.controller.countPod(pod, -1);
    this.controller.podDeleted(pod);
  }
}
