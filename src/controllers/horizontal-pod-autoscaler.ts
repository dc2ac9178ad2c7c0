import type { Pod } from '../api/core.js';
import { matchesSelector } from '../api/labels.js';
import { keyOf, type LabelSelector, splitKey } from '../api/meta.js';
import type { HorizontalPodAutoscaler } from '../api/policy.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { ControllerWorkers, type Reconciler, type Reconciliation } from './controller.js';
import { NamespaceIndexer } from './endpointslice.js';
import { type ScalingHistory, SYNC_PERIOD } from './horizontal-limits.js';
import { type MetricsSource, NoMetrics } from './horizontal-metrics.js';
import { AutoscalerSync } from './horizontal-sync.js';

const WORKERS = 5;

/** The HorizontalPodAutoscaler controller (pkg/controller/podautoscaler): looks every 15 s. */
export class HorizontalPodAutoscalerController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly recorder: EventRecorder;
  readonly metrics: MetricsSource;
  readonly history = new Map<string, ScalingHistory>();
  readonly pods: Informer<Pod>;
  /** Gate HPAConfigurableTolerance, on from 1.35. */
  readonly configurableTolerance: boolean;
  /** A pod without the container of a metric is an error, from 1.35. */
  readonly containerMustExist: boolean;
  /** Selectors of the targets as last seen, to find autoscalers that share pods. */
  readonly selectors = new Map<string, LabelSelector>();
  private readonly autoscalers: Informer<HorizontalPodAutoscaler>;
  private readonly simulation: Simulation;

  constructor(context: ProcessContext, client: ApiClient, metrics: MetricsSource = new NoMetrics()) {
    this.simulation = context.simulation;
    this.configurableTolerance = context.scenario.kubernetesVersion !== '1.34';
    this.containerMustExist = this.configurableTolerance;
    this.metrics = metrics;
    this.recorder = context.eventRecorder('horizontal-pod-autoscaler', client);
    this.autoscalers = context.informers.informer<HorizontalPodAutoscaler>('horizontalpodautoscalers');
    this.pods = context.informers.informer<Pod>('pods');
    this.pods.addIndexer(new NamespaceIndexer());
    this.workers = new ControllerWorkers(context, { name: 'horizontalpodautoscaler', workers: WORKERS, client });
    this.autoscalers.addEventHandler(new AutoscalerHandler(this));
    this.workers.start(this, [this.autoscalers, this.pods]);
  }

  reconcile(key: string): Reconciliation | null {
    const autoscaler = this.autoscalers.get(key);
    if (autoscaler === undefined) {
      this.forget(key);
      return null;
    }
    return new AutoscalerSync(this, autoscaler, this.simulation);
  }

  forget(key: string): void {
    this.history.delete(key);
    this.selectors.delete(key);
  }

  /** Autoscalers of a namespace whose targets select one of these pods; those not looked at yet do not count. */
  selecting(namespace: string, pods: readonly Pod[]): string[] {
    const found: string[] = [];
    for (const [key, selector] of this.selectors) {
      const place = splitKey(key);
      if (place.namespace !== namespace) continue;
      if (pods.some((pod) => matchesSelector(selector, pod.metadata.labels))) found.push(`{${place.name} ${namespace}}`);
    }
    return found.sort();
  }
}

/** The queue has a fixed interval: an autoscaler is looked at 15 s after it came or changed, and again every 15 s. */
class AutoscalerHandler implements ResourceEventHandler<HorizontalPodAutoscaler> {
  private readonly controller: HorizontalPodAutoscalerController;

  constructor(controller: HorizontalPodAutoscalerController) {
    this.controller = controller;
  }

  onAdd(autoscaler: HorizontalPodAutoscaler): void {
    this.controller.workers.queue.addAfter(keyOf(autoscaler), SYNC_PERIOD);
  }

  onUpdate(_old: HorizontalPodAutoscaler, autoscaler: HorizontalPodAutoscaler): void {
    this.controller.workers.queue.addAfter(keyOf(autoscaler), SYNC_PERIOD);
  }

  onDelete(autoscaler: HorizontalPodAutoscaler): void {
    this.controller.forget(keyOf(autoscaler));
  }
}
