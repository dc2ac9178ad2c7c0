import * as z from 'zod';
import { SUMMARY_VERSION, type SummaryDocument } from './result.js';

const seconds = z.number().nonnegative().nullable();
const share = z.number().min(0).max(1).nullable();
const count = z.number().int().nonnegative();

const latency = z
  .strictObject({ count, mean: seconds, p50: seconds, p90: seconds, p99: seconds, max: seconds })
  .describe('Quantiles of durations in seconds; null without observations.');

const verdict = z.strictObject({
  objective: z.string().describe('The objective as written in the scenario.'),
  metric: z.string(),
  met: z.boolean(),
  value: z.number().nullable().describe('Measured value in `unit`; null when the run gives none.'),
  limit: z.number(),
  comparison: z.enum(['<', '<=', '>', '>=']),
  unit: z.string().describe('seconds, share or pod-seconds.'),
});

const rollout = z.strictObject({
  timeToDetect: seconds.describe('From the start until it was decided to take the new version back; null: it was not.'),
  timeToRollBack: seconds.describe('From that decision until no user met the new version any more.'),
  timeToRecover: seconds.describe('The sum of both.'),
  blastRadius: count.describe('Requests that the new version answered until the rollout was complete or taken back.'),
  blastErrors: count.describe('Those of them that failed.'),
  mixedVersionRequests: z.number().nonnegative().describe('Requests whose user may have met the other version just before: sum of 2w(1 - w) over seconds.'),
  errorBudget: z.strictObject({
    allowed: z.number().describe('Share of requests that may fail: the objective of errors, or one in a thousand.'),
    burnRate: z.number().nullable().describe('Errors per request during the rollout by the allowed share.'),
    shareOf30Days: z.number().nullable().describe('Share of the budget of 30 days that was used.'),
    alerts: z
      .strictObject({
        page1h: seconds.describe('14.4 times over 1 h and 5 min.'),
        page6h: seconds.describe('6 times over 6 h and 30 min.'),
        ticket3d: seconds.describe('1 times over 3 d and 6 h.'),
      })
      .optional()
      .describe('When alerts of burn rates would have begun, since the start of the rollout; null: they would not.'),
  }),
  power: z
    .strictObject({
      requests: count.describe('Requests that each version answered while both did.'),
      tellableShare: z.number().nullable().describe('Least share of errors of the new version that these tell from the share before, at 95 % confidence with 80 % power.'),
    })
    .optional(),
  latencyP95: z.strictObject({ before: seconds, during: seconds, after: seconds }),
  worstSecondP99: seconds.describe('Highest 99th percentile of a second during the rollout.'),
  secondsAboveObjective: z.number().nullable().describe('Seconds of the rollout whose p99 was above the objective of latency; null without one.'),
  surgeCpuSeconds: z.number().nullable().describe('Requested core-seconds of the pods above the wanted number.'),
  surgeMemoryGiBSeconds: z.number().nullable(),
  surgeCost: z.number().nullable().describe('What these cost by the prices of the cost profile.'),
  wastedStarts: count.describe('Starts of containers that serve nobody at the end.'),
  eventWrites: count.describe('Events written, in the whole run.'),
  watchBytes: count.describe('Bytes sent to watchers, in the whole run.'),
  schedulerAttempts: count.describe('Attempts of kube-scheduler, in the whole run.'),
});

const failure = z.strictObject({
  mechanism: z.string().describe('terminating-pod, no-ready-pod, timeout-in-queue, …: see the table failures_by_second.'),
  errors: count,
  meanLag: seconds.describe('How long that had been so when the requests met it; null where it does not apply.'),
  longestLag: seconds,
});

