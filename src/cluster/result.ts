import type { EtcdClusterMetrics, LatencySummary, PodStartup, PodTraceMetrics, RunMetrics, RunSummary, SamplingMetrics, Verdict } from '../analysis/result.js';
import { NO_LATENCY, summarizeLatency } from '../analysis/latency.js';
import { type ApiQuantiles, judge, serviceLevels } from '../analysis/verdict.js';
import { podCondition, type Pod } from '../api/core.js';
import { keyOf } from '../api/meta.js';
import { formatTimestamp } from '../api/timestamps.js';
import { type Time, toSeconds } from '../kernel/time.js';
import type { Scenario, StrategySpec } from '../scenario/types.js';
import { LogHistogram } from '../stats/index.js';
import { NEVER } from './app-tracker.js';
import { networkMetrics } from './network-scrape.js';
import type { PodLife } from './pod-life.js';
import { rolloutMetrics, writeRolloutMetrics } from './rollout-metrics.js';
import type { ScenarioRun } from './run.js';

const SECOND = 1e9;

/** The summary of a finished run. */
export function summarize(run: ScenarioRun, scenario: Scenario, strategy: StrategySpec | undefined): RunSummary {
  const { simulation } = run.cluster;
  const { metrics, overall, apiWrite, etcdCommit } = runMetrics(run, scenario, simulation.now);
  writeRolloutMetrics(run.recorder, metrics);
  const verdicts: Verdict[] = judge(scenario.objectives, metrics, quantileOf(overall, 1), {
    apiWrite: quantileOf(apiWrite, SECOND),
    etcdCommit: quantileOf(etcdCommit, SECOND),
    podStartup: quantileOf(startupTimes(run), SECOND),
  });
  return {
    scenario: scenario.name,
    question: scenario.question,
    strategy: strategy?.name ?? null,
    rolloutDeployments: (run.pipeline?.deployments ?? []).map((name) => `${scenario.rollout!.deployment.namespace}/${name}`),
    kubernetesVersion: scenario.kubernetesVersion,
    seed: scenario.seed,
    startTime: formatTimestamp(scenario.startTime),
    simulatedSeconds: (simulation.now - run.origin) / SECOND,
    events: simulation.events,
    traceHash: simulation.traceHash,
    verdicts,
    serviceLevels: serviceLevels(apiQuantiles(run), metrics.podStartup),
    met: verdicts.every((verdict) => verdict.met),
    metrics,
    findings: [...scenario.findings.map(({ message, position }) => (position === undefined ? message : `${position}: ${message}`)), ...samplingFindings(metrics), ...pendingPods(run), ...failures(run)],
  };
}

/** Quantiles of a histogram in seconds, of which `unit` of its own units are one. */
function quantileOf(histogram: LogHistogram, unit: number): (p: number) => number | null {
  return (p) => (histogram.count === 0 ? null : histogram.quantile(p) / unit);
}

interface Measured {
  readonly metrics: RunMetrics;
  /** Latency of users over the whole run, seconds. */
  readonly overall: LogHistogram;
  /** Latencies of the control plane, nanoseconds. */
  readonly apiWrite: LogHistogram;
  readonly etcdCommit: LogHistogram;
}

/** Codes of requests that a server could not serve: 429 Too Many Requests, and 500 upwards. */
const TOO_MANY_REQUESTS = 429;
const SERVER_ERROR = 500;

