import type { LatencySummary, RunMetrics } from '../analysis/result.js';
import { formatCount, formatShare, NONE } from './format.js';

/** A column of a comparison: its head and its cell for a run. */
export type Column = readonly [head: string, cell: (metrics: RunMetrics) => string];

/** Where the start-up of pods is in question. */
export const POD_COLUMNS: readonly Column[] = [
  ['pods\ncreated', (metrics) => formatCount(metrics.podsCreated)],
  ['to schedule\np50/p99 s', ({ podStartup }) => secondsPair(podStartup.create_to_schedule)],
  ['to sandbox\np50/p99 s', ({ podStartup }) => secondsPair(podStartup.schedule_to_sandbox)],
  ['to images\np50/p99 s', ({ podStartup }) => secondsPair(podStartup.sandbox_to_pulled)],
  ['to run\np50/p99 s', ({ podStartup }) => secondsPair(podStartup.pulled_to_run)],
  ['to watch\np50/p99 s', ({ podStartup }) => secondsPair(podStartup.run_to_watch)],
  ['start-up s\np50/p99', ({ podStartup }) => secondsPair(podStartup.pod_startup)],
  ['run to ready\np50/p99 s', ({ podStartup }) => secondsPair(podStartup.run_to_ready)],
];

/** Where users' availability is in question. */
export const AVAILABILITY_COLUMNS: readonly Column[] = [
  ['pods\ncreated', (metrics) => formatCount(metrics.podsCreated)],
  ['lowest\navailable', (metrics) => formatShare(metrics.lowestAvailableShare)],
  ['missing\npod-seconds', (metrics) => formatCount(metrics.deficitPodSeconds)],
  ['error\nshare', (metrics) => formatShare(metrics.errorShare)],
];

/** Parts of a pod's start-up, in order. */
export const STARTUP_PARTS = {
  create_to_schedule: 'create to schedule',
  schedule_to_sandbox: 'schedule to sandbox',
  sandbox_to_pulled: 'sandbox to images',
  pulled_to_run: 'images to run',
  run_to_watch: 'run to watch',
  run_to_ready: 'run to ready',
} as const;

/** The phases that add up to the start-up of a pod, and what a slow one waits for. */
const PHASES = {
  create_to_schedule: 'to be bound to a node',
  schedule_to_sandbox: 'for volumes and sandboxes',
  sandbox_to_pulled: 'for images',
  pulled_to_run: 'for containers to be created and started',
  run_to_watch: 'until running pods are seen',
} as const;

/** Why pods started late: the phase with the greatest 99th percentile, and pods that had not started when the run ended; empty without pods. */
export function startupReason({ podStartup, podsCreated }: RunMetrics): string {
  let worst: keyof typeof PHASES | undefined;
  for (const phase of Object.keys(PHASES) as (keyof typeof PHASES)[]) {
    if (podStartup[phase].p99 !== null && (worst === undefined || podStartup[phase].p99 > podStartup[worst].p99!)) worst = phase;
  }
  if (worst === undefined) return '';
  const open = podsCreated - podStartup.pod_startup.count;
  const rest = open > 0 ? `; ${formatCount(open)} of ${formatCount(podsCreated)} pods had not started when the run ended` : '';
  return `, most of it ${PHASES[worst]} (${worst} p99 ${podStartup[worst].p99!.toFixed(1)} s)${rest}`;
}

function secondsPair({ p50, p99 }: LatencySummary): string {
  return p50 === null || p99 === null ? NONE : `${p50.toFixed(2)}/${p99.toFixed(2)}`;
}
