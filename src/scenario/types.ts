import type { KubernetesObject, LabelSelector } from '../api/meta.js';
import type { Duration } from '../kernel/time.js';
import type { ApiClientSpec, ImageBehaviour, MetricSeries, PodTraceSpec, TrafficSpec } from './behaviour-types.js';
import type { ClusterSpec } from './cluster-types.js';
import type { CostProfile } from './cost-types.js';
import type { Objective, RolloutSpec } from './rollout-types.js';
import type { SchedulerPerfSpec } from './scheduler-perf/types.js';
import type { RandomFaultSpec, TimelineAction } from './timeline-types.js';

export type * from './behaviour-types.js';
export type * from './cluster-types.js';
export type * from './cost-types.js';
export type * from './network-types.js';
export type * from './rollout-types.js';
export type * from './timeline-types.js';
export type * from './traffic-types.js';

/**
 * A checked scenario: what `scenario/` makes of a scenario file and the manifests it names, and what `cluster/` builds a
 * simulated cluster from. All durations are nanoseconds, all objects defaulted and validated.
 */
export interface Scenario {
  readonly name: string;
  readonly question: string;
  readonly kubernetesVersion: '1.34' | '1.35' | '1.36';
  readonly seed: string;
  /** RFC 3339 instant of simulated time 0, as milliseconds since the epoch. */
  readonly startTime: number;
  /** When the run ends at the latest. */
  readonly duration: Duration;
  readonly cluster: ClusterSpec;
  readonly profile: CostProfile;
  /** All manifests, in file order. */
  readonly objects: readonly KubernetesObject[];
  readonly behaviours: readonly ImageBehaviour[];
  readonly traffic: readonly TrafficSpec[];
  /** Only the requests to one pod in so many are simulated, at least 2. Absent: all are. */
  readonly sampleEvery?: number;
  /** Programs that use the API beside the cluster's own components. Absent: none. */
  readonly clients?: readonly ApiClientSpec[];
  readonly timeline: readonly TimelineAction[];
  /** What breaks at random; absent: nothing. */
  readonly faults?: readonly RandomFaultSpec[];
  /** Metrics beyond those of resources, for HorizontalPodAutoscalers; absent: none. */
  readonly metrics?: readonly MetricSeries[];
  /** Pods of a recorded trace; absent: none. */
  readonly podTrace?: PodTraceSpec;
  /** What is recorded; absent: all tables, no single events. */
  readonly record?: RecordSpec;
  readonly rollout?: RolloutSpec;
  readonly objectives: readonly Objective[];
  /** Things a reader should know that are no errors: a Service that selects nothing, a kind that is not modelled. */
  readonly findings: readonly Finding[];
  /** Files that the scenario was read from, itself first, relative to its folder; those that come with towtank are not among them. */
  readonly sourceFiles?: readonly string[];
  /** Workloads of scheduler_perf, to be run one after the other instead of everything else. */
  readonly schedulerPerf?: SchedulerPerfSpec;
  /** Name of the variant that this scenario is; absent: the base. */
  readonly variant?: string;
  /** The scenario with each of its variants laid over it, for `compare` and `run --variant`. */
  readonly variants?: readonly Scenario[];
}

/** What a run records. */
export interface RecordSpec {
  /** Names of the tables that are left out. */
  readonly without: readonly string[];
  /** Seconds between two samples of gauges; absent: 1, and for nodes by the length of the run. */
  readonly interval?: number;
  /** Seconds between two scrapes; absent: 15, as Prometheus is usually set to. */
  readonly scrapeInterval?: number;
  /** Requests to the API that are followed, at most of each kind; absent: 32. */
  readonly apiRequests?: number;
  /** Every event of the simulation goes to a file. */
  readonly eventTrace: boolean;
}

export interface Finding {
  readonly severity: 'warning' | 'info';
  readonly message: string;
  /** `file:line:column` when known. */
  readonly position?: string;
}

export type * from './scheduler-perf/types.js';
/** Re-exported for readers of scenarios that select objects. */
export type { LabelSelector };