function runMetrics(run: ScenarioRun, scenario: Scenario, end: Time): Measured {
  const { cluster, pipeline, tracker, origin } = run;
  const started = pipeline !== null && pipeline.startedAt >= 0 ? pipeline.startedAt : null;
  const finished = pipeline !== null && pipeline.finishedAt >= 0 ? pipeline.finishedAt : null;
  const { workload } = cluster;
  const before = workload.totals(origin, started ?? end);
  const back = pipeline !== null && pipeline.rolledBackAt >= 0 ? pipeline.rolledBackAt : null;
  const during = started === null ? null : workload.totals(started, finished ?? back ?? end);
  const after = finished === null ? null : workload.totals(finished, end);
  const overall = workload.totals(origin, end);
  const share = started === null ? {} : takeover(run, started);
  const api = { writes: 0, requests: 0, errors: 0, writeLatency: new LogHistogram(), commit: new LogHistogram() };
  for (const server of cluster.servers) {
    api.writes += server.metrics.writes;
    api.commit.merge(server.metrics.etcdWrites);
    for (const figures of server.metrics.totals.values()) {
      api.requests += figures.count;
      for (const [code, count] of figures.codes) if (code === TOO_MANY_REQUESTS || code >= SERVER_ERROR) api.errors += count;
      if (figures.verb !== 'get' && figures.verb !== 'list' && figures.verb !== 'watch') api.writeLatency.merge(figures.latency);
    }
  }
  const wanted = tracker.wantedReplicas;
  const metrics: RunMetrics = {
    rolloutStart: started === null ? null : (started - origin) / SECOND,
    rolloutEnd: finished === null ? null : (finished - origin) / SECOND,
    rolloutDuration: started === null || finished === null ? null : (finished - started) / SECOND,
    timeToFirstNew: share.first === undefined ? null : share.first / SECOND,
    timeToHalfNew: share.half === undefined ? null : share.half / SECOND,
    timeToAllNew: share.all === undefined ? null : share.all / SECOND,
    requests: overall.requests,
    errors: overall.errors,
    errorShare: overall.requests === 0 ? null : overall.errors / overall.requests,
    errorsByCause: overall.byCause,
    ...samplingMetrics(run),
    failures: workload.failures(origin, end),
    latency: {
      before: latencySummary(before.latency, 1),
      during: during === null ? NO_LATENCY : latencySummary(during.latency, 1),
      after: after === null ? NO_LATENCY : latencySummary(after.latency, 1),
    },
    lowestAvailableShare: wanted > 0 ? Math.min(1, tracker.lowestReady / wanted) : null,
    surgePodSeconds: wanted > 0 ? tracker.surgePodSeconds : null,
    deficitPodSeconds: wanted > 0 ? tracker.deficitPodSeconds : null,
    apiRequests: api.requests,
    apiErrors: api.errors,
    apiWrites: api.writes,
    apiUnanswered: cluster.connections.unanswered,
    apiClients: cluster.clients.map(({ spec, answered, failed, latency }) => ({ name: spec.name, requests: answered, failed, latency: latencySummary(latency) })),
    apiServerMemory: (cluster.memory?.guarded ?? []).map(({ server, peak, kills }) => ({ name: server.name, peakBytes: peak, kills })),
    apiWriteLatency: latencySummary(api.writeLatency),
    etcdCommitLatency: latencySummary(api.commit),
    etcdClusters: etcdClusters(run),
    schedulingDuration: schedulingDuration(run),
    podsCreated: run.observer.lives().filter((life) => life.created >= origin).length,
    podTrace: podTrace(run, scenario),
    podStartup: podStartup(run.observer.lives(), origin),
    rollout: rolloutMetrics(run, scenario, end, wanted > 0 ? tracker.surgePodSeconds : null),
    ...networkMetrics(cluster),
  };
  return { metrics, overall: overall.latency, apiWrite: api.writeLatency, etcdCommit: api.commit };
}

function samplingMetrics({ cluster }: ScenarioRun): { sampling?: SamplingMetrics } {
  const { sample } = cluster.workload.pods;
  if (sample === null) return {};
  const { simulated, latency, errorShare } = sample.errors();
  return { sampling: { every: sample.every, simulated, latencyError: latency, errorShareError: errorShare } };
}

/** With this standard error a 95 % interval is 2 % to each side. */
const PRECISE = 0.0102;

/** How far sampled figures may be off, in words. */
function samplingFindings({ sampling, requests }: RunMetrics): string[] {
  if (sampling === undefined) return [];
  const { every, simulated, latencyError, errorShareError } = sampling;
  const percent = (share: number): string => `${Number((100 * share).toPrecision(2))}`;
  const errors =
    latencyError === null || errorShareError === null
      ? 'too few pods to tell their error'
      : `standard error of the mean latency ${percent(latencyError)} %, of the share of errors ${percent(errorShareError)} percentage points${latencyError > PRECISE ? ': state a larger `sample` for 2 %' : ''}`;
  return [`requests are sampled: ${simulated} simulated ones, to one pod in ${every}, stand for ${requests}; ${errors}`];
}

/** What became of the pods of a recorded trace. */
function podTrace({ podTrace: trace, allocation }: ScenarioRun, scenario: Scenario): PodTraceMetrics | null {
  if (trace === null || allocation === null) return null;
  const { created, bound, pending } = trace;
  const pendingTime = summarizeLatency(trace.pendingTimes().map((time) => time / SECOND));
  return { pods: scenario.podTrace!.pods.length, created, bound, pending, pendingTime, resources: allocation.summary() };
}

/** When the new version took over the traffic of its Service, since the start of the rollout: that of users, or of other applications. */
function takeover(run: ScenarioRun, started: Time): { first?: number; half?: number; all?: number } {
  const { workload } = run.cluster;
  const all = [...workload.statistics(), ...(workload.graph?.statistics() ?? []).map(({ statistics }) => statistics)];
  return all.find((each) => each.span(run.rolloutVersion) !== undefined)?.takeover(run.rolloutVersion, started) ?? {};
}

function etcdClusters(run: ScenarioRun): EtcdClusterMetrics[] {
  return run.cluster.etcdClusters.all.map(({ name, resources, cluster }) => ({
    name,
    resources,
    members: cluster.members.length,
    commitLatency: latencySummary(run.sampler.commits.get(name) ?? new LogHistogram()),
    databaseBytes: Math.max(...cluster.members.map((member) => member.store.size)),
  }));
}

