import type { Pod } from '../api/core.js';
import { equal } from '../api/equal.js';
import { matchesSelector } from '../api/labels.js';
import { keyOf, splitKey, type Condition, type KubernetesObject, type LabelSelector } from '../api/meta.js';
import type { HorizontalPodAutoscaler } from '../api/policy.js';
import { resources } from '../api/resources.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { apiTime, newCondition } from './conditions.js';
import { ControllerWorkers, objectRequest, type Reconciler, type Reconciliation, StagedReconciliation, type Step } from './controller.js';
import { NamespaceIndexer } from './endpointslice.js';
import { type MetricResult, metricResult, type MetricsSource, NoMetrics } from './horizontal-metrics.js';
import { EMPTY_HISTORY, normalize, type Proposal, type ScalingHistory, SYNC_PERIOD, tolerances } from './horizontal-policy.js';

const WORKERS = 5;
/** Changes of size are remembered this long: the longest period that a policy may have (30 min). */
const MEMORY = 1800e9;

/** The HorizontalPodAutoscaler controller (pkg/controller/podautoscaler): looks every 15 s. */
export class HorizontalPodAutoscalerController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly recorder: EventRecorder;
  readonly metrics: MetricsSource;
  readonly history = new Map<string, ScalingHistory>();
  readonly pods: Informer<Pod>;
  /** Gate HPAConfigurableTolerance, on from 1.35. */
  readonly configurableTolerance: boolean;
  private readonly autoscalers: Informer<HorizontalPodAutoscaler>;
  private readonly simulation: Simulation;

  constructor(context: ProcessContext, client: ApiClient, metrics: MetricsSource = new NoMetrics()) {
    this.simulation = context.simulation;
    this.configurableTolerance = context.scenario.kubernetesVersion !== '1.34';
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
      this.history.delete(key);
      return null;
    }
    return new AutoscalerSync(this, autoscaler, this.simulation);
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
    this.controller.history.delete(keyOf(autoscaler));
  }
}

interface ScaleTarget extends KubernetesObject {
  readonly spec: { readonly replicas: number; readonly selector: LabelSelector };
  readonly status?: { readonly replicas?: number };
}

const GET = 0;
const GOT = 1;
const MEASURED = 2;
const SCALED = 3;
const STATUS_WRITTEN = 4;

class AutoscalerSync extends StagedReconciliation {
  private readonly controller: HorizontalPodAutoscalerController;
  private readonly autoscaler: HorizontalPodAutoscaler;
  private readonly simulation: Simulation;
  private readonly key: string;
  private readonly resource: string | undefined;
  private conditions: Condition[];
  private desired = 0;
  private current = 0;
  private reason = '';
  private metricStatuses: readonly unknown[] | undefined = undefined;
  private scaleTime: number | undefined = undefined;
  private scaleTarget: ScaleTarget | null = null;

  constructor(controller: HorizontalPodAutoscalerController, autoscaler: HorizontalPodAutoscaler, simulation: Simulation) {
    super();
    this.controller = controller;
    this.autoscaler = autoscaler;
    this.simulation = simulation;
    this.key = keyOf(autoscaler);
    this.conditions = [...(autoscaler.status.conditions ?? [])];
    this.requeueAfter = SYNC_PERIOD;
    this.resource = resources().find(({ kind }) => kind === autoscaler.spec.scaleTargetRef.kind)?.resource;
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    switch (this.stage) {
      case GET:
        if (this.resource === undefined) return null;
        this.stage = GOT;
        return [{ verb: 'get', resource: this.resource, ...this.target() }];
      case GOT:
        return this.got(responses[0]!);
      case MEASURED:
        return this.measured();
      case SCALED:
        return this.scaled(responses[0]!);
      default:
        return null;
    }
  }

  private target(): { namespace: string; name: string } {
    return { namespace: splitKey(this.key).namespace, name: this.autoscaler.spec.scaleTargetRef.name };
  }

