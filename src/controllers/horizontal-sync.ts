import { equal } from '../api/equal.js';
import { isEmptySelector, matchesSelector, selectorText } from '../api/labels.js';
import { type Condition, keyOf, type KubernetesObject, type Labels, type LabelSelector, splitKey } from '../api/meta.js';
import type { Pod } from '../api/core.js';
import type { HorizontalPodAutoscaler, MetricStatus, ScaleTargetReference } from '../api/policy.js';
import { resources } from '../api/resources.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { Simulation } from '../kernel/simulation.js';
import { type Duration, MILLISECOND, type Time } from '../kernel/time.js';
import { apiTime, newCondition } from './conditions.js';
import { objectRequest, StagedReconciliation, type Step } from './controller.js';
import { EMPTY_HISTORY, normalize, SYNC_PERIOD } from './horizontal-limits.js';
import { hasFailed, type MetricFailure, type MetricResult, metricResult } from './horizontal-metrics.js';
import type { HorizontalPodAutoscalerController } from './horizontal-pod-autoscaler.js';
import { tolerances } from './horizontal-policy.js';

/** Changes of size are remembered this long: the longest period that a policy may have (30 min). */
const MEMORY = 1800e9;
/** Kinds with a scale subresource. */
const SCALABLE: ReadonlySet<string> = new Set(['deployments', 'replicasets', 'statefulsets', 'replicationcontrollers', 'rollouts']);

interface ScaleTarget extends KubernetesObject {
  /** A map of labels in ReplicationControllers. */
  readonly spec: { readonly replicas: number; readonly selector: LabelSelector | Labels };
  readonly status?: { readonly replicas?: number };
}

const GET = 0;
const GOT = 1;
const MEASURED = 2;
const SCALED = 3;
const SCALE_READ = 4;
const STATUS_WRITTEN = 5;
/** retry.DefaultRetry of client-go's util/retry: how often and after what time a conflict is tried again. */
const RESCALE_TRIES = 5;
const RESCALE_PAUSE: Duration = 10 * MILLISECOND;

/** One look at an autoscaler (reconcileAutoscaler). */
export class AutoscalerSync extends StagedReconciliation {
  private readonly controller: HorizontalPodAutoscalerController;
  private readonly autoscaler: HorizontalPodAutoscaler;
  private readonly simulation: Simulation;
  private readonly key: string;
  private readonly resource: string | undefined;
  private conditions: Condition[];
  private desired = 0;
  private current = 0;
  private reason = '';
  private metricStatuses: readonly MetricStatus[] | undefined = undefined;
  private scaleTime: number | undefined = undefined;
  private scaleTarget: ScaleTarget | null = null;
  private rescales = 0;
  /** Answer to the last try to write the scale, while the scale is read again. */
  private refused: ApiResponse | null = null;
  /** Why no size could be computed: said once the status is written. */
  private incomputable = '';

