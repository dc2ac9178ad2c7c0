import { burnAlerts } from '../analysis/burn-rate.js';
import { tellableShare } from '../analysis/power.js';
import type { RolloutMetrics, RolloutPower, RunMetrics } from '../analysis/result.js';
import { podRequests } from '../api/pod-resources.js';
import type { PodSpec } from '../api/core.js';
import type { Time } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';
import type { Recorder } from '../metrics/recorder.js';
import { ROLLOUT_METRICS } from '../metrics/tables.js';
import type { Scenario } from '../scenario/types.js';
import type { ServiceStatistics } from '../workload/statistics.js';
import type { ScenarioRun } from './run.js';

/** What users are promised when the scenario states no objective of errors: three nines. */
const DEFAULT_ALLOWED = 0.001;
const THIRTY_DAYS = 30 * 24 * 3600;
const GIB = 1 << 30;
const HOUR = 3600;

/** What the rollout of a finished run cost and risked; null: none was started. */
export function rolloutMetrics(run: ScenarioRun, scenario: Scenario, end: Time, surgePodSeconds: number | null): RolloutMetrics | null {
  const { pipeline, cluster } = run;
  if (pipeline === null || pipeline.startedAt < 0) return null;
  const { workload } = cluster;
  const { startedAt, finishedAt, detectedAt, rolledBackAt } = pipeline;
  const over = finishedAt >= 0 ? finishedAt : rolledBackAt >= 0 ? rolledBackAt : end;
  const version = run.rolloutVersion;
  const before = workload.totals(run.origin, startedAt);
  const during = workload.totals(startedAt, over);
  const after = workload.totals(over, end);
  // What is taken back may still be met a little later, until every proxy knows.
  const blast = workload.totals(startedAt, detectedAt >= 0 ? end : over, version);
  const whole = workload.totals(run.origin, end);
  const back = rolledBack(run, version, detectedAt, rolledBackAt);
  const allowed = allowedErrors(scenario);
  const budget30 = (allowed * whole.requests * THIRTY_DAYS * SECOND) / Math.max(1, end - run.origin);
  const seconds = secondsOf(workload.statistics(), Math.floor((startedAt - run.origin) / SECOND), Math.ceil((over - run.origin) / SECOND), version);
  const limit = scenario.objectives.find(({ metric }) => metric === 'latency')?.limit;
  const p95 = (latency: typeof before.latency): number | null => (latency.count === 0 ? null : latency.quantile(0.95));
  return {
    timeToDetect: detectedAt < 0 ? null : (detectedAt - startedAt) / SECOND,
    timeToRollBack: back === null ? null : (back - detectedAt) / SECOND,
    timeToRecover: back === null ? null : (back - startedAt) / SECOND,
    blastRadius: blast.requests,
    blastErrors: blast.errors,
    mixedVersionRequests: seconds.mixed,
    power: power(run, version, startedAt, detectedAt >= 0 ? detectedAt : over, before.requests === 0 ? null : before.errors / before.requests),
    errorBudget: {
      allowed,
      burnRate: during.requests === 0 ? null : during.errors / during.requests / allowed,
      shareOf30Days: budget30 === 0 ? null : during.errors / budget30,
      alerts: alerts(run, startedAt, end, allowed),
    },
    latencyP95: { before: p95(before.latency), during: p95(during.latency), after: finishedAt < 0 ? null : p95(after.latency) },
    worstSecondP99: seconds.p99.length === 0 ? null : Math.max(...seconds.p99),
    secondsAboveObjective: limit === undefined ? null : seconds.p99.filter((value) => value > limit / SECOND).length,
    ...surge(run, scenario, surgePodSeconds),
    wastedStarts: wastedStarts(run, startedAt),
    eventWrites: eventWrites(run),
    watchBytes: cluster.servers.reduce((sum, { metrics }) => sum + metrics.watchBytes, 0),
    schedulerAttempts: cluster.scheduler.attempts.length - run.sampler.attemptsBefore,
  };
}

/** When the last user met a version that was taken back; with no users, when the old one was back. */
function rolledBack({ cluster }: ScenarioRun, version: string, detectedAt: Time, rolledBackAt: Time): Time | null {
  if (detectedAt < 0) return null;
  let last: Time = -1;
  let users = false;
  for (const statistics of cluster.workload.statistics()) {
    users = true;
    last = Math.max(last, statistics.span(version)?.last ?? -1);
  }
  if (!users) return rolledBackAt < 0 ? null : rolledBackAt;
  return Math.max(detectedAt, last);
}

