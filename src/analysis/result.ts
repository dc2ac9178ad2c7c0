import type { BurnAlert } from './burn-rate.js';
import type { Table } from '../metrics/recorder.js';
import type { Study } from './study.js';

/** Version of the shape of `summary.json`; raised when a field is added, changes its meaning or goes: the schema knows no others. */
export const SUMMARY_VERSION = 2;

/** One finished run: what the exporters write and the report shows. */
export interface RunResult {
  /** Name of the strategy, or of the run. */
  readonly name: string;
  readonly summary: RunSummary;
  readonly tables: readonly Table[];
  /** Files that the run itself made, such as what a kubelet served at an instant. Absent: none. */
  readonly files?: readonly { readonly name: string; readonly content: string }[];
}

/** The outcome of a run as plain JSON. Durations in seconds, shares in 0..1; null where it does not apply. */
export interface RunSummary {
  readonly scenario: string;
  readonly question: string;
  /** Name of the strategy of a rollout; null for a run without one. */
  readonly strategy: string | null;
  /** Deployments that take part in the rollout, as namespace/name; the one that runs before is first. */
  readonly rolloutDeployments: readonly string[];
  readonly kubernetesVersion: string;
  readonly seed: string;
  /** RFC 3339 instant of simulated time 0. */
  readonly startTime: string;
  readonly simulatedSeconds: number;
  /** Events that the kernel dispatched. */
  readonly events: number;
  /** Running hash over (time, target, opcode) of all events. */
  readonly traceHash: string;
  readonly verdicts: readonly Verdict[];
  /** The official service levels of Kubernetes, judged on this run; never part of `met`. */
  readonly serviceLevels: readonly Verdict[];
  /** All objectives were met. */
  readonly met: boolean;
  readonly metrics: RunMetrics;
  /** What a reader should know: warnings of the scenario, pods that stay pending and why. */
  readonly findings: readonly string[];
}

/** An objective and what the run measured for it. */
export interface Verdict {
  /** The objective as written: `latency p99 < 250ms`. */
  readonly objective: string;
  readonly metric: string;
  readonly met: boolean;
  /** Measured value in the unit of the limit; null when the run gives none (then it is not met). */
  readonly value: number | null;
  readonly limit: number;
  readonly comparison: '<' | '<=' | '>' | '>=';
  /** `seconds`, `share` or `pod-seconds`. */
  readonly unit: string;
}

export interface RunMetrics {
  /** Window of the rollout in seconds since the start of the run; end null: it did not complete. */
  readonly rolloutStart: number | null;
  readonly rolloutEnd: number | null;
  readonly rolloutDuration: number | null;
  /** From the start of the rollout until the new version served its first request, half, and all of them. */
  readonly timeToFirstNew: number | null;
  readonly timeToHalfNew: number | null;
  readonly timeToAllNew: number | null;
  readonly requests: number;
  readonly errors: number;
  /** errors / requests; null without requests. */
  readonly errorShare: number | null;
  readonly errorsByCause: Readonly<Record<string, number>>;
  /** Absent: every request was simulated. */
  readonly sampling?: SamplingMetrics | undefined;
  /** The same errors by mechanism; those that did not occur are left out. */
  readonly failures: readonly FailureMetrics[];
  readonly latency: {
    readonly before: LatencySummary;
    readonly during: LatencySummary;
    readonly after: LatencySummary;
  };
  /** Least available replicas divided by the wanted ones, from the start of the rollout on. */
  readonly lowestAvailableShare: number | null;
  /** Time integral of the pods above the wanted number, terminating ones included. */
  readonly surgePodSeconds: number | null;
  /** Time integral of the available pods missing to the wanted number. */
  readonly deficitPodSeconds: number | null;
  readonly apiRequests: number;
  /** Requests that the API servers could not serve: answered with 429 or a 5xx code. */
  readonly apiErrors: number;
  /** Requests that write (create, update, patch, delete), without the heartbeats of nodes (leases and node status). */
  readonly apiWrites: number;
  /** Requests that no API server answered: connections refused or lost. */
  readonly apiUnanswered: number;
  readonly apiWriteLatency: LatencySummary;
  /** Programs of the scenario that use the API. */
  readonly apiClients: readonly ApiClientMetrics[];
  /** kube-apiserver processes on machines with limited memory; empty: there is enough. */
  readonly apiServerMemory: readonly ApiServerMemoryMetrics[];
  /** Write transactions of etcd as the API servers see them, whichever cluster they went to. */
  readonly etcdCommitLatency: LatencySummary;
  /** The main etcd cluster, then those that keep some resources alone. */
  readonly etcdClusters: readonly EtcdClusterMetrics[];
  /** Scheduling algorithm (scheduler_scheduling_algorithm_duration_seconds): from the pop of a pod to the decision. */
  readonly schedulingDuration: LatencySummary;
  readonly podsCreated: number;
  /** Pods of a recorded trace; null: the scenario has none. */
  readonly podTrace: PodTraceMetrics | null;
  readonly podStartup: PodStartup;
  /** What the rollout cost and risked; null: none was started. */
  readonly rollout: RolloutMetrics | null;
  /** Absent: no mode of kube-proxy and no cluster DNS is configured. */
  readonly network?: NetworkMetrics | undefined;
}