const metrics = z.strictObject({
  rolloutStart: seconds.describe('Start of the rollout in seconds since the start of the run.'),
  rolloutEnd: seconds.describe('End of the rollout; null when it did not complete.'),
  rolloutDuration: seconds,
  timeToFirstNew: seconds.describe('From the start of the rollout to the first answer of the new version.'),
  timeToHalfNew: seconds.describe('… until half of the answers came from the new version.'),
  timeToAllNew: seconds.describe('… until all of them did.'),
  requests: count.describe('Requests of users that ended.'),
  errors: count,
  errorShare: share,
  errorsByCause: z.record(z.string(), count),
  failures: z.array(failure).describe('The same errors by mechanism: what was the matter with the pod, proxy or machine that they met.'),
  latency: z
    .strictObject({ before: latency, during: latency, after: latency })
    .describe('Latency of users relative to the rollout.'),
  lowestAvailableShare: share.describe('Least available replicas divided by the wanted ones.'),
  surgePodSeconds: z.number().nullable().describe('Time integral of the pods above the wanted number.'),
  deficitPodSeconds: z.number().nullable().describe('Time integral of the available pods missing.'),
  apiRequests: count,
  apiErrors: count.describe('API requests answered with 429 or a 5xx code.'),
  apiWrites: count.describe('Create, update, patch and delete requests.'),
  apiUnanswered: count.describe('API requests that no server answered: connections refused or lost.'),
  apiWriteLatency: latency,
  apiClients: z
    .array(
      z.strictObject({
        name: z.string(),
        requests: count,
        failed: count.describe('Answered 429 or 5xx in spite of all retries, or not at all.'),
        latency: latency.describe('From the sending of a request, with its retries and pages, to its answer.'),
      }),
    )
    .describe('Programs of the scenario that use the API.'),
  sampling: z
    .strictObject({
      every: count.describe('Only the requests to one pod in so many were simulated; figures of requests are scaled up.'),
      simulated: count.describe('Requests that were simulated.'),
      latencyError: z.number().nullable().describe('Standard error of the mean latency, as a share of it; null: too few pods to tell.'),
      errorShareError: z.number().nullable().describe('Standard error of the share of errors.'),
    })
    .optional()
    .describe('Absent: every request was simulated.'),
  apiServerMemory: z
    .array(
      z.strictObject({
        name: z.string(),
        peakBytes: count,
        kills: count.describe('Times that it was killed for want of memory.'),
      }),
    )
    .describe('kube-apiserver processes on machines with limited memory; empty: there is enough.'),
  etcdCommitLatency: latency.describe('Write transactions of etcd as the API servers see them.'),
  etcdClusters: z
    .array(
      z.strictObject({
        name: z.string(),
        resources: z.array(z.string()).describe('Resources it alone keeps; empty: the main cluster.'),
        members: count,
        commitLatency: latency.describe('Write transactions from proposal to apply; count is how many.'),
        databaseBytes: count.describe("Size of the largest member's database at the end."),
      }),
    )
    .describe('The main etcd cluster, then those that keep some resources alone (--etcd-servers-overrides).'),
  schedulingDuration: latency.describe('Duration of the cycles of kube-scheduler.'),
  podsCreated: count,
  podTrace: z
    .strictObject({
      pods: count.describe('Pods of the trace that the run was to have.'),
      created: count,
      bound: count.describe('Pods that were bound to a node.'),
      pending: count.describe('Pods that wait for a node at the end.'),
      pendingTime: latency.describe('From the creation of a pod to its binding.'),
      resources: z
        .record(
          z.string(),
          z.strictObject({
            mean: share.describe('Allocation rate: requests of bound pods by what is allocatable.'),
            max: share,
            end: share,
            fragmentedMean: share.describe('Fragmented share of what is free (Weng et al., USENIX ATC 2023).'),
            fragmentedEnd: share,
          }),
        )
        .describe('Allocation by resource.'),
    })
    .nullable()
    .describe('What became of the pods of a recorded trace; null without one.'),
  podStartup: z
    .strictObject({
      create_to_schedule: latency,
      schedule_to_run: latency,
      schedule_to_sandbox: latency,
      sandbox_to_pulled: latency,
      pulled_to_run: latency,
      run_to_ready: latency,
      run_to_watch: latency,
      schedule_to_watch: latency,
      pod_startup: latency,
    })
    .describe('Start-up of pods, split as ClusterLoader2 does.'),
  rollout: rollout.nullable().describe('What the rollout cost and risked; null when none was started.'),
  network: z
    .strictObject({
      proxySync: latency.optional().describe('Syncs of all kube-proxies.'),
      proxySyncFailures: count.optional().describe('Of these, syncs that failed.'),
      programming: latency.optional().describe('From the change of a pod until it counts on a node.'),
      dns: z
        .strictObject({
          lookups: count,
          failed: count,
          queries: count.describe('Queries that resolvers sent.'),
          served: count.describe('Queries that CoreDNS answered.'),
          forwarded: count.describe('Of these, to name servers outside.'),
          timeouts: count,
          latency: latency.describe('Of whole look-ups.'),
        })
        .optional()
        .describe('Look-ups of names.'),
    })
    .optional()
    .describe('How Services and names reached their clients; absent when nothing of it is configured.'),
});