  private event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.controller.recorder.event(this.autoscaler, type, reason, message);
  }

  private setCondition(type: string, status: 'True' | 'False', reason: string, message: string): void {
    const index = this.conditions.findIndex((condition) => condition.type === type);
    const { lastUpdateTime: _, ...fresh } = newCondition(type, status, reason, message, this.simulation.now);
    if (index < 0) {
      this.conditions.push(fresh);
      return;
    }
    const old = this.conditions[index]!;
    const time = old.status === status ? old.lastTransitionTime : fresh.lastTransitionTime;
    this.conditions[index] = { ...fresh, ...(time === undefined ? {} : { lastTransitionTime: time }) };
  }

  private got(response: ApiResponse): Step {
    if (!succeeded(response)) {
      const message = response.message ?? 'request failed';
      this.event('Warning', 'FailedGetScale', message);
      this.setCondition('AbleToScale', 'False', 'FailedGetScale', `the HPA controller was unable to get the target's current scale: ${message}`);
      return this.writeStatus();
    }
    const target = response.object as ScaleTarget;
    this.setCondition('AbleToScale', 'True', 'SucceededGetScale', "the HPA controller was able to get the target's current scale");
    this.current = target.spec.replicas;
    this.noteFirstSize();
    this.scaleTarget = target;
    this.stage = MEASURED;
    const { minReplicas, maxReplicas, metrics } = this.autoscaler.spec;
    const measures = this.current >= Math.max(1, minReplicas) && this.current <= maxReplicas;
    if (!measures) return undefined;
    // A metric of pods is a list (of pods.metrics.k8s.io for resources), which the API server passes on to the metrics server.
    const { namespace } = this.target();
    const lists = metrics.filter(({ type }) => type === 'Resource' || type === 'Pods');
    return lists.length === 0 ? undefined : lists.map((): ApiRequest => ({ verb: 'list', resource: 'pods', namespace, name: '' }));
  }

  private measured(): Step {
    this.decide(this.scaleTarget!);
    if (this.desired === this.current) return this.writeStatus();
    this.stage = SCALED;
    return [{ verb: 'update', resource: this.resource!, subresource: 'scale', ...this.target(), replicas: this.desired }];
  }

  /** The size found first counts as a recommendation, so that a restarted controller does not scale down at once. */
  private noteFirstSize(): void {
    if (this.controller.history.has(this.key)) return;
    const recommendations = [{ time: this.simulation.now, replicas: this.current }];
    this.controller.history.set(this.key, { ...EMPTY_HISTORY, recommendations });
  }

  private decide(target: ScaleTarget): void {
    const { minReplicas, maxReplicas } = this.autoscaler.spec;
    this.desired = this.current;
    if (this.current === 0 && minReplicas !== 0) {
      this.setCondition('ScalingActive', 'False', 'ScalingDisabled', 'scaling is disabled since the replica count of the target is zero');
      return;
    }
    if (this.current > maxReplicas) {
      this.desired = maxReplicas;
      this.reason = 'Current number of replicas above Spec.MaxReplicas';
      return;
    }
    if (this.current < minReplicas) {
      this.desired = minReplicas;
      this.reason = 'Current number of replicas below Spec.MinReplicas';
      return;
    }
    this.fromMetrics(target);
  }

  private fromMetrics(target: ScaleTarget): void {
    const { now } = this.simulation;
    const { namespace } = this.target();
    const { selector } = target.spec;
    const pods = [...this.controller.pods.byIndex('namespace', namespace)].filter((pod) => matchesSelector(selector, pod.metadata.labels));
    const { metrics, configurableTolerance } = this.controller;
    const { spec } = this.autoscaler;
    const tolerance = tolerances(configurableTolerance ? spec.behavior : undefined);
    const size = { current: this.current, inStatus: target.status?.replicas ?? 0 };
    let best: (MetricResult & { readonly proposal: Proposal }) | undefined;
    let firstError = '';
    let invalid = 0;
    const statuses: unknown[] = [];
    for (const metric of spec.metrics) {
      const result = metricResult(metrics, namespace, metric, size, pods, tolerance, now);
      const { proposal } = result;
      if (proposal === undefined) {
        if (invalid++ === 0) firstError = result.message;
        this.event('Warning', result.reason, result.message);
        this.setCondition('ScalingActive', 'False', result.reason, `the HPA was unable to compute the replica count: ${result.message}`);
      } else {
        statuses.push(result.status);
        if (best === undefined || proposal.replicas > best.proposal.replicas) best = { ...result, proposal };
      }
    }
    // With a metric missing the autoscaler may grow, never shrink.
    if (best === undefined || (invalid > 0 && best.proposal.replicas < this.current)) {
      const message = `invalid metrics (${invalid} invalid out of ${spec.metrics.length}), first error is: ${firstError}`;
      if (best === undefined) this.event('Warning', 'FailedComputeMetricsReplicas', message);
      return;
    }
    this.metricStatuses = statuses;
    this.setCondition('ScalingActive', 'True', 'ValidMetricFound', `the HPA was able to successfully calculate a replica count from ${best.name}`);
    // When only an earlier recommendation asks for a change, no reason is given.
    if (best.proposal.replicas > this.current) this.reason = `${best.name} above target`;
    else this.reason = best.proposal.replicas < this.current ? 'All metrics below target' : '';
    this.limit(best.proposal.replicas, now);
  }

  private limit(desired: number, now: number): void {
    const history = this.controller.history.get(this.key)!;
    const result = normalize(this.autoscaler, this.current, desired, history, now);
    this.controller.history.set(this.key, { ...history, recommendations: result.recommendations });
    if (result.stabilized === undefined) {
      this.setCondition('AbleToScale', 'True', 'ReadyForNewScale', 'recommended size matches current size');
    } else if (result.stabilized === 'down') {
      this.setCondition('AbleToScale', 'True', 'ScaleDownStabilized', 'recent recommendations were higher than current one, applying the highest recent recommendation');
    } else {
      this.setCondition('AbleToScale', 'True', 'ScaleUpStabilized', 'recent recommendations were lower than current one, applying the lowest recent recommendation');
    }
    if (result.limit === undefined) {
      this.setCondition('ScalingLimited', 'False', 'DesiredWithinRange', 'the desired count is within the acceptable range');
    } else this.setCondition('ScalingLimited', 'True', result.limit, LIMIT_MESSAGES[result.limit]);
    this.desired = result.replicas;
  }

  private scaled(response: ApiResponse): Step {
    if (!succeeded(response)) {
      const message = response.message ?? 'request failed';
      this.event('Warning', 'FailedRescale', `New size: ${this.desired}; reason: ${this.reason}; error: ${message}`);
      this.setCondition('AbleToScale', 'False', 'FailedUpdateScale', `the HPA controller was unable to update the target scale: ${message}`);
      this.desired = this.current;
      return this.writeStatus();
    }
    this.setCondition('AbleToScale', 'True', 'SucceededRescale', `the HPA controller was able to update the target scale to ${this.desired}`);
    this.event('Normal', 'SuccessfulRescale', `New size: ${this.desired}; reason: ${this.reason}`);
    const { now } = this.simulation;
    this.scaleTime = apiTime(now);
    const history = this.controller.history.get(this.key) ?? EMPTY_HISTORY;
    const change = this.desired - this.current;
    const recent = ({ time }: { time: number }): boolean => time > now - MEMORY;
    this.controller.history.set(this.key, {
      recommendations: history.recommendations,
      ups: change > 0 ? [...history.ups.filter(recent), { time: now, replicas: change }] : history.ups,
      downs: change < 0 ? [...history.downs.filter(recent), { time: now, replicas: -change }] : history.downs,
    });
    return this.writeStatus();
  }

  private writeStatus(): Step {
    const { autoscaler } = this;
    const lastScaleTime = this.scaleTime ?? autoscaler.status.lastScaleTime;
    const status: HorizontalPodAutoscaler['status'] = {
      ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
      currentReplicas: this.current,
      desiredReplicas: this.desired,
      currentMetrics: this.metricStatuses ?? autoscaler.status.currentMetrics ?? [],
      conditions: this.conditions,
    };
    if (equal(autoscaler.status, status)) return null;
    this.stage = STATUS_WRITTEN;
    return [
      objectRequest('update', 'horizontalpodautoscalers', autoscaler, { subresource: 'status', body: { ...autoscaler, status } as HorizontalPodAutoscaler }),
    ] satisfies ApiRequest[];
  }
}

const LIMIT_MESSAGES: Readonly<Record<'TooManyReplicas' | 'TooFewReplicas' | 'ScaleUpLimit' | 'ScaleDownLimit', string>> = {
  TooManyReplicas: 'the desired replica count is more than the maximum replica count',
  TooFewReplicas: 'the desired replica count is less than the minimum replica count',
  ScaleUpLimit: 'the desired replica count is increasing faster than the maximum scale rate',
  ScaleDownLimit: 'the desired replica count is decreasing faster than the maximum scale rate',
};
