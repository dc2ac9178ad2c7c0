import type { MetricQuery } from '../api/metric-query.js';
import type { Duration, Time } from '../kernel/time.js';
import type { ObjectName } from './timeline-types.js';

/** One rollout, to be run with each strategy by `compare`, or with one by `run --strategy`. */
export interface RolloutSpec {
  readonly deployment: ObjectName;
  /** Container to change; default the first one. */
  readonly container: string;
  readonly image: string;
  readonly at: Time;
  readonly strategies: readonly StrategySpec[];
  /** Answers of metric providers and webhooks that analyses get. */
  readonly measurements?: readonly MeasurementSpec[];
  readonly webhooks?: readonly WebhookGate[];
}

/** When a pipeline takes a version back by itself: always when its progress deadline is exceeded. */
export interface RollbackSpec {
  /** `kubectl rollout status --timeout` of each wait; absent: it waits for the progress deadline. */
  readonly timeout?: Duration;
  readonly analysis?: {
    readonly interval: Duration;
    /** It looks back this long at the new version. */
    readonly window: Duration;
    /** Bad looks that are forgiven. */
    readonly failureLimit: number;
    /** Of errors, latency and restarts. */
    readonly objectives: readonly Objective[];
    /** It goes on for so long after the rollout is complete. */
    readonly watch: Duration;
  };
}

export type StrategySpec = { readonly name: string; readonly rollback?: RollbackSpec } & (
  | { readonly kind: 'recreate' }
  | { readonly kind: 'ramped'; readonly maxSurge: number | string; readonly maxUnavailable: number | string }
  | { readonly kind: 'blueGreen'; readonly hold: Duration }
  | {
      readonly kind: 'canary';
      readonly steps: readonly { readonly weight: number; readonly pause: Duration }[];
      /** A route divides the traffic: by weight, by header or cookie (A/B), or it mirrors it (shadow). Absent: the share of the pods does. */
      readonly routing?: 'weight' | 'cohort' | 'mirror';
    }
  /** A Rollout of Argo Rollouts, which says itself how (`deployment` then names it). */
  | {
      readonly kind: 'argo';
      /** Deployment whose template it takes (workloadRef). */
      readonly workload?: string;
    }
  /** A Deployment that a Canary of Flagger watches over. */
  | { readonly kind: 'flagger'; readonly canary: ObjectName }
);

/** What an analysis measures of the simulated traffic. */
export type MeasureSpec = MetricQuery;

/** What the provider of an analysis metric answers, stated by the scenario. */
export interface MeasurementSpec {
  readonly metric: string;
  /** Absent: `value` holds. */
  readonly measure?: MeasureSpec;
  readonly value?: number | string | boolean;
}

/** A webhook that refuses from `from` until `until`. */
export interface WebhookGate {
  readonly name: string;
  readonly from: Time;
  readonly until: Time;
}

/** `errors < 0.1%`, `latency p99 < 250ms`, `rollout duration < 8m`, … as metric, comparison and limit in base units. */
export interface Objective {
  readonly text: string;
  readonly metric:
    | 'errors'
    | 'latency'
    | 'rolloutDuration'
    | 'availability'
    | 'surge'
    | 'apiWrite'
    | 'apiErrors'
    | 'apiUnanswered'
    | 'etcdCommit'
    | 'podStartup'
    /** Of containers of the new version: in analyses of pipelines only. */
    | 'restarts';
  /** Quantile in 0..1 for latency, API writes, commits and the start-up of pods. */
  readonly quantile?: number;
  readonly comparison: '<' | '<=' | '>' | '>=';
  /** Share for errors and availability, nanoseconds for latencies and durations, pod-seconds for surge, a number of restarts. */
  readonly limit: number;
  readonly position: string;
}
