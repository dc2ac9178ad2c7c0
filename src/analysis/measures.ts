import type { RolloutMetrics, RunMetrics } from './result.js';

/** What runs are compared by over several seeds. */
export interface Measure {
  readonly name: string;
  /** What it is about: measures of one group stand together. */
  readonly group: 'Speed' | 'Users' | 'Risk' | 'Capacity and cost' | 'API';
  /** `seconds`, `share`, or a name for what is counted; empty for counts. */
  readonly unit: string;
  readonly better: 'low' | 'high';
  /** Null: the run does not give it. */
  readonly value: (metrics: RunMetrics) => number | null;
  /** A best run is worth a sentence. */
  readonly telling?: boolean;
  /** Takes part in sequential stopping: its mean is far from 0, so that a relative precision means something. */
  readonly sequential?: boolean;
}

type Value = Measure['value'];

/** Measures of a run that rolls nothing out. */
function withoutRollout(value: Value): Value {
  return (metrics) => (metrics.rolloutStart === null ? value(metrics) : null);
}

/** Measures of a run with a rollout. */
function ofRollout(value: (rollout: RolloutMetrics) => number | null): Value {
  return ({ rollout }) => (rollout === null ? null : value(rollout));
}

/** In the order in which they are shown. */
export const MEASURES: readonly Measure[] = [
  { name: 'Rollout duration', group: 'Speed', unit: 'seconds', better: 'low', telling: true, value: (metrics) => metrics.rolloutDuration, sequential: true },
  { name: 'Time to first new answer', group: 'Speed', unit: 'seconds', better: 'low', value: (metrics) => metrics.timeToFirstNew },
  { name: 'Time to half new answers', group: 'Speed', unit: 'seconds', better: 'low', value: (metrics) => metrics.timeToHalfNew },
  { name: 'Time to all new answers', group: 'Speed', unit: 'seconds', better: 'low', value: (metrics) => metrics.timeToAllNew },
  { name: 'Error share', group: 'Users', unit: 'share', better: 'low', telling: true, value: (metrics) => metrics.errorShare },
  { name: 'Error budget burn rate', group: 'Users', unit: '', better: 'low', value: ofRollout(({ errorBudget }) => errorBudget.burnRate) },
  { name: 'Error budget of 30 days', group: 'Users', unit: 'share', better: 'low', value: ofRollout(({ errorBudget }) => errorBudget.shareOf30Days) },
  { name: 'Latency p95 during', group: 'Users', unit: 'seconds', better: 'low', value: ofRollout(({ latencyP95 }) => latencyP95.during) },
  { name: 'Latency p99 during', group: 'Users', unit: 'seconds', better: 'low', telling: true, value: (metrics) => metrics.latency.during.p99, sequential: true },
  { name: 'Latency p99 after', group: 'Users', unit: 'seconds', better: 'low', value: ({ rollout, latency }) => (rollout === null ? null : latency.after.p99) },
  { name: 'Latency p99', group: 'Users', unit: 'seconds', better: 'low', telling: true, value: withoutRollout((metrics) => metrics.latency.before.p99), sequential: true },
  { name: 'Worst second p99', group: 'Users', unit: 'seconds', better: 'low', value: ofRollout(({ worstSecondP99 }) => worstSecondP99) },
  { name: 'Time above the objective', group: 'Users', unit: 'seconds', better: 'low', value: ofRollout(({ secondsAboveObjective }) => secondsAboveObjective) },
  { name: 'Blast radius', group: 'Risk', unit: 'requests', better: 'low', value: ofRollout(({ blastRadius }) => blastRadius) },
  { name: 'Errors of the new version', group: 'Risk', unit: 'requests', better: 'low', value: ofRollout(({ blastErrors }) => blastErrors) },
  { name: 'Mixed-version requests', group: 'Risk', unit: 'requests', better: 'low', value: ofRollout(({ mixedVersionRequests }) => mixedVersionRequests) },
  { name: 'Errors that both versions tell', group: 'Risk', unit: 'share', better: 'low', value: ofRollout(({ power }) => power?.tellableShare ?? null) },
  { name: 'Time to detect', group: 'Risk', unit: 'seconds', better: 'low', telling: true, value: ofRollout(({ timeToDetect }) => timeToDetect) },
  { name: 'Time to roll back', group: 'Risk', unit: 'seconds', better: 'low', telling: true, value: ofRollout(({ timeToRollBack }) => timeToRollBack) },
  { name: 'Time to recover', group: 'Risk', unit: 'seconds', better: 'low', value: ofRollout(({ timeToRecover }) => timeToRecover) },
  { name: 'Lowest available share', group: 'Capacity and cost', unit: 'share', better: 'high', telling: true, value: (metrics) => metrics.lowestAvailableShare },
  { name: 'Capacity deficit', group: 'Capacity and cost', unit: 'pod-seconds', better: 'low', value: (metrics) => metrics.deficitPodSeconds },
  { name: 'Surge', group: 'Capacity and cost', unit: 'pod-seconds', better: 'low', telling: true, value: (metrics) => metrics.surgePodSeconds },
  { name: 'Surge of requested cores', group: 'Capacity and cost', unit: 'core-seconds', better: 'low', value: ofRollout(({ surgeCpuSeconds }) => surgeCpuSeconds) },
  { name: 'Surge cost', group: 'Capacity and cost', unit: 'money', better: 'low', value: ofRollout(({ surgeCost }) => surgeCost) },
  { name: 'Wasted starts', group: 'Capacity and cost', unit: '', better: 'low', value: ofRollout(({ wastedStarts }) => wastedStarts) },
  { name: 'API writes', group: 'API', unit: '', better: 'low', telling: true, value: (metrics) => metrics.apiWrites },
  { name: 'API write p99', group: 'API', unit: 'seconds', better: 'low', telling: true, value: withoutRollout((metrics) => metrics.apiWriteLatency.p99), sequential: true },
  { name: 'etcd commit p99', group: 'API', unit: 'seconds', better: 'low', telling: true, value: withoutRollout((metrics) => metrics.etcdCommitLatency.p99) },
  { name: 'Events written', group: 'API', unit: '', better: 'low', value: ofRollout(({ eventWrites }) => eventWrites) },
  { name: 'Watch traffic', group: 'API', unit: 'bytes', better: 'low', value: ofRollout(({ watchBytes }) => watchBytes) },
  { name: 'Scheduling attempts', group: 'API', unit: '', better: 'low', value: ofRollout(({ schedulerAttempts }) => schedulerAttempts) },
];

/** Names of the measures of which a best run is worth a sentence. */
export const TELLING: ReadonlySet<string> = new Set(MEASURES.filter(({ telling }) => telling === true).map(({ name }) => name));

/** Measures that sequential stopping looks at. */
export const PRECISION_MEASURES = MEASURES.filter(({ sequential }) => sequential === true);