const run = z.strictObject({
  scenario: z.string(),
  question: z.string(),
  strategy: z.string().nullable(),
  rolloutDeployments: z
    .array(z.string())
    .describe('Deployments of the rollout as namespace/name; the one that runs before is first.'),
  kubernetesVersion: z.string(),
  seed: z.string(),
  startTime: z.string().describe('RFC 3339 instant of simulated time 0.'),
  simulatedSeconds: z.number().nonnegative(),
  events: count.describe('Events that the simulation dispatched.'),
  traceHash: z.string().describe('Hash over all events: equal for equal runs.'),
  verdicts: z.array(verdict),
  serviceLevels: z
    .array(verdict)
    .describe("Kubernetes' official service levels, judged on this run; not part of `met`."),
  met: z.boolean().describe('All objectives were met.'),
  metrics,
  findings: z.array(z.string()).describe('What a reader should know.'),
});

const interval = z.strictObject({ estimate: z.number(), low: z.number(), high: z.number() });

const study = z.strictObject({
  seeds: count.describe('Replications each strategy was run with.'),
  level: z.number().describe('Confidence level of the intervals.'),
  met: z.record(z.string(), count).describe('How many replications met all objectives, by name of the run.'),
  failures: z.record(z.string(), z.array(failure)).describe('Failed requests of all seeds together by mechanism, by name of the run.'),
  measures: z.array(
    z.strictObject({
      name: z.string(),
      group: z.string().describe('What it is about: Speed, Users, Risk, Capacity and cost, API.'),
      unit: z.string().describe('seconds, share, or what is counted (pod-seconds, bytes, money, …); empty for counts.'),
      rows: z
        .array(
          z.strictObject({
            name: z.string(),
            ...interval.shape,
            difference: interval.nullable().describe('Paired difference to the best; null for the best.'),
            pValue: z.number().nullable().describe('Adjusted for the number of comparisons (Holm).'),
            tied: z.boolean().describe('Not significantly worse than the best.'),
          }),
        )
        .describe('Runs that give the measure with every seed, best first.'),
      absent: z.array(z.string()).describe('Runs that do not.'),
    }),
  ),
});

/** Schema of `summary.json`. */
export const SUMMARY_SCHEMA = z.strictObject({
  schemaVersion: z.literal(SUMMARY_VERSION),
  tool: z.strictObject({ name: z.literal('towtank'), version: z.string() }),
  scenario: z.string(),
  question: z.string(),
  scenarioHash: z.string().describe('SHA-256 of the scenario with all it names.'),
  seed: z.string(),
  met: z.array(z.string()).describe('Names of the runs that met all objectives.'),
  study: study.optional().describe('What all replications say together; the runs below are those of the first.'),
  explanation: z.array(z.string()).describe('Why requests failed, in words; each count is a sum of rows of failures_by_second.'),
  runs: z.record(z.string(), run).describe('Summaries by name of the run, in the order they were run.'),
}) satisfies z.ZodType<SummaryDocument>;

/** The schema as JSON Schema (draft 2020-12), as published in `docs/summary.schema.json`. */
export function summaryJsonSchema(): unknown {
  return { title: 'towtank summary.json', ...z.toJSONSchema(SUMMARY_SCHEMA) };
}
