import type { ReplicationController, StatefulSet } from '../api/apps.js';
import type { Pod } from '../api/core.js';
import { matchesSelector } from '../api/labels.js';
import { controllerOf, keyOf, type KubernetesObject, type OwnerReference } from '../api/meta.js';
import type { PodDisruptionBudget } from '../api/policy.js';
import type { Deployment, ReplicaSet } from '../api/workloads.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { ControllerWorkers, objectRequest, Reconciliation, type Reconciler } from './controller.js';
import { infoOfKind } from '../api/resources.js';
import { budgetChanged, budgetStatus, disruptedPods, expectedPods, failedStatus, healthyPods, needsScale } from './disruption-policy.js';
import { StaleDisruptions } from './disruption-stale.js';
import { NamespaceIndexer } from './endpointslice.js';
import { KeyHandler } from './handlers.js';
import { selectorDump } from './horizontal-metrics.js';

const WORKERS = 1;

/** The disruption controller: keeps the status of PodDisruptionBudgets (pkg/controller/disruption). */
export class DisruptionController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly recorder: EventRecorder;
  readonly stale: StaleDisruptions;
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
    this.stale = new StaleDisruptions(context, client, this.pods);
    this.workers.start(this, [this.budgets, this.pods, this.replicaSets, this.deployments, this.statefulSets, this.replicationControllers]);
  }

  reconcile(key: string): Reconciliation | null {
    const budget = this.budgets.get(key);
    if (budget === undefined) return null;
    const { now } = this.simulation;
    const pods = [...(this.members.get(key)?.values() ?? [])];
    if (pods.length === 0) this.recorder.event(budget, 'Normal', 'NoPods', 'No matching pods found');
    const scale = needsScale(budget) ? this.scaleOf(budget, pods) : 0;
    if (typeof scale === 'string') {
      this.recorder.event(budget, 'Warning', 'CalculateExpectedPodCountFailed', `Failed to calculate the number of expected pods: ${scale}`);
      return new WriteBudget(budget, failedStatus(budget, scale, now));
    }
    const counts = expectedPods(budget, pods.length, scale);
    const { disrupted, recheck, timedOut } = disruptedPods(budget, pods, now);
    const { namespace } = budget.metadata;
    for (const pod of timedOut) {
      // The real message names the namespace twice.
      this.recorder.event(pod, 'Warning', 'NotDeleted', `Pod was expected by PDB ${namespace}/${namespace} to be deleted but it wasn't`);
    }
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
    if (this.budgets.size > 0) this.tellBudgets(pod, present);
    if (present) this.stale.podSeen(pod);
  }

  private tellBudgets(pod: Pod, present: boolean): void {
    let first: PodDisruptionBudget | undefined;
    let warned = false;
    for (const budget of this.budgets.byIndex('namespace', pod.metadata.namespace)) {
      const key = keyOf(budget);
      const members = this.members.get(key);
      if (members === undefined) continue;
      const matches = matchesSelector(budget.spec.selector, pod.metadata.labels);
      if (!matches && !members.has(pod.metadata.name)) continue;
      if (matches && present) members.set(pod.metadata.name, pod);
      else members.delete(pod.metadata.name);
      this.workers.queue.add(key);
      if (!matches) continue;
      if (first !== undefined && !warned) {
        warned = true;
        const { namespace, name } = pod.metadata;
        const text = `Pod "${namespace}"/"${name}" matches multiple PodDisruptionBudgets.  Chose "${first.metadata.name}" arbitrarily.`;
        this.recorder.event(pod, 'Warning', 'MultiplePodDisruptionBudgets', text);
      }
      first ??= budget;
    }
  }

  /** Σ replicas of the controllers of pods, each counted once (getExpectedScale); or why it cannot be told. */
  private scaleOf(budget: PodDisruptionBudget, pods: readonly Pod[]): number | string {
    const seen = new Set<string>();
    let sum = 0;
    let unmanaged = false;
    for (const pod of pods) {
      const reference = controllerOf(pod);
      if (reference === undefined) {
        unmanaged = true;
        continue;
      }
      if (seen.has(reference.uid)) continue;
      const owner = this.scaleOwner(reference, pod.metadata.namespace);
      if (typeof owner === 'string') return owner;
      if (owner === undefined) return `found no controllers for pod "${pod.metadata.name}"`;
      seen.add(reference.uid);
      // Several ReplicaSets can have the same Deployment.
      if (owner.metadata.uid !== reference.uid && seen.has(owner.metadata.uid)) continue;
      seen.add(owner.metadata.uid);
      sum += (owner as ReplicaSet).spec.replicas;
    }
    if (unmanaged) {
      const text = `Pods selected by this PodDisruptionBudget (selector: ${selectorDump(budget.spec.selector)}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`;
      this.recorder.event(budget, 'Warning', 'UnmanagedPods', text);
    }
    return sum;
  }

  /** What says how many pods there should be; undefined: it is gone; a text: its kind has no size. */
  private scaleOwner({ apiVersion, kind, name, uid }: OwnerReference, namespace: string): KubernetesObject | string | undefined {
    const key = `${namespace}/${name}`;
    const informer = kind === 'StatefulSet' ? this.statefulSets : kind === 'ReplicationController' ? this.replicationControllers : kind === 'ReplicaSet' ? this.replicaSets : undefined;
    if (informer === undefined) {
      const info = infoOfKind(apiVersion, kind);
      if (info === undefined) return `no matches for kind "${kind}" in version "${apiVersion}"`;
      return `${info.group === '' ? info.resource : `${info.resource}.${info.group}`} does not implement the scale subresource`;
    }
    const owner: KubernetesObject | undefined = informer.get(key);
    if (owner?.metadata.uid !== uid) return undefined;
    const above = controllerOf(owner);
    if (above?.kind !== 'Deployment') return owner;
    const deployment = this.deployments.get(`${namespace}/${above.name}`);
    return deployment?.metadata.uid === above.uid ? deployment : owner;
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