/** Only the requests to one pod in `every` were simulated; all figures of requests are scaled up. */
export interface SamplingMetrics {
  readonly every: number;
  readonly simulated: number;
  /** Standard errors: of the mean latency as a share of it, and of the share of errors; null: too few pods to tell. */
  readonly latencyError: number | null;
  readonly errorShareError: number | null;
}

/** What a rollout cost and risked, for the comparison of strategies. Times in seconds. */
export interface RolloutMetrics {
  /** From its start until it was decided to take the new version back, and from then until no user met it any more; null: it was not. */
  readonly timeToDetect: number | null;
  readonly timeToRollBack: number | null;
  /** Their sum: from the start until the old version was back. */
  readonly timeToRecover: number | null;
  /** Requests that the new version answered until the rollout was complete or taken back, and those of them that failed. */
  readonly blastRadius: number;
  readonly blastErrors: number;
  /** Requests whose user may have met the other version just before: Σ 2w(1 − w) over seconds, w the new version's share. */
  readonly mixedVersionRequests: number;
  /** Absent in older results. */
  readonly power?: RolloutPower | undefined;
  readonly errorBudget: ErrorBudget;
  /** Latency of users, 95th percentile. */
  readonly latencyP95: { readonly before: number | null; readonly during: number | null; readonly after: number | null };
  /** Highest 99th percentile of a second while it went on, and seconds in which that was above the objective of latency (null: there is none). */
  readonly worstSecondP99: number | null;
  readonly secondsAboveObjective: number | null;
  /** Requested core-seconds and GiB-seconds of the pods above the wanted number, and what they cost. */
  readonly surgeCpuSeconds: number | null;
  readonly surgeMemoryGiBSeconds: number | null;
  readonly surgeCost: number | null;
  /** Starts of containers that serve nobody at the end: pods that are gone, and restarts. */
  readonly wastedStarts: number;
  /** Load on the API over the whole run: Events written, bytes of watches, attempts of kube-scheduler. */
  readonly eventWrites: number;
  readonly watchBytes: number;
  readonly schedulerAttempts: number;
}

/** Use of the errors that users are promised at most. */
export interface ErrorBudget {
  /** Share of requests that may fail: the objective of errors, or one in a thousand. */
  readonly allowed: number;
  /** Errors per request while the rollout went on, by the allowed share: 1 uses the budget as fast as it is given. */
  readonly burnRate: number | null;
  /** Share of the budget of 30 days that was used. */
  readonly shareOf30Days: number | null;
  /** When alerts of burn rates would have begun, seconds after the start of the rollout; null: they would not. Absent in older results. */
  readonly alerts?: Readonly<Record<BurnAlert['name'], number | null>> | undefined;
}

/** What the answers of both versions, side by side, can tell about the new one. */
export interface RolloutPower {
  /** Requests that each version answered in seconds in which both did (the version with fewer), copies for a shadow included. */
  readonly requests: number;
  /** Least share of errors of the new version that these tell from the share before, at 95 % confidence with 80 % power; null: none. */
  readonly tellableShare: number | null;
}

/** Failed requests of one mechanism: what was the matter with the pod, proxy or machine that they met. */
export interface FailureMetrics {
  readonly mechanism: string;
  readonly errors: number;
  /**
   * How long that had been so when they met it, seconds: since the pod had stopped listening, which proxies had not heard of yet, or since
   * the machine was lost. Mean and longest; null where it does not apply.
   */
  readonly meanLag: number | null;
  readonly longestLag: number | null;
}

