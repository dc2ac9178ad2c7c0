import type { Time } from '../kernel/time.js';
import type { PodTemplateSpec } from './core.js';
import type { IntOrString, KubernetesObject, Labels, LabelSelector } from './meta.js';

/**
 * `argoproj.io/v1alpha1` and `flagger.app/v1beta1` kinds with the fields that the models read. Their objects are kept as written:
 * nothing is defaulted here. Durations are text (`30s`) or whole seconds.
 */

export type DurationText = number | string;

export interface AnalysisArgument {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly podTemplateHashValue?: 'Stable' | 'Latest';
    readonly fieldRef?: { readonly fieldPath: string };
    readonly secretKeyRef?: { readonly name: string; readonly key: string };
  };
}

/** Which templates a rollout analyses itself by. */
export interface RolloutAnalysis {
  readonly templates?: readonly { readonly templateName: string; readonly clusterScope?: boolean }[];
  readonly args?: readonly AnalysisArgument[];
  readonly dryRun?: readonly { readonly metricName: string }[];
  /** Of background analysis: index of the step with which it begins. */
  readonly startingStep?: number;
}

/** Pods beside those of the rollout for a while. */
export interface ExperimentStep {
  readonly templates?: readonly {
    readonly name: string;
    /** Which version: `canary` or `stable`. */
    readonly specRef: string;
    readonly replicas?: number;
    readonly metadata?: { readonly labels?: Labels };
    readonly selector?: LabelSelector;
  }[];
  readonly analyses?: readonly {
    readonly name: string;
    readonly templateName: string;
    readonly clusterScope?: boolean;
    readonly requiredForCompletion?: boolean;
    readonly args?: readonly AnalysisArgument[];
  }[];
  readonly duration?: DurationText;
  readonly scaleDownDelaySeconds?: number;
  readonly dryRun?: readonly { readonly metricName: string }[];
}

export interface CanaryStep {
  readonly setWeight?: number;
  readonly pause?: { readonly duration?: DurationText };
  readonly setCanaryScale?: { readonly replicas?: number; readonly weight?: number; readonly matchTrafficWeight?: boolean };
  readonly analysis?: RolloutAnalysis;
  readonly experiment?: ExperimentStep;
  readonly setHeaderRoute?: { readonly name: string; readonly match?: readonly unknown[] };
  readonly setMirrorRoute?: { readonly name: string; readonly percentage?: number; readonly match?: readonly unknown[] };
  readonly plugin?: unknown;
}

export interface TrafficRouting {
  readonly maxTrafficWeight?: number;
  readonly managedRoutes?: readonly { readonly name: string }[];
  readonly nginx?: {
    readonly stableIngress?: string;
    readonly stableIngresses?: readonly string[];
    readonly additionalIngressAnnotations?: Readonly<Record<string, string>>;
    readonly canaryIngressAnnotations?: Readonly<Record<string, string>>;
  };
  /** Other routers: `istio`, `smi`, … */
  readonly [router: string]: unknown;
}

export interface CanaryStrategy {
  readonly canaryService?: string;
  readonly stableService?: string;
  readonly steps?: readonly CanaryStep[];
  readonly trafficRouting?: TrafficRouting;
  readonly maxSurge?: IntOrString;
  readonly maxUnavailable?: IntOrString;
  readonly analysis?: RolloutAnalysis;
  readonly dynamicStableScale?: boolean;
  readonly minPodsPerReplicaSet?: number;
  readonly scaleDownDelaySeconds?: number;
  readonly abortScaleDownDelaySeconds?: number;
  readonly scaleDownDelayRevisionLimit?: number;
  readonly pingPong?: { readonly pingService?: string; readonly pongService?: string };
  /** How many pods of the canary, in number or per cent of those wanted, must be available before the rollout goes on; absent: all. */
  readonly replicaProgressThreshold?: { readonly type: string; readonly value: number };
}

export interface BlueGreenStrategy {
  readonly activeService: string;
  readonly previewService?: string;
  readonly previewReplicaCount?: number;
  readonly autoPromotionEnabled?: boolean;
  readonly autoPromotionSeconds?: number;
  readonly scaleDownDelaySeconds?: number;
  readonly abortScaleDownDelaySeconds?: number;
  readonly scaleDownDelayRevisionLimit?: number;
  readonly prePromotionAnalysis?: RolloutAnalysis;
  readonly postPromotionAnalysis?: RolloutAnalysis;
}

