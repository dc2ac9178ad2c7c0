import { z } from 'zod';
import {
  DEFAULT_KUBELET,
  EVICTION_SIGNALS,
  type EvictionSignal,
  type EvictionThreshold,
  IMAGE_GC_HIGH_PERCENT,
  IMAGE_GC_LOW_PERCENT,
  type KubeletConfiguration,
  LEAST_RESTART_PERIOD,
  MAX_RESTART_PERIOD,
  type ThresholdValue,
} from '../api/kubelet-configuration.js';
import { type Duration, SECOND } from '../kernel/time.js';
import { durationText, wholeNumber } from './schema-values.js';
import { bytes, duration } from './units.js';

/** The same schema for each signal. */
function forSignals<T>(value: T): Readonly<Record<EvictionSignal, T>> {
  return Object.fromEntries(EVICTION_SIGNALS.map((signal) => [signal, value])) as Record<EvictionSignal, T>;
}

/** Amounts or shares by signal. */
function bySignal(description: string) {
  const value = z
    .string()
    .regex(/^(\d+(\.\d+)?%|\d+(\.\d+)?(k|M|G|T|Ki|Mi|Gi|Ti)?)$/, {
      error: 'expected a size such as 100Mi, or a percentage such as 10%',
    })
    .describe('A size, or a share of the capacity.')
    .optional();
  return z
    .strictObject(forSignals(value))
    .describe(description)
    .optional();
}

const gracePeriods = z
  .strictObject(forSignals(durationText('How long.').optional()))
  .describe('How long each soft threshold must be met.')
  .optional();

/** crashLoopBackOff of KubeletConfiguration. */
const crashLoopBackOff = z
  .strictObject({
    maxContainerRestartPeriod: durationText('The longest delay of a restart, 1s to 300s; where it is below 10 s delays begin with it. Default 300s.').optional(),
  })
  .describe('Delays of restarts. Needs the gate KubeletCrashLoopBackOffMax, which is on by default from 1.35.')
  .optional();

/** Settings of the kubelets of one group of nodes. */
export const groupKubeletSchema = z
  .strictObject({ crashLoopBackOff })
  .describe('Settings of these kubelets, above those of all (cluster.kubelet).');

/** Settings of the kubelets, under their names in KubeletConfiguration. */
export const kubeletSchema = z
  .strictObject({
    serializeImagePulls: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .describe('One image at a time on a node. Default true, unless maxParallelImagePulls is set.'),
    maxParallelImagePulls: wholeNumber(
      'Image pulls at once on a node. Default: no limit when serializeImagePulls is false.',
      1,
    ).optional(),
    imageGCHighThresholdPercent: wholeNumber(
      'Use of the disk above which unused images are removed. Default 85.',
      0,
      100,
    ).optional(),
    imageGCLowThresholdPercent: wholeNumber(
      'Use of the disk down to which they are removed. Default 80.',
      0,
      100,
    ).optional(),
    evictionHard: bySignal(
      'Below these pods are evicted at once; replaces all defaults: memory.available 100Mi, nodefs.available 10%, nodefs.inodesFree 5%, imagefs.available 15%, imagefs.inodesFree 5%.',
    ),
    evictionSoft: bySignal('Below these pods are evicted after the grace period. Default: none.'),
    evictionSoftGracePeriod: gracePeriods,
    evictionMinimumReclaim: bySignal(
      'What must be available beyond a threshold before it counts as resolved. Default: nothing.',
    ),
    evictionMaxPodGracePeriod: wholeNumber(
      'Seconds of grace of pods evicted by a soft threshold, at most. Default 0.',
      0,
    ).optional(),
    evictionPressureTransitionPeriod: durationText(
      'How long a pressure condition stays after it was last observed. Default 5m.',
    ).optional(),
    shutdownGracePeriod: durationText('How long a machine that shuts down waits for its pods, whole seconds. Default 0s: not at all.').optional(),
    shutdownGracePeriodCriticalPods: durationText('What of it is kept for critical pods. Default 0s.').optional(),
    crashLoopBackOff,
    featureGates: z
      .strictObject({ KubeletCrashLoopBackOffMax: z.boolean({ error: 'expected true or false' }).optional().describe('crashLoopBackOff.maxContainerRestartPeriod counts. Default: from 1.35.') })
      .optional()
      .describe('Feature gates of the kubelets. Default: as the Kubernetes release has them.'),
    requestsTokens: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .describe("One TokenRequest for each pod that mounts its service account's token, and again at 80 % of its life. Default false: their load is left out."),
    readsClaims: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .describe('Kubelets read the claims of a pod and their volumes before they start it, and tell what is wrong with them. Default: only where a CSIDriver of the manifests attaches volumes; else claims cost nothing and are taken as mounted.'),
  })
  .describe('Settings of all kubelets.');

type RawKubelet = z.infer<typeof kubeletSchema>;
/** crashLoopBackOff as written. */
export type RawBackOff = z.infer<typeof crashLoopBackOff>;