/** p99 in seconds of the slowest pair of verb and resource, over all servers. */
function apiQuantiles(run: ScenarioRun): ApiQuantiles {
  const kinds = new Map<string, { readonly list: boolean; readonly latency: LogHistogram }>();
  for (const server of run.cluster.servers) {
    for (const { verb, resource, latency } of server.metrics.totals.values()) {
      if (verb === 'watch') continue;
      const key = `${verb} ${resource}`;
      let kind = kinds.get(key);
      if (kind === undefined) kinds.set(key, (kind = { list: verb === 'list', latency: new LogHistogram() }));
      kind.latency.merge(latency);
    }
  }
  const slowest = (list: boolean): number | null => {
    const all = [...kinds.values()].filter((kind) => kind.list === list && kind.latency.count > 0);
    return all.length === 0 ? null : Math.max(...all.map(({ latency }) => latency.quantile(0.99))) / SECOND;
  };
  return { single: slowest(false), list: slowest(true) };
}

function schedulingDuration(run: ScenarioRun): LatencySummary {
  const attempts = run.cluster.scheduler.attempts.slice(run.sampler.attemptsBefore);
  return summarizeLatency(attempts.map(({ duration }) => toSeconds(duration)));
}

/** Start-up times of the pods created in the run. */
function startupTimes({ observer, origin }: ScenarioRun): LogHistogram {
  const times = new LogHistogram();
  for (const { created, watched } of observer.lives()) if (created >= origin && watched !== NEVER) times.observe(Math.max(0, watched - created));
  return times;
}

/** Start-up of the pods created in the run, split as ClusterLoader2 does (pod_startup_latency measurement). */
function podStartup(lives: readonly PodLife[], origin: Time): PodStartup {
  const recent = lives.filter((life) => life.created >= origin);
  const between = (from: (life: PodLife) => Time, to: (life: PodLife) => Time): LatencySummary =>
    summarizeLatency(
      recent.filter((life) => from(life) !== NEVER && to(life) !== NEVER).map((life) => Math.max(0, to(life) - from(life)) / SECOND),
    );
  return {
    create_to_schedule: between((life) => life.created, (life) => life.scheduled),
    schedule_to_run: between((life) => life.scheduled, (life) => life.started),
    schedule_to_sandbox: between((life) => life.scheduled, (life) => life.sandboxed),
    sandbox_to_pulled: between((life) => life.sandboxed, (life) => life.pulled),
    pulled_to_run: between((life) => life.pulled, (life) => life.started),
    run_to_ready: between((life) => life.started, (life) => life.ready),
    run_to_watch: between((life) => life.started, (life) => life.watched),
    schedule_to_watch: between((life) => life.scheduled, (life) => life.watched),
    pod_startup: between((life) => life.created, (life) => life.watched),
  };
}

/** Quantiles of a histogram, in seconds; `unit` is the number of its units in a second (nanoseconds unless told). */
function latencySummary(histogram: LogHistogram, unit = SECOND): LatencySummary {
  if (histogram.count === 0) return NO_LATENCY;
  return {
    count: histogram.count,
    mean: histogram.mean / unit,
    p50: histogram.quantile(0.5) / unit,
    p90: histogram.quantile(0.9) / unit,
    p99: histogram.quantile(0.99) / unit,
    max: histogram.maximum / unit,
  };
}

/** Reasons why pods are Pending that are told; the others are counted. */
const REASONS_TOLD = 5;

/** Pods that no node takes, with the scheduler's reason: grouped, as a Deployment's pods share theirs. */
function pendingPods(run: ScenarioRun): string[] {
  const groups = new Map<string, { example: string; count: number }>();
  for (const object of run.cluster.connections.current('pods')) {
    const condition = podCondition(object as Pod, 'PodScheduled');
    if (condition?.status !== 'False' || condition.reason === 'SchedulingGated') continue;
    const reason = condition.message ?? condition.reason ?? '';
    const group = groups.get(reason);
    if (group === undefined) groups.set(reason, { example: keyOf(object), count: 1 });
    else group.count++;
  }
  const all = [...groups].sort((a, b) => b[1].count - a[1].count);
  const told = all.slice(0, REASONS_TOLD).map(([reason, { example, count }]) =>
    count === 1 ? `pod ${example} is Pending: ${reason}` : `${count} pods are Pending, such as ${example}: ${reason}`,
  );
  const rest = all.slice(REASONS_TOLD).reduce((sum, [, { count }]) => sum + count, 0);
  return rest === 0 ? told : [...told, `${rest} more pods are Pending, for ${all.length - REASONS_TOLD} other reasons`];
}

function failures(run: ScenarioRun): string[] {
  const found = run.timeline.log.filter((entry) => entry.phase === 'error').map((entry) => `timeline: ${entry.message}`);
  if (run.pipeline !== null && run.pipeline.failure !== '') found.push(`rollout: ${run.pipeline.failure}`);
  else if (run.pipeline !== null && run.pipeline.startedAt >= 0 && run.pipeline.finishedAt < 0) {
    const last = run.pipeline.log.at(-1);
    found.push(`rollout: not finished at the end of the run${last === undefined ? '' : ` (${last.message})`}`);
  }
  return found;
}