export type PauseReason = 'CanaryPauseStep' | 'BlueGreenPause' | 'InconclusiveAnalysisRun';

export interface RolloutStatusFields {
  readonly observedGeneration?: string;
  readonly phase?: 'Progressing' | 'Paused' | 'Healthy' | 'Degraded';
  readonly message?: string;
  readonly replicas?: number;
  readonly updatedReplicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly currentPodHash?: string;
  readonly stableRS?: string;
  readonly currentStepIndex?: number;
  readonly pauseConditions?: readonly { readonly reason: PauseReason; readonly startTime: Time }[];
  readonly controllerPause?: boolean;
  readonly abort?: boolean;
  readonly abortedAt?: Time;
  readonly promoteFull?: boolean;
  /** Weight that the router has been given for the canary. */
  readonly canaryWeight?: number;
  /** Analysis runs under way or last ended, by what they belong to. */
  readonly analyses?: readonly { readonly role: AnalysisRole; readonly name: string; readonly phase: string }[];
  readonly blueGreen?: { readonly activeSelector?: string; readonly previewSelector?: string; readonly scaledUp?: boolean; readonly promotedAt?: Time };
  /** The experiment of the step, or the last one. */
  readonly experiment?: { readonly name: string; readonly phase: 'Pending' | 'Running' | 'Successful'; readonly createdAt: Time; readonly availableAt?: Time };
  /** Last time that a ReplicaSet came nearer to its size, for the progress deadline. */
  readonly progressedAt?: Time;
}

export type AnalysisRole = 'step' | 'background' | 'prePromotion' | 'postPromotion' | 'experiment';

/** Argo Rollouts' replacement for a Deployment. */
export interface Rollout extends KubernetesObject {
  readonly kind: 'Rollout';
  readonly spec: {
    readonly replicas?: number;
    readonly selector?: LabelSelector;
    readonly template?: PodTemplateSpec;
    readonly workloadRef?: { readonly apiVersion: string; readonly kind: string; readonly name: string; readonly scaleDown?: string };
    readonly minReadySeconds?: number;
    readonly revisionHistoryLimit?: number;
    readonly progressDeadlineSeconds?: number;
    readonly progressDeadlineAbort?: boolean;
    readonly paused?: boolean;
    readonly rollbackWindow?: { readonly revisions?: number };
    readonly strategy: { readonly canary?: CanaryStrategy; readonly blueGreen?: BlueGreenStrategy };
  };
  readonly status: RolloutStatusFields;
}

/** A metric of an AnalysisTemplate. */
export interface AnalysisMetric {
  readonly name: string;
  readonly interval?: string;
  readonly initialDelay?: string;
  readonly count?: IntOrString;
  readonly successCondition?: string;
  readonly failureCondition?: string;
  readonly failureLimit?: IntOrString;
  readonly inconclusiveLimit?: IntOrString;
  readonly consecutiveErrorLimit?: IntOrString;
  readonly consecutiveSuccessLimit?: IntOrString;
  readonly provider: { readonly prometheus?: { readonly query?: string }; readonly [provider: string]: unknown };
}

export interface AnalysisTemplate extends KubernetesObject {
  readonly kind: 'AnalysisTemplate' | 'ClusterAnalysisTemplate';
  readonly spec: {
    readonly metrics?: readonly AnalysisMetric[];
    readonly args?: readonly AnalysisArgument[];
    readonly dryRun?: readonly { readonly metricName: string }[];
  };
}

export interface AnalysisRun extends KubernetesObject {
  readonly kind: 'AnalysisRun';
  readonly spec: AnalysisTemplate['spec'] & { readonly terminate?: boolean };
  readonly status?: unknown;
}

/** A metric of a Flagger analysis. */
export interface CanaryMetric {
  readonly name: string;
  readonly interval?: string;
  readonly thresholdRange?: { readonly min?: number; readonly max?: number };
  /** Deprecated form of thresholdRange. */
  readonly threshold?: number;
  readonly templateRef?: { readonly name: string; readonly namespace?: string };
  readonly query?: string;
}

