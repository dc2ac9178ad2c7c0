import type { Probe } from '../api/core.js';
import type { Duration, Time } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';

/** Probes (pkg/kubelet/prober/worker.go): counting of results and timing of ticks. */

export type ProbeType = 'startup' | 'readiness' | 'liveness';

/** Result as the results manager holds it. */
export const RESULT_UNKNOWN = 0;
export const RESULT_SUCCESS = 1;
export const RESULT_FAILURE = 2;
export type ProbeResult = 0 | 1 | 2;

/** Result before the first probe of a container: readiness Failure, liveness Success, startup Unknown. */
export function initialResult(type: ProbeType): ProbeResult {
  return type === 'readiness' ? RESULT_FAILURE : type === 'liveness' ? RESULT_SUCCESS : RESULT_UNKNOWN;
}

/** What a probe worker remembers of one container. */
export interface ProbeCount {
  /** Held result: what the rest of the kubelet sees. */
  result: ProbeResult;
  /** Result of the last probe and how often it came in a row. */
  lastResult: ProbeResult;
  run: number;
  /** A failed liveness or startup probe holds until the container is replaced. */
  onHold: boolean;
}

/** Counts one probe outcome; true when the held result changed. */
export function countResult(count: ProbeCount, type: ProbeType, probe: Probe, success: boolean): boolean {
  const result: ProbeResult = success ? RESULT_SUCCESS : RESULT_FAILURE;
  if (count.lastResult === result) count.run++;
  else {
    count.lastResult = result;
    count.run = 1;
  }
  if (count.run < (success ? probe.successThreshold : probe.failureThreshold)) return false;
  const changed = count.result !== result;
  count.result = result;
  if (type !== 'readiness' && !success) {
    count.onHold = true;
    count.run = 0;
  }
  return changed;
}

/** Whether a tick at `now` falls into the initial delay: whole seconds since the start of the container are compared. */
export function inInitialDelay(probe: Probe, startedAt: Time, now: Time): boolean {
  return Math.floor((now - startedAt) / SECOND) < probe.initialDelaySeconds;
}

/** Period of a probe's ticker. */
export function probePeriod(probe: Probe): Duration {
  return probe.periodSeconds * SECOND;
}

/**
 * Whether further successes change nothing, so that ticks need not be simulated while the application stays healthy: the held
 * result is success and the last probe succeeded (or, for liveness, no failure is being counted).
 */
export function isSettled(count: ProbeCount): boolean {
  return count.result === RESULT_SUCCESS && count.lastResult !== RESULT_FAILURE;
}