function allowedErrors(scenario: Scenario): number {
  const objective = scenario.objectives.find(({ metric, limit }) => metric === 'errors' && limit > 0);
  return objective?.limit ?? DEFAULT_ALLOWED;
}

/** Highest p99 of each second over all Services and versions, and how much the two versions were mixed. */
function secondsOf(all: readonly ServiceStatistics[], from: number, to: number, version: string): { readonly p99: number[]; readonly mixed: number } {
  const p99: number[] = [];
  let mixed = 0;
  for (const statistics of all) {
    const requests = new Map<number, { all: number; fresh: number; worst: number }>();
    for (const row of statistics.rows()) {
      if (row.second < from || row.second >= to || row.version === '') continue;
      const entry = requests.get(row.second) ?? { all: 0, fresh: 0, worst: 0 };
      requests.set(row.second, entry);
      entry.all += row.requests;
      if (row.version === version) entry.fresh += row.requests;
      if (row.latency.count > 0) entry.worst = Math.max(entry.worst, row.latency.quantile(0.99));
    }
    for (const { all: total, fresh, worst } of requests.values()) {
      p99.push(worst);
      mixed += (2 * fresh * (total - fresh)) / total;
    }
  }
  return { p99, mixed };
}

/** When alerts would have told of the errors, had all Services one budget. */
function alerts({ cluster, origin }: ScenarioRun, startedAt: Time, end: Time, allowed: number): ReturnType<typeof burnAlerts> {
  const length = Math.ceil((end - origin) / SECOND);
  const requests = new Array<number>(length).fill(0);
  const errors = new Array<number>(length).fill(0);
  for (const statistics of cluster.workload.statistics()) {
    for (const row of statistics.rows()) {
      if (row.second >= length) continue;
      requests[row.second]! += row.requests;
      errors[row.second]! += row.errors;
    }
  }
  return burnAlerts(requests, errors, Math.floor((startedAt - origin) / SECOND), allowed);
}

/** What users' answers, and those to copies of their requests, can tell about the new version; `usual`: share of errors before. */
function power({ cluster, origin }: ScenarioRun, version: string, from: Time, to: Time, usual: number | null): RolloutPower {
  const { workload } = cluster;
  let [fresh, old] = [0, 0];
  const shown = [...workload.statistics()];
  const copies = workload.traffic.map(({ mirrored }) => mirrored);
  for (const service of new Set([...shown, ...copies].map((each) => each.service))) {
    const seconds = new Map<number, { fresh: number; old: number }>();
    for (const [all, seen] of [[shown, true], [copies, false]] as const) {
      for (const statistics of all) {
        if (statistics.service !== service) continue;
        for (const row of statistics.rows()) {
          if (origin + row.second * SECOND < from || origin + row.second * SECOND >= to || row.version === '') continue;
          const entry = seconds.get(row.second) ?? { fresh: 0, old: 0 };
          seconds.set(row.second, entry);
          if (row.version === version) entry.fresh += row.requests;
          else if (seen) entry.old += row.requests;
        }
      }
    }
    for (const entry of seconds.values()) {
      if (entry.fresh === 0 || entry.old === 0) continue;
      fresh += entry.fresh;
      old += entry.old;
    }
  }
  const requests = Math.min(fresh, old);
  return { requests, tellableShare: usual === null ? null : tellableShare(usual, requests) };
}

function surge(run: ScenarioRun, scenario: Scenario, podSeconds: number | null): Pick<RolloutMetrics, 'surgeCpuSeconds' | 'surgeMemoryGiBSeconds' | 'surgeCost'> {
  const template = podTemplate(run, scenario);
  if (podSeconds === null || template === undefined) return { surgeCpuSeconds: null, surgeMemoryGiBSeconds: null, surgeCost: null };
  const requests = podRequests(template);
  const cpu = (podSeconds * (requests['cpu'] ?? 0)) / 1000;
  const memory = (podSeconds * (requests['memory'] ?? 0)) / GIB;
  const { cpuHour = 0, memoryHour = 0 } = scenario.profile.prices ?? {};
  return { surgeCpuSeconds: cpu, surgeMemoryGiBSeconds: memory, surgeCost: (cpu * cpuHour + memory * memoryHour) / HOUR };
}

