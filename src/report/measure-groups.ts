import type { LatencySummary, RunResult } from '../analysis/result.js';
import { formatCount, formatMeasure, formatSeconds, formatShare, NONE } from './format.js';

/** A row of the comparison: a name and, by run, a number with its text. */
export interface Measure {
  readonly name: string;
  readonly value: (result: RunResult) => number | null;
  readonly text: (value: number | null) => string;
  /** Which end is better; absent: neither. */
  readonly better?: 'low' | 'high';
}

function money(value: number | null): string {
  if (value === null) return NONE;
  return value === 0 ? '$0' : `$${value.toPrecision(2)}`;
}

/** Those that a run always gives. */
const GROUPS: readonly (readonly [string, readonly Measure[]])[] = [
  [
    'Rollout',
    [
      { name: 'Duration', value: ({ summary }) => summary.metrics.rolloutDuration, text: formatSeconds, better: 'low' },
      {
        name: 'Until first answer of the new version',
        value: ({ summary }) => summary.metrics.timeToFirstNew,
        text: formatSeconds,
      },
      { name: 'Until half the answers', value: ({ summary }) => summary.metrics.timeToHalfNew, text: formatSeconds },
      { name: 'Until all answers', value: ({ summary }) => summary.metrics.timeToAllNew, text: formatSeconds },
    ],
  ],
  [
    'Risk',
    [
      { name: 'Until it was taken back', value: ({ summary }) => summary.metrics.rollout?.timeToDetect ?? null, text: formatSeconds, better: 'low' },
      { name: '… until nobody met it any more', value: ({ summary }) => summary.metrics.rollout?.timeToRollBack ?? null, text: formatSeconds, better: 'low' },
      { name: 'Both together', value: ({ summary }) => summary.metrics.rollout?.timeToRecover ?? null, text: formatSeconds, better: 'low' },
      { name: 'Answers of the new version', value: ({ summary }) => summary.metrics.rollout?.blastRadius ?? null, text: formatCount, better: 'low' },
      { name: '… errors among them', value: ({ summary }) => summary.metrics.rollout?.blastErrors ?? null, text: formatCount, better: 'low' },
      { name: 'Requests between versions', value: ({ summary }) => summary.metrics.rollout?.mixedVersionRequests ?? null, text: formatCount, better: 'low' },
      { name: 'Answers of both side by side', value: ({ summary }) => summary.metrics.rollout?.power?.requests ?? null, text: formatCount },
      { name: '… smallest error share they can show', value: ({ summary }) => summary.metrics.rollout?.power?.tellableShare ?? null, text: formatShare, better: 'low' },
      { name: 'Error budget, burn rate', value: ({ summary }) => summary.metrics.rollout?.errorBudget.burnRate ?? null, text: formatCount, better: 'low' },
      { name: 'Error budget of 30 days used', value: ({ summary }) => summary.metrics.rollout?.errorBudget.shareOf30Days ?? null, text: formatShare, better: 'low' },
      { name: 'Alert at 14.4 times over 1 h, after', value: ({ summary }) => summary.metrics.rollout?.errorBudget.alerts?.page1h ?? null, text: formatSeconds },
      { name: 'Alert at 6 times over 6 h, after', value: ({ summary }) => summary.metrics.rollout?.errorBudget.alerts?.page6h ?? null, text: formatSeconds },
      { name: 'Alert at 1 time over 3 d, after', value: ({ summary }) => summary.metrics.rollout?.errorBudget.alerts?.ticket3d ?? null, text: formatSeconds },
      { name: 'Worst second, p99', value: ({ summary }) => summary.metrics.rollout?.worstSecondP99 ?? null, text: formatSeconds, better: 'low' },
      { name: 'Seconds above the objective', value: ({ summary }) => summary.metrics.rollout?.secondsAboveObjective ?? null, text: formatCount, better: 'low' },
      { name: 'Surge, core-seconds', value: ({ summary }) => summary.metrics.rollout?.surgeCpuSeconds ?? null, text: formatCount, better: 'low' },
      { name: 'Surge, GiB-seconds', value: ({ summary }) => summary.metrics.rollout?.surgeMemoryGiBSeconds ?? null, text: formatCount, better: 'low' },
      { name: 'Surge, money', value: ({ summary }) => summary.metrics.rollout?.surgeCost ?? null, text: money, better: 'low' },
      { name: 'Wasted starts', value: ({ summary }) => summary.metrics.rollout?.wastedStarts ?? null, text: formatCount, better: 'low' },
      { name: 'Events written', value: ({ summary }) => summary.metrics.rollout?.eventWrites ?? null, text: formatCount, better: 'low' },
      { name: 'Watch traffic', value: ({ summary }) => summary.metrics.rollout?.watchBytes ?? null, text: (value) => (value === null ? NONE : formatMeasure(value, 'bytes')), better: 'low' },
      { name: 'Scheduling attempts', value: ({ summary }) => summary.metrics.rollout?.schedulerAttempts ?? null, text: formatCount, better: 'low' },
    ],
  ],
  [
    'Users',
    [
      { name: 'Requests', value: ({ summary }) => summary.metrics.requests, text: formatCount },
      { name: 'Errors', value: ({ summary }) => summary.metrics.errors, text: formatCount, better: 'low' },
      { name: 'Error share', value: ({ summary }) => summary.metrics.errorShare, text: formatShare, better: 'low' },
      ...latencyMeasures('before'),
      ...latencyMeasures('during'),
      ...latencyMeasures('after'),
    ],
  ],
  [
    'Capacity',
    [
      {
        name: 'Lowest available share',
        value: ({ summary }) => summary.metrics.lowestAvailableShare,
        text: formatShare,
        better: 'high',
      },
      {
        name: 'Surge, pod-seconds',
        value: ({ summary }) => summary.metrics.surgePodSeconds,
        text: formatCount,
        better: 'low',
      },
      {
        name: 'Missing, pod-seconds',
        value: ({ summary }) => summary.metrics.deficitPodSeconds,
        text: formatCount,
        better: 'low',
      },
      {
        name: 'Pod startup p99',
        value: ({ summary }) => summary.metrics.podStartup.pod_startup.p99,
        text: formatSeconds,
        better: 'low',
      },
    ],
  ],
  [
    'Control plane',
    [
      { name: 'API requests', value: ({ summary }) => summary.metrics.apiRequests, text: formatCount, better: 'low' },
      { name: 'API writes', value: ({ summary }) => summary.metrics.apiWrites, text: formatCount, better: 'low' },
      {
        name: 'API errors (429 and 5xx)',
        value: ({ summary }) => summary.metrics.apiErrors,
        text: formatCount,
        better: 'low',
      },
      {
        name: 'API write p50',
        value: ({ summary }) => summary.metrics.apiWriteLatency.p50,
        text: formatSeconds,
        better: 'low',
      },
      {
        name: 'API write p99',
        value: ({ summary }) => summary.metrics.apiWriteLatency.p99,
        text: formatSeconds,
        better: 'low',
      },
      {
        name: 'etcd commit p50',
        value: ({ summary }) => summary.metrics.etcdCommitLatency.p50,
        text: formatSeconds,
        better: 'low',
      },
      {
        name: 'etcd commit p99',
        value: ({ summary }) => summary.metrics.etcdCommitLatency.p99,
        text: formatSeconds,
        better: 'low',
      },
    ],
  ],
];