export interface CanaryWebhook {
  readonly name: string;
  readonly type?: string;
  readonly url?: string;
}

export interface CanaryAnalysis {
  readonly interval?: string;
  readonly threshold?: number;
  readonly maxWeight?: number;
  readonly stepWeight?: number;
  readonly stepWeights?: readonly number[];
  readonly stepWeightPromotion?: number;
  readonly iterations?: number;
  readonly mirror?: boolean;
  readonly mirrorWeight?: number;
  readonly match?: readonly unknown[];
  readonly metrics?: readonly CanaryMetric[];
  readonly webhooks?: readonly CanaryWebhook[];
  readonly primaryReadyThreshold?: number;
  readonly canaryReadyThreshold?: number;
}

export type CanaryPhase =
  | 'Initializing'
  | 'Initialized'
  | 'Waiting'
  | 'Progressing'
  | 'WaitingPromotion'
  | 'Promoting'
  | 'Finalising'
  | 'Succeeded'
  | 'Failed';

export interface CanaryStatus {
  readonly phase?: CanaryPhase;
  readonly canaryWeight?: number;
  readonly failedChecks?: number;
  readonly iterations?: number;
  /** Hashes of the target's template: the last that was analysed, and the last that was promoted. */
  readonly lastAppliedSpec?: string;
  readonly lastPromotedSpec?: string;
  readonly lastTransitionTime?: Time;
}

/** Flagger's description of how a Deployment's new versions are released. */
export interface Canary extends KubernetesObject {
  readonly kind: 'Canary';
  readonly spec: {
    readonly provider?: string;
    readonly targetRef: { readonly apiVersion?: string; readonly kind: string; readonly name: string };
    readonly autoscalerRef?: unknown;
    readonly ingressRef?: { readonly name: string };
    readonly progressDeadlineSeconds?: number;
    readonly skipAnalysis?: boolean;
    readonly suspend?: boolean;
    /** Absent: the target is a Service of Knative. */
    readonly service?: { readonly name?: string; readonly port: number; readonly targetPort?: IntOrString; readonly portName?: string };
    readonly analysis?: CanaryAnalysis;
    /** Deprecated name of `analysis`. */
    readonly canaryAnalysis?: CanaryAnalysis;
  };
  readonly status: CanaryStatus;
}

export interface MetricTemplate extends KubernetesObject {
  readonly kind: 'MetricTemplate';
  readonly spec: { readonly provider?: { readonly type?: string }; readonly query?: string };
}

/** Weighted rules of meshes and gateways. */
export interface HttpRoute extends KubernetesObject {
  readonly kind: 'HTTPRoute';
  readonly spec: {
    readonly parentRefs?: readonly { readonly kind?: string; readonly group?: string; readonly name: string }[];
    readonly rules?: readonly {
      readonly matches?: readonly { readonly headers?: readonly unknown[] }[];
      readonly filters?: readonly { readonly type: string; readonly requestMirror?: { readonly backendRef: { readonly name: string }; readonly percent?: number } }[];
      readonly backendRefs?: readonly { readonly name: string; readonly weight?: number }[];
    }[];
  };
}

export interface TrafficSplitObject extends KubernetesObject {
  readonly kind: 'TrafficSplit';
  readonly spec: { readonly service: string; readonly backends?: readonly { readonly service: string; readonly weight: IntOrString }[] };
}

export interface VirtualService extends KubernetesObject {
  readonly kind: 'VirtualService';
  readonly spec: {
    readonly hosts?: readonly string[];
    readonly http?: readonly {
      readonly name?: string;
      readonly match?: readonly { readonly headers?: unknown }[];
      readonly route?: readonly { readonly destination: { readonly host: string; readonly subset?: string }; readonly weight?: number }[];
      readonly mirror?: { readonly host: string; readonly subset?: string };
      readonly mirrorPercentage?: { readonly value: number };
    }[];
  };
}

export interface DestinationRule extends KubernetesObject {
  readonly kind: 'DestinationRule';
  readonly spec: { readonly host: string; readonly subsets?: readonly { readonly name: string; readonly labels?: Labels }[] };
}