/** The pods of the workload that is rolled out. */
function podTemplate({ cluster }: ScenarioRun, { rollout }: Scenario): PodSpec | undefined {
  const { namespace, name } = rollout!.deployment;
  const [strategy] = rollout!.strategies;
  const workload = strategy?.kind === 'argo' ? strategy.workload : undefined;
  const resource = strategy?.kind === 'argo' && workload === undefined ? 'rollouts' : 'deployments';
  for (const object of cluster.connections.current(resource)) {
    if (object.metadata.namespace !== namespace || object.metadata.name !== (workload ?? name)) continue;
    return (object as unknown as { readonly spec: { readonly template: { readonly spec: PodSpec } } }).spec.template.spec;
  }
  return undefined;
}

/** Pods of the workload that were started in the rollout and are gone, and restarts of the others. */
function wastedStarts(run: ScenarioRun, startedAt: Time): number {
  let wasted = 0;
  for (const life of run.observer.lives()) {
    if (life.created < startedAt || !run.tracker.belongs(life)) continue;
    if (life.deleted >= 0 && life.started >= 0) wasted++;
    wasted += life.restarts;
  }
  return wasted;
}

function eventWrites({ cluster }: ScenarioRun): number {
  let count = 0;
  for (const { metrics } of cluster.servers) {
    for (const figures of metrics.totals.values()) if (figures.resource === 'events' && (figures.verb === 'create' || figures.verb === 'patch')) count += figures.count;
  }
  return count;
}

/** Writes the figures as a table. */
export function writeRolloutMetrics(recorder: Recorder, metrics: RunMetrics): void {
  const { rollout } = metrics;
  if (rollout === null) return;
  const table = recorder.table(ROLLOUT_METRICS);
  const row = (name: string, value: number | null, unit: string): void => {
    table.append([name, value ?? Number.NaN, unit]);
  };
  row('rolloutDuration', metrics.rolloutDuration, 'seconds');
  row('timeToFirstNew', metrics.timeToFirstNew, 'seconds');
  row('timeToHalfNew', metrics.timeToHalfNew, 'seconds');
  row('timeToAllNew', metrics.timeToAllNew, 'seconds');
  row('timeToDetect', rollout.timeToDetect, 'seconds');
  row('timeToRollBack', rollout.timeToRollBack, 'seconds');
  row('timeToRecover', rollout.timeToRecover, 'seconds');
  row('lowestAvailableShare', metrics.lowestAvailableShare, 'share');
  row('deficitPodSeconds', metrics.deficitPodSeconds, 'pod-seconds');
  row('surgePodSeconds', metrics.surgePodSeconds, 'pod-seconds');
  row('surgeCpuSeconds', rollout.surgeCpuSeconds, 'core-seconds');
  row('surgeMemoryGiBSeconds', rollout.surgeMemoryGiBSeconds, 'GiB-seconds');
  row('surgeCost', rollout.surgeCost, 'money');
  row('errors', metrics.errors, 'requests');
  for (const [cause, count] of Object.entries(metrics.errorsByCause)) row(`errorsByCause.${cause}`, count, 'requests');
  row('errorBudget.burnRate', rollout.errorBudget.burnRate, '');
  row('errorBudget.shareOf30Days', rollout.errorBudget.shareOf30Days, 'share');
  for (const [name, after] of Object.entries(rollout.errorBudget.alerts ?? {})) row(`errorBudget.${name}`, after, 'seconds');
  row('blastRadius', rollout.blastRadius, 'requests');
  row('blastErrors', rollout.blastErrors, 'requests');
  row('mixedVersionRequests', rollout.mixedVersionRequests, 'requests');
  row('sideBySideRequests', rollout.power?.requests ?? null, 'requests');
  row('tellableErrorShare', rollout.power?.tellableShare ?? null, 'share');
  for (const when of ['before', 'during', 'after'] as const) {
    row(`latency.${when}.p50`, metrics.latency[when].p50, 'seconds');
    row(`latency.${when}.p95`, rollout.latencyP95[when], 'seconds');
    row(`latency.${when}.p99`, metrics.latency[when].p99, 'seconds');
  }
  row('worstSecondP99', rollout.worstSecondP99, 'seconds');
  row('secondsAboveObjective', rollout.secondsAboveObjective, 'seconds');
  row('wastedStarts', rollout.wastedStarts, '');
  row('apiRequests', metrics.apiRequests, '');
  row('apiWrites', metrics.apiWrites, '');
  row('eventWrites', rollout.eventWrites, '');
  row('watchBytes', rollout.watchBytes, 'bytes');
  row('schedulerAttempts', rollout.schedulerAttempts, '');
}