function latencyMeasures(window: 'before' | 'during' | 'after'): Measure[] {
  const pick = (result: RunResult): LatencySummary => result.summary.metrics.latency[window];
  const better = window === 'before' ? {} : { better: 'low' as const };
  return [
    { name: `Latency p50 ${window}`, value: (result) => pick(result).p50, text: formatSeconds, ...better },
    { name: `Latency p95 ${window}`, value: ({ summary }) => summary.metrics.rollout?.latencyP95[window] ?? null, text: formatSeconds, ...better },
    { name: `Latency p99 ${window}`, value: (result) => pick(result).p99, text: formatSeconds, ...better },
  ];
}

/** What runs are compared by, in groups: what every run gives, and the errors by the causes that there were. */
export function measureGroups(results: readonly RunResult[]): readonly (readonly [string, readonly Measure[]])[] {
  const causes = [...new Set(results.flatMap(({ summary }) => Object.keys(summary.metrics.errorsByCause)))];
  if (causes.length === 0) return GROUPS;
  const errors = causes.map((cause): Measure => ({ name: `Errors, ${cause.replaceAll('-', ' ')}`, value: ({ summary }) => summary.metrics.errorsByCause[cause] ?? 0, text: formatCount, better: 'low' }));
  return GROUPS.map(([name, measures]) => {
    if (name !== 'Users') return [name, measures];
    const place = measures.findIndex((measure) => measure.name === 'Error share') + 1;
    return [name, [...measures.slice(0, place), ...errors, ...measures.slice(place)]];
  });
}