/** Whether kubelets heed crashLoopBackOff.maxContainerRestartPeriod (pkg/features: beta and on from 1.35). */
export function heedsRestartPeriod(version: '1.34' | '1.35' | '1.36', raw: RawKubelet | undefined): boolean {
  return raw?.featureGates?.KubeletCrashLoopBackOffMax ?? version !== '1.34';
}

/** The longest delay of restarts that is stated; undefined: none, or one that is wrong, or not heeded, which `complain` or `warn` gets. */
export function toRestartPeriod(
  raw: RawBackOff,
  heeded: boolean,
  complain: (message: string) => unknown,
  warn: (message: string) => void,
): Duration | undefined {
  const text = raw?.maxContainerRestartPeriod;
  if (text === undefined) return undefined;
  const period = duration(text);
  if (period < LEAST_RESTART_PERIOD || period > MAX_RESTART_PERIOD) complain(`maxContainerRestartPeriod must be 1s to 300s, found ${text}`);
  else if (heeded) return period;
  else warn('maxContainerRestartPeriod has no effect without the feature gate KubeletCrashLoopBackOffMax, which this Kubernetes version has off: containers restart after up to 300 s (cluster.kubelet.featureGates sets it)');
  return undefined;
}

/** The settings; what is wrong with them goes to `complain`. */
export function toKubelet(raw: RawKubelet, complain: (message: string) => void): KubeletConfiguration {
  const serial = raw.serializeImagePulls ?? raw.maxParallelImagePulls === undefined;
  // pkg/kubelet/apis/config/validation: the two exclude each other.
  if (raw.serializeImagePulls === true && (raw.maxParallelImagePulls ?? 1) > 1) complain('maxParallelImagePulls may be above 1 only where serializeImagePulls is false');
  const high = raw.imageGCHighThresholdPercent ?? IMAGE_GC_HIGH_PERCENT;
  const low = raw.imageGCLowThresholdPercent ?? IMAGE_GC_LOW_PERCENT;
  if (low >= high) complain(`imageGCLowThresholdPercent (${low}) must be below imageGCHighThresholdPercent (${high})`);
  const all = wholeSeconds(raw.shutdownGracePeriod);
  const critical = wholeSeconds(raw.shutdownGracePeriodCriticalPods);
  if (critical > all) complain('shutdownGracePeriodCriticalPods must not be above shutdownGracePeriod');
  return {
    ...DEFAULT_KUBELET,
    parallelImagePulls: serial ? 1 : (raw.maxParallelImagePulls ?? Number.POSITIVE_INFINITY),
    imageGcHighPercent: high,
    imageGcLowPercent: low,
    shutdownGraceSeconds: all,
    shutdownCriticalSeconds: critical,
    requestsTokens: raw.requestsTokens ?? DEFAULT_KUBELET.requestsTokens,
    readsClaims: raw.readsClaims ?? DEFAULT_KUBELET.readsClaims,
    evictionThresholds: toThresholds(raw, complain),
    evictionMaxPodGraceSeconds: raw.evictionMaxPodGracePeriod ?? DEFAULT_KUBELET.evictionMaxPodGraceSeconds,
    evictionTransitionPeriod:
      raw.evictionPressureTransitionPeriod === undefined
        ? DEFAULT_KUBELET.evictionTransitionPeriod
        : duration(raw.evictionPressureTransitionPeriod),
  };
}

function wholeSeconds(text = '0s'): number {
  return Math.floor(duration(text) / SECOND);
}

/** Hard thresholds, then soft ones (pkg/kubelet/eviction/helpers.go ParseThresholdConfig). */
function toThresholds(raw: RawKubelet, complain: (message: string) => void): readonly EvictionThreshold[] {
  const { evictionHard, evictionSoft, evictionSoftGracePeriod: grace, evictionMinimumReclaim } = raw;
  const reclaim = (signal: EvictionSignal) => {
    const least = evictionMinimumReclaim?.[signal];
    return least === undefined ? {} : { minReclaim: toValue(least) };
  };
  const list: EvictionThreshold[] = [];
  if (evictionHard === undefined)
    for (const each of DEFAULT_KUBELET.evictionThresholds) list.push({ ...each, ...reclaim(each.signal) });
  for (const signal of EVICTION_SIGNALS) {
    const hard = evictionHard?.[signal];
    if (hard !== undefined) list.push({ signal, value: toValue(hard), gracePeriod: 0, ...reclaim(signal) });
  }
  for (const signal of EVICTION_SIGNALS) {
    const soft = evictionSoft?.[signal];
    const period = grace?.[signal];
    if (soft === undefined) {
      if (period !== undefined) complain(`evictionSoftGracePeriod names ${signal}, which evictionSoft does not`);
      continue;
    }
    if (period === undefined)
      complain(
        `grace period must be specified for the soft eviction threshold ${signal}: add it to evictionSoftGracePeriod`,
      );
    else list.push({ signal, value: toValue(soft), gracePeriod: duration(period), ...reclaim(signal) });
  }
  return list;
}

function toValue(text: string): ThresholdValue {
  return text.endsWith('%') ? { percent: Number(text.slice(0, -1)) } : { bytes: bytes(text) };
}
