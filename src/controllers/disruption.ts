import type { ReplicationController, StatefulSet } from '../api/apps.js';
import type { Pod } from '../api/core.js';
import { matchesSelector } from '../api/labels.js';
import { controllerOf, keyOf, type KubernetesObject } from '../api/meta.js';
import type { PodDisruptionBudget } from '../api/policy.js';
import type { Deployment, ReplicaSet } from '../api/workloads.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { ControllerWorkers, objectRequest, Reconciliation, type Reconciler } from './controller.js';
import { budgetChanged, budgetStatus, disruptedPods, expectedPods, healthyPods } from './disruption-policy.js';
import { NamespaceIndexer } from './endpointslice.js';
import { KeyHandler } from './handlers.js';

const WORKERS = 1;

/** The disruption controller: keeps the status of PodDisruptionBudgets (pkg/controller/disruption). */
export class DisruptionController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly recorder: EventRecorder;
  private readonly simulation: Simulation;
  private readonly budgets: Informer<PodDisruptionBudget>;
  private readonly pods: Informer<Pod>;
  private readonly replicaSets: Informer<ReplicaSet>;
  private readonly deployments: Informer<Deployment>;
  private readonly statefulSets: Informer<StatefulSet>;
  private readonly replicationControllers: Informer<ReplicationController>;
  /** Pods by budget key, so that a pod's event need not search the namespace. */
  private readonly members = new Map<string, Map<string, Pod>>();

  constructor(context: ProcessContext, client: ApiClient) {
    this.simulation = context.simulation;
    this.recorder = context.eventRecorder('controllermanager', client);
    this.budgets = context.informers.informer<PodDisruptionBudget>('poddisruptionbudgets');
    this.pods = context.informers.informer<Pod>('pods');
    this.replicaSets = context.informers.informer<ReplicaSet>('replicasets');
    this.deployments = context.informers.informer<Deployment>('deployments');
    this.statefulSets = context.informers.informer<StatefulSet>('statefulsets');
    this.replicationControllers = context.informers.informer<ReplicationController>('replicationcontrollers');
    this.budgets.addIndexer(new NamespaceIndexer());
    this.pods.addIndexer(new NamespaceIndexer());
    this.workers = new ControllerWorkers(context, { name: 'disruption', workers: WORKERS, client });
    this.budgets.addEventHandler(new BudgetHandler(this));
    this.budgets.addEventHandler(new KeyHandler<PodDisruptionBudget>(this.workers.queue));
    this.pods.addEventHandler(new PodHandler(this));
    this.workers.start(this, [this.budgets, this.pods, this.replicaSets, this.deployments, this.statefulSets, this.replicationControllers]);
  }

  reconcile(key: string): Reconciliation | null {
    const budget = this.budgets.get(key);
    if (budget === undefined) return null;
    const { now } = this.simulation;
    const pods = [...(this.members.get(key)?.values() ?? [])];
    if (pods.length === 0) this.recorder.event(budget, 'Normal', 'NoPods', 'No matching pods found');
    const counts = expectedPods(budget, pods.length, this.scaleOf(pods));
    const { disrupted, recheck } = disruptedPods(budget, pods, now);
    const healthy = healthyPods(pods, disrupted, now);
    if (recheck !== undefined) this.workers.queue.addAfter(key, recheck - now);
    const status = budgetStatus(budget, { healthy, ...counts }, disrupted, now);
    return budgetChanged(budget.status, status) ? new WriteBudget(budget, status) : null;
  }

  budgetChanged(budget: PodDisruptionBudget, present: boolean): void {
    const key = keyOf(budget);
    if (!present) {
      this.members.delete(key);
      return;
    }
    const members = new Map<string, Pod>();
    for (const pod of this.pods.byIndex('namespace', budget.metadata.namespace)) {
      if (matchesSelector(budget.spec.selector, pod.metadata.labels)) members.set(pod.metadata.name, pod);
    }
    this.members.set(key, members);
  }

  podChanged(pod: Pod, present: boolean): void {
    for (const budget of this.budgets.byIndex('namespace', pod.metadata.namespace)) {
      const key = keyOf(budget);
      const members = this.members.get(key);
      if (members === undefined) continue;
      const matches = present && matchesSelector(budget.spec.selector, pod.metadata.labels);
      const known = members.has(pod.metadata.name);
      if (!matches && !known) continue;
      if (matches) members.set(pod.metadata.name, pod);
      else members.delete(pod.metadata.name);
      this.workers.queue.add(key);
    }
  }

  /** Σ replicas of the controllers of pods, each counted once (getExpectedScale). */
  private scaleOf(pods: readonly Pod[]): number {
    const seen = new Set<string>();
    let sum = 0;
    for (const pod of pods) {
      const owner = this.scaleOwner(pod);
      if (owner === undefined || seen.has(owner.metadata.uid)) continue;
      seen.add(owner.metadata.uid);
      sum += (owner as ReplicaSet).spec.replicas;
    }
    return sum;
  }

  private scaleOwner(pod: Pod): KubernetesObject | undefined {
    const reference = controllerOf(pod);
    if (reference === undefined) return undefined;
    const key = `${pod.metadata.namespace}/${reference.name}`;
    if (reference.kind === 'StatefulSet') return this.statefulSets.get(key);
    if (reference.kind === 'ReplicationController') return this.replicationControllers.get(key);
    const set = this.replicaSets.get(key);
    const deployment = set === undefined ? undefined : controllerOf(set);
    if (deployment?.kind !== 'Deployment') return set;
    return this.deployments.get(`${pod.metadata.namespace}/${deployment.name}`);
  }
}

class WriteBudget extends Reconciliation {
  private readonly budget: PodDisruptionBudget;
  private readonly status: PodDisruptionBudget['status'];
  private sent = false;

  constructor(budget: PodDisruptionBudget, status: PodDisruptionBudget['status']) {
    super();
    this.budget = budget;
    this.status = status;
  }

  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    if (this.sent) return succeeded(responses[0]!) ? null : this.fail(responses[0]!.message ?? 'request failed');
    this.sent = true;
    const body: PodDisruptionBudget = { ...this.budget, status: this.status };
    return [objectRequest('update', 'poddisruptionbudgets', this.budget, { subresource: 'status', body })];
  }
}

class BudgetHandler implements ResourceEventHandler<PodDisruptionBudget> {
  private readonly controller: DisruptionController;

  constructor(controller: DisruptionController) {
    this.controller = controller;
  }

  onAdd(budget: PodDisruptionBudget): void {
    this.controller.budgetChanged(budget, true);
  }

  onUpdate(old: PodDisruptionBudget, budget: PodDisruptionBudget): void {
    if (old.spec !== budget.spec) this.controller.budgetChanged(budget, true);
  }

  onDelete(budget: PodDisruptionBudget): void {
    this.controller.budgetChanged(budget, false);
  }
}

class PodHandler implements ResourceEventHandler<Pod> {
  private readonly controller: DisruptionController;

  constructor(controller: DisruptionController) {
    this.controller = controller;
  }

  onAdd(pod: Pod): void {
    this.controller.podChanged(pod, true);
  }

  onUpdate(_old: Pod, pod: Pod): void {
    this.controller.podChanged(pod, true);
  }

  onDelete(pod: Pod): void {
    this.controller.podChanged(pod, false);
  }
}
