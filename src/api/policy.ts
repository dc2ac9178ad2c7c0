import type { Time } from '../kernel/time.js';
import type { Condition, IntOrString, KubernetesObject, LabelSelector } from './meta.js';

/** `policy/v1`, `autoscaling/v2` and quota kinds. */

export interface PodDisruptionBudget extends KubernetesObject {
  readonly kind: 'PodDisruptionBudget';
  readonly spec: {
    readonly minAvailable?: IntOrString;
    readonly maxUnavailable?: IntOrString;
    readonly selector?: LabelSelector;
    readonly unhealthyPodEvictionPolicy?: 'IfHealthyBudget' | 'AlwaysAllow';
  };
  readonly status: {
    readonly observedGeneration?: number;
    readonly disruptedPods?: Readonly<Record<string, Time>>;
    readonly disruptionsAllowed: number;
    readonly currentHealthy: number;
    readonly desiredHealthy: number;
    readonly expectedPods: number;
    readonly conditions?: readonly Condition[];
  };
}

export interface MetricTarget {
  readonly type: 'Utilization' | 'AverageValue' | 'Value';
  readonly averageUtilization?: number;
  /** In the metric's own unit (millicores for cpu). */
  readonly averageValue?: number;
  readonly value?: number;
}

/** What a metric is of: one of `resource`, `containerResource`, `pods`, `object`, `external` of the API, which hold the same fields. */
export interface MetricSource {
  readonly type: 'Resource' | 'ContainerResource' | 'Pods' | 'Object' | 'External';
  /** Resource name, or name of the custom metric. */
  readonly name: string;
  /** Container of a ContainerResource metric. */
  readonly container?: string;
  /** Object of an Object metric. */
  readonly describedObject?: ScaleTargetReference;
  /** Labels that series of a Pods, Object or External metric must have. */
  readonly selector?: LabelSelector;
}

export interface MetricSpec extends MetricSource {
  readonly target: MetricTarget;
}

/** An entry of `status.currentMetrics`; null: the metric could not be had (the API writes an entry without a type). */
export type MetricStatus = (MetricSource & { readonly current: MetricValue }) | null;

/** What a metric was. Amounts in thousandths of the metric's unit (millicores; thousandths of a byte). */
export interface MetricValue {
  readonly averageUtilization?: number;
  readonly averageValue?: number;
  readonly value?: number;
}

/** CrossVersionObjectReference. */
export interface ScaleTargetReference {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly name: string;
}

export interface ScalingPolicy {
  readonly type: 'Pods' | 'Percent';
  readonly value: number;
  readonly periodSeconds: number;
}

export interface ScalingRules {
  readonly stabilizationWindowSeconds?: number;
  readonly selectPolicy?: 'Max' | 'Min' | 'Disabled';
  readonly policies?: readonly ScalingPolicy[];
  /** Used from 1.35 on (gate HPAConfigurableTolerance). */
  readonly tolerance?: number;
}

export interface HorizontalPodAutoscaler extends KubernetesObject {
  readonly kind: 'HorizontalPodAutoscaler';
  readonly spec: {
    readonly scaleTargetRef: ScaleTargetReference;
    readonly minReplicas: number;
    readonly maxReplicas: number;
    readonly metrics: readonly MetricSpec[];
    readonly behavior?: { readonly scaleUp?: ScalingRules; readonly scaleDown?: ScalingRules };
  };
  readonly status: {
    readonly observedGeneration?: number;
    readonly lastScaleTime?: Time;
    readonly currentReplicas?: number;
    readonly desiredReplicas: number;
    readonly currentMetrics?: readonly MetricStatus[];
    readonly conditions?: readonly Condition[];
  };
}

export interface ScopeRequirement {
  readonly scopeName: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

export interface ResourceQuota extends KubernetesObject {
  readonly kind: 'ResourceQuota';
  readonly spec: {
    readonly hard?: Readonly<Record<string, number>>;
    readonly scopes?: readonly string[];
    readonly scopeSelector?: { readonly matchExpressions?: readonly ScopeRequirement[] };
  };
  readonly status?: {
    readonly hard?: Readonly<Record<string, number>>;
    readonly used?: Readonly<Record<string, number>>;
  };
}
