import { type Duration, MINUTE, SECOND } from '../kernel/time.js';

/** imageGCHighThresholdPercent and imageGCLowThresholdPercent. */
export const IMAGE_GC_HIGH_PERCENT = 85;
export const IMAGE_GC_LOW_PERCENT = 80;

/** What the eviction manager watches, in the order in which thresholds are listed. */
export const EVICTION_SIGNALS = ['memory.available', 'nodefs.available', 'nodefs.inodesFree', 'imagefs.available', 'imagefs.inodesFree', 'pid.available'] as const;

export type EvictionSignal = (typeof EVICTION_SIGNALS)[number];

/** An amount (bytes, inodes, process ids), or a share of the capacity. */
export type ThresholdValue = { readonly bytes: number } | { readonly percent: number };

/** Less than `value` of a signal means pressure (pkg/kubelet/eviction/api/types.go). */
export interface EvictionThreshold {
  readonly signal: EvictionSignal;
  readonly value: ThresholdValue;
  /** It must have been met for so long; 0: a hard threshold. */
  readonly gracePeriod: Duration;
  /** What is to be available beyond the threshold before it counts as resolved. */
  readonly minReclaim?: ThresholdValue;
}

/** Settings of all kubelets (KubeletConfiguration v1beta1). */
export interface KubeletConfiguration {
  /** Image pulls at once on a node: 1 with serializeImagePulls, else maxParallelImagePulls (Infinity: no limit). */
  readonly parallelImagePulls: number;
  readonly imageGcHighPercent: number;
  readonly imageGcLowPercent: number;
  /** Hard thresholds first. */
  readonly evictionThresholds: readonly EvictionThreshold[];
  /** evictionMaxPodGracePeriod, seconds: grace of pods evicted by a soft threshold. */
  readonly evictionMaxPodGraceSeconds: number;
  /** evictionPressureTransitionPeriod: a pressure condition stays for so long after it was last observed. */
  readonly evictionTransitionPeriod: Duration;
  /** shutdownGracePeriod and shutdownGracePeriodCriticalPods, seconds; 0: machines end at once. */
  readonly shutdownGraceSeconds: number;
  readonly shutdownCriticalSeconds: number;
  /** crashLoopBackOff.maxContainerRestartPeriod: the longest delay of a restart. */
  readonly maxRestartPeriod: Duration;
  /** Kubelets ask for the tokens of their pods' service accounts (TokenRequest). Not a setting of Kubernetes, where they always do. */
  readonly requestsTokens: boolean;
  /** Kubelets read the claims and volumes of pods before they start them, as they always do; else only where volumes are attached. */
  readonly readsClaims: boolean;
}

/** MaxCrashLoopBackOff of pkg/kubelet/kubelet.go; the most that crashLoopBackOff.maxContainerRestartPeriod may be (apis/config/validation), as the least. */
export const MAX_RESTART_PERIOD: Duration = 300 * SECOND;
export const LEAST_RESTART_PERIOD: Duration = SECOND;

/** Hard thresholds that hold unless others are given (pkg/kubelet/eviction/defaults_linux.go). */
export const DEFAULT_EVICTION_HARD: readonly EvictionThreshold[] = [
  { signal: 'memory.available', value: { bytes: 100 * 1024 * 1024 }, gracePeriod: 0 },
  { signal: 'nodefs.available', value: { percent: 10 }, gracePeriod: 0 },
  { signal: 'nodefs.inodesFree', value: { percent: 5 }, gracePeriod: 0 },
  { signal: 'imagefs.available', value: { percent: 15 }, gracePeriod: 0 },
  { signal: 'imagefs.inodesFree', value: { percent: 5 }, gracePeriod: 0 },
];

/** Defaults of pkg/kubelet/apis/config/v1beta1/defaults.go. */
export const DEFAULT_KUBELET: KubeletConfiguration = {
  parallelImagePulls: 1,
  imageGcHighPercent: IMAGE_GC_HIGH_PERCENT,
  imageGcLowPercent: IMAGE_GC_LOW_PERCENT,
  evictionThresholds: DEFAULT_EVICTION_HARD,
  evictionMaxPodGraceSeconds: 0,
  evictionTransitionPeriod: 5 * MINUTE,
  maxRestartPeriod: MAX_RESTART_PERIOD,
  requestsTokens: false,
  readsClaims: false,
  shutdownGraceSeconds: 0,
  shutdownCriticalSeconds: 0,
};
