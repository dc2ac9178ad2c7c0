import type { Duration, Time } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';

/** Restarts of containers and repeated image pulls (client-go util/flowcontrol/backoff.go, pkg/kubelet/kubelet.go). */

/** pkg/kubelet/kubelet.go initialCrashLoopBackOff, imageBackOffPeriod. */
export const INITIAL_BACK_OFF: Duration = 10 * SECOND;
/** pkg/kubelet/kubelet.go MaxCrashLoopBackOff, MaxImageBackOff. */
export const MAX_BACK_OFF: Duration = 300 * SECOND;
/** pkg/kubelet/kubelet.go backOffPeriod and pod_workers.go workerBackOffPeriodJitterFactor. */
export const WORKER_BACK_OFF: Duration = 10 * SECOND;
export const WORKER_JITTER = 0.5;
/** Re-sync of a pod without errors (syncFrequency and workerResyncIntervalJitterFactor). */
export const RESYNC_INTERVAL: Duration = 60 * SECOND;

/** One entry of flowcontrol.Backoff; `backOff` 0: there is none. */
export interface BackOffEntry {
  readonly backOff: Duration;
  readonly lastUpdate: Time;
}

export const NO_BACK_OFF: BackOffEntry = { backOff: 0, lastUpdate: 0 };

function expired(entry: BackOffEntry, eventTime: Time, maximum: Duration): boolean {
  return eventTime - entry.lastUpdate > maximum * 2;
}

/** Backoff.IsInBackOffSince: whether at `now` the delay counted from `eventTime` (a container's finish) still runs. */
export function isInBackOffSince(
  entry: BackOffEntry,
  eventTime: Time,
  now: Time,
  maximum: Duration = MAX_BACK_OFF,
): boolean {
  if (entry.backOff === 0 || expired(entry, eventTime, maximum)) return false;
  return now - eventTime < entry.backOff;
}

/** Backoff.IsInBackOffSinceUpdate: whether the delay counted from the last failure still runs (image pulls). */
export function isInBackOffSinceUpdate(entry: BackOffEntry, now: Time, maximum: Duration = MAX_BACK_OFF): boolean {
  if (entry.backOff === 0 || expired(entry, now, maximum)) return false;
  return now - entry.lastUpdate < entry.backOff;
}

/** Backoff.Next: the entry after one more try at `now` because of an event at `eventTime`; the first delay is not above `maximum` (kubelet.go newCrashLoopBackOff). */
export function nextBackOff(
  entry: BackOffEntry,
  eventTime: Time,
  now: Time,
  maximum: Duration = MAX_BACK_OFF,
): BackOffEntry {
  if (entry.backOff === 0 || expired(entry, eventTime, maximum)) return { backOff: Math.min(INITIAL_BACK_OFF, maximum), lastUpdate: now };
  return { backOff: Math.min(entry.backOff * 2, maximum), lastUpdate: now };
}

/** Whether a container that ended with `exitCode` is started again (ShouldContainerBeRestarted). */
export function shouldRestart(restartPolicy: 'Always' | 'OnFailure' | 'Never', exitCode: number): boolean {
  return restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && exitCode !== 0);
}

/** How a pod worker waits after a sync that failed because of a back-off. 1.34: `fixed`; from 1.35: `untilEnd`. */
export type CrashLoopRequeue = 'fixed' | 'untilEnd';

/**
 * Delay until a pod whose sync failed is tried again (pod_workers.go completeWork); `u` uniform in (0, 1). `remaining` is what
 * is left of the shortest back-off, or 0 for other errors.
 */
export function retryDelay(rule: CrashLoopRequeue, remaining: Duration, u: number): Duration {
  const base = rule === 'untilEnd' && remaining > 0 ? Math.min(remaining, RESYNC_INTERVAL) : WORKER_BACK_OFF;
  return Math.round(base * (1 + WORKER_JITTER * u));
}

/** First tick of a ticker with this period and phase strictly after `time`. */
export function nextTick(phase: Time, period: Duration, time: Time): Time {
  return phase + (Math.floor((time - phase) / period) + 1) * period;
}