/** How Services and names reached their clients. */
export interface NetworkMetrics {
  /** Syncs of all kube-proxies (kubeproxy_sync_proxy_rules_duration_seconds); absent: no mode is configured. */
  readonly proxySync?: LatencySummary | undefined;
  /** Of these, syncs that failed; absent: none may. */
  readonly proxySyncFailures?: number | undefined;
  /** From the change of a pod until it counts on a node (kubeproxy_network_programming_duration_seconds). */
  readonly programming?: LatencySummary | undefined;
  /** Look-ups of names; absent: no clients look names up. */
  readonly dns?: DnsSummary | undefined;
}

/** The cluster's DNS. */
export interface DnsSummary {
  readonly lookups: number;
  readonly failed: number;
  /** Queries that resolvers sent, that CoreDNS answered, and that it forwarded. */
  readonly queries: number;
  readonly served: number;
  readonly forwarded: number;
  readonly timeouts: number;
  /** Of whole look-ups. */
  readonly latency: LatencySummary;
}

/** What a program that uses the API got. */
export interface ApiClientMetrics {
  readonly name: string;
  readonly requests: number;
  /** Answered 429 or 5xx in spite of all retries, or not at all. */
  readonly failed: number;
  /** From the sending of a request, with its retries and pages, to its answer. */
  readonly latency: LatencySummary;
}

/** Memory of one kube-apiserver. */
export interface ApiServerMemoryMetrics {
  readonly name: string;
  readonly peakBytes: number;
  /** Times that it was killed for want of memory. */
  readonly kills: number;
}

/** What became of the pods of a recorded trace. */
export interface PodTraceMetrics {
  /** Pods of the trace that the run was to have, and how many of them were created, were bound to a node, and still wait for one at the end. */
  readonly pods: number;
  readonly created: number;
  readonly bound: number;
  readonly pending: number;
  /** From the creation of a pod to its binding, of those that were bound. */
  readonly pendingTime: LatencySummary;
  /** By resource: shares of what is allocatable that were allocated, and of what was free that was fragmented. */
  readonly resources: Readonly<Record<string, AllocationSummary>>;
}

/** Shares over the samples of a run; null without samples, or when nothing was free. */
export interface AllocationSummary {
  readonly mean: number | null;
  readonly max: number | null;
  readonly end: number | null;
  readonly fragmentedMean: number | null;
  readonly fragmentedEnd: number | null;
}

/** One etcd cluster of the control plane. */
export interface EtcdClusterMetrics {
  /** `etcd`, or `etcd-events` and the like. */
  readonly name: string;
  /** Resources it alone keeps; empty: the main cluster. */
  readonly resources: readonly string[];
  readonly members: number;
  /** Write transactions from proposal to apply at the member that was asked; `count` is how many. */
  readonly commitLatency: LatencySummary;
  /** Size of the largest member's database at the end. */
  readonly databaseBytes: number;
}

/** Quantiles in seconds; null without observations. */
export interface LatencySummary {
  readonly count: number;
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** The split of a pod's start-up, by the names of Kubernetes' scalability tests (ClusterLoader2). */
export interface PodStartup {
  readonly create_to_schedule: LatencySummary;
  readonly schedule_to_run: LatencySummary;
  /** Parts of schedule_to_run: until the sandbox stands (volumes, CNI), until all images are there, until all containers run. */
  readonly schedule_to_sandbox: LatencySummary;
  readonly sandbox_to_pulled: LatencySummary;
  readonly pulled_to_run: LatencySummary;
  /** Until the pod's condition Ready is true. */
  readonly run_to_ready: LatencySummary;
  readonly run_to_watch: LatencySummary;
  readonly schedule_to_watch: LatencySummary;
  readonly pod_startup: LatencySummary;
}

/** What `summary.json` holds: what was run and the summaries by name of the run, in the order they were run. */
export interface SummaryDocument {
  readonly schemaVersion: number;
  readonly tool: { readonly name: string; readonly version: string };
  readonly scenario: string;
  readonly question: string;
  /** Hash of the scenario with everything it names. */
  readonly scenarioHash: string;
  readonly seed: string;
  /** Names of the runs that met all objectives. */
  readonly met: readonly string[];
  /** What all replications together say; only when there were several. The runs below are those of the first. */
  readonly study?: Study | undefined;
  /** Why requests failed, in words; each count is a sum of rows of `failures_by_second` (with a study: over its seeds). */
  readonly explanation: readonly string[];
  readonly runs: Readonly<Record<string, RunSummary>>;
}

/** The table of a name, or undefined when the run did not record it. */
export function tableOf(result: RunResult, name: string): Table | undefined {
  return result.tables.find((table) => table.spec.name === name);
}
