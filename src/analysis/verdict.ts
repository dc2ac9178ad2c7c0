import type { Objective } from '../scenario/types.js';
import type { PodStartup, RunMetrics, Verdict } from './result.js';

const NANOSECONDS = 1_000_000_000;

/** Looks up a quantile of a latency over the whole run in seconds; null without observations. */
export type LatencyQuantile = (p: number) => number | null;

/** Latencies of the control plane over the whole run. */
export interface ControlPlaneQuantiles {
  /** Requests to the API that write. */
  readonly apiWrite: LatencyQuantile;
  /** Write transactions of etcd, as the API servers see them. */
  readonly etcdCommit: LatencyQuantile;
  readonly podStartup: LatencyQuantile;
}

/**
 * Judges a run by its objectives. `errors` is the share over the whole run, `latency` a quantile over the whole run,
 * `availability` the lowest share of available replicas, `surge` pod-seconds; `api write` and `etcd commit` are quantiles,
 * `api errors` a share of the answers of the API, `api unanswered` of the requests to it. A quantity that the run does not give (a rollout that never completed, no
 * request at all) misses its objective.
 */
export function judge(
  objectives: readonly Objective[],
  metrics: RunMetrics,
  latency: LatencyQuantile,
  controlPlane: ControlPlaneQuantiles = NO_CONTROL_PLANE,
): Verdict[] {
  return objectives.map((objective) => verdict(objective, metrics, latency, controlPlane));
}

const NO_CONTROL_PLANE: ControlPlaneQuantiles = { apiWrite: () => null, etcdCommit: () => null, podStartup: () => null };

/** Whether every verdict is met; true without verdicts. */
export function allMet(verdicts: readonly Verdict[]): boolean {
  return verdicts.every((entry) => entry.met);
}

function verdict(
  objective: Objective,
  metrics: RunMetrics,
  latency: LatencyQuantile,
  controlPlane: ControlPlaneQuantiles,
): Verdict {
  const [value, unit] = measured(objective, metrics, latency, controlPlane);
  const limit = unit === 'seconds' ? objective.limit / NANOSECONDS : objective.limit;
  return {
    objective: objective.text,
    metric: objective.metric,
    met: value !== null && compare(value, objective.comparison, limit),
    value,
    limit,
    comparison: objective.comparison,
    unit,
  };
}

function measured(
  objective: Objective,
  metrics: RunMetrics,
  latency: LatencyQuantile,
  controlPlane: ControlPlaneQuantiles,
): [number | null, string] {
  switch (objective.metric) {
    case 'errors':
      return [metrics.errorShare, 'share'];
    case 'latency':
      return [latency(objective.quantile ?? 0.99), 'seconds'];
    case 'rolloutDuration':
      return [metrics.rolloutDuration, 'seconds'];
    case 'availability':
      return [metrics.lowestAvailableShare, 'share'];
    case 'surge':
      return [metrics.surgePodSeconds, 'pod-seconds'];
    case 'apiWrite':
      return [controlPlane.apiWrite(objective.quantile ?? 0.99), 'seconds'];
    case 'etcdCommit':
      return [controlPlane.etcdCommit(objective.quantile ?? 0.99), 'seconds'];
    case 'podStartup':
      return [controlPlane.podStartup(objective.quantile ?? 0.99), 'seconds'];
    case 'restarts':
      // Judged by the analysis of a pipeline, never of a run: loading refuses it.
      return [null, ''];
    case 'apiErrors':
      return [metrics.apiRequests === 0 ? null : metrics.apiErrors / metrics.apiRequests, 'share'];
    case 'apiUnanswered': {
      const sent = metrics.apiRequests + metrics.apiUnanswered;
      return [sent === 0 ? null : metrics.apiUnanswered / sent, 'share'];
    }
  }
}

/** `value comparison limit` as a truth value. */
export function compare(value: number, comparison: Objective['comparison'], limit: number): boolean {
  switch (comparison) {
    case '<':
      return value < limit;
    case '<=':
      return value <= limit;
    case '>':
      return value > limit;
    case '>=':
      return value >= limit;
  }
}

/** 99th percentiles of API requests by the classes of the official service levels, in seconds; null without such requests. */
export interface ApiQuantiles {
  /** Mutating requests and reads of a single object: the slowest pair of verb and resource. */
  readonly single: number | null;
  /** Lists: the slowest resource. */
  readonly list: number | null;
}

/**
 * The official service level objectives of Kubernetes (community/sig-scalability/slos): the p99 of API calls, for every pair of
 * resource and verb, ≤ 1 s for mutating and single-object requests and ≤ 30 s for lists; start-up of stateless pods p99 ≤ 5 s
 * without image pulls. All of them are always judged: what did not happen (no list, no pod) was not slow.
 */
export function serviceLevels(api: ApiQuantiles, startup: PodStartup): Verdict[] {
  return [
    serviceLevel('API latency p99 <= 1s (mutating and single object)', 'apiLatency', api.single, 1),
    serviceLevel('API latency p99 <= 30s (lists)', 'apiListLatency', api.list, 30),
    serviceLevel('pod startup p99 <= 5s', 'podStartup', startup.pod_startup.p99, 5),
  ];
}

function serviceLevel(objective: string, metric: string, value: number | null, limit: number): Verdict {
  return { objective, metric, met: value === null || value <= limit, value, limit, comparison: '<=', unit: 'seconds' };
}