  constructor(controller: HorizontalPodAutoscalerController, autoscaler: HorizontalPodAutoscaler, simulation: Simulation) {
    super();
    this.controller = controller;
    this.autoscaler = autoscaler;
    this.simulation = simulation;
    this.key = keyOf(autoscaler);
    this.conditions = [...(autoscaler.status.conditions ?? [])];
    this.requeueAfter = SYNC_PERIOD;
    this.resource = resourceOf(autoscaler.spec.scaleTargetRef);
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    switch (this.stage) {
      case GET:
        if (this.resource === undefined) return this.hasNoScale(unknownKind(this.autoscaler.spec.scaleTargetRef));
        this.stage = GOT;
        return [{ verb: 'get', resource: this.resource, subresource: 'scale', ...this.target() }];
      case GOT:
        return this.got(responses[0]!);
      case MEASURED:
        return this.measured();
      case SCALED:
        return succeeded(responses[0]!) ? this.scaled() : this.readAgain(responses[0]!);
      case SCALE_READ:
        return this.scaleAgain(responses[0]!);
      case STATUS_WRITTEN: {
        const response = responses[0]!;
        if (!succeeded(response)) this.event('Warning', 'FailedUpdateStatus', response.message ?? 'request failed');
        return this.end();
      }
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

  /** The target's scale could not be read: the rest of the status stays. */
  private hasNoScale(message: string): Step {
    this.event('Warning', 'FailedGetScale', message);
    this.setCondition('AbleToScale', 'False', 'FailedGetScale', `the HPA controller was unable to get the target's current scale: ${message}`);
    return this.write({ ...this.autoscaler.status, conditions: this.conditions });
  }

  private got(response: ApiResponse): Step {
    if (!SCALABLE.has(this.resource!)) return this.hasNoScale('the server could not find the requested resource');
    if (!succeeded(response)) return this.hasNoScale(response.message ?? 'request failed');
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
    const lists = metrics.filter(({ type }) => type === 'Resource' || type === 'ContainerResource' || type === 'Pods');
    return lists.length === 0 ? undefined : lists.map((): ApiRequest => ({ verb: 'list', resource: 'pods', namespace, name: '' }));
  }

  private measured(): Step {
    if (!this.decide(this.scaleTarget!)) return this.writeStatus(this.autoscaler.status.desiredReplicas);
    if (this.desired === this.current) return this.writeStatus();
    return this.rescale();
  }

  /** Writes the scale as it was read: with its resourceVersion. */
  private rescale(): readonly ApiRequest[] {
    this.stage = SCALED;
    this.rescales++;
    const { resourceVersion } = this.scaleTarget!.metadata;
    return [{ verb: 'update', resource: this.resource!, subresource: 'scale', ...this.target(), replicas: this.desired, preconditions: { resourceVersion } }];
  }

  private readAgain(refused: ApiResponse): readonly ApiRequest[] {
    this.refused = refused;
    this.stage = SCALE_READ;
    return [{ verb: 'get', resource: this.resource!, subresource: 'scale', ...this.target() }];
  }

  private scaleAgain(response: ApiResponse): Step {
    if (succeeded(response)) this.scaleTarget = response.object as ScaleTarget;
    const { code, message = 'request failed' } = this.refused!;
    if (code !== 409 || this.rescales >= RESCALE_TRIES) return this.notScaled(message);
    this.pause = RESCALE_PAUSE;
    return this.rescale();
  }

  /** The size found first counts as a recommendation, so that a restarted controller does not scale down at once. */
  private noteFirstSize(): void {
    if (this.controller.history.has(this.key)) return;
    const recommendations = [{ time: this.simulation.now, replicas: this.current }];
    this.controller.history.set(this.key, { ...EMPTY_HISTORY, recommendations });
  }

  /** Sets the size wanted; false: the metrics allow no decision. */
  private decide(target: ScaleTarget): boolean {
    const { minReplicas, maxReplicas } = this.autoscaler.spec;
    this.desired = this.current;
    if (this.current === 0 && minReplicas !== 0) {
      this.setCondition('ScalingActive', 'False', 'ScalingDisabled', 'scaling is disabled since the replica count of the target is zero');
      return true;
    }
    if (this.current > maxReplicas) {
      this.desired = maxReplicas;
      this.reason = 'Current number of replicas above Spec.MaxReplicas';
      return true;
    }
    if (this.current < minReplicas) {
      this.desired = minReplicas;
      this.reason = 'Current number of replicas below Spec.MinReplicas';
      return true;
    }
    return this.fromMetrics(target);
  }

  private fromMetrics(target: ScaleTarget): boolean {
    const { namespace } = this.target();
    const selector = (target.kind === 'ReplicationController' ? { matchLabels: target.spec.selector } : target.spec.selector) as LabelSelector;
    const pods = [...this.controller.pods.byIndex('namespace', namespace)].filter((pod) => matchesSelector(selector, pod.metadata.labels));
    return this.selects(selector) && this.owns(selector, pods) && this.compute(pods, target.status?.replicas ?? 0);
  }

  private selects(selector: LabelSelector | undefined): boolean {
    if (selector !== undefined && !isEmptySelector(selector)) return true;
    this.incomputable = 'selector is required';
    this.event('Warning', 'SelectorRequired', this.incomputable);
    this.setCondition('ScalingActive', 'False', 'InvalidSelector', "the HPA target's scale is missing a selector");
    return false;
  }

  /** Whether no other autoscaler controls the same pods. */
  private owns(selector: LabelSelector, pods: readonly Pod[]): boolean {
    this.controller.selectors.set(this.key, selector);
    const all = this.controller.selecting(this.target().namespace, pods);
    if (all.length <= 1) return true;
    const message = `pods by selector ${selectorText(selector)} are controlled by multiple HPAs: [${all.join(' ')}]`;
    this.event('Warning', 'AmbiguousSelector', message);
    this.setCondition('ScalingActive', 'False', 'AmbiguousSelector', message);
    this.incomputable = message;
    return false;
  }

  private compute(pods: readonly Pod[], inStatus: number): boolean {
    const { metrics: source, configurableTolerance, containerMustExist } = this.controller;
    const { spec } = this.autoscaler;
    const { now } = this.simulation;
    const tolerance = tolerances(configurableTolerance ? spec.behavior : undefined);
    const context = { source, namespace: this.target().namespace, size: { current: this.current, inStatus }, pods, tolerance, containerMustExist, now };
    let best: MetricResult | undefined;
    let failure: MetricFailure | undefined;
    let invalid = 0;
    this.metricStatuses = spec.metrics.map((metric) => {
      const result = metricResult(context, metric);
      if (hasFailed(result)) {
        invalid++;
        failure ??= result;
        this.event('Warning', result.reason, result.message);
        return null;
      }
      if (best === undefined || best.proposal.replicas === 0 || result.proposal.replicas > best.proposal.replicas) best = result;
      return result.status;
    });
    return this.settle(best, failure, invalid, now);
  }

  /** With a metric missing the autoscaler may grow, never shrink. */
  private settle(best: MetricResult | undefined, failure: MetricFailure | undefined, invalid: number, now: Time): boolean {
    if (best === undefined || (failure !== undefined && best.proposal.replicas < this.current)) {
      const { reason, message, error } = failure!;
      this.setCondition('ScalingActive', 'False', reason, `the HPA was unable to compute the replica count: ${message}`);
      this.incomputable = `invalid metrics (${invalid} invalid out of ${this.autoscaler.spec.metrics.length}), first error is: ${error}`;
      return false;
    }
    this.setCondition('ScalingActive', 'True', 'ValidMetricFound', `the HPA was able to successfully calculate a replica count from ${best.name}`);
    // When only an earlier recommendation asks for a change, no reason is given.
    if (best.proposal.replicas > this.current) this.reason = `${best.name} above target`;
    else this.reason = best.proposal.replicas < this.current ? 'All metrics below target' : '';
    this.limit(best.proposal.replicas, now);
    return true;
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

  private notScaled(message: string): Step {
    this.event('Warning', 'FailedRescale', `New size: ${this.desired}; reason: ${this.reason}; error: ${message}`);
    this.setCondition('AbleToScale', 'False', 'FailedUpdateScale', `the HPA controller was unable to update the target scale: ${message}`);
    return this.writeStatus(this.autoscaler.status.desiredReplicas);
  }

  private scaled(): Step {
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

  private writeStatus(desiredReplicas = this.desired): Step {
    const lastScaleTime = this.scaleTime ?? this.autoscaler.status.lastScaleTime;
    return this.write({
      ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
      currentReplicas: this.current,
      desiredReplicas,
      ...(this.metricStatuses === undefined ? {} : { currentMetrics: this.metricStatuses }),
      conditions: this.conditions,
    });
  }

  private end(): null {
    if (this.incomputable !== '') this.event('Warning', 'FailedComputeMetricsReplicas', this.incomputable);
    return null;
  }

  private write(status: HorizontalPodAutoscaler['status']): Step {
    const { autoscaler } = this;
    if (equal(autoscaler.status, status)) return this.end();
    this.stage = STATUS_WRITTEN;
    return [
      objectRequest('update', 'horizontalpodautoscalers', autoscaler, { subresource: 'status', body: { ...autoscaler, status } as HorizontalPodAutoscaler }),
    ] satisfies ApiRequest[];
  }
}

/** Why the API has no such kind. */
function unknownKind(target: ScaleTargetReference): string {
  const { kind, apiVersion = '' } = target;
  if (apiVersion.split('/').length > 2) return `unexpected GroupVersion string: ${apiVersion}`;
  return `no matches for kind "${kind}" in group "${groupOf(target)}"`;
}

function groupOf({ apiVersion = '' }: ScaleTargetReference): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}

/** Resource of a target; undefined for kinds that the API does not serve. */
function resourceOf(target: ScaleTargetReference): string | undefined {
  const group = groupOf(target);
  return resources().find((info) => info.kind === target.kind && info.group === group)?.resource;
}

const LIMIT_MESSAGES: Readonly<Record<'TooManyReplicas' | 'TooFewReplicas' | 'ScaleUpLimit' | 'ScaleDownLimit', string>> = {
  TooManyReplicas: 'the desired replica count is more than the maximum replica count',
  TooFewReplicas: 'the desired replica count is less than the minimum replica count',
  ScaleUpLimit: 'the desired replica count is increasing faster than the maximum scale rate',
  ScaleDownLimit: 'the desired replica count is decreasing faster than the maximum scale rate',
};
